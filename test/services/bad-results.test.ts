// What is said of a result.json that cannot be believed. The run says SUCCESS each time; none of
// them is a success.
import { expect, test } from "vitest";
import { factRef } from "../../shared/domain/facts.ts";
import { endedOf } from "../../shared/domain/messages.ts";
import { result } from "../domain/examples.ts";
import { deliver } from "../support/deliver.ts";
import { chapter, first } from "../support/facts.ts";
import { overPlane } from "../support/under-way.ts";

const whole = JSON.stringify(result);
const deep = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);
const withOutput = (output: string): string =>
  whole.replace('"output":null', () => `"output":${output}`);
const of = (more: object): string => JSON.stringify({ ...result, ...more });
const hundred = (n: number) =>
  Object.fromEntries(Array.from({ length: n }, (_, i) => [`m${i}`, i]));
const another = "result.json belongs to another attempt: its";
const contract = "result.json is not as the contract has it:";

test.each<{ given: string; content: string | undefined; why: string | RegExp }>([
  { given: "missing", content: undefined, why: "there is no result" },
  { given: "empty", content: "", why: /the result in the run's output cannot be read: / },
  { given: "truncated", content: whole.slice(0, 300), why: /result\.json is not JSON: / },
  {
    given: "with NaN",
    content: whole.replace("2.5", "NaN"),
    why: /result\.json is not JSON: Unexpected token 'N'/,
  },
  {
    given: "with a metric beyond all numbers",
    content: whole.replace("2.5", "1e999"),
    why: 'result.json has the number 1e999 at "rmse", which cannot be held exactly: send it as text',
  },
  {
    given: "without its metrics",
    content: of({ metrics: undefined }),
    why: `${contract} metrics: Invalid input: expected record, received undefined`,
  },
  {
    given: "with a key that nobody knows",
    content: of({ verdict: "succeeded" }),
    why: `${contract} Unrecognized key: "verdict"`,
  },
  {
    given: "of another run",
    content: of({ run_id: "ORD-2" }),
    why: `${another} run_id is ORD-2, expected ORD-1`,
  },
  {
    given: "of another iteration",
    content: of({ iter_n: 2 }),
    why: `${another} iter_n is 2, expected 1`,
  },
  {
    given: "of another attempt",
    content: of({ attempt: 2 }),
    why: `${another} attempt is 2, expected 1`,
  },
  {
    given: "with a table that its plan does not permit",
    content: of({ produced_tables: ["prod.finance.ledger"] }),
    why: "result.json names the table prod.finance.ledger, which its plan does not let it write",
  },
  {
    given: "with an artifact out of its scratchpad",
    content: of({
      produced_artifacts: [{ path: "/Volumes/main/ops/facts/x", sha256: "a".repeat(64), bytes: 1 }],
    }),
    why: /result\.json names the artifact \/Volumes\/main\/ops\/facts\/x, which is not below its scratchpad /,
  },
  {
    given: "of another plan",
    content: of({ manifest_sha256: "b".repeat(64) }),
    why: `${another} manifest_sha256 is ${"b".repeat(64)}, expected ${"a".repeat(64)}`,
  },
  {
    given: "larger than anybody reads",
    content: whole.padEnd(1024 * 1024 + 1),
    why: "the result in the run's output cannot be read: it has 1048577 bytes, at most 1048576 are read",
  },
  {
    given: "nested without end",
    content: withOutput(deep(64)),
    why: "result.json nests 65 levels deep; at most 64 are read",
  },
  {
    given: "with an output that nests too deeply",
    content: withOutput(deep(33)),
    why: `${contract} output: must not be nested deeper than 32 levels`,
  },
  {
    given: "with half a character",
    content: withOutput('{"city":"\\ud83d"}'),
    why: 'result.json has half a surrogate pair at "city", which is no character',
  },
  {
    given: "with more metrics than anybody reads",
    content: of({ metrics: hundred(201) }),
    why: "result.json has more than 200 metrics",
  },
  {
    given: "with a capsule that is too large to carry",
    content: of({ capsule: { x: "y".repeat(64 * 1024) } }),
    why: "the capsule in result.json has more than 65536 bytes",
  },
  {
    given: "with an output that is data",
    content: of({ output: "y".repeat(256 * 1024) }),
    why: "the output in result.json has more than 262144 bytes",
  },
])("a result that is $given is unknown to everybody: $why", async ({ content, why }) => {
  const left = content === undefined ? undefined : Buffer.from(content);
  const plane = await overPlane({ result: left, second: 200 });
  await deliver(plane.ports, endedOf(first));
  const reason =
    typeof why === "string"
      ? `the run says SUCCESS, but ${why}`
      : expect.stringMatching(new RegExp(`^the run says SUCCESS, but ${why.source}`));
  expect((await plane.facts.read(factRef.decision(first)))?.fact).toMatchObject({
    verdict: "unreported",
    reason,
    result: null,
    result_path: null,
  });
  expect((await plane.facts.read(factRef.outcome(chapter)))?.fact).toMatchObject({
    outcome: "unknown",
    reason,
    metrics: {},
  });
});

test.each([
  { given: "as many metrics as there may be", content: of({ metrics: hundred(200) }) },
  { given: "an output as deep as it may be", content: withOutput(deep(32)) },
  { given: "one byte less than is too much", content: whole.padEnd(1024 * 1024) },
])("a result with $given is believed", async ({ content }) => {
  const plane = await overPlane({ result: Buffer.from(content), second: 200 });
  await deliver(plane.ports, endedOf(first));
  expect((await plane.facts.read(factRef.decision(first)))?.fact.verdict).toBe("succeeded");
});

test("a result that lies about a run that failed changes nothing of that", async () => {
  const ending = {
    lifeCycleState: "INTERNAL_ERROR",
    resultState: "FAILED",
    terminationCode: "RUN_EXECUTION_ERROR",
    message: "the task crashed",
  };
  const plane = await overPlane({ ending, result: { ...result, finished: "converged" } });
  await deliver(plane.ports, endedOf(first));
  expect((await plane.facts.read(factRef.outcome(chapter)))?.fact).toMatchObject({
    outcome: "failed",
    reason: "the task crashed",
  });
});
