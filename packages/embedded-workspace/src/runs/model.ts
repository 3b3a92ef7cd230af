// The workspace's record of a run. A run is its tasks and their attempts; everything a client
// sees derives from this.
import type {
  AccessControl,
  Environment,
  EnvironmentVariables,
  JobCluster,
  JobSettings,
} from "./job-schema.ts";
import type { Task } from "./task-schema.ts";

/**
 * How an attempt or a run ended, in the platform's words; text, because a test may end it in words
 * nobody knows.
 */
export type Ending = {
  readonly lifeCycleState: string;
  readonly resultState?: string;
  readonly message: string;
  /** `status.termination_details`. */
  readonly code: string;
  readonly type: string;
};

/** The answer of get-output beside the logs, which lie in a file. */
export type TaskOutput = {
  readonly error?: string;
  readonly errorTrace?: string;
  readonly notebookResult?: string;
  readonly notebookTruncated?: boolean;
  readonly runJobRunId?: string;
  /** The last answer of a sql_task, by column: references can name these. */
  readonly sqlRows?: readonly Readonly<Record<string, unknown>>[];
  /** The statements that a warehouse executed. */
  readonly sqlQuery?: {
    readonly warehouseId: string;
    readonly text: string;
    readonly statementKeys: readonly string[];
  };
};

/** A process of this machine. The start tells it from a later process with the same pid. */
export type ProcessMark = { readonly pid: number; readonly startedAt: string };

/** States that an attempt passes through without Python, and how it ends (`POST …/scripts`). */
export type ScriptedAttempt = {
  readonly states: readonly { readonly state: string; readonly seconds: number }[];
  /** Attempts that follow play the next ending; the last one repeats. */
  readonly ending: Ending;
  readonly output: TaskOutput;
  readonly logs?: string;
  readonly ignoresCancel: boolean;
};

/** `OVER` is ours; the others are the platform's life cycle states before the end. */
type Phase = "BLOCKED" | "WAITING_FOR_RETRY" | "PENDING" | "RUNNING" | "TERMINATING" | "OVER";

export type Attempt = {
  /** Its own run id, as get-output wants it. */
  readonly runId: string;
  readonly taskKey: string;
  /** 0, 1, …: one entry of `tasks[]` each. */
  readonly attempt: number;
  /** Which repair made it; 0 is the original run. */
  readonly repair: number;
  readonly phase: Phase;
  /** Shown instead of the phase, while a script says so. */
  readonly shown?: string;
  readonly createdMs: number;
  readonly startedMs: number;
  /** When it left PENDING, 0 before. */
  readonly runningMs: number;
  readonly endedMs: number;
  /** Decided, once it is TERMINATING or OVER. */
  readonly ending?: Ending;
  /** The executor is busy with it. */
  readonly executing: boolean;
  readonly process?: ProcessMark;
  readonly retryAtMs?: number;
  readonly script?: ScriptedAttempt;
  readonly output?: TaskOutput;
  readonly resolved?: Readonly<Record<string, unknown>>;
  /** Of a for_each_task: the runs of its iterations, as they began, and its `stats`. */
  readonly loop?: {
    readonly runIds: readonly string[];
    readonly stats: Readonly<Record<string, unknown>>;
  };
};

type RepairRecord = {
  /** Empty for the original run. */
  readonly repairId: string;
  readonly startedMs: number;
  readonly endedMs: number;
  readonly ending?: Ending;
};

export type StopRequest = {
  readonly atMs: number;
  readonly why: "user" | "timeout" | "platform";
  readonly ending: Ending;
  /** A run is seen TERMINATING for a moment, also when nothing of it was executing. */
  readonly untilMs: number;
};

/** Parameters of one run-now, beside the job's. They replace those of the tasks of their type. */
export type TaskParameters = {
  readonly notebookParams?: Readonly<Record<string, string>>;
  readonly pythonParams?: readonly string[];
  readonly pythonNamedParams?: Readonly<Record<string, string>>;
  readonly sqlParams?: Readonly<Record<string, string>>;
};

export type RunRecord = {
  readonly runId: string;
  /** Submits have one too, made up. */
  readonly jobId: string;
  readonly type: "SUBMIT_RUN" | "JOB_RUN" | "WORKFLOW_RUN";
  readonly trigger: "ONE_TIME" | "RUN_JOB_TASK" | "RETRY";
  readonly name: string;
  /** Application ids. */
  readonly creator: string;
  readonly runAs: string;
  /** The client's idempotency token; of run-now, with the job in front. */
  readonly token?: string;
  readonly createdMs: number;
  /** In the legacy form without `tasks[]`, get-output takes the id of the run itself. */
  readonly singleTask: boolean;
  readonly tasks: readonly Task[];
  readonly environments: readonly Environment[];
  readonly environmentVariables: readonly EnvironmentVariables[];
  readonly jobClusters: readonly JobCluster[];
  readonly access: readonly AccessControl[];
  readonly parameters: readonly {
    readonly name: string;
    readonly default: string;
    readonly value: string;
  }[];
  readonly taskParameters: TaskParameters;
  /**
   * `overriding_parameters`: those of the run and of all its repairs, so that none hides what an
   * earlier one changed. Runs of older workspaces have none.
   */
  readonly overriding?: Readonly<Record<string, unknown>>;
  readonly timeoutSeconds: number;
  readonly performanceTarget?: string;
  readonly gitSource?: Readonly<Record<string, unknown>>;
  readonly queueing: boolean;
  /** Waits for a slot. */
  readonly queued?: { readonly sinceMs: number; readonly code: string; readonly message: string };
  /** How long it waited, once it has left the queue. */
  readonly queuedMs?: number;
  readonly startedMs: number;
  readonly endedMs: number;
  readonly attempts: readonly Attempt[];
  readonly taskValues: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly stop?: StopRequest;
  readonly ending?: Ending;
  readonly repairs: readonly RepairRecord[];
  /** An iteration of a for_each_task: of which run and attempt, and with what. */
  readonly loop?: {
    readonly runId: string;
    readonly attemptId: string;
    readonly index: number;
    readonly input: unknown;
  };
};

export type JobRecord = {
  readonly jobId: string;
  readonly creator: string;
  readonly runAs: string;
  readonly createdMs: number;
  readonly settings: JobSettings;
  readonly access: readonly AccessControl[];
};

/** An attempt's ending, as the executor says it. */
export type Outcome = {
  readonly ending: Ending;
  readonly output: TaskOutput;
  readonly taskValues?: Readonly<Record<string, unknown>>;
};

/** The values of references in the strings of a task. */
export type ReferenceScope = {
  readonly run: RunRecord;
  readonly attempt: Attempt;
  readonly jobName: string;
  readonly workspaceId: string;
  readonly workspaceUrl: string;
  /** Of an iteration of a for_each_task. */
  readonly input?: { readonly value: unknown };
};

/** The work for an executor: one attempt of a task of a run. */
export type Execution = {
  readonly run: RunRecord;
  readonly attempt: Attempt;
  readonly task: Task;
  /** The values of references at this moment. */
  readonly scope: () => ReferenceScope;
  /** Aborted when the attempt is cancelled or has run out of time. */
  readonly signal: AbortSignal;
  readonly onRunning: (patch: Partial<Attempt>) => void;
};

export const isOver = (attempt: Attempt): boolean => attempt.phase === "OVER";
export const succeeded = (ending: Ending | undefined): boolean =>
  ending?.resultState === "SUCCESS" || ending?.resultState === "SUCCESS_WITH_FAILURES";

/** The attempt that counts: the newest one of its task. */
export function latestAttempts(attempts: readonly Attempt[]): ReadonlyMap<string, Attempt> {
  return new Map(attempts.map((attempt) => [attempt.taskKey, attempt]));
}
