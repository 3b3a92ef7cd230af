// One SELECT to DuckDB.
import { SqlError, unsupported } from "../errors.ts";
import type { Expr, GroupBy, OrderItem, Select, SelectItem } from "../parse/ast.ts";
import { direction, positionOf } from "./columns.ts";
import { booleanOnly, type Translator, translator } from "./expressions.ts";
import { translateFrom } from "./from.ts";
import { generate, isGenerator } from "./generators.ts";
import { isCalled, nameOf, quoted, resolveName } from "./names.ts";
import type { Env, NamedTyped, Scope, TranslatedQuery, Typed } from "./typed.ts";
import { containsAggregate, containsVolatile } from "./walk.ts";

type Item = NamedTyped & { readonly expr: Expr; readonly aliased: boolean };

export function translateSelect(
  select: Select,
  env: Env,
  outer: Scope | undefined,
  orderBy: readonly OrderItem[],
): TranslatedQuery {
  const from = translateFrom(select.from, env, outer);
  const scope: Scope = {
    relations: from.relations,
    visible: from.visible,
    aliases: new Map(),
    lambdas: new Map(),
    outer,
  };
  const items = translateItems(select, env, scope);
  const withAliases: Scope = { ...scope, aliases: aliasesOf(items) };
  const t = translator(env, scope, select.windows);
  const late = translator(env, withAliases, select.windows);
  const condition = (word: string, expr: Expr | undefined, by: Translator) =>
    expr === undefined
      ? ""
      : ` ${word} ${booleanOnly(by.expr(expr), "FILTER_NOT_BOOLEAN", word).sql}`;
  const parts = [
    `SELECT ${select.distinct ? "DISTINCT " : ""}${items.map((item, index) => `${item.sql} AS c${index}`).join(", ")}`,
    from.sql === "" ? "" : ` FROM ${from.sql}`,
    condition("WHERE", select.where, t),
    groupSql(select.groupBy, items, late),
    condition("HAVING", select.having, late),
    condition("QUALIFY", select.qualify, late),
    orderSql(orderBy, items, late, select.distinct),
  ];
  return { sql: parts.join(""), columns: items.map(({ name, type }) => ({ name, type })) };
}

function translateItems(select: Select, env: Env, scope: Scope): Item[] {
  const items: Item[] = [];
  for (const item of select.items) {
    const t = translator(env, { ...scope, aliases: aliasesOf(items) }, select.windows);
    items.push(...translateItem(item, t));
  }
  const generators = select.items.filter((item) => isGenerator(item.expr));
  if (generators.length > 1)
    throw new SqlError(
      "UNSUPPORTED_GENERATOR.MULTI_GENERATOR",
      "42K0E",
      "The generator is not supported: only one generator allowed per SELECT clause",
    );
  if (
    generators.length > 0 &&
    (select.groupBy !== undefined || select.items.some((item) => containsAggregate(item.expr)))
  )
    throw unsupported("a generator beside GROUP BY or an aggregate: put it into a subquery");
  return items;
}

function translateItem(item: SelectItem, t: Translator): Item[] {
  const { expr } = item;
  if (expr.is === "star")
    return star(expr.of, expr.except, t).map((column) => ({ ...column, expr, aliased: false }));
  if (isGenerator(expr))
    return generate(expr, item.aliases, t).map((column) => ({ ...column, expr, aliased: true }));
  if (item.aliases.length > 1) throw unsupported("several aliases for one value");
  const [alias] = item.aliases;
  return [
    { ...t.expr(expr), name: alias ?? nameOf(expr, item.text), expr, aliased: alias !== undefined },
  ];
}

/** `*`, `t.*`, `struct.*`, without the columns of EXCEPT. */
function star(
  of: readonly string[],
  except: readonly string[],
  t: Translator,
): readonly NamedTyped[] {
  const columns = of.length === 0 ? t.scope.visible : qualified(of, t);
  const unknown = except.find(
    (name) => !columns.some((column) => column.name.toLowerCase() === name.toLowerCase()),
  );
  if (unknown !== undefined)
    throw new SqlError(
      "EXCEPT_RESOLVED_COLUMNS_WITHOUT_MATCH",
      "42703",
      `EXCEPT columns [${quoted([unknown])}] were resolved, but do not match any of the columns`,
    );
  if (columns.length === 0)
    throw new SqlError(
      "INVALID_USAGE_OF_STAR_OR_REGEX",
      "42000",
      "Invalid usage of '*': there is nothing to select from",
    );
  const hidden = new Set(except.map((name) => name.toLowerCase()));
  return columns.filter((column) => !hidden.has(column.name.toLowerCase()));
}

function qualified(of: readonly string[], t: Translator): readonly NamedTyped[] {
  const relation = t.scope.relations.find((each) => isCalled(each, of));
  if (relation !== undefined) return relation.columns;
  const value = resolveOrUndefined(of, t);
  if (value?.type.kind !== "STRUCT")
    throw new SqlError(
      "CANNOT_RESOLVE_STAR_EXPAND",
      "42704",
      `Cannot resolve ${quoted(of)}.* given input columns ${t.scope.visible.map((column) => quoted([column.name])).join(", ")}`,
    );
  return value.type.fields.map((field) => ({
    name: field.name,
    type: field.type,
    sql: `struct_extract(${value.sql}, '${field.name.replaceAll("'", "''")}')`,
  }));
}

function resolveOrUndefined(parts: readonly string[], t: Translator): Typed | undefined {
  try {
    return resolveName(parts, t.scope);
  } catch (thrown) {
    if (thrown instanceof SqlError) return undefined;
    throw thrown;
  }
}

/** Later items, GROUP BY, HAVING, QUALIFY and ORDER BY may use an alias; it stands for its expression. */
function aliasesOf(items: readonly Item[]): ReadonlyMap<string, Typed> {
  const usable = items.filter(
    (item) => item.aliased && !isGenerator(item.expr) && !containsVolatile(item.expr),
  );
  return new Map(usable.map((item) => [item.name.toLowerCase(), item]));
}

function groupSql(groupBy: GroupBy | undefined, items: readonly Item[], t: Translator): string {
  if (groupBy === undefined) return "";
  const key = (expr: Expr) => groupKey(expr, items, t);
  switch (groupBy.is) {
    case "all": {
      const keys = items.flatMap((item, index) =>
        containsAggregate(item.expr) ? [] : [String(index + 1)],
      );
      return keys.length === 0 ? "" : ` GROUP BY ${keys.join(", ")}`;
    }
    case "plain":
      return ` GROUP BY ${groupBy.by.map(key).join(", ")}`;
    case "rollup":
    case "cube":
      return ` GROUP BY ${groupBy.is.toUpperCase()} (${groupBy.by.map(key).join(", ")})`;
    case "sets":
      return ` GROUP BY GROUPING SETS (${groupBy.sets.map((set) => `(${set.map(key).join(", ")})`).join(", ")})`;
  }
}

/** A column of FROM before an alias of SELECT; an integer is a position. */
function groupKey(expr: Expr, items: readonly Item[], t: Translator): string {
  const position = positionOf(expr, items.length);
  const byAlias =
    expr.is === "name" && expr.parts.length === 1 && !isColumn(expr.parts, t)
      ? aliasPosition(expr.parts[0] ?? "", items)
      : undefined;
  const at = position ?? byAlias;
  if (at === undefined) return groupExpression(t.expr(expr).sql);
  const item = items[at - 1];
  if (item !== undefined && containsAggregate(item.expr))
    throw new SqlError(
      "GROUP_BY_POS_AGGREGATE",
      "42903",
      `GROUP BY ${at} refers to an expression that contains an aggregate function. Aggregate functions are not allowed in GROUP BY`,
    );
  return String(at);
}

/** A bare number would be a position for DuckDB. */
function groupExpression(sql: string): string {
  return /^\(?-?\d+\)?$/.test(sql) ? `CAST(${sql} AS INTEGER)` : sql;
}

function isColumn(parts: readonly string[], t: Translator): boolean {
  return t.scope.visible.some((column) => column.name.toLowerCase() === parts[0]?.toLowerCase());
}

function aliasPosition(name: string, items: readonly Item[]): number | undefined {
  const index = items.findIndex((item) => item.name.toLowerCase() === name.toLowerCase());
  return index < 0 ? undefined : index + 1;
}

/** Output columns first, then the columns of FROM. */
function orderSql(
  orderBy: readonly OrderItem[],
  items: readonly Item[],
  t: Translator,
  distinct: boolean,
): string {
  if (orderBy.length === 0) return "";
  const keys = orderBy.map((item) => {
    const { by } = item;
    const output =
      by.is === "name" && by.parts.length === 1
        ? aliasPosition(by.parts[0] ?? "", items)
        : undefined;
    const at = positionOf(by, items.length) ?? output ?? itemPosition(by, items);
    if (at !== undefined) return `${at}${direction(item)}`;
    if (distinct)
      throw new SqlError(
        "UNSUPPORTED_FEATURE.ORDER_BY_OUTSIDE_DISTINCT",
        "0A000",
        "With SELECT DISTINCT, ORDER BY may only use what is selected",
      );
    return `${groupExpression(t.expr(by).sql)}${direction(item)}`;
  });
  return ` ORDER BY ${keys.join(", ")}`;
}

/** The very expression of an item: DuckDB must not calculate it again. */
function itemPosition(by: Expr, items: readonly Item[]): number | undefined {
  const text = JSON.stringify(by);
  const index = items.findIndex(
    (item) => item.expr.is !== "star" && JSON.stringify(item.expr) === text,
  );
  return index < 0 ? undefined : index + 1;
}
