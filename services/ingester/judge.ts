// The ingester decides about an attempt that seems to be over. It asks Databricks itself, reads the
// result, judges, and starts what follows.
import { REFUSAL_SETTLES_SECONDS, SEARCH_SECONDS_MAX } from "../../shared/domain/cadence.ts";
import { phaseOf } from "../../shared/domain/databricks-run.ts";
import { PoisonMessageError, SearchTooLongError } from "../../shared/domain/errors.ts";
import {
  type AcceptedSubmission,
  type AttemptKey,
  type ChapterKey,
  type DecisionFact,
  factRef,
  isRefused,
  isStopped,
  judgedResultPath,
  type Manifest,
  type Plan,
  planIn,
  type RefusedSubmission,
  type RunKey,
  type StoppedManifest,
  type Submission,
} from "../../shared/domain/facts.ts";
import { raised } from "../../shared/domain/marker.ts";
import { type Ended, endedOf, watchOf } from "../../shared/domain/messages.ts";
import { isCreatedByUs, strangenessOf } from "../../shared/domain/ours.ts";
import { attemptName } from "../../shared/domain/payload.ts";
import { type ResultReading, withinPlan } from "../../shared/domain/result.ts";
import { msOf } from "../../shared/domain/time.ts";
import { attemptFields } from "../../shared/domain/trace.ts";
import { borneOut, type Evidence, type Judgement, verdictOf } from "../../shared/domain/verdict.ts";
import type {
  DigestPort,
  FactsPort,
  HintsPort,
  IdentityPort,
  JobsPort,
  MarkersPort,
  NamedRun,
  PlanePort,
  PlansPort,
  QueuesPort,
  RunLook,
  SettingsPort,
} from "../../shared/ports.ts";
import { createDecision } from "./create-decision.ts";
import { decisionFactOf } from "./decision.ts";
import { type FollowDeps, follow, later } from "./follow.ts";
import { learnPace } from "./learn.ts";
import { type ReadDeps, readResult } from "./read-result.ts";

export type JudgeDeps = FollowDeps &
  ReadDeps &
  HintsPort &
  MarkersPort &
  PlansPort &
  JobsPort &
  IdentityPort &
  PlanePort &
  QueuesPort<"turns" | "watches" | "reports" | "records">;

/** How late a result may show. Until then, a success without a result is looked at again. */
const RESULT_SETTLES_SECONDS = 120;
const LOOK_AGAIN_SECONDS = { run: 60, result: 30, refusal: 60 } as const;

export async function judge(deps: JudgeDeps, ended: Ended): Promise<void> {
  const submission = (await deps.facts.read(factRef.submission(ended)))?.fact;
  if (submission !== undefined && !isRefused(submission))
    return await judgeRun(deps, ended, submission);
  const stored = await deps.facts.read(factRef.decision(ended));
  if (stored !== undefined) return await follow(deps, stored.fact, true);
  await judgeUnrun(deps, ended, submission);
}

/**
 * Judges a Databricks run without asking whether it is decided: of two judges, the second one reads
 * the decision of the first. If it is too early for a verdict, the decision is read before anybody
 * looks again: a run that goes on after its decision was started again by hand.
 */
async function judgeRun(
  deps: JudgeDeps,
  ended: Ended,
  submission: AcceptedSubmission,
): Promise<void> {
  const plan = planIn(submission) ?? (await manifestOf(deps, ended));
  const evidence = await gather(deps, plan, submission);
  const judgement = verdictOf(evidence);
  if (judgement.kind === "verdict") return await decideAndFollow(deps, evidence, judgement);
  const stored = await deps.facts.read(factRef.decision(ended));
  if (stored !== undefined) return await follow(deps, stored.fact, true);
  await lookAgain(deps, judgement, plan, submission);
}

/** Judges an attempt that was stopped before it was planned, or refused. */
async function judgeUnrun(
  deps: JudgeDeps,
  ended: Ended,
  submission: RefusedSubmission | undefined,
): Promise<void> {
  const manifest = await manifestOf(deps, ended);
  if (!isStopped(manifest) && submission === undefined) return; // its turn is under way
  const refusal = submission && (await cancelStrayOrSettle(deps, manifest, submission));
  if (submission !== undefined && refusal === undefined)
    return await reportAgain(deps, manifest, LOOK_AGAIN_SECONDS.refusal);
  const evidence = withoutRun(deps, manifest, refusal);
  const judgement = verdictOf(evidence);
  if (judgement.kind === "verdict") await decideAndFollow(deps, evidence, judgement);
}

async function manifestOf({ facts }: FactsPort, ended: AttemptKey): Promise<Manifest> {
  const manifest = (await facts.read(factRef.manifest(ended)))?.fact;
  if (manifest !== undefined) return manifest;
  throw new PoisonMessageError(
    `attempt ${ended.iter_n}.${ended.attempt} of run ${ended.run_id} was never planned, so it cannot be over`,
  );
}

/**
 * Decides whether a refusal counts: it must be older than any call can live, and no run may have
 * the attempt's name, because the same request may have started one before it was refused. Such a
 * run is cancelled, and the refusal waits for it.
 * @returns the refusal to be judged; undefined while it is too early
 */
async function cancelStrayOrSettle(
  deps: JudgeDeps,
  manifest: Manifest,
  submission: RefusedSubmission,
): Promise<RefusedSubmission | undefined> {
  const ageMs = deps.clock.nowMs() - msOf(submission.refused_at);
  if (ageMs < REFUSAL_SETTLES_SECONDS * deps.settings.timeScale * 1000) return undefined;
  const name = attemptName(await deps.plane.id(), { ...manifest, ...submission });
  // Bounds the listing if the judge comes long after the refusal.
  const untilMs = msOf(submission.refused_at) + REFUSAL_SETTLES_SECONDS * 1000;
  const controllers = await deps.identity.own();
  const named = await searched(deps, manifest, ageMs, () =>
    deps.jobs.find(name, msOf(manifest.created_at), untilMs),
  );
  if (named === undefined) return unsearched(submission);
  // A run that somebody else submitted under the attempt's name is theirs: it is neither cancelled
  // nor waited for.
  const stray = named.find((run) => isCreatedByUs(run, controllers));
  if (stray === undefined) return submission;
  const look = await deps.jobs.get(stray.databricksRunId);
  if (look.kind !== "run" || phaseOf(look.run) === "over") return submission;
  const unknownForLong =
    phaseOf(look.run) === "unknown" &&
    ageMs > UNKNOWN_STRAY_SECONDS * deps.settings.timeScale * 1000;
  if (unknownForLong) return submission;
  await deps.jobs.cancel(stray.databricksRunId);
  deps.log("stray.cancelled", {
    ...attemptFields(manifest),
    databricks_run_id: stray.databricksRunId,
    reason: "its submission was refused, but it runs",
  });
  return undefined;
}

/**
 * Searches, unless there have been too many runs to look through, for longer than a ticket must
 * wait because of them: then undefined.
 */
async function searched(
  { log, settings }: JudgeDeps,
  manifest: Manifest,
  ageMs: number,
  search: () => Promise<readonly NamedRun[]>,
): Promise<readonly NamedRun[] | undefined> {
  try {
    return await search();
  } catch (error) {
    if (!(error instanceof SearchTooLongError)) throw error;
    if (ageMs < SEARCH_SECONDS_MAX * settings.timeScale * 1000) throw error;
    log("stray.unsearched", { ...attemptFields(manifest), reason: error.message });
    return undefined;
  }
}

const unsearched = (submission: RefusedSubmission): RefusedSubmission => {
  const { refused } = submission;
  const message = `a run of this name may exist: among so many runs, it could not be searched for; ${refused.message}`;
  return { ...submission, refused: { ...refused, message } };
};

/** Give up on a stray that still reports an unknown state one hour after we cancelled it. */
const UNKNOWN_STRAY_SECONDS = 3_600;

/**
 * Collects the evidence for a verdict: Databricks' own word, the result, the facts. Never the
 * message.
 */
async function gather(
  deps: JudgeDeps,
  plan: Plan | StoppedManifest,
  submission: AcceptedSubmission,
): Promise<Evidence> {
  const base = withoutRun(deps, plan, submission);
  if (isStopped(plan)) return base;
  const look = await deps.jobs.get(submission.databricks_run_id);
  if (look.kind !== "run") return { ...base, look };
  const strangeness = await strangenessNow(deps, plan, submission, look);
  const isJudged = strangeness === undefined && phaseOf(look.run) === "over";
  const result = isJudged
    ? await permitted(
        deps,
        plan,
        await readResult(deps, { manifest: plan, submission, run: look.run }),
      )
    : ({ kind: "absent" } as const);
  return { ...base, look: { ...look, strangeness }, result, nowMs: deps.clock.nowMs() };
}

/**
 * Only the manifest says which tables are permitted. So it is read for those attempts only that
 * name any.
 */
async function permitted(
  deps: FactsPort,
  plan: Plan,
  reading: ResultReading,
): Promise<ResultReading> {
  const { scratchpad } = plan;
  const names = reading.kind === "valid" ? reading.result.produced_tables : [];
  if (names.length === 0) return withinPlan(reading, { scratchpad, writes: [] });
  const manifest = await manifestOf(deps, plan);
  const writes = isStopped(manifest) ? [] : manifest.policy.writes;
  return withinPlan(reading, { scratchpad, writes });
}

/** The evidence before anybody has asked Databricks. */
function withoutRun(
  { clock, settings: { timeScale } }: JudgeDeps,
  manifest: Plan | StoppedManifest,
  submission: Submission | undefined,
): Evidence {
  const settleMs = RESULT_SETTLES_SECONDS * timeScale * 1000;
  const nothing = { look: undefined, result: { kind: "absent" } } as const;
  return { ...nothing, manifest, submission, settleMs, timeScale, nowMs: clock.nowMs() };
}

/**
 * Asks again at the end whether the run is ours: it was taken before creators were looked at, or
 * somebody has repaired it since.
 */
async function strangenessNow(
  deps: IdentityPort & PlanePort,
  manifest: Plan,
  { generation, payload }: AcceptedSubmission,
  { run }: Extract<RunLook, { kind: "run" }>,
): Promise<string | undefined> {
  const namePrefix = attemptName(await deps.plane.id(), { ...manifest, generation });
  return strangenessOf(run, { controllers: await deps.identity.own(), namePrefix, payload });
}

/**
 * The report came too early. If the run goes on, a watch goes on too; otherwise its result may
 * still show.
 */
async function lookAgain(
  deps: JudgeDeps,
  judgement: Extract<Judgement, { kind: "wait" }>,
  plan: Traced,
  submission: AcceptedSubmission,
): Promise<void> {
  if (judgement.for === "result")
    return await reportAgain(deps, { ...submission, ...plan }, LOOK_AGAIN_SECONDS.result);
  const marker = await deps.markers.read(submission);
  const up = raised(marker, submission, submission, deps.clock.nowMs());
  await deps.markers.write(up.marker);
  const watch = watchOf(submission, up.number);
  await deps.queues.send("watches", watch, later(deps, LOOK_AGAIN_SECONDS.run, plan));
}

type Traced = { readonly traceparent?: string | undefined };

async function reportAgain(
  deps: JudgeDeps,
  key: AttemptKey & ChapterKey & Traced,
  seconds: number,
): Promise<void> {
  await deps.queues.send("reports", endedOf(key), later(deps, seconds, key));
}

/**
 * Writes the decision, unless another handler has: then that one counts. Then it starts what
 * follows.
 */
async function decideAndFollow(
  deps: JudgeDeps,
  whole: Evidence,
  judgement: Extract<Judgement, { kind: "verdict" }>,
): Promise<void> {
  const evidence = { ...whole, result: borneOut(judgement.verdict, whole.result) };
  const { manifest, submission, result } = evidence;
  const resultPath = await keepJudged(deps, { ...manifest, ...submission }, result);
  const fact = await decisionOf(deps, evidence, judgement, resultPath);
  const { fact: decision, isNew } = await createDecision(deps, fact, manifest.capsule);
  if (isNew)
    deps.log("run.decided", {
      ...attemptFields(decision),
      verdict: decision.verdict,
      reason: decision.reason,
      ...(decision.run_url !== null && { run_url: decision.run_url }),
    });
  const accepted = submission === undefined || isRefused(submission) ? undefined : submission;
  await follow(deps, decision, !isNew, accepted);
  // Comes last, and only if this judge made the decision: a missing hint costs a little lag.
  if (isNew && accepted !== undefined && evidence.look !== undefined)
    await learnPace(deps, decision.verdict, accepted, evidence.look);
}

/**
 * A stop ends a chapter that would go on, and says who cancelled a run. A chapter that ends anyway
 * does not change by it, so the stop is not read.
 */
async function decisionOf(
  deps: JudgeDeps,
  evidence: Evidence,
  judgement: Extract<Judgement, { kind: "verdict" }>,
  resultPath: string | null,
): Promise<DecisionFact> {
  const unstopped = decisionFactOf(deps, evidence, judgement, { stop: undefined, resultPath });
  if (unstopped.next.kind === "outcome" && unstopped.next.outcome !== "cancelled") return unstopped;
  const stop = (await deps.facts.read(factRef.stop(evidence.manifest)))?.fact;
  return decisionFactOf(deps, evidence, judgement, { stop, resultPath });
}

/**
 * Keeps the judged result where executors cannot write, before the decision that names it. Returns
 * the path.
 */
async function keepJudged(
  { plans, sha256, settings }: PlansPort & DigestPort & SettingsPort,
  key: AttemptKey & RunKey,
  result: ResultReading,
): Promise<string | null> {
  if (result.kind !== "valid") return null;
  const path = judgedResultPath(key, sha256(result.text));
  await plans.put(path, new TextEncoder().encode(result.text));
  return `${settings.plansVolume}/${path}`;
}
