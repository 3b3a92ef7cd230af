// People who make up messages, edit them, or send old ones again.
import { type AskedBy, endedOf, recordOf, turnOf, watchOf } from "../../shared/domain/messages.ts";
import { isoOf } from "../../shared/domain/time.ts";
import type { QueueName } from "../../shared/topology.ts";
import { HOUR, MINUTE, START } from "./clock.ts";
import type { Outside } from "./outside.ts";
import type { Random } from "./random.ts";
import type { Run } from "./runs.ts";
import { engineers } from "./senders.ts";

/** A message that no service sent: made up, or edited in a replay. */
export function forge({ random, databricks, send, clock }: Outside, run_id: string): void {
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
  else {
    const of = random.pick(["outcome", "decision", "submission"] as const);
    // As if it had been announced, which nobody but our own ingester can know.
    const announced = of === "outcome" && random.chance(0.5);
    send(nowMs, "records", { ...recordOf(at, of), announced });
  }
}

/**
 * Its deadline has passed, or never will; its number is higher than any; its chapter or its run is
 * another.
 */
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
export function replay({ clock, random, weather, sqs, trace, awakeAtMs }: Outside): void {
  const redrive = (only?: QueueName): void => {
    for (const letter of sqs.letters.splice(0)) {
      if (only !== undefined && letter.queue !== only) {
        sqs.letters.push(letter);
        continue;
      }
      trace.say(() => `↺ somebody puts a dead letter back on ${letter.queue}`);
      const { traceparent, sentBy, firstBy } = letter;
      const sender = random.pick(engineers);
      sqs.send(letter.queue, letter.body, { sender, traceparent, by: sentBy, firstBy });
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
      const { queue, body, traceparent, sentBy } = random.pick(sqs.archive);
      sqs.send(queue, body, { sender: random.pick(engineers), traceparent, by: sentBy });
    });
  // Afterwards people care for tickets only; the sweep does the rest.
  const last = (): void => {
    const atMs = weather.faultsEndMs + 10 * MINUTE;
    if (clock.nowMs() < atMs) clock.at(atMs, last);
    else redrive("tickets");
  };
  last();
}
