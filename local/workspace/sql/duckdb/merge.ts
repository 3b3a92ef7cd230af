// MERGE, with the faults that Delta has and DuckDB hides (databricks-facts §9.5).
import type { SqlResult } from "../engine.ts";
import { SqlError } from "../errors.ts";
import type { MergeClause, Statement } from "../parse/ast.ts";
import { implicitly } from "../translate/casts.ts";
import { translator } from "../translate/expressions.ts";
import { translateFrom } from "../translate/from.ts";
import { withCtes } from "../translate/queries.ts";
import { EMPTY_SCOPE, type Env, type NamedTyped, type Scope } from "../translate/typed.ts";
import { BOOLEAN, duckName } from "../types.ts";
import { duckTable, type RelationInfo } from "./catalog.ts";
import type { Run } from "./connections.ts";
import { environment } from "./environment.ts";
import { requireTable } from "./names.ts";
import type { Session } from "./session.ts";
import {
  assignments,
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
  const plan = planOf(info, statement, environment(session));
  return changeRows(session, info, "MERGE", signal, async (run) => {
    await run(`CREATE TEMP TABLE merge_source AS ${plan.source}`);
    try {
      if (plan.needsSingleMatch) await refuseDuplicates(info, plan, run);
      return await runMerge(info, plan, run);
    } finally {
      await run("DROP TABLE IF EXISTS temp.merge_source").catch(() => undefined);
    }
  });
}

type Plan = {
  readonly source: string;
  readonly on: string;
  readonly clauses: string;
  /** Without an update or delete of matched rows, a row may match twice; and one that is deleted anyway, too. */
  readonly needsSingleMatch: boolean;
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
  const scopes = { MATCHED: both, "NOT MATCHED": source, "NOT MATCHED BY SOURCE": target };
  const matched = statement.clauses.filter((clause) => clause.when === "MATCHED");
  const [only] = matched;
  const onlyDelete =
    matched.length === 1 && only?.action.is === "delete" && only.condition === undefined;
  return {
    source: `SELECT ${from.visible.map((column, index) => `${column.sql} AS c${index}`).join(", ")} FROM ${from.sql}`,
    on: implicitly(translator(env, both).expr(statement.on), BOOLEAN, "ON").sql,
    clauses: statement.clauses
      .map((clause) => clauseSql(info, statement, clause, env, scopes[clause.when], columns))
      .join(" "),
    needsSingleMatch: matched.length > 0 && !onlyDelete,
  };
}

function clauseSql(
  info: RelationInfo,
  statement: Merge,
  clause: MergeClause,
  env: Env,
  scope: Scope,
  source: readonly NamedTyped[],
): string {
  const condition =
    clause.condition === undefined
      ? ""
      : ` AND ${implicitly(translator(env, scope).expr(clause.condition), BOOLEAN, "AND").sql}`;
  const when = `WHEN ${clause.when}${condition} THEN`;
  const { action } = clause;
  switch (action.is) {
    case "delete":
      return `${when} DELETE`;
    case "update":
      return `${when} UPDATE SET ${assignments(info, statement.alias, action.set, env, scope)}`;
    case "updateAll": {
      const set = info.columns.map(
        (column) => `${duckName(column.name)} = ${fromSource(column, source, "UPDATE")}`,
      );
      return `${when} UPDATE SET ${set.join(", ")}`;
    }
    case "insertAll":
      return `${when} ${insertAction(
        info,
        info.columns.map((column) => fromSource(column, source, "INSERT")),
      )}`;
    case "insert": {
      const given = new Map(
        action.columns.map((name, index) => [
          columnNamed(info, name.at(-1) ?? ""),
          action.values[index],
        ]),
      );
      const values = info.columns.map((column) => {
        const value = given.get(column);
        return value === undefined
          ? defaultValue(column, env).sql
          : storedValue(column, value, env, scope).sql;
      });
      return `${when} ${insertAction(info, values)}`;
    }
  }
}

function insertAction(info: RelationInfo, values: readonly string[]): string {
  return `INSERT (${info.columns.map((column) => duckName(column.name)).join(", ")}) VALUES (${values.join(", ")})`;
}

/** `*`: the source must have every column of the target (databricks-facts §9.3). */
function fromSource(
  column: RelationInfo["columns"][number],
  source: readonly NamedTyped[],
  clause: string,
): string {
  const value = source.find((each) => each.name.toLowerCase() === column.name.toLowerCase());
  if (value === undefined)
    throw new SqlError(
      "DELTA_MERGE_UNRESOLVED_EXPRESSION",
      "42601",
      `Cannot resolve ${column.name} in ${clause} clause given columns ${source.map((each) => each.name).join(", ")}`,
    );
  return implicitly(value, column.type, column.name).sql;
}

/** DuckDB would silently take one of them, and not even the newer. */
async function refuseDuplicates(info: RelationInfo, plan: Plan, run: Run): Promise<void> {
  const twice = await run(
    `SELECT 1 FROM ${duckTable(info)} AS t JOIN merge_source AS s ON ${plan.on} GROUP BY t.rowid HAVING count(*) > 1 LIMIT 1`,
  );
  if (twice.rowCount === 0) return;
  throw new SqlError(
    "DELTA_MULTIPLE_SOURCE_ROW_MATCHING_TARGET_ROW_IN_MERGE",
    "21506",
    "Cannot perform Merge as multiple source rows matched and attempted to modify the same target row in the Delta table in possibly conflicting ways. By SQL semantics of Merge, when multiple source rows match on the same target row, the result may be ambiguous as it is unclear which source row should be used to update or delete the matching target row. You can preprocess the source table to eliminate the possibility of multiple matches",
  );
}

async function runMerge(info: RelationInfo, plan: Plan, run: Run): Promise<Counters> {
  const actions = await run(
    `MERGE INTO ${duckTable(info)} AS t USING merge_source AS s ON ${plan.on} ${plan.clauses} RETURNING merge_action`,
  );
  const counted = { UPDATE: 0, DELETE: 0, INSERT: 0 };
  for (const [action] of await actions.getRowsJson())
    if (action === "UPDATE" || action === "DELETE" || action === "INSERT") counted[action]++;
  return {
    num_affected_rows: counted.UPDATE + counted.DELETE + counted.INSERT,
    num_updated_rows: counted.UPDATE,
    num_deleted_rows: counted.DELETE,
    num_inserted_rows: counted.INSERT,
  };
}
