// Functions that look at their arguments before they are values: schemas, options, lambdas, conditions.
import { SqlError, unsupported } from "../../errors.ts";
import type { Expr } from "../../parse/ast.ts";
import { parseSchema } from "../../parse/data-types.ts";
import {
  BOOLEAN,
  duckText,
  duckType,
  type SqlType,
  STRING,
  typeSql,
  typeText,
} from "../../types.ts";
import { castTo, implicitly } from "../casts.ts";
import { commonType, commonTypeOf, mismatch } from "../coerce.ts";
import type { Translator } from "../expressions.ts";
import type { Typed } from "../typed.ts";
import { arrayOf, literalText, mapOf } from "./collections.ts";

export type Form = {
  readonly min: number;
  readonly max: number;
  readonly build: (args: readonly Expr[], t: Translator) => Typed;
};

const VOID: SqlType = { kind: "VOID" };
const form = (min: number, max: number, build: Form["build"]): Form => ({ min, max, build });
const condition = form(3, 3, ([test, yes, no], t) => {
  const [a, b] = [t.expr(some(yes)), t.expr(some(no))];
  const type = commonTypeOf([a.type, b.type], "if");
  return {
    sql: `CASE WHEN ${conditionSql(t.expr(some(test)))} THEN ${castTo(a, type).sql} ELSE ${castTo(b, type).sql} END`,
    type,
  };
});
const reduce = form(3, 4, (args, t) => reduceArray(args, t));
const cast = (type: SqlType) => form(1, 1, ([value], t) => castTo(t.expr(some(value)), type));

export const FORMS: Readonly<Record<string, Form>> = {
  IF: condition,
  IFF: condition,
  FROM_JSON: form(2, 3, (args, t) => fromJson(args, t)),
  TRANSFORM: form(2, 2, ([list, body], t) => {
    const array = arrayOf(t.expr(some(list)), "transform");
    const inner = lambda(some(body), [array.type.element], t, true);
    return {
      sql: `list_transform(${array.sql}, ${inner.sql})`,
      type: { kind: "ARRAY", element: inner.type },
    };
  }),
  FILTER: form(2, 2, ([list, body], t) => {
    const array = arrayOf(t.expr(some(list)), "filter");
    return {
      sql: `list_filter(${array.sql}, ${test(some(body), array.type.element, t)})`,
      type: array.type,
    };
  }),
  EXISTS: form(2, 2, ([list, body], t) => {
    const array = arrayOf(t.expr(some(list)), "exists");
    return {
      sql: anyOf(
        `list_transform(${array.sql}, ${test(some(body), array.type.element, t)})`,
        "true",
        "false",
      ),
      type: BOOLEAN,
    };
  }),
  FORALL: form(2, 2, ([list, body], t) => {
    const array = arrayOf(t.expr(some(list)), "forall");
    return {
      sql: anyOf(
        `list_transform(${array.sql}, ${test(some(body), array.type.element, t)})`,
        "false",
        "true",
      ),
      type: BOOLEAN,
    };
  }),
  AGGREGATE: reduce,
  REDUCE: reduce,
  TRANSFORM_VALUES: form(2, 2, ([map, body], t) => {
    const of = mapOf(t.expr(some(map)), "transform_values");
    const inner = entryLambda(some(body), of.type, t);
    const type: SqlType = { kind: "MAP", key: of.type.key, value: inner.type };
    return {
      sql: `CAST(map_from_entries(list_transform(map_entries(${of.sql}), lambda ${inner.name}: {'k': ${inner.name}.key, 'v': ${inner.sql}})) AS ${duckType(type)})`,
      type,
    };
  }),
  MAP_FILTER: form(2, 2, ([map, body], t) => {
    const of = mapOf(t.expr(some(map)), "map_filter");
    const inner = entryLambda(some(body), of.type, t);
    return {
      sql: `map_from_entries(list_filter(map_entries(${of.sql}), lambda ${inner.name}: ${castTo(inner, BOOLEAN).sql}))`,
      type: of.type,
    };
  }),
  VARIANT_GET: form(3, 3, (args, t) => variantGet(args, t, false)),
  TRY_VARIANT_GET: form(3, 3, (args, t) => variantGet(args, t, true)),
  STRING: cast(STRING),
  INT: cast({ kind: "INT" }),
  BIGINT: cast({ kind: "BIGINT" }),
  DOUBLE: cast({ kind: "DOUBLE" }),
  BOOLEAN: cast(BOOLEAN),
};

function conditionSql(value: Typed): string {
  if (value.type.kind === "BOOLEAN") return value.sql;
  throw mismatch(
    "UNEXPECTED_INPUT_TYPE",
    '"(IF(…))"',
    `The first parameter requires the "BOOLEAN" type, however it has the type "${typeSql(value.type)}"`,
  );
}

function some(expr: Expr | undefined): Expr {
  if (expr === undefined) throw new Error("the number of arguments was checked");
  return expr;
}

/** NULL among the answers hides "no", as in three-valued logic. */
function anyOf(answers: string, found: string, otherwise: string): string {
  return `CASE WHEN ${answers} IS NULL THEN NULL WHEN list_contains(${answers}, ${found}) THEN ${found} WHEN len(list_filter(${answers}, lambda e: e IS NULL)) > 0 THEN NULL ELSE ${otherwise} END`;
}

/** The schema and the options must be literals. Only `mode` is known; anything else would be quietly ignored, so it is refused. */
function fromJson([text, schema, options]: readonly Expr[], t: Translator): Typed {
  const type = parseSchema(literalText(t.expr(some(schema)), "from_json"));
  if (type.kind !== "STRUCT" && type.kind !== "ARRAY" && type.kind !== "MAP")
    throw new SqlError(
      "INVALID_JSON_SCHEMA",
      "22032",
      `Input schema "${typeText(type).toUpperCase()}" must be a struct, an array, or a map`,
    );
  const mode = options === undefined ? "PERMISSIVE" : modeOf(options, t);
  const json = implicitly(t.expr(some(text)), STRING, "from_json").sql;
  return {
    sql: `from_json_strict(dbx_from_json(${json}, ${duckText(typeText(type))}, '${mode}'), ${duckText(JSON.stringify(shapeOf(type)))})`,
    type,
  };
}

function modeOf(options: Expr, t: Translator): string {
  if (options.is !== "call" || options.name !== "MAP")
    throw unsupported("options of from_json that are not written as map(…)");
  let mode = "PERMISSIVE";
  for (let i = 0; i < options.args.length; i += 2) {
    const key = literalText(t.expr(some(options.args[i])), "from_json").toLowerCase();
    if (key !== "mode") throw unsupported(`the option ${key} of from_json`);
    mode = literalText(t.expr(some(options.args[i + 1])), "from_json").toUpperCase();
  }
  if (mode !== "PERMISSIVE" && mode !== "FAILFAST")
    throw new SqlError(
      "PARSE_MODE_UNSUPPORTED",
      "42601",
      `The function \`from_json\` doesn't support the ${mode} mode. Acceptable modes are PERMISSIVE and FAILFAST`,
    );
  return mode;
}

/** DuckDB's way to write a type for from_json. */
function shapeOf(type: SqlType): unknown {
  switch (type.kind) {
    case "ARRAY":
      return [shapeOf(type.element)];
    case "STRUCT":
      return Object.fromEntries(type.fields.map((field) => [field.name, shapeOf(field.type)]));
    default:
      return duckType(type);
  }
}

type Lambda = Typed & { readonly name: string };

/** A lambda's body with its parameters in scope. With `index`, a second parameter counts from 0. */
function lambda(body: Expr, types: readonly SqlType[], t: Translator, index: boolean): Typed {
  if (body.is !== "lambda") throw unsupported("a higher-order function without a lambda");
  const names = body.names.map(() => t.env.fresh());
  const withIndex = index && body.names.length === types.length + 1;
  if (body.names.length !== types.length && !withIndex)
    throw new SqlError(
      "INVALID_LAMBDA_FUNCTION_CALL.NUM_ARGS_MISMATCH",
      "42K0D",
      `A higher order function expects ${types.length} arguments, but got ${body.names.length}`,
    );
  const parameters = body.names.map((name, position): [string, Typed] => {
    const type = types[position];
    const sql = names[position] ?? "";
    return [
      name.toLowerCase(),
      type === undefined
        ? { sql: `CAST(${sql} - 1 AS INTEGER)`, type: { kind: "INT" } }
        : { sql, type },
    ];
  });
  const lambdas = new Map([...t.scope.lambdas, ...parameters]);
  const inner = t.within({ ...t.scope, lambdas }).expr(body.body);
  return { sql: `lambda ${names.join(", ")}: ${inner.sql}`, type: inner.type };
}

function test(body: Expr, element: SqlType, t: Translator): string {
  const inner = lambda(body, [element], t, true);
  if (inner.type.kind !== "BOOLEAN" && inner.type.kind !== "VOID")
    throw unsupported("a condition that is not BOOLEAN");
  return inner.sql;
}

function entryLambda(body: Expr, map: SqlType & { kind: "MAP" }, t: Translator): Lambda {
  if (body.is !== "lambda" || body.names.length !== 2)
    throw unsupported("this lambda: it takes a key and a value");
  const name = t.env.fresh();
  const [key = "", value = ""] = body.names;
  const lambdas = new Map([
    ...t.scope.lambdas,
    [key.toLowerCase(), { sql: `${name}.key`, type: map.key }] as const,
    [value.toLowerCase(), { sql: `${name}.value`, type: map.value }] as const,
  ]);
  return { ...t.within({ ...t.scope, lambdas }).expr(body.body), name };
}

/** `aggregate(array, start, (sum, x) -> …[, sum -> …])`: the type of the start is the type of the sum. */
function reduceArray([list, start, merge, finish]: readonly Expr[], t: Translator): Typed {
  const given = arrayOf(t.expr(some(list)), "aggregate");
  const first = t.expr(some(start));
  // DuckDB folds into the elements' type: they are widened to the sum's where they fit into it.
  const isWider =
    typeText(commonType(first.type, given.type.element) ?? VOID) === typeText(first.type);
  const array = isWider
    ? arrayOf(castTo(given, { kind: "ARRAY", element: first.type }), "")
    : given;
  const body = lambda(some(merge), [first.type, array.type.element], t, false);
  if (typeText(body.type) !== typeText(first.type))
    throw new SqlError(
      "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
      "42K09",
      `Cannot resolve "aggregate(…)" due to data type mismatch: the merge function gives ${typeText(body.type)}, the start is ${typeText(first.type)}`,
    );
  if (typeText(first.type) !== typeText(array.type.element))
    throw unsupported("aggregate() whose start has another type than the elements");
  const folded = `list_reduce(${array.sql}, ${body.sql}, ${first.sql})`;
  if (finish === undefined) return { sql: folded, type: first.type };
  const end = lambda(finish, [first.type], t, false);
  return { sql: `list_transform([${folded}], ${end.sql})[1]`, type: end.type };
}

function variantGet([value, path, type]: readonly Expr[], t: Translator, lenient: boolean): Typed {
  const of = t.expr(some(value));
  if (of.type.kind !== "VARIANT") throw unsupported("variant_get of anything but a VARIANT");
  const at = literalText(t.expr(some(path)), "variant_get");
  const to = parseSchema(literalText(t.expr(some(type)), "variant_get"));
  return castTo({ sql: `json_extract(${of.sql}, ${duckText(at)})`, type: of.type }, to, lenient);
}
