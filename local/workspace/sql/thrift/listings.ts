// The metadata calls of Thrift (catalogs, schemas, tables, columns), for clients that browse.
import type { SqlResult, SqlSession } from "../engine.ts";
import { unsupported } from "../errors.ts";

/** LIKE patterns with `%` and `_`; absent or empty means everything. */
export type ListingRequest = {
  readonly catalogName?: string | null;
  readonly schemaName?: string | null;
  readonly tableName?: string | null;
  readonly columnName?: string | null;
  readonly tableTypes?: readonly string[] | null;
};

/** Answers one of the calls by its name. @throws SqlError for a call that is not built */
export async function listing(
  call: string,
  _request: ListingRequest,
  _session: SqlSession,
): Promise<SqlResult> {
  throw unsupported(`the Thrift call ${call}`);
}
