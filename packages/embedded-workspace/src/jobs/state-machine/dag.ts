// Which task may start, and what a run comes to: pure functions over tasks and the endings of their
// newest attempts.
import {
  excluded,
  success,
  successWithFailures,
  upstreamCancelled,
  upstreamFailed,
} from "../../runs/endings.ts";
import type { Attempt, Ending, RunRecord } from "../../runs/model.ts";
import { latestAttempts } from "../../runs/model.ts";
import type { RunIf, Task } from "../../runs/task-schema.ts";

export type Readiness =
  | { readonly kind: "wait" }
  | { readonly kind: "ready" }
  | { readonly kind: "skip"; readonly ending: Ending };

type Upstream = "succeeded" | "failed" | "cancelled" | "excluded";

/** Endings of tasks that will not be attempted again, by task key. */
export type Settled = ReadonlyMap<string, Attempt>;

export function readiness(task: Task, settled: Settled, chosen: ReadonlySet<string>): Readiness {
  // Tasks that run-now's `only` left out are not waited for.
  const dependencies = (task.depends_on ?? []).filter(({ task_key }) => chosen.has(task_key));
  const upstream = dependencies.map((dependency) => settled.get(dependency.task_key));
  if (upstream.some((attempt) => attempt === undefined)) return { kind: "wait" };
  const mismatched = dependencies.some(
    (dependency) =>
      dependency.outcome !== undefined &&
      outcomeOf(settled.get(dependency.task_key)) !== dependency.outcome,
  );
  if (mismatched) return { kind: "skip", ending: skipped(upstream.map(classify), true) };
  if (upstream.length === 0) return { kind: "ready" };
  const runIf = task.run_if ?? "ALL_SUCCESS";
  const found = upstream.map(classify);
  if (holds(runIf, found)) return { kind: "ready" };
  return { kind: "skip", ending: skipped(found, runIf !== "ALL_SUCCESS") };
}

/**
 * Excluded tasks do not count, except that a task with nothing but excluded ones before it is
 * excluded too.
 */
function holds(runIf: RunIf, found: readonly Upstream[]): boolean {
  const counted = new Set<Upstream>(found.filter((state) => state !== "excluded"));
  if (counted.size === 0) return runIf === "ALL_DONE";
  const some = (state: Upstream) => counted.has(state);
  const every = (state: Upstream) => counted.size === 1 && counted.has(state);
  switch (runIf) {
    case "ALL_DONE":
      return true;
    case "ALL_SUCCESS":
      return every("succeeded");
    case "NONE_FAILED":
      return !some("failed") && some("succeeded");
    case "AT_LEAST_ONE_SUCCESS":
      return some("succeeded");
    case "ALL_FAILED":
      return every("failed");
    case "AT_LEAST_ONE_FAILED":
      return some("failed");
  }
}

function skipped(found: readonly Upstream[], byCondition: boolean): Ending {
  if (byCondition) return excluded;
  if (found.includes("failed")) return upstreamFailed;
  return found.includes("cancelled") ? upstreamCancelled : excluded;
}

function classify(attempt: Attempt | undefined): Upstream {
  switch (attempt?.ending?.resultState) {
    case "SUCCESS":
    case "SUCCESS_WITH_FAILURES":
    case "DISABLED":
      return "succeeded";
    case "EXCLUDED":
      return "excluded";
    case "CANCELED":
    case "UPSTREAM_CANCELED":
      return "cancelled";
    default: // FAILED, TIMEDOUT, UPSTREAM_FAILED, and whatever a test has made up
      return "failed";
  }
}

/** `"true"` or `"false"` of a condition task, undefined for any other. */
function outcomeOf(attempt: Attempt | undefined): string | undefined {
  const outcome = attempt?.resolved?.["outcome"];
  return typeof outcome === "string" ? outcome : undefined;
}

/**
 * The run's ending once each task is settled: its leaves decide. A failed task makes the run
 * INTERNAL_ERROR + FAILED, although nothing internal failed (recorded on the cloud).
 */
export function runEnding(run: RunRecord): Ending {
  if (run.stop !== undefined) return run.stop.ending;
  const latest = latestAttempts(run.attempts);
  const needed = new Set(
    run.tasks.flatMap((task) => (task.depends_on ?? []).map((d) => d.task_key)),
  );
  const chosen = run.tasks.filter((task) => latest.has(task.task_key));
  const leaves = chosen.filter((task) => !needed.has(task.task_key));
  const endingOf = (task: Task) => latest.get(task.task_key)?.ending;
  const strange = leaves.map(endingOf).find((ending) => ending !== undefined && isStrange(ending));
  if (strange !== undefined) return strange;
  const states = leaves.map((task) => classify(latest.get(task.task_key)));
  const culprit = (state: Upstream) =>
    chosen.find(
      (task) =>
        classify(latest.get(task.task_key)) === state &&
        !endingOf(task)?.resultState?.startsWith("UPSTREAM_"),
    );
  if (states.includes("failed")) return failure(chosen, culprit("failed"), latest);
  if (states.includes("cancelled")) {
    const task = culprit("cancelled");
    return (task === undefined ? undefined : endingOf(task)) ?? upstreamCancelled;
  }
  return culprit("failed") === undefined ? success : successWithFailures;
}

function failure(
  chosen: readonly Task[],
  task: Task | undefined,
  latest: ReadonlyMap<string, Attempt>,
): Ending {
  const ending = task === undefined ? undefined : latest.get(task.task_key)?.ending;
  if (task === undefined || ending === undefined) return upstreamFailed;
  const downstream = chosen.some(
    ({ task_key }) => latest.get(task_key)?.ending?.resultState === "UPSTREAM_FAILED",
  );
  const timedOut = ending.resultState === "TIMEDOUT";
  return {
    lifeCycleState: timedOut ? "TERMINATED" : "INTERNAL_ERROR",
    resultState: timedOut ? "TIMEDOUT" : "FAILED",
    message: `Task ${task.task_key} failed with message: ${ending.message}${
      downstream ? " This caused all downstream tasks to get skipped." : ""
    }`,
    code: ending.code,
    type: ending.type,
  };
}

const knownResults = new Set([
  "SUCCESS",
  "SUCCESS_WITH_FAILURES",
  "FAILED",
  "TIMEDOUT",
  "CANCELED",
  "EXCLUDED",
  "DISABLED",
  "UPSTREAM_FAILED",
  "UPSTREAM_CANCELED",
]);

/** Endings that only a script makes: the run shows them as they are. */
function isStrange(ending: Ending): boolean {
  if (!["TERMINATED", "SKIPPED", "INTERNAL_ERROR"].includes(ending.lifeCycleState)) return true;
  return ending.resultState !== undefined && !knownResults.has(ending.resultState);
}
