// Dynamic value references: `{{job.parameters.x}}`, `{{tasks.a.values.b}}` in a task's strings
// (docs/facts/databricks.md#dynamic-value-references). What belongs to a known namespace has a
// value or is an error; anything else in braces is text. `{{secrets/scope/key}}` is none of them:
// the platform resolves it in cluster settings only.
import { type Attempt, latestAttempts, type ReferenceScope } from "./model.ts";
import { jsonOf, usableValue } from "./task-values.ts";

/** A reference that has no value: the task cannot start. */
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

/**
 * The value behind a text that is one reference and nothing else, with its type; any other text
 * resolved. @throws UnresolvedReferenceError
 */
export function resolvedValue(text: string, scope: ReferenceScope): unknown {
  const [only] = referencesIn(text);
  if (only?.whole !== text.trim()) return resolveText(text, scope);
  return usableValue(valueBehind(only, scope));
}

const resolveText = (text: string, scope: ReferenceScope): string =>
  text.replace(braces, (whole, inner: string) => {
    const reference = referenceOf(whole, inner);
    return reference === undefined ? whole : asText(valueBehind(reference, scope));
  });

const asText = (value: unknown): string => (typeof value === "string" ? value : jsonOf(value));

/** A reference into a known namespace, as it stands in a text. */
export type Reference = {
  readonly whole: string;
  /** Empty where it cannot be read. */
  readonly path: readonly string[];
};

const braces = /\{\{\s*([^{}]+?)\s*\}\}/g;
const namespaces = new Set(["job", "task", "tasks", "workspace", "input"]);

export const referencesIn = (text: string): Reference[] =>
  [...text.matchAll(braces)].flatMap(([whole, inner = ""]) => referenceOf(whole, inner) ?? []);

function referenceOf(whole: string, inner: string): Reference | undefined {
  const path = pathOf(inner);
  const known = path !== undefined && legacyNames.has(path.join("."));
  const [namespace = ""] = /^\w+/.exec(inner) ?? [];
  if (!known && (!namespaces.has(namespace) || !/^\w+\s*([.[`]|$)/.test(inner))) return undefined;
  return { whole, path: path ?? [] };
}

/** Names between dots; with other characters in them in backticks, or in brackets. */
function pathOf(inner: string): readonly string[] | undefined {
  const name = /\s*(?:`([^`]+)`|\[([^\]]+)\]|([^\s.`[\]]+))\s*(\.|$)/y;
  const path: string[] = [];
  while (name.lastIndex < inner.length) {
    const found = name.exec(inner);
    if (found === null) return undefined;
    path.push(found[1] ?? found[2] ?? found[3] ?? "");
  }
  return inner.endsWith(".") ? undefined : path;
}

type Names = readonly string[];
type Shape = {
  /** `*` is one name, `**` all that follow, `<time>` a part of a time. */
  readonly path: Names;
  readonly value: (scope: ReferenceScope, names: Names) => unknown;
};

const shape = (path: string, value: Shape["value"]): Shape => ({ path: path.split("."), value });

const shapes: readonly Shape[] = [
  shape("job.id", ({ run }) => run.jobId),
  shape("job_id", ({ run }) => run.jobId),
  shape("job.name", ({ jobName }) => jobName),
  shape("job.run_id", ({ run }) => run.runId),
  shape("run.id", ({ run }) => run.runId),
  shape("parent_run_id", ({ run }) => run.runId),
  shape("job.repair_count", ({ run }) => String(Math.max(0, run.repairs.length - 1))),
  shape("job.trigger.type", ({ run }) => run.trigger.toLowerCase()),
  shape("job.trigger.time.<time>", ({ run }, [part]) => timePart(run.createdMs, part)),
  shape("job.start_time.<time>", ({ run }, [part]) =>
    timePart(run.startedMs === 0 ? run.createdMs : run.startedMs, part),
  ),
  shape("job.parameters.**", (scope, [name]) => parameterOf(name ?? "", scope)),
  shape("task.name", ({ attempt }) => attempt.taskKey),
  shape("task_key", ({ attempt }) => attempt.taskKey),
  shape("task.run_id", ({ attempt }) => attempt.runId),
  shape("run_id", ({ attempt }) => attempt.runId),
  shape("task.execution_count", ({ attempt }) => String(attempt.attempt + 1)),
  shape("task_retry_count", ({ attempt }) => String(attempt.attempt)),
  shape("task.notebook_path", ({ run, attempt }) => notebookPath(run, attempt.taskKey)),
  shape("start_date", ({ run }) => new Date(run.createdMs).toISOString().slice(0, 10)),
  shape("start_time", ({ run }) => String(run.createdMs)),
  shape("tasks.*.values.**", ({ run }, [key, name]) => taskValue(run, key ?? "", name ?? "")),
  shape("tasks.*.result_state", ({ run }, [key]) => resultStateOf(latest(run, key))),
  shape("tasks.*.run_id", ({ run }, [key]) => latest(run, key).runId),
  shape("tasks.*.execution_count", ({ run }, [key]) => String(latest(run, key).attempt + 1)),
  shape("tasks.*.error_code", ({ run }, [key]) => errorCodeOf(latest(run, key))),
  shape("tasks.*.notebook_path", ({ run }, [key]) => notebookPath(run, key ?? "")),
  shape("tasks.*.output.rows", ({ run }, [key]) => rowsOf(run, key)),
  shape("tasks.*.output.first_row.**", ({ run }, [key, column]) =>
    columnOf(rowsOf(run, key), key ?? "", column ?? ""),
  ),
  shape("workspace.id", ({ workspaceId }) => workspaceId),
  shape("workspace.url", ({ workspaceUrl }) => workspaceUrl),
  shape("input", (scope) => inputOf(scope, [])),
  shape("input.**", (scope, [names]) => inputOf(scope, (names ?? "").split("."))),
];

/** From before there were namespaces. */
const legacyNames = new Set(
  shapes
    .map(({ path }) => path.join("."))
    .filter((name) => !namespaces.has(name.split(".")[0] ?? "")),
);

/** Why it can have no value in any run; undefined where it may have one. */
export const faultOf = ({ whole, path }: Reference): string | undefined =>
  found(path) === undefined ? noSuchValue(whole) : undefined;

function noSuchValue(whole: string): string {
  const [namespace = ""] = /\w+/.exec(whole) ?? [];
  return `${whole} is no dynamic value reference: the namespace "${namespace}" has no such value.`;
}

function valueBehind(reference: Reference, scope: ReferenceScope): unknown {
  const known = found(reference.path);
  if (known === undefined) throw new UnresolvedReferenceError(noSuchValue(reference.whole));
  try {
    return known.shape.value(scope, known.names);
  } catch (error) {
    if (!(error instanceof UnresolvedReferenceError)) throw error;
    throw new UnresolvedReferenceError(`${reference.whole}: ${error.message}`, { cause: error });
  }
}

function found(path: Names): { readonly shape: Shape; readonly names: Names } | undefined {
  for (const each of shapes) {
    const names = matched(each.path, path);
    if (names !== undefined) return { shape: each, names };
  }
  return undefined;
}

/** The values of the wildcards. */
function matched(pattern: Names, path: Names): Names | undefined {
  const rest = pattern.at(-1) === "**";
  if (rest ? path.length < pattern.length : path.length !== pattern.length) return undefined;
  const names: string[] = [];
  for (const [at, wanted] of pattern.entries()) {
    const name = path[at] ?? "";
    if (wanted === "**") names.push(path.slice(at).join("."));
    else if (wanted === "*" || (wanted === "<time>" && timeParts.has(name))) names.push(name);
    else if (wanted !== name) return undefined;
  }
  return names;
}

function inputOf({ input }: ReferenceScope, names: Names): unknown {
  if (input === undefined)
    throw new UnresolvedReferenceError("only the task of a for_each_task has an input.");
  let value: unknown = input.value;
  for (const name of names) {
    const held = typeof value === "object" && value !== null && Object.hasOwn(value, name);
    if (!held) throw new UnresolvedReferenceError(`the input has no "${name}".`);
    value = (value as Readonly<Record<string, unknown>>)[name];
  }
  return value;
}

/** Its value may have references of its own, to the job and its run. */
function parameterOf(name: string, scope: ReferenceScope): string {
  const parameter = scope.run.parameters.find((each) => each.name === name);
  if (parameter === undefined)
    throw new UnresolvedReferenceError(`the job has no parameter "${name}".`);
  const others = scope.run.parameters.filter((each) => each !== parameter);
  return resolveText(parameter.value, { ...scope, run: { ...scope.run, parameters: others } });
}

type Run = ReferenceScope["run"];

function latest(run: Run, key = ""): Attempt {
  const attempt = latestAttempts(run.attempts).get(key);
  if (attempt === undefined) throw new UnresolvedReferenceError(`the run has no task "${key}".`);
  return attempt;
}

function taskValue(run: Run, key: string, name: string): unknown {
  latest(run, key);
  const values = run.taskValues[key] ?? {};
  if (!Object.hasOwn(values, name))
    throw new UnresolvedReferenceError(`the task "${key}" has not set a value "${name}".`);
  return values[name];
}

function notebookPath(run: Run, key: string): string {
  const path = run.tasks.find(({ task_key }) => task_key === key)?.notebook_task?.notebook_path;
  if (path === undefined)
    throw new UnresolvedReferenceError(`the task "${key}" executes no notebook.`);
  return path;
}

type Row = Readonly<Record<string, unknown>>;

function rowsOf(run: Run, key: string | undefined): readonly Row[] {
  const rows = latest(run, key).output?.sqlRows;
  if (rows === undefined)
    throw new UnresolvedReferenceError(
      `the task "${key}" has no rows: it is no sql_task that ended.`,
    );
  return rows;
}

function columnOf([first]: readonly Row[], key: string, column: string): unknown {
  if (first === undefined || !Object.hasOwn(first, column))
    throw new UnresolvedReferenceError(`the first row of task "${key}" has no column "${column}".`);
  return first[column];
}

const resultStateOf = (attempt: Attempt): string =>
  (attempt.ending?.resultState ?? "").toLowerCase();

const errorCodeOf = ({ ending }: Attempt): string =>
  ending?.resultState === "SUCCESS" ? "" : (ending?.code ?? "");

const timeParts = new Map<string, (time: Date, iso: string) => string>([
  ["iso_date", (_, iso) => iso.slice(0, 10)],
  ["iso_datetime", (_, iso) => iso.slice(0, 19)],
  ["iso_weekday", (time) => String(((time.getUTCDay() + 6) % 7) + 1)],
  ["is_weekday", (time) => String(![0, 6].includes(time.getUTCDay()))],
  ["year", (_, iso) => iso.slice(0, 4)],
  ["month", (_, iso) => iso.slice(5, 7)],
  ["day", (_, iso) => iso.slice(8, 10)],
  ["hour", (_, iso) => iso.slice(11, 13)],
  ["minute", (_, iso) => iso.slice(14, 16)],
  ["second", (_, iso) => iso.slice(17, 19)],
  ["timestamp_ms", (time) => String(time.getTime())],
]);

function timePart(atMs: number, part = ""): string {
  const time = new Date(atMs);
  return timeParts.get(part)?.(time, time.toISOString()) ?? "";
}
