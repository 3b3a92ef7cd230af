// Judges how one attempt ended. This is the only judge of a run: one total function over
// Databricks' word, the result and the facts.
import { type DatabricksRun, phaseOf } from "./databricks-run.ts";
import {
  type AcceptedSubmission,
  isRefused,
  isStopped,
  type Plan,
  type StoppedManifest,
  type Submission,
  type Verdict,
} from "./facts.ts";
import { FORBIDDEN_SECONDS_MAX, NOT_OURS } from "./ours.ts";
import type { ResultReading } from "./result.ts";
import { oneLine } from "./text.ts";
import { msOf } from "./time.ts";

export type Evidence = {
  readonly manifest: Plan | StoppedManifest;
  /** Absent only for a stopped manifest. */
  readonly submission: Submission | undefined;
  /** Databricks' present answer; absent if nothing was accepted. */
  readonly look:
    | { readonly kind: "gone"; readonly message: string }
    | { readonly kind: "forbidden"; readonly message: string }
    | {
        readonly kind: "run";
        readonly run: DatabricksRun;
        /** Why it is not the submitted run; undefined: it is. */
        readonly strangeness: string | undefined;
      }
    | undefined;
  readonly result: ResultReading;
  readonly nowMs: number;
  /** How late a result may show after the run is over. */
  readonly settleMs: number;
  /** Multiplies the platform's own waits, as in the settings. */
  readonly timeScale: number;
};

export type Judgement =
  | { readonly kind: "verdict"; readonly verdict: Verdict; readonly reason: string }
  /** Too early: the run is not over, or its result may still show. */
  | { readonly kind: "wait"; readonly for: "run" | "result" };

/** Judges an attempt. The default is `unknown`, never success. */
export function verdictOf(evidence: Evidence): Judgement {
  const { manifest, submission, look } = evidence;
  if (isStopped(manifest))
    return manifest.unplannable === undefined
      ? judged("cancelled", "it was stopped before it was planned")
      : judged("rejected", `it cannot be planned: ${manifest.unplannable}`);
  if (submission === undefined) return { kind: "wait", for: "run" };
  if (isRefused(submission))
    return judged("rejected", `${submission.refused.code}: ${submission.refused.message}`);
  if (look === undefined) return { kind: "wait", for: "run" };
  if (look.kind === "gone") return judged("lost", `Databricks has no such run: ${look.message}`);
  if (look.kind === "forbidden") return judgeUnseen(evidence, look.message, submission);
  // A strange run is not what we asked for, whatever it says of itself: only a person can explain
  // it.
  if (look.strangeness !== undefined) return judged("unknown", `${NOT_OURS}: ${look.strangeness}`);
  return judgeRun(evidence, look.run, manifest.allow_failures, msOf(submission.deadline));
}

/** The submitter of a run may always see it. Permissions may show late, but not for so long. */
function judgeUnseen(
  { nowMs, timeScale }: Evidence,
  message: string,
  { submitted_at }: AcceptedSubmission,
): Judgement {
  return nowMs - msOf(submitted_at) > FORBIDDEN_SECONDS_MAX * timeScale * 1000
    ? judged("unknown", `${NOT_OURS}: the controllers may not see the run: ${message}`)
    : { kind: "wait", for: "run" };
}

/** How a run ended by Databricks' own word, before the result has been looked at. */
type Ending =
  | "success"
  | "success_with_failures"
  | "cancelled_by_somebody"
  | "cancelled_by_platform"
  | Exclude<Verdict, "succeeded" | "cancelled" | "lost" | "unreported">;

function judgeRun(
  evidence: Evidence,
  run: DatabricksRun,
  allowFailures: boolean,
  deadlineMs: number,
): Judgement {
  const phase = phaseOf(run);
  if (phase === "unknown" && evidence.nowMs > deadlineMs)
    return judged("unknown", `at the deadline Databricks says ${wordOf(run)}, which nobody knows`);
  if (phase !== "over") return { kind: "wait", for: "run" };
  const ending = endingOf(run);
  switch (ending) {
    case "success":
      return judgeResult(evidence, run);
    case "success_with_failures":
      return allowFailures
        ? judgeResult(evidence, run)
        : judged("task_failed", "some tasks failed, which the recipe does not allow");
    case "cancelled_by_somebody":
      return (run.endedMs ?? evidence.nowMs) >= deadlineMs
        ? judged("timed_out", "it was cancelled at its deadline")
        : judged("cancelled", messageOr(run, "it was cancelled"));
    case "cancelled_by_platform":
      return judged(
        "timed_out",
        messageOr(run, "Databricks cancelled it for its maximum duration"),
      );
    case "task_failed":
      return judged("task_failed", failureOf(evidence.result) ?? messageOr(run, "its task failed"));
    case "platform_failed":
    case "capacity":
    case "skipped":
    case "rejected":
    case "timed_out":
    case "unknown":
      return judged(ending, messageOr(run, `Databricks says ${wordOf(run)}`));
  }
}

/**
 * The run says SUCCESS. That is half of it: the result must exist, be complete, be ours, and say so
 * too.
 */
function judgeResult({ result, nowMs, settleMs }: Evidence, run: DatabricksRun): Judgement {
  if (result.kind === "valid")
    return result.result.status === "SUCCESS"
      ? judged("succeeded", result.result.summary || "run and result say SUCCESS")
      : judged("task_failed", failureOf(result) ?? "its result says FAILED");
  if (nowMs - (run.endedMs ?? 0) < settleMs) return { kind: "wait", for: "result" };
  const why = result.kind === "absent" ? "there is no result" : result.reason;
  return judged("unreported", `the run says SUCCESS, but ${why}`);
}

/**
 * The result, as far as the verdict leaves it. A result that says SUCCESS is no
 * witness of a run that did not succeed: an executor that printed it would have ended well, so
 * somebody else may have.
 */
export const borneOut = (verdict: Verdict, reading: ResultReading): ResultReading =>
  reading.kind === "valid" && reading.result.status === "SUCCESS" && verdict !== "succeeded"
    ? { kind: "invalid", reason: "its result says SUCCESS of a run that did not succeed" }
    : reading;

const judged = (verdict: Verdict, reason: string): Judgement => ({
  kind: "verdict",
  verdict,
  reason: oneLine(reason),
});

/** An error in a result that says SUCCESS is nobody's word: see borneOut. */
const failureOf = (result: ResultReading): string | undefined =>
  result.kind === "valid" && result.result.status === "FAILED" && result.result.error !== null
    ? `${result.result.error.type}: ${result.result.error.summary}`
    : undefined;

const messageOr = (run: DatabricksRun, otherwise: string): string =>
  run.message === "" ? otherwise : run.message;

const wordOf = (run: DatabricksRun): string =>
  [run.lifeCycleState ?? run.state, run.resultState, run.terminationCode]
    .filter((word) => word !== undefined)
    .join(" ") || "nothing";

/**
 * Termination codes (docs/facts/databricks.md#termination-codes). Success is not among them: it
 * needs every word to agree.
 */
const endingByCode: Readonly<Record<string, Ending>> = {
  USER_CANCELED: "cancelled_by_somebody",
  CANCELED: "cancelled_by_platform",
  SKIPPED: "skipped",
  DISABLED: "skipped",
  RUN_EXECUTION_ERROR: "task_failed",
  INVALID_RUN_CONFIGURATION: "rejected",
  INVALID_CLUSTER_REQUEST: "rejected",
  FEATURE_DISABLED: "rejected",
  UNAUTHORIZED_ERROR: "rejected",
  RESOURCE_NOT_FOUND: "rejected",
  BUDGET_POLICY_LIMIT_EXCEEDED: "rejected",
  LIBRARY_INSTALLATION_ERROR: "platform_failed",
  INTERNAL_ERROR: "platform_failed",
  DRIVER_ERROR: "platform_failed",
  CLUSTER_ERROR: "platform_failed",
  CLOUD_FAILURE: "platform_failed",
  CLUSTER_TERMINATED_BY_USER: "platform_failed",
  STORAGE_ACCESS_ERROR: "platform_failed",
  REPOSITORY_CHECKOUT_FAILED: "platform_failed",
  BREAKING_CHANGE: "platform_failed",
  CLUSTER_REQUEST_LIMIT_EXCEEDED: "capacity",
  WORKSPACE_RUN_LIMIT_EXCEEDED: "capacity",
  MAX_CONCURRENT_RUNS_EXCEEDED: "capacity",
  MAX_JOB_QUEUE_SIZE_EXCEEDED: "capacity",
  MAX_SPARK_CONTEXTS_EXCEEDED: "capacity",
};

/** Result states, if the code is missing or new. FAILED alone says too little: see the tasks. */
const endingByResult: Readonly<Record<string, Ending>> = {
  CANCELED: "cancelled_by_somebody",
  MAXIMUM_CONCURRENT_RUNS_REACHED: "capacity",
  EXCLUDED: "skipped",
  DISABLED: "skipped",
  UPSTREAM_FAILED: "task_failed",
  UPSTREAM_CANCELED: "cancelled_by_somebody",
};

function endingOf(run: DatabricksRun): Ending {
  const success = successOf(run);
  if (success !== undefined) return success;
  // TIMEDOUT outranks its code: the platform pairs it with CANCELED or RUN_EXECUTION_ERROR
  // (docs/facts/databricks.md#old-and-new-states-pair).
  if (run.resultState === "TIMEDOUT") return "timed_out";
  return (
    lookUp(endingByCode, run.terminationCode) ??
    lookUp(endingByResult, run.resultState) ??
    failedOf(run)
  );
}

/**
 * Success is a word that nothing contradicts: code, result state and life cycle, as far as they are
 * there.
 */
function successOf(run: DatabricksRun): Ending | undefined {
  const words = [run.terminationCode, run.resultState].filter((word) => word !== undefined);
  const lifeCycle = run.lifeCycleState ?? "TERMINATED";
  if (words.length === 0 || lifeCycle !== "TERMINATED") return undefined;
  if (words.every((word) => word === "SUCCESS")) return "success";
  if (words.every((word) => word === "SUCCESS_WITH_FAILURES")) return "success_with_failures";
  return undefined;
}

/**
 * A plain task failure shows as run-level INTERNAL_ERROR + FAILED
 * (docs/facts/databricks.md#task-failure-is-internal-error). So INTERNAL_ERROR alone is no platform
 * fault: a task that itself TERMINATED with FAILED says whose fault it was.
 */
function failedOf(run: DatabricksRun): Ending {
  if (run.lifeCycleState === "SKIPPED") return "skipped";
  const failed = run.resultState === "FAILED" || run.lifeCycleState === "INTERNAL_ERROR";
  if (!failed) return "unknown";
  const taskFailed = run.tasks.some(
    (task) => task.resultState === "FAILED" && task.lifeCycleState !== "INTERNAL_ERROR",
  );
  if (taskFailed) return "task_failed";
  return run.lifeCycleState === "INTERNAL_ERROR" ? "platform_failed" : "task_failed";
}

const lookUp = (
  table: Readonly<Record<string, Ending>>,
  word: string | undefined,
): Ending | undefined =>
  word !== undefined && Object.hasOwn(table, word) ? table[word] : undefined;
