// What CloudWatch counts: embedded metric format, with dimensions from closed lists.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { metrics, metricsOf } from "../../shared/domain/metrics.ts";

const log = readFileSync(join(import.meta.dirname, "..", "..", "shared", "log.ts"), "utf8");

test.each(Object.entries(metrics))("%s counts an event of the vocabulary", (_name, { event }) => {
  expect(log).toContain(`"${event}"`);
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

test.each([
  { count: 1, silent: undefined },
  { count: 2, silent: 1 },
])("a marker healed $count times is silent: $silent", ({ count, silent }) => {
  expect(metricsOf("marker.healed", { count }, "s", 0)["markers_silent"]).toBe(silent);
});

test("no dimension but the stack and the outcome: each combination is billed", () => {
  const fields = { count: 5, lag_ms: 1, state: "throttled", outcome: "failed", run_id: "R-1" };
  const dimensions = Object.values(metrics).flatMap(({ event }) => {
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
