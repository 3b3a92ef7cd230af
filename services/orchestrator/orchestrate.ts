// The orchestrator does one turn. It finds the facts and continues from where they end, so a turn
// that is redelivered, duplicated, delayed or replayed does the same thing again, or nothing.
import {
  jitterOf,
  nextLook,
  REFUSAL_SETTLES_SECONDS,
  scaledSeconds,
} from "../../shared/domain/cadence.ts";
import type { ExecutorManifest, Limits, PlannedFile } from "../../shared/domain/contract.ts";
import { PoisonMessageError } from "../../shared/domain/errors.ts";
import {
  type AcceptedSubmission,
  factRef,
  isRefused,
  isStopped,
  type Manifest,
  manifestCopyPath,
  plannedFilePath,
  type StoppedManifest,
  scratchpadFolder,
  stateFolder,
  type TicketFact,
} from "../../shared/domain/facts.ts";
import { endedOf, recordOf, type Turn, watchOf } from "../../shared/domain/messages.ts";
import { attemptName, submitBodyOf } from "../../shared/domain/payload.ts";
import type { AcceptedRecipe } from "../../shared/domain/recipe.ts";
import { generationOf, tokenOf } from "../../shared/domain/seed.ts";
import { oneLine } from "../../shared/domain/text.ts";
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
  VolumesPort,
} from "../../shared/ports.ts";
import { sendRecord } from "../../shared/story/send-record.ts";
import { type Step, stepsOf } from "../../shared/story/steps.ts";
import { knownPace } from "./known-pace.ts";
import { type Attempt, adopted, refused, refusedWith, type TakenRun, taken } from "./take-run.ts";

export type OrchestrateDeps = FactsPort &
  HintsPort &
  PlansPort &
  VolumesPort &
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
  const manifest = await planOnce(deps, turn, { ...asked, isNew });
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
  // A run that is over needs no cancelling, and reaches the books with its outcome.
  if (isOver) return await deps.queues.send("reports", endedOf(key), { traceparent });
  await watch(deps, submission, traceparent);
  await cancelIfStopped(deps, key, submission.databricks_run_id);
  // The record comes last: an unwanted run costs money until it is cancelled.
  await sendRecord(deps, recordOf(key, "submission"), { traceparent });
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
 * Writes no plan that could not be read back. Then a fact says that there is none, because a
 * chapter must end.
 */
async function planOnce(
  deps: OrchestrateDeps,
  turn: Turn,
  asked: Asked & Pick<Opened, "isNew">,
): Promise<Step<Manifest>> {
  const step = stepsOf(deps);
  let wanted: Manifest | undefined;
  const compute = async () => {
    wanted = await plan(deps, turn, asked);
    return wanted;
  };
  try {
    return await step(factRef.manifest(turn), compute, asked.isNew);
  } catch (error) {
    // A fact of others that cannot be read ends nothing: a person mends it, and replays the turn.
    if (wanted === undefined || !(error instanceof PoisonMessageError)) throw error;
    const none = noPlanOf(wanted, generationOf(deps, asked.ticket), oneLine(error.message));
    deps.log("attempt.refused", { ...attemptFields(none), reason: none.unplannable });
    return await step(factRef.manifest(turn), async () => none, true);
  }
}

/**
 * Keeps of a plan what comes from readable facts, and leaves out what its recipe and its ticket
 * make together.
 */
function noPlanOf(plan: Manifest, generation: string | undefined, unplannable: string) {
  const { v, run_id, chapter, iter_n, attempt, try: nth, created_at, workload, mode } = plan;
  const { capsule, limits, gate, traceparent } = plan;
  const key = { v, run_id, chapter, iter_n, attempt, try: nth, created_at, workload, mode };
  const none = { ...key, capsule, limits, gate, generation, traceparent };
  return { ...none, stopped: true, unplannable } satisfies StoppedManifest;
}

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
  const scratchpadVolume = scratchpadVolumeOf(deps, recipe);
  const stopRef = factRef.stop({ run_id: turn.run_id, chapter: asked.chapter });
  const stop = asked.isNew ? undefined : await deps.facts.read(stopRef);
  if (stop !== undefined) return { ...common, generation, stopped: true };
  deps.log("attempt.planned", attemptFields(common));
  return {
    ...common,
    plane_id: await deps.plane.id(),
    submit_before: isoOf(nowMs + SUBMIT_BEFORE_SECONDS * 1000),
    files: await filesOf(deps, ticket),
    entry: ticket.entry,
    ...(recipe.planner.run !== undefined && { run: recipe.planner.run }),
    code_paths: [deps.settings.codebaseVolume],
    parameters: { ...recipe.parameters, ...ticket.ticket.parameters },
    policy: {
      timeout_seconds: limits.timeout_seconds,
      allowed_modules: recipe.allowed_modules,
      writes: recipe.writes,
    },
    single_iteration: recipe.limits.iterations === 1,
    allow_failures: recipe.allow_failures,
    scratchpad: `${scratchpadVolume}/${scratchpadFolder({ ...turn, generation })}`,
    state_path: `${scratchpadVolume}/${stateFolder({ ...turn, generation })}`,
    ...(recipe.secrets !== undefined && {
      secrets: recipe.secrets,
      run_as: recipe.run_as ?? deps.settings.runAs,
    }),
  };
}

/** A scratchpad of a workload's own lies beside the stage's, in the same schema. */
const scratchpadVolumeOf = (
  { settings: { scratchpadVolume } }: SettingsPort,
  { scratchpad }: AcceptedRecipe,
): string =>
  scratchpad === undefined
    ? scratchpadVolume
    : scratchpadVolume.replace(/[^/]+$/, () => scratchpad);

/**
 * The part of a ticket that executed code may read. Older tickets have their code among the facts,
 * which executors read no longer: their plans of now, also a retry months later, get copies where
 * executors may read.
 */
async function filesOf(
  deps: OrchestrateDeps,
  { run_id, files }: TicketFact,
): Promise<PlannedFile[]> {
  const planned: PlannedFile[] = [];
  for (const file of files)
    planned.push(isAmongFacts(deps, file) ? await copied(deps, run_id, file) : file);
  return planned;
}

const isAmongFacts = ({ settings }: SettingsPort, { path }: PlannedFile): boolean =>
  path.startsWith(`${settings.factsVolume}/`);

async function copied(
  { volumes, plans, sha256, settings }: VolumesPort & PlansPort & DigestPort & SettingsPort,
  runId: string,
  file: PlannedFile,
): Promise<PlannedFile> {
  const read = await volumes.read(file.path, file.bytes);
  if (read.kind !== "found" || sha256(read.content) !== file.sha256)
    throw new PoisonMessageError(`${file.path} is not what the ticket of run ${runId} brought`);
  const path = plannedFilePath(runId, file.sha256, file.name);
  await plans.put(path, read.content);
  return { ...file, path: `${settings.plansVolume}/${path}` };
}

/**
 * Where the executor reads the manifest. A plan of before keeps its request as it was: the same
 * token must lead to the same run, also across an upgrade. It is known by its files, which lie
 * among the facts; in what is planned now, none do.
 */
const manifestPathOf = (
  deps: OrchestrateDeps,
  turn: Turn,
  { files }: ExecutorManifest,
  copy: string,
): string =>
  files.some((file) => isAmongFacts(deps, file))
    ? `${deps.settings.factsVolume}/${factRef.manifest(turn).path}`
    : `${deps.settings.plansVolume}/${copy}`;

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
  const payload = JSON.stringify(
    submitBodyOf({
      recipe: ticket.recipe,
      manifest: fact,
      manifestPath: manifestPathOf(deps, turn, fact, copy),
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
