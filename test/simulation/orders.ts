// Checks who may order what, and in whose name: by SQS' word about the sender, whatever a body or
// an attribute says. Nothing is stopped or reopened that does not exist, and an order does not lie
// in wait.
import {
  factRef,
  type RetryFact,
  type StopFact,
  type TicketFact,
} from "../../shared/domain/facts.ts";
import type { QueueName } from "../../shared/topology.ts";
import { MINUTE } from "./clock.ts";
import type { LivenessDeps } from "./liveness-deps.ts";
import { isReadable } from "./readable.ts";
import { isOwnSender } from "./senders.ts";
import type { Letter } from "./sqs.ts";

type Content = {
  readonly type?: string;
  readonly ticket_id?: string;
  readonly run_id?: string;
  readonly chapter?: number;
  readonly reason?: string;
  readonly event_id?: string;
  readonly early?: number;
  readonly by?: string;
};

type Order = {
  readonly senders: Set<string>;
  readonly firstMs: number;
  lastMs: number;
  /** Somebody sent it again as it was when it had waited. */
  isReplayed: boolean;
};
type Orders = Map<string, Order>;

/** Its queue has it after that: what comes later waits out trouble, which it says itself. */
const EARLY_WAITS = 15 * MINUTE;

export function watchOrders(deps: LivenessDeps): void {
  const { clock, sqs, files, violate } = deps;
  const orders: Orders = new Map();
  sqs.onSend.push((queue, body, { sender, by, caller }) => {
    const content = contentOf(body);
    const key = content && keyOf(content);
    if (key === undefined) return;
    const known = orders.get(key);
    if (caller !== undefined && !isScheduled(queue, body, by)) {
      checkSentAgain(deps, known, { queue, body, content, by, sender });
      return;
    }
    // What one of ours had waiting when orders moved to a queue of their own.
    const from = isOwnSender(sender) && caller === undefined ? (by ?? content?.by) : sender;
    if (from === undefined || !mayCome(queue, content, sender)) return;
    const nowMs = clock.nowMs();
    const order = known ?? {
      senders: new Set<string>(),
      firstMs: nowMs,
      lastMs: nowMs,
      isReplayed: false,
    };
    order.senders.add(from);
    order.isReplayed ||= (content?.early ?? 0) > 0;
    order.lastMs = nowMs;
    orders.set(key, order);
  });
  files.onFact.push(({ ref, fact }) => {
    if (ref.kind === "stop") checkStop(deps, orders, fact as StopFact);
    if (ref.kind === "retry") checkRetry(deps, orders, fact as RetryFact);
    if (ref.kind === "ticket") checkTicket(deps, orders, fact as TicketFact);
  });
  sqs.onLetter.push((letter) => checkLetter(deps, orders, letter));
  deps.atEnd.push(() => checkNotes(deps, orders));
  function checkNotes({ ledger }: LivenessDeps, known: Orders): void {
    for (const { event_id, event_type, metadata } of ledger.telemetry.values()) {
      if (event_type !== "person.acted") continue;
      const { by = "" } = JSON.parse(metadata) as Content;
      if (!known.get(`audited ${event_id}`)?.senders.has(by))
        violate("the telemetry names somebody who did not do it", `${event_id} ${by}`);
    }
  }
}

/** A schedule's ticket is the orchestrator's own. */
const isScheduled = (queue: QueueName, body: string, by: string | undefined): boolean =>
  queue === "tickets" && by === undefined && body.endsWith('"tries":0}');

function contentOf(body: string): Content | undefined {
  if (!body.startsWith("{")) return undefined;
  try {
    return JSON.parse(body) as Content;
  } catch {
    return undefined;
  }
}

/** What a body asks for, however often it is sent; undefined where it is none of a person's. */
function keyOf({ type = "ticket", ...content }: Content): string | undefined {
  if (type === "ticket") return `ticket ${content.ticket_id}`;
  if (type === "audited") return `audited ${content.event_id}`;
  if (type !== "cancel" && type !== "retry") return undefined;
  return `${type} ${content.run_id} ${content.chapter ?? 1} ${content.reason}`;
}

/** Tickets come by their queue, orders by theirs: other people may send those. */
const mayCome = (queue: QueueName, content: Content | undefined, sender: string): boolean =>
  (content?.type ?? "ticket") === "ticket"
    ? queue === "tickets"
    : queue === "orders" || isOwnSender(sender);

type SentAgain = {
  readonly queue: QueueName;
  readonly body: string;
  readonly content: Content | undefined;
  readonly by: string | undefined;
  readonly sender: string;
};

/** What one of our functions sends on keeps its sender. */
function checkSentAgain(
  { violate }: LivenessDeps,
  known: Order | undefined,
  { queue, body, content, by, sender }: SentAgain,
): void {
  if (!known?.senders.has(by ?? sender) && by !== undefined)
    violate("what was sent on names another sender", `${queue} ${body} ${by}`);
  if (by === undefined && known !== undefined)
    violate("what was sent on lost its sender", `${queue} ${body}`);
  if (queue === "records" && content?.by !== by)
    violate("a note names another sender than its message", `${body} ${by}`);
}

function checkStop(deps: LivenessDeps, orders: Orders, stop: StopFact): void {
  const { clock, files, weather, violate } = deps;
  const { run_id, chapter, reason, by } = stop;
  const about = `${run_id}.${chapter} ${by}: ${reason}`;
  const order = orders.get(`cancel ${run_id} ${chapter} ${reason}`);
  if (!order?.senders.has(by))
    violate("a stop in the name of somebody who did not order it", about);
  const opened = chapter === 1 ? factRef.ticket(run_id) : factRef.retry({ run_id, chapter });
  const goneMs = files.removedMs(opened.path);
  const wasThere = goneMs !== undefined && clock.nowMs() - goneMs < 4 * MINUTE;
  if (files.get(opened) === undefined && !wasThere)
    violate("a stop of what nobody has opened", about);
  if (!weather.isFaulty && order && clock.nowMs() - order.lastMs > EARLY_WAITS + 5 * MINUTE)
    violate("an order lay in wait", about);
}

function checkRetry({ violate }: LivenessDeps, orders: Orders, retry: RetryFact): void {
  const { run_id, chapter, reason, by } = retry;
  if (!orders.get(`retry ${run_id} ${chapter} ${reason}`)?.senders.has(by))
    violate("a retry in the name of somebody who did not order it", `${run_id}.${chapter} ${by}`);
}

function checkTicket({ violate }: LivenessDeps, orders: Orders, ticket: TicketFact): void {
  const { run_id, by = "" } = ticket;
  const senders = orders.get(`ticket ${run_id}`)?.senders;
  if (senders === undefined ? !isOwnSender(by) : !(senders.has(by) || isOwnSender(by)))
    violate("a ticket in the name of somebody who did not send it", `${run_id} ${by}`);
}

/** What a person ordered is put aside for a reason that is true. */
function checkLetter(deps: LivenessDeps, orders: Orders, letter: Letter): void {
  const { queue, body, by, reason, firstBy } = letter;
  const content = contentOf(body);
  const key = content && keyOf(content);
  const isOrder = key !== undefined && content?.type !== undefined && content.type !== "ticket";
  if (by === "sqs" || !isOrder || !isReadable(queue, body)) return;
  const order = orders.get(key);
  const isOthers = queue === "tickets" || queue === "records";
  // Nobody knows whose it is any more where it came by the wrong queue; by the right one, its
  // sender is known.
  if (!isOthers && !order?.senders.has(firstBy ?? ""))
    deps.violate("a dead letter names another sender", `${queue} ${body} ${firstBy}`);
  if (isOthers && reason.includes("send it to the queue orders")) return;
  if (!isTrue(deps, content, reason, order))
    deps.violate("a proper order was put aside", `${queue} ${body}: ${reason}`);
}

function isTrue(
  { clock, files }: LivenessDeps,
  { run_id = "", chapter = 1, type }: Content,
  reason: string,
  order: Order | undefined,
): boolean {
  if (/^limits\./.test(reason) || /^waited \d+ times/.test(reason)) return true; // said elsewhere
  if (reason.includes("too long ago to reopen")) return true;
  const before = files.get(factRef.outcome({ run_id, chapter: chapter - 1 }));
  // Somebody else may have been there a moment ago.
  const isNew = (atMs: number | undefined): boolean =>
    atMs === undefined || clock.nowMs() - atMs < MINUTE;
  if (reason.includes("is not over, so chapter")) return type === "retry" && isNew(before?.atMs);
  if (!reason.startsWith("there is no chapter")) return false;
  const isOpening = type === "retry" || chapter === 1;
  const opened = isOpening ? factRef.ticket(run_id) : factRef.retry({ run_id, chapter });
  const hasWaited =
    order !== undefined &&
    (order.isReplayed || clock.nowMs() - order.firstMs >= EARLY_WAITS - MINUTE);
  return hasWaited && isNew(files.get(opened)?.atMs);
}
