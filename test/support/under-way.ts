// A plane in which attempt 1.1 of the examples' run is under way in Databricks.
import type { Result } from "../../shared/domain/contract.ts";
import type { Marker } from "../../shared/domain/facts.ts";
import { freshMarker } from "../../shared/domain/marker.ts";
import { type Watch, watchOf } from "../../shared/domain/messages.ts";
import { accepted, at, manifest, result, t0 } from "../domain/examples.ts";
import { blockOf } from "./evidence.ts";
import { chapter, first } from "./facts.ts";
import { type Ending, endings as ofJobs } from "./memory/jobs.ts";
import { createPlane, type GivenFacts, type Plane } from "./plane.ts";

export const watch = watchOf(accepted, 0);
export const submitted: GivenFacts = { manifest, submission: accepted };
/** The submission's deadline, in seconds after the examples' first instant. */
export const deadlineSeconds = 901;
export const running = { lifeCycleState: "RUNNING", state: "RUNNING" } as const;

type Situation = {
  readonly words?: { readonly lifeCycleState: string; readonly state: string | undefined };
  readonly facts?: GivenFacts;
  readonly marker?: Marker | undefined;
};

/** It is that second, and Databricks describes the run in these words. */
export async function underWayPlane(
  second: number,
  { words = running, facts = submitted, ...more }: Situation = {},
): Promise<Plane> {
  const plane = createPlane();
  const id = await plane.start(first);
  plane.jobs.runs.set(id, { ...plane.jobs.runs.get(id)!, ...words });
  await plane.given(facts);
  const marker = "marker" in more ? more.marker : freshMarker(chapter, t0);
  if (marker !== undefined) await plane.markers.write(marker);
  plane.at(second);
  plane.forget();
  return plane;
}

/** This watch read the marker at that second: it need not read it again for ten minutes. */
export const readAt = (second: number): Watch => ({ ...watch, touched_at: at(second), looks: 3 });

export const watchesSentBy = (plane: Plane): readonly Watch[] =>
  plane.sent.map(({ body }) => JSON.parse(body));

/** Words with which Databricks ends a run. */
export const endings = {
  ...ofJobs,
  someTasksFailed: {
    lifeCycleState: "TERMINATED",
    resultState: "SUCCESS_WITH_FAILURES",
    terminationCode: "SUCCESS_WITH_FAILURES",
  },
  cancelled: { ...ofJobs.cancelled, message: "Run cancelled." },
  timedOut: { lifeCycleState: "TERMINATED", resultState: "TIMEDOUT", terminationCode: "CANCELED" },
  clusterLost: {
    lifeCycleState: "INTERNAL_ERROR",
    resultState: "FAILED",
    terminationCode: "CLUSTER_ERROR",
    message: "the cluster was lost",
  },
} as const satisfies Record<string, Ending>;

type Over = {
  readonly ending?: Ending;
  /** What the executor printed: a result, or bytes that are none; undefined: nothing. */
  readonly result?: Result | Uint8Array | undefined;
  readonly facts?: GivenFacts;
  /** When it is judged. Its run ended in second 60. */
  readonly second?: number;
};

/** Attempt 1.1 is over in Databricks, and left this behind. */
export async function overPlane({ ending = endings.success, second = 70, ...more }: Over = {}) {
  const plane = await underWayPlane(60, { facts: more.facts ?? submitted });
  plane.jobs.end(accepted.databricks_run_id, ending);
  const left = "result" in more ? more.result : result;
  const content = left instanceof Uint8Array ? left : JSON.stringify(left);
  if (content !== undefined) plane.print(accepted.databricks_run_id, blockOf(content));
  plane.at(second);
  return plane;
}
