// The form of a submit before tasks[]: one task body and its compute at the top level. The platform
// still takes it.
import { ApiError } from "../route.ts";
import { Submit } from "./job-schema.ts";
import { Task } from "./task-schema.ts";

/** Key of the only task, as the platform makes one up from the run's name. */
const onlyTaskKey = "main";

const taskFields = new Set(Object.keys(Task.shape));
const bothFields = new Set([
  "timeout_seconds",
  "email_notifications",
  "webhook_notifications",
  "health",
  "notification_settings",
]);

/** @throws ApiError 400 with the field that is wrong */
export function submitOf(body: Readonly<Record<string, unknown>>): {
  readonly submit: Submit;
  readonly singleTask: boolean;
} {
  if ("job_clusters" in body)
    throw refused("Shared job cluster feature is not supported in runs/submit API");
  const singleTask = !("tasks" in body) && Object.keys(body).some((name) => name.endsWith("_task"));
  const whole = singleTask ? wrapped(body) : body;
  const parsed = Submit.safeParse(whole);
  if (parsed.success) return { submit: parsed.data, singleTask };
  const [issue] = parsed.error.issues;
  const place = issue?.path.join(".") ?? "";
  throw refused(`${place === "" ? "runs/submit" : place}: ${issue?.message ?? "invalid"}`);
}

function wrapped(body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const isTaskField = (name: string) => taskFields.has(name) && !bothFields.has(name);
  const entries = Object.entries(body);
  const task = Object.fromEntries(entries.filter(([name]) => isTaskField(name)));
  const rest = Object.fromEntries(entries.filter(([name]) => !isTaskField(name)));
  return { ...rest, tasks: [{ task_key: onlyTaskKey, ...task }] };
}

const refused = (message: string): ApiError =>
  new ApiError(400, "INVALID_PARAMETER_VALUE", message);
