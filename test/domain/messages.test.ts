import { describe, expect, test } from "vitest";
import { checked } from "../../shared/domain/body.ts";
import {
  endedOf,
  RecordsMessage,
  recordOf,
  TicketsMessage,
  turnOf,
  watchOf,
} from "../../shared/domain/messages.ts";
import { topology } from "../../shared/topology.ts";
import { accepted, at } from "./examples.ts";

const read = (value: unknown) => checked("the message", TicketsMessage, value);
const ticket = { ticket_id: "ORD-4711", workload: "weather-report" };

describe("a ticket", () => {
  test("needs its id and its workload only", () => {
    expect(read(ticket)).toEqual({
      ...ticket,
      v: 1,
      type: "ticket",
      mode: "PROD",
      parameters: {},
      limits: {},
      tries: 0,
    });
  });

  test.each([
    { given: "no id", when: { workload: "x" }, expected: /ticket_id: / },
    {
      given: "an empty id",
      when: { ...ticket, ticket_id: "" },
      expected: /ticket_id: must begin with a letter/,
    },
    {
      given: "an id that climbs",
      when: { ...ticket, ticket_id: "../x" },
      expected: /ticket_id: must begin/,
    },
    {
      given: "an id of 65 letters",
      when: { ...ticket, ticket_id: "a".repeat(65) },
      expected: /ticket_id: /,
    },
    { given: "an id with a slash", when: { ...ticket, ticket_id: "a/b" }, expected: /ticket_id: / },
    { given: "a number as id", when: { ...ticket, ticket_id: 7 }, expected: /ticket_id: .*string/ },
    {
      given: "an unknown key",
      when: { ...ticket, cluster_id: "mine" },
      expected: /Unrecognized key: "cluster_id"/,
    },
    {
      given: "an unknown limit",
      when: { ...ticket, limits: { retries: 3 } },
      expected: /limits: Unrecognized key: "retries"/,
    },
    {
      given: "a limit of zero",
      when: { ...ticket, limits: { attempts: 0 } },
      expected: /limits\.attempts: /,
    },
    {
      given: "a fraction of an iteration",
      when: { ...ticket, limits: { iterations: 1.5 } },
      expected: /limits\.iterations: /,
    },
    { given: "an unknown mode", when: { ...ticket, mode: "TEST" }, expected: /mode: / },
    {
      given: "an artifact without its hash",
      when: { ...ticket, artifact: { path: "/Volumes/a/b/c/x.py" } },
      expected: /artifact\.sha256: /,
    },
    {
      given: "parameters that are a list",
      when: { ...ticket, parameters: [] },
      expected: /parameters: /,
    },
    { given: "a version to come", when: { ...ticket, v: 2 }, expected: /v: / },
    { given: "a type nobody knows", when: { ...ticket, type: "order" }, expected: /type: / },
    { given: "a list", when: [ticket], expected: /Invalid input/ },
    { given: "null", when: null, expected: /Invalid input/ },
  ])("with $given is refused", ({ when, expected }) => {
    expect(() => read(when)).toThrow(expected);
  });
});

test("a cancellation stops the first chapter, if it names none", () => {
  const cancel = { type: "cancel", run_id: "ORD-1", reason: "wrong city", by: "ada" };
  expect(read(cancel)).toMatchObject({ chapter: 1 });
  expect(read({ ...cancel, chapter: 3 })).toMatchObject({ chapter: 3 });
});

test("a retry names the chapter that it opens, and opens no first one", () => {
  const retry = { type: "retry", run_id: "ORD-1", chapter: 2, reason: "fixed", by: "ada" };
  expect(read(retry)).toMatchObject({ chapter: 2, limits: {} });
  expect(() => read({ ...retry, chapter: 1 })).toThrow(/chapter: /);
  expect(() => read({ ...retry, chapter: undefined })).toThrow(/chapter: /);
});

test("what the loop sends, the loop reads", () => {
  const key = { run_id: "ORD-1", chapter: 1, iter_n: 2, attempt: 3 };
  const turn = turnOf(key, { iter_n: 1, attempt: 1 });
  expect(topology.turns.schema.parse(turn)).toEqual(turn);
  const watch = watchOf(accepted, 4);
  expect(topology.watches.schema.parse(watch)).toEqual(watch);
  expect(topology.reports.schema.parse(endedOf(key))).toEqual(endedOf(key));
  expect(topology.records.schema.parse(recordOf(key, "decision"))).toEqual(
    recordOf(key, "decision"),
  );
  const audited = {
    v: 1,
    type: "audited",
    event_id: "e",
    by: "ada",
    action: "replay",
    detail: {},
    at: at(0),
    tries: 0,
  };
  expect(RecordsMessage.parse(audited)).toEqual(audited);
});

test.each(Object.entries(topology))("the numbers of %s keep AWS's rules", (_name, queue) => {
  expect(queue.visibilitySeconds).toBeGreaterThanOrEqual(
    6 * queue.timeoutSeconds + queue.windowSeconds,
  );
  expect(queue.receivesMax).toBeGreaterThanOrEqual(5);
  expect(queue.concurrencyMax).toBeGreaterThanOrEqual(2);
  if (queue.batchSize > 10) expect(queue.windowSeconds).toBeGreaterThan(0);
});
