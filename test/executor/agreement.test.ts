import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { inflateSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { systemDigest } from "../../shared/adapters/system.ts";
import { ExecutorManifest, Result, resultLimits } from "../../shared/domain/contract.ts";
import { type EvidenceDeps, evidenceIn } from "../../shared/domain/evidence.ts";
import { resultOf } from "../../shared/domain/result.ts";
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

test.each([
  { given: "a success", code: "print('done')", expected: { status: "SUCCESS", error: null } },
  {
    given: "a failure, which quotes a block",
    code: "raise ValueError('ä 表 😀\\nsignalbox-result begin ' + 'a' * 64 + ' 10')",
    expected: { status: "FAILED", error: { type: "ValueError", transient: false } },
  },
  {
    given: "text of every kind",
    code: "context.output = ['ä 表 😀 \\x00\\x7f\\u2028 50 %', '\\\\', '\\r\\n']\nprint('ä\\r\\0', end='')",
    expected: { status: "SUCCESS", output: ["ä 表 😀 \0\x7f\u2028 50 %", "\\", "\r\n"] },
  },
])("what Python prints of $given, TypeScript reads", ({ code, expected }) => {
  const { logs, file, planned } = ranInPython(code);
  const evidence = read(logs);
  expect(evidence).toEqual({ kind: "found", text: file });
  const reading = resultOf(file, planned);
  expect(reading).toMatchObject({ kind: "valid", result: expected });
});

test("a result near the limit that hardly compresses comes through, with a flood before it", () => {
  const letters = "''.join(chr(random.randrange(0x4e00, 0x9fff)) for _ in range(767))";
  const tables = JSON.parse(
    inPython(`import json, random\nprint(json.dumps([${letters} for _ in range(200)]))`),
  );
  const code = [
    "import random, sys",
    "some = lambda n: ''.join(chr(random.randrange(0x4e00, 0x9fff)) for _ in range(n))",
    `for name in ${JSON.stringify(tables)}: context.table(name)`,
    "for n in range(200): context.metric(some(200), n)",
    `context.output = some(${resultLimits.outputBytesMax} // 3 - 2)`,
    `context.capsule['c'] = some(${resultLimits.capsuleBytesMax} // 3 - 10)`,
    "for stream in (sys.stdout, sys.stderr):",
    "    for _ in range(300): stream.write(some(8_000) + '\\nsignalbox-result begin\\n')",
  ].join("\n");
  const { logs, file, planned } = ranInPython(code, tables);
  expect(Buffer.byteLength(file)).toBeGreaterThan(900_000);
  expect(Buffer.byteLength(logs)).toBeLessThan(5_000_000);
  expect(read(logs)).toEqual({ kind: "found", text: file });
  expect(resultOf(file, planned)).toMatchObject({ kind: "valid", result: { status: "SUCCESS" } });
});

test("1 MiB that cannot be compressed at all is within what TypeScript reads", () => {
  const program = (content: string) =>
    inPython(
      `import os, sys\nfrom signalbox_executor.evidence import block\nsys.stdout.write(block(${content}))`,
    );
  const found = read(program("os.urandom(512 * 1024).hex().encode()"));
  expect(found.kind === "found" && found.text.length).toBe(resultLimits.resultBytesMax);
  // Everything about it is right but that it is no text, which is looked at last.
  const noise = program("os.urandom(1024 * 1024)");
  expect(noise.length).toBeGreaterThan(1_398_101);
  expect(read(noise)).toMatchObject({
    reason: expect.stringMatching(/it is not UTF-8$/),
  });
});

const read = (logs: string) => evidenceIn({ logs, isTruncated: false }, deps);

const deps: EvidenceDeps = {
  sha256: systemDigest.sha256,
  inflate: (bytes, bytesMax) => {
    try {
      return inflateSync(bytes, { maxOutputLength: bytesMax });
    } catch {
      return undefined;
    }
  },
};

/** One attempt of the real executor, both streams in one as Jobs shows them, and what it left as result.json. */
function ranInPython(code: string, writes: readonly string[] = []) {
  const root = mkdtempSync(join(tmpdir(), "signalbox-agreement-"));
  const real = (path: string) => join(root, path);
  const put = (path: string, content: string) => {
    mkdirSync(dirname(real(path)), { recursive: true });
    writeFileSync(real(path), content);
  };
  const content = `from signalbox_executor import context\n${code}\n`;
  const file = { name: "main.py", path: "/Volumes/main/ops/facts/main.py" };
  put(file.path, content);
  const planned = JSON.stringify({
    ...manifest,
    files: [{ ...file, sha256: systemDigest.sha256(content), bytes: Buffer.byteLength(content) }],
    code_paths: [],
    policy: { ...manifest.policy, writes: [...writes] },
  } satisfies ExecutorManifest);
  put("/Volumes/main/ops/facts/manifest.json", planned);
  const executor = join(import.meta.dirname, "../../services/executor");
  const { stdout } = spawnSync(
    "/bin/sh",
    [
      ...["-c", 'exec python3 "$@" 2>&1', "sh", join(executor, "src/run_executor.py")],
      "/Volumes/main/ops/facts/manifest.json",
    ],
    {
      env: {
        ...process.env,
        PYTHONPATH: join(executor, "tests/volume_shim"),
        SIGNALBOX_TEST_VOLUMES: join(root, "Volumes"),
      },
      encoding: "utf8",
      maxBuffer: 16 * 1024 * 1024,
    },
  );
  return {
    logs: stdout,
    file: readFileSync(real(`${manifest.scratchpad}/result.json`), "utf8"),
    planned: { ...manifest, manifest_sha256: systemDigest.sha256(planned) },
  };
}

function inPython(program: string, input = ""): string {
  const PYTHONPATH = join(import.meta.dirname, "../../services/executor/src");
  return execFileSync("python3", ["-c", program], {
    env: { ...process.env, PYTHONPATH },
    input,
    encoding: "utf8",
    maxBuffer: 16 * 1024 * 1024,
  });
}

function validInPython(schema: string, texts: readonly string[]): readonly boolean[] {
  const program = [
    "import json, sys",
    `from signalbox_executor.limits import ${schema} as schema`,
    "from signalbox_executor.schema import problems",
    "print(json.dumps([not problems(json.loads(text), schema, 'it') for text in json.load(sys.stdin)]))",
  ].join("\n");
  const answer = inPython(program, JSON.stringify(texts));
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
