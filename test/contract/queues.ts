// The contract of every queue and every place for dead letters.
import { describe, expect, test } from "vitest";
import { endedOf, Turn } from "../../shared/domain/messages.ts";
import type { DeadLetter, DeadLettersPort, QueuesPort } from "../../shared/ports.ts";
import type { QueueName } from "../../shared/topology.ts";

/** What a consumer, or a person who looks at the dead letters, gets. */
export type Received = {
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
};

export type QueuesUnderTest = QueuesPort &
  DeadLettersPort & {
    readonly received: (queue: QueueName) => Promise<readonly Received[]>;
    readonly letters: (queue: QueueName) => Promise<readonly Received[]>;
  };

const key = { run_id: "ORD-1", chapter: 1, iter_n: 2, attempt: 3 };

const letter = (more: Partial<DeadLetter> = {}): DeadLetter => ({
  body: '{"ticket_id":"ORD-1"}',
  reason: "there is no such workload",
  errorName: "PoisonMessageError",
  failedAtMs: Date.UTC(2026, 10, 21, 6),
  receiveCount: 2,
  ...more,
});

export function queuesContract(open: () => Promise<QueuesUnderTest>): void {
  test("a message arrives as JSON, with its trace beside it", async () => {
    const { queues, received } = await open();
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    await queues.send("reports", endedOf(key), { traceparent });
    const [message] = await received("reports");
    expect(JSON.parse(message?.body ?? "")).toEqual(endedOf(key));
    expect(message?.attributes).toEqual({ traceparent });
  });

  test("a message without a trace has no attributes", async () => {
    const { queues, received } = await open();
    await queues.send("turns", Turn.parse({ type: "turn", ...key, by: { ticket: true } }));
    expect(await received("turns")).toMatchObject([{ attributes: {} }]);
  });

  test("messages go to their own queue", async () => {
    const { queues, received } = await open();
    await queues.send("reports", endedOf(key));
    expect(await received("watches")).toEqual([]);
    expect(await received("reports")).toHaveLength(1);
  });

  test.each([-1, 901, 0.5, Number.NaN, Number.POSITIVE_INFINITY])(
    "a delay of %f s is refused, although an emulator might take it",
    async (delaySeconds) => {
      const { queues, received } = await open();
      await expect(
        (async () => queues.send("reports", endedOf(key), { delaySeconds }))(),
      ).rejects.toThrow(/whole seconds from 0 to 900/);
      expect(await received("reports")).toEqual([]);
    },
  );

  test.each([0, 1, 900])("a delay of %i s is taken", async (delaySeconds) => {
    const { queues } = await open();
    await queues.send("reports", endedOf(key), { delaySeconds });
  });

  describe("a dead letter", () => {
    test("keeps the body as it came, and says why it is here", async () => {
      const { deadLetters, letters } = await open();
      const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
      const body = ' {"ticket_id": "ORD-1",\n\t"a": 12345678901234567890} ';
      await deadLetters.send(
        "tickets",
        letter({ body, runId: "ORD-1", runUrl: "https://x/#1", traceparent }),
      );
      expect(await letters("tickets")).toEqual([
        {
          body,
          attributes: {
            reason: "there is no such workload",
            error_name: "PoisonMessageError",
            failed_at: "2026-11-21T06:00:00.000Z",
            source_queue: "tickets",
            run_id: "ORD-1",
            run_url: "https://x/#1",
            receive_count: "2",
            traceparent,
          },
        },
      ]);
    });

    test("says nothing of a run that nobody could read", async () => {
      const { deadLetters, letters } = await open();
      await deadLetters.send("watches", letter());
      const [stored] = await letters("watches");
      expect(Object.keys(stored?.attributes ?? {}).sort()).toEqual([
        "error_name",
        "failed_at",
        "reason",
        "receive_count",
        "source_queue",
      ]);
    });

    test.each([
      { what: "a body that is no JSON", more: { body: "not json" } },
      { what: "a large body", more: { body: `"${"ü".repeat(100_000)}"` } },
      { what: "quotes and letters from anywhere", more: { reason: 'it says "größer" 🚦' } },
    ])("takes $what", async ({ more }) => {
      const { deadLetters, letters } = await open();
      await deadLetters.send("reports", letter(more));
      const [stored] = await letters("reports");
      expect(stored?.body).toBe(letter(more).body);
      expect(stored?.attributes["reason"]).toBe(letter(more).reason);
    });
  });
}
