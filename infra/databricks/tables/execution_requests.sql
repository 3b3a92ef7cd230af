CREATE TABLE IF NOT EXISTS execution_requests (
  run_id              STRING    NOT NULL COMMENT 'key (run_id, generation, iter_n, attempt)',
  iter_n              INT       NOT NULL,
  attempt             INT       NOT NULL,
  artifact_path       STRING    NOT NULL,
  artifact_hash       STRING    NOT NULL COMMENT 'sha256 of the entry point, lower-case hex',
  job_submit_payload  STRING    NOT NULL COMMENT 'the exact JSON that was submitted, without name and token',
  databricks_run_id   BIGINT    NOT NULL,
  run_url             STRING    NOT NULL,
  submitted_at        TIMESTAMP NOT NULL,
  submitted_by_worker STRING    NOT NULL,
  generation          STRING    COMMENT 'which of the runs under one ticket id; NULL for those of before there were generations'
)
USING DELTA
CLUSTER BY (run_id)
COMMENT 'what was submitted; insert-only MERGE, key (run_id, generation, iter_n, attempt)'
TBLPROPERTIES ('delta.enableDeletionVectors' = 'true', 'delta.appendOnly' = 'true');
