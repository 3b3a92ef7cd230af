import { execFileSync } from "node:child_process";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ExecutorManifest, Result } from "../../shared/domain/contract.ts";
import { failedResult, manifest } from "../domain/examples.ts";

/** With something in every list, so that a change can hit it. */
const fullManifest: ExecutorManifest = {
  ...manifest,
  parameters: { data: "x", deep: [{ a: [1.5, null, true] }] },
  policy: { timeout_seconds: 60, allowed_modules: ["numpy"], writes: ["main.ops.daily"] },
  gate: [{ metric: "rmse", op: "<=", value: 2.7 }],
};
const fullResult: Result = {
  ...failedResult,
  produced_artifacts: [{ path: `${manifest.scratchpad}/a`, sha256: "a".repeat(64), bytes: 0 }],
  produced_tables: ["main.ops.daily"],
  output: { rows: [1, null] },
  logs: {
    stdout: `${manifest.scratchpad}/stdout.log`,
    stderr: null,
    stdout_tail: "",
    stderr_tail: "",
  },
};

/** What a careless or hostile writer may put in the place of a value. */
const odd = fc.oneof(
  fc.constantFrom<unknown>(null, true, 0, 1, -1, 1.5, 2 ** 53, 1e300, "", "1", [], {}, [null]),
  fc.constantFrom("main.ops.t", "PROD", "SUCCESS", "==", "a".repeat(64), "A".repeat(64)),
  fc.constantFrom("2026-02-30T00:00:00Z", "2024-02-29T00:00:00Z", "2026-11-21T06:00:00+01:00"),
  fc.constantFrom("/Volumes/a/b/c", "/Volumes/a/b", "/Volumes/a/b/c/../d", "/Volumes/a/b/c\n", "."),
  fc.constantFrom("x\n", "entry.py", "../entry.py", "😀".repeat(101), "١".repeat(64)),
  fc.constantFrom("x".repeat(200), "x".repeat(201), "x".repeat(2001), "x".repeat(16_001)),
  fc.jsonValue({ maxDepth: 3 }),
);

type Change = readonly [at: number, how: "replace" | "remove" | "add", value: unknown];
const changes = fc.array(
  fc.tuple(fc.nat(), fc.constantFrom("replace", "remove", "add"), odd) as fc.Arbitrary<Change>,
  { minLength: 1, maxLength: 2 },
);

test.each([
  { name: "MANIFEST_SCHEMA", schema: ExecutorManifest, whole: fullManifest },
  { name: "RESULT_SCHEMA", schema: Result, whole: fullResult },
])("Python takes for valid exactly what TypeScript does, by $name", ({ name, schema, whole }) => {
  const made = fc.sample(changes, 1500).map((some) => some.reduce(changed, whole as unknown));
  const texts = [whole, ...made].map((value) => JSON.stringify(value));
  const expected = texts.map((text) => schema.safeParse(JSON.parse(text)).success);
  expect(expected[0]).toBe(true);
  expect(new Set(expected).size, "some are valid, some are not").toBe(2);
  const valid = validInPython(name, texts);
  expect(texts.filter((_, index) => valid[index] !== expected[index])).toEqual([]);
});

function validInPython(schema: string, texts: readonly string[]): readonly boolean[] {
  const program = [
    "import json, sys",
    `from signalbox_executor.limits import ${schema} as schema`,
    "from signalbox_executor.schema import problems",
    "print(json.dumps([not problems(json.loads(text), schema, 'it') for text in json.load(sys.stdin)]))",
  ].join("\n");
  const PYTHONPATH = join(import.meta.dirname, "../../services/executor/src");
  const answer = execFileSync("python3", ["-c", program], {
    env: { ...process.env, PYTHONPATH },
    input: JSON.stringify(texts),
    encoding: "utf8",
  });
  return JSON.parse(answer);
}

/** The same value with one place in it changed: the places are counted as they are met. */
function changed(whole: unknown, [at, how, value]: Change): unknown {
  const copy = structuredClone({ whole });
  const places: (readonly [object, string])[] = [];
  const visit = (holder: object) => {
    for (const [key, inner] of Object.entries(holder)) {
      places.push([holder, key]);
      if (typeof inner === "object" && inner !== null) visit(inner);
    }
  };
  visit(copy);
  const [holder, key] = places[at % places.length]!;
  if (how === "remove" && holder !== copy) Reflect.deleteProperty(holder, key);
  else if (how === "add" && !Array.isArray(holder)) Reflect.set(holder, "surprise", value);
  else Reflect.set(holder, key, value);
  return copy.whole;
}
