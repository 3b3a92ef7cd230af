import { describe, expect, test } from "vitest";
import { capsuleDelta } from "../../shared/domain/capsule.ts";
import { resultLimits } from "../../shared/domain/contract.ts";
import { resultOf, tooLarge, withinPlan } from "../../shared/domain/result.ts";
import { accepted, manifest, result } from "./examples.ts";

const read = (change: object) => resultOf(JSON.stringify({ ...result, ...change }), accepted);
const whole = JSON.stringify(result);
const many = (count: number, value: unknown) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`m${i}`, value]));

test("a whole result of this attempt is valid", () => {
  expect(resultOf(whole, accepted)).toEqual({ kind: "valid", result, text: whole });
});

test.each([
  {
    given: "torn",
    when: resultOf(whole.slice(0, -20), accepted),
    expected: /^result\.json is not JSON: /,
  },
  { given: "empty", when: resultOf("", accepted), expected: /^result\.json is not JSON: / },
  {
    given: "of another run",
    when: read({ run_id: "ORD-2" }),
    expected: /belongs to another attempt: its run_id is ORD-2, expected ORD-1/,
  },
  {
    given: "of another iteration",
    when: read({ iter_n: 2 }),
    expected: /its iter_n is 2, expected 1/,
  },
  {
    given: "of another attempt",
    when: read({ attempt: 2 }),
    expected: /its attempt is 2, expected 1/,
  },
  {
    given: "of another plan",
    when: read({ manifest_sha256: "b".repeat(64) }),
    expected: /its manifest_sha256 is bbb/,
  },
  {
    given: "with NaN",
    when: resultOf(whole.replace("2.5", "NaN"), accepted),
    expected: /not JSON/,
  },
  {
    given: "with an infinite metric",
    when: resultOf(whole.replace("2.5", "1e400"), accepted),
    expected: /number 1e400 at "rmse", which cannot be held exactly/,
  },
  {
    given: "with a key twice",
    when: resultOf(whole.replace('"status"', '"status":"FAILED","status"'), accepted),
    expected: /has the key "status" twice in one object/,
  },
  {
    given: "with an integer beyond 2^53 in its capsule",
    when: resultOf(whole.replace('"rounds":2', '"rounds":9007199254740993'), accepted),
    expected: /number 9007199254740993 at "rounds"/,
  },
  {
    given: "with a number that would become 0",
    when: resultOf(whole.replace("2.5", "1e-400"), accepted),
    expected: /number 1e-400 at "rmse"/,
  },
  {
    given: "with a key that is none of data's",
    when: resultOf(whole.replace('"rounds":2', '"__proto__":{"x":1}'), accepted),
    expected: /has a key "__proto__", which is refused/,
  },
  {
    given: "over before it began",
    when: read({ ended_at: result.started_at, started_at: result.ended_at }),
    expected: /ends before it starts/,
  },
  {
    given: "with a metric without a name",
    when: read({ metrics: { "": 1 } }),
    expected: /metrics/,
  },
  {
    given: "with a metric that no table can hold",
    when: read({ metrics: { "a\u0000": 1 } }),
    expected: /metrics\.a : Invalid key in record/,
  },
  {
    given: "of a run whose id is a megabyte",
    when: read({ run_id: "x".repeat(1_000_000) }),
    expected: /^.{1,501}$/,
  },
  {
    given: "with a key of a megabyte that nobody knows",
    when: read({ ["x".repeat(1_000_000)]: 1 }),
    expected: /^.{1,501}$/,
  },
  {
    given: "with a metric as text",
    when: read({ metrics: { rmse: "2.5" } }),
    expected: /metrics\.rmse: /,
  },
  { given: "with a status nobody knows", when: read({ status: "GREAT" }), expected: /status: / },
  {
    given: "with a key nobody knows",
    when: read({ outcome: "succeeded" }),
    expected: /Unrecognized key: "outcome"/,
  },
  { given: "without its capsule", when: read({ capsule: undefined }), expected: /capsule: / },
  {
    given: "too deep",
    when: resultOf(
      whole.replace('"output":null', `"output":${"[".repeat(70)}${"]".repeat(70)}`),
      accepted,
    ),
    expected: /nests 71 levels deep; at most 64 are read/,
  },
  {
    given: "with too many metrics",
    when: read({
      metrics: Object.fromEntries(Array.from({ length: 201 }, (_, i) => [`m${i}`, i])),
    }),
    expected: /more than 200 metrics/,
  },
  {
    given: "with too many failed metrics of a baseline",
    when: read({
      baselines: { production: { metrics: {}, failed_metrics: many(201, "why") } },
    }),
    expected: /more than 200 failed metrics/,
  },
  {
    given: "with too many baselines",
    when: read({ baselines: many(11, null) }),
    expected: /more than 10 baselines/,
  },
  {
    given: "with half a sample",
    when: read({ samples: { rmse: 0.5 } }),
    expected: /samples\.rmse: /,
  },
  {
    given: "with a baseline whose name no recipe can say",
    when: read({ baselines: { "the old one": { metrics: {} } } }),
    expected: /baselines\.the old one: /,
  },
  {
    given: "with a capsule that is too large",
    when: read({ capsule: { x: "x".repeat(resultLimits.capsuleBytesMax) } }),
    expected: /capsule in result\.json has more than 65536 bytes/,
  },
  {
    given: "with an output that is too large",
    when: read({ output: "x".repeat(resultLimits.outputBytesMax) }),
    expected: /output in result\.json has more than 262144 bytes/,
  },
  {
    given: "larger than its limit",
    when: resultOf(whole + " ".repeat(resultLimits.resultBytesMax), accepted),
    expected: /at most 1048576 are read/,
  },
  { given: "larger than is read", when: tooLarge(9_999_999), expected: /has 9999999 bytes/ },
])("a result that is $given is none", ({ when, expected }) => {
  expect(when).toEqual({ kind: "invalid", reason: expect.stringMatching(expected) });
});

test.each([
  {
    given: "at their limits",
    when: read({
      metrics: Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`m${i}`, i])),
      capsule: { x: "x".repeat(resultLimits.capsuleBytesMax - 8) },
      output: "x".repeat(resultLimits.outputBytesMax - 2),
    }),
  },
])("metrics, capsule and output $given are valid", ({ when }) => {
  expect(when.kind).toBe("valid");
});

test.each<{ before: object; after: object; expected: object }>([
  { before: {}, after: {}, expected: {} },
  { before: { a: 1, b: 1 }, after: { a: 1, b: 2, c: 3 }, expected: { b: 2, c: 3 } },
  { before: { a: 1, b: 1 }, after: { b: 1 }, expected: { a: null } },
  { before: { a: { x: [1] } }, after: { a: { x: [1] } }, expected: {} },
  { before: { a: { x: [1] } }, after: { a: { x: [2] } }, expected: { a: { x: [2] } } },
  { before: {}, after: { constructor: 1 }, expected: { constructor: 1 } },
])("from $before to $after the capsule changed by $expected", ({ before, after, expected }) => {
  expect(capsuleDelta({ ...before }, { ...after })).toEqual(expected);
});

describe("what a result says was made is held to the plan", () => {
  const permitted = { scratchpad: manifest.scratchpad, writes: ["main.ops.daily"] };
  const file = (path: string) => ({ path, sha256: "a".repeat(64), bytes: 1 });
  const made = (change: object) => withinPlan(read(change), permitted);

  test("what it permits stays as it is, and so does what is no result", () => {
    const change = {
      produced_tables: ["main.ops.daily"],
      produced_artifacts: [file(`${manifest.scratchpad}/artifacts/model.json`)],
    };
    expect(made(change)).toEqual(read(change));
    expect(withinPlan({ kind: "absent" }, permitted)).toEqual({ kind: "absent" });
    expect(withinPlan(tooLarge(7), permitted)).toEqual(tooLarge(7));
  });

  test.each([
    {
      given: "another table",
      change: { produced_tables: ["main.ops.daily", "prod.finance.ledger"] },
      reason:
        "result.json names the table prod.finance.ledger, which its plan does not let it write",
    },
    {
      given: "a file elsewhere",
      change: { produced_artifacts: [file("/Volumes/main/ops/facts/x")] },
      reason: `result.json names the artifact /Volumes/main/ops/facts/x, which is not below its scratchpad ${manifest.scratchpad}`,
    },
    {
      given: "a file in a folder whose name only begins like its own",
      change: { produced_artifacts: [file(`${manifest.scratchpad}0/x`)] },
      reason: `result.json names the artifact ${manifest.scratchpad}0/x, which is not below its scratchpad ${manifest.scratchpad}`,
    },
  ])("$given makes it invalid", ({ change, reason }) => {
    expect(made(change)).toEqual({ kind: "invalid", reason });
  });
});
