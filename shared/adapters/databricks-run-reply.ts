// A run as the Jobs API sends it, and as we see it. It is foreign: unknown keys pass, unknown
// values stay as they are.
import * as z from "zod";
import type { DatabricksRun, DatabricksTask } from "../domain/databricks-run.ts";
import type { NamedRun } from "../ports.ts";

/** int64: a number while it is safe, otherwise text. */
export const Id = z
  .union([z.string(), z.int()])
  .transform(String)
  .pipe(z.string().regex(/^[0-9]{1,19}$/, "must be the id of a run"));

const text = z.string().nullish();
const ms = z.number().nullish();

const State = {
  /** Deprecated, still sent. */
  state: z.object({ life_cycle_state: text, result_state: text, state_message: text }).nullish(),
  status: z
    .object({
      state: text,
      queue_details: z.object({ message: text }).nullish(),
      termination_details: z.object({ code: text, message: text }).nullish(),
    })
    .nullish(),
};

const Task = z.object({
  task_key: z.string(),
  run_id: Id.nullish().catch(undefined),
  attempt_number: z.int().nullish(),
  start_time: ms.catch(undefined),
  end_time: ms.catch(undefined),
  queue_duration: ms.catch(undefined),
  setup_duration: ms.catch(undefined),
  spark_python_task: z
    .object({ python_file: text, parameters: z.array(z.string()).nullish() })
    .nullish()
    .catch(undefined),
  ...State,
});

const Repair = z.object({ type: text, start_time: ms });

export const RunReply = z.object({
  run_id: Id,
  run_name: text,
  run_page_url: text,
  run_type: text,
  /** The submitter; missing if that user was deleted. */
  creator_user_name: text,
  /** The parameters that a repair changed. */
  overriding_parameters: z.record(z.string(), z.unknown()).nullish().catch(undefined),
  start_time: ms,
  end_time: ms,
  tasks: z.array(Task).nullish(),
  repair_history: z.array(Repair).nullish(),
  next_page_token: text,
  ...State,
});
export type RunReply = z.infer<typeof RunReply>;

/** `runs` is absent if there are none (docs/facts/databricks.md#runs-list-is-absent-when-empty). */
export const RunsReply = z.object({ runs: z.array(RunReply).nullish(), next_page_token: text });

/** Builds one run from pages with its tasks. */
export function runOf(pages: readonly [RunReply, ...RunReply[]], url: UrlOf): DatabricksRun {
  const [first] = pages;
  const { code, message } = first.status?.termination_details ?? {};
  return {
    databricksRunId: first.run_id,
    runName: first.run_name ?? "",
    creator: first.creator_user_name || undefined,
    runType: first.run_type ?? undefined,
    isOverridden: isOverridden(pages),
    runUrl: url(first),
    lifeCycleState: first.state?.life_cycle_state ?? undefined,
    resultState: first.state?.result_state ?? undefined,
    state: first.status?.state ?? undefined,
    terminationCode: code ?? undefined,
    message: message || first.state?.state_message || first.status?.queue_details?.message || "",
    startedMs: timeOf(first.start_time),
    endedMs: timeOf(first.end_time),
    ...ranOf(pages.flatMap((page) => page.tasks ?? [])),
    tasks: lastAttempts(pages.flatMap((page) => page.tasks ?? [])),
  };
}

export function namedRunOf(run: RunReply, url: UrlOf): NamedRun {
  const repairs = (run.repair_history ?? [])
    .filter((repair) => repair.type !== "ORIGINAL")
    .map((repair) => repair.start_time ?? 0);
  return {
    databricksRunId: run.run_id,
    runName: run.run_name ?? "",
    creator: run.creator_user_name || undefined,
    runUrl: url(run),
    startedMs: run.start_time ?? 0,
    ...(repairs.length > 0 && { repairedMs: Math.max(...repairs) }),
  };
}

/**
 * Only a repair can have changed something: a field that the platform fills in for its own reasons
 * must not make a run look like somebody else's.
 */
function isOverridden(pages: readonly RunReply[]): boolean {
  const isRepaired = pages.some(
    ({ tasks, repair_history }) =>
      (tasks ?? []).some(({ attempt_number }) => (attempt_number ?? 0) > 0) ||
      (repair_history ?? []).some(({ type }) => type !== "ORIGINAL"),
  );
  return (
    isRepaired && pages.some(({ overriding_parameters }) => holdsAnything(overriding_parameters))
  );
}

const holdsAnything = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.keys(value).length > 0;

type UrlOf = (run: Pick<RunReply, "run_id" | "run_page_url">) => string;

/** When the code of the task that began first started, and how long it ran, without its waits. */
function ranOf(tasks: readonly z.infer<typeof Task>[]): Pick<DatabricksRun, "ranFromMs" | "ranMs"> {
  const [task] = tasks
    .filter(({ start_time }) => timeOf(start_time) !== undefined)
    .toSorted((a, b) => (a.start_time ?? 0) - (b.start_time ?? 0));
  if (task === undefined) return {};
  const ranFromMs =
    (task.start_time ?? 0) + (task.queue_duration ?? 0) + (task.setup_duration ?? 0);
  const endedMs = timeOf(task.end_time);
  return { ranFromMs, ranMs: endedMs && Math.max(0, endedMs - ranFromMs) };
}

/** `end_time` is 0 until the run is over. */
const timeOf = (value: number | null | undefined): number | undefined => value || undefined;

/**
 * `tasks[]` has one entry for each attempt (docs/facts/databricks.md#one-entry-for-each-attempt).
 * The last one counts.
 */
function lastAttempts(tasks: readonly z.infer<typeof Task>[]): readonly DatabricksTask[] {
  const byKey = new Map<string, DatabricksTask>();
  for (const task of tasks) {
    const attemptNumber = task.attempt_number ?? 0;
    if (attemptNumber < (byKey.get(task.task_key)?.attemptNumber ?? 0)) continue;
    byKey.set(task.task_key, {
      taskKey: task.task_key,
      taskRunId: task.run_id ?? undefined,
      pythonFile: task.spark_python_task?.python_file ?? undefined,
      parameters: task.spark_python_task?.parameters ?? undefined,
      attemptNumber,
      lifeCycleState: task.state?.life_cycle_state ?? undefined,
      resultState: task.state?.result_state ?? undefined,
      terminationCode: task.status?.termination_details?.code ?? undefined,
    });
  }
  return [...byKey.values()];
}
