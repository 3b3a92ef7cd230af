// Looking through an expression without translating it.
import type { Expr } from "../parse/ast.ts";
import { AGGREGATES, WINDOW_ONLY } from "./functions/aggregates.ts";

/** Whether it aggregates the rows of its own SELECT (not in a subquery, not over a window). */
export function containsAggregate(expr: Expr): boolean {
  if (
    expr.is === "call" &&
    expr.over === undefined &&
    AGGREGATES[expr.name] !== undefined &&
    !WINDOW_ONLY.has(expr.name)
  )
    return true;
  return partsOf(expr).some(containsAggregate);
}

const VOLATILE = new Set(["RAND", "RANDOM", "RANDN", "UUID", "SHUFFLE"]);

/** Whether two evaluations may give two values. */
export function containsVolatile(expr: Expr): boolean {
  return (expr.is === "call" && VOLATILE.has(expr.name)) || partsOf(expr).some(containsVolatile);
}

function partsOf(expr: Expr): readonly Expr[] {
  switch (expr.is) {
    case "call":
      return [
        ...expr.args,
        ...(expr.filter ? [expr.filter] : []),
        ...(expr.over?.partitionBy ?? []),
        ...(expr.over?.orderBy.map((item) => item.by) ?? []),
      ];
    case "binary":
      return [expr.left, expr.right];
    case "in":
      return [expr.of, ...expr.items];
    case "like":
      return [expr.of, expr.pattern];
    case "index":
      return [expr.of, expr.at];
    case "case":
      return [
        ...(expr.of ? [expr.of] : []),
        ...expr.branches.flatMap((branch) => [branch.when, branch.result]),
        ...(expr.otherwise ? [expr.otherwise] : []),
      ];
    case "lambda":
      return [expr.body];
    case "interval":
      return expr.parts.map((part) => part.amount);
    case "unary":
    case "isNull":
    case "isTruth":
    case "inQuery":
    case "cast":
    case "field":
    case "path":
      return [expr.of];
    case "literal":
    case "name":
    case "star":
    case "query":
    case "exists":
    case "default":
      return [];
  }
}
