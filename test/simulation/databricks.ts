// Databricks, as far as the Jobs API shows it: tokens, queues, every ending, cancellations that
// take their time, repairs by hand, runs that vanish, refusals that do and do not last, listings
// that lag, and the runs of whoever else is in the workspace.
import { CLOCKS_DIFFER_SECONDS } from "../../shared/domain/cadence.ts";
import { type AttemptKey, factRef } from "../../shared/domain/facts.ts";
import type {
  NamedRun,
  RunLook,
  SubmitReply,
  SubmitRequest,
  TaskOutput,
} from "../../shared/ports.ts";
import { HOUR, MINUTE, SECOND, type VirtualClock } from "./clock.ts";
import type { Controllers } from "./controllers.ts";
import { sha256Of } from "./digest.ts";
import { drawEnding, endingOf } from "./endings.ts";
import type { Files } from "./files.ts";
import { drawOutput, outputOf } from "./output.ts";
import type { Caller } from "./port-call.ts";
import type { Random } from "./random.ts";
import { drawResult, type Manifested, resultBytes } from "./results.ts";
import { lookOf, namedOf, type Owner, type Run, urlOf } from "./runs.ts";
import type { Secrets } from "./secrets.ts";
import type { Trace } from "./trace.ts";
import type { Weather } from "./weather.ts";

/** A run that somebody else submits. */
type Foreign = {
  readonly owner: Exclude<Owner, "us">;
  readonly creator: string | undefined;
  readonly name: string;
  readonly payload: string;
  readonly token?: string | undefined;
  /** The controllers may not see it. */
  readonly isHidden?: boolean;
  readonly endsMs?: number;
};

type Search = {
  readonly namePrefix: string;
  readonly sinceMs: number;
  readonly untilMs?: number | undefined;
};

export type Databricks = {
  /** Of this plane, by what they were told to run; a workspace has others. */
  readonly runs: readonly Run[];
  readonly everybodys: readonly Run[];
  readonly isActive: (run: Run) => boolean;
  readonly submit: (request: SubmitRequest, caller: Caller) => SubmitReply;
  readonly get: (id: string, caller: Caller) => RunLook;
  readonly output: (taskRunId: string, caller: Caller) => TaskOutput;
  readonly find: (search: Search, caller: Caller) => readonly NamedRun[];
  readonly listActive: (namePrefix: string) => readonly NamedRun[];
  readonly cancel: (id: string, caller: Caller) => void;
  /** By somebody else; undefined where the token has a run already. */
  readonly bring: (foreign: Foreign) => Run | undefined;
  /** By a person in Databricks. */
  readonly cancelByHand: (run: Run) => void;
  readonly repairByHand: (run: Run, withOthers: boolean) => void;
  /** A neighbour was where its result should be before it was: the executor ends with an error. */
  readonly denyResult: (run: Run) => void;
  readonly onRefuse: ((key: AttemptKey) => void)[];
  readonly onAccept: ((run: Run, caller: Caller, key: AttemptKey) => void)[];
  readonly onSubmit: ((request: SubmitRequest, caller: Caller) => void)[];
  readonly onLook: ((run: Run, caller: Caller) => void)[];
  readonly onFind: ((search: Search, caller: Caller) => void)[];
  readonly onStart: ((run: Run, caller: Caller) => void)[];
  readonly onCancel: ((run: Run, caller: Caller) => void)[];
};

type Deps = {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly weather: Weather;
  readonly trace: Trace;
  readonly files: Files;
  readonly controllers: Controllers;
  readonly secrets: Secrets;
  readonly violate: (what: string, detail: string) => void;
};

/** Beyond 2^53: whoever makes a number of it loses it. */
const taskRunIdOf = (n: number): string => String(9_107_199_254_740_993n + BigInt(n));
const NEVER = Number.POSITIVE_INFINITY;
const SKEW_MS = CLOCKS_DIFFER_SECONDS * SECOND;

export function createDatabricks(deps: Deps): Databricks {
  const { clock, random, weather, trace } = deps;
  const runs: Run[] = [];
  const everybodys: Run[] = [];
  const byId = new Map<string, Run>();
  const byTask = new Map<string, Run>();
  /** A repair begins a task's run of its own; the output of the one before stays as it was. */
  const earlier = new Map<string, () => TaskOutput>();
  const byToken = new Map<string, Run>();
  const refuses = createRefusals(deps);
  const self: Databricks = {
    runs,
    everybodys,
    isActive: (run) => clock.nowMs() < run.endMs && clock.nowMs() < run.lostFromMs,
    submit,
    get: (id, caller) => {
      const run = byId.get(id);
      if (run?.owner === "us") for (const listener of self.onLook) listener(run, caller);
      return lookOf(run, clock.nowMs());
    },
    output: (taskRunId) => {
      const kept = earlier.get(taskRunId);
      const run = byTask.get(taskRunId);
      if (kept !== undefined && run !== undefined && clock.nowMs() < run.lostFromMs) return kept();
      if (run === undefined || self.isActive(run) || lookOf(run, clock.nowMs()).kind !== "run")
        return { kind: "absent", message: "Run output is not available." };
      return outputOf(run.output, printedBy(deps, run));
    },
    find: (search, caller) => {
      const { namePrefix, sinceMs, untilMs = NEVER } = search;
      for (const listener of self.onFind) listener(search, caller);
      return everybodys
        .filter(
          (run) =>
            run.name.startsWith(namePrefix) &&
            run.startedMs + weather.runsSkewMs >= sinceMs - SKEW_MS &&
            run.startedMs + weather.runsSkewMs <= untilMs + SKEW_MS &&
            isListed(run),
        )
        .map((run) => namedOf(run, weather.runsSkewMs));
    },
    listActive: (namePrefix) =>
      everybodys
        .filter((run) => self.isActive(run) && run.name.startsWith(namePrefix) && isListed(run))
        .map((run) => namedOf(run, weather.runsSkewMs)),
    cancel: (id, caller) => {
      const run = byId.get(id);
      if (run === undefined) deps.violate("a run was cancelled that nobody knows", String(id));
      if (run === undefined || !self.isActive(run)) return;
      if (run.owner !== "us") deps.violate(`a run of a ${run.owner} was cancelled`, run.name);
      else for (const listener of self.onCancel) listener(run, caller);
      cancelRun(deps, run);
    },
    bring: (foreign) => {
      if (foreign.token !== undefined && byToken.has(foreign.token)) return undefined;
      const { key, generation, timeoutMs } = orderedBy(foreign.payload);
      const run = add({ ...foreign, key, generation, timeoutMs, isZombie: false, chapter: 0 });
      if (foreign.token !== undefined) byToken.set(foreign.token, run);
      if (foreign.isHidden) run.hidden = { fromMs: 0, toMs: NEVER };
      if (foreign.endsMs !== undefined) {
        run.endMs = foreign.endsMs;
        run.ending = "success";
        run.result = undefined;
        writeResult(deps, run);
      }
      return run;
    },
    cancelByHand: (run) => {
      if (self.isActive(run)) cancelRun(deps, run);
    },
    repairByHand: (run, withOthers) => {
      // Only what has failed can be repaired, and only while it is there and not running.
      if (self.isActive(run) || run.endMs === NEVER || clock.nowMs() >= run.lostFromMs) return;
      const before = { ...run };
      earlier.set(run.taskRunId, () => outputOf(before.output, printedBy(deps, before)));
      run.taskRunId = taskRunIdOf(byTask.size);
      byTask.set(run.taskRunId, run);
      run.repairedMs = clock.nowMs();
      run.cancelledMs = undefined;
      if (withOthers) run.overriddenMs ??= clock.nowMs();
      if (withOthers) run.result = undefined;
      begin(deps, run);
      trace.say(() => `⟲ run ${run.id} is repaired by hand${withOthers ? ", as another one" : ""}`);
    },
    denyResult: (run) => {
      if (!self.isActive(run) || run.endMs === NEVER || run.ending === "cancelled") return;
      trace.say(() => `✋ somebody else was where the result of run ${run.id} should be`);
      denied(run);
    },
    onRefuse: [],
    onAccept: [],
    onSubmit: [],
    onLook: [],
    onFind: [],
    onStart: [],
    onCancel: [],
  };
  return self;

  function isListed(run: Run): boolean {
    return clock.nowMs() >= run.listedMs && clock.nowMs() < run.lostFromMs;
  }

  function submit(request: SubmitRequest, caller: Caller): SubmitReply {
    const { runName, idempotencyToken, payload } = request;
    deps.secrets.keep(idempotencyToken);
    for (const listener of self.onSubmit) listener(request, caller);
    const { key } = orderedBy(payload);
    const had = byToken.get(idempotencyToken);
    const plannedMs = deps.files.get(factRef.manifest(key))?.atMs ?? clock.nowMs();
    const refusal = refuses(runName, caller, plannedMs) ?? (had && refusalOfDeleted(had));
    if (refusal !== undefined) {
      for (const listener of self.onRefuse) listener(key);
      return refusal;
    }
    const run = had ?? start(request, caller);
    if (had === undefined) {
      byToken.set(idempotencyToken, run);
      for (const listener of self.onStart) listener(run, caller);
    }
    for (const listener of self.onAccept) listener(run, caller, key);
    return { kind: "accepted", databricksRunId: run.id, runUrl: urlOf(run) };
  }

  /**
   * Tokens live for ever, also longer than their runs: of those that were deleted, some workspaces
   * say so.
   */
  function refusalOfDeleted(run: Run): SubmitReply | undefined {
    if (clock.nowMs() < run.lostFromMs || Number(run.id) % 4 === 0) return undefined;
    const message = "The run with the given idempotency_token has been deleted.";
    return { kind: "refused", code: "INVALID_PARAMETER_VALUE", message };
  }

  function start({ runName, payload }: SubmitRequest, caller: Caller): Run {
    const { key, generation, timeoutMs } = orderedBy(payload);
    const chapter = deps.files.get(factRef.manifest(key))?.fact.chapter ?? 0;
    const creator = deps.controllers.present({ bornMs: caller.bornMs ?? 0 });
    const { isZombie = false } = caller;
    const of = { owner: "us" as const, creator, name: runName, payload };
    return add({ ...of, key, generation, timeoutMs, isZombie, chapter });
  }

  function add(
    of: Pick<
      Run,
      | "owner"
      | "creator"
      | "name"
      | "payload"
      | "key"
      | "generation"
      | "timeoutMs"
      | "isZombie"
      | "chapter"
    >,
  ): Run {
    const run: Run = {
      ...of,
      // Beyond 2^53: whoever makes a number of it loses it.
      id: String(9_007_199_254_740_993n + BigInt(everybodys.length)),
      taskRunId: taskRunIdOf(byTask.size),
      firstTaskRunId: taskRunIdOf(byTask.size),
      startedMs: clock.nowMs(),
      listedMs: clock.nowMs() + random.between(0, weather.runsLagMsMax),
      task: taskIn(of.payload),
      shows: random.chance(0.8) ? "all" : random.pick(["dbfs", "little"]),
      hidden: undefined,
      runsFromMs: 0,
      endMs: 0,
      ending: "success",
      endings: [],
      lostFromMs: NEVER,
      cancelledMs: undefined,
      repairedMs: undefined,
      overriddenMs: undefined,
      result: undefined,
      output: "whole",
    };
    everybodys.push(run);
    if (run.owner === "us") runs.push(run);
    byId.set(run.id, run);
    byTask.set(run.taskRunId, run);
    begin(deps, run);
    if (run.owner === "us") hide(deps, run);
    trace.mix(everybodys.length, run.endMs % 1_000_000);
    trace.say(() => `▶ Databricks run ${run.id} of ${run.owner} starts: ${run.name}`);
    return run;
  }
}

/** Permissions may show late; and somebody may take them away, for good. */
function hide({ clock, random, weather, files }: Deps, run: Run): void {
  const x = random.next();
  if (!weather.isFaulty || x > 0.03) return;
  const plannedMs = files.get(factRef.manifest(run.key))?.atMs ?? 0;
  const nowMs = clock.nowMs();
  if (x < 0.02) {
    // Ours is seen by then, however long its submission takes.
    const toMs = Math.min(nowMs + random.between(MINUTE, 8 * MINUTE), plannedMs + 9 * MINUTE);
    run.hidden = { fromMs: nowMs, toMs };
  } else run.hidden = { fromMs: nowMs + random.between(MINUTE, 20 * MINUTE), toMs: NEVER };
}

/** Draws how a run goes on from now; the executor prints and writes its result when it is over. */
function begin(deps: Deps, run: Run): void {
  const { clock, random, weather, trace } = deps;
  const nowMs = clock.nowMs();
  const isLong = random.chance(0.1);
  // Over before anybody can look, or hardly after it.
  const isInstant = !isLong && random.chance(0.1);
  // Where records are held back, short runs, so that one batch has all that there is to say of
  // them.
  const isShort = weather.recordsHoldMsMax > 0 && random.chance(0.5);
  const longMs = random.chance(0.2) ? 20 * MINUTE : 90 * SECOND;
  const waitsMs = random.between(0, isShort ? 5 * SECOND : longMs);
  const shortMs = random.between(10_000, isShort ? 20_000 : 25 * MINUTE);
  const takesMs = isLong ? random.between(HOUR, 4 * HOUR) : shortMs;
  run.runsFromMs = isInstant ? nowMs : nowMs + waitsMs;
  run.ending = drawEnding(random);
  run.endMs = run.runsFromMs + (isInstant ? Math.max(0, (takesMs % 1_000) - 500) : takesMs);
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
  run.output = weather.evidence === "file" ? "whole" : drawOutput(random);
  trace.say(() => `  run ${run.id} will be ${run.ending}${hangs ? ", but hangs" : ""}`);
  if (run.result === undefined) writeResult(deps, run);
}

function writeResult({ random, weather, files, clock, trace }: Deps, run: Run): void {
  const { exists, saysSuccess } = endingOf(run.ending).result;
  if (run.endMs === NEVER || !random.chance(exists)) return;
  const manifested = manifestedOf(files, run);
  if (manifested === undefined) return;
  const lying = weather.isFaulty ? 0.12 : 0.04;
  const fickle = weather.isFaulty ? 0.15 : 0;
  if (run.owner === "us" && isOccupied(files, resultPath(manifested))) {
    // The executor writes its result once: it ends with an error where there is one.
    denied(run);
    return;
  }
  const drawn = drawResult(random, { saysSuccess, endMs: run.endMs, lying, fickle });
  const isOurs = run.owner === "us" && run.overriddenMs === undefined;
  const truth = isOurs ? drawn : { ...drawn, kind: "of other parameters" as const };
  run.result = truth;
  trace.say(() => `  its result is ${truth.kind}, its output ${run.output}`);
  if (run.owner !== "us") return;
  // Not there before its time, and never where its run was cancelled first.
  files.volumes.set(resultPath(manifested), () =>
    run.result === truth && clock.nowMs() >= truth.fromMs
      ? resultBytes(truth, manifested, clock.nowMs())
      : undefined,
  );
}

const isOccupied = (files: Files, path: string): boolean =>
  files.volumes.get(path)?.() !== undefined;

function denied(run: Run): void {
  run.result = undefined;
  run.ending = "task_failed";
  run.endings.splice(-1, 1, "task_failed");
}

/** The executor's output by now. */
function printedBy({ files, clock }: Deps, run: Run): Uint8Array | undefined {
  const { result } = run;
  if (result === undefined || clock.nowMs() < result.fromMs) return undefined;
  const manifested = manifestedOf(files, run);
  return manifested && resultBytes(result, manifested, clock.nowMs());
}

export const resultPath = ({ manifest }: Manifested): string =>
  `${manifest.scratchpad}/result.json`;

/** The manifest of a run of ours, or of one that says so. */
export function manifestedOf(files: Files, run: Run): Manifested | undefined {
  if (run.owner === "twin" || run.owner === "before") return undefined;
  const entry = files.get(factRef.manifest(run.key));
  if (entry === undefined || "stopped" in entry.fact) return undefined;
  return { manifest: entry.fact, sha256: sha256Of(entry.text) };
}

/**
 * Cancelling is asynchronous: the run is over some time later, unless it ends by itself before
 * that.
 */
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

/**
 * What Databricks reads in a submission: the manifest's path, which is all that the executor gets,
 * and the timeout.
 */
export function orderedBy(payload: string): {
  readonly key: AttemptKey;
  readonly generation: string | undefined;
  readonly timeoutMs: number;
} {
  const path =
    /\/run_([^/"]+)(?:\/([0-9a-f]{10}))?\/iter_(\d+)\.attempt_(\d+)\.manifest\.json"/.exec(payload);
  const timeout = /"timeout_seconds":(\d+)/.exec(payload);
  if (path === null || timeout === null)
    throw new Error(`the submission names no manifest or no timeout: ${payload}`);
  const [, run_id = "", generation, iter_n, attempt] = path;
  return {
    key: { run_id, iter_n: Number(iter_n), attempt: Number(attempt) },
    generation,
    timeoutMs: Number(timeout[1]) * SECOND,
  };
}

/** What a submission says of its one task. */
function taskIn(payload: string): Run["task"] {
  const pythonFile = /"python_file":"([^"]*)"/.exec(payload)?.[1] ?? "";
  const parameters = /"parameters":(\["[^\]]*"\])/.exec(payload)?.[1];
  return { pythonFile, parameters: JSON.parse(parameters ?? "[]") as string[] };
}

/**
 * Some requests are refused always, some from a moment on, some now and then: each attempt draws
 * its own.
 */
function createRefusals({ clock, random, weather }: Deps) {
  const drawn = new Map<string, { readonly kind: string; readonly fromMs: number }>();
  return (
    name: string,
    { calledMs, isZombie = false }: Caller,
    plannedMs: number,
  ): SubmitReply | undefined => {
    const had = drawn.get(name) ?? draw(plannedMs);
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
  function draw(plannedMs: number) {
    const fromMs = plannedMs + random.between(0, 60_000);
    const isFaulty = weather.isFaulty && clock.nowMs() < weather.faultsEndMs;
    if (random.chance(0.03)) return { kind: "always", fromMs };
    if (isFaulty && random.chance(0.2)) return { kind: "later", fromMs };
    if (isFaulty && random.chance(0.2)) return { kind: "flaky", fromMs };
    return { kind: "no", fromMs };
  }
}
