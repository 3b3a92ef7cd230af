// The effect that replaying a dead letter would have, by the facts of its run.
import { beforeEach, describe, expect, test } from "vitest";
import type { DeadLetter } from "../../cli/letters/held.ts";
import { type Judged, judge, storiesOf } from "../../cli/letters/judge.ts";
import { deadLetterQueuesOf } from "../../cli/letters/queues.ts";
import { openRuns, overRuns } from "../../cli/run/select-runs.ts";
import { freshMarker } from "../../shared/domain/marker.ts";
import type { QueueName } from "../../shared/topology.ts";
import { accepted, at, decision, manifest, outcome, recipe, t0 } from "../domain/examples.ts";
import { retryFact, ticketFact, ticketOf } from "../support/facts.ts";
import { createPlane, type Plane } from "../support/plane.ts";

let plane: Plane;
beforeEach(() => {
  plane = createPlane();
});

const readerOf = () => ({
  facts: plane.facts,
  markers: plane.markers,
  namesIn: async (folder: string) => (await plane.facts.list(folder)).map(({ name }) => name),
});
const recipes = {
  names: ["weather-model"],
  recipeOf: (name: string) => (name === "weather-model" ? recipe : undefined),
};

function letterOf(queue: QueueName, message: object): DeadLetter {
  const dlq = deadLetterQueuesOf("s").find(({ name }) => name === queue);
  const body = JSON.stringify(message);
  if (dlq === undefined) throw new Error(queue);
  return {
    queue,
    queueUrl: "",
    messageId: "m",
    receiptHandle: "r",
    body,
    ...dlq.describe({ Body: body }),
  };
}
const judged = (queue: QueueName, message: object): Promise<Judged> => {
  const letter = letterOf(queue, message);
  return judge(letter, letter.body, { recipes, storyOf: storiesOf(readerOf()) });
};

const key = { run_id: "ORD-1", chapter: 1, iter_n: 1, attempt: 1 };
const turn = { type: "turn", ...key, by: { ticket: true } };
const ended = { type: "ended", ...key };
const open = { ticket: ticketFact, manifest, submission: accepted };
const over = { ...open, decision, outcome: { ...outcome, iter_n: 1, attempt: 1 } };
const unknown = { ...over, outcome: { ...over.outcome, outcome: "unknown" } } as const;
const cancel = { type: "cancel", run_id: "ORD-1", chapter: 1, reason: "r" };
const retry = { type: "retry", run_id: "ORD-1", chapter: 2, reason: "r" };

test.each([
  {
    given: {},
    queue: "tickets",
    message: ticketOf(),
    kind: "starts",
    says: /^starts a run of weather-model$/,
  },
  {
    given: {},
    queue: "tickets",
    message: { ticket_id: "A", workload: "weather-modle" },
    kind: "returns",
    says: /did you mean weather-model\?$/,
  },
  {
    given: {},
    queue: "tickets",
    message: ticketOf({ limits: { attempts: 9 } }),
    kind: "returns",
    says: /limits\.attempts is 9, but the recipe allows at most 2/,
  },
  { given: open, queue: "tickets", message: ticketOf(), kind: "goes-on", says: /^the run is open/ },
  {
    given: over,
    queue: "tickets",
    message: ticketOf(),
    kind: "in-vain",
    says: /over as \w+, and would only be announced again: .* retry ORD-1$/,
  },
  {
    given: open,
    queue: "tickets",
    message: ticketOf({ mode: "DEV" }),
    kind: "returns",
    says: /was used at .* for a different ticket/,
  },
  {
    given: open,
    queue: "turns",
    message: turn,
    kind: "goes-on",
    says: /goes on with attempt 1\.1$/,
  },
  { given: over, queue: "turns", message: turn, kind: "in-vain", says: /^chapter 1 is over as/ },
  {
    given: {},
    queue: "turns",
    message: turn,
    kind: "in-vain",
    says: /^nothing is known of the run ORD-1/,
  },
  {
    given: unknown,
    queue: "reports",
    message: ended,
    kind: "in-vain",
    says: /^chapter 1 is over as unknown: signalbox retry ORD-1 opens another/,
  },
  {
    given: { ...open, decision },
    queue: "reports",
    message: ended,
    kind: "goes-on",
    says: /goes on/,
  },
  {
    given: over,
    queue: "records",
    message: { type: "record", ...key, of: "outcome" },
    kind: "goes-on",
    says: /ledger/,
  },
  {
    given: open,
    queue: "orders",
    message: cancel,
    kind: "goes-on",
    says: /asked to stop, in your name$/,
  },
  { given: over, queue: "orders", message: cancel, kind: "in-vain", says: /^chapter 1 is over/ },
  { given: {}, queue: "orders", message: cancel, kind: "returns", says: /there is no run ORD-1$/ },
  {
    given: open,
    queue: "orders",
    message: { ...cancel, chapter: 2 },
    kind: "returns",
    says: /has no chapter 2$/,
  },
  {
    given: over,
    queue: "orders",
    message: retry,
    kind: "goes-on",
    says: /^opens chapter 2, in your name$/,
  },
  {
    given: open,
    queue: "orders",
    message: retry,
    kind: "returns",
    says: /chapter 1 of ORD-1 is not over$/,
  },
  {
    given: { ...over, retry: retryFact },
    queue: "orders",
    message: retry,
    kind: "in-vain",
    says: /^chapter 2 was opened already/,
  },
] as const)("$message.type among $queue: $kind", async ({ given, queue, message, kind, says }) => {
  await plane.given(given);
  const answer = await judged(queue, message);
  expect(answer).toMatchObject({ kind, sentence: expect.stringMatching(says) });
});

test("what a started run may cost is the recipe's, lowered by the ticket", async () => {
  const { cost } = await judged("tickets", ticketOf({ limits: { attempts: 1 } }));
  expect(cost).toEqual({ attempts: 1, seconds: recipe.limits.timeout_seconds });
});

describe("ten thousand open runs", () => {
  beforeEach(async () => {
    for (let i = 0; i < 10_000; i++) {
      plane.at(i);
      await plane.markers.write(freshMarker({ run_id: `R-${i}`, chapter: 1 }, t0 + i * 1000));
    }
  });

  test("are counted, and only the oldest are read", async () => {
    let reads = 0;
    const reader = readerOf();
    const counting = {
      ...reader,
      facts: {
        ...reader.facts,
        read: ((ref) => {
          reads++;
          return reader.facts.read(ref);
        }) as typeof reader.facts.read,
      },
    };
    const options = { limit: 50, timeScale: 1, onRead: () => {} };
    const { runs, count } = await openRuns(counting, {}, options);
    expect([runs.length, count]).toEqual([50, 10_000]);
    expect(runs.map(({ run_id }) => run_id).slice(0, 2)).toEqual(["R-0", "R-1"]);
    expect(reads).toBeLessThanOrEqual(50 * 3);
  });

  test("of which one has ended, that is over, although the books do not have it yet", async () => {
    const ended_at = at(20_000);
    await plane.given({ outcome: { ...outcome, run_id: "R-9999", ended_at } });
    const found = await overRuns(
      readerOf(),
      { since: t0, until: t0 + 30_000_000 },
      { limit: 10, onRead: () => {} },
    );
    expect(found.map(({ run_id }) => run_id)).toEqual(["R-9999"]);
  });
});
