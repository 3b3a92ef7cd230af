// Functions of arrays, maps and structs. Arrays of DuckDB count from 1; so do Spark's functions, but not its brackets.
import { unsupported } from "../../errors.ts";
import {
  BIGINT,
  BOOLEAN,
  duckName,
  duckType,
  INT,
  type SqlType,
  STRING,
  typeSql,
} from "../../types.ts";
import { castTo, implicitly } from "../casts.ts";
import { commonTypeOf, mismatch } from "../coerce.ts";
import type { Typed } from "../typed.ts";
import { type Scalar, typed } from "./define.ts";

type ArrayType = SqlType & { kind: "ARRAY" };
type MapType = SqlType & { kind: "MAP" };

/** Functions of an array and a value of its elements' type. */
const withElement = (
  name: string,
  build: (list: string, element: string, type: ArrayType) => Typed,
) =>
  typed(2, 2, ([list, element]) => {
    const array = arrayOf(list, name);
    if (name === "array_contains" && element?.type.kind === "VOID")
      throw mismatch(
        "NULL_TYPE",
        '"array_contains(…)"',
        "Null typed values cannot be used as arguments of `array_contains`",
      );
    const inner =
      array.type.element.kind === "VOID" ? (element?.type ?? STRING) : array.type.element;
    const type: ArrayType = { kind: "ARRAY", element: inner };
    return build(castTo(array, type).sql, implicitly(some(element), inner, name).sql, type);
  });
const ofArray = (name: string, build: (list: string, type: ArrayType) => Typed) =>
  typed(1, 1, ([list]) => {
    const array = arrayOf(list, name);
    return build(array.sql, array.type);
  });
const ofTwo = (name: string, build: (a: string, b: string) => string) =>
  typed(2, 2, ([left, right]) => {
    const type = commonTypeOf([arrayOf(left, name).type, arrayOf(right, name).type], name);
    const [a, b] = [castTo(some(left), type).sql, castTo(some(right), type).sql];
    return {
      sql: `CASE WHEN ${a} IS NULL OR ${b} IS NULL THEN NULL ELSE ${build(a, b)} END`,
      type,
    };
  });
const ofMap = (name: string, build: (map: string, type: MapType) => Typed) =>
  typed(1, 1, ([map]) => {
    const value = mapOf(map, name);
    return build(value.sql, value.type);
  });

/** ANSI mode: the size of NULL is NULL. */
const size = typed(1, 1, ([value]) => {
  const of = some(value);
  if (of.type.kind === "VOID") return castTo(of, INT);
  if (of.type.kind === "MAP") return { sql: `CAST(cardinality(${of.sql}) AS INTEGER)`, type: INT };
  return { sql: `CAST(len(${arrayOf(of, "size").sql}) AS INTEGER)`, type: INT };
});
const sorted = (name: string, sql: (list: string, descending: string) => string) =>
  typed(1, 2, ([list, ascending]) => {
    const array = arrayOf(list, name);
    const order =
      ascending === undefined
        ? "'ASC'"
        : ascending.sql === "true"
          ? "'ASC'"
          : ascending.sql === "false"
            ? "'DESC'"
            : undefined;
    if (order === undefined || (name === "array_sort" && ascending !== undefined))
      throw unsupported(`${name} with this second argument`);
    return { sql: sql(array.sql, order), type: array.type };
  });
const DISTINCT = (list: string) =>
  `list_filter(${list}, lambda e, i: list_position(${list}, e) = i)`;

export const COLLECTIONS: Readonly<Record<string, Scalar>> = {
  SIZE: size,
  CARDINALITY: size,
  ARRAY_SIZE: size,
  ARRAY: typed(0, Number.POSITIVE_INFINITY, (args) => {
    const element =
      args.length === 0
        ? ({ kind: "VOID" } as const)
        : commonTypeOf(
            args.map((arg) => arg.type),
            "array",
          );
    const type: SqlType = { kind: "ARRAY", element };
    return {
      sql: `CAST([${args.map((arg) => castTo(arg, element).sql).join(", ")}] AS ${duckType(type)})`,
      type,
    };
  }),
  MAP: typed(0, Number.POSITIVE_INFINITY, (args) => mapLiteral(args)),
  NAMED_STRUCT: typed(2, Number.POSITIVE_INFINITY, (args) => {
    if (args.length % 2 !== 0) throw unsupported("named_struct with a name and no value");
    const pairs = [];
    for (let i = 0; i < args.length; i += 2)
      pairs.push({ name: literalText(args[i], "named_struct"), value: some(args[i + 1]) });
    return structOf(pairs);
  }),
  ARRAY_CONTAINS: withElement("array_contains", (list, element) => ({
    // Not found is NULL, not false, when the array holds a NULL.
    sql: `CASE WHEN ${element} IS NULL OR ${list} IS NULL THEN NULL WHEN list_contains(${list}, ${element}) THEN true WHEN len(list_filter(${list}, lambda e: e IS NULL)) > 0 THEN NULL ELSE false END`,
    type: BOOLEAN,
  })),
  ARRAY_POSITION: withElement("array_position", (list, element) => ({
    sql: `CAST(CASE WHEN ${element} IS NULL OR ${list} IS NULL THEN NULL ELSE coalesce(list_position(${list}, ${element}), 0) END AS BIGINT)`,
    type: BIGINT,
  })),
  ARRAY_APPEND: withElement("array_append", (list, element, type) => ({
    sql: `CASE WHEN ${list} IS NULL THEN NULL ELSE list_append(${list}, ${element}) END`,
    type,
  })),
  ARRAY_PREPEND: withElement("array_prepend", (list, element, type) => ({
    sql: `CASE WHEN ${list} IS NULL THEN NULL ELSE list_prepend(${element}, ${list}) END`,
    type,
  })),
  ARRAY_REMOVE: withElement("array_remove", (list, element, type) => ({
    sql: `CASE WHEN ${element} IS NULL THEN NULL ELSE list_filter(${list}, lambda e: e IS NULL OR e <> ${element}) END`,
    type,
  })),
  ARRAY_DISTINCT: ofArray("array_distinct", (list, type) => ({ sql: DISTINCT(list), type })),
  ARRAY_COMPACT: ofArray("array_compact", (list, type) => ({
    sql: `list_filter(${list}, lambda e: e IS NOT NULL)`,
    type,
  })),
  ARRAY_MAX: ofArray("array_max", (list, type) => ({
    sql: `list_max(${list})`,
    type: type.element,
  })),
  ARRAY_MIN: ofArray("array_min", (list, type) => ({
    sql: `list_min(${list})`,
    type: type.element,
  })),
  ARRAY_UNION: ofTwo("array_union", (a, b) => DISTINCT(`list_concat(${a}, ${b})`)),
  ARRAY_INTERSECT: ofTwo("array_intersect", (a, b) =>
    DISTINCT(`list_filter(${a}, lambda x: coalesce(list_position(${b}, x), 0) > 0)`),
  ),
  ARRAY_EXCEPT: ofTwo("array_except", (a, b) =>
    DISTINCT(`list_filter(${a}, lambda x: coalesce(list_position(${b}, x), 0) = 0)`),
  ),
  ARRAYS_OVERLAP: typed(2, 2, ([left, right]) => {
    const type = commonTypeOf(
      [arrayOf(left, "arrays_overlap").type, arrayOf(right, "arrays_overlap").type],
      "arrays_overlap",
    );
    return {
      sql: `list_has_any(${castTo(some(left), type).sql}, ${castTo(some(right), type).sql})`,
      type: BOOLEAN,
    };
  }),
  ARRAY_JOIN: typed(2, 3, ([list, by, missing]) => {
    const texts = castTo(arrayOf(list, "array_join"), { kind: "ARRAY", element: STRING }).sql;
    const noText = missing === undefined ? "" : ` OR ${missing.sql} IS NULL`;
    const shown =
      missing === undefined
        ? `list_filter(${texts}, lambda e: e IS NOT NULL)`
        : `list_transform(${texts}, lambda e: coalesce(e, ${implicitly(missing, STRING, "array_join").sql}))`;
    return {
      sql: `CASE WHEN ${texts} IS NULL${noText} THEN NULL ELSE coalesce(array_to_string(${shown}, ${implicitly(some(by), STRING, "array_join").sql}), '') END`,
      type: STRING,
    };
  }),
  ARRAY_REPEAT: typed(2, 2, ([value, count]) => ({
    sql: `list_transform(generate_series(1, dbx_series_end(1, ${castTo(implicitly(some(count), INT, "array_repeat"), BIGINT).sql}, 1)), lambda i: ${some(value).sql})`,
    type: { kind: "ARRAY", element: some(value).type },
  })),
  SORT_ARRAY: sorted(
    "sort_array",
    (list, order) =>
      `list_sort(${list}, ${order}, ${order === "'ASC'" ? "'NULLS FIRST'" : "'NULLS LAST'"})`,
  ),
  ARRAY_SORT: sorted("array_sort", (list) => `list_sort(${list}, 'ASC', 'NULLS LAST')`),
  REVERSE: typed(1, 1, ([value]) => {
    const of = some(value);
    if (of.type.kind === "ARRAY") return { sql: `list_reverse(${of.sql})`, type: of.type };
    return { sql: `reverse(${implicitly(of, STRING, "reverse").sql})`, type: STRING };
  }),
  SLICE: typed(3, 3, ([list, from, count]) => {
    const array = arrayOf(list, "slice");
    const [start, length] = [
      implicitly(some(from), INT, "slice").sql,
      implicitly(some(count), INT, "slice").sql,
    ];
    const first = `CASE WHEN ${start} < 0 THEN len(${array.sql}) + ${start} + 1 ELSE ${start} END`;
    const fault =
      "error('[INVALID_PARAMETER_VALUE.START|22023] The value of parameter(s) `start` in `slice` is invalid: Expects a positive or a negative value, but got 0.')";
    const negative =
      "error('[INVALID_PARAMETER_VALUE.LENGTH|22023] The value of parameter(s) `length` in `slice` is invalid: Expects `length` greater than or equal to 0.')";
    return {
      sql: `CASE WHEN ${start} = 0 THEN ${fault} WHEN ${length} < 0 THEN ${negative} WHEN ${first} < 1 THEN CAST([] AS ${duckType(array.type)}) ELSE list_slice(${array.sql}, ${first}, ${first} + ${length} - 1) END`,
      type: array.type,
    };
  }),
  ELEMENT_AT: typed(2, 2, ([value, at]) => elementFromOne(some(value), some(at), true)),
  TRY_ELEMENT_AT: typed(2, 2, ([value, at]) => elementFromOne(some(value), some(at), false)),
  GET: typed(2, 2, ([list, at]) => {
    const array = arrayOf(list, "get");
    const index = implicitly(some(at), INT, "get").sql;
    return {
      sql: `CASE WHEN ${index} >= 0 THEN ${array.sql}[${index} + 1] END`,
      type: array.type.element,
    };
  }),
  FLATTEN: typed(1, 1, ([list]) => {
    const array = arrayOf(list, "flatten");
    if (array.type.element.kind !== "ARRAY")
      throw mismatch(
        "UNEXPECTED_INPUT_TYPE",
        '"flatten(…)"',
        `The first parameter requires the "ARRAY" of "ARRAY" type, however it has the type "${typeSql(array.type)}"`,
      );
    return {
      sql: `CASE WHEN len(list_filter(${array.sql}, lambda e: e IS NULL)) > 0 THEN NULL ELSE flatten(${array.sql}) END`,
      type: array.type.element,
    };
  }),
  SEQUENCE: typed(2, 3, (args) => sequence(args)),
  MAP_KEYS: ofMap("map_keys", (map, type) => ({
    sql: `map_keys(${map})`,
    type: { kind: "ARRAY", element: type.key },
  })),
  MAP_VALUES: ofMap("map_values", (map, type) => ({
    sql: `map_values(${map})`,
    type: { kind: "ARRAY", element: type.value },
  })),
  MAP_ENTRIES: ofMap("map_entries", (map, type) => ({
    sql: `map_entries(${map})`,
    type: {
      kind: "ARRAY",
      element: {
        kind: "STRUCT",
        fields: [
          { name: "key", type: type.key },
          { name: "value", type: type.value },
        ],
      },
    },
  })),
  MAP_CONCAT: typed(1, Number.POSITIVE_INFINITY, (maps) => {
    const type = commonTypeOf(
      maps.map((map) => mapOf(map, "map_concat").type),
      "map_concat",
    );
    const entries = maps.map((map) => `map_entries(${castTo(map, type).sql})`);
    // Not DuckDB's own map_concat: that takes the later of two equal keys, which is an error.
    return { sql: `map_from_entries(flatten([${entries.join(", ")}]))`, type };
  }),
  MAP_CONTAINS_KEY: typed(2, 2, ([map, key]) => {
    const value = mapOf(map, "map_contains_key");
    return {
      sql: `list_contains(map_keys(${value.sql}), ${implicitly(some(key), value.type.key, "map_contains_key").sql})`,
      type: BOOLEAN,
    };
  }),
  MAP_FROM_ARRAYS: typed(2, 2, ([keys, values]) => {
    const [k, v] = [arrayOf(keys, "map_from_arrays"), arrayOf(values, "map_from_arrays")];
    return {
      sql: `map(${k.sql}, ${v.sql})`,
      type: { kind: "MAP", key: k.type.element, value: v.type.element },
    };
  }),
  MAP_FROM_ENTRIES: typed(1, 1, ([entries]) => {
    const array = arrayOf(entries, "map_from_entries");
    const [key, value] = array.type.element.kind === "STRUCT" ? array.type.element.fields : [];
    if (key === undefined || value === undefined)
      throw mismatch(
        "MAP_FROM_ENTRIES_WRONG_TYPE",
        '"map_from_entries(…)"',
        `The argument must be an array of pairs, but it's "${typeSql(array.type)}"`,
      );
    return {
      sql: `map_from_entries(${array.sql})`,
      type: { kind: "MAP", key: key.type, value: value.type },
    };
  }),
};

function some(value: Typed | undefined): Typed {
  if (value === undefined) throw new Error("the number of arguments was checked");
  return value;
}

export function arrayOf(
  value: Typed | undefined,
  name: string,
): Typed & { readonly type: ArrayType } {
  const of = some(value);
  if (of.type.kind === "ARRAY") return { sql: of.sql, type: of.type };
  if (of.type.kind === "VOID")
    throw mismatch(
      "NULL_TYPE",
      `"${name}(…)"`,
      `Null typed values cannot be used as arguments of \`${name}\``,
    );
  throw mismatch(
    "UNEXPECTED_INPUT_TYPE",
    `"${name}(…)"`,
    `The first parameter requires the "ARRAY" type, however it has the type "${typeSql(of.type)}"`,
  );
}

export function mapOf(value: Typed | undefined, name: string): Typed & { readonly type: MapType } {
  const of = some(value);
  if (of.type.kind === "MAP") return { sql: of.sql, type: of.type };
  throw mismatch(
    "UNEXPECTED_INPUT_TYPE",
    `"${name}(…)"`,
    `The first parameter requires the "MAP" type, however it has the type "${typeSql(of.type)}"`,
  );
}

/** The text of a string literal. */
export function literalText(value: Typed | undefined, where: string): string {
  const text = /^'((?:[^']|'')*)'$/.exec(value?.sql ?? "")?.[1];
  if (text === undefined)
    throw mismatch(
      "NON_FOLDABLE_INPUT",
      `"${where}(…)"`,
      'the input should be a foldable "STRING" expression',
    );
  return text.replaceAll("''", "'");
}

function structOf(fields: readonly { readonly name: string; readonly value: Typed }[]): Typed {
  const type: SqlType = {
    kind: "STRUCT",
    fields: fields.map(({ name, value }) => ({ name, type: value.type })),
  };
  return {
    sql: `CAST(struct_pack(${fields.map(({ name, value }) => `${duckName(name)} := ${value.sql}`).join(", ")}) AS ${duckType(type)})`,
    type,
  };
}

function mapLiteral(args: readonly Typed[]): Typed {
  if (args.length % 2 !== 0)
    throw mismatch("WRONG_NUM_ARGS", '"map(…)"', "a map needs a value for each key");
  const keys = args.filter((_, index) => index % 2 === 0);
  const values = args.filter((_, index) => index % 2 === 1);
  const kind = (items: readonly Typed[]): SqlType =>
    items.length === 0
      ? { kind: "VOID" }
      : commonTypeOf(
          items.map((item) => item.type),
          "map",
        );
  const type: SqlType = { kind: "MAP", key: kind(keys), value: kind(values) };
  const list = (items: readonly Typed[], of: SqlType) =>
    `[${items.map((item) => castTo(item, of).sql).join(", ")}]`;
  return {
    sql: `CAST(map(${list(keys, type.key)}, ${list(values, type.value)}) AS ${duckType(type)})`,
    type,
  };
}

/** element_at counts from 1, from the end with negative numbers; 0 and beyond the end are errors. */
function elementFromOne(value: Typed, at: Typed, strict: boolean): Typed {
  if (value.type.kind === "MAP")
    return {
      sql: `${value.sql}[${implicitly(at, value.type.key, "element_at").sql}]`,
      type: value.type.value,
    };
  const array = arrayOf(value, "element_at");
  if (!/INT/.test(at.type.kind))
    throw mismatch(
      "UNEXPECTED_INPUT_TYPE",
      '"element_at(…)"',
      `The second parameter requires the "INT" type, however it has the type "${typeSql(at.type)}"`,
    );
  const index = implicitly(at, INT, "element_at").sql;
  const zero =
    "error('[INVALID_INDEX_OF_ZERO|22003] The index 0 is invalid. An index shall be either < 0 or > 0 (the first element has index 1).')";
  const outside = `error('[INVALID_ARRAY_INDEX_IN_ELEMENT_AT|22003] The index ' || ${index} || ' is out of bounds. The array has ' || len(${array.sql}) || ' elements. Use \`try_element_at\` to tolerate accessing element at invalid index and return NULL instead.')`;
  return {
    sql: `CASE WHEN ${index} = 0 THEN ${zero} WHEN abs(${index}) > len(${array.sql}) THEN ${strict ? outside : "NULL"} ELSE ${array.sql}[${index}] END`,
    type: array.type.element,
  };
}

/** Both ends belong to it. */
function sequence(args: readonly Typed[]): Typed {
  const type = commonTypeOf(
    args.map((arg) => arg.type),
    "sequence",
  );
  if (type.kind !== "INT" && type.kind !== "BIGINT")
    throw unsupported("sequence of anything but integers");
  const [from = "", to = "", step] = args.map((arg) => castTo(arg, BIGINT).sql);
  const by = step ?? `CASE WHEN ${from} <= ${to} THEN 1 ELSE -1 END`;
  const end = `dbx_series_end(${from}, ${to}, ${by})`;
  const series = `CAST(generate_series(${from}, ${end}, CAST(${by} AS BIGINT)) AS ${duckType(type)}[])`;
  const away =
    step &&
    `(${step} = 0 AND ${from} <> ${to}) OR (${step} > 0 AND ${from} > ${to}) OR (${step} < 0 AND ${from} < ${to})`;
  const fault =
    "error('[INVALID_PARAMETER_VALUE|22023] Illegal sequence boundaries: the step leads away from the end.')";
  return {
    sql: away === undefined ? series : `CASE WHEN ${away} THEN ${fault} ELSE ${series} END`,
    type: { kind: "ARRAY", element: type },
  };
}
