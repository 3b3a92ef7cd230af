import { expect, test } from "vitest";
import { waitOutRecord } from "../../services/ingester/record.ts";
import { Audited, recordOf } from "../../shared/domain/messages.ts";
import { at } from "../domain/examples.ts";

const key = { run_id: "ORD-1", chapter: 1, iter_n: 1, attempt: 1 };
const audited = Audited.parse({
  type: "audited",
  event_id: "e",
  by: "ada",
  action: "replay",
  at: at(0),
});

test.each([
  {
    given: "a record of a decision, early",
    message: { ...recordOf(key, "decision"), tries: 8 },
    expected: "waits",
  },
  {
    given: "a record of a decision after an hour",
    message: { ...recordOf(key, "decision"), tries: 9 },
    expected: "ends",
  },
  {
    given: "a record of an outcome after an hour",
    message: { ...recordOf(key, "outcome"), tries: 9 },
    expected: "ends",
  },
  {
    given: "an outcome that a repeated ticket asked for",
    message: { ...recordOf(key, "outcome", true), tries: 9 },
    expected: "waits",
  },
  { given: "a person's action", message: { ...audited, tries: 900 }, expected: "waits" },
])(
  "$given $expected: what is said again elsewhere must not multiply",
  async ({ message, expected }) => {
    const sent: unknown[] = [];
    const left: string[] = [];
    const deps = {
      queues: { send: async (queue: string, body: unknown) => void sent.push([queue, body]) },
      log: (event: string) => void left.push(event),
    };
    await waitOutRecord(deps)(message, { delaySeconds: 60 });
    expect(sent).toEqual(expected === "waits" ? [["records", message]] : []);
    expect(left).toEqual(expected === "waits" ? [] : ["record.left"]);
  },
);
