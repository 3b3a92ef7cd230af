// Runs, jobs and idempotency tokens as the store keeps them, with the indexes that answer questions
// about them quickly.
import type { WorkspaceContext } from "../context.ts";
import { dropLog } from "../execution/task-logs.ts";
import type { Attempt, JobRecord, RunRecord } from "../runs/model.ts";

export type RunStore = {
  readonly run: (runId: string) => RunRecord | undefined;
  /** Saves it and keeps the indexes true. */
  readonly putRun: (run: RunRecord) => void;
  readonly removeRun: (runId: string) => void;
  /** The run that a task-run id belongs to, and which attempt it names. */
  readonly attempt: (
    attemptId: string,
  ) => { readonly run: RunRecord; readonly attempt: Attempt } | undefined;
  /** Without iterations of for_each_tasks, which only their task shows. */
  readonly runs: () => readonly RunRecord[];
  /** Runs without an ending, oldest first. */
  readonly activeRuns: () => readonly RunRecord[];
  readonly activeCount: () => number;
  /** Those of them that wait for a slot. */
  readonly queuedRuns: () => readonly RunRecord[];
  readonly job: (jobId: string) => JobRecord | undefined;
  readonly putJob: (job: JobRecord) => void;
  readonly removeJob: (jobId: string) => void;
  readonly jobs: () => readonly JobRecord[];
  /**
   * The run that was started with this token, also when it has been deleted since; whose it is say
   * the settings.
   */
  readonly tokenRun: (token: string, caller: string) => string | undefined;
  readonly newId: () => string;
};

/**
 * Ids of this size are what workspaces hand out today; those above are beyond what a JavaScript
 * number holds.
 */
const idFirst = 412_000_000_000_001n;
const largeIdFirst = 2n ** 53n + 1n;

export function createRunStore(context: WorkspaceContext): RunStore {
  const runs = context.store.collection<RunRecord>("runs");
  const jobs = context.store.collection<JobRecord>("jobs");
  const tokens = openTokens(context);
  const parentOf = new Map<string, string>();
  const active = new Set<string>();
  const queued = new Set<string>();

  const index = (run: RunRecord): void => {
    tokens.know(run);
    for (const attempt of run.attempts) parentOf.set(attempt.runId, run.runId);
    if (run.ending === undefined) active.add(run.runId);
    else active.delete(run.runId);
    if (run.ending === undefined && run.queued !== undefined) queued.add(run.runId);
    else queued.delete(run.runId);
  };
  const unindex = (run: RunRecord): void => {
    for (const attempt of run.attempts) parentOf.delete(attempt.runId);
    active.delete(run.runId);
    queued.delete(run.runId);
  };
  const named = (ids: Iterable<string>): RunRecord[] =>
    [...ids].flatMap((runId) => runs.get(runId) ?? []);
  for (const [, run] of runs.entries()) index(run);

  const remove = (runId: string): void => {
    const run = runs.get(runId);
    if (run === undefined) return;
    unindex(run);
    tokens.outlive(run);
    runs.delete(runId);
    for (const attempt of run.attempts) {
      dropLog(context, attempt.runId);
      for (const iteration of attempt.loop?.runIds ?? []) remove(iteration);
    }
  };
  return {
    run: runs.get,
    putRun: (run) => {
      if (runs.get(run.runId) === run) return;
      runs.put(run.runId, run);
      index(run);
    },
    removeRun: remove,
    attempt: (attemptId) => {
      const run = runs.get(parentOf.get(attemptId) ?? "");
      const attempt = run?.attempts.find((each) => each.runId === attemptId);
      return run === undefined || attempt === undefined ? undefined : { run, attempt };
    },
    runs: () =>
      Array.from(runs.entries(), ([, run]) => run).filter(({ loop }) => loop === undefined),
    activeRuns: () => named(active),
    activeCount: () => active.size,
    queuedRuns: () => named(queued),
    job: jobs.get,
    putJob: (job) => jobs.put(job.jobId, job),
    removeJob: (jobId) => jobs.delete(jobId),
    jobs: () => [...jobs.entries()].map(([, job]) => job),
    tokenRun: tokens.runOf,
    newId: () => {
      const first = context.settings.largeIds ? largeIdFirst : idFirst;
      return String(first + BigInt(context.store.next("job_ids", 0)));
    },
  };
}

/**
 * Tokens live for ever. A run holds its own, so that both are written at once; those of deleted
 * runs are kept apart.
 */
function openTokens({ store, settings }: WorkspaceContext) {
  const orphaned = store.collection<string>("idempotency_tokens");
  const orphanedOfUsers = store.collection<string>("idempotency_tokens_of_users");
  const first = new Map(orphaned.entries());
  const ofUsers = new Map(orphanedOfUsers.entries());
  const own = (creator: string, token: string) => `${creator} ${token}`;
  return {
    know: ({ token, creator, runId }: RunRecord): void => {
      if (token === undefined) return;
      if (!first.has(token)) first.set(token, runId);
      ofUsers.set(own(creator, token), runId);
    },
    outlive: ({ token, creator, runId }: RunRecord): void => {
      if (token === undefined) return;
      if (first.get(token) === runId) orphaned.put(token, runId);
      orphanedOfUsers.put(own(creator, token), runId);
    },
    runOf: (token: string, caller: string): string | undefined =>
      settings.tokenScope === "user" ? ofUsers.get(own(caller, token)) : first.get(token),
  };
}
