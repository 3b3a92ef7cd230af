// A DuckDB expression with the Databricks type of its value, and the scopes in which names are
// found.
import type { Expr, Query, Window } from "../parse/ast.ts";
import type { SqlType } from "../types.ts";

/** `sql` has exactly the DuckDB type that `duckType(type)` says. */
export type Typed = { readonly sql: string; readonly type: SqlType };

export type NamedTyped = Typed & { readonly name: string };

/**
 * A relation that names may be qualified with; `qualifier` in lower case, most general part first.
 */
export type Relation = {
  readonly qualifier: readonly string[];
  readonly columns: readonly NamedTyped[];
};

export type Scope = {
  readonly relations: readonly Relation[];
  /**
   * The meaning of `*` and of unqualified names: the columns of all relations, with those of USING
   * merged.
   */
  readonly visible: readonly NamedTyped[];
  /** Aliases of earlier items of the same SELECT. */
  readonly aliases: ReadonlyMap<string, Typed>;
  /** Parameters of the lambdas around. */
  readonly lambdas: ReadonlyMap<string, Typed>;
  /** The query around this one. */
  readonly outer?: Scope | undefined;
};

export const EMPTY_SCOPE: Scope = {
  relations: [],
  visible: [],
  aliases: new Map(),
  lambdas: new Map(),
};

/** A table, or a view with its query, as a name in FROM finds it. */
export type Found =
  | {
      readonly is: "table";
      readonly sql: string;
      readonly columns: readonly { readonly name: string; readonly type: SqlType }[];
      readonly qualifier: readonly string[];
    }
  | {
      readonly is: "view";
      readonly query: Query;
      readonly columns: readonly string[];
      readonly qualifier: readonly string[];
      readonly env: Env;
    };

/** The part of its session that a translation needs. */
export type Env = {
  /** Translates a query inside another, with the columns of `outer` in sight. */
  readonly query: (query: Query, env: Env, outer?: Scope) => TranslatedQuery;
  /** @throws SqlError 42P01, 42501 */
  readonly find: (name: readonly string[]) => Found;
  readonly ctes: ReadonlyMap<string, TranslatedQuery>;
  /** A new name for a relation or a lambda's parameter, unlike any other of the statement. */
  readonly fresh: () => string;
  /** One instant for the whole statement, `YYYY-MM-DD hh:mm:ss.ffffff` in UTC. */
  readonly now: string;
  readonly user: string;
  readonly catalog: string;
  readonly schema: string;
};

/** Its columns are called c0, c1, … in DuckDB; the names that clients see are here. */
export type TranslatedQuery = {
  readonly sql: string;
  readonly columns: readonly { readonly name: string; readonly type: SqlType }[];
};

/** Translates an expression inside another: forms with lambdas extend its scope. */
export type Translator = {
  readonly env: Env;
  readonly scope: Scope;
  /** Named windows of the SELECT around. */
  readonly windows: ReadonlyMap<string, Window>;
  readonly expr: (expr: Expr) => Typed;
  readonly within: (scope: Scope) => Translator;
};
