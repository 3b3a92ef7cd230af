// An upstream system that listens: it reads the example rule's queue, and waits for what it
// expects.
import { DeleteMessageCommand, ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import * as z from "zod";
import type { Person } from "./people.ts";

const BusEvent = z.object({
  source: z.string(),
  "detail-type": z.string(),
  detail: z.record(z.string(), z.unknown()),
});
export type Heard = z.infer<typeof BusEvent>;

export type Listener = {
  /**
   * The first event that fits, past or to come. @throws Error after `seconds`, with all that was
   * heard.
   */
  readonly hear: (what: string, seconds: number, fits: (event: Heard) => boolean) => Promise<Heard>;
  readonly heard: () => readonly Heard[];
};

export function createListener({ sqs }: Person, QueueUrl: string): Listener {
  const events: Heard[] = [];
  const receive = async (): Promise<void> => {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 2 }),
    );
    for (const { Body = "", ReceiptHandle } of Messages) {
      events.push(BusEvent.parse(JSON.parse(Body)));
      await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    }
  };
  return {
    heard: () => events,
    hear: async (what, seconds, fits) => {
      const endMs = Date.now() + seconds * 1000;
      for (;;) {
        const found = events.find(fits);
        if (found !== undefined) return found;
        if (Date.now() > endMs)
          throw new Error(`no ${what} within ${seconds} s; heard: ${JSON.stringify(events)}`);
        await receive();
      }
    },
  };
}

/** The outcome of a run; `runs` fits its id. */
export const outcomeOf =
  (runs: RegExp) =>
  (event: Heard): boolean =>
    event["detail-type"] === "Run Outcome" && runs.test(String(event.detail["run_id"]));
