CREATE TABLE IF NOT EXISTS execution_results (
  run_id              STRING    NOT NULL COMMENT 'key (run_id, generation, iter_n, attempt)',
  iter_n              INT       NOT NULL,
  attempt             INT       NOT NULL,
  verdict             STRING    NOT NULL COMMENT 'how the attempt ended, judged from run, result and facts together',
  status              STRING    COMMENT 'SUCCESS or FAILED, as the result says; NULL without a valid result',
  error_type          STRING,
  error_summary       STRING,
  parsed_summary      STRING    COMMENT 'what the result says happened, in a few sentences',
  capsule_delta       STRING    COMMENT 'JSON text: what the attempt changed in the capsule; removed keys are null',
  metrics             MAP<STRING, DOUBLE>,
  produced_artifacts  ARRAY<STRUCT<path: STRING, sha256: STRING, bytes: BIGINT>>,
  produced_tables     ARRAY<STRING>,
  started_at          TIMESTAMP,
  ended_at            TIMESTAMP,
  duration_seconds    DOUBLE,
  termination_code    STRING    COMMENT 'the termination code, as Databricks says it',
  run_url             STRING,
  generation          STRING    COMMENT 'which of the runs under one ticket id; NULL for those of before there were generations'
)
USING DELTA
CLUSTER BY (run_id)
COMMENT 'how attempts ended; insert-only MERGE, key (run_id, generation, iter_n, attempt)'
TBLPROPERTIES ('delta.enableDeletionVectors' = 'true', 'delta.appendOnly' = 'true');
