// The largest event that there can be fits the bus: whatever stands in the facts.
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { resultLimits } from "../../shared/domain/contract.ts";
import { OutcomeEvent, outcomeEventOf } from "../../shared/domain/events.ts";
import { OutcomeFact } from "../../shared/domain/facts.ts";
import { outcome } from "./examples.ts";

/** EventBridge's 256 KB for an entry with all that goes round it, and SQS' for a rule's target. */
const BYTES_MAX = 250_000;
const PLANE = "0f9b4a51-95f3-4a3c-8f0a-4c1d5c3b2a10";
const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

/** Every character that JSON makes longer, and those that UTF-8 does. */
const nasty = fc.string({
  unit: fc.constantFrom("\u0000", "\n", '"', "\\", "世", "🚦", "a", "\ud83d"),
});

test("a fact of before there were bounds, with a megabyte in every text, makes an event that fits", () => {
  void fc.assert(
    fc.property(nasty, nasty, fc.integer({ min: 1, max: 1_000_000 }), (reason, url, times) => {
      const long = (text: string) => text.repeat(Math.ceil(times / (text.length || 1)));
      const fact = { ...outcome, reason: long(reason), run_url: long(url) };
      const event = outcomeEventOf(PLANE, fact, true);
      expect(bytesOf(event)).toBeLessThan(BYTES_MAX);
      expect(OutcomeEvent.safeParse(event).success).toBe(true);
    }),
    { numRuns: 50 },
  );
});

test("as many metrics as there may be, with the longest names and numbers, and as many conditions, fit beside the longest reason", () => {
  const name = (i: number) => `${i}`.padStart(200, "世");
  const value = -1.234567890123456e-300;
  const metrics = Object.fromEntries(
    Array.from({ length: resultLimits.metricsMax }, (_, i) => [name(i), value]),
  );
  const check = (_: unknown, i: number) => ({
    ...{ metric: name(i), value, op: ">=", bound: value, samples: Number.MAX_SAFE_INTEGER },
    ...{ baseline: { name: "b".repeat(64), value }, passed: false },
  });
  const fact = OutcomeFact.parse({
    ...outcome,
    metrics,
    gate: { passed: false, checks: Array.from({ length: 50 }, check) },
    reason: "世".repeat(1e6),
    run_url: "世".repeat(1e6),
  });
  expect(bytesOf(outcomeEventOf(PLANE, fact, true))).toBeLessThan(BYTES_MAX);
});

test("an id that is used again after its retention is announced under another name", () => {
  expect(outcomeEventOf(PLANE, outcome, true).id).toBe(`${PLANE}/ORD-1/1`);
  expect(outcomeEventOf(PLANE, { ...outcome, generation: "0123456789" }, true).id).toBe(
    `${PLANE}/ORD-1/0123456789/1`,
  );
});
