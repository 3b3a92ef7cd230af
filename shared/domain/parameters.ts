// Compares a ticket's parameters with those that its recipe names. A misspelt one would be passed
// on unread, and the wrong thing would succeed.

import { nearest } from "./nearest.ts";
import type { Recipe } from "./recipe.ts";
import { oneLine } from "./text.ts";

type Parameters = Recipe["parameters"];

/**
 * One sentence for each parameter that the recipe does not name, or whose kind of value differs
 * from the default's. A default of null takes every value.
 */
export function parameterFaults(
  { parameters: known, open_parameters }: Pick<Recipe, "parameters" | "open_parameters">,
  given: Parameters,
): readonly string[] {
  const names = Object.keys(known);
  return Object.entries(given).flatMap(([name, value]) => {
    const usual = Object.hasOwn(known, name) ? known[name] : undefined;
    if (usual === undefined) return open_parameters ? [] : [unknownFault(name, names)];
    if (usual === null || kindOf(value) === kindOf(usual)) return [];
    return [`parameters.${name} is ${kindOf(value)}, and must be ${kindOf(usual)}`];
  });
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
