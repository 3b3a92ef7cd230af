import { expect, test } from "vitest";
import { eachInTurn } from "../../services/orchestrator/each-in-turn.ts";
import { PlatformTroubleError, PoisonMessageError } from "../../shared/domain/errors.ts";

const trouble = new PlatformTroubleError("503");
const broken = new PoisonMessageError("the fact is no JSON");

test.each([
  { given: "none fails", errors: [], done: [0, 1, 2, 3, 4, 5], whole: true },
  {
    given: "three broken items stand in a row: they are no trouble of the platform",
    errors: [broken, broken, broken],
    done: [3, 4, 5],
    whole: true,
  },
  {
    given: "three troubles stand scattered among items that go well",
    errors: [trouble, undefined, trouble, undefined, trouble],
    done: [1, 3, 5],
    whole: true,
  },
  {
    given: "a broken item stands between two troubles and two more",
    errors: [trouble, trouble, broken, trouble, trouble],
    done: [5],
    whole: true,
  },
  {
    given: "three troubles stand in a row: the platform is out of order",
    errors: [undefined, trouble, trouble, trouble],
    done: [0],
    whole: false,
  },
  {
    given: "the last three are in trouble",
    errors: [undefined, undefined, undefined, trouble, trouble, trouble],
    done: [0, 1, 2],
    whole: false,
  },
])("where $given, the rest is done", async ({ errors, done, whole }) => {
  const worked: number[] = [];
  const failed: unknown[] = [];
  const deps = {
    clock: { nowMs: () => 0, sleep: async () => {}, timer: () => () => {} },
    log: (_event: string, fields?: object) => void failed.push(fields),
  };
  const work = async (item: number): Promise<void> => {
    const error = (errors as readonly (Error | undefined)[])[item];
    if (error !== undefined) throw error;
    worked.push(item);
  };
  const describeFailure = (item: number) =>
    ["marker.failed", { run_id: String(item), chapter: 1 }] as const;
  const answer = await eachInTurn(deps, [0, 1, 2, 3, 4, 5], { untilMs: 0, work, describeFailure });
  expect(worked).toEqual(done);
  expect(answer).toBe(whole);
  expect(failed).toHaveLength(errors.filter((error) => error !== undefined).length);
});

test("several at once are never more than were asked for, and none is worked on twice", async () => {
  const items = Array.from({ length: 20 }, (_, i) => i);
  const worked: number[] = [];
  let underWay = 0;
  let most = 0;
  const deps = {
    clock: { nowMs: () => 0, sleep: async () => {}, timer: () => () => {} },
    log: () => {},
  };
  const work = async (item: number): Promise<void> => {
    most = Math.max(most, ++underWay);
    for (let i = 0; i <= item % 3; i++) await Promise.resolve();
    worked.push(item);
    underWay--;
    if (item % 5 === 0) throw broken;
  };
  const describeFailure = (item: number) =>
    ["marker.failed", { run_id: String(item), chapter: 1 }] as const;
  const visit = { untilMs: 0, work, describeFailure };
  expect(await eachInTurn(deps, items, { ...visit, atOnce: 4 })).toBe(true);
  expect(worked.toSorted((a, b) => a - b)).toEqual(items);
  expect(most).toBe(4);
});

test("where time is up or the platform is out of order, all of them stop", async () => {
  let nowMs = 0;
  const begun: number[] = [];
  const deps = {
    clock: { nowMs: () => nowMs, sleep: async () => {}, timer: () => () => {} },
    log: () => {},
  };
  const describeFailure = (item: number) =>
    ["marker.failed", { run_id: String(item), chapter: 1 }] as const;
  const items = Array.from({ length: 20 }, (_, i) => i);
  const late = async (item: number): Promise<void> => {
    begun.push(item);
    nowMs += 10;
    await Promise.resolve();
  };
  const visit = { untilMs: 35, describeFailure, atOnce: 4 };
  expect(await eachInTurn(deps, items, { ...visit, work: late })).toBe(false);
  expect(begun).toEqual([0, 1, 2, 3]);
  begun.length = 0;
  const troubled = async (item: number): Promise<void> => {
    begun.push(item);
    await Promise.resolve();
    throw trouble;
  };
  expect(await eachInTurn(deps, items, { ...visit, untilMs: 100, work: troubled })).toBe(false);
  expect(begun.length).toBeLessThanOrEqual(7);
});
