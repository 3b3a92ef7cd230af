// The columns of a query by name, by position and in order.
import { SqlError } from "../errors.ts";
import type { Expr, OrderItem } from "../parse/ast.ts";
import type { TranslatedQuery } from "./typed.ts";

/** Column aliases of a relation: all columns or none. @throws SqlError 42826 */
export function renamed(
  columns: TranslatedQuery["columns"],
  names: readonly string[],
  of: string,
): TranslatedQuery["columns"] {
  if (names.length === 0) return columns;
  if (names.length !== columns.length)
    throw new SqlError(
      "ASSIGNMENT_ARITY_MISMATCH",
      "42802",
      `The number of columns (${columns.length}) of \`${of}\` and of its column aliases (${names.length}) differ`,
    );
  return columns.map((column, index) => ({ ...column, name: names[index] ?? column.name }));
}

/** An integer literal counts columns from 1. @throws SqlError 42805 beyond the last column */
export function positionOf(by: Expr, count: number): number | undefined {
  if (by.is !== "literal" || by.type.kind !== "INT" || by.value === null) return undefined;
  const position = Number(by.value);
  if (position < 1 || position > count)
    throw new SqlError(
      "ORDER_BY_POS_OUT_OF_RANGE",
      "42805",
      `ORDER BY position ${position} is not in select list (valid range is [1, ${count}])`,
    );
  return position;
}

export function direction(item: OrderItem): string {
  return ` ${item.descending ? "DESC" : "ASC"} NULLS ${item.nullsFirst ? "FIRST" : "LAST"}`;
}
