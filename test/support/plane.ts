// A plane over memory for the use cases of the three services: facts are laid, time passes when the
// test says so, every call is recorded in order, and each can fail or be the last that its caller
// lived to make.
import { createHash } from "node:crypto";
import { systemDigest, systemInflate } from "../../shared/adapters/system.ts";
import { PlatformTroubleError } from "../../shared/domain/errors.ts";
import {
  type AttemptKey,
  type FactKind,
  type FactOf,
  factRef,
  type RunKey,
} from "../../shared/domain/facts.ts";
import { attemptName } from "../../shared/domain/payload.ts";
import type { Recipe } from "../../shared/domain/recipe.ts";
import { generationOf } from "../../shared/domain/seed.ts";
import type { LogEvent, LogFields } from "../../shared/log.ts";
import type { Settings } from "../../shared/ports.ts";
import { accepted, controllers, manifest, recipe, t0 } from "../domain/examples.ts";
import { createSentences, isChanging, type Ports } from "./calls.ts";
import { createMemoryEvents } from "./memory/events.ts";
import { createMemoryFacts } from "./memory/facts.ts";
import { createMemoryFiles, type MemoryFiles } from "./memory/files.ts";
import { createMemoryHints } from "./memory/hints.ts";
import { createMemoryJobs, taskRunIdOf } from "./memory/jobs.ts";
import { createMemoryLedger } from "./memory/ledger.ts";
import { createMemoryMarkers } from "./memory/markers.ts";
import { createMemoryDeadLetters, createMemoryQueues } from "./memory/queues.ts";
import { createMemoryVolumes } from "./memory/volumes.ts";

export const planeId = manifest.plane_id;
export const settings: Settings = {
  factsVolume: "/Volumes/main/ops/facts",
  plansVolume: "/Volumes/main/ops/plans",
  scratchpadVolume: "/Volumes/main/ops/scratchpad",
  codebaseVolume: "/Volumes/main/ops/company_codebase",
  executorPath: "/Volumes/main/ops/company_codebase/run_executor.py",
  runAs: "the-executor",
  evidence: "output",
  ownSenders: ["AROAOWN"],
  worker: "orchestrator",
  retentionDays: 90,
  announceAfter: "ledger",
  ledgerWindowSeconds: 0,
  timeScale: 1,
};

export const sha256Of = (content: string | Uint8Array): string =>
  createHash("sha256").update(content).digest("hex");

/**
 * Of every ticket that a plane accepts, so that two planes tell the same story; and the generation
 * that it makes.
 */
export const seed = sha256Of("seed");
export const generation = generationOf(systemDigest, { seed });

/** One of a kind is all that most situations need. */
export type GivenFacts = { readonly [K in FactKind]?: FactOf<K> };

/** How the `call`th call of a port goes wrong, from 0. */
export type Mishap = {
  readonly call: number;
  readonly when: "before" | "after";
  /**
   * A caller that dies makes no further call, whatever it would catch; one that is troubled may go
   * on.
   */
  readonly caller: "dies" | "is troubled";
};

export type Plane = ReturnType<typeof createPlane>;

export function createPlane(changed: Partial<Settings> = {}) {
  const time = { nowMs: t0 };
  const clock = { nowMs: () => time.nowMs, sleep: async () => {}, timer: () => () => {} };
  const files = createMemoryFiles();
  const plans = createMemoryFiles();
  const volumes = createMemoryFiles();
  const memory = {
    facts: createMemoryFacts(files, plans, { clock }),
    markers: createMemoryMarkers(files, { clock }),
    jobs: createMemoryJobs({ clock }),
    queues: createMemoryQueues(),
    deadLetters: createMemoryDeadLetters(),
    ledger: createMemoryLedger(),
    events: createMemoryEvents(),
    hints: createMemoryHints(),
  };
  const recipes = new Map<string, Recipe>([["weather-model", recipe]]);
  const recorder = createRecorder((id) => memory.jobs.runs.get(id)?.runName);
  const logged: (readonly [LogEvent, LogFields])[] = [];
  const ports: Ports = {
    ...recorded(recorder, {
      ...memory.facts,
      ...memory.markers,
      ...createMemoryVolumes(volumes),
      jobs: memory.jobs.jobs,
      queues: memory.queues.queues,
      deadLetters: memory.deadLetters.deadLetters,
      ledger: memory.ledger.ledger,
      events: memory.events.events,
      hints: memory.hints.hints,
      plane: { id: async () => planeId },
    }),
    identity: { own: async () => [controllers] },
    clock,
    ...systemDigest,
    ...systemInflate,
    randomHex: (bytes) => seed.repeat(2).slice(0, 2 * bytes),
    log: (event, fields = {}) => void logged.push([event, fields]),
    settings: { ...settings, ...changed },
    workloads: {
      names: () => [...recipes.keys()],
      recipe: (workload) => recipes.get(workload),
      file: (_workload, name) => Buffer.from(`# ${name}\n`),
    },
  };
  const lay = <K extends FactKind>(kind: K, fact: FactOf<K>) =>
    memory.facts.facts.create(refOf(kind, fact), fact);
  return {
    ports,
    logged,
    recipes,
    ...recorder.seen,
    jobs: memory.jobs,
    markers: memory.markers.markers,
    facts: memory.facts.facts,
    sent: memory.queues.sent,
    letters: memory.deadLetters.letters,
    announced: memory.events.announced,
    rejected: memory.events.rejected,
    ledger: memory.ledger.tables,
    /** By their names. */
    hints: memory.hints.written,
    /** It is so many seconds after the examples' first instant. */
    at: (seconds: number) => {
      time.nowMs = t0 + seconds * 1000;
    },
    lay,
    given: async (facts: GivenFacts) => {
      for (const kind of Object.keys(facts) as FactKind[]) await lay(kind, facts[kind] as never);
    },
    /** Lays anything where a fact or a marker is read; `path` is relative to the facts volume. */
    putFact: (path: string, content: string | Uint8Array) =>
      files.set(path, { content: Buffer.from(content), modifiedMs: clock.nowMs() }),
    /** Lays a file into a volume; `path` is absolute. */
    put: (path: string, content: string | Uint8Array) =>
      volumes.set(path, { content: Buffer.from(content), modifiedMs: clock.nowMs() }),
    /** Databricks runs an attempt that nobody of ours need have asked for. Returns its id. */
    start: async (key: AttemptKey & RunKey, by: string = controllers): Promise<string> => {
      const runName = `${attemptName(planeId, key)}trace`;
      const request = { runName, idempotencyToken: runName, payload: accepted.payload };
      return memory.jobs.submitAs(by, request);
    },
    /** The texts of all facts, by their paths. */
    factTexts: () => textsOf(files, (path) => !path.startsWith("open/")),
    /** What executors and people may read, by their paths. */
    planTexts: () => textsOf(plans, () => true),
    /** What an attempt of that run prints at its end, or what is left of it. */
    print: (databricksRunId: string, logs: string, isTruncated = false) =>
      memory.jobs.outputs.set(taskRunIdOf(databricksRunId), {
        kind: "output",
        logs,
        isTruncated,
      }),
    /** Which chapters have a marker. */
    open: () => [...files.keys()].filter((path) => path.startsWith("open/")),
    /** The events that were logged. */
    events: () => logged.map(([event]) => event),
  };
}

/** Where a fact lies, by its own keys. */
function refOf<K extends FactKind>(kind: K, fact: FactOf<K>) {
  const keys = kind === "ticket" ? (fact as FactOf<"ticket">).run_id : fact;
  return (factRef[kind] as (keys: unknown) => { kind: K; path: string })(keys);
}

const textsOf = (files: MemoryFiles, isWanted: (path: string) => boolean) =>
  Object.fromEntries(
    [...files]
      .filter(([path]) => isWanted(path))
      .map(([path, { content }]) => [path, Buffer.from(content).toString()])
      .toSorted(),
  );

type Recorder = ReturnType<typeof createRecorder>;

/** Records every call, and interferes where the test wants it. */
function createRecorder(runNameOf: (id: string) => string | undefined) {
  const say = createSentences(planeId, runNameOf);
  const calls: { readonly sentence: string; readonly changes: boolean }[] = [];
  const interruptions = new Map<string, () => unknown>();
  let mishap: Mishap | undefined;
  let isDead = false;
  const goWrong = (): never => {
    isDead = mishap?.caller === "dies";
    mishap = undefined;
    throw new PlatformTroubleError("503 TEMPORARILY_UNAVAILABLE");
  };
  const call = async (port: string, method: string, args: unknown[], perform: () => unknown) => {
    if (isDead) throw new Error("a dead caller calls nobody");
    const sentence = say(port, method, args);
    const interrupt = interruptions.get(sentence);
    interruptions.delete(sentence);
    await interrupt?.();
    const number = calls.push({ sentence, changes: isChanging(`${port}.${method}`) }) - 1;
    if (mishap?.call === number && mishap.when === "before") goWrong();
    const answer = await perform();
    if (mishap?.call === number && mishap.when === "after") goWrong();
    return answer;
  };
  const seen = {
    /** All calls so far, in order. */
    calls: () => calls.map(({ sentence }) => sentence),
    /** Those that changed something. */
    effects: () => calls.filter(({ changes }) => changes).map(({ sentence }) => sentence),
    /** Forgets what was recorded so far. */
    forget: () => void calls.splice(0),
    /** Just before that call, something else happens: another handler is faster, a person acts. */
    meanwhile: (sentence: string, act: () => unknown) => void interruptions.set(sentence, act),
    /** Its caller has died, and nobody has replaced it yet. */
    isDead: () => isDead,
    /**
     * Counts from the calls that are not forgotten. The caller that comes after it is alive again.
     */
    disturb: (next: Mishap | undefined) => {
      mishap = next;
      isDead = false;
    },
  };
  return { call, seen };
}

/** Every method of every port, recorded. */
function recorded<P extends object>({ call }: Recorder, ports: P): P {
  const methods = (port: string, of: object) =>
    Object.fromEntries(
      Object.entries(of).map(([method, perform]) => [
        method,
        (...args: unknown[]) => call(port, method, args, () => perform(...args)),
      ]),
    );
  return Object.fromEntries(
    Object.entries(ports).map(([port, of]) => [port, methods(port, of)]),
  ) as P;
}
