// The effect that replaying a dead letter would have: by the facts, where they can be read, and by
// the recipes; not by the shape of the message alone.
import { jsonOrNothing } from "../../shared/domain/body.ts";
import { OrdersMessage, type Ticket, TicketsMessage } from "../../shared/domain/messages.ts";
import { sameTicket } from "../../shared/domain/ticket.ts";
import type { QueueName } from "../../shared/topology.ts";
import type { Recipes } from "../check/ticket-faults.ts";
import { ticketFaults } from "../check/ticket-faults.ts";
import { lastChapter, type RunReader, type RunStory, readRun } from "../run/read-run.ts";
import type { DeadLetter } from "./held.ts";
import { replayOf } from "./queues.ts";

export type Judged = {
  /**
   * `starts` a run, `goes-on` with one: worth a replay. `in-vain`: there is nothing to do.
   * `returns`: it would be a dead letter again. `never`: no such message is replayed.
   */
  readonly kind: "starts" | "goes-on" | "in-vain" | "returns" | "never";
  readonly sentence: string;
  /** The most that a started run may do. */
  readonly cost?: { readonly attempts: number; readonly seconds: number } | undefined;
  /** The message, where one can be sent. */
  readonly send?: { readonly queue: QueueName; readonly body: string } | undefined;
};

export type Judges = {
  readonly recipes: Recipes;
  /** Undefined if the facts cannot be read, or if nobody wants to wait for them. */
  readonly storyOf: ((runId: string) => Promise<RunStory | undefined>) | undefined;
};

/** Reads each run once: of several letters of a run, all are judged by the same facts. */
export function storiesOf(reader: RunReader): NonNullable<Judges["storyOf"]> {
  const known = new Map<string, Promise<RunStory | undefined>>();
  return (runId) => {
    const story = known.get(runId) ?? readRun(reader, runId);
    known.set(runId, story);
    // The letters of a run lie near each other; all runs of a hundred thousand would need room.
    if (known.size > 500) known.delete(known.keys().next().value ?? "");
    return story;
  };
}

/** @param body the letter's, or what a person made of it */
export async function judge(letter: DeadLetter, body: string, judges: Judges): Promise<Judged> {
  const isEdited = body !== letter.body;
  const loop =
    isEdited && letter.replay.kind === "no" ? replayOf(letter.queue as QueueName, body) : undefined;
  const replay =
    loop ??
    (isEdited && letter.replay.kind === "yes"
      ? replayOf(letter.replay.queue, body)
      : letter.replay);
  if (replay.kind === "no") {
    const kind = replay.why.startsWith("it would come back") ? "returns" : "never";
    return { kind, sentence: replay.why };
  }
  const send = { queue: replay.queue, body: replay.body };
  const value = jsonOrNothing(replay.body);
  const judged =
    replay.queue === "tickets"
      ? await judgeTicket(value, judges)
      : await judgeOther(replay.queue, value, judges);
  return { ...judged, send };
}

async function judgeTicket(value: unknown, { recipes, storyOf }: Judges): Promise<Judged> {
  const message = TicketsMessage.safeParse(value);
  if (!message.success || message.data.type !== "ticket")
    return { kind: "never", sentence: "it is no ticket" };
  const ticket = message.data;
  const story = await storyOf?.(ticket.ticket_id);
  if (story?.ticket !== undefined) return judgeRepeated(ticket, story);
  const [fault] = ticketFaults(value, recipes);
  if (fault !== undefined) return { kind: "returns", sentence: `it would come back: ${fault}` };
  const limits = { ...recipes.recipeOf(ticket.workload)?.limits, ...ticket.limits };
  return {
    kind: "starts",
    sentence: `starts a run of ${ticket.workload}`,
    cost: { attempts: limits.attempts ?? 1, seconds: limits.timeout_seconds ?? 0 },
  };
}

function judgeRepeated(ticket: Ticket, story: RunStory): Judged {
  const { ticket: have } = story;
  if (have !== undefined && !sameTicket(have.ticket, ticket))
    return {
      kind: "returns",
      sentence: `it would come back: ${ticket.ticket_id} was used at ${have.accepted_at} for a different ticket; give it another id (--set ticket_id=…)`,
    };
  const { outcome } = lastChapter(story);
  if (outcome === undefined) return { kind: "goes-on", sentence: "the run is open, and goes on" };
  return {
    kind: "in-vain",
    sentence: `the run is over as ${outcome.outcome}, and would only be announced again: to run it once more, signalbox retry ${story.run_id}`,
  };
}

type Keys = {
  readonly run_id: string;
  readonly chapter: number;
  readonly iter_n?: number;
  readonly attempt?: number;
};

async function judgeOther(queue: QueueName, value: unknown, { storyOf }: Judges): Promise<Judged> {
  const keys = keysIn(value);
  if (keys === undefined) return { kind: "goes-on", sentence: "is handled again" };
  if (storyOf === undefined)
    return { kind: "goes-on", sentence: "is handled again; the facts decide what is left to do" };
  const story = await storyOf(keys.run_id);
  if (queue === "orders") return judgeOrder(value, story);
  if (story?.ticket === undefined)
    return { kind: "in-vain", sentence: `nothing is known of the run ${keys.run_id}: discard it` };
  if (queue === "records") return { kind: "goes-on", sentence: "the ledger gets its row" };
  const chapter = story.chapters.find((each) => each.chapter === keys.chapter);
  if (chapter?.outcome !== undefined)
    return {
      kind: "in-vain",
      sentence: `chapter ${keys.chapter} is over as ${chapter.outcome.outcome}: signalbox retry ${keys.run_id} opens another, or discard it`,
    };
  const attempt = story.attempts.find(
    (each) => each.iter_n === keys.iter_n && each.attempt === keys.attempt,
  );
  const name = `attempt ${keys.iter_n}.${keys.attempt}`;
  if (attempt?.decision !== undefined && story.attempts.at(-1) !== attempt)
    return {
      kind: "in-vain",
      sentence: `${name} is decided, and the run is further on: discard it`,
    };
  return { kind: "goes-on", sentence: `the run is open, and goes on with ${name}` };
}

function judgeOrder(value: unknown, story: RunStory | undefined): Judged {
  const parsed = OrdersMessage.safeParse(value);
  if (!parsed.success || parsed.data.type === "audited")
    return { kind: "goes-on", sentence: "the note is written" };
  const { type, run_id, chapter } = parsed.data;
  const has = (n: number) => story?.chapters.find((each) => each.chapter === n);
  if (story?.ticket === undefined)
    return { kind: "returns", sentence: `it would come back: there is no run ${run_id}` };
  if (type === "cancel") {
    const ended = has(chapter)?.outcome;
    if (ended !== undefined)
      return {
        kind: "in-vain",
        sentence: `chapter ${chapter} is over as ${ended.outcome}: discard it`,
      };
    return has(chapter) === undefined
      ? { kind: "returns", sentence: `it would come back: ${run_id} has no chapter ${chapter}` }
      : { kind: "goes-on", sentence: `chapter ${chapter} is asked to stop, in your name` };
  }
  if (has(chapter)?.retry !== undefined)
    return { kind: "in-vain", sentence: `chapter ${chapter} was opened already: discard it` };
  return has(chapter - 1)?.outcome === undefined
    ? {
        kind: "returns",
        sentence: `it would come back: chapter ${chapter - 1} of ${run_id} is not over`,
      }
    : { kind: "goes-on", sentence: `opens chapter ${chapter}, in your name` };
}

function keysIn(value: unknown): Keys | undefined {
  if (typeof value !== "object" || value === null || !("run_id" in value)) return undefined;
  const { run_id, chapter, iter_n, attempt } = value as Record<string, unknown>;
  if (typeof run_id !== "string") return undefined;
  return {
    run_id,
    chapter: typeof chapter === "number" ? chapter : 1,
    ...(typeof iter_n === "number" && { iter_n }),
    ...(typeof attempt === "number" && { attempt }),
  };
}
