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
import { askGate } from "../../shared/domain/gate.ts";
import { resultOf } from "../../shared/domain/result.ts";
import { failedResult, manifest } from "../domain/examples.ts";

/** With something in every list, so that a change can hit it. */
const fullManifest: ExecutorManifest = {
  ...manifest,
  parameters: { data: "x", deep: [{ a: [1.5, null, true] }] },
  policy: { timeout_seconds: 60, allowed_modules: ["numpy"], writes: ["main.ops.daily"] },
  gate: [
    { metric: "rmse", op: "<=", value: 2.7 },
    { metric: ["a", "b"], op: ">", baseline: "production", margin: 0.1, samples: 50 },
  ],
};
const ofThatAttempt = {
  run_id: failedResult.run_id,
  iter_n: failedResult.iter_n,
  attempt: failedResult.attempt,
  manifest_sha256: failedResult.manifest_sha256,
};
const fullResult: Result = {
  ...failedResult,
  produced_artifacts: [{ path: `${manifest.scratchpad}/a`, sha256: "a".repeat(64), bytes: 0 }],
  samples: { rmse: 365 },
  failed_metrics: { "safety/mean": "503" },
  baselines: { production: { metrics: { rmse: 2.6 }, samples: { rmse: 365 } }, staging: null },
  produced_tables: ["main.ops.daily"],
  output: { rows: [1, null] },
  logs: {
    stdout: `${manifest.scratchpad}/stdout.log`,
    stderr: null,
    stdout_tail: "",
    stderr_tail: "",
  },
};

/** What every object in JavaScript has besides, under names that are keys like any other here. */
const keys = ["toString", "valueOf", "constructor", "toJSON", "hasOwnProperty"];

/** What a careless or hostile writer may put in the place of a value. */
const odd = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    1,
    -1,
    1.5,
    2 ** 53,
    1e16,
    1e22,
    5e-324,
    1e300,
    "",
    "1",
    [],
    {},
    [null],
  ),
  fc.constantFrom("main.ops.t", "PROD", "SUCCESS", "==", "a".repeat(64), "A".repeat(64)),
  fc.constantFrom("2026-02-30T00:00:00Z", "2024-02-29T00:00:00Z", "2026-11-21T06:00:00+01:00"),
  fc.constantFrom("/Volumes/a/b/c", "/Volumes/a/b", "/Volumes/a/b/c/../d", "/Volumes/a/b/c\n", "."),
  fc.constantFrom("/Volumes/a/b/c/x\u202ey", "/Volumes/a/b/c/\u2028", "/Volumes/a/b/c/x\u0085"),
  fc.constantFrom("x\n", "entry.py", "../entry.py", "😀".repeat(101), "١".repeat(64)),
  fc.constantFrom("x".repeat(200), "x".repeat(201), "x".repeat(2001), "x".repeat(16_001)),
  fc.constantFrom(...keys).map((key) => ({ [key]: 1e16 })),
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

const numbers = [
  ...["0", "-0.0", "1", "-7", "1.5", "1e5", "1E5", "0.1e1", "1e-7", "5e-324", "1e22", "1e308"],
  ...["9007199254740991", "9007199254740992", "-9007199254740992", "9007199254740993"],
  ...["9007199254740993.0", "10000000000000000", "1e16", "1E16", "12345678901234567890"],
  ...["12345678901234567e5", "1152921504606846976", `1${"0".repeat(22)}`, `1${"0".repeat(23)}`],
  ...["123456789.123456789012345", "1".repeat(400), "1e309", "-1e309", "true", '"1"', "null"],
];

test("a number is a double: Python refuses in a capsule what TypeScript would not read", () => {
  const program = [
    "import json, sys",
    "from signalbox_executor.json_value import NotJsonError, plain, to_bytes",
    "def written(text):",
    "    try:",
    "        return to_bytes(plain({'n': json.loads(text)}, 'it')[0]).decode()",
    "    except NotJsonError:",
    "        return None",
    "print(json.dumps([written(text) for text in json.load(sys.stdin)]))",
  ].join("\n");
  const written: (string | null)[] = JSON.parse(inPython(program, JSON.stringify(numbers)));
  const capsule = (text: string) => {
    const whole = JSON.stringify(fullResult).replace(/"capsule":\{.*?\}/, `"capsule":${text}`);
    const reading = resultOf(whole, ofThatAttempt);
    return reading.kind === "valid" ? reading.result.capsule : undefined;
  };
  for (const [index, text] of numbers.entries()) {
    const inTypeScript = capsule(`{"n":${text}}`);
    expect(written[index] === null, text).toBe(inTypeScript === undefined);
    if (typeof written[index] === "string")
      expect(capsule(written[index]), text).toEqual(JSON.parse(`{"n":${text}}`));
  }
});

test("a number comes back to Python as the one that it sent", () => {
  const program = (text: string) =>
    `import json, sys\nfrom signalbox_executor.json_value import integer_of\n${text}`;
  const sent =
    "[2**53, 2**60, 10**22, -2**63, 3 * 2**900, 1.5, 1e16, 1e20, 1.2345678901234568e20, 7]";
  const stored = JSON.stringify(JSON.parse(inPython(program(`print(json.dumps(${sent}))`))));
  const came = `json.loads(sys.stdin.read(), parse_int=integer_of)`;
  expect(inPython(program(`print(${came} == ${sent})`), stored)).toBe("True\n");
});

test("what Python says of a report that went past its context, TypeScript reads", () => {
  const send = (report: string) => `context._send(json.loads('''${report}'''))`;
  const end = (capsule: string, output = "null") =>
    `{"report":"end","error":null,"capsule":${capsule},"output":${output},"summary":"","finished":null}`;
  for (const code of [
    send('{"report":"metric","name":"__proto__","value":1}'),
    send('{"report":"metric","name":"m","value":1,"of":"__proto__"}'),
    send('{"report":"metric","name":"m","value":1,"samples":0.5}'),
    send('{"report":"metric_failed","name":5,"why":""}'),
    send('{"report":"no_baseline","name":["a"]}'),
    ...["true", '"1"', '" 1_0 "', "null"].map((value) =>
      send(`{"report":"metric","name":"m","value":${value}}`),
    ),
    `${send(end('{"n":9007199254740993}'))}; os._exit(0)`,
    `${send(end('{"__proto__":1}'))}; os._exit(0)`,
    `os.write(plan_fd, b'${end(`{"n":${"[".repeat(900)}${"]".repeat(900)}}`)}\\n'); os._exit(0)`,
    `os.write(plan_fd, b'${end("{}", "[".repeat(33) + "]".repeat(33))}\\n'); os._exit(0)`,
    `os.write(plan_fd, b'${end(`{"n":${"1".repeat(4000)}}`)}\\n'); os._exit(0)`,
    send('{"report":"artifact","name":"a\\\\n\\\\u202e","sha256":"","bytes":1}'),
  ]) {
    const find =
      "plan_fd = next(cell.cell_contents for cell in context._send.__closure__ if isinstance(cell.cell_contents, int))";
    const { file, planned } = ranInPython(`import json, os\n${find}\n${code}`);
    expect(resultOf(file, planned), code.slice(0, 200)).toMatchObject({
      kind: "valid",
      result: { status: "FAILED", error: { type: "RefusedError" } },
    });
  }
});

test.each([
  { given: "better", code: "context.metric('rmse', 2.3, samples=365)", passed: true },
  { given: "on too few samples", code: "context.metric('rmse', 2.3, samples=20)", passed: false },
  { given: "a failure", code: "context.metric_failed('rmse', 'no rows')", passed: false },
  {
    given: "a failure after a number",
    code: "context.metric('rmse', 2.3, samples=365); context.metric_failed('rmse', 'no rows')",
    passed: false,
  },
  { given: "not there", code: "context.metric('mse', 2.3, samples=365)", passed: false },
])("a gate that reads what Python measured, $given: $passed", ({ code, passed }) => {
  const gate = [
    { metric: "rmse", op: "<", baseline: "production", margin: 0.1, samples: 300 } as const,
    { metric: "bias", op: "<", baseline: "staging", value: 1 } as const,
  ];
  const { file, planned } = ranInPython(
    `${code}\ncontext.metric('rmse', 2.5, samples=365, of='production')\ncontext.metric('bias', 0.5)\ncontext.no_baseline('staging')`,
  );
  const reading = resultOf(file, planned);
  expect(reading.kind === "valid" && askGate(gate, reading.result).passed).toBe(passed);
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

/**
 * One attempt of the real executor, both streams in one as Jobs shows them, and what it left as
 * result.json.
 */
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
