// Everybody outside: upstream systems, people who cancel and retry at any moment, hands in
// Databricks, forgers, and those who put dead letters and old messages back.
import type { OutcomeFact } from "../../shared/domain/facts.ts";
import { endedOf } from "../../shared/domain/messages.ts";
import { isoOf } from "../../shared/domain/time.ts";
import type { QueueName } from "../../shared/topology.ts";
import { HOUR, MINUTE, SECOND, START } from "./clock.ts";
import { forge, replay } from "./forgers.ts";
import { type Outside, type People, type PeopleDeps, retryAttempts, traceOf } from "./outside.ts";
import { pretend } from "./pretenders.ts";
import type { Random } from "./random.ts";
import { botherAncient } from "./retention.ts";
import type { Run } from "./runs.ts";
import { CLAIMED, engineers, producers } from "./senders.ts";
import { auditOf, bringRefused, drawTicket, others } from "./tickets.ts";
import type { Weather } from "./weather.ts";
import { scheduledWorkload } from "./workloads.ts";

const CHAPTERS_MAX = 3;
/** One id is the beginning of another, and looks like a marker's name. */
const ids = ["r1", "r1.1", "R-2_x"];

export function createPeople(deps: PeopleDeps): People {
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
  const runIds = [...sentIds, ...deps.elders, scheduledId];

  /** A person's message, if people still do such things then. */
  const send: Outside["send"] = (atMs, queue, message, as) => {
    if (interferes(weather) && atMs >= weather.faultsEndMs) return;
    const body = typeof message === "string" ? message : JSON.stringify(message);
    if (queue !== "tickets") foreign.add(`${queue} ${withoutTries(body)}`);
    const sender = as ?? {
      sender: random.pick(queue === "tickets" ? producers : engineers),
      traceparent: traceOfTicket(queue, body),
    };
    clock.at(atMs, () => sqs.send(queue, body, sender));
  };
  let orders = 0;
  const meddles = (share: number): boolean => random.chance(share * weather.meddling);
  const soonMs = (): number =>
    clock.nowMs() +
    (random.chance(0.5) ? random.between(0, 6 * SECOND) : random.between(0, 20 * MINUTE));
  const cancelOf = (run_id: string, chapter: number) => ({
    type: "cancel",
    run_id,
    chapter,
    reason: `no longer needed, ${++orders}`,
    ...claimOf(random),
  });
  const retryOf = (run_id: string, chapter: number) => ({
    type: "retry",
    run_id,
    chapter,
    reason: `try again, ${++orders}`,
    ...claimOf(random),
    ...(random.chance(0.3) && { limits: { attempts: random.pick(retryAttempts) } }),
  });
  const outside: Outside = { ...deps, send, meddles, soonMs, cancelOf, retryOf, runIds };

  for (const run_id of sentIds) bringTicket(outside, run_id, contestedIds, repeatedMs);
  if (interferes(weather)) watchAndMeddle(outside);
  if (weather.isFaulty) {
    bringRefused(outside, refusedIds);
    pretend(outside);
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
    // Orders are people's own, all of them: orders.ts looks after their letters.
    isForeign: (queue, body) =>
      queue === "orders" ||
      body.includes('"type":"audited"') ||
      foreign.has(`${queue} ${withoutTries(body)}`),
  };
}

const traceOfTicket = (queue: QueueName, body: string): string | undefined => {
  const id = queue === "tickets" ? /^\{"ticket_id":"([^"]+)"/.exec(body)?.[1] : undefined;
  return id === undefined ? undefined : traceOf(id);
};

/** What a body says of its sender is its sender's words. */
const claimOf = (random: Random): { readonly by?: string } =>
  random.chance(0.5) ? { by: CLAIMED } : {};

const interferes = ({ isFaulty, meddling }: Weather): boolean => isFaulty || meddling > 0;

/**
 * The same ticket, perhaps several times, perhaps cancelled before it comes, perhaps with another
 * under its id.
 */
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
  send(atMs + MINUTE, "orders", { ...auditOf(run_id, clock.nowMs()), ...claimOf(random) });
  if (!interferes(weather)) return;
  for (let n = random.below(3); n > 0; n--) {
    const againMs = atMs + random.between(0, activeMs);
    if (againMs >= weather.faultsEndMs) continue;
    repeatedMs.set(run_id, Math.max(againMs, repeatedMs.get(run_id) ?? 0));
    send(againMs, "tickets", ticket);
  }
  if (meddles(0.4))
    send(atMs + random.between(-MINUTE, activeMs / 3), "orders", outside.cancelOf(run_id, 1));
  if (meddles(0.2))
    send(atMs + random.between(0, activeMs * 0.7), "orders", outside.retryOf(run_id, 2));
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

/** What people do because of what they see. */
function watchAndMeddle(outside: Outside): void {
  const { clock, random, databricks, files, send, soonMs, meddles } = outside;
  const isFaulty = (): boolean => clock.nowMs() < outside.weather.faultsEndMs;
  databricks.onStart.push((run) => {
    if (!isFaulty()) return;
    const { run_id } = run.key;
    if (meddles(0.16)) send(soonMs(), "orders", outside.cancelOf(run_id, run.chapter));
  });
  files.onFact.push(({ ref, fact }) => {
    if (!isFaulty()) return;
    const at = fact as OutcomeFact;
    // Just then, when a plan is on its way to become a run.
    const { run_id, chapter } = at;
    if (ref.kind === "manifest" && meddles(outside.weather.isFaulty ? 0.25 : 0.5))
      send(clock.nowMs(), "orders", outside.cancelOf(run_id, chapter));
  });
  files.onFact.push(({ ref, fact }) => {
    if (ref.kind !== "outcome" || !isFaulty()) return;
    const { run_id, chapter } = fact as OutcomeFact;
    if (meddles(0.3)) send(soonMs(), "orders", outside.cancelOf(run_id, chapter));
    if (meddles(0.3))
      send(
        clock.nowMs() + random.between(0, 2 * HOUR),
        "orders",
        outside.cancelOf(run_id, chapter),
      );
    if (chapter < CHAPTERS_MAX && meddles(0.5))
      for (let n = 1 + random.below(3); n > 0; n--)
        send(soonMs(), "orders", outside.retryOf(run_id, chapter + 1));
  });
}

/**
 * What is done in Databricks itself, and reports that come too early: before a refusal is old
 * enough to be believed.
 */
function watchByHand(outside: Outside): void {
  const { clock, random, databricks, files, send, meddles } = outside;
  const isFaulty = (): boolean => clock.nowMs() < outside.weather.faultsEndMs;
  databricks.onStart.push((run) => {
    if (!isFaulty()) return;
    if (meddles(0.06)) clock.after(random.between(0, HOUR), () => databricks.cancelByHand(run));
    if (meddles(0.25)) repairLater(outside, run);
    // Somebody says that it is over while nobody may see it.
    if (run.hidden !== undefined && random.chance(0.7)) {
      const key = { ...run.key, chapter: run.chapter };
      send(clock.nowMs() + random.between(0, 2 * MINUTE), "reports", endedOf(key));
    }
  });
  files.onFact.push(({ ref, fact }) => {
    if (isFaulty() && ref.kind === "submission" && "refused" in fact && random.chance(0.6))
      send(clock.nowMs(), "reports", endedOf(fact));
  });
}

/** Once it is over; sometimes at once, sometimes when it has long been decided. */
function repairLater({ clock, databricks, soonMs, weather, random }: Outside, run: Run): void {
  if (!Number.isFinite(run.endMs)) return;
  const afterMs = soonMs() - clock.nowMs();
  clock.at(run.endMs + afterMs, () => {
    if (clock.nowMs() < weather.faultsEndMs) databricks.repairByHand(run, random.chance(0.4));
  });
}

/**
 * What a message says, whatever the order of its keys; without what changes while it waits or is
 * sent on.
 */
function withoutTries(body: string): string {
  try {
    const value = JSON.parse(body) as object;
    return canonical({
      ...value,
      tries: 0,
      looks: 0,
      number: 0,
      touched_at: "",
      said: "",
      announced: false,
    });
  } catch {
    return body;
  }
}

const canonical = (message: object): string =>
  JSON.stringify(Object.entries(message).toSorted(([x], [y]) => (x < y ? -1 : 1)));
