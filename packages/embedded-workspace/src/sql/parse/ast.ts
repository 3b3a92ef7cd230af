// The shape of a Databricks SQL statement. Parameters are bound while parsing: the tree holds only literals.
import type { Cell } from "../engine.ts";
import type { SqlType } from "../types.ts";

/** `catalog.schema.name`, as written, one to four parts. */
export type Name = readonly string[];

export type Expr =
  | { readonly is: "literal"; readonly type: SqlType; readonly value: Cell }
  | { readonly is: "interval"; readonly parts: readonly IntervalPart[] }
  | { readonly is: "name"; readonly parts: Name }
  | { readonly is: "star"; readonly of: Name; readonly except: readonly string[] }
  | Call
  | { readonly is: "unary"; readonly op: "-" | "+" | "~" | "NOT"; readonly of: Expr }
  | { readonly is: "binary"; readonly op: string; readonly left: Expr; readonly right: Expr }
  | { readonly is: "isNull"; readonly of: Expr; readonly not: boolean }
  | { readonly is: "isTruth"; readonly of: Expr; readonly truth: boolean; readonly not: boolean }
  | { readonly is: "in"; readonly of: Expr; readonly items: readonly Expr[]; readonly not: boolean }
  | { readonly is: "inQuery"; readonly of: Expr; readonly query: Query; readonly not: boolean }
  | {
      readonly is: "like";
      readonly of: Expr;
      readonly pattern: Expr;
      readonly escape: string;
      readonly anyCase: boolean;
      readonly not: boolean;
    }
  | {
      readonly is: "case";
      readonly of?: Expr | undefined;
      readonly branches: readonly { readonly when: Expr; readonly result: Expr }[];
      readonly otherwise?: Expr | undefined;
    }
  | { readonly is: "cast"; readonly of: Expr; readonly type: SqlType; readonly lenient: boolean }
  | { readonly is: "field"; readonly of: Expr; readonly name: string }
  | { readonly is: "index"; readonly of: Expr; readonly at: Expr }
  | { readonly is: "path"; readonly of: Expr; readonly path: string }
  | { readonly is: "lambda"; readonly names: readonly string[]; readonly body: Expr }
  | { readonly is: "query"; readonly query: Query }
  | { readonly is: "exists"; readonly query: Query }
  | { readonly is: "default" };

export type Call = {
  readonly is: "call";
  /** Upper case. */
  readonly name: string;
  readonly args: readonly Expr[];
  readonly distinct: boolean;
  readonly ignoreNulls: boolean;
  readonly filter?: Expr | undefined;
  readonly withinGroup?: readonly OrderItem[] | undefined;
  readonly over?: Window | undefined;
};

export type IntervalPart = { readonly amount: Expr; readonly unit: string };

export type Window = {
  readonly base?: string | undefined;
  readonly partitionBy: readonly Expr[];
  readonly orderBy: readonly OrderItem[];
  /** `ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW`, normalised. */
  readonly frame?: string | undefined;
};

export type OrderItem = {
  readonly by: Expr;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
};

export type Query = {
  readonly ctes: readonly Cte[];
  readonly body: Body;
  readonly orderBy: readonly OrderItem[];
  readonly limit?: Expr | undefined;
  readonly offset?: Expr | undefined;
};

export type Cte = {
  readonly name: string;
  readonly columns: readonly string[];
  readonly query: Query;
};

export type Body =
  | Select
  | { readonly is: "values"; readonly rows: readonly (readonly Expr[])[] }
  | { readonly is: "nested"; readonly query: Query }
  | {
      readonly is: "set";
      readonly op: "UNION" | "EXCEPT" | "INTERSECT";
      readonly all: boolean;
      readonly left: Body;
      readonly right: Body;
    };

export type Select = {
  readonly is: "select";
  readonly distinct: boolean;
  readonly items: readonly SelectItem[];
  readonly from?: From | undefined;
  readonly where?: Expr | undefined;
  readonly groupBy?: GroupBy | undefined;
  readonly having?: Expr | undefined;
  readonly qualify?: Expr | undefined;
  readonly windows: ReadonlyMap<string, Window>;
};

/** `aliases` has several names only for a generator that gives several columns. */
export type SelectItem = {
  readonly expr: Expr;
  readonly aliases: readonly string[];
  readonly text: string;
};

export type GroupBy =
  | { readonly is: "all" }
  | { readonly is: "plain" | "rollup" | "cube"; readonly by: readonly Expr[] }
  | {
      readonly is: "sets";
      readonly by: readonly Expr[];
      readonly sets: readonly (readonly Expr[])[];
    };

export type From =
  | { readonly is: "table"; readonly name: Name; readonly alias?: Alias | undefined }
  | {
      readonly is: "derived";
      readonly query: Query;
      readonly alias?: Alias | undefined;
      readonly lateral: boolean;
    }
  | {
      readonly is: "function";
      readonly call: Call;
      readonly alias?: Alias | undefined;
      readonly outer: boolean;
    }
  | {
      readonly is: "join";
      readonly kind: "INNER" | "LEFT" | "RIGHT" | "FULL" | "CROSS" | "SEMI" | "ANTI";
      readonly left: From;
      readonly right: From;
      readonly on?: Expr | undefined;
      readonly using?: readonly string[] | undefined;
    };

export type Alias = { readonly name: string; readonly columns: readonly string[] };

export type ColumnDef = {
  readonly name: string;
  readonly type: SqlType;
  readonly nullable: boolean;
  readonly comment?: string | undefined;
  /** The expression's own text, kept for DESCRIBE. */
  readonly defaultText?: string | undefined;
  readonly checkText?: string | undefined;
};

export type TableOptions = {
  readonly comment?: string | undefined;
  readonly properties: ReadonlyMap<string, string>;
  readonly clusterBy: readonly string[];
  readonly partitionedBy: readonly string[];
};

export type Assignment = { readonly column: Name; readonly value: Expr };

export type MergeClause = {
  readonly when: "MATCHED" | "NOT MATCHED" | "NOT MATCHED BY SOURCE";
  readonly condition?: Expr | undefined;
  readonly action:
    | { readonly is: "delete" }
    | { readonly is: "updateAll" }
    | { readonly is: "insertAll" }
    | { readonly is: "update"; readonly set: readonly Assignment[] }
    | {
        readonly is: "insert";
        readonly columns: readonly Name[];
        readonly values: readonly Expr[];
      };
};

type Grantee = { readonly privileges: readonly string[]; readonly principal: string };
export type SecurableName = { readonly type: string; readonly name: Name };

export type Statement =
  | { readonly is: "query"; readonly query: Query }
  | { readonly is: "explain" }
  | {
      readonly is: "createTable";
      readonly name: Name;
      readonly columns: readonly ColumnDef[];
      readonly options: TableOptions;
      readonly ifNotExists: boolean;
      readonly orReplace: boolean;
      readonly query?: Query | undefined;
    }
  | {
      readonly is: "createView";
      readonly name: Name;
      readonly columns: readonly { readonly name: string; readonly comment?: string | undefined }[];
      readonly comment?: string | undefined;
      readonly text: string;
      readonly query: Query;
      readonly ifNotExists: boolean;
      readonly orReplace: boolean;
      readonly temporary: boolean;
    }
  | {
      readonly is: "createSchema" | "createCatalog" | "createVolume";
      readonly name: Name;
      readonly ifNotExists: boolean;
      readonly comment?: string | undefined;
    }
  | {
      readonly is: "drop";
      readonly what: "TABLE" | "VIEW" | "SCHEMA" | "CATALOG" | "VOLUME";
      readonly name: Name;
      readonly ifExists: boolean;
      readonly cascade: boolean;
    }
  | { readonly is: "truncate"; readonly name: Name }
  | {
      readonly is: "insert";
      readonly name: Name;
      readonly columns: readonly string[];
      readonly byName: boolean;
      readonly overwrite: boolean;
      readonly query: Query;
    }
  | {
      readonly is: "update";
      readonly name: Name;
      readonly alias?: string | undefined;
      readonly set: readonly Assignment[];
      readonly where?: Expr | undefined;
    }
  | {
      readonly is: "delete";
      readonly name: Name;
      readonly alias?: string | undefined;
      readonly where?: Expr | undefined;
    }
  | {
      readonly is: "merge";
      readonly name: Name;
      readonly alias?: string | undefined;
      readonly source: From;
      readonly on: Expr;
      readonly clauses: readonly MergeClause[];
      readonly ctes: readonly Cte[];
    }
  | {
      readonly is: "alter";
      readonly what: "TABLE" | "VIEW";
      readonly name: Name;
      readonly action: AlterAction;
    }
  | {
      readonly is: "comment";
      readonly what: string;
      readonly name: Name;
      readonly comment: string | null;
    }
  | { readonly is: "use"; readonly what: "CATALOG" | "SCHEMA"; readonly name: Name }
  | { readonly is: "set"; readonly key?: string | undefined; readonly value?: string | undefined }
  | {
      readonly is: "show";
      readonly what: string;
      readonly of?: Name | undefined;
      readonly like?: string | undefined;
      readonly key?: string | undefined;
    }
  | { readonly is: "showCreate"; readonly name: Name }
  | {
      readonly is: "describe";
      readonly name: Name;
      readonly how: "PLAIN" | "EXTENDED" | "DETAIL" | "HISTORY";
      readonly what: "TABLE" | "SCHEMA" | "CATALOG" | "VOLUME";
    }
  | { readonly is: "describeQuery"; readonly query: Query }
  | ({ readonly is: "grant" | "revoke"; readonly on: SecurableName } & Grantee)
  | {
      readonly is: "showGrants";
      readonly on: SecurableName;
      readonly principal?: string | undefined;
    }
  | { readonly is: "list"; readonly path: string; readonly limit?: number | undefined }
  | {
      readonly is: "maintain";
      readonly what: "OPTIMIZE" | "VACUUM" | "ANALYZE";
      readonly name: Name;
    };

export type AlterAction =
  | { readonly is: "addColumns"; readonly columns: readonly ColumnDef[] }
  | { readonly is: "dropColumns"; readonly columns: readonly string[]; readonly ifExists: boolean }
  | { readonly is: "renameColumn"; readonly from: string; readonly to: string }
  | { readonly is: "rename"; readonly to: Name }
  | { readonly is: "setProperties"; readonly properties: ReadonlyMap<string, string> }
  | { readonly is: "unsetProperties"; readonly keys: readonly string[] }
  | { readonly is: "clusterBy"; readonly columns: readonly string[] }
  | { readonly is: "columnComment"; readonly column: string; readonly comment: string }
  | { readonly is: "columnNullable"; readonly column: string; readonly nullable: boolean }
  | { readonly is: "columnType"; readonly column: string; readonly type: SqlType }
  | { readonly is: "columnDefault"; readonly column: string; readonly text?: string | undefined }
  | { readonly is: "addCheck"; readonly name: string; readonly text: string }
  | { readonly is: "dropConstraint"; readonly name: string; readonly ifExists: boolean };
