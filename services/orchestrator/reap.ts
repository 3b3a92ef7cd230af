// The slower part of the sweep: active Databricks runs that bear the plane's name, and of which a fact older than an hour says
// that they are not wanted. Positive evidence, never absence: a run whose facts cannot be seen is left alone.
import { PlatformTroubleError } from "../../shared/domain/errors.ts";
import { factRef } from "../../shared/domain/facts.ts";
import { attemptOfName, planePrefix } from "../../shared/domain/payload.ts";
import { msOf } from "../../shared/domain/time.ts";
import type {
  ClockPort,
  FactsPort,
  JobsPort,
  LogPort,
  NamedRun,
  PlanePort,
  SettingsPort,
} from "../../shared/ports.ts";

export type ReapDeps = FactsPort & JobsPort & PlanePort & ClockPort & LogPort & SettingsPort;

/** Whoever cancels in the ordinary course has done so within it. */
const EVIDENCE_SECONDS = 3_600;

export const reap = (deps: ReapDeps) => async (): Promise<void> => {
  const planeId = await deps.plane.id();
  for (const run of await deps.jobs.listActive(planePrefix(planeId))) {
    await reapOne(deps, planeId, run).catch((error: unknown) => {
      // One run whose facts nobody can read must not keep the others; a platform out of order is another matter.
      if (error instanceof PlatformTroubleError) throw error;
      deps.log("message.failed", { databricks_run_id: run.databricksRunId, error });
    });
  }
};

async function reapOne(deps: ReapDeps, planeId: string, run: NamedRun): Promise<void> {
  const reason = await unwanted(deps, planeId, run);
  if (reason === undefined) return;
  await deps.jobs.cancel(run.databricksRunId);
  deps.log("stray.cancelled", {
    databricks_run_id: run.databricksRunId,
    run_url: run.runUrl,
    reason,
  });
}

/** Which fact says that a run is not wanted; undefined: none does. */
async function unwanted(
  { facts, clock, settings }: ReapDeps,
  planeId: string,
  run: NamedRun,
): Promise<string | undefined> {
  const key = attemptOfName(planeId, run.runName);
  if (key === undefined) return undefined;
  const manifest = (await facts.read(factRef.manifest(key)))?.fact;
  const decision = (await facts.read(factRef.decision(key)))?.fact;
  // Somebody repaired it by hand after its decision: that is a person's wish, and not ours to undo.
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
