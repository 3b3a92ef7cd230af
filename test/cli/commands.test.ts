// What the commands make of what they find, and of what is typed wrongly.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { agoOf, linesOf, longestSilentFirst } from "../../cli/commands/runs.ts";
import { loginOf } from "../../cli/stage-context.ts";
import type { Marker } from "../../shared/domain/facts.ts";
import { freshMarker } from "../../shared/domain/marker.ts";
import { stageOf } from "../infra/support.ts";

describe("runs", () => {
  const nowMs = Date.parse("2026-11-21T06:10:00.000Z");
  const minute = 60_000;
  const markerOf = (run_id: string, touchedMs: number, heals = 0): Marker => ({
    ...freshMarker({ run_id, chapter: 2 }, touchedMs),
    heals,
  });

  test("an open run shows its last sign of life", () => {
    const marker = { ...markerOf("ORD-4711", nowMs - 10 * minute), iter_n: 1, attempt: 3 };
    expect(linesOf(longestSilentFirst([marker], 1, nowMs))).toEqual([
      "RUN       CHAPTER  ATTEMPT  LAST SIGN OF LIFE",
      "ORD-4711  2        1.3      10 min ago",
    ]);
    expect(linesOf([])).toEqual(["no run is open"]);
  });

  test("a heal is no sign of life: the run that has been silent for longest stands first", () => {
    const markers = [
      markerOf("ALIVE-1", nowMs - 5 * minute),
      markerOf("QUEUED-1", nowMs - 29 * minute),
      markerOf("DEAD-1", nowMs - minute, 2),
    ];
    expect(linesOf(longestSilentFirst(markers, 1, nowMs)).slice(1)).toEqual([
      "DEAD-1    2        not submitted  over 91 min ago    healed 2 times",
      "QUEUED-1  2        not submitted  29 min ago",
      "ALIVE-1   2        not submitted  5 min ago",
    ]);
  });

  test.each([
    { seconds: 0, expected: "0 s" },
    { seconds: 95, expected: "95 s" },
    { seconds: 12 * 60, expected: "12 min" },
    { seconds: 3.5 * 3_600, expected: "3.5 h" },
    { seconds: 4 * 86_400, expected: "4.0 days" },
  ])("$seconds s is $expected", ({ seconds, expected }) => {
    expect(agoOf(seconds)).toBe(expected);
  });
});

describe("who we are", () => {
  const io = (environment: Record<string, string>) => ({ environment, print: () => {}, user: "x" });

  test("the environment's credentials are taken to the stage's own workspace", async () => {
    const login = await loginOf(stageOf(), io({ DATABRICKS_TOKEN: "t" }));
    expect(login).toEqual({
      host: "https://dbc-1234abcd-5678.cloud.databricks.com",
      httpPath: "/sql/1.0/warehouses/0123456789abcdef",
      credentials: { kind: "pat", token: "t" },
    });
  });

  test("credentials of another workspace are refused", async () => {
    const environment = { DATABRICKS_TOKEN: "t", DATABRICKS_HOST: "https://other.example.com/" };
    await expect(loginOf(stageOf(), io(environment))).rejects.toThrow(
      /DATABRICKS_HOST is https:\/\/other\.example\.com\/, but the stage test works in https:\/\/dbc-/,
    );
  });
});

describe("the command line", () => {
  const type = async (...args: string[]) => {
    const main = join(import.meta.dirname, "..", "..", "cli", "main.ts");
    try {
      const { stdout } = await promisify(execFile)(process.execPath, [main, ...args]);
      return { code: 0, said: stdout };
    } catch (error) {
      const { code, stderr } = error as { code: number; stderr: string };
      return { code, said: stderr };
    }
  };

  test.each([
    { args: ["fly"], says: /there is no command "fly"/ },
    { args: ["doctor"], says: /--stage is missing\nusage: signalbox doctor --stage/ },
    { args: ["doctor", "--stage", "moon"], says: /there is no stage "moon"/ },
    { args: ["runs", "--stag", "dev"], says: /--stag.*\n*usage: signalbox runs/s },
    {
      args: ["dead-letters", "discard", "--stage", "dev"],
      says: /name the letters by --message, --run or --error, or say --all/,
    },
    { args: ["cancel", "--stage", "dev"], says: /<run_id> is missing/ },
    { args: ["bootstrap", "--stage", "dev"], says: /of somebody who owns the catalog/ },
  ])("$args is typed wrongly, and says what to type", async ({ args, says }) => {
    const { code, said } = await type(...args);
    expect(said).toMatch(says);
    expect(code).toBe(2);
  });
});
