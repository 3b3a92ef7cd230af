// FROM to DuckDB: every relation gets a name of its own, and its columns are known with their types.
import { SqlError, unsupported } from "../errors.ts";
import type { Call, From } from "../parse/ast.ts";
import { BIGINT, BOOLEAN, duckName } from "../types.ts";
import { castTo, implicitly } from "./casts.ts";
import { renamed } from "./columns.ts";
import { comparison, translator } from "./expressions.ts";
import { generate, isGenerator } from "./generators.ts";
import { quoted } from "./names.ts";
import {
  EMPTY_SCOPE,
  type Env,
  type NamedTyped,
  type Relation,
  type Scope,
  type TranslatedQuery,
} from "./typed.ts";

export type TranslatedFrom = {
  readonly sql: string;
  readonly relations: readonly Relation[];
  readonly visible: readonly NamedTyped[];
};

/** `left` is what stands before it in FROM, for what is lateral. */
export function translateFrom(
  from: From | undefined,
  env: Env,
  outer: Scope | undefined,
  left?: TranslatedFrom,
): TranslatedFrom {
  if (from === undefined) return { sql: "", relations: [], visible: [] };
  switch (from.is) {
    case "table":
      return table(from, env);
    case "derived": {
      const around =
        from.lateral && left !== undefined ? { ...EMPTY_SCOPE, ...left, outer } : outer;
      const query = env.query(from.query, env, around);
      const columns = renamed(
        query.columns,
        from.alias?.columns ?? [],
        from.alias?.name ?? "query",
      );
      return derived(
        { ...query, columns },
        from.alias === undefined ? [] : [from.alias.name],
        env,
        from.lateral,
      );
    }
    case "function":
      return tableFunction(from, env, { ...EMPTY_SCOPE, ...left, outer });
    case "join":
      return join(from, env, outer);
  }
}

function table(from: From & { is: "table" }, env: Env): TranslatedFrom {
  const names = from.alias?.columns ?? [];
  const qualifier = (own: readonly string[]) =>
    from.alias === undefined ? own : [from.alias.name];
  const [first = ""] = from.name;
  const cte = from.name.length === 1 ? env.ctes.get(first.toLowerCase()) : undefined;
  if (cte !== undefined)
    return derived(
      { ...cte, columns: renamed(cte.columns, names, first) },
      qualifier([first]),
      env,
      false,
    );
  const found = env.find(from.name);
  if (found.is === "view") {
    const query = env.query(found.query, { ...found.env, fresh: env.fresh });
    const columns = renamed(renamed(query.columns, found.columns, first), names, first);
    return derived({ ...query, columns }, qualifier(found.qualifier), env, false);
  }
  const alias = env.fresh();
  const shown = renamed(found.columns, names, first);
  const columns = found.columns.map((column, index) => ({
    name: shown[index]?.name ?? column.name,
    type: column.type,
    sql: `${alias}.${duckName(column.name)}`,
  }));
  return { sql: `${found.sql} AS ${alias}`, ...relation(qualifier(found.qualifier), columns) };
}

function derived(
  query: TranslatedQuery,
  qualifier: readonly string[],
  env: Env,
  lateral: boolean,
): TranslatedFrom {
  const alias = env.fresh();
  const columns = query.columns.map((column, index) => ({ ...column, sql: `${alias}.c${index}` }));
  return {
    sql: `${lateral ? "LATERAL " : ""}(${query.sql}) AS ${alias}`,
    ...relation(qualifier, columns),
  };
}

function relation(
  qualifier: readonly string[],
  columns: readonly NamedTyped[],
): { relations: readonly Relation[]; visible: readonly NamedTyped[] } {
  return {
    relations: [{ qualifier: qualifier.map((part) => part.toLowerCase()), columns }],
    visible: columns,
  };
}

function tableFunction(from: From & { is: "function" }, env: Env, scope: Scope): TranslatedFrom {
  const { call, alias } = from;
  const t = translator(env, scope);
  const qualifier = alias === undefined ? [call.name.toLowerCase()] : [alias.name];
  if (call.name === "RANGE") {
    const bounds = call.args.map(
      (arg) => castTo(implicitly(t.expr(arg), BIGINT, "range"), BIGINT).sql,
    );
    if (bounds.length < 1 || bounds.length > 3) throw unsupported("range with partitions");
    const columns = renamed([{ name: "id", type: BIGINT }], alias?.columns ?? [], "range");
    return derived(
      { sql: `SELECT range AS c0 FROM range(${bounds.join(", ")})`, columns },
      qualifier,
      env,
      false,
    );
  }
  const generator: Call = call;
  if (!isGenerator(generator))
    throw new SqlError(
      "UNRESOLVABLE_TABLE_VALUED_FUNCTION",
      "42883",
      `Could not resolve ${quoted([call.name.toLowerCase()])} to a table-valued function that the embedded workspace translates`,
    );
  const items = generate(
    from.outer ? { ...call, name: `${call.name}_OUTER`.replace("_OUTER_OUTER", "_OUTER") } : call,
    alias?.columns ?? [],
    t,
  );
  const sql = `SELECT ${items.map((item, index) => `${item.sql} AS c${index}`).join(", ")}`;
  return derived(
    { sql, columns: items.map(({ name, type }) => ({ name, type })) },
    qualifier,
    env,
    true,
  );
}

function join(from: From & { is: "join" }, env: Env, outer: Scope | undefined): TranslatedFrom {
  const left = translateFrom(from.left, env, outer);
  const right = translateFrom(from.right, env, outer, left);
  const relations = [...left.relations, ...right.relations];
  const both: Scope = {
    ...EMPTY_SCOPE,
    relations,
    visible: [...left.visible, ...right.visible],
    outer,
  };
  const shown =
    from.kind === "SEMI" || from.kind === "ANTI" ? left : { relations, visible: both.visible };
  const words = from.kind === "CROSS" ? "CROSS JOIN" : `${from.kind} JOIN`;
  if (from.using !== undefined) return joinUsing(from, from.using, left, right, shown);
  if (from.on === undefined) {
    if (from.kind !== "CROSS" && from.kind !== "INNER")
      return { ...shown, sql: `(${left.sql} ${words} ${right.sql} ON true)` };
    return { ...shown, sql: `(${left.sql} CROSS JOIN ${right.sql})` };
  }
  const on = implicitly(translator(env, both).expr(from.on), BOOLEAN, "ON");
  const keyword = from.kind === "CROSS" ? "INNER JOIN" : words;
  return { ...shown, sql: `(${left.sql} ${keyword} ${right.sql} ON ${on.sql})` };
}

/** The columns of USING appear once, first. */
function joinUsing(
  from: From & { is: "join" },
  using: readonly string[],
  left: TranslatedFrom,
  right: TranslatedFrom,
  shown: Omit<TranslatedFrom, "sql">,
): TranslatedFrom {
  const pairs = using.map(
    (name) => [columnOf(left, name, "left"), columnOf(right, name, "right")] as const,
  );
  const on = pairs.map(([a, b]) => comparison("=", a, b).sql).join(" AND ");
  const merged = pairs.map(([a, b]): NamedTyped => {
    if (from.kind === "RIGHT") return b;
    return from.kind === "FULL" ? { ...a, sql: `coalesce(${a.sql}, ${castTo(b, a.type).sql})` } : a;
  });
  const rest = shown.visible.filter(
    (column) => !pairs.some(([a, b]) => a === column || b === column),
  );
  return {
    relations: shown.relations,
    visible: [...merged, ...rest],
    sql: `(${left.sql} ${from.kind} JOIN ${right.sql} ON ${on})`,
  };
}

function columnOf(side: TranslatedFrom, name: string, where: string): NamedTyped {
  const column = side.visible.find((each) => each.name.toLowerCase() === name.toLowerCase());
  if (column === undefined)
    throw new SqlError(
      "UNRESOLVED_USING_COLUMN_FOR_JOIN",
      "42703",
      `USING column ${quoted([name])} cannot be resolved on the ${where} side of the join. The ${where}-side columns: [${side.visible.map((each) => quoted([each.name])).join(", ")}]`,
    );
  return column;
}
