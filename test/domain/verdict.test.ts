import { describe, expect, test } from "vitest";
import type { DatabricksRun, DatabricksTask } from "../../shared/domain/databricks-run.ts";
import type { Verdict } from "../../shared/domain/facts.ts";
import type { ResultReading } from "../../shared/domain/result.ts";
import { borneOut, type Evidence, verdictOf } from "../../shared/domain/verdict.ts";
import {
  accepted,
  failedResult,
  manifest,
  refused,
  result,
  run,
  stoppedManifest,
  t0,
} from "./examples.ts";

const DEADLINE_MS = Date.parse(accepted.deadline);
const SETTLE_MS = 120_000;
const settled = t0 + 60_000 + SETTLE_MS;
const valid: ResultReading = { kind: "valid", result, text: "" };
const failed: ResultReading = { kind: "valid", result: failedResult, text: "" };
const absent: ResultReading = { kind: "absent" };
const torn: ResultReading = { kind: "invalid", reason: "result.json is not JSON: it ends early" };

const evidence: Evidence = {
  manifest,
  submission: accepted,
  look: { kind: "run", run, strangeness: undefined },
  result: valid,
  nowMs: settled,
  settleMs: SETTLE_MS,
  timeScale: 1,
};
const ofRun = (change: Partial<DatabricksRun>, more: Partial<Evidence> = {}): Evidence => ({
  ...evidence,
  ...more,
  look: { kind: "run", run: { ...run, ...change }, strangeness: undefined },
});
const words = (
  lifeCycleState: string | undefined,
  resultState: string | undefined,
  terminationCode: string | undefined,
  ...state: [string | undefined] | []
) => ({
  lifeCycleState,
  resultState,
  terminationCode,
  state: state.length === 0 ? "TERMINATED" : state[0],
});
const task = (lifeCycleState: string, resultState: string): DatabricksTask => ({
  taskKey: "main",
  attemptNumber: 0,
  lifeCycleState,
  resultState,
  terminationCode: undefined,
});

describe("each row of the verdict table", () => {
  const ERROR = words("INTERNAL_ERROR", "FAILED", "RUN_EXECUTION_ERROR");
  test.each<{ given: string; when: Evidence; expected: Verdict; because: string }>([
    {
      given: "success in run and result",
      when: evidence,
      expected: "succeeded",
      because: "run and result say SUCCESS",
    },
    {
      given: "a run that fails for its task, result says why",
      when: ofRun(ERROR, { result: failed }),
      expected: "task_failed",
      because: "ValueError: no rows for 1999",
    },
    {
      given: "a run that fails for its task, no result",
      when: ofRun({ ...ERROR, message: "Task main failed" }, { result: absent }),
      expected: "task_failed",
      because: "Task main failed",
    },
    {
      given: "a run that fails and a result that says SUCCESS",
      when: ofRun(ERROR),
      expected: "task_failed",
      because: "its task failed",
    },
    {
      given: "somebody else's run, whatever it says",
      when: { ...evidence, look: { kind: "run", run, strangeness: "run 1 was created by bob" } },
      expected: "unknown",
      because: "NOT_OURS: run 1 was created by bob",
    },
    {
      given: "somebody else's run that is not over",
      when: {
        ...evidence,
        look: {
          kind: "run",
          run: { ...run, ...words("RUNNING", undefined, undefined, "RUNNING") },
          strangeness: "run 1 was created by bob",
        },
      },
      expected: "unknown",
      because: "NOT_OURS: run 1 was created by bob",
    },
    {
      given: "a run that the controllers may not see, for more than ten minutes",
      when: {
        ...evidence,
        look: { kind: "forbidden", message: "no View permission" },
        nowMs: Date.parse(accepted.submitted_at) + 600_001,
      },
      expected: "unknown",
      because: "NOT_OURS: the controllers may not see the run: no View permission",
    },
    {
      given: "a reason of many lines and a megabyte",
      when: { ...evidence, result: { kind: "invalid", reason: `a\n\u202eb${"c".repeat(1e6)}` } },
      expected: "unreported",
      because: `the run says SUCCESS, but a b${"c".repeat(500 - 29)}…`,
    },
    {
      given: "a run that succeeds and a result that says FAILED",
      when: { ...evidence, result: failed },
      expected: "task_failed",
      because: "ValueError: no rows for 1999",
    },
    {
      given: "a result that says FAILED without an error",
      when: {
        ...evidence,
        result: { kind: "valid", result: { ...failedResult, error: null }, text: "" },
      },
      expected: "task_failed",
      because: "its result says FAILED",
    },
    {
      given: "failures that the recipe does not allow",
      when: ofRun(words("TERMINATED", "SUCCESS_WITH_FAILURES", "SUCCESS_WITH_FAILURES")),
      expected: "task_failed",
      because: "some tasks failed, which the recipe does not allow",
    },
    {
      given: "failures that the recipe allows",
      when: ofRun(words("TERMINATED", "SUCCESS_WITH_FAILURES", undefined), {
        manifest: { ...manifest, allow_failures: true },
      }),
      expected: "succeeded",
      because: "run and result say SUCCESS",
    },
    {
      given: "a stopped manifest",
      when: { ...evidence, manifest: stoppedManifest, submission: undefined, look: undefined },
      expected: "cancelled",
      because: "it was stopped before it was planned",
    },
    {
      given: "a plan that could not be stored",
      when: {
        ...evidence,
        manifest: { ...stoppedManifest, unplannable: "too large" },
        submission: undefined,
        look: undefined,
      },
      expected: "rejected",
      because: "it cannot be planned: too large",
    },
    {
      given: "a refused submission",
      when: { ...evidence, submission: refused, look: undefined },
      expected: "rejected",
      because: "INVALID_PARAMETER_VALUE: Cluster 1 does not exist",
    },
    {
      given: "a run that is gone",
      when: { ...evidence, look: { kind: "gone", message: "Run 3 does not exist" } },
      expected: "lost",
      because: "Databricks has no such run: Run 3 does not exist",
    },
    {
      given: "success without a result, long after",
      when: { ...evidence, result: absent },
      expected: "unreported",
      because: "the run says SUCCESS, but there is no result",
    },
    {
      given: "success with a torn result, long after",
      when: { ...evidence, result: torn },
      expected: "unreported",
      because: "the run says SUCCESS, but result.json is not JSON: it ends early",
    },
    {
      given: "TIMEDOUT, before the deadline too",
      when: ofRun(words("TERMINATED", "TIMEDOUT", "RUN_EXECUTION_ERROR")),
      expected: "timed_out",
      because: "Databricks says TERMINATED TIMEDOUT RUN_EXECUTION_ERROR",
    },
    {
      given: "a cancellation for maximum duration",
      when: ofRun(words("TERMINATED", "CANCELED", "CANCELED")),
      expected: "timed_out",
      because: "Databricks cancelled it for its maximum duration",
    },
    {
      given: "a cancellation before the deadline",
      when: ofRun(words("TERMINATED", "CANCELED", "USER_CANCELED")),
      expected: "cancelled",
      because: "it was cancelled",
    },
    {
      given: "a cancellation at the deadline",
      when: ofRun({ ...words("TERMINATED", "CANCELED", "USER_CANCELED"), endedMs: DEADLINE_MS }),
      expected: "timed_out",
      because: "it was cancelled at its deadline",
    },
    {
      given: "a cancellation just before the deadline",
      when: ofRun({
        ...words("TERMINATED", "CANCELED", "USER_CANCELED"),
        endedMs: DEADLINE_MS - 1,
      }),
      expected: "cancelled",
      because: "it was cancelled",
    },
    {
      given: "a cancellation without an end, now before the deadline",
      when: ofRun({ ...words("TERMINATED", "CANCELED", "USER_CANCELED"), endedMs: undefined }),
      expected: "cancelled",
      because: "it was cancelled",
    },
    {
      given: "a cancellation without an end, now after the deadline",
      when: ofRun(
        { ...words("TERMINATED", "CANCELED", "USER_CANCELED"), endedMs: undefined },
        { nowMs: DEADLINE_MS + 1 },
      ),
      expected: "timed_out",
      because: "it was cancelled at its deadline",
    },
    {
      given: "a word that nobody knows, after the deadline",
      when: ofRun(words("NAPPING", undefined, undefined, "NAPPING"), { nowMs: DEADLINE_MS + 1 }),
      expected: "unknown",
      because: "at the deadline Databricks says NAPPING, which nobody knows",
    },
    {
      given: "no word at all, after the deadline",
      when: ofRun(words(undefined, undefined, undefined, undefined), { nowMs: DEADLINE_MS + 1 }),
      expected: "unknown",
      because: "at the deadline Databricks says nothing, which nobody knows",
    },
    {
      given: "TERMINATED and nothing else",
      when: ofRun(words("TERMINATED", undefined, undefined)),
      expected: "unknown",
      because: "Databricks says TERMINATED",
    },
    {
      given: "code and result state that contradict each other",
      when: ofRun(words("TERMINATED", "FAILED", "SUCCESS")),
      expected: "task_failed",
      because: "its task failed",
    },
    {
      given: "a success code on a run that was skipped",
      when: ofRun(words("SKIPPED", undefined, "SUCCESS")),
      expected: "skipped",
      because: "Databricks says SKIPPED SUCCESS",
    },
    {
      given: "INTERNAL_ERROR alone",
      when: ofRun({
        ...words("INTERNAL_ERROR", undefined, undefined, undefined),
        message: "the driver died",
      }),
      expected: "platform_failed",
      because: "the driver died",
    },
    {
      given: "INTERNAL_ERROR, FAILED, no code, and a task that failed by itself",
      when: ofRun({
        ...words("INTERNAL_ERROR", "FAILED", undefined, undefined),
        tasks: [task("TERMINATED", "SUCCESS"), task("TERMINATED", "FAILED")],
      }),
      expected: "task_failed",
      because: "its task failed",
    },
    {
      given: "INTERNAL_ERROR, FAILED, no code, and a task that the platform lost",
      when: ofRun({
        ...words("INTERNAL_ERROR", "FAILED", undefined, undefined),
        tasks: [task("INTERNAL_ERROR", "FAILED")],
      }),
      expected: "platform_failed",
      because: "Databricks says INTERNAL_ERROR FAILED",
    },
    {
      given: "TERMINATED, FAILED, no code",
      when: ofRun(words("TERMINATED", "FAILED", undefined)),
      expected: "task_failed",
      because: "its task failed",
    },
    {
      given: "a code that nobody knows, FAILED",
      when: ofRun(words("TERMINATED", "FAILED", "SUNSPOTS")),
      expected: "task_failed",
      because: "its task failed",
    },
    {
      given: "a code that nobody knows, SUCCESS",
      when: ofRun(words("TERMINATED", "SUCCESS", "SUNSPOTS")),
      expected: "unknown",
      because: "Databricks says TERMINATED SUCCESS SUNSPOTS",
    },
    {
      given: "a code called like a property of every object",
      when: ofRun(words("TERMINATED", "FAILED", "constructor")),
      expected: "task_failed",
      because: "its task failed",
    },
  ])("$given: $expected", ({ when, expected, because }) => {
    expect(verdictOf(when)).toEqual({ kind: "verdict", verdict: expected, reason: because });
  });

  test.each([
    { code: "SKIPPED", expected: "skipped" },
    { code: "DISABLED", expected: "skipped" },
    { code: "RUN_EXECUTION_ERROR", expected: "task_failed" },
    { code: "INVALID_RUN_CONFIGURATION", expected: "rejected" },
    { code: "INVALID_CLUSTER_REQUEST", expected: "rejected" },
    { code: "FEATURE_DISABLED", expected: "rejected" },
    { code: "UNAUTHORIZED_ERROR", expected: "rejected" },
    { code: "RESOURCE_NOT_FOUND", expected: "rejected" },
    { code: "BUDGET_POLICY_LIMIT_EXCEEDED", expected: "rejected" },
    { code: "LIBRARY_INSTALLATION_ERROR", expected: "platform_failed" },
    { code: "INTERNAL_ERROR", expected: "platform_failed" },
    { code: "DRIVER_ERROR", expected: "platform_failed" },
    { code: "CLUSTER_ERROR", expected: "platform_failed" },
    { code: "CLOUD_FAILURE", expected: "platform_failed" },
    { code: "CLUSTER_TERMINATED_BY_USER", expected: "platform_failed" },
    { code: "STORAGE_ACCESS_ERROR", expected: "platform_failed" },
    { code: "REPOSITORY_CHECKOUT_FAILED", expected: "platform_failed" },
    { code: "BREAKING_CHANGE", expected: "platform_failed" },
    { code: "CLUSTER_REQUEST_LIMIT_EXCEEDED", expected: "capacity" },
    { code: "WORKSPACE_RUN_LIMIT_EXCEEDED", expected: "capacity" },
    { code: "MAX_CONCURRENT_RUNS_EXCEEDED", expected: "capacity" },
    { code: "MAX_JOB_QUEUE_SIZE_EXCEEDED", expected: "capacity" },
    { code: "MAX_SPARK_CONTEXTS_EXCEEDED", expected: "capacity" },
  ])("the termination code $code means $expected", ({ code, expected }) => {
    expect(verdictOf(ofRun(words("INTERNAL_ERROR", "FAILED", code)))).toMatchObject({
      verdict: expected,
    });
  });

  test.each([
    { word: "TIMEDOUT", expected: "timed_out" },
    { word: "CANCELED", expected: "cancelled" },
    { word: "MAXIMUM_CONCURRENT_RUNS_REACHED", expected: "capacity" },
    { word: "EXCLUDED", expected: "skipped" },
    { word: "DISABLED", expected: "skipped" },
    { word: "UPSTREAM_FAILED", expected: "task_failed" },
    { word: "UPSTREAM_CANCELED", expected: "cancelled" },
  ])("the result state $word without a code means $expected", ({ word, expected }) => {
    expect(verdictOf(ofRun(words("TERMINATED", word, undefined)))).toMatchObject({
      verdict: expected,
    });
  });
});

describe("too early to judge", () => {
  test.each<{ given: string; when: Evidence; expected: "run" | "result" }>([
    { given: "no submission yet", when: { ...evidence, submission: undefined }, expected: "run" },
    { given: "no look yet", when: { ...evidence, look: undefined }, expected: "run" },
    {
      given: "a run that goes on",
      when: ofRun(words("RUNNING", undefined, undefined, "RUNNING")),
      expected: "run",
    },
    {
      given: "a run that is past its deadline and goes on",
      when: ofRun(words("RUNNING", undefined, undefined, "RUNNING"), { nowMs: DEADLINE_MS + 1 }),
      expected: "run",
    },
    {
      given: "a word that nobody knows, at the deadline",
      when: ofRun(words("NAPPING", undefined, undefined, "NAPPING"), { nowMs: DEADLINE_MS }),
      expected: "run",
    },
    {
      given: "success, and a result that may still show",
      when: { ...evidence, result: absent, nowMs: settled - 1 },
      expected: "result",
    },
    {
      given: "success, and a torn result that may still change",
      when: { ...evidence, result: torn, nowMs: settled - 1 },
      expected: "result",
    },
  ])("$given", ({ when, expected }) => {
    expect(verdictOf(when)).toEqual({ kind: "wait", for: expected });
  });

  test("a run without an end is not waited for: nobody knows since when", () => {
    expect(verdictOf(ofRun({ endedMs: undefined }, { result: absent }))).toMatchObject({
      verdict: "unreported",
    });
  });
});

describe("the full product of what may be said", () => {
  const lifeCycles = [
    undefined,
    "QUEUED",
    "PENDING",
    "BLOCKED",
    "WAITING_FOR_RETRY",
    "RUNNING",
    "TERMINATING",
    "TERMINATED",
    "SKIPPED",
    "INTERNAL_ERROR",
    "NAPPING",
  ];
  const states = [
    undefined,
    "BLOCKED",
    "PENDING",
    "QUEUED",
    "RUNNING",
    "TERMINATING",
    "TERMINATED",
    "WAITING",
    "NAPPING",
  ];
  const resultStates = [
    undefined,
    "SUCCESS",
    "SUCCESS_WITH_FAILURES",
    "FAILED",
    "TIMEDOUT",
    "CANCELED",
    "MAXIMUM_CONCURRENT_RUNS_REACHED",
    "EXCLUDED",
    "UPSTREAM_FAILED",
    "UPSTREAM_CANCELED",
    "DISABLED",
    "SUNNY",
  ];
  const codes = [
    undefined,
    "SUCCESS",
    "SUCCESS_WITH_FAILURES",
    "USER_CANCELED",
    "CANCELED",
    "SKIPPED",
    "INTERNAL_ERROR",
    "RUN_EXECUTION_ERROR",
    "CLUSTER_ERROR",
    "INVALID_RUN_CONFIGURATION",
    "MAX_CONCURRENT_RUNS_EXCEEDED",
    "SUNSPOTS",
  ];
  const results = { valid, failed, absent, torn };
  const submissions = { none: undefined, refused, accepted };
  const manifests = {
    planned: manifest,
    lenient: { ...manifest, allow_failures: true },
    stopped: stoppedManifest,
  };
  const looks = ["none", "gone", "forbidden", "stranger", "run"] as const;
  const times = [settled - 1, settled, DEADLINE_MS + 1];

  /** Exactly these rows succeed, in words of their own. */
  const mayList = (row: {
    manifest: string;
    submission: string;
    look: string;
    result: string;
    lifeCycle: string | undefined;
    state: string | undefined;
    resultState: string | undefined;
    code: string | undefined;
  }): boolean => {
    if (row.submission !== "accepted" || row.look !== "run" || row.result !== "valid") return false;
    if (row.state !== "TERMINATED" && row.lifeCycle !== "TERMINATED") return false;
    if (row.lifeCycle !== undefined && row.lifeCycle !== "TERMINATED") return false;
    const pair = `${row.resultState}/${row.code}`;
    const plain = ["SUCCESS/SUCCESS", "SUCCESS/undefined", "undefined/SUCCESS"];
    const lenient = [
      "SUCCESS_WITH_FAILURES/SUCCESS_WITH_FAILURES",
      "SUCCESS_WITH_FAILURES/undefined",
      "undefined/SUCCESS_WITH_FAILURES",
    ];
    if (row.manifest === "stopped") return false;
    return plain.includes(pair) || (row.manifest === "lenient" && lenient.includes(pair));
  };

  test("exactly the listed rows succeed, and every row has an answer", () => {
    let rows = 0;
    let succeeded = 0;
    for (const [manifestName, m] of Object.entries(manifests))
      for (const [submissionName, s] of Object.entries(submissions))
        for (const lookName of looks)
          for (const [resultName, r] of Object.entries(results))
            for (const lifeCycle of lifeCycles)
              for (const state of states)
                for (const resultState of resultStates)
                  for (const code of codes)
                    for (const nowMs of times) {
                      const hasWords = lifeCycle || state || resultState || code;
                      if (hasWords && lookName !== "run" && lookName !== "stranger") continue;
                      // Of somebody else's run, only those rows that would be believed of ours.
                      if (lookName === "stranger" && resultName !== "valid") continue;
                      rows++;
                      const look =
                        lookName === "none"
                          ? undefined
                          : lookName === "gone" || lookName === "forbidden"
                            ? ({ kind: lookName, message: "no" } as const)
                            : ({
                                kind: "run",
                                run: { ...run, ...words(lifeCycle, resultState, code), state },
                                strangeness: lookName === "run" ? undefined : "another's",
                              } as const);
                      const judgement = verdictOf({
                        manifest: m,
                        submission: s,
                        look,
                        result: r,
                        nowMs,
                        settleMs: SETTLE_MS,
                        timeScale: 1,
                      });
                      const isSuccess =
                        judgement.kind === "verdict" && judgement.verdict === "succeeded";
                      const listed = mayList({
                        manifest: manifestName,
                        submission: submissionName,
                        look: lookName,
                        result: resultName,
                        lifeCycle,
                        state,
                        resultState,
                        code,
                      });
                      if (isSuccess !== listed)
                        throw new Error(
                          JSON.stringify({
                            manifestName,
                            submissionName,
                            lookName,
                            resultName,
                            lifeCycle,
                            state,
                            resultState,
                            code,
                            judgement,
                            listed,
                          }),
                        );
                      if (isSuccess) succeeded++;
                    }
    expect(rows).toBeGreaterThan(1_000_000);
    // (3 plain pairs × 2 manifests + 3 lenient) × the (life cycle, state) pairs that say TERMINATED
    // and nothing else × 3 times
    expect(succeeded).toBe((3 * 2 + 3) * (1 + states.length) * 3);
  });
});

describe("what a verdict leaves of a result", () => {
  const invalid: ResultReading = { kind: "invalid", reason: "it is torn" };
  const forged: ResultReading = {
    kind: "invalid",
    reason: "its result says SUCCESS of a run that did not succeed",
  };
  test.each([
    { given: "a success of a success", verdict: "succeeded", reading: valid, left: valid },
    { given: "a success of a failure", verdict: "task_failed", reading: valid, left: forged },
    { given: "a success of a cancelled run", verdict: "cancelled", reading: valid, left: forged },
    { given: "a success of a lost run", verdict: "lost", reading: valid, left: forged },
    { given: "a failure of a failure", verdict: "task_failed", reading: failed, left: failed },
    { given: "a failure of a late run", verdict: "timed_out", reading: failed, left: failed },
    { given: "nothing", verdict: "task_failed", reading: absent, left: absent },
    { given: "nothing readable", verdict: "unreported", reading: invalid, left: invalid },
  ] as const)("of $given", ({ verdict, reading, left }) => {
    expect(borneOut(verdict, reading)).toEqual(left);
  });
});

test("an error in a result that says SUCCESS is no reason of a failure", () => {
  const error = { type: "Forged", summary: "words of a neighbour", trace: "" };
  const forged = { kind: "valid", result: { ...result, error }, text: "" } as ResultReading;
  const look = words("TERMINATED", "FAILED", "RUN_EXECUTION_ERROR");
  const judgement = verdictOf(ofRun({ ...look, message: "it broke" }, { result: forged }));
  expect(judgement).toEqual({ kind: "verdict", verdict: "task_failed", reason: "it broke" });
});
