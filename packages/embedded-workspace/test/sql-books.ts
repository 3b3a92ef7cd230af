// Tables as a program keeps its books in them: three shapes, and the MERGE that writes each. Rows
// travel as one JSON parameter, because the drivers know no arrays.

export type Book = "states" | "results" | "events";

type Shape = {
  /** By name, as CREATE TABLE has them; each book has the key `id`. */
  readonly columns: Readonly<Record<string, string>>;
  readonly properties: string;
  /** Which of two rows of one key stays; Delta raises on two, or inserts a new key twice. */
  readonly stays: string;
  readonly whenMatched?: string;
};

const books: Readonly<Record<Book, Shape>> = {
  states: {
    columns: {
      id: "STRING NOT NULL COMMENT 'key; it\\'s one row'",
      n: "INT NOT NULL",
      phase: "STRING NOT NULL",
      created_at: "TIMESTAMP NOT NULL",
      version: "BIGINT NOT NULL COMMENT 'never goes back'",
    },
    properties: "'delta.enableRowTracking' = 'true', 'delta.appendOnly' = 'false'",
    stays: "r.version DESC",
    whenMatched: `WHEN MATCHED AND s.version > t.version THEN UPDATE SET
  n = s.n, phase = coalesce(s.phase, t.phase), created_at = least(t.created_at, s.created_at), version = s.version`,
  },
  results: {
    columns: {
      id: "STRING NOT NULL",
      number: "BIGINT NOT NULL",
      error: "STRING",
      metrics: "MAP<STRING, DOUBLE>",
      artifacts: "ARRAY<STRUCT<path: STRING, sha256: STRING, bytes: BIGINT>>",
      tables: "ARRAY<STRING>",
      started_at: "TIMESTAMP",
      seconds: "DOUBLE",
      url: "STRING",
    },
    properties: "'delta.appendOnly' = 'true'",
    stays: "r.started_at",
  },
  events: {
    columns: {
      id: "STRING NOT NULL",
      "`timestamp`": "TIMESTAMP NOT NULL",
      metadata: "STRING NOT NULL",
    },
    properties: "'delta.appendOnly' = 'true'",
    stays: "r.`timestamp`",
  },
};

/** Times and one of the 64-bit numbers travel as text, and are CAST: exact, and loud where they are none. */
const travelsAsText = (column: string, type: string): boolean =>
  type === "TIMESTAMP" || column === "number";

const typeOf = (definition: string): string => definition.replace(/ (NOT NULL|COMMENT).*/, "");

export const createBooks: readonly string[] = Object.entries(books).map(
  ([name, { columns, properties }]) => `CREATE TABLE IF NOT EXISTS ${name} (
  ${Object.entries(columns)
    .map((column) => column.join(" "))
    .join(",\n  ")}
)
USING DELTA
CLUSTER BY (id)
COMMENT 'a book; MERGE by id'
TBLPROPERTIES ('delta.enableDeletionVectors' = 'true', ${properties})`,
);

/** Parameters: `:rows` (STRING, a JSON array) and `:n` (INT, its length). */
export function mergeInto(name: Book): string {
  const { columns, stays, whenMatched } = books[name];
  const names = Object.keys(columns);
  const typed = Object.entries(columns).map(([column, definition]) => {
    const type = typeOf(definition);
    return travelsAsText(column, type)
      ? { field: `${column}:STRING`, selected: `CAST(r.${column} AS ${type}) AS ${column}` }
      : { field: `${column}:${type}`, selected: `r.${column}` };
  });
  return `MERGE INTO ${name} AS t
USING (
  SELECT ${typed.map(({ selected }) => selected).join(", ")}
  FROM (
    SELECT explode(CASE WHEN size(a) = :n THEN a ELSE raise_error(concat('${name}: rows read: ', coalesce(size(a), -1), ', rows sent: ', :n)) END) AS r
    FROM (SELECT from_json(:rows, 'array<struct<${typed.map(({ field }) => field).join(",")}>>', map('mode', 'FAILFAST')) AS a)
  )
  QUALIFY row_number() OVER (PARTITION BY r.id ORDER BY ${stays}) = 1
) AS s
ON t.id = s.id
${whenMatched ?? ""}
WHEN NOT MATCHED THEN INSERT (${names.join(", ")}) VALUES (${names.map((column) => `s.${column}`).join(", ")})`;
}
