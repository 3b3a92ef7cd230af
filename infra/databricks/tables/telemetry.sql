CREATE TABLE IF NOT EXISTS telemetry (
  event_id            STRING    NOT NULL COMMENT 'key; the same event is one row, however often it is recorded',
  event_type          STRING    NOT NULL,
  component           STRING    NOT NULL,
  run_id              STRING,
  iter_n              INT,
  attempt             INT,
  `timestamp`         TIMESTAMP NOT NULL,
  trace_id            STRING    COMMENT 'W3C trace context',
  metadata            STRING    NOT NULL COMMENT 'JSON text'
)
USING DELTA
CLUSTER BY (`timestamp`)
COMMENT 'what happened, and who did it; insert-only MERGE, key event_id'
TBLPROPERTIES ('delta.enableDeletionVectors' = 'true', 'delta.appendOnly' = 'true');
