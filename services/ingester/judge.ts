// The ingester decides: an attempt seems to be over. It asks Databricks itself, reads the result, judges, and sees to what follows.
import { messageOf } from "../../shared/domain/body.ts";
import { REFUSAL_SETTLES_SECONDS } from "../../shared/domain/cadence.ts";
import { resultLimits } from "../../shared/domain/contract.ts";
import { phaseOf } from "../../shared/domain/databricks-run.ts";
import { PoisonMessageError } from "../../shared/domain/errors.ts";
import {
  type AcceptedSubmission,
  type DecisionFact,
  factRef,
  isRefused,
  isStopped,
  type Manifest,
  type RefusedSubmission,
  type Submission,
} from "../../shared/domain/facts.ts";
import { raised } from "../../shared/domain/marker.ts";
import { type Ended, endedOf, watchOf } from "../../shared/domain/messages.ts";
import { attemptName } from "../../shared/domain/payload.ts";
import { type ResultReading, resultOf, tooLarge } from "../../shared/domain/result.ts";
import { msOf } from "../../shared/domain/time.ts";
import { attemptFields } from "../../shared/domain/trace.ts";
import { type Evidence, type Judgement, verdictOf } from "../../shared/domain/verdict.ts";
import type {
  JobsPort,
  MarkersPort,
  PlanePort,
  QueuesPort,
  VolumesPort,
} from "../../shared/ports.ts";
import { decisionFactOf, resultPathOf } from "./decision.ts";
import { type FollowDeps, follow, later } from "./follow.ts";

export type JudgeDeps = FollowDeps &
  MarkersPort &
  VolumesPort &
  JobsPort &
  PlanePort &
  QueuesPort<"turns" | "watches" | "reports" | "records">;

/** A file may show late: so long after its run, success without a result is looked at again. */
const RESULT_SETTLES_SECONDS = 120;
const LOOK_AGAIN_SECONDS = { run: 60, result: 30, refusal: 60 } as const;

export const judge =
  (deps: JudgeDeps) =>
  async (ended: Ended): Promise<void> => {
    const stored = await deps.facts.read(factRef.decision(ended));
    const decision = stored?.fact ?? (await decided(deps, ended));
    if (decision !== undefined) await follow(deps, decision, stored !== undefined);
  };

/** Judges an attempt for the first time; undefined where it is too early, and somebody looks again. */
async function decided(deps: JudgeDeps, ended: Ended): Promise<DecisionFact | undefined> {
  const manifest = (await deps.facts.read(factRef.manifest(ended)))?.fact;
  if (manifest === undefined)
    throw new PoisonMessageError(
      `attempt ${ended.iter_n}.${ended.attempt} of run ${ended.run_id} was never planned, so it cannot be over`,
    );
  const submission = isStopped(manifest)
    ? undefined
    : (await deps.facts.read(factRef.submission(ended)))?.fact;
  if (!isStopped(manifest) && submission === undefined) return undefined; // its turn is under way
  if (
    submission !== undefined &&
    isRefused(submission) &&
    !(await settled(deps, manifest, submission))
  )
    return await reportAgain(deps, manifest, LOOK_AGAIN_SECONDS.refusal);
  const evidence = await gather(deps, manifest, submission);
  const judgement = verdictOf(evidence);
  if (judgement.kind === "wait") return await lookAgain(deps, judgement, manifest, submission);
  return await decideOnce(deps, evidence, judgement);
}

/**
 * A refusal counts when it is older than any call can live, and no run bears the attempt's name: the same request may have
 * started one before it was refused. Such a run is cancelled and waited for.
 */
async function settled(
  deps: JudgeDeps,
  manifest: Manifest,
  submission: RefusedSubmission,
): Promise<boolean> {
  const ageMs = deps.clock.nowMs() - msOf(submission.refused_at);
  if (ageMs < REFUSAL_SETTLES_SECONDS * deps.settings.timeScale * 1000) return false;
  const name = attemptName(await deps.plane.id(), manifest);
  // Whoever judges late must not have to look through all that has run since.
  const untilMs = msOf(submission.refused_at) + REFUSAL_SETTLES_SECONDS * 1000;
  const stray = await deps.jobs.find(name, msOf(manifest.created_at), untilMs);
  if (stray === undefined) return true;
  const look = await deps.jobs.get(stray.databricksRunId);
  if (look.kind === "gone" || phaseOf(look.run) === "over") return true;
  const unknownForLong =
    phaseOf(look.run) === "unknown" &&
    ageMs > UNKNOWN_STRAY_SECONDS * deps.settings.timeScale * 1000;
  if (unknownForLong) return true;
  await deps.jobs.cancel(stray.databricksRunId);
  deps.log("stray.cancelled", {
    ...attemptFields(manifest),
    databricks_run_id: stray.databricksRunId,
    reason: "its submission was refused, but it runs",
  });
  return false;
}

/** A stray in a state that nobody knows, cancelled for an hour: no reason to keep its run waiting for ever. */
const UNKNOWN_STRAY_SECONDS = 3_600;

/** Everything that a verdict is made of: Databricks' own word, the result, the facts. Never the message. */
async function gather(
  deps: JudgeDeps,
  manifest: Manifest,
  submission: Submission | undefined,
): Promise<Evidence> {
  const settleMs = RESULT_SETTLES_SECONDS * deps.settings.timeScale * 1000;
  const base = { manifest, submission, settleMs, nowMs: deps.clock.nowMs() };
  if (submission === undefined || isRefused(submission))
    return { ...base, look: undefined, result: { kind: "absent" } };
  const look = await deps.jobs.get(submission.databricks_run_id);
  const isOver = look.kind === "run" && phaseOf(look.run) === "over";
  const result: ResultReading = isOver ? await readResult(deps, submission) : { kind: "absent" };
  return { ...base, look, result, nowMs: deps.clock.nowMs() };
}

async function readResult(deps: JudgeDeps, submission: AcceptedSubmission): Promise<ResultReading> {
  const file = await deps.volumes.read(resultPathOf(deps, submission), resultLimits.resultBytesMax);
  switch (file.kind) {
    case "absent":
      return { kind: "absent" };
    case "too-large":
      return tooLarge(file.bytes);
    case "found":
      try {
        return resultOf(utf8.decode(file.content), submission);
      } catch (error) {
        return { kind: "invalid", reason: `result.json is not UTF-8: ${messageOf(error)}` };
      }
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The report came too early: the run goes on, so a watch goes on too; or its result may still show. */
async function lookAgain(
  deps: JudgeDeps,
  judgement: Extract<Judgement, { kind: "wait" }>,
  manifest: Manifest,
  submission: Submission | undefined,
): Promise<undefined> {
  if (judgement.for === "result") await reportAgain(deps, manifest, LOOK_AGAIN_SECONDS.result);
  else if (submission !== undefined && !isRefused(submission)) {
    const marker = await deps.markers.read(submission);
    const up = raised(marker, submission, submission, deps.clock.nowMs());
    await deps.markers.write(up.marker);
    const watch = watchOf(submission, up.number);
    await deps.queues.send("watches", watch, later(deps, LOOK_AGAIN_SECONDS.run, manifest));
  }
}

async function reportAgain(
  deps: JudgeDeps,
  manifest: Manifest,
  seconds: number,
): Promise<undefined> {
  await deps.queues.send("reports", endedOf(manifest), later(deps, seconds, manifest));
}

/** Writes the decision, unless somebody else has: then theirs counts. */
async function decideOnce(
  deps: JudgeDeps,
  evidence: Evidence,
  judgement: Extract<Judgement, { kind: "verdict" }>,
): Promise<DecisionFact> {
  const { manifest } = evidence;
  const stop = await deps.facts.read(factRef.stop(manifest));
  const fact = decisionFactOf(deps, evidence, judgement, stop?.fact);
  const { fact: decision } = await deps.facts.create(factRef.decision(manifest), fact);
  deps.log("run.decided", {
    ...attemptFields(decision),
    verdict: decision.verdict,
    reason: decision.reason,
    ...(decision.run_url !== null && { run_url: decision.run_url }),
  });
  return decision;
}
