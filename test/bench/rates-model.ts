// Bursts of tickets in virtual time: a modelled workspace with the platform's limits, modelled
// queues, and the real client with the real limiter in every instance. What a handler asks is what
// test/services/calls-of-a-run.test.ts counts.
import {
  createDatabricksHttp,
  type DatabricksCall,
} from "../../shared/adapters/databricks-http.ts";
import {
  createTriggerLimiters,
  instancesOf,
  shareOf,
  type Trigger,
  wholeRates,
} from "../../shared/adapters/rate-limit.ts";
import type { WireReply } from "../../shared/adapters/wire.ts";
import { waitSeconds } from "../../shared/domain/cadence.ts";
import { PlatformTroubleError } from "../../shared/domain/errors.ts";
import { type QueueName, topology } from "../../shared/topology.ts";
import { createClock, HOUR, SECOND, START, type VirtualClock } from "../simulation/clock.ts";
import { createRandom, type Random } from "../simulation/random.ts";

export type Burst = {
  /** When tickets come, in seconds. */
  readonly ticketsAt: readonly number[];
  /** Turns of runs under way beside them, a second, for as long as tickets wait. */
  readonly turnsPerSecond: number;
  /** How long a call takes, in milliseconds: from, to. */
  readonly callMs: readonly [number, number];
  /** Of each queue, times as many instances as the topology has. */
  readonly instancesTimes: number;
  readonly hasLimits: boolean;
};

export type Outcome = {
  /** From a message to its submission, in seconds. */
  readonly submitted: readonly number[];
  readonly turns: readonly number[];
  /** Until everything is recorded. */
  readonly wallSeconds: number;
  /** Answers of the Files API a second, while tickets waited for their submission. */
  readonly filesPerSecond: number;
  /** Of all answers. */
  readonly refusedShare: number;
};

type Kind = "files" | "submit" | "get";
type Work = {
  readonly queue: "tickets" | "turns" | "reports" | "records";
  readonly atMs: number;
  readonly tries: number;
};

/** What the handler of a message asks for, one after the other. */
const asks = {
  tickets: ["files", "files", "files", "files", "files", "files", "submit", "get", "files"],
  turns: ["files", "files", "files", "files", "submit", "get", "files"],
  reports: ["files", "get", "get", "files", "files", "files"],
  records: ["files", "files", "files"],
} as const satisfies Record<Work["queue"], readonly Kind[]>;

const calls = {
  files: { method: "GET", path: "/api/2.0/fs/files/x", rate: "files" },
  submit: { method: "POST", path: "/api/2.2/jobs/runs/submit", rate: "submit" },
  get: { method: "GET", path: "/api/2.2/jobs/runs/get", rate: "get" },
} as const satisfies Record<Kind, DatabricksCall>;

const QUOTA = 10_000;
const LIMITS = { files: 100, submit: 35, get: 100 } as const;
const FILES_AT_ONCE = 10;

export async function playBurst(burst: Burst, seed = 1): Promise<Outcome> {
  const clock = createClock();
  const random = createRandom(seed);
  const workspace = createModelWorkspace(clock, random, burst);
  const seen = {
    submitted: [] as number[],
    turns: [] as number[],
    lastMs: START,
    submittedMs: START,
  };
  let left = burst.ticketsAt.length;
  let filesAtLast = 0;
  const queues = createModelQueues(clock, random, burst, workspace, (work) => {
    const seconds = (clock.nowMs() - work.atMs) / SECOND;
    seen.lastMs = clock.nowMs();
    if (work.queue === "turns") seen.turns.push(seconds);
    if (work.queue !== "tickets") return;
    seen.submitted.push(seconds);
    seen.submittedMs = clock.nowMs();
    left--;
    filesAtLast = workspace.answered.files;
  });
  for (const at of burst.ticketsAt)
    clock.at(START + at * SECOND, () =>
      queues.send({ queue: "tickets", atMs: clock.nowMs(), tries: 0 }, 0),
    );
  const nextTurn = (): void => {
    if (left === 0 || burst.turnsPerSecond === 0) return;
    queues.send({ queue: "turns", atMs: clock.nowMs(), tries: 0 }, 0);
    clock.after((SECOND / burst.turnsPerSecond) * -Math.log(1 - random.next()), nextTurn);
  };
  nextTurn();
  while (clock.step(START + 12 * HOUR)) await new Promise<void>(process.nextTick);
  const seconds = Math.max(1, (seen.submittedMs - START) / SECOND);
  return {
    submitted: seen.submitted,
    turns: seen.turns,
    wallSeconds: (seen.lastMs - START) / SECOND,
    filesPerSecond: filesAtLast / seconds,
    refusedShare: workspace.refused() / Math.max(1, workspace.asked()),
  };
}

type ModelWorkspace = ReturnType<typeof createModelWorkspace>;

/** Answers after a while: 200, 429 beyond its limits, and 400 beyond the hourly quota. */
function createModelWorkspace(clock: VirtualClock, random: Random, burst: Burst) {
  const answered = { files: 0, submit: 0, get: 0 };
  const buckets = { files: 0, submit: 0, get: 0 };
  const sinceMs = { files: START, submit: START, get: START };
  const created: number[] = [];
  let filesUnderWay = 0;
  let asked = 0;
  let refused = 0;
  for (const kind of Object.keys(LIMITS) as Kind[]) buckets[kind] = LIMITS[kind];
  const admits = (kind: Kind): boolean => {
    if (!burst.hasLimits) return true;
    const nowMs = clock.nowMs();
    buckets[kind] = Math.min(
      LIMITS[kind],
      buckets[kind] + ((nowMs - sinceMs[kind]) / SECOND) * LIMITS[kind],
    );
    sinceMs[kind] = nowMs;
    if (buckets[kind] < 1 || (kind === "files" && filesUnderWay > FILES_AT_ONCE)) return false;
    buckets[kind]--;
    return true;
  };
  const quotaLeft = (): boolean => {
    while ((created[0] ?? Number.POSITIVE_INFINITY) <= clock.nowMs() - HOUR) created.shift();
    if (burst.hasLimits && created.length >= QUOTA) return false;
    created.push(clock.nowMs());
    return true;
  };
  return {
    answered,
    asked: () => asked,
    refused: () => refused,
    send: async (path: string): Promise<WireReply> => {
      const kind: Kind = path.includes("/fs/")
        ? "files"
        : path.endsWith("submit")
          ? "submit"
          : "get";
      asked++;
      if (kind === "files") filesUnderWay++;
      const isAdmitted = admits(kind);
      const ms = isAdmitted ? random.between(...burst.callMs) : random.between(5, 20);
      await new Promise<void>((resolve) => clock.after(ms, resolve));
      if (kind === "files") filesUnderWay--;
      if (!isAdmitted) {
        refused++;
        return replyOf(429, "REQUEST_LIMIT_EXCEEDED", "too many requests");
      }
      if (kind === "submit" && !quotaLeft())
        return replyOf(
          400,
          "INVALID_STATE",
          `There were already ${QUOTA} jobs created in past 3600 seconds, exceeding rate limit: ${QUOTA}`,
        );
      answered[kind]++;
      return replyOf(200, "", "");
    },
  };
}

const replyOf = (status: number, error_code: string, message: string): WireReply => ({
  status,
  headers: {},
  content: Buffer.from(JSON.stringify({ error_code, message })),
});

function createModelQueues(
  clock: VirtualClock,
  random: Random,
  burst: Burst,
  workspace: ModelWorkspace,
  onDone: (work: Work) => void,
) {
  const ready: Record<Work["queue"], Work[]> = { tickets: [], turns: [], reports: [], records: [] };
  const idle = Object.fromEntries(
    (Object.keys(ready) as Work["queue"][]).map((queue) => [queue, instances(queue)]),
  ) as Record<Work["queue"], ((works: readonly Work[]) => Promise<void>)[]>;

  function instances(queue: Work["queue"]) {
    const { concurrencyMax, consumer } = topology[queue];
    const many = concurrencyMax * burst.instancesTimes;
    return Array.from({ length: many }, () =>
      instanceOf(queue, instancesOf(consumer) * burst.instancesTimes),
    );
  }

  function instanceOf(queue: Work["queue"], many: number) {
    const time = {
      nowMs: clock.nowMs,
      sleep: (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve)),
      timer: () => () => {},
    };
    const limiter = createTriggerLimiters(
      (trigger?: Trigger) =>
        trigger === undefined ? wholeRates : shareOf(topology[queue].consumer, many, trigger),
      { clock: time },
    );
    const http = createDatabricksHttp({
      clock: time,
      wire: {
        origin: "https://model",
        send: ({ path }) => workspace.send(path),
        [Symbol.asyncDispose]: async () => {},
      },
      tokens: { token: async () => "t", refused: () => {} },
      limiter,
      userAgent: "model",
      random: () => random.next(),
    });
    return (works: readonly Work[]): Promise<void> =>
      limiter.through(queue as QueueName, async () => {
        await Promise.all(works.map((work) => handle(http, work)));
      });
  }

  async function handle(http: ReturnType<typeof createDatabricksHttp>, work: Work): Promise<void> {
    try {
      for (const kind of asks[work.queue]) await http.call(calls[kind]);
    } catch (error) {
      if (!(error instanceof PlatformTroubleError)) throw error;
      const { retryAfterSeconds } = error;
      const wait = waitSeconds({
        tries: work.tries,
        jitter: random.next(),
        timeScale: 1,
        retryAfterSeconds,
      });
      send({ ...work, tries: work.tries + 1 }, wait);
      return;
    }
    onDone(work);
    const follows = {
      tickets: "reports",
      turns: "reports",
      reports: "records",
      records: undefined,
    } as const;
    const next = follows[work.queue];
    if (next !== undefined) send({ queue: next, atMs: clock.nowMs(), tries: 0 }, 0);
  }

  function send(work: Work, delaySeconds: number): void {
    const hopMs = random.between(100, 500) + topology[work.queue].windowSeconds * SECOND;
    clock.after(delaySeconds * SECOND + hopMs, () => {
      ready[work.queue].push(work);
      poll(work.queue);
    });
  }

  function poll(queue: Work["queue"]): void {
    while (ready[queue].length > 0) {
      const instance = idle[queue].shift();
      if (instance === undefined) return;
      void instance(ready[queue].splice(0, topology[queue].batchSize)).then(() => {
        idle[queue].push(instance);
        poll(queue);
      });
    }
  }
  return { send };
}
