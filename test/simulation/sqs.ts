// SQS and its event source mappings: at least once, in no order, in batches; invisible while
// somebody handles a message, visible again where nobody said that it was done, and a dead letter
// after so many receives. All numbers come from the topology.
import type { SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import { TOUCH_LOOKS, TOUCH_SECONDS } from "../../shared/domain/marker.ts";
import type { Watch } from "../../shared/domain/messages.ts";
import { msOf } from "../../shared/domain/time.ts";
import type { DeadLetter } from "../../shared/ports.ts";
import {
  FIRST_BY,
  type QueueName,
  retentionSeconds,
  SENT_BY,
  topology,
} from "../../shared/topology.ts";
import { HOUR, SECOND, type VirtualClock } from "./clock.ts";
import type { Ended, Fleet } from "./fleet.ts";
import { parsed } from "./parsed.ts";
import type { Caller } from "./port-call.ts";
import type { Random } from "./random.ts";
import { isReadable } from "./readable.ts";
import type { Trace } from "./trace.ts";
import type { Weather } from "./weather.ts";

export type Message = {
  readonly id: string;
  readonly queue: QueueName;
  readonly body: string;
  readonly traceparent: string | undefined;
  /** Who sent it, by SQS' word; and what its attributes say of who sent it before. */
  readonly sender: string;
  readonly sentBy: string | undefined;
  readonly firstBy: string | undefined;
  readonly sentMs: number;
  receives: number;
  isGone: boolean;
};
export type Letter = {
  readonly queue: QueueName;
  readonly body: string;
  readonly traceparent: string | undefined;
  /**
   * Who had sent it, as its attributes say: of those that SQS puts aside, whatever came with them.
   */
  readonly sentBy: string | undefined;
  readonly firstBy: string | undefined;
  readonly by: "handler" | "sqs";
  readonly reason: string;
};
type Sending = {
  readonly delaySeconds?: number | undefined;
  readonly traceparent?: string | undefined;
  /** Who sends it. */
  readonly sender: string;
  /** The attributes that speak of somebody else. */
  readonly by?: string | undefined;
  readonly firstBy?: string | undefined;
  /** Absent for people: what they send is not lost on the way, they would have seen an error. */
  readonly caller?: Caller;
};

export type Sqs = {
  readonly send: (queue: QueueName, body: string, sending: Sending) => void;
  readonly letters: Letter[];
  /** A handler says that a message is poison. */
  readonly addLetter: (queue: QueueName, letter: DeadLetter) => void;
  /** What SQS itself gave up, ever; letters are those that nobody has put back. */
  readonly died: readonly Letter[];
  /** Whatever ever was a dead letter. */
  readonly everLettered: readonly Letter[];
  readonly onLetter: ((letter: Letter) => void)[];
  readonly live: ReadonlySet<Message>;
  /** Every body that was ever sent, for those who replay old ones. */
  readonly archive: readonly Archived[];
  readonly onSend: ((queue: QueueName, body: string, sending: Sending) => void)[];
  readonly onArrival: ((message: Message) => void)[];
  /** Its handler says that it is done, and had it since then. */
  readonly onDone: ((message: Message, deliveredMs: number) => void)[];
  readonly onGone: ((message: Message) => void)[];
};

type Archived = {
  readonly queue: QueueName;
  readonly body: string;
  readonly traceparent: string | undefined;
  readonly sentBy: string | undefined;
};

type Deps = {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly weather: Weather;
  readonly trace: Trace;
  readonly fleet: () => Fleet;
  /** When pollers work again; now, if they do. */
  readonly awakeAtMs: () => number;
};

/** Where lost messages of services are nobody's to send again. */
const PEOPLES: ReadonlySet<QueueName> = new Set(["tickets", "orders"]);

type Source = { readonly ready: Message[]; busy: number; isPolling: boolean };

export function createSqs(deps: Deps): Sqs {
  const { clock, random, weather, trace } = deps;
  const sources = Object.fromEntries(
    Object.keys(topology).map((queue) => [queue, { ready: [], busy: 0, isPolling: false }]),
  ) as unknown as Record<QueueName, Source>;
  const died: Letter[] = [];
  const everLettered: Letter[] = [];
  const sqs: Sqs & { live: Set<Message>; archive: Archived[] } = {
    send,
    letters: [],
    addLetter: (queue, { body, reason, traceparent, by: firstBy }) =>
      addLetter({ queue, body, traceparent, sentBy: undefined, firstBy, by: "handler", reason }),
    onLetter: [],
    everLettered,
    died,
    live: new Set(),
    archive: [],
    onSend: [],
    onArrival: [],
    onDone: [],
    onGone: [],
  };
  let ids = 0;
  return sqs;

  function isFaulty(): boolean {
    return weather.isFaulty && clock.nowMs() < weather.faultsEndMs;
  }

  function send(queue: QueueName, body: string, sending: Sending): void {
    const { caller, traceparent, sender, by: sentBy, firstBy } = sending;
    const attributes = { traceparent, sender, sentBy, firstBy };
    sqs.archive.push({ queue, body, traceparent, sentBy });
    for (const listener of sqs.onSend) listener(queue, body, sending);
    const isLost =
      caller !== undefined && !PEOPLES.has(queue) && isFaulty() && random.chance(weather.lost);
    if (isLost) {
      trace.say(() => `   ${queue} loses ${body}`);
      return;
    }
    const extraMs = random.between(0, isFaulty() ? weather.delayMsMax : SECOND);
    const delayMs = (sending.delaySeconds ?? 0) * SECOND + extraMs;
    arriveIn(delayMs, queue, body, attributes);
    if (
      isFaulty() &&
      random.chance(weather.twinned) &&
      touchesAt(clock.nowMs() + delayMs, queue, body)
    )
      arriveIn(delayMs, queue, body, attributes);
    // A copy of its own, now and then much later: redelivery by SQS, or a sender's retry.
    if (isFaulty() && random.chance(weather.duplicated))
      arriveIn(delayMs + copyDelayMs(), queue, body, attributes);
  }

  /**
   * At the same moment, so that two handle it at once; or soon; or when nobody thinks of it any
   * more.
   */
  function copyDelayMs(): number {
    if (random.chance(0.6)) return random.between(0, SECOND);
    return random.chance(0.4) ? random.between(0, 2 * HOUR) : random.between(0, weather.delayMsMax);
  }

  function arriveIn(
    delayMs: number,
    queue: QueueName,
    body: string,
    attributes: Pick<Message, "traceparent" | "sender" | "sentBy" | "firstBy">,
  ): void {
    const id = `m${++ids}`;
    const sentMs = clock.nowMs();
    const message = { id, queue, body, ...attributes, sentMs, receives: 0, isGone: false };
    sqs.live.add(message);
    for (const listener of sqs.onArrival) listener(message);
    clock.after(delayMs, () => show(message));
  }

  function show(message: Message): void {
    if (message.isGone) return;
    sources[message.queue].ready.push(message);
    poke(message.queue);
  }

  /**
   * The mapping's pollers see that something is there: after the batch window, or when they are
   * let.
   */
  function poke(queue: QueueName): void {
    const source = sources[queue];
    if (source.isPolling || source.ready.length === 0) return;
    source.isPolling = true;
    const holdMs =
      (isFaulty() ? random.between(0, weather.holdMsMax) : random.between(0, SECOND)) +
      (queue === "records"
        ? random.between(weather.recordsHoldMsMax / 2, weather.recordsHoldMsMax)
        : 0);
    const windowMs = topology[queue].windowSeconds * SECOND;
    clock.at(Math.max(deps.awakeAtMs(), clock.nowMs() + windowMs + holdMs), () => {
      source.isPolling = false;
      if (deps.awakeAtMs() > clock.nowMs()) return poke(queue);
      poll(queue);
    });
  }

  function poll(queue: QueueName): void {
    const source = sources[queue];
    while (source.ready.length > 0 && source.busy < topology[queue].concurrencyMax) {
      const batch = takeBatch(queue);
      if (batch.length > 0) hand(queue, batch);
    }
  }

  /** Some of those that are there, in no order. */
  function takeBatch(queue: QueueName): readonly Message[] {
    const { ready } = sources[queue];
    const batch: Message[] = [];
    while (ready.length > 0 && batch.length < topology[queue].batchSize) {
      const i = random.below(ready.length);
      const message = ready[i]!;
      ready[i] = ready.at(-1)!;
      ready.pop();
      if (!message.isGone && receive(message)) batch.push(message);
    }
    return batch;
  }

  function receive(message: Message): boolean {
    if (clock.nowMs() - message.sentMs > retentionSeconds.source * SECOND) {
      trace.say(() => `   ${message.queue} forgets ${message.id}: it is too old`);
      gone(message);
      return false;
    }
    message.receives++;
    if (message.receives > topology[message.queue].receivesMax) {
      addLetter({ ...message, by: "sqs", reason: "received too often" });
      gone(message);
      return false;
    }
    clock.after(topology[message.queue].visibilitySeconds * SECOND, () => show(message));
    return true;
  }

  function hand(queue: QueueName, batch: readonly Message[]): void {
    const source = sources[queue];
    source.busy++;
    for (const { id, receives, body } of batch) {
      trace.mix(batch.length, receives);
      trace.say(() => `→ ${queue} ${id}${receives > 1 ? ` (receive ${receives})` : ""} ${body}`);
    }
    const deliveredMs = clock.nowMs();
    deps.fleet().deliver(queue, eventOf(queue, batch), (ended) => {
      source.busy--;
      for (const message of handled(batch, ended)) {
        for (const listener of sqs.onDone) listener(message, deliveredMs);
        // Lambda's poller deletes what was handled; where that fails, the message comes back.
        if (isFaulty() && random.chance(weather.undeleted)) continue;
        gone(message);
      }
      poke(queue);
    });
  }

  function addLetter(letter: Letter): void {
    trace.say(() => `☠ ${letter.queue} ${letter.reason}: ${letter.body}`);
    sqs.letters.push(letter);
    everLettered.push(letter);
    if (letter.by === "sqs") died.push(letter);
    for (const listener of sqs.onLetter) listener(letter);
  }

  function gone(message: Message): void {
    if (message.isGone) return;
    message.isGone = true;
    sqs.live.delete(message);
    for (const listener of sqs.onGone) listener(message);
  }
}

/** Whether the look of such a message will touch its marker, as far as the message tells. */
function touchesAt(nowMs: number, queue: QueueName, body: string): boolean {
  if (queue !== "watches" || !isReadable(queue, body)) return false;
  const { touched_at, looks, looks_then = 0 } = parsed<Watch>(body);
  if (touched_at === undefined) return true;
  return nowMs - msOf(touched_at) > TOUCH_SECONDS * SECOND || looks - looks_then >= TOUCH_LOOKS;
}

/** All but the failures that were named; none where the answer is none. */
function handled(batch: readonly Message[], ended: Ended<SQSBatchResponse>): readonly Message[] {
  if (ended.kind !== "answered") return [];
  const failures = ended.answer.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);
  // An id that nobody knows, or an empty one, makes the whole batch fail (AWS: reporting batch item
  // failures).
  const isConfused = failures.some((id) => !batch.some((message) => message.id === id));
  return isConfused ? [] : batch.filter(({ id }) => !failures.includes(id));
}

const eventOf = (queue: QueueName, batch: readonly Message[]): SQSEvent => ({
  Records: batch.map((message) => recordOf(queue, message)),
});

const attributesOf = (
  texts: Readonly<Record<string, string | undefined>>,
): SQSRecord["messageAttributes"] =>
  Object.fromEntries(
    Object.entries(texts).flatMap(([name, stringValue]) =>
      stringValue === undefined ? [] : [[name, { stringValue, dataType: "String" }]],
    ),
  );

const recordOf = (queue: QueueName, message: Message): SQSRecord => ({
  messageId: message.id,
  receiptHandle: `${message.id}/${message.receives}`,
  body: message.body,
  attributes: {
    ApproximateReceiveCount: String(message.receives),
    SentTimestamp: String(message.sentMs),
    SenderId: message.sender,
    ApproximateFirstReceiveTimestamp: String(message.sentMs),
  },
  messageAttributes: attributesOf({
    traceparent: message.traceparent,
    [SENT_BY]: message.sentBy,
    [FIRST_BY]: message.firstBy,
  }),
  md5OfBody: "",
  eventSource: "aws:sqs",
  eventSourceARN: `arn:aws:sqs:eu-central-1:000000000000:${queue}`,
  awsRegion: "eu-central-1",
});
