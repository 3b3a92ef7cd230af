// The metadata calls of Thrift (catalogs, schemas, tables, columns), for clients that browse: asked of information_schema.
import { rowsInMemory, type SqlParameter, type SqlResult, type SqlSession } from "../engine.ts";
import { unsupported } from "../errors.ts";
import { STRING } from "../types.ts";

/** LIKE patterns with `%` and `_`; absent or empty means everything. */
export type ListingRequest = {
  readonly catalogName?: string | null;
  readonly schemaName?: string | null;
  readonly tableName?: string | null;
  readonly columnName?: string | null;
  readonly tableTypes?: readonly string[] | null;
};

/** Answers one of the calls by its name, with JDBC's columns. @throws SqlError for a call that is not built */
export async function listing(
  call: string,
  request: ListingRequest,
  session: SqlSession,
  signal: AbortSignal,
): Promise<SqlResult> {
  const ask = (statement: string) => session.execute(statement, patterns(request), signal);
  switch (call) {
    case "GetCatalogs":
      return ask(
        "SELECT catalog_name AS TABLE_CAT FROM system.information_schema.catalogs ORDER BY 1",
      );
    case "GetSchemas":
      return ask(
        `SELECT schema_name AS TABLE_SCHEM, catalog_name AS TABLE_CATALOG FROM system.information_schema.schemata
         WHERE catalog_name LIKE :catalog AND schema_name LIKE :schema ORDER BY 2, 1`,
      );
    case "GetTables":
      return ask(TABLES.replace("TYPES", typesOf(request)));
    case "GetColumns":
      return ask(COLUMNS);
    case "GetTableTypes":
      return text(["TABLE_TYPE"], [["TABLE"], ["VIEW"]]);
    case "GetFunctions":
      return text(["FUNCTION_CAT", "FUNCTION_SCHEM", "FUNCTION_NAME", "REMARKS"], []);
    // Keys are read and not kept: there are none to list.
    case "GetPrimaryKeys":
      return text(
        ["TABLE_CAT", "TABLE_SCHEM", "TABLE_NAME", "COLUMN_NAME", "KEY_SEQ", "PK_NAME"],
        [],
      );
    default:
      throw unsupported(`the Thrift call ${call}`);
  }
}

const NAMED = `FROM system.information_schema.tables
  WHERE table_catalog LIKE :catalog AND table_schema LIKE :schema AND table_name LIKE :table`;
const TABLES = `SELECT table_catalog AS TABLE_CAT, table_schema AS TABLE_SCHEM, table_name AS TABLE_NAME,
    if(table_type = 'VIEW', 'VIEW', 'TABLE') AS TABLE_TYPE, coalesce(comment, '') AS REMARKS, CAST(NULL AS STRING) AS TYPE_CAT,
    CAST(NULL AS STRING) AS TYPE_SCHEM, CAST(NULL AS STRING) AS TYPE_NAME, CAST(NULL AS STRING) AS SELF_REFERENCING_COL_NAME,
    CAST(NULL AS STRING) AS REF_GENERATION
  ${NAMED} AND if(table_type = 'VIEW', 'VIEW', 'TABLE') IN (TYPES) ORDER BY 4, 1, 2, 3`;
/** java.sql.Types by the name of the type. */
const COLUMNS = `SELECT table_catalog AS TABLE_CAT, table_schema AS TABLE_SCHEM, table_name AS TABLE_NAME, column_name AS COLUMN_NAME,
    CASE data_type WHEN 'BOOLEAN' THEN 16 WHEN 'TINYINT' THEN -6 WHEN 'SMALLINT' THEN 5 WHEN 'INT' THEN 4 WHEN 'BIGINT' THEN -5
      WHEN 'FLOAT' THEN 6 WHEN 'DOUBLE' THEN 8 WHEN 'DECIMAL' THEN 3 WHEN 'DATE' THEN 91 WHEN 'TIMESTAMP' THEN 93
      WHEN 'TIMESTAMP_NTZ' THEN 93 WHEN 'BINARY' THEN -2 WHEN 'ARRAY' THEN 2003 WHEN 'MAP' THEN 2000 WHEN 'STRUCT' THEN 2002
      ELSE 12 END AS DATA_TYPE,
    upper(full_data_type) AS TYPE_NAME, CAST(NULL AS INT) AS COLUMN_SIZE, CAST(NULL AS TINYINT) AS BUFFER_LENGTH,
    CAST(NULL AS INT) AS DECIMAL_DIGITS, CAST(NULL AS INT) AS NUM_PREC_RADIX, if(is_nullable = 'YES', 1, 0) AS NULLABLE,
    coalesce(comment, '') AS REMARKS, column_default AS COLUMN_DEF, CAST(NULL AS INT) AS SQL_DATA_TYPE,
    CAST(NULL AS INT) AS SQL_DATETIME_SUB, CAST(NULL AS INT) AS CHAR_OCTET_LENGTH, ordinal_position AS ORDINAL_POSITION,
    is_nullable AS IS_NULLABLE, 'NO' AS IS_AUTO_INCREMENT
  FROM system.information_schema.columns
  WHERE table_catalog LIKE :catalog AND table_schema LIKE :schema AND table_name LIKE :table AND column_name ILIKE :column
  ORDER BY 1, 2, 3, 17`;

function patterns(request: ListingRequest): SqlParameter[] {
  const pattern = (name: string, value: string | null | undefined): SqlParameter => ({
    name,
    value: value == null || value === "" || value === "*" ? "%" : value.toLowerCase(),
  });
  return [
    pattern("catalog", request.catalogName),
    pattern("schema", request.schemaName),
    pattern("table", request.tableName),
    pattern("column", request.columnName),
  ];
}

function typesOf({ tableTypes }: ListingRequest): string {
  const known = (tableTypes ?? []).filter((type) => /^(TABLE|VIEW)$/i.test(type));
  const types = tableTypes == null || tableTypes.length === 0 ? ["TABLE", "VIEW"] : known;
  return types.length === 0 ? "''" : types.map((type) => `'${type.toUpperCase()}'`).join(", ");
}

function text(names: readonly string[], rows: readonly (readonly string[])[]): SqlResult {
  return rowsInMemory(
    names.map((name) => ({ name, type: STRING })),
    rows,
  );
}
