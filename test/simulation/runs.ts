// The truth about a Databricks run, and how the Jobs API shows it.
import type { DatabricksRun, DatabricksTask } from "../../shared/domain/databricks-run.ts";
import type { AttemptKey } from "../../shared/domain/facts.ts";
import type { NamedRun, RunLook } from "../../shared/ports.ts";
import { type EndingKind, endingOf, type Words } from "./endings.ts";
import type { OutputKind } from "./output.ts";
import type { ResultTruth } from "./results.ts";
import type { Span } from "./weather.ts";

/**
 * `us`: of this plane, and started for one of its attempts. `twin`: another plane of the same
 * principal. `before`: of this plane, for a run of long ago. `stranger`: anybody else.
 */
export type Owner = "us" | "twin" | "before" | "stranger";

export type Run = {
  readonly id: string;
  /** Its one task has an id of its own, and another after each repair. */
  taskRunId: string;
  /** The value that the submission's reference to it came to. */
  readonly firstTaskRunId: string;
  readonly name: string;
  readonly owner: Owner;
  /** Absent where that user was deleted. */
  readonly creator: string | undefined;
  readonly key: AttemptKey;
  readonly generation: string | undefined;
  /** A call started it that should have been dead for long. */
  readonly isZombie: boolean;
  readonly chapter: number;
  readonly startedMs: number;
  readonly listedMs: number;
  readonly timeoutMs: number;
  /** The body with which it was submitted, and what it says of its task. */
  readonly payload: string;
  readonly task: { readonly pythonFile: string; readonly parameters: readonly string[] };
  /** Older workspaces show less, or the same in another form. */
  readonly shows: "all" | "dbfs" | "little";
  /** While the controllers may not see it. */
  hidden: Span | undefined;
  /** QUEUED or PENDING until then. */
  runsFromMs: number;
  endMs: number;
  ending: EndingKind;
  /** Every way in which it has ended so far, or will: a repair adds one. */
  readonly endings: EndingKind[];
  /** Gone from then on, as if it had never been. */
  lostFromMs: number;
  cancelledMs: number | undefined;
  repairedMs: number | undefined;
  /** It was repaired with other parameters: from then on it is not what was submitted. */
  overriddenMs: number | undefined;
  result: ResultTruth | undefined;
  output: OutputKind;
};

export function lookOf(run: Run | undefined, nowMs: number): RunLook {
  if (run === undefined || nowMs >= run.lostFromMs)
    return { kind: "gone", message: `Run ${run?.id ?? ""} does not exist.` };
  if (isHidden(run, nowMs)) return { kind: "forbidden", message: "PERMISSION_DENIED: no." };
  return { kind: "run", run: shownAs(run, wordsOf(run, nowMs), nowMs) };
}

export const isHidden = ({ hidden }: Run, nowMs: number): boolean =>
  hidden !== undefined && nowMs >= hidden.fromMs && nowMs < hidden.toMs;

const running = (state: string): Words => ({
  lifeCycleState: state,
  resultState: undefined,
  terminationCode: undefined,
  state,
  message: "",
});

function wordsOf(run: Run, nowMs: number): Words {
  if (run.ending === "limbo" && nowMs > run.runsFromMs) return endingOf("limbo").words;
  if (nowMs >= run.endMs) return endingOf(run.ending).words;
  if (nowMs < run.runsFromMs) return running(nowMs % 2 === 0 ? "PENDING" : "QUEUED");
  return running(run.endMs - nowMs < 5_000 ? "TERMINATING" : "RUNNING");
}

const shownAs = (run: Run, words: Words, nowMs: number): DatabricksRun => ({
  databricksRunId: run.id,
  runName: run.name,
  creator: run.creator,
  runType: run.shows === "little" ? undefined : "SUBMIT_RUN",
  isOverridden: run.overriddenMs !== undefined && (run.shows !== "little" || words.task === "none"),
  runUrl: urlOf(run),
  lifeCycleState: words.lifeCycleState,
  resultState: words.resultState,
  state: words.state,
  terminationCode: words.terminationCode,
  message: words.message,
  startedMs: run.startedMs,
  endedMs: nowMs >= run.endMs ? run.endMs : undefined,
  tasks: words.task === "none" ? [] : [taskOf(run, words)],
});

function taskOf(run: Run, { task, resultState, lifeCycleState }: Words): DatabricksTask {
  const { pythonFile } = run.task;
  const parameters = shownParameters(run);
  const isOver = lifeCycleState === "TERMINATED";
  const own = task === "none" ? undefined : task;
  return {
    taskRunId: run.taskRunId,
    taskKey: "main",
    pythonFile: run.shows === "dbfs" ? `dbfs:${pythonFile}` : pythonFile,
    // A repair with other parameters shows in one of two ways, or in both.
    parameters:
      run.overriddenMs === undefined || run.shows === "all"
        ? parameters
        : [...parameters, "--other"],
    attemptNumber: run.repairedMs === undefined ? 0 : 1,
    lifeCycleState: own?.lifeCycleState ?? lifeCycleState,
    resultState: own?.resultState ?? (isOver ? resultState : undefined),
    terminationCode: undefined,
  };
}

/**
 * Whether a workspace shows its references, or what it has put in their places, nobody promises.
 */
export const shownParameters = ({ task, shows, id, firstTaskRunId }: Run): readonly string[] =>
  shows === "dbfs"
    ? task.parameters.map((text) =>
        text
          .replace("{{job.id}}", "1")
          .replace("{{job.run_id}}", id)
          .replace("{{task.run_id}}", firstTaskRunId),
      )
    : task.parameters;

export const urlOf = ({ id }: Pick<Run, "id">): string =>
  `https://workspace.example/?o=1#job/1/run/${id}`;

/** Databricks says by its own clock when a run began. */
export const namedOf = (run: Run, skewMs: number): NamedRun => ({
  databricksRunId: run.id,
  runName: run.name,
  runUrl: urlOf(run),
  creator: run.creator,
  startedMs: run.startedMs + skewMs,
  ...(run.repairedMs !== undefined && { repairedMs: run.repairedMs }),
});
