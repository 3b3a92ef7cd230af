// The engines that answer SQL: one interface, two engines (DuckDB by translation, Spark as it is).
// The APIs know nothing else.
import type { Principal } from "../route.ts";
import type { SqlType } from "./types.ts";

/**
 * One value as Spark prints it in a cast to STRING; nested values as JSON text, BINARY in base64.
 * `null` is NULL.
 */
export type Cell = string | null;

export type SqlColumn = { readonly name: string; readonly type: SqlType };

/**
 * Named (`:name`) or, without a name, by order (`?`). Without a type: STRING; a null value is NULL.
 */
export type SqlParameter = {
  readonly name?: string;
  readonly type?: string;
  readonly value: Cell;
};

/** Every statement answers rows: DDL none or a status, DML its counters. */
export type SqlResult = {
  readonly columns: readonly SqlColumn[];
  readonly rowCount: number;
  /**
   * Rows `from` (inclusive) to `to` (exclusive), fewer at the end. Any order, any number of times.
   */
  readonly read: (from: number, to: number) => Promise<readonly (readonly Cell[])[]>;
};

export type SqlSession = {
  /** Where unqualified names are looked up now; `USE` changes it. */
  readonly catalog: () => string;
  readonly schema: () => string;
  /** @throws SqlError; with SQLSTATE HY008 when the signal aborts first. */
  readonly execute: (
    statement: string,
    parameters: readonly SqlParameter[],
    signal: AbortSignal,
  ) => Promise<SqlResult>;
  readonly close: () => Promise<void>;
};

export type SessionOptions = {
  readonly principal: Principal;
  readonly catalog?: string | undefined;
  readonly schema?: string | undefined;
  readonly configuration?: Readonly<Record<string, string>>;
};

export type SqlEngine = AsyncDisposable & {
  /** @throws SqlError when the configuration, catalog or schema cannot be had. */
  readonly openSession: (options: SessionOptions) => Promise<SqlSession>;
};

/** A result that is already in memory. */
export function rowsInMemory(
  columns: readonly SqlColumn[],
  rows: readonly (readonly Cell[])[],
): SqlResult {
  return {
    columns,
    rowCount: rows.length,
    read: async (from, to) => rows.slice(from, to),
  };
}
