// The loop under faults: the real handlers, thousands of hours, one process. See world.ts for what
// a world is.
import { expect, test } from "vitest";
import { coverageTable, methodsInText, neverFired, portMethods, spared } from "./coverage.ts";
import { brokenLines, type Many, simulateMany } from "./many.ts";
import { simulate } from "./world.ts";

const SEEDS = 600;
const CALM_SEEDS = 60;
const TWICE_EVERY = 25;
const TIMEOUT_MS = 240_000;

Error.stackTraceLimit = 0;
const linesOf = ({ broken }: Many): readonly string[] => broken.flatMap(brokenLines);

test("every method of every port is broken, or spared with a reason", () => {
  expect(methodsInText().toSorted()).toEqual([...portMethods, ...Object.keys(spared)].toSorted());
});

test(
  `in ${SEEDS} worlds full of faults nothing breaks, and every call has gone wrong in every way`,
  async () => {
    const many = await simulateMany(1, SEEDS);
    console.log(coverageTable(many.coverage));
    expect(linesOf(many)).toEqual([]);
    expect(neverFired(many.coverage)).toEqual([]);
  },
  TIMEOUT_MS,
);

test(
  "in a world without faults no message dies, and no budget of calls and looks is exceeded",
  async () => {
    expect(linesOf(await simulateMany(1, CALM_SEEDS, { isCalm: true }))).toEqual([]);
  },
  TIMEOUT_MS,
);

test(
  "the same seed tells the same story",
  async () => {
    for (let seed = 1; seed <= SEEDS; seed += TWICE_EVERY) {
      const [first, second] = [await simulate(seed), await simulate(seed)];
      expect(second.hash(), `seed ${seed}`).toBe(first.hash());
    }
    expect((await simulate(1)).hash()).not.toBe((await simulate(2)).hash());
  },
  TIMEOUT_MS,
);
