// The slower part of the sweep. It cancels active Databricks runs that have the plane's name, if a
// fact older than an hour says that they are not wanted. It needs positive evidence, never absence:
// a run whose facts cannot be seen is left alone.
import { type AttemptKey, factRef, type RunKey } from "../../shared/domain/facts.ts";
import { isCreatedByUs } from "../../shared/domain/ours.ts";
import { attemptOfName, planePrefix } from "../../shared/domain/payload.ts";
import { msOf } from "../../shared/domain/time.ts";
import { tracedBy } from "../../shared/domain/trace.ts";
import type {
  ClockPort,
  FactsPort,
  IdentityPort,
  JobsPort,
  LogPort,
  NamedRun,
  PlanePort,
  SettingsPort,
} from "../../shared/ports.ts";
import { eachInTurn } from "./each-in-turn.ts";

export type CancelStraysDeps = FactsPort &
  JobsPort &
  IdentityPort &
  PlanePort &
  ClockPort &
  LogPort &
  SettingsPort;

/** The age of the evidence. By then the handler that cancels in the normal case has done so. */
const EVIDENCE_SECONDS = 3_600;
/**
 * Makes one visit, which ends at `untilMs`. Nothing is lost then: the listing of the next visit
 * begins with the youngest run again, and evidence does not get too old.
 */
export async function cancelStrays(deps: CancelStraysDeps, untilMs: number): Promise<void> {
  const planeId = await deps.plane.id();
  const controllers = await deps.identity.own();
  const named = await deps.jobs.listActive(planePrefix(planeId));
  // A run that somebody else submitted under our name is theirs, to run and to end.
  const own = named.filter((run) => isCreatedByUs(run, controllers));
  await eachInTurn(deps, own, {
    untilMs,
    work: (run) => cancelIfUnwanted(deps, planeId, run),
    describeFailure: ({ databricksRunId }) => [
      "stray.failed",
      { databricks_run_id: databricksRunId },
    ],
  });
}

async function cancelIfUnwanted(
  deps: CancelStraysDeps,
  planeId: string,
  run: NamedRun,
): Promise<void> {
  const key = attemptOfName(planeId, run.runName);
  if (key === undefined) return;
  const reason = await unwanted(deps, key, run);
  if (reason === undefined) return;
  await deps.jobs.cancel(run.databricksRunId);
  deps.log("stray.cancelled", {
    ...key,
    databricks_run_id: run.databricksRunId,
    run_url: run.runUrl,
    reason,
    ...tracedBy(run.runName.split(" ").at(-1)), // the name ends with the trace
  });
}

/** The fact that says that a run is not wanted, as a reason; undefined if there is none. */
async function unwanted(
  { facts, clock, settings }: CancelStraysDeps,
  key: AttemptKey & RunKey,
  run: NamedRun,
): Promise<string | undefined> {
  const manifest = (await facts.read(factRef.manifest(key)))?.fact;
  const decision = (await facts.read(factRef.decision(key)))?.fact;
  // The decision is of another run under the same ticket_id, long before or after. These facts say
  // nothing about this run.
  if (decision !== undefined && decision.generation !== key.generation) return undefined;
  // Somebody repaired the run by hand after its decision. That is a person's wish, and we do not
  // undo it.
  if (decision !== undefined && (run.repairedMs ?? 0) > msOf(decision.decided_at)) return undefined;
  const chapter = manifest && { run_id: key.run_id, chapter: manifest.chapter };
  const stop = chapter && (await facts.read(factRef.stop(chapter)))?.fact;
  const outcome = chapter && (await facts.read(factRef.outcome(chapter)))?.fact;
  const before = clock.nowMs() - EVIDENCE_SECONDS * settings.timeScale * 1000;
  if (decision !== undefined && msOf(decision.decided_at) < before) return "its attempt is decided";
  if (stop !== undefined && msOf(stop.stopped_at) < before) return "its chapter was stopped";
  if (outcome !== undefined && msOf(outcome.ended_at) < before) return "its chapter is over";
  return undefined;
}
