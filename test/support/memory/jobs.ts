// JobsPort over memory: runs that start when they are submitted and end when the test says so.
import { CLOCKS_DIFFER_SECONDS } from "../../../shared/domain/cadence.ts";
import type { DatabricksRun } from "../../../shared/domain/databricks-run.ts";
import type { ClockPort, JobsPort, NamedRun, SubmitReply } from "../../../shared/ports.ts";

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
  readonly payloads: Map<string, string>;
  readonly end: (databricksRunId: string, ending: Ending) => void;
  /** Somebody repairs it by hand: the same id runs again. */
  readonly repair: (databricksRunId: string) => void;
  /** The next submission of a name that begins so is refused for good. */
  readonly refuse: (namePrefix: string, code: string, message: string) => void;
};

// Beyond 2^53: whoever makes a number of it loses it.
const FIRST_ID = 9_007_199_254_740_993n;

export function createMemoryJobs({ clock }: ClockPort): MemoryJobs {
  const runs = new Map<string, MemoryRun>();
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
  return {
    runs,
    payloads,
    end,
    repair: (id) =>
      change(id, {
        ...started,
        repairedMs: clock.nowMs(),
      }),
    refuse: (namePrefix, code, message) => refusals.set(namePrefix, { code, message }),
    jobs: {
      submit: async ({ runName, idempotencyToken, payload }) => {
        const known = idByToken.get(idempotencyToken);
        if (known !== undefined) return accepted(known);
        for (const [prefix, refusal] of refusals)
          if (runName.startsWith(prefix)) return { kind: "refused", ...refusal };
        const id = String(FIRST_ID + BigInt(runs.size));
        idByToken.set(idempotencyToken, id);
        payloads.set(id, payload);
        const startedMs = clock.nowMs();
        runs.set(id, { ...started, databricksRunId: id, runName, runUrl: urlOf(id), startedMs });
        return accepted(id);
      },
      get: async (id) => {
        const run = runs.get(id);
        return run === undefined
          ? { kind: "gone", message: `Run ${id} does not exist.` }
          : { kind: "run", run };
      },
      find: async (namePrefix, sinceMs, untilMs = Number.POSITIVE_INFINITY) =>
        [...runs.values()]
          .filter((run) => run.runName.startsWith(namePrefix))
          .filter((run) => run.startedMs >= sinceMs - SKEW_MS && run.startedMs <= untilMs + SKEW_MS)
          .map(named)[0],
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
  tasks: [],
} as const;

const named = (run: MemoryRun): NamedRun => ({
  databricksRunId: run.databricksRunId,
  runName: run.runName,
  runUrl: run.runUrl,
  startedMs: run.startedMs,
  ...(run.repairedMs !== undefined && { repairedMs: run.repairedMs }),
});
