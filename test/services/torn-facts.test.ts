// Facts that nobody of ours wrote: read back, they are refused with their path, what is wrong, and
// what to do; never half-read.
import { expect, test } from "vitest";
import { PlatformTroubleError, PoisonMessageError } from "../../shared/domain/errors.ts";
import { factRef, markerName } from "../../shared/domain/facts.ts";
import { endedOf, turnOf } from "../../shared/domain/messages.ts";
import { accepted, decision, manifest } from "../domain/examples.ts";
import { deliver } from "../support/deliver.ts";
import { chapter, first, ticketFact, ticketOf } from "../support/facts.ts";
import { createPlane } from "../support/plane.ts";
import { submitted, watch } from "../support/under-way.ts";

const whoDid = "; only Signalbox may write the facts volume: find out who else did";
const ticketPath = factRef.ticket("ORD-1").path;
const refusal = (fault: string) => `the fact ${ticketPath} is no valid ticket: ${fault}${whoDid}`;

test.each<{ given: string; content: string | Uint8Array; reason: string | RegExp }>([
  {
    given: "torn",
    content: JSON.stringify(ticketFact).slice(0, 200),
    reason:
      /^the fact run_ORD-1\/ticket\.json is no valid ticket: it is not JSON: .*; only Signalbox may/,
  },
  {
    given: "no text",
    content: Buffer.from([0x7b, 0xff, 0x7d]),
    reason: refusal("it is not UTF-8"),
  },
  {
    given: "nested too deeply",
    content: "[".repeat(65) + "]".repeat(65),
    reason: refusal("it nests 65 levels deep; at most 64 are read"),
  },
  {
    given: "of another version",
    content: JSON.stringify({ ...ticketFact, v: 2 }),
    reason: refusal("v: Invalid input: expected 1"),
  },
  {
    given: "with a key that nobody knows",
    content: JSON.stringify({ ...ticketFact, admin: true }),
    reason: refusal('Unrecognized key: "admin"'),
  },
  {
    given: "a copy of another run's",
    content: JSON.stringify({ ...ticketFact, run_id: "ORD-2" }),
    reason: refusal("by its keys it belongs at run_ORD-2/ticket.json"),
  },
])(
  "a ticket's fact that is $given is refused, and nothing is done",
  async ({ content, reason }) => {
    const plane = createPlane();
    plane.putFact(ticketPath, content);
    for (const message of [ticketOf(), turnOf(first, { ticket: true })]) {
      const handling = deliver(plane.ports, message);
      await expect(handling).rejects.toThrow(
        typeof reason === "string" ? new PoisonMessageError(reason) : reason,
      );
      await expect(handling).rejects.toBeInstanceOf(PoisonMessageError);
    }
    expect(plane.effects()).toEqual([]);
  },
);

test.each([
  { kind: "manifest", fact: { ...manifest, attempt: 2 }, belongs: "iter_001.attempt_002.manifest" },
  {
    kind: "submission",
    fact: { ...accepted, iter_n: 2 },
    belongs: "iter_002.attempt_001.submission",
  },
] as const)("a $kind of another attempt judges nobody", async ({ kind, fact, belongs }) => {
  const plane = createPlane();
  const { [kind]: _, ...others } = submitted;
  await plane.given(others);
  const { path } = factRef[kind](first);
  plane.putFact(path, JSON.stringify(fact));
  await expect(deliver(plane.ports, endedOf(first))).rejects.toThrow(
    new PoisonMessageError(
      `the fact ${path} is no valid ${kind}: by its keys it belongs at run_ORD-1/${belongs}.json${whoDid}`,
    ),
  );
  expect(plane.effects()).toEqual([]);
});

test.each([
  { given: "torn", content: "{", fault: /it is not JSON: / },
  {
    given: "of another chapter",
    content: JSON.stringify({
      v: 1,
      run_id: "ORD-1",
      chapter: 2,
      number: 0,
      heals: 0,
      touched_at: "2026-11-21T06:00:00.000Z",
    }),
    fault: /by its keys it belongs at open\/ORD-1\.2/,
  },
])("a marker that is $given is waited for, because it may be overwritten", async (row) => {
  const plane = createPlane();
  await plane.given(submitted);
  plane.putFact(`open/${markerName(chapter)}`, row.content);
  const watching = deliver(plane.ports, watch);
  await expect(watching).rejects.toThrow(row.fault);
  await expect(watching).rejects.toThrow("the marker open/ORD-1.1 is not valid: ");
  await expect(watching).rejects.toBeInstanceOf(PlatformTroubleError);
  expect(plane.effects()).toEqual([]);
});

test("what was stored is read, whatever its numbers", async () => {
  const plane = createPlane();
  const { path } = factRef.decision(first);
  const large = { ...decision, capsule: { seed: 2 ** 60 } };
  const text = JSON.stringify(large).replace(
    /"metrics":\{.*?\}/,
    '"metrics":{"a":9007199254740993}',
  );
  plane.putFact(path, text);
  expect((await plane.facts.read(factRef.decision(first)))?.fact).toMatchObject({
    capsule: { seed: 2 ** 60 },
    result: { metrics: { a: 2 ** 53 } },
  });
});

test("a fact that could not be read back is not written", async () => {
  const plane = createPlane();
  const huge = { ...ticketFact.ticket, parameters: { x: "y".repeat(4 * 1024 * 1024) } };
  const bytes = Buffer.byteLength(JSON.stringify({ ...ticketFact, ticket: huge })) + 1;
  await expect(plane.lay("ticket", { ...ticketFact, ticket: huge })).rejects.toThrow(
    new PoisonMessageError(
      `the fact ${ticketPath} would have ${bytes} bytes, at most 4194304 can be read back`,
    ),
  );
  expect(plane.factTexts()).toEqual({});
});
