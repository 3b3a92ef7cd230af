// Compares a ticket's parameters with those that its recipe names. A misspelt one would be passed
// on unread, and the wrong thing would succeed.

import { nearest } from "./nearest.ts";
import type { Recipe } from "./recipe.ts";
import { oneLine } from "./text.ts";

type Parameters = Recipe["parameters"];

/** A ticket may hold many thousands of names, and nobody reads as many sentences. */
const FAULTS_MAX = 10;

/**
 * One sentence for each parameter that the recipe does not name, or whose kind of value differs
 * from the default's; the first ten. A default of null takes every value.
 */
export function parameterFaults(
  { parameters: known, open_parameters }: Pick<Recipe, "parameters" | "open_parameters">,
  given: Parameters,
): readonly string[] {
  const names = Object.keys(known);
  const isFault = ([name, value]: readonly [string, Parameters[string]]): boolean =>
    Object.hasOwn(known, name)
      ? known[name] !== null && kindOf(value) !== kindOf(known[name])
      : !open_parameters;
  return Object.entries(given)
    .filter(isFault)
    .slice(0, FAULTS_MAX)
    .map(([name, value]) =>
      Object.hasOwn(known, name)
        ? `parameters.${name} is ${kindOf(value)}, and must be ${kindOf(known[name])}`
        : unknownFault(name, names),
    );
}

function unknownFault(name: string, names: readonly string[]): string {
  const guess = nearest(name, names);
  const remedy =
    guess !== undefined
      ? `: did you mean ${guess}?`
      : names.length > 0
        ? `; there are: ${names.join(", ")}`
        : "; it takes none";
  return `parameters.${oneLine(name, 60)} is no parameter of this workload${remedy}`;
}

/** The kind of a JSON value, as a person would name it. */
function kindOf(value: Parameters[string]): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return (
    { string: "a text", number: "a number", boolean: "true or false" }[String(typeof value)] ??
    "a map"
  );
}
