// Everybody outside: upstream systems, people who cancel and retry at any moment, hands in Databricks, forgers, and those who put
// dead letters and old messages back.
import type { OutcomeFact } from "../../shared/domain/facts.ts";
import { type AskedBy, endedOf, recordOf, turnOf, watchOf } from "../../shared/domain/messages.ts";
import { isoOf } from "../../shared/domain/time.ts";
import type { QueueName } from "../../shared/topology.ts";
import type { Ancient } from "./ancient.ts";
import { HOUR, MINUTE, SECOND, START, type VirtualClock } from "./clock.ts";
import type { Databricks, Run } from "./databricks.ts";
import { sha256Of } from "./digest.ts";
import type { Files } from "./files.ts";
import type { Random } from "./random.ts";
import { botherAncient } from "./retention.ts";
import type { Sqs } from "./sqs.ts";
import type { Trace } from "./trace.ts";
import type { Weather } from "./weather.ts";
import {
  foreignArtifact,
  reviewedArtifact,
  reviewedOnly,
  scheduledWorkload,
  workloadNames,
} from "./workloads.ts";

export type People = {
  /** The ids of the proper tickets: each of them must come to its outcomes. */
  readonly runIds: readonly string[];
  /** Ids that were used for nothing but tickets that must be refused. */
  readonly refusedIds: readonly string[];
  /** Ids under which a second, different ticket came. */
  readonly contestedIds: readonly string[];
  readonly auditIds: readonly string[];
  /** When a run's ticket was last sent again. */
  readonly repeatedMs: ReadonlyMap<string, number>;
  /** When the scheduler starts the last of the runs. */
  readonly scheduledAtMs: number;
  /** Whether somebody else than a service sent this, so that it may rightly be called poison. */
  readonly isForeign: (queue: QueueName, body: string) => boolean;
};

type Deps = {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly weather: Weather;
  readonly trace: Trace;
  readonly sqs: Sqs;
  readonly files: Files;
  readonly databricks: Databricks;
  readonly tickets: number;
  readonly ancient: readonly Ancient[];
  /** When our services work again; now, if they do. */
  readonly awakeAtMs: () => number;
};

/** In whose name chapters are stopped, and why. */
export const cancellation = { by: "somebody", reasons: ["no longer needed", "again"] } as const;
/** Some upstream systems trace their tickets. */
export const traceOf = (runId: string): string | undefined =>
  ["r1", "R-2_x"].includes(runId)
    ? `00-${sha256Of(runId).slice(0, 32)}-00f067aa0ba902b7-01`
    : undefined;

/** What people set where a retry may try more or less often than before. */
export const retryAttempts = [1, 2] as const;
const CHAPTERS_MAX = 3;
/** One id is the beginning of another, and looks like a marker's name. */
const ids = ["r1", "r1.1", "R-2_x"];

export function createPeople(deps: Deps): People {
  const { clock, random, weather, sqs } = deps;
  const foreign = new Set<string>();
  const refusedIds: string[] = [];
  const contestedIds: string[] = [];
  const repeatedMs = new Map<string, number>();
  const sentIds = Array.from({ length: deps.tickets - 1 }, (_, i) => ids[i] ?? `t${i}`);
  // The last run is the scheduler's.
  const scheduledAtMs = START + random.between(0, weather.activeMs / 6);
  const minute = isoOf(scheduledAtMs).slice(0, 16).replace(/[-:]/g, "");
  const scheduledId = `${scheduledWorkload}-${minute}Z`;
  const runIds = [...sentIds, scheduledId];

  /** A person's message, if people still do such things then. */
  const send = (atMs: number, queue: QueueName, message: object | string): void => {
    if (interferes(weather) && atMs >= weather.faultsEndMs) return;
    const body = typeof message === "string" ? message : JSON.stringify(message);
    if (queue !== "tickets") foreign.add(`${queue} ${withoutTries(body)}`);
    clock.at(atMs, () => sqs.send(queue, body, { traceparent: traceOfTicket(queue, body) }));
  };
  const meddles = (share: number): boolean => random.chance(share * weather.meddling);
  const soonMs = (): number =>
    clock.nowMs() +
    (random.chance(0.5) ? random.between(0, 6 * SECOND) : random.between(0, 20 * MINUTE));
  const cancelOf = (run_id: string, chapter: number) => ({
    type: "cancel",
    run_id,
    chapter,
    reason: cancellation.reasons[0],
    by: cancellation.by,
  });
  const retryOf = (run_id: string, chapter: number) => ({
    type: "retry",
    run_id,
    chapter,
    reason: "try again",
    by: "somebody",
    ...(random.chance(0.3) && { limits: { attempts: random.pick(retryAttempts) } }),
  });
  const outside: Outside = { ...deps, send, meddles, soonMs, cancelOf, retryOf, runIds };

  for (const run_id of sentIds) bringTicket(outside, run_id, contestedIds, repeatedMs);
  if (interferes(weather)) watchAndMeddle(outside);
  if (weather.isFaulty) {
    bringRefused(outside, refusedIds);
    watchByHand(outside);
    replay(outside);
    for (const one of deps.ancient) botherAncient(outside, one);
  }
  return {
    runIds,
    refusedIds,
    contestedIds,
    auditIds: sentIds.map((run_id) => auditOf(run_id, START).event_id),
    repeatedMs,
    scheduledAtMs,
    isForeign: (queue, body) => foreign.has(`${queue} ${withoutTries(body)}`),
  };
}

const traceOfTicket = (queue: QueueName, body: string): string | undefined => {
  const id = queue === "tickets" ? /^\{"ticket_id":"([^"]+)"/.exec(body)?.[1] : undefined;
  return id === undefined ? undefined : traceOf(id);
};

const interferes = ({ isFaulty, meddling }: Weather): boolean => isFaulty || meddling > 0;

export type Outside = Deps & {
  readonly runIds: readonly string[];
  readonly send: (atMs: number, queue: QueueName, message: object | string) => void;
  readonly meddles: (share: number) => boolean;
  readonly soonMs: () => number;
  readonly cancelOf: (run_id: string, chapter: number) => object;
  readonly retryOf: (run_id: string, chapter: number) => object;
};

/** The same ticket, perhaps several times, perhaps cancelled before it comes, perhaps with another under its id. */
function bringTicket(
  outside: Outside,
  run_id: string,
  contestedIds: string[],
  repeatedMs: Map<string, number>,
): void {
  const { random, clock, weather, send, meddles } = outside;
  const ticket = drawTicket(random, run_id);
  const { activeMs } = weather;
  const atMs = START + random.between(0, activeMs / 6);
  send(atMs, "tickets", ticket);
  send(atMs + MINUTE, "records", auditOf(run_id, clock.nowMs()));
  if (!interferes(weather)) return;
  for (let n = random.below(3); n > 0; n--) {
    const againMs = atMs + random.between(0, activeMs);
    if (againMs >= weather.faultsEndMs) continue;
    repeatedMs.set(run_id, Math.max(againMs, repeatedMs.get(run_id) ?? 0));
    send(againMs, "tickets", ticket);
  }
  if (meddles(0.4))
    send(atMs + random.between(-MINUTE, activeMs / 3), "tickets", outside.cancelOf(run_id, 1));
  if (meddles(0.2))
    send(atMs + random.between(0, activeMs * 0.7), "tickets", outside.retryOf(run_id, 2));
  if (meddles(0.2)) {
    contestedIds.push(run_id);
    const another = { ...ticket, ...random.pick(others) };
    send(atMs + random.between(MINUTE, activeMs * 0.7), "tickets", another);
  }
  for (let n = weather.isFaulty && meddles(1) ? random.below(7) : 0; n > 0; n--) {
    const thenMs = atMs + random.between(0, activeMs * 0.8);
    clock.at(thenMs, () => forge(outside, run_id));
  }
}

/** What makes a ticket another one. */
const others = [
  { parameters: { other: 1 } },
  { limits: { iterations: 2 } },
  { artifact: { inline: "print(2)" }, workload: "fit-model" },
];

const lowered = [
  { attempts: 1 },
  { iterations: 1, attempts: 1 },
  { timeout_seconds: 900, queue_seconds: 300 },
];

function drawTicket(random: Random, ticket_id: string): object {
  const x = random.next();
  const workload = random.pick(workloadNames);
  const artifact =
    x < 0.15
      ? { path: reviewedArtifact.path, sha256: reviewedArtifact.sha256 }
      : x < 0.25 && workload !== reviewedOnly
        ? { inline: "print(1)" }
        : undefined;
  return {
    ticket_id,
    workload,
    ...(random.chance(0.2) && { mode: "DEV" }),
    ...(random.chance(0.3) && { parameters: { city: "Seattle" } }),
    ...(random.chance(0.3) && { limits: random.pick(lowered) }),
    ...(artifact !== undefined && { artifact }),
  };
}

const auditOf = (run_id: string, nowMs: number) => ({
  type: "audited",
  event_id: `looked-at-${run_id}`,
  by: "somebody",
  action: "looked at it",
  run_id,
  at: isoOf(nowMs),
});

/** Tickets that must be refused, each with a sentence: none of them may ever become a run. */
function bringRefused(
  { random, meddles, send, runIds, weather }: Outside,
  refusedIds: string[],
): void {
  const refused = (n: number): object => {
    const ticket_id = `refused-${n}`;
    const [workload] = workloadNames;
    refusedIds.push(ticket_id);
    return random.pick([
      { ticket_id, workload: "no-such-workload" },
      { ticket_id, workload, limits: { iterations: 99 } },
      { ticket_id, workload, artifact: { ...foreignArtifact, content: undefined } },
      { ticket_id, workload: reviewedOnly, artifact: { inline: "print(1)" } },
      {
        ticket_id,
        workload,
        artifact: { ...reviewedArtifact, content: undefined, sha256: "0".repeat(64) },
      },
      { ticket_id, workload, compute: "mine" },
      { ticket_id, v: 2, workload },
    ]);
  };
  const atMs = (): number => START + random.between(0, weather.activeMs * 0.8);
  for (let n = 0; n < 2; n++) if (meddles(0.7)) send(atMs(), "tickets", refused(n));
  const garbage = [
    "",
    "no json",
    "[]",
    '{"ticket_id":1e400}',
    `${"[".repeat(99)}${"]".repeat(99)}`,
  ];
  for (const queue of ["tickets", "turns", "watches", "reports", "records"] as const)
    if (meddles(0.3)) send(atMs(), queue, random.pick(garbage));
  const by = { reason: "why not", by: "somebody" };
  const malformed = { type: "cancel", run_id: random.pick(runIds), chapter: 0, ...by };
  if (meddles(0.3)) send(atMs(), "tickets", malformed);
  const nobody = { run_id: "nobody", chapter: 1, iter_n: 1, attempt: 1 };
  if (meddles(0.3)) send(atMs(), "turns", turnOf(nobody, { ticket: true }));
  if (meddles(0.3))
    send(atMs(), "reports", endedOf({ ...nobody, run_id: random.pick(runIds), iter_n: 9 }));
}

/** What people do because of what they see. */
function watchAndMeddle(outside: Outside): void {
  const { clock, random, databricks, files, send, soonMs, meddles } = outside;
  const isFaulty = (): boolean => clock.nowMs() < outside.weather.faultsEndMs;
  databricks.onStart.push((run) => {
    if (!isFaulty()) return;
    const { run_id } = run.key;
    if (meddles(0.16)) send(soonMs(), "tickets", outside.cancelOf(run_id, run.chapter));
  });
  files.onFact.push(({ ref, fact }) => {
    if (!isFaulty()) return;
    const at = fact as OutcomeFact;
    // Just then, when a plan is on its way to become a run.
    const { run_id, chapter } = at;
    if (ref.kind === "manifest" && meddles(outside.weather.isFaulty ? 0.25 : 0.5))
      send(clock.nowMs(), "tickets", outside.cancelOf(run_id, chapter));
  });
  files.onFact.push(({ ref, fact }) => {
    if (ref.kind !== "outcome" || !isFaulty()) return;
    const { run_id, chapter } = fact as OutcomeFact;
    if (meddles(0.3)) send(soonMs(), "tickets", outside.cancelOf(run_id, chapter));
    if (meddles(0.3))
      send(
        clock.nowMs() + random.between(0, 2 * HOUR),
        "tickets",
        outside.cancelOf(run_id, chapter),
      );
    if (chapter < CHAPTERS_MAX && meddles(0.5))
      for (let n = 1 + random.below(3); n > 0; n--)
        send(soonMs(), "tickets", outside.retryOf(run_id, chapter + 1));
  });
}

/** What is done in Databricks itself, and reports that come too early: before a refusal is old enough to be believed. */
function watchByHand(outside: Outside): void {
  const { clock, random, databricks, files, send, meddles } = outside;
  const isFaulty = (): boolean => clock.nowMs() < outside.weather.faultsEndMs;
  databricks.onStart.push((run) => {
    if (!isFaulty()) return;
    if (meddles(0.06)) clock.after(random.between(0, HOUR), () => databricks.cancelByHand(run));
    if (meddles(0.25)) repairLater(outside, run);
  });
  files.onFact.push(({ ref, fact }) => {
    if (isFaulty() && ref.kind === "submission" && "refused" in fact && random.chance(0.6))
      send(clock.nowMs(), "reports", endedOf(fact));
  });
}

/** Once it is over; sometimes at once, sometimes when it has long been decided. */
function repairLater({ clock, databricks, soonMs, weather }: Outside, run: Run): void {
  if (!Number.isFinite(run.endMs)) return;
  const afterMs = soonMs() - clock.nowMs();
  clock.at(run.endMs + afterMs, () => {
    if (clock.nowMs() < weather.faultsEndMs) databricks.repairByHand(run);
  });
}

/** A message that no service sent: made up, or edited in a replay. */
function forge({ random, databricks, send, clock }: Outside, run_id: string): void {
  const last = databricks.runs.findLast((run) => run.key.run_id === run_id);
  const madeUp = { run_id, iter_n: 1 + random.below(3), attempt: 1 + random.below(2) };
  const at = { ...(random.chance(0.7) && last ? last.key : madeUp), chapter: 1 + random.below(2) };
  const by: AskedBy = random.pick([
    { ticket: true },
    { iter_n: Math.max(1, at.iter_n - 1), attempt: 1 },
    { iter_n: at.iter_n, attempt: Math.max(1, at.attempt - 1) },
    { retry: 2 },
  ]);
  const nowMs = clock.nowMs();
  const x = random.next();
  if (x < 0.35) send(nowMs, "reports", endedOf(at));
  else if (x < 0.65) send(nowMs, "turns", turnOf(at, by));
  else if (x < 0.85 && last !== undefined) send(nowMs, "watches", forgedWatch(random, last, nowMs));
  else send(nowMs, "records", recordOf(at, random.pick(["outcome", "decision", "submission"])));
}

/** Its deadline has passed, or never will; its number is higher than any; its chapter or its run is another. */
const forgedWatch = (random: Random, run: Run, nowMs: number) => ({
  ...watchOf(
    {
      ...run.key,
      chapter: random.chance(0.8) ? run.chapter : 1 + random.below(3),
      databricks_run_id: random.chance(0.9) ? run.id : "1",
      submitted_at: isoOf(run.startedMs),
      deadline: isoOf(random.pick([START, START, nowMs + 48 * HOUR, END_OF_TIME])),
    },
    random.pick([0, 0, 1_000, Number.MAX_SAFE_INTEGER]),
  ),
});
const END_OF_TIME = 253_402_300_799_000;

/** Dead letters are put back, and messages of long ago are sent again. */
function replay({ clock, random, weather, sqs, trace, awakeAtMs }: Outside): void {
  const redrive = (only?: QueueName): void => {
    for (const letter of sqs.letters.splice(0)) {
      if (only !== undefined && letter.queue !== only) {
        sqs.letters.push(letter);
        continue;
      }
      trace.say(() => `↺ somebody puts a dead letter back on ${letter.queue}`);
      sqs.send(letter.queue, letter.body, { traceparent: letter.traceparent });
    }
  };
  /** Nobody replays anything while everything is off; they do it afterwards. */
  const someday = (replaying: () => void): void => {
    clock.at(random.between(START + MINUTE, weather.faultsEndMs), () => {
      if (clock.nowMs() >= awakeAtMs()) return replaying();
      clock.at(awakeAtMs() + random.between(0, 2 * HOUR), replaying);
    });
  };
  for (let n = random.below(6); n > 0; n--) someday(() => redrive());
  for (let n = random.below(12); n > 0; n--)
    someday(() => {
      if (sqs.archive.length === 0) return;
      const { queue, body, traceparent } = random.pick(sqs.archive);
      sqs.send(queue, body, { traceparent });
    });
  // Afterwards people care for tickets only; the sweep does the rest.
  const last = (): void => {
    const atMs = weather.faultsEndMs + 10 * MINUTE;
    if (clock.nowMs() < atMs) clock.at(atMs, last);
    else redrive("tickets");
  };
  last();
}

/** What a message says, whatever the order of its keys; without what changes while it waits or is sent on. */
function withoutTries(body: string): string {
  try {
    const value = JSON.parse(body) as object;
    return canonical({ ...value, tries: 0, looks: 0, number: 0, touched_at: "", said: "" });
  } catch {
    return body;
  }
}

const canonical = (message: object): string =>
  JSON.stringify(Object.entries(message).toSorted(([x], [y]) => (x < y ? -1 : 1)));
