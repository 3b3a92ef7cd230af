// The ingester decides: an attempt seems to be over. It asks Databricks itself, reads the result, judges, and sees to what follows.
import { messageOf } from "../../shared/domain/body.ts";
import { REFUSAL_SETTLES_SECONDS, scaledSeconds } from "../../shared/domain/cadence.ts";
import { capsuleDelta } from "../../shared/domain/capsule.ts";
import { resultLimits } from "../../shared/domain/contract.ts";
import { type DatabricksRun, phaseOf } from "../../shared/domain/databricks-run.ts";
import { decide } from "../../shared/domain/decide.ts";
import { PoisonMessageError } from "../../shared/domain/errors.ts";
import {
  type AcceptedSubmission,
  type DecisionFact,
  factRef,
  isRefused,
  isStopped,
  type Manifest,
  type OutcomeFact,
  type RefusedSubmission,
  type StopFact,
  type Submission,
  scratchpadFolder,
} from "../../shared/domain/facts.ts";
import { raised } from "../../shared/domain/marker.ts";
import { type Ended, endedOf, recordOf, turnOf, watchOf } from "../../shared/domain/messages.ts";
import { attemptName } from "../../shared/domain/payload.ts";
import { type ResultReading, resultOf, tooLarge } from "../../shared/domain/result.ts";
import { isoOf, msOf } from "../../shared/domain/time.ts";
import { type Evidence, type Judgement, verdictOf } from "../../shared/domain/verdict.ts";
import type {
  ClockPort,
  DeadLettersPort,
  FactsPort,
  JobsPort,
  LogPort,
  MarkersPort,
  PlanePort,
  QueuesPort,
  SettingsPort,
  VolumesPort,
} from "../../shared/ports.ts";
import { stepsOf } from "../../shared/steps.ts";

export type JudgeDeps = FactsPort &
  MarkersPort &
  VolumesPort &
  JobsPort &
  PlanePort &
  QueuesPort<"turns" | "watches" | "reports" | "records"> &
  DeadLettersPort &
  ClockPort &
  LogPort &
  SettingsPort;

/** A file may show late: so long after its run, success without a result is looked at again. */
const RESULT_SETTLES_SECONDS = 120;
const LOOK_AGAIN_SECONDS = { run: 60, result: 30, refusal: 60 } as const;
/** A new attempt after the platform failed comes slowly: what is out of order stays so for a while. */
const NEXT_ATTEMPT_SECONDS = 60;

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
    !(await settled(deps, ended, submission, manifest.created_at))
  )
    return deps.queues
      .send("reports", endedOf(manifest), later(deps, LOOK_AGAIN_SECONDS.refusal))
      .then(() => undefined);
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
  ended: Ended,
  submission: RefusedSubmission,
  plannedAt: string,
): Promise<boolean> {
  const ageMs = deps.clock.nowMs() - msOf(submission.refused_at);
  if (ageMs < REFUSAL_SETTLES_SECONDS * deps.settings.timeScale * 1000) return false;
  const name = attemptName(await deps.plane.id(), ended);
  const stray = await deps.jobs.find(name, msOf(plannedAt));
  if (stray === undefined) return true;
  const look = await deps.jobs.get(stray.databricksRunId);
  if (look.kind === "gone" || phaseOf(look.run) === "over") return true;
  const unknownForLong =
    phaseOf(look.run) === "unknown" &&
    ageMs > UNKNOWN_STRAY_SECONDS * deps.settings.timeScale * 1000;
  if (unknownForLong) return true;
  await deps.jobs.cancel(stray.databricksRunId);
  deps.log("stray.cancelled", {
    ...logged(ended),
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

const resultPathOf = ({ settings }: SettingsPort, key: AcceptedSubmission): string =>
  `${settings.scratchpadVolume}/${scratchpadFolder(key)}/result.json`;

/** The report came too early: the run goes on, so a watch goes on too; or its result may still show. */
async function lookAgain(
  deps: JudgeDeps,
  judgement: Extract<Judgement, { kind: "wait" }>,
  manifest: Manifest,
  submission: Submission | undefined,
): Promise<undefined> {
  if (judgement.for === "result")
    await deps.queues.send("reports", endedOf(manifest), later(deps, LOOK_AGAIN_SECONDS.result));
  else if (submission !== undefined && !isRefused(submission)) {
    const marker = await deps.markers.read(submission);
    const up = raised(marker, submission, submission, deps.clock.nowMs());
    await deps.markers.write(up.marker);
    const watch = watchOf(submission, up.number);
    await deps.queues.send("watches", watch, later(deps, LOOK_AGAIN_SECONDS.run));
  }
}

const later = ({ settings }: SettingsPort, seconds: number) => ({
  delaySeconds: scaledSeconds(seconds, settings.timeScale),
});

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
    ...logged(decision),
    verdict: decision.verdict,
    reason: decision.reason,
    ...(decision.run_url !== null && { run_url: decision.run_url }),
  });
  return decision;
}

function decisionFactOf(
  deps: JudgeDeps,
  { manifest, submission, look, result: reading }: Evidence,
  { verdict, reason }: Extract<Judgement, { kind: "verdict" }>,
  stop: StopFact | undefined,
): DecisionFact {
  const result = reading.kind === "valid" ? reading.result : undefined;
  const accepted = submission === undefined || isRefused(submission) ? undefined : submission;
  const run: DatabricksRun | undefined = look?.kind === "run" ? look.run : undefined;
  const decision = decide({
    verdict,
    reason,
    iter_n: manifest.iter_n,
    attempt: manifest.attempt,
    try: manifest.try,
    limits: manifest.limits,
    gate: manifest.gate,
    singleIteration: !isStopped(manifest) && manifest.single_iteration,
    result,
    stopped: stop !== undefined,
  });
  const isCancelled = decision.next.kind === "outcome" && decision.next.outcome === "cancelled";
  const capsule =
    verdict === "succeeded" && result !== undefined ? result.capsule : manifest.capsule;
  const { run_id, chapter, iter_n, attempt, workload, mode } = manifest;
  return {
    v: 1,
    run_id,
    chapter,
    iter_n,
    attempt,
    try: manifest.try,
    decided_at: isoOf(deps.clock.nowMs()),
    workload,
    mode,
    verdict,
    reason:
      isCancelled && stop !== undefined
        ? `${decision.reason} (${stop.by}: ${stop.reason})`
        : decision.reason,
    next: decision.next,
    capsule,
    capsule_delta: capsuleDelta(manifest.capsule, capsule),
    gate: decision.gate,
    databricks_run_id: accepted?.databricks_run_id ?? null,
    run_url: (run?.runUrl || accepted?.run_url) ?? null,
    termination_code: run?.terminationCode ?? run?.resultState ?? null,
    result_path:
      result === undefined || accepted === undefined ? null : resultPathOf(deps, accepted),
    result: result === undefined ? null : saidBy(result),
  };
}

/** What the ledger keeps of a result: all but the capsule, the output and the long texts, which stay in result.json. */
const saidBy = (result: Extract<ResultReading, { kind: "valid" }>["result"]) => ({
  status: result.status,
  error: result.error && { type: result.error.type, summary: result.error.summary },
  summary: result.summary,
  metrics: result.metrics,
  produced_artifacts: result.produced_artifacts,
  produced_tables: result.produced_tables,
  started_at: result.started_at,
  ended_at: result.ended_at,
  duration_seconds: result.duration_seconds,
});

/** Sends what a decision asks for. A decision that was found is followed only if what follows is not there yet. */
async function follow(deps: JudgeDeps, decision: DecisionFact, found: boolean): Promise<void> {
  const { next } = decision;
  if (next.kind === "outcome") return await end(deps, decision, next.outcome, found);
  const key = { ...decision, iter_n: next.iter_n, attempt: next.attempt };
  const isFollowed = found && (await deps.facts.read(factRef.manifest(key))) !== undefined;
  if (!isFollowed) {
    const by = { iter_n: decision.iter_n, attempt: decision.attempt };
    const delay = next.kind === "attempt" ? NEXT_ATTEMPT_SECONDS : 0;
    await deps.queues.send("turns", turnOf(key, by), later(deps, delay));
  }
  await deps.queues.send("records", recordOf(decision, "decision"));
}

/** The chapter is over: a person hears of what nobody can explain, then the outcome is written and recorded. */
async function end(
  deps: JudgeDeps,
  decision: DecisionFact,
  outcome: OutcomeFact["outcome"],
  found: boolean,
): Promise<void> {
  const step = stepsOf(deps);
  const { run_id, chapter, iter_n, attempt, workload, mode, reason, run_url, result_path } =
    decision;
  const ended = async (): Promise<OutcomeFact> => {
    if (outcome === "unknown") await askAPerson(deps, decision);
    return {
      v: 1,
      run_id,
      chapter,
      iter_n,
      attempt,
      workload,
      mode,
      outcome,
      reason,
      metrics: decision.result?.metrics ?? {},
      run_url,
      result_path,
      ended_at: isoOf(deps.clock.nowMs()),
    };
  };
  const { fact } = await step(factRef.outcome(decision), ended, !found);
  deps.log("run.ended", { ...logged(fact), outcome: fact.outcome, reason: fact.reason });
  await deps.queues.send("records", recordOf(fact, "outcome"));
}

/** Replaying this letter is harmless: the report finds its decision, and the outcome behind it. */
const askAPerson = ({ deadLetters, clock }: JudgeDeps, decision: DecisionFact): Promise<void> =>
  deadLetters.send("reports", {
    body: JSON.stringify(endedOf(decision)),
    reason: `${decision.verdict}: ${decision.reason}`,
    errorName: "UnexplainedAttempt",
    failedAtMs: clock.nowMs(),
    receiveCount: 1,
    runId: decision.run_id,
    ...(decision.run_url !== null && { runUrl: decision.run_url }),
  });

const logged = ({ run_id, chapter, iter_n, attempt }: Omit<Ended, "v" | "type" | "tries">) => ({
  run_id,
  chapter,
  iter_n,
  attempt,
});
