// MERGE, step by step: what is to change is worked out first, from the table as it was, and applied
// afterwards. DuckDB's own MERGE hides faults that Delta has
// (docs/facts/databricks.md#duckdb-hides-faults), and with RETURNING, which alone tells inserts
// from updates, it ended the process with SIGSEGV (1.5.6: PhysicalMergeInto, several clauses with
// strings).
import type { SqlResult } from "../engine.ts";
import { SqlError } from "../errors.ts";
import type { MergeClause, Statement } from "../parse/ast.ts";
import { implicitly } from "../translate/casts.ts";
import { booleanOnly, translator } from "../translate/expressions.ts";
import { translateFrom } from "../translate/from.ts";
import { withCtes } from "../translate/queries.ts";
import { EMPTY_SCOPE, type Env, type NamedTyped, type Scope } from "../translate/typed.ts";
import { BOOLEAN, duckName } from "../types.ts";
import { type ColumnInfo, duckTable, type RelationInfo } from "./catalog.ts";
import type { Run } from "./connections.ts";
import { environment } from "./environment.ts";
import { requireTable } from "./names.ts";
import type { Session } from "./session-state.ts";
import {
  assignedValues,
  type Counters,
  changeRows,
  columnNamed,
  defaultValue,
  refuseAppendOnly,
  storedValue,
  targetScope,
} from "./writing.ts";

type Merge = Statement & { is: "merge" };

/** Answers one row: affected, updated, deleted, inserted. */
export async function merge(
  session: Session,
  statement: Merge,
  signal: AbortSignal,
): Promise<SqlResult> {
  const info = requireTable(session, statement.name, "MODIFY");
  if (statement.clauses.some((clause) => clause.when !== "NOT MATCHED")) refuseAppendOnly(info);
  const plan = resolved(() => planOf(info, statement, environment(session)));
  return changeRows(session, info, "MERGE", signal, async (run) => {
    await run(`CREATE TEMP TABLE merge_source AS ${plan.source}`);
    try {
      if (plan.duplicates !== undefined) await refuseDuplicates(plan.duplicates, run);
      return await applyChanges(info, plan, run);
    } finally {
      for (const table of ["source", "update", "delete"])
        await run(`DROP TABLE IF EXISTS temp.merge_${table}`).catch(() => undefined);
    }
  });
}

/** Delta has a class of its own for names that a MERGE cannot resolve. */
function resolved(plan: () => Plan): Plan {
  try {
    return plan();
  } catch (error) {
    const unknown = error instanceof SqlError && error.sqlState === "42703";
    throw unknown ? unresolvedInMerge(error) : error;
  }
}

function unresolvedInMerge(error: SqlError): SqlError {
  const text = error.message.replace(/^\[[^\]]*\] /, "").replace(/ SQLSTATE: \w+$/, "");
  return new SqlError("DELTA_MERGE_UNRESOLVED_EXPRESSION", "42601", text, { cause: error });
}

/** SELECTs in DuckDB. An absent one has nothing to do. */
type Plan = {
  readonly source: string;
  /** Finds a row of the table that matches twice. */
  readonly duplicates: string | undefined;
  /** `row`, then every column of the table with its new value. */
  readonly updates: string | undefined;
  /** `row` */
  readonly deletes: string | undefined;
  /** Every column of the table. */
  readonly inserts: string | undefined;
};

type Context = {
  readonly info: RelationInfo;
  readonly statement: Merge;
  readonly env: Env;
  readonly source: readonly NamedTyped[];
  readonly scopes: Readonly<Record<MergeClause["when"], Scope>>;
  /** Where the rows of each kind of clause come from, up to WHERE. */
  readonly rows: Readonly<Record<MergeClause["when"], string>>;
};

function planOf(info: RelationInfo, statement: Merge, outer: Env): Plan {
  const env = withCtes(statement.ctes, outer, undefined);
  const from = translateFrom(statement.source, env, undefined);
  const columns = from.visible.map((column, index) => ({ ...column, sql: `s.c${index}` }));
  const relations = from.relations.map((relation) => ({
    ...relation,
    columns: relation.columns.map((column) => columns[from.visible.indexOf(column)] ?? column),
  }));
  const source: Scope = { ...EMPTY_SCOPE, relations, visible: columns };
  const target = targetScope(info, statement.alias, "t");
  const both: Scope = {
    ...EMPTY_SCOPE,
    relations: [...target.relations, ...source.relations],
    visible: [...target.visible, ...source.visible],
  };
  const on = implicitly(translator(env, both).expr(statement.on), BOOLEAN, "ON").sql;
  const table = `${duckTable(info)} AS t`;
  const context: Context = {
    info,
    statement,
    env,
    source: columns,
    scopes: { MATCHED: both, "NOT MATCHED": source, "NOT MATCHED BY SOURCE": target },
    rows: {
      MATCHED: `${table} JOIN merge_source AS s ON ${on} WHERE true`,
      "NOT MATCHED": `merge_source AS s WHERE NOT EXISTS (SELECT 1 FROM ${table} WHERE ${on})`,
      "NOT MATCHED BY SOURCE": `${table} WHERE NOT EXISTS (SELECT 1 FROM merge_source AS s WHERE ${on})`,
    },
  };
  const selected = from.visible.map((column, index) => `${column.sql} AS c${index}`).join(", ");
  return {
    source: `SELECT ${selected} FROM ${from.sql}`,
    duplicates: needsSingleMatch(statement)
      ? `SELECT 1 FROM ${table} JOIN merge_source AS s ON ${on} GROUP BY t.rowid HAVING count(*) > 1 LIMIT 1`
      : undefined,
    updates: unionOf(context, ["update", "updateAll"]),
    deletes: unionOf(context, ["delete"]),
    inserts: unionOf(context, ["insert", "insertAll"]),
  };
}

/** Without a change of matched rows a row may match twice; and one that is deleted anyway, too. */
function needsSingleMatch({ clauses }: Merge): boolean {
  const matched = clauses.filter((clause) => clause.when === "MATCHED");
  const [only] = matched;
  const onlyDelete =
    matched.length === 1 && only?.action.is === "delete" && only.condition === undefined;
  return matched.length > 0 && !onlyDelete;
}

function unionOf(
  context: Context,
  kinds: readonly MergeClause["action"]["is"][],
): string | undefined {
  const selects = context.statement.clauses
    .filter((clause) => kinds.includes(clause.action.is))
    .map((clause) => {
      const where = `${context.rows[clause.when]}${firstMatch(context, clause)}`;
      return `SELECT ${changeOf(context, clause).join(", ")} FROM ${where}`;
    });
  return selects.length === 0 ? undefined : selects.join(" UNION ALL ");
}

/** Its condition holds, and that of no clause of its kind before it. */
function firstMatch({ statement, env, scopes }: Context, clause: MergeClause): string {
  const condition = ({ when, condition: of }: MergeClause) =>
    of === undefined
      ? "true"
      : `coalesce(${booleanOnly(translator(env, scopes[when]).expr(of), "FILTER_NOT_BOOLEAN", "AND").sql}, false)`;
  const same = statement.clauses.filter((each) => each.when === clause.when);
  const before = same.slice(0, same.indexOf(clause)).map((each) => ` AND NOT ${condition(each)}`);
  return `${before.join("")} AND ${condition(clause)}`;
}

/** A clause's result for one row, as the columns of a SELECT. */
function changeOf(context: Context, clause: MergeClause): string[] {
  const { info, env, scopes, source, statement } = context;
  const { action } = clause;
  const named = (column: ColumnInfo, sql: string) => `${sql} AS ${duckName(column.name)}`;
  const row = 't.rowid AS "row"';
  switch (action.is) {
    case "delete":
      return [row];
    case "update": {
      const scope = scopes[clause.when];
      const values = assignedValues(info, statement.alias, action.set, env, scope);
      const kept = (column: ColumnInfo) => values.get(column) ?? `t.${duckName(column.name)}`;
      return [row, ...info.columns.map((column) => named(column, kept(column)))];
    }
    case "updateAll":
      return [row, ...info.columns.map((each) => named(each, fromSource(each, source, "UPDATE")))];
    case "insertAll":
      return info.columns.map((each) => named(each, fromSource(each, source, "INSERT")));
    case "insert": {
      const given = new Map(
        action.columns.map((name, index) => [
          columnNamed(info, name.at(-1) ?? ""),
          action.values[index],
        ]),
      );
      return info.columns.map((column) => {
        const value = given.get(column);
        const typed =
          value === undefined
            ? defaultValue(column, env)
            : storedValue(column, value, env, scopes[clause.when]);
        return named(column, typed.sql);
      });
    }
  }
}

/**
 * `*`: the source must have every column of the target
 * (docs/facts/databricks.md#merge-star-needs-all-columns).
 */
function fromSource(column: ColumnInfo, source: readonly NamedTyped[], clause: string): string {
  const value = source.find((each) => each.name.toLowerCase() === column.name.toLowerCase());
  if (value === undefined)
    throw new SqlError(
      "DELTA_MERGE_UNRESOLVED_EXPRESSION",
      "42601",
      `Cannot resolve ${column.name} in ${clause} clause given columns ${source.map((each) => each.name).join(", ")}`,
    );
  return implicitly(value, column.type, column.name).sql;
}

async function refuseDuplicates(find: string, run: Run): Promise<void> {
  if ((await run(find)).rowCount === 0) return;
  throw new SqlError(
    "DELTA_MULTIPLE_SOURCE_ROW_MATCHING_TARGET_ROW_IN_MERGE",
    "21506",
    "Cannot perform Merge as multiple source rows matched and attempted to modify the same target row in the Delta table in possibly conflicting ways. By SQL semantics of Merge, when multiple source rows match on the same target row, the result may be ambiguous as it is unclear which source row should be used to update or delete the matching target row. You can preprocess the source table to eliminate the possibility of multiple matches",
  );
}

async function applyChanges(info: RelationInfo, plan: Plan, run: Run): Promise<Counters> {
  const table = duckTable(info);
  const names = info.columns.map((column) => duckName(column.name));
  if (plan.updates !== undefined) await run(`CREATE TEMP TABLE merge_update AS ${plan.updates}`);
  if (plan.deletes !== undefined) await run(`CREATE TEMP TABLE merge_delete AS ${plan.deletes}`);
  // The inserts depend on what was there, and come first; they can be no row that is updated
  // or deleted.
  const inserted =
    plan.inserts && (await run(`INSERT INTO ${table} (${names.join(", ")}) ${plan.inserts}`));
  const set = names.map((name) => `${name} = u.${name}`).join(", ");
  const updated =
    plan.updates &&
    (await run(`UPDATE ${table} AS t SET ${set} FROM merge_update AS u WHERE t.rowid = u."row"`));
  const deleted =
    plan.deletes &&
    (await run(`DELETE FROM ${table} AS t WHERE t.rowid IN (SELECT "row" FROM merge_delete)`));
  const count = (result: { readonly rowsChanged: number } | "" | undefined) =>
    result ? result.rowsChanged : 0;
  const counted = [updated, deleted, inserted].map(count);
  const [num_updated_rows = 0, num_deleted_rows = 0, num_inserted_rows = 0] = counted;
  return {
    num_affected_rows: num_updated_rows + num_deleted_rows + num_inserted_rows,
    num_updated_rows,
    num_deleted_rows,
    num_inserted_rows,
  };
}
