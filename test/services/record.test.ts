import { expect, test } from "vitest";
import { record, requeueRecord } from "../../services/ingester/record.ts";
import { PlatformTroubleError } from "../../shared/domain/errors.ts";
import type { LedgerRows } from "../../shared/domain/ledger-rows.ts";
import { Audited, recordOf } from "../../shared/domain/messages.ts";
import { at, decision } from "../domain/examples.ts";
import { byOurs } from "../support/beside.ts";
import { settings } from "../support/plane.ts";

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
    await requeueRecord({ ...deps, settings }, message, { delaySeconds: 60, by: byOurs.by });
    expect(sent).toEqual(expected === "waits" ? [["records", message]] : []);
    expect(left).toEqual(expected === "waits" ? [] : ["record.left"]);
  },
);

test("a batch with more to read than one invocation may ask for: what is read is written, the rest waits", async () => {
  let nowMs = 0;
  let merged = 0;
  const deps = {
    facts: {
      read: async () => {
        nowMs += 1_000;
        return { fact: decision, sha256: "" } as never;
      },
      create: async () => {
        throw new Error("records create no facts");
      },
      putFile: async () => {},
    },
    markers: {
      read: async () => undefined,
      write: async () => {},
      remove: async () => {},
      list: async () => [],
    },
    ledger: {
      merge: async (rows: LedgerRows) => {
        merged += rows.execution_results.length;
      },
    },
    events: { announce: async () => {}, reject: async () => {} },
    plane: { id: async () => "p" },
    queues: { send: async () => {} },
    settings,
    clock: { nowMs: () => nowMs, sleep: async () => {}, timer: () => () => {} },
    log: () => {},
  };
  const deliveries = Array.from({ length: 60 }, () => ({
    ...byOurs,
    message: recordOf(key, "decision"),
  }));
  const settled = await Promise.allSettled(record(deps, deliveries));
  const waiting = settled.filter((one) => one.status === "rejected");
  expect(waiting.length).toBeGreaterThan(10);
  expect(waiting.length).toBeLessThan(50);
  expect(waiting.every(({ reason }) => reason instanceof PlatformTroubleError)).toBe(true);
  expect(merged).toBe(1); // sixty records of one attempt are one row
});
