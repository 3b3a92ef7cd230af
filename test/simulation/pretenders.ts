// People who order by the wrong queue, in a false name, or too early; and messages that one of our
// own functions had waiting on the queue of tickets when orders moved to a queue of their own.
import { isoOf } from "../../shared/domain/time.ts";
import type { QueueName } from "../../shared/topology.ts";
import { HOUR, MINUTE, START } from "./clock.ts";
import type { Outside, Sender } from "./outside.ts";
import { CLAIMED, engineers, ownSender, pretenders, producers } from "./senders.ts";

export function pretend(outside: Outside): void {
  const { random, weather, meddles, send, sqs, clock, runIds } = outside;
  const someday = (): number => START + random.between(0, weather.activeMs * 0.8);
  const anOrder = (): object => {
    const run_id = random.pick(runIds);
    return random.chance(0.6)
      ? outside.cancelOf(run_id, 1 + random.below(2))
      : outside.retryOf(run_id, 2);
  };
  // Whoever sends tickets would like to stop and reopen other people's runs.
  for (let n = random.below(4); n > 0; n--)
    if (meddles(0.7)) send(someday(), "tickets", anOrder(), { sender: random.pick(producers) });
  // Whoever got the right to order is whom SQS says, also with our functions' session names, and
  // with attributes of their own.
  for (let n = random.below(4); n > 0; n--)
    if (meddles(0.7)) send(someday(), random.pick(["orders", "tickets"]), anOrder(), claiming());
  // Notes of what nobody did, and of what somebody else did.
  for (let n = random.below(3); n > 0; n--) {
    const note = noteOf(`made-up-${n}`, someday());
    const queue: QueueName = random.chance(0.7) ? "records" : "orders";
    if (meddles(0.7)) send(someday(), queue, note, claiming());
  }
  // Before there is anything that could be stopped; and for what there never is.
  if (meddles(0.5)) send(START, "orders", outside.cancelOf(random.pick(runIds), 1));
  if (meddles(0.5)) send(someday(), "orders", outside.cancelOf("never-sent", 1));
  if (meddles(0.3)) send(someday(), "orders", outside.cancelOf(random.pick(runIds), 3));
  if (meddles(0.3)) {
    const by = random.pick(engineers);
    const order = { ...outside.cancelOf(random.pick(runIds), 1), by, tries: 1 };
    const waiting = { sender: ownSender({ service: "orchestrator" }) };
    clock.at(START + random.between(0, 2 * HOUR), () =>
      sqs.send("tickets", JSON.stringify(order), waiting),
    );
  }

  function claiming(): Sender {
    return {
      sender: random.pick(pretenders),
      ...(random.chance(0.7) && { by: random.pick([CLAIMED, ownSender({ service: "ingester" })]) }),
      ...(random.chance(0.3) && { firstBy: CLAIMED }),
    };
  }
}

const noteOf = (event_id: string, atMs: number) => ({
  type: "audited",
  event_id,
  by: CLAIMED,
  action: "gave everybody the day off",
  at: isoOf(atMs + MINUTE),
});
