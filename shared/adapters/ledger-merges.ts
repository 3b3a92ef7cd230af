// The ledger's four MERGEs, in Databricks' dialect. Parameters: `:rows` (STRING, a JSON array) and
// `:n` (INT, its length).
//
// Rows travel as one JSON parameter, because the driver knows no arrays. `from_json` is quiet:
// truncated text would insert nothing. So it fails fast, and the rows are counted again on the
// other side (docs/facts/databricks.md#from-json-is-quiet). Times and 64-bit ids travel as text and
// are CAST, which is exact, and fails loudly if a text is no time or number.
import type { LedgerTable } from "../domain/ledger-rows.ts";

type ColumnType = "string" | "int" | "bigint" | "double" | "timestamp" | "id" | NestedType;
type NestedType =
  | "map<string,double>"
  | "array<string>"
  | "array<struct<path:string,sha256:string,bytes:bigint>>";

type Table = {
  readonly columns: Readonly<Record<string, ColumnType>>;
  readonly key: readonly string[];
  /**
   * Which of two rows with one key stays. Delta raises an error on two, or inserts a new key twice.
   */
  readonly stays: string;
  readonly whenMatched?: string;
};

const attemptKey = ["run_id", "generation", "iter_n", "attempt"] as const;
const attemptColumns = { run_id: "string", iter_n: "int", attempt: "int" } as const;

const tables: Readonly<Record<LedgerTable, Table>> = {
  run_state: {
    columns: {
      run_id: "string",
      workload: "string",
      current_mode: "string",
      fsm_state: "string",
      chapter: "int",
      iter_n: "int",
      attempt: "int",
      lease_owner: "string",
      lease_expiry: "timestamp",
      capsule: "string",
      latest_request_path: "string",
      latest_result_path: "string",
      outcome: "string",
      reason: "string",
      created_at: "timestamp",
      updated_at: "timestamp",
      version: "bigint",
      generation: "string",
    },
    key: ["run_id", "generation"],
    stays: "r.version DESC",
    // A field that a later record does not know stays as it was. A late or repeated record changes
    // nothing at all.
    whenMatched: `WHEN MATCHED AND s.version > t.version THEN UPDATE SET
  workload = s.workload, current_mode = s.current_mode, fsm_state = s.fsm_state, chapter = s.chapter,
  iter_n = s.iter_n, attempt = s.attempt, lease_owner = s.lease_owner, lease_expiry = s.lease_expiry,
  capsule = coalesce(s.capsule, t.capsule),
  latest_request_path = coalesce(s.latest_request_path, t.latest_request_path),
  latest_result_path = coalesce(s.latest_result_path, t.latest_result_path),
  outcome = s.outcome, reason = s.reason, created_at = least(t.created_at, s.created_at),
  updated_at = s.updated_at, version = s.version`,
  },
  execution_requests: {
    columns: {
      ...attemptColumns,
      artifact_path: "string",
      artifact_hash: "string",
      job_submit_payload: "string",
      databricks_run_id: "id",
      run_url: "string",
      submitted_at: "timestamp",
      submitted_by_worker: "string",
      generation: "string",
    },
    key: attemptKey,
    stays: "r.submitted_at",
  },
  execution_results: {
    columns: {
      ...attemptColumns,
      verdict: "string",
      status: "string",
      error_type: "string",
      error_summary: "string",
      parsed_summary: "string",
      capsule_delta: "string",
      metrics: "map<string,double>",
      produced_artifacts: "array<struct<path:string,sha256:string,bytes:bigint>>",
      produced_tables: "array<string>",
      started_at: "timestamp",
      ended_at: "timestamp",
      duration_seconds: "double",
      termination_code: "string",
      run_url: "string",
      generation: "string",
    },
    key: attemptKey,
    stays: "r.ended_at",
  },
  telemetry: {
    columns: {
      event_id: "string",
      event_type: "string",
      component: "string",
      run_id: "string",
      iter_n: "int",
      attempt: "int",
      timestamp: "timestamp",
      trace_id: "string",
      metadata: "string",
    },
    key: ["event_id"],
    stays: "r.`timestamp`",
  },
};

export function mergeStatement(name: LedgerTable): string {
  const { columns, key, stays, whenMatched } = tables[name];
  const names = Object.keys(columns).map(quoted);
  const fields = Object.entries(columns).map(
    ([column, type]) => `${quoted(column)}:${jsonType(type)}`,
  );
  const selected = Object.entries(columns).map(([column, type]) => select(quoted(column), type));
  return `MERGE INTO ${name} AS t
USING (
  SELECT ${selected.join(", ")}
  FROM (
    SELECT explode(CASE WHEN size(a) = :n THEN a ELSE raise_error(concat('ledger: ${name}: rows read: ', coalesce(size(a), -1), ', rows sent: ', :n)) END) AS r
    FROM (SELECT from_json(:rows, 'array<struct<${fields.join(",")}>>', map('mode', 'FAILFAST')) AS a)
  )
  QUALIFY row_number() OVER (PARTITION BY ${key.map((column) => `r.${column}`).join(", ")} ORDER BY ${stays}) = 1
) AS s
ON ${key.map((column) => `t.${column} ${equals(column)} s.${column}`).join(" AND ")}
${whenMatched === undefined ? "" : `${whenMatched}\n`}WHEN NOT MATCHED THEN INSERT (${names.join(", ")}) VALUES (${names.map((column) => `s.${column}`).join(", ")})`;
}

/**
 * Rows of runs from before there were generations have none: NULL equals NULL there, and nowhere
 * else.
 */
const equals = (column: string): string => (column === "generation" ? "<=>" : "=");

/** The columns of a table, quoted where they must be, with the types that SQL knows them by. */
export const columnTypesOf = (name: LedgerTable): readonly (readonly [string, string])[] =>
  Object.entries(tables[name].columns).map(([column, type]) => [
    quoted(column),
    type === "id" ? "bigint" : type,
  ]);

/**
 * Selects all rows of a table; 64-bit numbers as text, because the driver's column path rounds
 * them.
 */
export function selectStatement(name: LedgerTable): string {
  const { columns, key } = tables[name];
  const selected = Object.entries(columns).map(([column, type]) =>
    type === "id" || type === "bigint"
      ? `CAST(${quoted(column)} AS STRING) AS ${quoted(column)}`
      : quoted(column),
  );
  return `SELECT ${selected.join(", ")} FROM ${name} ORDER BY ${key.map(quoted).join(", ")}`;
}

/** `timestamp` is also a word of the language. */
const quoted = (column: string): string => (column === "timestamp" ? "`timestamp`" : column);

const jsonType = (type: ColumnType): string =>
  type === "timestamp" || type === "id" ? "string" : type;

function select(column: string, type: ColumnType): string {
  if (type === "timestamp") return `CAST(r.${column} AS TIMESTAMP) AS ${column}`;
  if (type === "id") return `CAST(r.${column} AS BIGINT) AS ${column}`;
  return `r.${column}`;
}
