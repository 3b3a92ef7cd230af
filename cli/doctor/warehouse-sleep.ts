// How long the SQL warehouse is awake, which is nearly the whole bill, and what a shorter auto-stop
// or a longer window would save.
import * as z from "zod";
import type { Stage } from "../../infra/stage.ts";
import { ask } from "../ask.ts";
import { type Finding, ok, skipped, type WorkspaceCheckOptions, warn } from "./check.ts";

const Warehouse = z.object({
  auto_stop_mins: z.number().min(0),
  cluster_size: z.string().optional(),
});
type Warehouse = z.infer<typeof Warehouse>;

/** The minutes for starting and for writing a window's records, beside the auto-stop (assumed). */
const WORK_MINUTES = 1 / 3;
/** Of a run without a window: its end always, its beginning mostly. */
const RECORDS_PER_RUN = 1.25;

/**
 * Hours a day for which a warehouse is awake that nobody else uses, by the arithmetic of
 * docs/facts/aws.md#warehouse-hours.
 * @param windowMinutes 0: records are written immediately
 */
export function awakeHours(
  runsPerDay: number,
  windowMinutes: number,
  autoStopMinutes: number,
): number {
  const awake = autoStopMinutes + WORK_MINUTES;
  const perMinute = runsPerDay / 1440;
  if (windowMinutes === 0) return 24 * (1 - Math.exp(-awake * RECORDS_PER_RUN * perMinute));
  const used = 1 - Math.exp(-perMinute * windowMinutes);
  const windows = awake / windowMinutes;
  return 24 * (windows < 1 ? used * windows : 1 - (1 - used) ** windows);
}

export async function warehouseSleeps({
  stage,
  client,
}: Pick<WorkspaceCheckOptions, "stage" | "client">): Promise<Finding> {
  const path = `/api/2.0/sql/warehouses/${stage.databricks.warehouse_id}`;
  const asked = await ask(client.http, { method: "GET", path, rate: "get" });
  const warehouse = asked.kind === "ok" ? Warehouse.safeParse(asked.json) : undefined;
  if (warehouse?.success === true) return sleepFinding(stage, warehouse.data);
  return skipped(
    asked.kind === "ok"
      ? "the workspace does not say after how many minutes the warehouse stops"
      : `the warehouse is not shown to you: ${asked.error.message}`,
    "look at its auto-stop in the workspace: SQL Warehouses",
  );
}

const RUNS_SHOWN = 1_000;
/** Shorter is allowed for serverless only, and not in every interface. */
const SHORTEST_MINUTES = 1;

export function sleepFinding(
  { books }: Pick<Stage, "books">,
  { auto_stop_mins, cluster_size }: Warehouse,
): Finding {
  const window = books.window_minutes === "immediately" ? 0 : books.window_minutes;
  const hours = (windowMinutes: number, autoStopMinutes: number): string =>
    `${awakeHours(RUNS_SHOWN, windowMinutes, autoStopMinutes).toFixed(1)} h`;
  const size = cluster_size === undefined ? "" : ` (${cluster_size})`;
  if (auto_stop_mins === 0)
    return warn(
      `the warehouse${size} never stops by itself: it is paid for 24 h a day, also without a run`,
      `set its auto-stop to ${SHORTEST_MINUTES} minute, or as short as the workspace allows: at ${RUNS_SHOWN} runs a day it is then awake for ${hours(window, SHORTEST_MINUTES)}`,
    );
  const now = `the warehouse${size} stops after ${auto_stop_mins} min: at ${RUNS_SHOWN} runs a day it is awake for about ${hours(window, auto_stop_mins)}`;
  if (window <= auto_stop_mins + WORK_MINUTES)
    return warn(
      `${now}, because a window of ${window} min is no longer than that`,
      `set its auto-stop to ${SHORTEST_MINUTES} min (${hours(window, SHORTEST_MINUTES)}), or books.window_minutes of the stage to 60 (${hours(60, auto_stop_mins)})`,
    );
  return ok(
    auto_stop_mins > SHORTEST_MINUTES
      ? `${now}; with an auto-stop of ${SHORTEST_MINUTES} min for ${hours(window, SHORTEST_MINUTES)}`
      : now,
  );
}
