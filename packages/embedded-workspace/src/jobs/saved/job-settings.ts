// Settings of a saved job: what the platform adds, and how an update changes them.
import type { JobSettings } from "../../runs/job-schema.ts";

/** The platform's defaults. Jobs created through 2.2 queue by default, those of 2.1 do not. */
export function savedSettings(given: JobSettings, version: "2.1" | "2.2"): JobSettings {
  return {
    name: "Untitled",
    email_notifications: {},
    webhook_notifications: {},
    timeout_seconds: 0,
    max_concurrent_runs: 1,
    format: "MULTI_TASK",
    ...(version === "2.2" && { queue: { enabled: true } }),
    ...given,
  };
}

/** Top-level fields are replaced; tasks, job clusters and environments are merged by their keys. */
export function merged(
  old: JobSettings,
  given: JobSettings,
  removed: readonly string[],
): Readonly<Record<string, unknown>> {
  const result: Record<string, unknown> = { ...old, ...given };
  for (const [field, key] of keyedFields) {
    const before = old[field];
    const after = given[field];
    if (before !== undefined && after !== undefined)
      result[field] = mergedByKey(before, after, key);
  }
  for (const path of removed) remove(result, path);
  return result;
}

const keyedFields = [
  ["tasks", "task_key"],
  ["job_clusters", "job_cluster_key"],
  ["environments", "environment_key"],
  ["parameters", "name"],
] as const;

type Keyed = Readonly<Record<string, unknown>>;

function mergedByKey(before: readonly Keyed[], after: readonly Keyed[], key: string): Keyed[] {
  const byKey = new Map(before.map((each) => [each[key], each]));
  for (const each of after) byKey.set(each[key], each);
  return [...byKey.values()];
}

/** `schedule`, or `tasks/key` for one element of a keyed array. */
function remove(settings: Record<string, unknown>, path: string): void {
  const [field = "", name] = path.split("/");
  const held = settings[field];
  const keyed = keyedFields.find(([each]) => each === field);
  if (name === undefined || keyed === undefined || !Array.isArray(held)) {
    delete settings[field];
    return;
  }
  settings[field] = held.filter((each: Keyed) => each[keyed[1]] !== name);
}
