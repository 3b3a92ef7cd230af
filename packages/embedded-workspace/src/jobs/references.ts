// Dynamic value references: `{{job.parameters.x}}`, `{{tasks.a.values.b}}`, `{{run.id}}` in a
// task's strings. `{{secrets/scope/key}}` is none of them: the platform resolves it in cluster
// settings only.
import type { Attempt, RunRecord } from "./model.ts";
import { latestAttempts } from "./model.ts";

export type ReferenceScope = {
  readonly run: RunRecord;
  readonly attempt: Attempt;
  readonly jobName: string;
  readonly workspaceId: string;
  readonly workspaceUrl: string;
};

/** A reference of a known kind that has no value: the task cannot start. */
export class UnresolvedReferenceError extends Error {
  override readonly name = "UnresolvedReferenceError";
}

/** Replaces the references in each string of a JSON value. @throws UnresolvedReferenceError */
export function resolveReferences<T>(value: T, scope: ReferenceScope): T;
export function resolveReferences(value: unknown, scope: ReferenceScope): unknown {
  if (typeof value === "string") return resolveText(value, scope);
  if (Array.isArray(value)) return value.map((each) => resolveReferences(each, scope));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, resolveReferences(each, scope)]),
  );
}

function resolveText(text: string, scope: ReferenceScope): string {
  return text.replace(
    /\{\{\s*([^{}]+?)\s*\}\}/g,
    (whole, name: string) => referenced(name, scope) ?? whole,
  );
}

function referenced(name: string, scope: ReferenceScope): string | undefined {
  const fixed = fixedReferences[name];
  if (fixed !== undefined) return fixed(scope);
  if (name.startsWith("job.parameters."))
    return parameterOf(name, name.slice("job.parameters.".length), scope);
  if (name.startsWith("tasks.")) return taskReference(name, scope);
  if (name.startsWith("job.start_time."))
    return timeOf(name.slice("job.start_time.".length), scope);
  return undefined;
}

const fixedReferences: Readonly<Record<string, (scope: ReferenceScope) => string>> = {
  "job.id": ({ run }) => run.jobId,
  job_id: ({ run }) => run.jobId,
  "job.name": ({ jobName }) => jobName,
  "job.run_id": ({ run }) => run.runId,
  "run.id": ({ run }) => run.runId,
  parent_run_id: ({ run }) => run.runId,
  "job.repair_count": ({ run }) => String(Math.max(0, run.repairs.length - 1)),
  "job.trigger.type": ({ run }) => run.trigger.toLowerCase(),
  "task.name": ({ attempt }) => attempt.taskKey,
  task_key: ({ attempt }) => attempt.taskKey,
  "task.run_id": ({ attempt }) => attempt.runId,
  run_id: ({ attempt }) => attempt.runId,
  "task.execution_count": ({ attempt }) => String(attempt.attempt + 1),
  task_retry_count: ({ attempt }) => String(attempt.attempt),
  start_date: ({ run }) => new Date(run.createdMs).toISOString().slice(0, 10),
  start_time: ({ run }) => String(run.createdMs),
  "workspace.id": ({ workspaceId }) => workspaceId,
  "workspace.url": ({ workspaceUrl }) => workspaceUrl,
};

function parameterOf(reference: string, name: string, { run }: ReferenceScope): string {
  const parameter = run.parameters.find((each) => each.name === name);
  if (parameter === undefined)
    throw new UnresolvedReferenceError(`{{${reference}}}: the job has no parameter "${name}".`);
  return parameter.value;
}

/** `tasks.<key>.values.<name>`, `.result_state`, `.run_id`, `.execution_count`, `.error_code`. */
function taskReference(reference: string, { run }: ReferenceScope): string | undefined {
  const [, key = "", field = "", ...rest] = reference.split(".");
  const attempt = latestAttempts(run.attempts).get(key);
  if (attempt === undefined)
    throw new UnresolvedReferenceError(`{{${reference}}}: the run has no task "${key}".`);
  switch (field) {
    case "values": {
      const value = run.taskValues[key]?.[rest.join(".")];
      if (value === undefined)
        throw new UnresolvedReferenceError(
          `{{${reference}}}: the task "${key}" has not set a value "${rest.join(".")}".`,
        );
      return typeof value === "string" ? value : JSON.stringify(value);
    }
    case "result_state":
      return resultStateOf(attempt);
    case "run_id":
      return attempt.runId;
    case "execution_count":
      return String(attempt.attempt + 1);
    case "error_code":
      return attempt.ending?.resultState === "SUCCESS" ? "" : (attempt.ending?.code ?? "");
    default:
      return undefined;
  }
}

function resultStateOf(attempt: Attempt): string {
  return (attempt.ending?.resultState ?? "").toLowerCase();
}

function timeOf(part: string, { run }: ReferenceScope): string | undefined {
  const time = new Date(run.startedMs === 0 ? run.createdMs : run.startedMs);
  const iso = time.toISOString();
  const parts: Readonly<Record<string, string>> = {
    iso_date: iso.slice(0, 10),
    iso_datetime: iso.slice(0, 19),
    iso_weekday: String(((time.getUTCDay() + 6) % 7) + 1),
    is_weekday: String(![0, 6].includes(time.getUTCDay())),
    year: iso.slice(0, 4),
    month: iso.slice(5, 7),
    day: iso.slice(8, 10),
    hour: iso.slice(11, 13),
    minute: iso.slice(14, 16),
    second: iso.slice(17, 19),
    timestamp_ms: String(time.getTime()),
  };
  return parts[part];
}
