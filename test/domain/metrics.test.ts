// The metrics that CloudWatch counts: embedded metric format, with dimensions from closed lists.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { PlatformTroubleError, PoisonMessageError } from "../../shared/domain/errors.ts";
import { metrics, metricsOf } from "../../shared/domain/metrics.ts";

const log = readFileSync(join(import.meta.dirname, "..", "..", "shared", "log.ts"), "utf8");

test.each(Object.entries(metrics))("%s counts events of the vocabulary", (_name, { event }) => {
  for (const each of [event].flat()) expect(log).toContain(`| "${each}"`);
});

test("an event is counted once, under the stack alone", () => {
  expect(metricsOf("run.accepted", { run_id: "R-1" }, "signalbox-dev", 5)).toEqual({
    stack: "signalbox-dev",
    runs_accepted: 1,
    _aws: {
      Timestamp: 5,
      CloudWatchMetrics: [
        {
          Namespace: "Signalbox",
          Dimensions: [["stack"]],
          Metrics: [{ Name: "runs_accepted", Unit: "Count" }],
        },
      ],
    },
  });
});

test.each([
  { given: "a look that saw no end", fields: {}, expected: undefined },
  { given: "a look that saw the end", fields: { lag_ms: 4_200 }, expected: 4_200 },
  { given: "a lag that is no number", fields: { lag_ms: Number.NaN }, expected: undefined },
])("$given measures $expected ms of lag", ({ fields, expected }) => {
  expect(metricsOf("attempt.looked", fields, "s", 0)["detection_lag"]).toBe(expected);
  expect(metricsOf("attempt.looked", fields, "s", 0)["looks"]).toBe(1);
});

test("a sweep says how many markers are silent, and that they are none", () => {
  const silent = (count: number) =>
    metricsOf("sweep.finished", { count: 0, silent: count }, "s", 0)["markers_silent"];
  expect([silent(0), silent(3)]).toEqual([0, 3]);
});

test.each(["message.waited", "sweep.waited"])("%s is a wait for the platform", (event) => {
  expect(metricsOf(event, { reason: "503" }, "s", 0)["platform_waits"]).toBe(1);
});

test.each([
  { given: "for a reason of its own", error: new PoisonMessageError("no JSON"), counted: 1 },
  { given: "because of the platform", error: new PlatformTroubleError("503"), counted: undefined },
])("a marker that cannot be healed $given is counted: $counted", ({ error, counted }) => {
  expect(metricsOf("marker.failed", { error }, "s", 0)["markers_failed"]).toBe(counted);
});

test("no dimension but the stack and the outcome: each combination is billed", () => {
  const fields = { count: 5, lag_ms: 1, state: "no-token", outcome: "failed", run_id: "R-1" };
  const events = Object.values(metrics).flatMap(({ event }) => event);
  const dimensions = events.flatMap((event) => {
    const { _aws } = metricsOf(event, fields, "s", 0) as {
      _aws: { CloudWatchMetrics: { Dimensions: string[][] }[] };
    };
    return _aws.CloudWatchMetrics.flatMap(({ Dimensions }) => Dimensions.flat());
  });
  expect(new Set(dimensions)).toEqual(new Set(["stack", "outcome"]));
});

test("what is no metric's event carries nothing", () => {
  expect(metricsOf("run.stopped", {}, "s", 0)).toEqual({});
});
