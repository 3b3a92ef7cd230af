// The whole loop over memory, one delivery after the other: what is sent is delivered when it is
// due, a delivery that failed comes again after its visibility, and Databricks' side of a run
// follows a script.
import { type AttemptKey, factRef, isStopped } from "../../shared/domain/facts.ts";
import { attemptOfName } from "../../shared/domain/payload.ts";
import { result, t0 } from "../domain/examples.ts";
import { deliver, type Message } from "./deliver.ts";
import { blockOf } from "./evidence.ts";
import type { Ending } from "./memory/jobs.ts";
import { type Mishap, type Plane, planeId } from "./plane.ts";
import { endings } from "./under-way.ts";

/**
 * How an attempt ends after its 45 seconds: never, by vanishing, or in these words and with this
 * result.
 */
type Play =
  | "never"
  | "vanishes"
  | { readonly ending: Ending; readonly left?: Partial<typeof result> };

export type Script = {
  /** What sets it in motion. */
  readonly starts: Message;
  /** By attempt (`1.2`); what is not named succeeds and is finished. */
  readonly plays?: Readonly<Record<string, Play>>;
  /** What a person sends, once, when it has come so far. */
  readonly person?: { readonly when: (plane: Plane) => boolean; readonly sends: Message };
};

type Due = {
  readonly atMs: number;
  readonly message: Message;
  readonly traceparent: string | undefined;
};

const RUN_MS = 45_000;
const VISIBILITY_SECONDS = 360;
const DELIVERIES_MAX = 500;

/**
 * Runs until no message is left. Returns how many Databricks runs are still active: none, if all is
 * well.
 */
export async function runLoop(plane: Plane, script: Script, mishap?: Mishap): Promise<number> {
  plane.disturb(mishap);
  const due: Due[] = [];
  let taken = 0;
  const send = (message: Message, seconds: number, traceparent?: string) =>
    due.push({ atMs: plane.ports.clock.nowMs() + seconds * 1000, message, traceparent });
  let person = script.person;
  send(script.starts, 0);
  for (let i = 0; i < DELIVERIES_MAX; i++) {
    const next = due.toSorted((a, b) => a.atMs - b.atMs)[0];
    if (next === undefined) return activeRuns(plane).length;
    due.splice(due.indexOf(next), 1);
    plane.at((Math.max(next.atMs, plane.ports.clock.nowMs()) - t0) / 1000);
    await playRuns(plane, script);
    const died = await deliver(plane.ports, next.message, next.traceparent).then(
      () => plane.isDead(),
      () => true,
    );
    if (died) {
      plane.disturb(undefined);
      send(next.message, VISIBILITY_SECONDS, next.traceparent);
    }
    for (const { body, options } of plane.sent.slice(taken))
      send(JSON.parse(body), options.delaySeconds ?? 0, options.traceparent);
    taken = plane.sent.length;
    if (person?.when(plane)) {
      send(person.sends, 1);
      person = undefined;
    }
  }
  throw new Error(`after ${DELIVERIES_MAX} deliveries there are still ${due.length} messages`);
}

const activeRuns = ({ jobs }: Plane) =>
  [...jobs.runs.values()].filter(({ endedMs }) => endedMs === undefined);

/** Databricks' own side: what has run for long enough ends, and leaves its result behind. */
async function playRuns(plane: Plane, { plays = {} }: Script): Promise<void> {
  for (const run of activeRuns(plane)) {
    const key = attemptOfName(planeId, run.runName);
    if (key === undefined || plane.ports.clock.nowMs() - run.startedMs < RUN_MS) continue;
    const play = plays[`${key.iter_n}.${key.attempt}`] ?? { ending: endings.success, left: {} };
    if (play === "vanishes") plane.jobs.runs.delete(run.databricksRunId);
    if (typeof play === "string") continue;
    if (play.left !== undefined) await printResult(plane, run.databricksRunId, key, play.left);
    plane.jobs.end(run.databricksRunId, play.ending);
  }
}

async function printResult(
  plane: Plane,
  databricksRunId: string,
  { run_id, iter_n, attempt }: AttemptKey,
  left: Partial<typeof result>,
) {
  const key = { run_id, iter_n, attempt };
  const stored = await plane.facts.read(factRef.manifest(key));
  if (stored === undefined || isStopped(stored.fact)) throw new Error("it runs without a plan");
  const whole = { ...result, ...key, manifest_sha256: stored.sha256, finished: "done", ...left };
  plane.print(databricksRunId, blockOf(JSON.stringify(whole)));
}
