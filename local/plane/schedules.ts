// The schedules of a local plane, as the CDK app makes them: the sweep, and one for each workload
// whose recipe has one. Pure.
import { scheduledOf, type Workload } from "../../infra/workloads.ts";
import { sweepEverySeconds } from "../../shared/topology.ts";
import type { Schedule } from "../aws/start-aws.ts";
import type { Kept } from "./kept.ts";

/** A rate counts from the day on which its schedule was made, also after a restart. */
export const schedulesOf = (
  workloads: readonly Workload[],
  kept: Kept["schedules"],
  timeScale: number,
): readonly Schedule[] => [
  {
    name: "sweep",
    expression: `rate(${sweepEverySeconds / 60} minutes)`,
    target: "orchestrator",
    input: { schedule: "sweep" },
    retriesMax: 0, // a tick that is late is useless: the next one comes
    deadLetters: "sweep",
    // The sweep is one of the plane's own waits. Schedules of workloads are the world's time.
    timeScale,
  },
  ...scheduledOf(workloads).map(
    ({ workload, schedule }): Schedule => ({
      name: workload,
      expression: schedule,
      target: "orchestrator",
      input: {
        schedule: "workload",
        workload,
        scheduled_time: "<aws.scheduler.scheduled-time>",
      },
      deadLetters: "workloads",
      createdMs: kept[workload]?.expression === schedule ? kept[workload].created_ms : undefined,
    }),
  ),
];

/** The schedules to remember: known ones keep the day when they were first seen. */
export const keptSchedules = (
  workloads: readonly Workload[],
  kept: Kept["schedules"],
  nowMs: number,
): Kept["schedules"] =>
  Object.fromEntries(
    scheduledOf(workloads).map(({ workload, schedule }) => [
      workload,
      kept[workload]?.expression === schedule
        ? kept[workload]
        : { expression: schedule, created_ms: nowMs },
    ]),
  );
