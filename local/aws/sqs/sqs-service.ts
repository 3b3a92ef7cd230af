// SQS as an AwsService: queues over the message store, with long polls, redrive and batches.
import * as z from "zod";
import { AwsError, type AwsService } from "../aws-json-server.ts";
import type { Principal } from "../principals.ts";
import { ACCOUNT_ID, type QueueShape, queueArn } from "../queue-shape.ts";
import { type MessageStore, openMessageStore, type StoredMessage } from "./message-store.ts";
import {
  type Attributes,
  between,
  type CheckedMessage,
  checkBatchBytes,
  checkedSend,
  entriesOf,
  md5,
  md5OfAttributes,
  sqsError,
  VISIBILITY_SECONDS_MAX,
} from "./rules.ts";

export type Sqs = Disposable & {
  readonly service: AwsService;
  readonly store: MessageStore;
  /** Puts a message on a queue, as a service of AWS does that may. */
  readonly put: (queue: string, body: string) => void;
  /** Makes a queue; one of that name stays with its messages, and takes the new shape. */
  readonly create: (queue: QueueShape) => void;
};

export type SqsOptions = {
  /** The file of the messages; absent: they are gone with the process. */
  readonly file?: string | undefined;
  /** Where the queues are found, once it is known: `http://127.0.0.1:<port>`. */
  readonly endpoint: () => string;
};

const LONG_POLL_SECONDS_MAX = 20;
const RECEIVE_MAX = 10;
// A waiting poll looks again at least this often: a message's visibility may have been changed.
const LOOK_AGAIN_MS = 1_000;

export function createSqs({ file, endpoint }: SqsOptions): Sqs {
  const store = openMessageStore(file);
  const queues = new Map<string, QueueShape>();
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const each of waiting) each();
  };
  const context: Context = { store, queues, endpoint, wake, waiting };
  return {
    store,
    put: (queue, body) => {
      store.send(queue, { body, attributes: "{}", senderId: "events", delaySeconds: 0 });
      wake();
    },
    create: (queue) => void queues.set(queue.name, queue),
    service: {
      name: "SQS",
      targetPrefix: "AmazonSQS",
      signingName: "sqs",
      wire: "sqs",
      operations: operationsOf(context),
    },
    [Symbol.dispose]: () => {
      wake();
      store[Symbol.dispose]();
    },
  };
}

type Context = {
  readonly store: MessageStore;
  readonly queues: Map<string, QueueShape>;
  readonly endpoint: () => string;
  /** Lets every waiting poll look again. */
  readonly wake: () => void;
  readonly waiting: Set<() => void>;
};
type Input = Readonly<Record<string, unknown>>;

const operationsOf = (context: Context): AwsService["operations"] => ({
  ...messageOperations(context),
  ...queueOperations(context),
});

type Act<Answer> = (
  queue: QueueShape,
  input: Input,
  caller: Principal,
  signal: AbortSignal,
) => Answer;

/** An operation on one queue, which must exist and be allowed to the caller. */
const on =
  <Answer>({ queues }: Context, action: string, act: Act<Answer>) =>
  (input: Input, caller: Principal, signal: AbortSignal): Answer => {
    const name = nameIn(input);
    allow(caller, action, name);
    const queue = queues.get(name);
    if (queue === undefined)
      throw sqsError("QueueDoesNotExist", "The specified queue does not exist.");
    return act(queue, input, caller, signal);
  };

function messageOperations(context: Context): AwsService["operations"] {
  const { store, wake } = context;
  const of = <Answer>(action: string, act: Act<Answer>) => on(context, action, act);
  const hide = (queue: QueueShape, input: Input) => {
    const given = input["VisibilityTimeout"];
    const seconds = between("VisibilityTimeout", given, VISIBILITY_SECONDS_MAX);
    store.hide(queue.name, receiptIn(input), seconds ?? 0);
    wake();
    return {};
  };
  const remove = (queue: QueueShape, input: Input) => {
    store.remove(queue.name, receiptIn(input));
    return {};
  };
  return {
    SendMessage: of("SendMessage", (queue, input, caller) =>
      send(context, queue, checkedSend(input), caller),
    ),
    SendMessageBatch: of("SendMessage", (queue, input, caller) => {
      const entries = entriesOf(input["Entries"]).map(({ Id, ...entry }) => ({
        Id,
        message: checkedSend(entry),
      }));
      checkBatchBytes(entries.map(({ message }) => message));
      return each(entries, ({ message }) => send(context, queue, message, caller));
    }),
    ReceiveMessage: of("ReceiveMessage", (queue, input, _caller, signal) =>
      receive(context, queue, input, signal),
    ),
    DeleteMessage: of("DeleteMessage", remove),
    DeleteMessageBatch: of("DeleteMessage", (queue, input) =>
      each(entriesOf(input["Entries"]), (entry) => remove(queue, entry)),
    ),
    ChangeMessageVisibility: of("ChangeMessageVisibility", hide),
    ChangeMessageVisibilityBatch: of("ChangeMessageVisibility", (queue, input) =>
      each(entriesOf(input["Entries"]), (entry) => hide(queue, entry)),
    ),
  };
}

function queueOperations(context: Context): AwsService["operations"] {
  const { store, queues, endpoint } = context;
  const of = <Answer>(action: string, act: Act<Answer>) => on(context, action, act);
  const urlOf = (name: string) => `${endpoint()}/${ACCOUNT_ID}/${name}`;
  return {
    PurgeQueue: of("PurgeQueue", ({ name }) => store.purge(name)),
    DeleteQueue: of("DeleteQueue", ({ name }) => {
      store.purge(name);
      queues.delete(name);
    }),
    GetQueueUrl: of("GetQueueUrl", ({ name }) => ({ QueueUrl: urlOf(name) })),
    GetQueueAttributes: of("GetQueueAttributes", (queue, input) => ({
      Attributes: chosen(attributesOf(context, queue), input["AttributeNames"]),
    })),
    ListQueues: (input, caller) => {
      allow(caller, "ListQueues", "");
      const prefix = String(input["QueueNamePrefix"] ?? "");
      return { QueueUrls: [...queues.keys()].filter((name) => name.startsWith(prefix)).map(urlOf) };
    },
    CreateQueue: (input, caller) => {
      const name = nameIn(input);
      allow(caller, "CreateQueue", name);
      if (!queues.has(name)) queues.set(name, shapeOf(name, input["Attributes"]));
      return { QueueUrl: urlOf(name) };
    },
  };
}

function send(
  { store, wake }: Context,
  queue: QueueShape,
  { body, attributes, delay = 0 }: CheckedMessage,
  { senderId }: Principal,
) {
  const text = JSON.stringify(attributes);
  const id = store.send(queue.name, { body, attributes: text, senderId, delaySeconds: delay });
  wake();
  const digest = md5OfAttributes(attributes);
  return {
    MessageId: id,
    MD5OfMessageBody: md5(body),
    ...(digest !== undefined && { MD5OfMessageAttributes: digest }),
  };
}

/** @throws AwsError if the caller's policies do not allow it */
function allow(caller: Principal, operation: string, on: string): void {
  if (caller.may({ action: `sqs:${operation}`, on })) return;
  const message = `User: ${caller.name} is not authorized to perform: sqs:${operation.toLowerCase()} on resource: ${queueArn(on)}`;
  throw new AwsError("AccessDenied", message, 403);
}

const nameIn = (input: Input): string =>
  typeof input["QueueName"] === "string"
    ? input["QueueName"]
    : (String(input["QueueUrl"] ?? "")
        .split("/")
        .at(-1) ?? "");

const receiptIn = (input: Input): string => {
  const receipt = input["ReceiptHandle"];
  if (typeof receipt === "string" && receipt !== "") return receipt;
  throw sqsError("ReceiptHandleIsInvalid", "The input receipt handle is invalid.");
};

const NewQueue = z.record(z.string(), z.string()).catch({});
const Redrive = z.object({ deadLetterTargetArn: z.string(), maxReceiveCount: z.coerce.number() });

function shapeOf(name: string, given: unknown): QueueShape {
  const attributes = NewQueue.parse(given ?? {});
  const redrive = Redrive.safeParse(JSON.parse(attributes["RedrivePolicy"] ?? "null"));
  return {
    name,
    visibilitySeconds: Number(attributes["VisibilityTimeout"] ?? 30),
    retentionSeconds: Number(attributes["MessageRetentionPeriod"] ?? 4 * 24 * 3600),
    ...(redrive.success && {
      deadLetters: {
        name: redrive.data.deadLetterTargetArn.split(":").at(-1) ?? "",
        receivesMax: redrive.data.maxReceiveCount,
      },
    }),
  };
}

/** Each entry by itself: what one of them lacks is no fault of the others. */
function each<Entry extends { readonly Id: string }>(
  entries: readonly Entry[],
  act: (entry: Entry) => object,
) {
  const Successful: object[] = [];
  const Failed: object[] = [];
  for (const entry of entries)
    try {
      Successful.push({ Id: entry.Id, ...act(entry) });
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      Failed.push({ Id: entry.Id, SenderFault: true, Code: error.code, Message: error.message });
    }
  return { Successful, Failed };
}

async function receive(context: Context, queue: QueueShape, input: Input, signal: AbortSignal) {
  const { store } = context;
  const count = between("MaxNumberOfMessages", input["MaxNumberOfMessages"], RECEIVE_MAX, 1) ?? 1;
  const seconds =
    between("VisibilityTimeout", input["VisibilityTimeout"], VISIBILITY_SECONDS_MAX) ??
    queue.visibilitySeconds;
  const wait = between("WaitTimeSeconds", input["WaitTimeSeconds"], LONG_POLL_SECONDS_MAX) ?? 0;
  const endsMs = Date.now() + wait * 1000;
  for (;;) {
    // A caller that is gone takes nothing: a message that no one receives would stay hidden.
    if (signal.aborted) return {};
    store.expire(queue.name, queue.retentionSeconds);
    if (queue.deadLetters !== undefined)
      store.putAside(queue.name, queue.deadLetters.receivesMax, queue.deadLetters.name);
    const messages = store.receive(queue.name, count, seconds);
    if (messages.length > 0) return { Messages: messages.map((each) => shown(each, input)) };
    const leftMs = endsMs - Date.now();
    if (leftMs <= 0) return {};
    const nextMs = (store.nextVisibleMs(queue.name) ?? Number.POSITIVE_INFINITY) - Date.now();
    await moment(context, Math.max(1, Math.min(leftMs, nextMs, LOOK_AGAIN_MS)), signal);
  }
}

/** Ends at the next message to any queue, after the time, or when the caller is gone. */
async function moment({ waiting }: Context, ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  waiting.add(resolve);
  signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
  waiting.delete(resolve);
  clearTimeout(timer);
}

function shown(message: StoredMessage, input: Input) {
  const all: Attributes = JSON.parse(message.attributes);
  const wanted = Object.fromEntries(
    Object.entries(all).filter(([name]) => isWanted(name, input["MessageAttributeNames"])),
  );
  const digest = md5OfAttributes(wanted);
  const system = {
    SenderId: message.senderId,
    SentTimestamp: String(message.sentMs),
    ApproximateReceiveCount: String(message.receives),
    ApproximateFirstReceiveTimestamp: String(message.firstReceivedMs),
    ...(message.deadLetterOf !== "" && {
      DeadLetterQueueSourceArn: queueArn(message.deadLetterOf),
    }),
  };
  const names = input["MessageSystemAttributeNames"] ?? input["AttributeNames"];
  return {
    MessageId: message.id,
    ReceiptHandle: message.receipt,
    MD5OfBody: md5(message.body),
    Body: message.body,
    ...(names !== undefined && { Attributes: chosen(system, names) }),
    ...(digest !== undefined && { MessageAttributes: wanted, MD5OfMessageAttributes: digest }),
  };
}

/** `All`, `.*`, a name, or the beginning of one: `trace.*`. */
const isWanted = (name: string, wanted: unknown): boolean =>
  Array.isArray(wanted) &&
  wanted.some(
    (each) =>
      each === "All" ||
      each === name ||
      (typeof each === "string" && each.endsWith(".*") && name.startsWith(each.slice(0, -2))),
  );

function chosen(all: Readonly<Record<string, string>>, names: unknown) {
  const wanted = Array.isArray(names) ? names : [];
  return Object.fromEntries(
    Object.entries(all).filter(([name]) => wanted.includes("All") || wanted.includes(name)),
  );
}

function attributesOf({ store }: Context, queue: QueueShape): Readonly<Record<string, string>> {
  store.expire(queue.name, queue.retentionSeconds);
  const { visible, inFlight, delayed } = store.depth(queue.name);
  return {
    QueueArn: queueArn(queue.name),
    ApproximateNumberOfMessages: String(visible),
    ApproximateNumberOfMessagesNotVisible: String(inFlight),
    ApproximateNumberOfMessagesDelayed: String(delayed),
    VisibilityTimeout: String(queue.visibilitySeconds),
    MessageRetentionPeriod: String(queue.retentionSeconds),
    DelaySeconds: "0",
    MaximumMessageSize: String(1024 * 1024),
    ReceiveMessageWaitTimeSeconds: "0",
    SqsManagedSseEnabled: "true",
    ...(queue.deadLetters !== undefined && {
      RedrivePolicy: JSON.stringify({
        deadLetterTargetArn: queueArn(queue.deadLetters.name),
        maxReceiveCount: queue.deadLetters.receivesMax,
      }),
    }),
  };
}
