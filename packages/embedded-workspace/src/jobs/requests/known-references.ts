// References that can have no value are refused when a job is saved or a run is submitted
// (docs/facts/databricks.md#dynamic-value-references).
import { ApiError } from "../../route.ts";
import { faultOf, type Reference, referencesIn } from "../../runs/references.ts";
import type { Task } from "../../runs/task-schema.ts";

/** @throws ApiError 400 */
export function requireKnownReferences(tasks: readonly Task[]): void {
  for (const task of tasks)
    for (const { text, inLoop } of textsOf(task))
      for (const reference of referencesIn(text)) {
        const fault = faultIn(reference, task, tasks, inLoop);
        if (fault !== undefined)
          throw new ApiError(400, "INVALID_PARAMETER_VALUE", `Task '${task.task_key}': ${fault}`);
      }
}

/** `parameters` of a job are about the job: its tasks have not begun. @throws ApiError 400 */
export function requireKnownDefaults(
  parameters: readonly { readonly name: string; readonly default: string }[],
): void {
  for (const { name, default: text } of parameters)
    for (const reference of referencesIn(text)) {
      const fault = faultOf(reference);
      if (fault !== undefined)
        throw new ApiError(400, "INVALID_PARAMETER_VALUE", `Parameter '${name}': ${fault}`);
    }
}

type Text = { readonly text: string; readonly inLoop: boolean };

function textsOf(value: unknown, inLoop = false): Text[] {
  if (typeof value === "string") return [{ text: value, inLoop }];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, each]) =>
    name === "description" ? [] : textsOf(each, inLoop || (name === "task" && isTask(each))),
  );
}

const isTask = (value: unknown): boolean =>
  typeof value === "object" && value !== null && "task_key" in value;

function faultIn(
  reference: Reference,
  task: Task,
  tasks: readonly Task[],
  inLoop: boolean,
): string | undefined {
  const fault = faultOf(reference);
  if (fault !== undefined) return fault;
  const [namespace, key = ""] = reference.path;
  if (namespace === "input" && !inLoop)
    return `${reference.whole}: only the task of a for_each_task has an input.`;
  if (namespace !== "tasks" || upstreamOf(task, tasks).has(key)) return undefined;
  return tasks.some(({ task_key }) => task_key === key)
    ? `${reference.whole}: '${key}' is not upstream of it; name it in depends_on.`
    : `${reference.whole}: there is no task '${key}'.`;
}

/** Also what the tasks that it depends on depend on. */
function upstreamOf(task: Task, tasks: readonly Task[]): ReadonlySet<string> {
  const byKey = new Map(tasks.map((each) => [each.task_key, each]));
  const found = new Set<string>();
  for (const left = [task]; left.length > 0; )
    for (const { task_key } of left.pop()?.depends_on ?? []) {
      const next = byKey.get(task_key);
      if (next === undefined || found.has(task_key)) continue;
      found.add(task_key);
      left.push(next);
    }
  return found;
}
