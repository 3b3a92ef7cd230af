// The tickets of a world: proper ones, others under an id that is taken, and all kinds that must be
// refused.
import { endedOf, turnOf } from "../../shared/domain/messages.ts";
import { isoOf } from "../../shared/domain/time.ts";
import { START } from "./clock.ts";
import type { Outside } from "./outside.ts";
import type { Random } from "./random.ts";
import { odd } from "./results.ts";
import {
  foreignArtifact,
  maintenanceArtifact,
  reviewedArtifact,
  reviewedOnly,
  workloadNames,
} from "./workloads.ts";

/** What makes a ticket another one. */
export const others = [
  { parameters: { other: 1 } },
  { limits: { iterations: 2 } },
  { artifact: { inline: "print(2)" }, workload: "fit-model" },
];

const lowered = [
  { attempts: 1 },
  { iterations: 1, attempts: 1 },
  { timeout_seconds: 900, queue_seconds: 300 },
];

export function drawTicket(random: Random, ticket_id: string): object {
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
    ...(random.chance(0.3) && {
      parameters: { city: "Seattle", ...(workload !== reviewedOnly && odd) },
    }),
    ...(random.chance(0.3) && { limits: random.pick(lowered) }),
    ...(artifact !== undefined && { artifact }),
  };
}

export const auditOf = (run_id: string, nowMs: number) => ({
  type: "audited",
  event_id: `looked-at-${run_id}`,
  action: "looked at it",
  run_id,
  at: isoOf(nowMs),
});

/** Tickets that must be refused, each with a sentence: none of them may ever become a run. */
export function bringRefused(
  { random, meddles, send, runIds, weather }: Outside,
  refusedIds: string[],
): void {
  const refused = (n: number): object | string => {
    const ticket_id = `refused-${n}`;
    const [workload] = workloadNames;
    refusedIds.push(ticket_id);
    return random.pick([
      { ticket_id, workload: "no-such-workload" },
      { ticket_id, workload, limits: { iterations: 99 } },
      { ticket_id, workload, artifact: { ...foreignArtifact, content: undefined } },
      { ticket_id, workload, artifact: { ...maintenanceArtifact, content: undefined } },
      { ticket_id, workload: reviewedOnly, artifact: { inline: "print(1)" } },
      { ticket_id, workload: reviewedOnly, parameters: { ciyt: "Seattle" } },
      { ticket_id, workload: reviewedOnly, parameters: { city: 7 } },
      // What a number cannot hold is not rounded, whatever its sign.
      `{"ticket_id":"${ticket_id}","workload":"${workload}","parameters":{"n":-9007199254740993}}`,
      `{"ticket_id":"${ticket_id}","workload":"${workload}","parameters":{"n":-1e-400}}`,
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
  for (const queue of ["tickets", "orders", "turns", "watches", "reports", "records"] as const)
    if (meddles(0.3)) send(atMs(), queue, random.pick(garbage));
  const malformed = { type: "cancel", run_id: random.pick(runIds), chapter: 0, reason: "why not" };
  if (meddles(0.3)) send(atMs(), "orders", malformed);
  const nobody = { run_id: "nobody", chapter: 1, iter_n: 1, attempt: 1 };
  if (meddles(0.3)) send(atMs(), "turns", turnOf(nobody, { ticket: true }));
  if (meddles(0.3))
    send(atMs(), "reports", endedOf({ ...nobody, run_id: random.pick(runIds), iter_n: 9 }));
}
