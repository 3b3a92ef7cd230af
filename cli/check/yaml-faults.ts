// The faults of a YAML file that people write: line, column, what is wrong, and what was meant.
import { isMap, isNode, isPair, LineCounter, type ParsedNode, parseDocument } from "yaml";
import type * as z from "zod";
import { strictYaml } from "../../shared/adapters/strict-yaml.ts";
import { messageOf } from "../../shared/domain/body.ts";
import { nearest } from "../../shared/domain/nearest.ts";
import { oneLine } from "../../shared/domain/text.ts";
import { keysAt } from "./keys.ts";

export type Fault = {
  readonly file: string;
  /** From 1; absent if it concerns the file as a whole. */
  readonly line?: number;
  readonly column?: number;
  readonly sentence: string;
};

/** @param schema what the file's value must be */
export function yamlFaults(file: string, text: string, schema: z.ZodType): readonly Fault[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, strict: true, uniqueKeys: true });
  const broken = document.errors[0] ?? document.warnings[0];
  if (broken !== undefined) {
    const { line, col } = lines.linePos(broken.pos[0]);
    const [sentence = ""] = broken.message
      .replace(/ at line [0-9]+, column [0-9]+:?/, "")
      .split("\n");
    return [{ file, line, column: col, sentence: `no YAML that can be read: ${sentence}` }];
  }
  try {
    strictYaml(text);
  } catch (error) {
    return [{ file, sentence: messageOf(error) }];
  }
  const value: unknown = document.toJS();
  const parsed = schema.safeParse(value);
  if (parsed.success) return [];
  const said = parsed.error.issues
    .flatMap((issue) => flat(issue))
    .flatMap((issue) => sentencesOf(issue, value, schema));
  const slips = new Set(said.flatMap(({ meant }) => (meant === undefined ? [] : [placeOf(meant)])));
  return said
    .filter(({ isMissing, path }) => !isMissing || !slips.has(placeOf(path)))
    .map(({ sentence, path }) => {
      const { line, col } = lines.linePos(offsetOf(document.contents, path));
      return { file, line, column: col, sentence: oneLine(sentence) };
    })
    .toSorted((a, b) => a.line - b.line);
}

/** Of a union, the nearest branch says what is wrong. */
function flat(
  issue: z.core.$ZodIssue,
  above: readonly PropertyKey[] = [],
): readonly z.core.$ZodIssue[] {
  const path = [...above, ...issue.path];
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    const near = issue.errors.toSorted((a, b) => a.length - b.length)[0] ?? [];
    if (near.length > 0) return near.flatMap((inner) => flat(inner, path));
  }
  return [{ ...issue, path }];
}

type Said = {
  readonly sentence: string;
  readonly path: readonly PropertyKey[];
  /** The key that was probably meant: then nobody is told that it is missing. */
  readonly meant?: readonly PropertyKey[];
  readonly isMissing?: boolean;
};

function sentencesOf(issue: z.core.$ZodIssue, value: unknown, schema: z.ZodType): readonly Said[] {
  const { path } = issue;
  if (issue.code === "unrecognized_keys") {
    const known = keysAt(schema, path);
    return issue.keys.map((key) => unknownKey(path, key, known));
  }
  const found = path.reduce<unknown>(at, value);
  if (found === undefined) {
    const expected = expectedOf(issue, schema, path);
    return [{ path, isMissing: true, sentence: `${placeOf(path)} is missing: ${expected}` }];
  }
  const shown = oneLine(JSON.stringify(found), 80);
  const values = issue.code === "invalid_value" ? issue.values.map(String) : [];
  const guess = typeof found === "string" ? nearest(found, values) : undefined;
  const suggestion = guess === undefined ? "" : ` (did you mean ${guess}?)`;
  return [{ path, sentence: `${placeOf(path)} is ${shown}, and ${wordsOf(issue)}${suggestion}` }];
}

function unknownKey(above: readonly PropertyKey[], key: string, known: readonly string[]): Said {
  const path = [...above, key];
  const guess = nearest(key, known);
  const there = known.length === 0 ? "" : `; there is ${known.join(", ")}`;
  return {
    path,
    sentence: `${placeOf(path)} is not known here${guess === undefined ? there : `: did you mean ${guess}?`}`,
    ...(guess !== undefined && { meant: [...above, guess] }),
  };
}

function expectedOf(
  issue: z.core.$ZodIssue,
  schema: z.ZodType,
  path: readonly PropertyKey[],
): string {
  const keys = keysAt(schema, path);
  if (keys.length > 0) return `it holds ${keys.join(", ")}`;
  return wordsOf(issue);
}

/** The schema's sentence if it has one; the library's own in plain words. */
function wordsOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return issue.message.startsWith("Invalid input")
        ? `must be ${aOf(issue.expected)}`
        : issue.message;
    case "invalid_value":
      return `must be ${issue.values
        .map(String)
        .join(", ")
        .replace(/, ([^,]+)$/, " or $1")}`;
    case "too_big":
      return issue.message.startsWith("Too big")
        ? `must be at most ${issue.maximum}`
        : issue.message;
    case "too_small":
      return issue.message.startsWith("Too small")
        ? `must be at least ${issue.minimum}`
        : issue.message;
    default:
      return issue.message;
  }
}

const NAMES: Readonly<Record<string, string>> = {
  string: "text",
  int: "a whole number",
  number: "a number",
  boolean: "true or false",
  array: "a list",
  object: "an object (key: value)",
  record: "an object (key: value)",
};
const aOf = (expected: string): string => NAMES[expected] ?? expected;

const placeOf = (path: readonly PropertyKey[]): string =>
  path.length === 0 ? "the file" : path.map(String).join(".");

const at = (value: unknown, key: PropertyKey): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;

/** Where the path begins in the text; where it ends, if a part of it is missing. */
function offsetOf(contents: ParsedNode | null, path: readonly PropertyKey[]): number {
  let node: unknown = contents;
  let offset = contents?.range[0] ?? 0;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isNode(key) && String(key) === String(step));
      if (!isPair(pair)) return offset;
      offset = (pair.key as ParsedNode).range?.[0] ?? offset;
      node = pair.value;
    } else {
      node =
        typeof step === "number" && typeof node === "object" && node !== null && "items" in node
          ? (node.items as unknown[])[step]
          : undefined;
      if (!isNode(node)) return offset;
      offset = node.range?.[0] ?? offset;
    }
  }
  return offset;
}
