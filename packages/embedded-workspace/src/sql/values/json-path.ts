// get_json_object's paths: `$.a.b[0]['c']`. Wildcards are refused.
import { javaNumber } from "./json.ts";
import { rawJson } from "./raw-json.ts";

/** Text without quotes for a string, JSON for anything else, undefined when there is nothing there. @throws Error for a path that is not translated */
export function jsonAt(text: string, path: string): string | undefined {
  const steps = stepsOf(path);
  let value: unknown;
  try {
    value = JSON.parse(text, (_key, each: unknown, context?: { source?: string }) =>
      typeof each === "number" ? rawJson(javaNumber(context?.source ?? String(each))) : each,
    );
  } catch {
    return undefined;
  }
  for (const step of steps) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step))
      return undefined;
    value = (value as Readonly<Record<string | number, unknown>>)[step];
  }
  if (value === null || value === undefined) return undefined;
  return typeof value === "string" ? value : JSON.stringify(value);
}

function stepsOf(path: string): (string | number)[] {
  const steps: (string | number)[] = [];
  const rest = path
    .replace(/^\$/, "")
    .replace(
      /\.([^.[\]'*]+)|\[(\d+)\]|\['([^']*)'\]/g,
      (_, name?: string, index?: string, key?: string) => {
        steps.push(index === undefined ? (name ?? key ?? "") : Number(index));
        return "";
      },
    );
  if (!path.startsWith("$") || rest !== "")
    throw new Error(
      `[UNSUPPORTED_FEATURE.EMBEDDED_WORKSPACE|0A000] The embedded workspace does not translate the JSON path ${path}`,
    );
  return steps;
}
