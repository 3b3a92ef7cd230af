// What EventBridge Scheduler starts: a sweep, now and then a search for strays, or a ticket whose
// id carries the time.
import { describe, expect, test } from "vitest";
import { createOrchestrator } from "../../services/orchestrator/orchestrator.ts";
import { PlatformTroubleError } from "../../shared/domain/errors.ts";
import { sweepEverySeconds } from "../../shared/topology.ts";
import { at, t0 } from "../domain/examples.ts";
import { first } from "../support/facts.ts";
import { createPlane } from "../support/plane.ts";

const nightly = {
  schedule: "workload",
  workload: "weather-model",
  scheduled_time: "2026-11-21T06:00:00Z",
};

test("a workload's schedule sends a ticket whose id is the workload and the time, and no more", async () => {
  const plane = createPlane();
  await createOrchestrator(plane.ports).scheduled(nightly);
  await createOrchestrator(plane.ports).scheduled(nightly);
  const sent = "send tickets weather-model-20261121T0600Z";
  expect(plane.effects()).toEqual([sent, sent]);
  expect(JSON.parse(plane.sent[0]!.body)).toEqual(JSON.parse(plane.sent[1]!.body));
  expect(plane.logged[0]).toMatchObject([
    "schedule.fired",
    { run_id: "weather-model-20261121T0600Z", workload: "weather-model" },
  ]);
});

test.each([
  { input: {}, fault: "schedule: Invalid discriminator value. Expected 'sweep' | 'workload'" },
  {
    input: { schedule: "tidy" },
    fault: "schedule: Invalid discriminator value. Expected 'sweep' | 'workload'",
  },
  {
    input: { ...nightly, workload: "../x" },
    fault: "workload: must be at most 48 lower-case letters, digits and dashes",
  },
  {
    input: { ...nightly, scheduled_time: "tonight" },
    fault: "scheduled_time: Invalid ISO datetime",
  },
  { input: { schedule: "sweep", force: true }, fault: 'Unrecognized key: "force"' },
])("a start by $input is refused: $fault", async ({ input, fault }) => {
  const plane = createPlane();
  const starting = createOrchestrator(plane.ports).scheduled(input);
  await expect(starting).rejects.toThrow(`no scheduled start of this function: ${fault}`);
  expect(plane.effects()).toEqual([]);
});

test.each([1, 0.1])(
  "at time scale %s every tick lists the markers, every third the active runs",
  async (timeScale) => {
    const plane = createPlane({ timeScale });
    const { scheduled } = createOrchestrator(plane.ports);
    const everySeconds = sweepEverySeconds * timeScale;
    const tick = Math.floor(t0 / 1000 / everySeconds);
    for (let i = 0; i < 6; i++) {
      plane.at((tick + i) * everySeconds - t0 / 1000 + 1);
      await scheduled({ schedule: "sweep" });
    }
    const times = (sentence: string) => plane.calls().filter((call) => call === sentence).length;
    expect([times("list markers"), times("list active runs")]).toEqual([6, 2]);
  },
);

test("while active runs cannot be listed, markers are looked at all the same, and first", async () => {
  const plane = createPlane();
  const tick = Math.ceil(t0 / 1000 / sweepEverySeconds / 3) * 3;
  plane.at(tick * sweepEverySeconds - t0 / 1000);
  const { jobs } = plane.ports;
  const listActive = async (): Promise<never> => {
    throw new PlatformTroubleError("the Jobs API is down");
  };
  const { scheduled } = createOrchestrator({ ...plane.ports, jobs: { ...jobs, listActive } });
  await scheduled({ schedule: "sweep" });
  expect(plane.calls()).toContain("list markers");
  expect(plane.logged.map(([event]) => event)).toEqual(["sweep.finished", "sweep.waited"]);
});

const oldOver = { v: 1, run_id: "ORD-1", chapter: 1, ended_at: at(-91 * 24 * 3600) } as const;
test.each([
  { given: "nothing is long over", facts: {}, looks: 2 },
  { given: "something is, until it is gone", facts: { over: oldOver }, looks: 3 },
])("of 24 ticks, $looks look for what is long over, where $given", async ({ facts, looks }) => {
  const plane = createPlane();
  await plane.given(facts);
  const { scheduled } = createOrchestrator(plane.ports);
  const first = Math.ceil(t0 / 1000 / sweepEverySeconds / 12) * 12;
  for (let i = 0; i < 24; i++) {
    plane.at((first + i) * sweepEverySeconds - t0 / 1000);
    await scheduled({ schedule: "sweep" });
  }
  expect(plane.calls().filter((call) => call === "list over")).toHaveLength(looks);
});

describe("while the platform is out of order", () => {
  const trouble = async (): Promise<never> => {
    throw new PlatformTroubleError("the facts volume belongs to another stack");
  };

  test.each([
    { given: "its plane", broken: { plane: { id: trouble } }, calls: [] },
    {
      given: "the listing of markers",
      broken: { markers: { list: trouble } },
      calls: ["read plane"],
    },
  ])("a sweep that cannot have $given waits for the next, and says why", async (row) => {
    const plane = createPlane();
    await plane.start(first);
    plane.forget();
    const markers = { ...plane.ports.markers, ...row.broken.markers };
    const { scheduled } = createOrchestrator({ ...plane.ports, ...row.broken, markers });
    const waited = "the facts volume belongs to another stack";
    expect(await scheduled({ schedule: "sweep" })).toEqual({ waited });
    expect(plane.logged).toEqual([["sweep.waited", { reason: waited }]]);
    expect(plane.calls()).toEqual(row.calls);
  });

  test("a workload's schedule sends its ticket all the same: it waits in its queue", async () => {
    const plane = createPlane();
    const { scheduled } = createOrchestrator({ ...plane.ports, plane: { id: trouble } });
    await scheduled(nightly);
    expect(plane.effects()).toEqual(["send tickets weather-model-20261121T0600Z"]);
  });

  test("a start that cannot send its ticket fails, for Lambda to repeat and to put aside", async () => {
    const plane = createPlane();
    const queues = { send: trouble };
    const { scheduled } = createOrchestrator({ ...plane.ports, queues });
    await expect(scheduled(nightly)).rejects.toThrow(PlatformTroubleError);
  });

  test("a sweep that fails for another reason is an error of the function", async () => {
    const plane = createPlane();
    const list = async () => {
      throw new TypeError("undefined is not a function");
    };
    const markers = { ...plane.ports.markers, list };
    const { scheduled } = createOrchestrator({ ...plane.ports, markers });
    await expect(scheduled({ schedule: "sweep" })).rejects.toThrow(TypeError);
  });
});
