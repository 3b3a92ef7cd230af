// Finding what a name means: a lambda's parameter, a column, a field of one, an alias; and what an expression is called.
import { SqlError } from "../errors.ts";
import type { Call, Expr } from "../parse/ast.ts";
import { BIGINT, duckText, INT, typeSql } from "../types.ts";
import { doubleText } from "../values/numbers.ts";
import { mismatch } from "./coerce.ts";
import type { NamedTyped, Relation, Scope, Typed } from "./typed.ts";

/** @throws SqlError 42703 with suggestions, 42704 when it is ambiguous */
export function resolveName(parts: readonly string[], scope: Scope): Typed {
  for (let each: Scope | undefined = scope; each !== undefined; each = each.outer) {
    const found = resolveIn(parts, each);
    if (found !== undefined) return found;
  }
  throw unresolved(parts, scope);
}

function resolveIn(parts: readonly string[], scope: Scope): Typed | undefined {
  const [first = ""] = parts;
  const parameter = scope.lambdas.get(first.toLowerCase());
  if (parameter !== undefined) return fieldsOf(parameter, parts.slice(1));
  for (let length = Math.min(3, parts.length - 1); length > 0; length--) {
    const found = scope.relations
      .filter((relation) => isCalled(relation, parts.slice(0, length)))
      .flatMap((relation) => columnsCalled(relation.columns, parts[length] ?? ""));
    if (found.length > 0) return fieldsOf(single(found, parts), parts.slice(length + 1));
  }
  const columns = columnsCalled(scope.visible, first);
  if (columns.length > 0) return fieldsOf(single(columns, parts), parts.slice(1));
  const alias = scope.aliases.get(first.toLowerCase());
  return alias === undefined ? undefined : fieldsOf(alias, parts.slice(1));
}

/** The relations that `t.*` may mean. */
export function isCalled(relation: Relation, parts: readonly string[]): boolean {
  const end = relation.qualifier.slice(-parts.length);
  return (
    end.length === parts.length && end.every((part, index) => part === parts[index]?.toLowerCase())
  );
}

function columnsCalled(columns: readonly NamedTyped[], name: string): NamedTyped[] {
  return columns.filter((column) => column.name.toLowerCase() === name.toLowerCase());
}

function single(columns: readonly NamedTyped[], parts: readonly string[]): Typed {
  const [column] = columns;
  if (column === undefined || columns.length > 1)
    throw new SqlError(
      "AMBIGUOUS_REFERENCE",
      "42704",
      `Reference ${quoted(parts)} is ambiguous, could be: [${columns.map((each) => quoted([each.name])).join(", ")}]`,
    );
  return column;
}

function fieldsOf(value: Typed, names: readonly string[]): Typed {
  return names.reduce(fieldOf, value);
}

/** `value.name`: a struct's field, the same of each element of an array, a map's value. @throws SqlError 42703, 42K09 */
export function fieldOf(value: Typed, name: string): Typed {
  const { type, sql } = value;
  if (type.kind === "MAP") return { sql: `${sql}[${duckText(name)}]`, type: type.value };
  if (type.kind === "ARRAY" && type.element.kind === "STRUCT") {
    const inner = fieldOf({ sql: "e", type: type.element }, name);
    return {
      sql: `list_transform(${sql}, lambda e: ${inner.sql})`,
      type: { kind: "ARRAY", element: inner.type },
    };
  }
  if (type.kind !== "STRUCT")
    throw new SqlError(
      "INVALID_EXTRACT_BASE_FIELD_TYPE",
      "42000",
      `Can't extract a value from "${name}". Need a complex type [STRUCT, ARRAY, MAP] but got "${typeSql(type)}"`,
    );
  const field = type.fields.find((each) => each.name.toLowerCase() === name.toLowerCase());
  if (field === undefined)
    throw new SqlError(
      "FIELD_NOT_FOUND",
      "42704",
      `No such struct field \`${name}\` in ${type.fields.map((each) => `\`${each.name}\``).join(", ")}`,
    );
  return { sql: `struct_extract(${sql}, ${duckText(field.name)})`, type: field.type };
}

/** `value[at]`: arrays count from 0 and fail beyond their end; maps give NULL for a missing key. */
export function elementAt(
  value: Typed,
  at: Typed,
  castTo: (value: Typed, type: Typed["type"]) => Typed,
): Typed {
  const { type, sql } = value;
  if (type.kind === "MAP") return { sql: `${sql}[${castTo(at, type.key).sql}]`, type: type.value };
  const field = type.kind === "STRUCT" ? /^'((?:[^']|'')*)'$/.exec(at.sql)?.[1] : undefined;
  if (field !== undefined) return fieldOf(value, field.replaceAll("''", "'"));
  if (type.kind !== "ARRAY" || !/INT/.test(at.type.kind))
    throw mismatch(
      "UNEXPECTED_INPUT_TYPE",
      '"[]"',
      `The first parameter requires the ("ARRAY" or "MAP") type, however it has the type "${typeSql(type)}"`,
    );
  const index = castTo(at, at.type.kind === "BIGINT" ? BIGINT : INT).sql;
  const outside = `error('[INVALID_ARRAY_INDEX|22003] The index ' || ${index} || ' is out of bounds. The array has ' || len(${sql}) || ' elements. Use the SQL function \`get()\` to tolerate accessing element at invalid index and return NULL instead.')`;
  return {
    sql: `CASE WHEN ${index} < 0 OR ${index} >= len(${sql}) THEN ${outside} ELSE ${sql}[${index} + 1] END`,
    type: type.element,
  };
}

function unresolved(parts: readonly string[], scope: Scope): SqlError {
  const candidates = [...new Set(scope.visible.map((column) => column.name))]
    .sort((a, b) => distance(a, parts.at(-1) ?? "") - distance(b, parts.at(-1) ?? ""))
    .slice(0, 5);
  const text = `A column, variable, or function parameter with name ${quoted(parts)} cannot be resolved.`;
  if (candidates.length === 0)
    return new SqlError("UNRESOLVED_COLUMN.WITHOUT_SUGGESTION", "42703", text);
  const suggestions = candidates.map((name) => quoted([name])).join(", ");
  return new SqlError(
    "UNRESOLVED_COLUMN.WITH_SUGGESTION",
    "42703",
    `${text} Did you mean one of the following? [${suggestions}].`,
  );
}

/** How unlike two names are: the characters that one has and the other has not. */
function distance(a: string, b: string): number {
  const [x, y] = [a.toLowerCase(), b.toLowerCase()];
  const missing = (from: string, inside: string) =>
    [...from].filter((ch) => !inside.includes(ch)).length;
  return missing(x, y) + missing(y, x) + Math.abs(x.length - y.length);
}

export function quoted(parts: readonly string[]): string {
  return parts.map((part) => `\`${part}\``).join(".");
}

/** The name of a column without alias, as Spark makes it: `count(1)`, `(a + b)`, `CAST(x AS INT)`. */
export function nameOf(expr: Expr, text: string): string {
  switch (expr.is) {
    case "name":
      return expr.parts.at(-1) ?? text;
    case "field":
      return expr.name;
    case "path":
      return expr.path.split(".").at(-1)?.replaceAll('"', "") ?? text;
    default:
      return printed(expr) ?? text;
  }
}

/** The text of an expression in a name, or undefined where Spark's own text is not known. */
function printed(expr: Expr): string | undefined {
  switch (expr.is) {
    case "literal":
      return expr.value === null
        ? "NULL"
        : expr.type.kind === "DOUBLE"
          ? doubleText(Number(expr.value))
          : expr.value;
    case "name":
      return expr.parts.at(-1);
    case "star":
      return "1";
    case "cast":
      return filled(
        [expr.of],
        ([of]) => `${expr.lenient ? "TRY_CAST" : "CAST"}(${of} AS ${typeSql(expr.type)})`,
      );
    case "unary":
      return filled([expr.of], ([of]) => (expr.op === "~" ? `~${of}` : `(${expr.op} ${of})`));
    case "isNull":
      return filled([expr.of], ([of]) => `(${of} IS ${expr.not ? "NOT " : ""}NULL)`);
    case "index":
      return filled([expr.of, expr.at], ([of, at]) => `${of}[${at}]`);
    case "in":
      return filled(
        [expr.of, ...expr.items],
        ([of, ...items]) => `(${expr.not ? "NOT " : ""}${of} IN (${items.join(", ")}))`,
      );
    case "binary":
      return filled(
        [expr.left, expr.right],
        (both) => `(${both.join(` ${expr.op === "DIV" ? "div" : expr.op} `)})`,
      );
    case "call":
      return printedCall(expr);
    default:
      return undefined;
  }
}

function printedCall(expr: Call): string | undefined {
  if (expr.over !== undefined || expr.filter !== undefined) return undefined;
  const name = expr.name.toLowerCase();
  // from_json prints neither schema nor options.
  const args = name === "from_json" ? expr.args.slice(0, 1) : expr.args;
  return filled(args, (texts) => `${name}(${expr.distinct ? "DISTINCT " : ""}${texts.join(", ")})`);
}

function filled(
  parts: readonly Expr[],
  build: (texts: readonly string[]) => string,
): string | undefined {
  const texts = parts.map(printed).filter((text) => text !== undefined);
  return texts.length === parts.length ? build(texts) : undefined;
}
