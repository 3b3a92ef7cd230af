// JobsPort over memory: runs that start when they are submitted and end when the test says so.
import { CLOCKS_DIFFER_SECONDS } from "../../../shared/domain/cadence.ts";
import type { DatabricksRun } from "../../../shared/domain/databricks-run.ts";
import type {
  ClockPort,
  JobsPort,
  NamedRun,
  SubmitReply,
  SubmitRequest,
  TaskOutput,
} from "../../../shared/ports.ts";
import { controllers } from "../../domain/examples.ts";

/** The words with which a run ends, as Databricks pairs them. */
export type Ending = {
  readonly lifeCycleState: string;
  readonly resultState: string;
  readonly terminationCode: string;
  readonly message?: string;
};

/** Words with which Databricks ends a run. */
export const endings = {
  success: { lifeCycleState: "TERMINATED", resultState: "SUCCESS", terminationCode: "SUCCESS" },
  // A plain task failure shows as run-level INTERNAL_ERROR
  // (docs/facts/databricks.md#task-failure-is-internal-error).
  failure: {
    lifeCycleState: "INTERNAL_ERROR",
    resultState: "FAILED",
    terminationCode: "RUN_EXECUTION_ERROR",
  },
  cancelled: {
    lifeCycleState: "TERMINATED",
    resultState: "CANCELED",
    terminationCode: "USER_CANCELED",
  },
} as const satisfies Record<string, Ending>;

const SKEW_MS = CLOCKS_DIFFER_SECONDS * 1000;

type MemoryRun = DatabricksRun & { readonly startedMs: number; readonly repairedMs?: number };

export type MemoryJobs = JobsPort & {
  readonly runs: Map<string, MemoryRun>;
  /** What each task printed, by its run's id; no entry: no output (yet). */
  readonly outputs: Map<string, TaskOutput>;
  /**
   * Somebody submits a run, under any name and token. Returns its id, or that of the run that has
   * the token.
   */
  readonly submitAs: (creator: string | undefined, request: SubmitRequest) => string;
  /** The controllers may not see it. */
  readonly hide: (databricksRunId: string) => void;
  readonly payloads: Map<string, string>;
  readonly end: (databricksRunId: string, ending: Ending) => void;
  /** Somebody repairs it by hand: the same id runs again. */
  readonly repair: (databricksRunId: string) => void;
  /** The next submission of a name that begins so is refused for good. */
  readonly refuse: (namePrefix: string, code: string, message: string) => void;
};

// Beyond 2^53: whoever makes a number of it loses it.
const FIRST_ID = 9_007_199_254_740_993n;

/** The run of a run's one task, whose output is asked for. */
export const taskRunIdOf = (databricksRunId: string): string =>
  String(BigInt(databricksRunId) + 1_000_000n);

export function createMemoryJobs({ clock }: ClockPort, self = controllers): MemoryJobs {
  const runs = new Map<string, MemoryRun>();
  const outputs = new Map<string, TaskOutput>();
  const hidden = new Set<string>();
  const payloads = new Map<string, string>();
  const idByToken = new Map<string, string>();
  const refusals = new Map<string, { code: string; message: string }>();
  const change = (id: string, more: Partial<MemoryRun>): void => {
    const run = runs.get(id);
    if (run !== undefined) runs.set(id, { ...run, ...more });
  };
  const end = (id: string, { message = "", ...words }: Ending): void =>
    change(id, { ...words, state: "TERMINATED", message, endedMs: clock.nowMs() });
  const accepted = (id: string): SubmitReply => ({
    kind: "accepted",
    databricksRunId: id,
    runUrl: urlOf(id),
  });
  const submitAs = (
    creator: string | undefined,
    { runName, idempotencyToken, payload }: SubmitRequest,
  ): string => {
    const known = idByToken.get(idempotencyToken);
    if (known !== undefined) return known;
    const id = String(FIRST_ID + BigInt(runs.size));
    idByToken.set(idempotencyToken, id);
    payloads.set(id, payload);
    runs.set(id, {
      ...started,
      creator,
      tasks: tasksOf(id, payload),
      databricksRunId: id,
      runName,
      runUrl: urlOf(id),
      startedMs: clock.nowMs(),
    });
    return id;
  };
  return {
    runs,
    outputs,
    payloads,
    submitAs,
    hide: (id) => hidden.add(id),
    end,
    repair: (id) =>
      change(id, {
        ...started,
        repairedMs: clock.nowMs(),
      }),
    refuse: (namePrefix, code, message) => refusals.set(namePrefix, { code, message }),
    jobs: {
      submit: async (request) => {
        if (!idByToken.has(request.idempotencyToken))
          for (const [prefix, refusal] of refusals)
            if (request.runName.startsWith(prefix)) return { kind: "refused", ...refusal };
        return accepted(submitAs(self, request));
      },
      get: async (id) => {
        const run = runs.get(id);
        if (hidden.has(id))
          return { kind: "forbidden", message: `no View permission on run ${id}` };
        return run === undefined
          ? { kind: "gone", message: `Run ${id} does not exist.` }
          : { kind: "run", run };
      },
      output: async (taskRunId) =>
        outputs.get(taskRunId) ?? { kind: "output", logs: undefined, isTruncated: false },
      find: async (namePrefix, sinceMs, untilMs = Number.POSITIVE_INFINITY) =>
        [...runs.values()]
          .filter((run) => run.runName.startsWith(namePrefix))
          .filter((run) => run.startedMs >= sinceMs - SKEW_MS && run.startedMs <= untilMs + SKEW_MS)
          .map(named),
      listActive: async (namePrefix) =>
        [...runs.values()]
          .filter((run) => run.runName.startsWith(namePrefix) && run.endedMs === undefined)
          .map(named),
      cancel: async (id) => {
        if (runs.get(id)?.endedMs === undefined) end(id, endings.cancelled);
      },
    },
  };
}

const urlOf = (id: string): string => `https://workspace.example/?o=1#job/1/run/${id}`;

const started = {
  lifeCycleState: "RUNNING",
  state: "RUNNING",
  resultState: undefined,
  terminationCode: undefined,
  message: "",
  endedMs: undefined,
  runType: "SUBMIT_RUN",
  isOverridden: false,
} as const;

/** Its tasks, as the payload describes them. */
function tasksOf(id: string, payload: string): DatabricksRun["tasks"] {
  const { tasks = [{ task_key: "main" }] } = JSON.parse(payload) as {
    readonly tasks?: readonly {
      readonly task_key: string;
      readonly spark_python_task?: { python_file: string; parameters?: string[] };
    }[];
  };
  return tasks.map(({ task_key, spark_python_task }) => ({
    taskKey: task_key,
    taskRunId: taskRunIdOf(id),
    pythonFile: spark_python_task?.python_file,
    parameters: spark_python_task?.parameters,
    attemptNumber: 0,
    lifeCycleState: undefined,
    resultState: undefined,
    terminationCode: undefined,
  }));
}

const named = (run: MemoryRun): NamedRun => ({
  databricksRunId: run.databricksRunId,
  runName: run.runName,
  creator: run.creator,
  runUrl: run.runUrl,
  startedMs: run.startedMs,
  ...(run.repairedMs !== undefined && { repairedMs: run.repairedMs }),
});
