import { expect, test } from "vitest";
import { type ChapterFacts, frontierOf } from "../../shared/domain/frontier.ts";
import {
  accepted,
  decision,
  lastDecision,
  manifest,
  refused,
  stoppedManifest,
} from "./examples.ts";

const last: ChapterFacts["last"] = {
  iter_n: 1,
  attempt: 1,
  by: { ticket: true },
  manifest: undefined,
  submission: undefined,
  decision: undefined,
};
const chapter = (more: Partial<ChapterFacts["last"]>): ChapterFacts => ({
  opened: true,
  last: { ...last, ...more },
  outcome: false,
});

test.each<{ given: string; when: ChapterFacts; expected: object }>([
  {
    given: "a marker, no ticket",
    when: { ...chapter({}), opened: false },
    expected: { kind: "orphan" },
  },
  {
    given: "a ticket that asks for an attempt without a manifest",
    when: chapter({}),
    expected: { kind: "turn", by: { ticket: true } },
  },
  {
    given: "a retry that asks for an attempt without a manifest",
    when: chapter({ by: { retry: 2 } }),
    expected: { kind: "turn", by: { retry: 2 } },
  },
  {
    given: "a decision that asks for an attempt without a manifest",
    when: chapter({ by: { iter_n: 1, attempt: 2 } }),
    expected: { kind: "turn", by: { iter_n: 1, attempt: 2 } },
  },
  {
    given: "a manifest without a submission",
    when: chapter({ manifest }),
    expected: { kind: "turn", by: { ticket: true } },
  },
  {
    given: "an accepted submission",
    when: chapter({ manifest, submission: accepted }),
    expected: { kind: "watch", submission: accepted },
  },
  {
    given: "a refused submission",
    when: chapter({ manifest, submission: refused }),
    expected: { kind: "ended" },
  },
  {
    given: "a stopped manifest",
    when: chapter({ manifest: stoppedManifest }),
    expected: { kind: "ended" },
  },
  {
    given: "a decision for an outcome that is missing",
    when: chapter({ manifest, submission: accepted, decision: lastDecision }),
    expected: { kind: "ended" },
  },
  {
    given: "an outcome, but the marker is still there",
    when: { ...chapter({}), outcome: true },
    expected: { kind: "record" },
  },
])("$given", ({ when, expected }) => {
  expect(frontierOf(when)).toEqual(expected);
});

test("over the full product of facts, each has exactly one next message, the outcome's first", () => {
  const counts: Record<string, number> = {};
  for (const opened of [false, true])
    for (const outcome of [false, true])
      for (const m of [undefined, manifest, stoppedManifest])
        for (const submission of [undefined, accepted, refused])
          for (const d of [undefined, decision, lastDecision]) {
            const frontier = frontierOf({
              opened,
              outcome,
              last: { ...last, manifest: m, submission, decision: d },
            });
            const expected = outcome
              ? "record"
              : !opened
                ? "orphan"
                : d !== undefined || m === stoppedManifest
                  ? "ended"
                  : m === undefined || submission === undefined
                    ? "turn"
                    : submission === refused
                      ? "ended"
                      : "watch";
            expect(frontier.kind).toBe(expected);
            counts[expected] = (counts[expected] ?? 0) + 1;
          }
  expect(counts).toEqual({ record: 54, orphan: 27, ended: 22, turn: 4, watch: 1 });
});
