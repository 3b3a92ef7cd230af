import { expect, test } from "vitest";
import { markerKey, markerName } from "../../shared/domain/facts.ts";
import {
  aliveAtMs,
  freshMarker,
  healed,
  healWaitSeconds,
  isOfAttempt,
  numberOf,
  raised,
  touched,
} from "../../shared/domain/marker.ts";
import { at, t0 } from "./examples.ts";

const chapter = { run_id: "ORD-1", chapter: 2 };
const marker = touched(chapter, { iter_n: 2, attempt: 3 }, 5, t0);

test.each([
  { given: "no marker", when: undefined, key: { iter_n: 1, attempt: 1 }, expected: 0 },
  {
    given: "a marker without a look",
    when: freshMarker(chapter, t0),
    key: { iter_n: 1, attempt: 1 },
    expected: 0,
  },
  { given: "the same attempt", when: marker, key: { iter_n: 2, attempt: 3 }, expected: 5 },
  {
    given: "an earlier attempt of the iteration",
    when: marker,
    key: { iter_n: 2, attempt: 2 },
    expected: Number.POSITIVE_INFINITY,
  },
  {
    given: "an earlier iteration",
    when: marker,
    key: { iter_n: 1, attempt: 9 },
    expected: Number.POSITIVE_INFINITY,
  },
  { given: "a later attempt", when: marker, key: { iter_n: 2, attempt: 4 }, expected: 0 },
  { given: "a later iteration", when: marker, key: { iter_n: 3, attempt: 1 }, expected: 0 },
])("$given: the youngest number is $expected", ({ when, key, expected }) => {
  expect(numberOf(when, key)).toBe(expected);
});

test("raising goes one above the marker of the attempt, and starts at one for a new attempt", () => {
  expect(raised(marker, chapter, { iter_n: 2, attempt: 3 }, t0)).toEqual({
    number: 6,
    marker: { ...marker, number: 6 },
  });
  expect(raised(marker, chapter, { iter_n: 2, attempt: 4 }, t0)).toEqual({
    number: 1,
    marker: { ...marker, attempt: 4, number: 1 },
  });
  expect(raised(undefined, chapter, { iter_n: 1, attempt: 1 }, t0)).toEqual({
    number: 1,
    marker: { ...marker, iter_n: 1, attempt: 1, number: 1 },
  });
});

test("a marker that is at a later attempt stays there, whoever raises it", () => {
  const up = raised({ ...marker, heals: 2 }, chapter, { iter_n: 1, attempt: 1 }, t0 + 1_000);
  expect(up).toEqual({ number: 1, marker: { ...marker, heals: 0, touched_at: at(1) } });
});

test("a heal counts, a touch starts over, and each heal doubles the wait for the next, to 32 hours", () => {
  expect(healed({ ...marker, heals: 2 }, marker, t0 + 1_000)).toEqual({
    ...marker,
    heals: 3,
    touched_at: at(1),
  });
  expect(touched(chapter, { iter_n: 2, attempt: 3 }, 5, t0).heals).toBe(0);
  expect([0, 1, 2, 6, 7, 50].map(healWaitSeconds)).toEqual([
    1_800, 3_600, 7_200, 115_200, 115_200, 115_200,
  ]);
});

test("whose marker it is", () => {
  expect(isOfAttempt(marker, { iter_n: 2, attempt: 3 })).toBe(true);
  expect(isOfAttempt(marker, { iter_n: 2, attempt: 4 })).toBe(false);
  expect(isOfAttempt(marker, { iter_n: 1, attempt: 3 })).toBe(false);
  expect(isOfAttempt(undefined, { iter_n: 1, attempt: 1 })).toBe(false);
});

test.each([
  { run_id: "ORD-1", chapter: 1 },
  { run_id: "a.b.2", chapter: 12 },
])("the name of a marker says whose it is: $run_id, chapter $chapter", (key) => {
  expect(markerKey(markerName(key))).toEqual(key);
});

test.each(["", "ORD-1", "ORD-1.", "ORD-1.0", "ORD-1.x", ".1"])("%j is no marker", (name) => {
  expect(markerKey(name)).toBeUndefined();
});

test.each([0, 1, 2, 6, 7, 9])(
  "the last sign of life is found behind %s heals, each after its wait",
  (heals) => {
    const timeScale = 0.1;
    let nowMs = t0;
    let silent = marker;
    for (let heal = 0; heal < heals; heal++) {
      nowMs += healWaitSeconds(heal) * timeScale * 1000;
      silent = healed(silent, silent, nowMs);
    }
    expect(aliveAtMs(silent, timeScale)).toBe(t0);
  },
);
