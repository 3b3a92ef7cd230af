// How Databricks runs end: in whose words, how often, and which verdicts may be true of them. The
// last column is an oracle of its own: it knows the truth of a run, while the judge only sees what
// Databricks and the result say.
import type { Verdict } from "../../shared/domain/facts.ts";
import type { Random } from "./random.ts";

export type Words = {
  readonly lifeCycleState: string;
  readonly resultState: string | undefined;
  readonly terminationCode: string | undefined;
  /** `status.state`. */
  readonly state: string;
  /** Of its one task: what shows whose fault a failure was; `none` where it never came to that. */
  readonly task?: { readonly lifeCycleState: string; readonly resultState: string } | "none";
  readonly message: string;
};

type EndingRow = {
  readonly weight: number;
  readonly words: Words;
  readonly verdicts: readonly Verdict[];
  /** How likely a result.json is there, and how likely it says SUCCESS. */
  readonly result: { readonly exists: number; readonly saysSuccess: number };
};

const wordsOf = (
  lifeCycleState: string,
  resultState: string | undefined,
  terminationCode: string | undefined,
  message = "",
  more: Partial<Words> = {},
): Words => ({
  lifeCycleState,
  resultState,
  terminationCode,
  state: "TERMINATED",
  message,
  ...more,
});

const often = { exists: 0.95, saysSuccess: 0.95 };
/** Code may say what it likes of itself, and then fail. */
const failing = { exists: 0.7, saysSuccess: 0.1 };
const seldom = { exists: 0.2, saysSuccess: 0.5 };
const never = { exists: 0, saysSuccess: 0 };
const failed = { lifeCycleState: "TERMINATED", resultState: "FAILED" };
const broken = { lifeCycleState: "INTERNAL_ERROR", resultState: "FAILED" };
const notBegun = { task: "none" } as const;

/** docs/facts/databricks.md#old-and-new-states-pair, docs/facts/databricks.md#termination-codes */
const endings = {
  success: {
    weight: 56,
    words: wordsOf("TERMINATED", "SUCCESS", "SUCCESS"),
    verdicts: ["succeeded", "task_failed", "unreported"],
    result: often,
  },
  success_with_failures: {
    weight: 2,
    words: wordsOf("TERMINATED", "SUCCESS_WITH_FAILURES", "SUCCESS_WITH_FAILURES"),
    verdicts: ["task_failed"],
    result: often,
  },
  task_failed: {
    weight: 10,
    words: wordsOf("INTERNAL_ERROR", "FAILED", "RUN_EXECUTION_ERROR", "Workload failed.", {
      task: failed,
    }),
    verdicts: ["task_failed"],
    result: failing,
  },
  /** Older workspaces send no termination details: only the task shows whose fault it was. */
  task_failed_without_code: {
    weight: 2,
    words: wordsOf("INTERNAL_ERROR", "FAILED", undefined, "", { task: failed }),
    verdicts: ["task_failed"],
    result: failing,
  },
  /** There, too: the task did not fail, it was broken by what lies below it. */
  platform_failed_without_code: {
    weight: 2,
    words: wordsOf("INTERNAL_ERROR", "FAILED", undefined, "", { task: broken }),
    verdicts: ["platform_failed"],
    result: seldom,
  },
  driver_lost: {
    weight: 5,
    words: wordsOf("INTERNAL_ERROR", "FAILED", "DRIVER_ERROR", "The driver was lost."),
    verdicts: ["platform_failed"],
    result: seldom,
  },
  cloud_failure: {
    weight: 3,
    words: wordsOf("INTERNAL_ERROR", "FAILED", "CLOUD_FAILURE", "The cloud provider failed."),
    verdicts: ["platform_failed"],
    result: never,
  },
  no_capacity: {
    weight: 2,
    words: wordsOf("INTERNAL_ERROR", "FAILED", "CLUSTER_REQUEST_LIMIT_EXCEEDED", "No capacity."),
    verdicts: ["capacity"],
    result: never,
  },
  too_many_runs: {
    weight: 2,
    words: wordsOf(
      "SKIPPED",
      "MAXIMUM_CONCURRENT_RUNS_REACHED",
      "MAX_CONCURRENT_RUNS_EXCEEDED",
      "",
      notBegun,
    ),
    verdicts: ["capacity"],
    result: never,
  },
  skipped: {
    weight: 2,
    words: wordsOf("SKIPPED", "EXCLUDED", "SKIPPED", "", notBegun),
    verdicts: ["skipped"],
    result: never,
  },
  misconfigured: {
    weight: 1,
    words: wordsOf(
      "INTERNAL_ERROR",
      "FAILED",
      "INVALID_CLUSTER_REQUEST",
      "No such node type.",
      notBegun,
    ),
    verdicts: ["rejected"],
    result: never,
  },
  timed_out: {
    weight: 2,
    words: wordsOf("TERMINATED", "TIMEDOUT", "CANCELED", "It exceeded its timeout."),
    verdicts: ["timed_out"],
    result: seldom,
  },
  cancelled_by_platform: {
    weight: 1,
    words: wordsOf("TERMINATED", "CANCELED", "CANCELED", "Maximum duration."),
    verdicts: ["timed_out"],
    result: seldom,
  },
  cancelled: {
    weight: 2,
    words: wordsOf("TERMINATED", "CANCELED", "USER_CANCELED", "Run cancelled."),
    verdicts: ["cancelled", "timed_out"],
    result: seldom,
  },
  contradictory: {
    weight: 1,
    words: wordsOf("TERMINATED", "FAILED", "SUCCESS", "Both."),
    verdicts: ["task_failed", "unknown"],
    result: often,
  },
  /** Words that nobody has heard of yet, at the end. */
  unheard_of: {
    weight: 1,
    words: wordsOf("TERMINATED", "EVAPORATED", "WEATHER"),
    verdicts: ["unknown"],
    result: often,
  },
  /** A state that nobody has heard of, for ever: it is not over, and cancelling does not help. */
  limbo: {
    weight: 2,
    words: wordsOf("HIBERNATING", undefined, undefined, "", { state: "HIBERNATING" }),
    verdicts: ["unknown"],
    result: seldom,
  },
} as const satisfies Record<string, EndingRow>;

export type EndingKind = keyof typeof endings;
export const endingOf = (kind: EndingKind): EndingRow => endings[kind];

const kinds = Object.keys(endings) as EndingKind[];
const weights = kinds.map((kind) => endings[kind].weight);
const weightSum = weights.reduce((sum, weight) => sum + weight, 0);

export function drawEnding(random: Random): EndingKind {
  let x = random.next() * weightSum;
  for (const [i, weight] of weights.entries()) {
    x -= weight;
    if (x < 0) return kinds[i]!;
  }
  return "success";
}
