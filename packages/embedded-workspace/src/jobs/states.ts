// Where a run or an attempt stands, in the old words (`state`) and the new ones (`status`).
import type { WorkspaceContext } from "../context.ts";
import { type Attempt, type Ending, isOver, type RunRecord } from "./model.ts";

type Json = Record<string, unknown>;

export type Shown = {
  readonly lifeCycleState: string;
  readonly resultState?: string;
  readonly message: string;
  readonly queue?: { readonly code: string; readonly message: string };
  readonly termination?: { readonly code: string; readonly type: string; readonly message: string };
};

export function stateAndStatus(shown: Shown): Json {
  const stopped = shown.resultState === "CANCELED" || shown.resultState === "TIMEDOUT";
  return {
    state: {
      life_cycle_state: shown.lifeCycleState,
      ...(shown.resultState !== undefined && { result_state: shown.resultState }),
      state_message: shown.message,
      user_cancelled_or_timedout: stopped,
      ...(shown.queue !== undefined && { queue_reason: shown.queue.message }),
    },
    status: {
      state: statusState(shown),
      ...(shown.queue !== undefined && { queue_details: shown.queue }),
      ...(shown.termination !== undefined && { termination_details: shown.termination }),
    },
  };
}

/** `status.state` knows one word for the end, and WAITING for an attempt between two. */
function statusState({ lifeCycleState, termination }: Shown): string {
  if (termination !== undefined && ["SKIPPED", "INTERNAL_ERROR"].includes(lifeCycleState))
    return "TERMINATED";
  return lifeCycleState === "WAITING_FOR_RETRY" ? "WAITING" : lifeCycleState;
}

export function shownOfEnding(ending: Ending): Shown {
  return {
    lifeCycleState: ending.lifeCycleState,
    ...(ending.resultState !== undefined && { resultState: ending.resultState }),
    message: ending.message,
    termination: { code: ending.code, type: ending.type, message: ending.message },
  };
}

/** A word that no client knows, for those who must survive it. */
const unknownState = "REBALANCING";

export function shownOfAttempt({ settings }: WorkspaceContext, attempt: Attempt): Shown {
  if (isOver(attempt) && attempt.ending !== undefined) return shownOfEnding(attempt.ending);
  if (settings.unknownStates) return { lifeCycleState: unknownState, message: "" };
  const phase = attempt.shown ?? attempt.phase;
  return { lifeCycleState: phase, message: phaseMessages[phase] ?? "" };
}

const phaseMessages: Readonly<Record<string, string>> = {
  PENDING: "Waiting for compute",
  RUNNING: "In run",
  TERMINATING: "Terminating",
};

export function shownOfRun(context: WorkspaceContext, run: RunRecord): Shown {
  if (run.ending !== undefined) return shownOfEnding(run.ending);
  if (run.queued !== undefined) {
    const { code, message } = run.queued;
    return { lifeCycleState: "QUEUED", message, queue: { code, message } };
  }
  if (context.settings.unknownStates) return { lifeCycleState: unknownState, message: "" };
  if (run.stop !== undefined && run.stop.why !== "platform")
    return { lifeCycleState: "TERMINATING", message: "Terminating" };
  const [only, ...more] = run.attempts;
  if (only !== undefined && more.length === 0) {
    const shown = shownOfAttempt(context, only);
    if (!isOver(only) && only.phase !== "BLOCKED") return shown;
  }
  const begun = run.attempts.some((attempt) => attempt.runningMs !== 0 || isOver(attempt));
  return begun
    ? { lifeCycleState: "RUNNING", message: "In run" }
    : { lifeCycleState: "PENDING", message: "Waiting for compute" };
}
