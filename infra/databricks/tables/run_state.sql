-- Applied by the bootstrap in the session's catalog and schema. With an existing table the statement does nothing: a later
-- change of a column is a migration of its own.
CREATE TABLE IF NOT EXISTS run_state (
  run_id              STRING    NOT NULL COMMENT 'key, with generation: the ticket id; one row a run',
  workload            STRING    NOT NULL COMMENT 'the recipe',
  current_mode        STRING    NOT NULL COMMENT 'PROD or DEV',
  fsm_state           STRING    NOT NULL COMMENT 'running, decided or over',
  chapter             INT       NOT NULL COMMENT 'a retry opens the next',
  iter_n              INT       NOT NULL,
  attempt             INT       NOT NULL,
  lease_owner         STRING    COMMENT 'who may plan the attempt; only planners that cost take a lease',
  lease_expiry        TIMESTAMP,
  capsule             STRING    COMMENT 'JSON text: what the run carries from one iteration to the next',
  latest_request_path STRING    COMMENT 'of the youngest submission',
  latest_result_path  STRING    COMMENT 'of the youngest result',
  outcome             STRING    COMMENT 'succeeded, failed, blocked, cancelled, timed_out or unknown; NULL until the chapter is over',
  reason              STRING,
  created_at          TIMESTAMP NOT NULL,
  updated_at          TIMESTAMP NOT NULL,
  version             BIGINT    NOT NULL COMMENT 'of chapter, iteration, attempt and phase; never goes back',
  generation          STRING    COMMENT 'which of the runs under one ticket id; NULL for those of before there were generations'
)
USING DELTA
CLUSTER BY (run_id)
COMMENT 'one row a run; MERGE by run_id, guarded by version'
TBLPROPERTIES ('delta.enableDeletionVectors' = 'true', 'delta.enableRowTracking' = 'true', 'delta.appendOnly' = 'false');
