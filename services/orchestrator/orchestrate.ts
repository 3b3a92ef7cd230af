// The orchestrator does one turn. It finds the facts and continues from where they end, so a turn
// that is redelivered, duplicated, delayed or replayed does the same thing again, or nothing.
import {
  jitterOf,
  nextLook,
  REFUSAL_SETTLES_SECONDS,
  scaledSeconds,
} from "../../shared/domain/cadence.ts";
import type { ExecutorManifest, Limits } from "../../shared/domain/contract.ts";
import { PoisonMessageError } from "../../shared/domain/errors.ts";
import {
  type AcceptedSubmission,
  factRef,
  isRefused,
  isStopped,
  type Manifest,
  manifestCopyPath,
  scratchpadFolder,
  type TicketFact,
} from "../../shared/domain/facts.ts";
import { endedOf, recordOf, type Turn, watchOf } from "../../shared/domain/messages.ts";
import { attemptName, submitBodyOf } from "../../shared/domain/payload.ts";
import { generationOf, tokenOf } from "../../shared/domain/seed.ts";
import { isoOf, msOf } from "../../shared/domain/time.ts";
import { attemptFields } from "../../shared/domain/trace.ts";
import type {
  ClockPort,
  DigestPort,
  FactsPort,
  HintsPort,
  IdentityPort,
  JobsPort,
  LogPort,
  PlanePort,
  PlansPort,
  QueuesPort,
  SettingsPort,
  Stored,
} from "../../shared/ports.ts";
import { stepsOf } from "../../shared/story/steps.ts";
import { knownPace } from "./known-pace.ts";
import { type Attempt, adopted, refused, refusedWith, type TakenRun, taken } from "./take-run.ts";

export type OrchestrateDeps = FactsPort &
  HintsPort &
  PlansPort &
  JobsPort &
  IdentityPort &
  PlanePort &
  QueuesPort<"watches" | "reports" | "records"> &
  ClockPort &
  DigestPort &
  LogPort &
  SettingsPort;

/**
 * How long a plan may be submitted. After that, tokens may be forgotten, and only an adoption is
 * safe.
 */
const SUBMIT_BEFORE_SECONDS = 7 * 24 * 3600;

/** Facts that the handler knows already because it has just opened the chapter. */
export type Opened = {
  readonly ticket?: TicketFact;
  /**
   * True if this handler created the fact that opens the chapter. Then there can be no plan yet,
   * and no stop, because a stop needs a chapter. So neither is looked for. A stop that comes in
   * between is read after the submission.
   */
  readonly isNew: boolean;
};

export async function orchestrate(
  deps: OrchestrateDeps,
  turn: Turn,
  { ticket: known, isNew }: Opened = { isNew: false },
): Promise<void> {
  const step = stepsOf(deps);
  const asked = await askedFor(deps, turn, known);
  const { traceparent } = asked.ticket;
  const key = { ...turn, chapter: asked.chapter, traceparent };
  const manifest = await step(
    factRef.manifest(turn),
    () => plan(deps, turn, { ...asked, isNew }),
    isNew,
  );
  if (isStopped(manifest.fact))
    return await deps.queues.send("reports", endedOf(key), { traceparent });
  const planned = { ...manifest, fact: manifest.fact };
  let isOver = false;
  const { fact: submission } = await step(
    factRef.submission(turn),
    async () => {
      // Beside the submission, which takes longer.
      const pace = knownPace(deps, planned.fact.workload, asked.ticket.recipe);
      const [run] = await settled([submit(deps, turn, { ...asked, pace }, planned), pace]);
      isOver = run.isOver;
      return run.submission;
    },
    !manifest.found,
  );
  if (isRefused(submission))
    return await deps.queues.send("reports", endedOf(key), {
      delaySeconds: scaledSeconds(REFUSAL_SETTLES_SECONDS, deps.settings.timeScale),
      traceparent,
    });
  // The judge asks Databricks itself, and sends a watch if the run is not over. So an outdated look
  // cannot mislead it.
  if (isOver) await deps.queues.send("reports", endedOf(key), { traceparent });
  else await watch(deps, submission, traceparent);
  await cancelIfStopped(deps, key, submission.databricks_run_id);
  // The record comes last: an unwanted run costs money until it is cancelled. A run that is over at
  // once reaches the books with its outcome.
  if (!isOver) await deps.queues.send("records", recordOf(key, "submission"), { traceparent });
}

/** Both, when both have ended: nobody's call is left behind. */
async function settled<A, B>(both: readonly [Promise<A>, Promise<B>]): Promise<[A, B]> {
  await Promise.allSettled(both);
  return await Promise.all(both);
}

async function watch(
  { queues, settings }: OrchestrateDeps,
  submission: AcceptedSubmission,
  traceparent: string,
): Promise<void> {
  const { pace, databricks_run_id } = submission;
  const jitter = jitterOf(databricks_run_id);
  const wait = nextLook({ ageSeconds: 0, phase: "waiting", pace, jitter });
  const delaySeconds = scaledSeconds(wait, settings.timeScale);
  await queues.send("watches", watchOf(submission, 0), { delaySeconds, traceparent });
}

/**
 * The canceller writes the stop, then reads the submission; here it is the other way round. The one
 * that comes second sees both. A run that is still active after its decision was started again by
 * hand, so it is left alone; a turn that comes so late is a replay.
 */
async function cancelIfStopped(
  { facts, jobs, log }: OrchestrateDeps,
  key: Turn & { readonly traceparent: string },
  databricksRunId: string,
): Promise<void> {
  if ((await facts.read(factRef.stop(key))) === undefined) return;
  if ((await facts.read(factRef.decision(key))) !== undefined) return;
  await jobs.cancel(databricksRunId);
  log("attempt.cancelled", { ...attemptFields(key), reason: "its chapter was stopped" });
}

type Asked = {
  readonly ticket: TicketFact;
  readonly chapter: number;
  readonly try: number;
  readonly capsule: ExecutorManifest["capsule"];
  readonly limits: Limits;
  /** The time at which its chapter was opened, if this is the first attempt. */
  readonly openedAt?: string;
};

/**
 * Reads from the fact that a turn names what this attempt needs. A turn that no fact asks for is
 * refused.
 */
async function askedFor(
  deps: FactsPort,
  turn: Turn,
  known: TicketFact | undefined,
): Promise<Asked> {
  const ticket = known ?? (await deps.facts.read(factRef.ticket(turn.run_id)))?.fact;
  const refuse = (why: string) =>
    new PoisonMessageError(
      `nobody asked for attempt ${turn.iter_n}.${turn.attempt} of run ${turn.run_id}: ${why}`,
    );
  if (ticket === undefined) throw refuse("the run has no ticket");
  const { by } = turn;
  if ("ticket" in by) {
    if (turn.iter_n !== 1 || turn.attempt !== 1) throw refuse("a ticket asks for 1.1 only");
    const { limits, accepted_at: openedAt } = ticket;
    return { ticket, chapter: 1, try: 1, capsule: {}, limits, openedAt };
  }
  if ("retry" in by) {
    const retry = await retryOf(deps, turn.run_id, by.retry);
    if (retry?.iter_n !== turn.iter_n || retry.attempt !== turn.attempt)
      throw refuse(`retry ${by.retry} does not ask for it`);
    const { capsule, limits, opened_at: openedAt } = retry;
    return { ticket, chapter: by.retry, try: 1, capsule, limits, openedAt };
  }
  const ref = factRef.decision({ run_id: turn.run_id, ...by });
  const decision = (await deps.facts.read(ref))?.fact;
  const next = decision?.next;
  if (decision === undefined || next === undefined || next.kind === "outcome")
    throw refuse(`attempt ${by.iter_n}.${by.attempt} has no decision that asks for more`);
  if (next.iter_n !== turn.iter_n || next.attempt !== turn.attempt)
    throw refuse(
      `the decision on ${by.iter_n}.${by.attempt} asks for ${next.iter_n}.${next.attempt}`,
    );
  const { chapter, capsule } = decision;
  const retry = chapter > 1 ? await retryOf(deps, turn.run_id, chapter) : undefined;
  return { ticket, chapter, try: next.try, capsule, limits: retry?.limits ?? ticket.limits };
}

const retryOf = async ({ facts }: FactsPort, runId: string, chapter: number) =>
  (await facts.read(factRef.retry({ run_id: runId, chapter })))?.fact;

/**
 * Plans the attempt. The first fact decides: once there is a plan, it is carried through to its
 * submission, and then the stop is read.
 */
async function plan(
  deps: OrchestrateDeps,
  turn: Turn,
  asked: Asked & Pick<Opened, "isNew">,
): Promise<Manifest> {
  const { ticket, limits, capsule } = asked;
  const { recipe } = ticket;
  const nowMs = deps.clock.nowMs();
  const common = {
    v: 1,
    run_id: turn.run_id,
    chapter: asked.chapter,
    iter_n: turn.iter_n,
    attempt: turn.attempt,
    try: asked.try,
    created_at: isoOf(nowMs),
    workload: ticket.ticket.workload,
    mode: ticket.ticket.mode,
    capsule,
    limits,
    gate: recipe.gate,
    traceparent: ticket.traceparent,
  } as const;
  const generation = generationOf(deps, ticket);
  const stopRef = factRef.stop({ run_id: turn.run_id, chapter: asked.chapter });
  const stop = asked.isNew ? undefined : await deps.facts.read(stopRef);
  if (stop !== undefined) return { ...common, generation, stopped: true };
  deps.log("attempt.planned", attemptFields(common));
  return {
    ...common,
    plane_id: await deps.plane.id(),
    submit_before: isoOf(nowMs + SUBMIT_BEFORE_SECONDS * 1000),
    files: ticket.files,
    entry: ticket.entry,
    code_paths: [deps.settings.codebaseVolume],
    parameters: { ...recipe.parameters, ...ticket.ticket.parameters },
    policy: {
      timeout_seconds: limits.timeout_seconds,
      allowed_modules: recipe.allowed_modules,
      writes: recipe.writes,
    },
    single_iteration: recipe.limits.iterations === 1,
    allow_failures: recipe.allow_failures,
    scratchpad: `${deps.settings.scratchpadVolume}/${scratchpadFolder({ ...turn, generation })}`,
  };
}

/** Submits the plan. The same token is the same Databricks run, however often this is done. */
async function submit(
  deps: OrchestrateDeps,
  turn: Turn,
  { ticket, openedAt, pace }: Asked & Pick<Attempt, "pace">,
  manifest: Stored<ExecutorManifest>,
): Promise<TakenRun> {
  const { fact } = manifest;
  const key = { ...turn, generation: generationOf(deps, ticket) };
  const copy = manifestCopyPath(key);
  // A ticket from before there were seeds keeps its request as it was: the same token must lead to
  // the same run, also across an upgrade.
  const manifestPath =
    key.generation === undefined
      ? `${deps.settings.factsVolume}/${factRef.manifest(turn).path}`
      : `${deps.settings.plansVolume}/${copy}`;
  const payload = JSON.stringify(
    submitBodyOf({
      recipe: ticket.recipe,
      manifest: fact,
      manifestPath,
      executorPath: deps.settings.executorPath,
      runAs: deps.settings.runAs,
    }),
  );
  const namePrefix = attemptName(fact.plane_id, key);
  const attempt: Attempt = {
    manifest,
    generation: key.generation,
    namePrefix,
    payload,
    openedAt,
    pace,
  };
  if (deps.clock.nowMs() > msOf(fact.submit_before)) {
    const message = `it was to be submitted before ${fact.submit_before}; after that only a run that bears its name is adopted`;
    return (
      (await adopted(deps, attempt)) ??
      refused(refusedWith(deps, attempt, { code: "TOO_LATE", message }))
    );
  }
  // The copy comes before the run that reads it: the fact itself can be read by the controllers
  // alone.
  await deps.plans.put(copy, new TextEncoder().encode(manifest.text));
  const reply = await deps.jobs.submit({
    runName: namePrefix + fact.traceparent,
    idempotencyToken: tokenOf(deps, fact.plane_id, ticket, turn),
    payload,
  });
  if (reply.kind === "accepted") return await taken(deps, attempt, reply, false);
  // An earlier try may have started a run before this one was refused. If a run of ours has the
  // name, it is adopted.
  return (
    (await adopted(deps, attempt)) ??
    refused(refusedWith(deps, attempt, { code: reply.code, message: reply.message }))
  );
}
