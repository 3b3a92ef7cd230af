// The doctor's finding on the warehouse's auto-stop, and the arithmetic behind it.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { awakeHours, sleepFinding } from "../../cli/doctor/warehouse-sleep.ts";

test("the table of docs/pace.md is its arithmetic", () => {
  const docs = readFileSync(new URL("../../docs/pace.md", import.meta.url), "utf8");
  const rows = [10, 100, 1_000, 10_000].map((runs) => {
    const cells = [1, 5, 10].map((autoStop) =>
      [0, 15, 60].map((window) => awakeHours(runs, window, autoStop).toFixed(1)).join(" / "),
    );
    return `| ${runs.toLocaleString("en")} | ${cells.map((cell) => `${cell} h`).join(" | ")} |`;
  });
  expect(docs).toContain(rows.join("\n"));
});

describe("the doctor says of a warehouse", () => {
  test.each([
    {
      given: "that never stops",
      window: 15,
      autoStop: 0,
      status: "warn",
      says: /never stops by itself: it is paid for 24 h a day/,
      remedy: /auto-stop to 1 minute.*awake for 2\.1 h/,
    },
    {
      given: "whose auto-stop is longer than the window",
      window: 15,
      autoStop: 15,
      status: "warn",
      says: /stops after 15 min: .*24\.0 h, because a window of 15 min is no longer/,
      remedy:
        /auto-stop to 1 min \(2\.1 h\), or books\.window_minutes of the stage to 60 \(6\.1 h\)/,
    },
    {
      given: "into which everything is written at once",
      window: "immediately",
      autoStop: 1,
      status: "warn",
      says: /16\.5 h, because a window of 0 min/,
      remedy: /window_minutes of the stage to 60 \(0\.5 h\)/,
    },
    {
      given: "that could stop sooner",
      window: 15,
      autoStop: 5,
      status: "ok",
      says: /stops after 5 min: .* about 8\.5 h; with an auto-stop of 1 min for 2\.1 h/,
      remedy: undefined,
    },
    {
      given: "that stops as soon as it can",
      window: 60,
      autoStop: 1,
      status: "ok",
      says: /stops after 1 min: at 1000 runs a day it is awake for about 0\.5 h$/,
      remedy: undefined,
    },
  ] as const)("$given: $status", ({ window, autoStop, status, says, remedy }) => {
    const books = { window_minutes: window, announce_after: "fact" } as const;
    const finding = sleepFinding({ books }, { auto_stop_mins: autoStop, cluster_size: "2X-Small" });
    expect(finding.status).toBe(status);
    expect(finding.sentence).toMatch(says);
    expect(finding.sentence).toContain("(2X-Small)");
    if (remedy !== undefined) expect((finding as { remedy?: string }).remedy).toMatch(remedy);
  });
});
