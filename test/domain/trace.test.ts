import { expect, test } from "vitest";
import {
  attemptFields,
  isTraceparent,
  traceIdOf,
  traceparentOf,
} from "../../shared/domain/trace.ts";

test("a trace comes along, or is the run's own", () => {
  const own = traceparentOf("ab".repeat(32));
  expect(own).toBe(`00-${"ab".repeat(16)}-${"ab".repeat(8)}-01`);
  expect(isTraceparent(own)).toBe(true);
  for (const text of [
    undefined,
    "",
    "00-x-y-01",
    `00-${"0".repeat(32)}-${"ab".repeat(8)}-01`,
    `00-${"ab".repeat(16)}-${"0".repeat(16)}-01`,
    `${own}0`,
    `x${own}`,
  ])
    expect(isTraceparent(text)).toBe(false);
});

test("a trace is looked for by its id; what is no trace has none", () => {
  expect(traceIdOf(traceparentOf("ab".repeat(32)))).toBe("ab".repeat(16));
  expect(traceIdOf(undefined)).toBeNull();
  expect(traceIdOf("00-x-y-01")).toBeNull();
});

test.each([
  {
    given: "with its trace",
    traceparent: traceparentOf("ab".repeat(32)),
    expected: "ab".repeat(16),
  },
  { given: "without a trace", traceparent: undefined, expected: undefined },
])("a log line says which attempt it speaks of, $given", ({ traceparent, expected }) => {
  const key = { run_id: "ORD-1", chapter: 1, iter_n: 2, attempt: 3 };
  expect(attemptFields({ ...key, ...{ workload: "w" }, traceparent })).toEqual({
    ...key,
    ...(expected !== undefined && { trace_id: expected }),
  });
});
