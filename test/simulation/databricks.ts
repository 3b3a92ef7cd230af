// Databricks, as far as the Jobs API shows it: tokens, queues, every ending, cancellations that take their time, repairs by hand,
// runs that vanish, refusals that do and do not last, and listings that lag.
import { CLOCKS_DIFFER_SECONDS } from "../../shared/domain/cadence.ts";
import type { DatabricksRun } from "../../shared/domain/databricks-run.ts";
import { type AttemptKey, factRef } from "../../shared/domain/facts.ts";
import type { NamedRun, RunLook, SubmitReply, SubmitRequest } from "../../shared/ports.ts";
import { DAY, HOUR, MINUTE, SECOND, type VirtualClock } from "./clock.ts";
import { sha256Of } from "./digest.ts";
import { drawEnding, type EndingKind, endingOf, type Words } from "./endings.ts";
import type { Files } from "./files.ts";
import type { Caller } from "./port-call.ts";
import type { Random } from "./random.ts";
import { drawResult, type Manifested, type ResultTruth, resultBytes } from "./results.ts";
import type { Trace } from "./trace.ts";
import type { Weather } from "./weather.ts";
import { settings } from "./workloads.ts";

/** The truth about a Databricks run. */
export type Run = {
  readonly id: string;
  readonly name: string;
  readonly key: AttemptKey;
  /** Another plane started it. */
  readonly isForeign: boolean;
  /** A call started it that should have been dead for long. */
  readonly isZombie: boolean;
  readonly chapter: number;
  readonly startedMs: number;
  readonly listedMs: number;
  readonly timeoutMs: number;
  /** The body with which it was submitted. */
  readonly payload: string;
  /** QUEUED or PENDING until then. */
  runsFromMs: number;
  endMs: number;
  ending: EndingKind;
  /** Every way in which it has ended so far, or will: a repair adds one. */
  readonly endings: EndingKind[];
  /** Gone from then on, as if it had never been. */
  lostFromMs: number;
  cancelledMs: number | undefined;
  repairedMs: number | undefined;
  result: ResultTruth | undefined;
};

export type Databricks = {
  /** Of this plane, by what they were told to run; a workspace has others. */
  readonly runs: readonly Run[];
  readonly isActive: (run: Run) => boolean;
  readonly submit: (request: SubmitRequest, caller: Caller) => SubmitReply;
  readonly get: (id: string, caller: Caller) => RunLook;
  readonly find: (namePrefix: string, sinceMs: number, untilMs?: number) => NamedRun | undefined;
  readonly listActive: (namePrefix: string) => readonly NamedRun[];
  readonly cancel: (id: string, caller: Caller) => void;
  /** By a person in Databricks. */
  readonly cancelByHand: (run: Run) => void;
  readonly repairByHand: (run: Run) => void;
  readonly onRefuse: ((key: AttemptKey) => void)[];
  readonly onAccept: ((run: Run, caller: Caller) => void)[];
  readonly onSubmit: ((request: SubmitRequest, caller: Caller) => void)[];
  readonly onLook: ((run: Run, caller: Caller) => void)[];
  readonly onStart: ((run: Run, caller: Caller) => void)[];
  readonly onCancel: ((run: Run, caller: Caller) => void)[];
};

type Deps = {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly weather: Weather;
  readonly trace: Trace;
  readonly files: Files;
  readonly violate: (what: string, detail: string) => void;
};

/** Nobody documents how long a token lives; the design trusts it for seven days. */
const TOKEN_LIVES = 7 * DAY + HOUR;
const NEVER = Number.POSITIVE_INFINITY;
const SKEW_MS = CLOCKS_DIFFER_SECONDS * SECOND;

export function createDatabricks(deps: Deps): Databricks {
  const { clock, random, weather, trace } = deps;
  const runs: Run[] = [];
  const everybodys: Run[] = [];
  const byId = new Map<string, Run>();
  const byToken = new Map<string, Run>();
  const refuses = createRefusals(deps);
  const self: Databricks & { onStart: Databricks["onStart"] } = {
    runs,
    isActive: (run) => clock.nowMs() < run.endMs && clock.nowMs() < run.lostFromMs,
    submit,
    get: (id, caller) => {
      const run = byId.get(id);
      if (run !== undefined) for (const told of self.onLook) told(run, caller);
      return lookOf(run, clock.nowMs());
    },
    find: (namePrefix, sinceMs, untilMs = NEVER) => {
      const found = everybodys.find(
        (run) =>
          run.name.startsWith(namePrefix) &&
          run.startedMs >= sinceMs - SKEW_MS &&
          run.startedMs <= untilMs + SKEW_MS &&
          isListed(run),
      );
      return found && namedOf(found);
    },
    listActive: (namePrefix) =>
      everybodys
        .filter((run) => self.isActive(run) && run.name.startsWith(namePrefix) && isListed(run))
        .map(namedOf),
    cancel: (id, caller) => {
      const run = byId.get(id);
      if (run === undefined) deps.violate("a run was cancelled that nobody knows", String(id));
      if (run === undefined || !self.isActive(run)) return;
      if (run.isForeign) deps.violate("a run of another plane was cancelled", run.name);
      else for (const told of self.onCancel) told(run, caller);
      cancelRun(deps, run);
    },
    cancelByHand: (run) => {
      if (self.isActive(run)) cancelRun(deps, run);
    },
    repairByHand: (run) => {
      // Only what has failed can be repaired, and only while it is there and not running.
      if (self.isActive(run) || run.endMs === NEVER || clock.nowMs() >= run.lostFromMs) return;
      run.repairedMs = clock.nowMs();
      run.cancelledMs = undefined;
      begin(deps, run);
      trace.say(() => `⟲ Databricks run ${run.id} is repaired by hand`);
    },
    onRefuse: [],
    onAccept: [],
    onSubmit: [],
    onLook: [],
    onStart: [],
    onCancel: [],
  };
  return self;

  function isListed(run: Run): boolean {
    return clock.nowMs() >= run.listedMs && clock.nowMs() < run.lostFromMs;
  }

  function submit(request: SubmitRequest, caller: Caller) {
    const { runName, idempotencyToken, payload } = request;
    for (const told of self.onSubmit) told(request, caller);
    const refusal = refuses(runName, caller);
    if (refusal !== undefined) {
      for (const told of self.onRefuse) told(orderedBy(payload).key);
      return refusal;
    }
    const had = byToken.get(idempotencyToken);
    if (had !== undefined && clock.nowMs() - had.startedMs < TOKEN_LIVES)
      return accept(had, caller);
    const run = start(runName, payload, caller);
    byToken.set(idempotencyToken, run);
    if (!run.isForeign) for (const told of self.onStart) told(run, caller);
    return accept(run, caller);
  }

  function accept(run: Run, caller: Caller): SubmitReply {
    for (const told of self.onAccept) told(run, caller);
    return acceptedOf(run);
  }

  function start(name: string, payload: string, { isZombie = false }: Caller): Run {
    const { key, timeoutMs } = orderedBy(payload);
    const manifest = deps.files.get(factRef.manifest(key));
    const run: Run = {
      // Beyond 2^53: whoever makes a number of it loses it.
      id: String(9_007_199_254_740_993n + BigInt(everybodys.length)),
      isZombie,
      isForeign: !payload.includes(`"${settings.factsVolume}/`),
      name,
      key,
      chapter: manifest?.fact.chapter ?? 0,
      startedMs: clock.nowMs(),
      listedMs: clock.nowMs() + random.between(0, weather.runsLagMsMax),
      timeoutMs,
      payload,
      runsFromMs: 0,
      endMs: 0,
      ending: "success",
      endings: [],
      lostFromMs: NEVER,
      cancelledMs: undefined,
      repairedMs: undefined,
      result: undefined,
    };
    everybodys.push(run);
    if (!run.isForeign) runs.push(run);
    byId.set(run.id, run);
    begin(deps, run);
    trace.mix(everybodys.length, run.endMs % 1_000_000);
    trace.say(() => `▶ Databricks run ${run.id} starts: ${name}`);
    return run;
  }
}

/** Draws how a run goes on from now; the executor writes its result when it is over. */
function begin({ clock, random, weather, trace, files }: Deps, run: Run): void {
  const nowMs = clock.nowMs();
  const isLong = random.chance(0.1);
  const waitsMs = random.chance(0.2) ? random.between(0, 20 * MINUTE) : random.between(0, 90_000);
  const takesMs = isLong ? random.between(HOUR, 4 * HOUR) : random.between(30_000, 25 * MINUTE);
  run.runsFromMs = nowMs + waitsMs;
  run.ending = drawEnding(random);
  run.endMs = run.runsFromMs + takesMs;
  // The platform's own timeout ends what takes longer, mostly; some runs hang beyond every limit.
  const hangs = run.isZombie || random.chance(0.03);
  if (hangs) run.endMs = NEVER;
  else if (run.endMs > run.runsFromMs + run.timeoutMs || run.ending === "timed_out") {
    run.ending = "timed_out";
    run.endMs = run.runsFromMs + run.timeoutMs;
  }
  if (random.chance(weather.isFaulty ? 0.03 : 0.01))
    run.lostFromMs = nowMs + random.between(0, takesMs);
  if (run.ending === "limbo") run.endMs = NEVER;
  run.endings.push(run.ending);
  trace.say(() => `  run ${run.id} will be ${run.ending}${hangs ? ", but hangs" : ""}`);
  if (run.result === undefined) writeResult({ random, weather, files, clock }, run);
}

function writeResult(
  { random, weather, files, clock }: Pick<Deps, "random" | "weather" | "files" | "clock">,
  run: Run,
): void {
  const { exists, saysSuccess } = endingOf(run.ending).result;
  if (run.endMs === NEVER || !random.chance(exists)) return;
  const manifested = manifestedOf(files, run);
  if (manifested === undefined) return;
  const lying = weather.isFaulty ? 0.12 : 0.04;
  const fickle = weather.isFaulty ? 0.15 : 0;
  const truth = drawResult(random, { saysSuccess, endMs: run.endMs, lying, fickle });
  run.result = truth;
  // Not there before its time, and never where its run was cancelled first.
  files.volumes.set(`${manifested.manifest.scratchpad}/result.json`, () =>
    run.result === truth && clock.nowMs() >= truth.fromMs
      ? resultBytes(truth, manifested, clock.nowMs())
      : undefined,
  );
}

function manifestedOf(files: Files, run: Run): Manifested | undefined {
  if (run.isForeign) return undefined;
  const entry = files.get(factRef.manifest(run.key));
  if (entry === undefined || "stopped" in entry.fact) return undefined;
  return { manifest: entry.fact, sha256: sha256Of(entry.text) };
}

/** Cancelling is asynchronous: the run is over some time later, unless it ends by itself before that. */
function cancelRun({ clock, random, trace }: Deps, run: Run): void {
  if (run.cancelledMs !== undefined || run.ending === "limbo") return;
  run.cancelledMs = clock.nowMs();
  const endMs = clock.nowMs() + random.between(10 * SECOND, 2 * MINUTE);
  trace.say(() => `■ Databricks run ${run.id} is cancelled`);
  if (endMs >= run.endMs) return;
  run.endMs = endMs;
  run.ending = "cancelled";
  run.endings.push("cancelled");
  if (run.result !== undefined && run.result.fromMs > endMs) run.result = undefined;
}

/** What Databricks reads in a submission: the manifest's path, which is all that the executor gets, and the timeout. */
export function orderedBy(payload: string): {
  readonly key: AttemptKey;
  readonly timeoutMs: number;
} {
  const path = /\/run_([^/"]+)\/iter_(\d+)\.attempt_(\d+)\.manifest\.json"/.exec(payload);
  const timeout = /"timeout_seconds":(\d+)/.exec(payload);
  if (path === null || timeout === null)
    throw new Error(`the submission names no manifest or no timeout: ${payload}`);
  const [, run_id = "", iter_n, attempt] = path;
  return {
    key: { run_id, iter_n: Number(iter_n), attempt: Number(attempt) },
    timeoutMs: Number(timeout[1]) * SECOND,
  };
}

/** Some requests are refused always, some from a moment on, some now and then: each attempt draws its own. */
function createRefusals({ clock, random, weather }: Deps) {
  const drawn = new Map<string, { readonly kind: string; readonly fromMs: number }>();
  return (name: string, { calledMs, isZombie = false }: Caller): SubmitReply | undefined => {
    const had = drawn.get(name) ?? draw();
    drawn.set(name, had);
    const isRefused =
      had.kind === "always" ||
      (had.kind === "later" && calledMs > had.fromMs) ||
      (had.kind === "flaky" && random.chance(0.4));
    // A zombie was let in long ago.
    return isRefused && !isZombie
      ? { kind: "refused", code: "INVALID_PARAMETER_VALUE", message: "No such cluster." }
      : undefined;
  };
  function draw() {
    const fromMs = clock.nowMs() + random.between(0, 60_000);
    const isFaulty = weather.isFaulty && clock.nowMs() < weather.faultsEndMs;
    if (random.chance(0.03)) return { kind: "always", fromMs };
    if (isFaulty && random.chance(0.2)) return { kind: "later", fromMs };
    if (isFaulty && random.chance(0.2)) return { kind: "flaky", fromMs };
    return { kind: "no", fromMs };
  }
}

function lookOf(run: Run | undefined, nowMs: number): RunLook {
  if (run === undefined || nowMs >= run.lostFromMs)
    return { kind: "gone", message: `Run ${run?.id ?? ""} does not exist.` };
  return { kind: "run", run: shownAs(run, wordsOf(run, nowMs), nowMs) };
}

const running = (state: string): Words => ({
  lifeCycleState: state,
  resultState: undefined,
  terminationCode: undefined,
  state,
  message: "",
});

function wordsOf(run: Run, nowMs: number): Words {
  if (run.ending === "limbo" && nowMs > run.runsFromMs) return endingOf("limbo").words;
  if (nowMs >= run.endMs) return endingOf(run.ending).words;
  if (nowMs < run.runsFromMs) return running(nowMs % 2 === 0 ? "PENDING" : "QUEUED");
  return running(run.endMs - nowMs < 5_000 ? "TERMINATING" : "RUNNING");
}

const shownAs = (run: Run, words: Words, nowMs: number): DatabricksRun => ({
  databricksRunId: run.id,
  runName: run.name,
  runUrl: urlOf(run),
  lifeCycleState: words.lifeCycleState,
  resultState: words.resultState,
  state: words.state,
  terminationCode: words.terminationCode,
  message: words.message,
  startedMs: run.startedMs,
  endedMs: nowMs >= run.endMs ? run.endMs : undefined,
  tasks:
    words.taskResult === undefined
      ? []
      : [
          {
            taskKey: "main",
            attemptNumber: 0,
            lifeCycleState: "TERMINATED",
            resultState: words.taskResult,
            terminationCode: undefined,
          },
        ],
});

const urlOf = ({ id }: Run): string => `https://workspace.example/?o=1#job/1/run/${id}`;
const acceptedOf = (run: Run): SubmitReply => ({
  kind: "accepted",
  databricksRunId: run.id,
  runUrl: urlOf(run),
});
const namedOf = (run: Run): NamedRun => ({
  databricksRunId: run.id,
  runName: run.name,
  runUrl: urlOf(run),
  startedMs: run.startedMs,
  ...(run.repairedMs !== undefined && { repairedMs: run.repairedMs }),
});
