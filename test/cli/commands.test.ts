// What the commands make of what they find, and of what is typed wrongly.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { bootstrap } from "../../cli/commands/bootstrap.ts";
import { cancel } from "../../cli/commands/cancel.ts";
import { deadLetters } from "../../cli/commands/dead-letters.ts";
import { doctor } from "../../cli/commands/doctor.ts";
import { retry } from "../../cli/commands/retry.ts";
import { agoOf, linesOf, longestSilentFirst, runs } from "../../cli/commands/runs.ts";
import { loginOf } from "../../cli/stage-context.ts";
import { UsageError } from "../../cli/usage.ts";
import type { Marker } from "../../shared/domain/facts.ts";
import { freshMarker } from "../../shared/domain/marker.ts";
import { stageOf, stageText } from "../infra/support.ts";
import { ioTo } from "./io.ts";

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
  const as = (environment: Record<string, string>) => ioTo([], environment);

  test("the environment's credentials are taken to the stage's own workspace", async () => {
    const login = await loginOf(stageOf(), as({ DATABRICKS_TOKEN: "t" }));
    expect(login).toEqual({
      host: "https://dbc-1234abcd-5678.cloud.databricks.com",
      httpPath: "/sql/1.0/warehouses/0123456789abcdef",
      credentials: { kind: "pat", token: "t" },
    });
  });

  test.each([
    {
      given: "nothing at all",
      more: "",
      environment: {},
      says: /^nobody to sign in to Databricks as: the stage test names no databricks\.on_call, and DATABRICKS_TOKEN is not set, nor DATABRICKS_CLIENT_ID with DATABRICKS_CLIENT_SECRET/,
    },
    {
      given: "a principal without a stored secret",
      more: "on_call: { client_id: 44444444-4444-4444-8444-444444444444 }",
      environment: {},
      says: /^nobody to sign in to Databricks as: databricks\.on_call of the stage test names no secret/,
    },
    {
      given: "an id without its secret",
      more: "",
      environment: { DATABRICKS_CLIENT_ID: "x" },
      says: /^the environment holds half of a principal's credentials: DATABRICKS_CLIENT_SECRET is missing$/,
    },
    {
      given: "a secret without its id",
      more: "",
      environment: { DATABRICKS_CLIENT_SECRET: "x" },
      says: /^the environment holds half of a principal's credentials: DATABRICKS_CLIENT_ID is missing$/,
    },
  ])("with $given, what is missing is said", async ({ more, environment, says }) => {
    const stage = stageOf(stageText.replace("catalog: main", `catalog: main\n  ${more}`));
    await expect(loginOf(stage, as(environment))).rejects.toThrow(says);
  });

  test("credentials of another workspace are refused", async () => {
    const environment = { DATABRICKS_TOKEN: "t", DATABRICKS_HOST: "https://other.example.com/" };
    await expect(loginOf(stageOf(), as(environment))).rejects.toThrow(
      /DATABRICKS_HOST is https:\/\/other\.example\.com\/, but the stage test works in https:\/\/dbc-/,
    );
  });
});

describe("the command line", () => {
  const type = async (args: readonly string[]) => {
    const main = join(import.meta.dirname, "..", "..", "cli", "main.ts");
    try {
      const { stdout } = await promisify(execFile)(process.execPath, [main, ...args]);
      return { code: 0, answered: stdout, complaint: "" };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, answered: stdout, complaint: stderr };
    }
  };

  test.each([
    { args: [], says: /^signalbox <command>/ },
    { args: ["fly"], says: /^there is no command "fly"\nsignalbox <command>/ },
    { args: ["constructor"], says: /^there is no command "constructor"/ },
    { args: ["doctor"], says: /^--stage is missing\nusage: signalbox doctor --stage/ },
    { args: ["doctor", "--stage", "moon"], says: /there is no stage "moon"/ },
    {
      args: ["runs", "--stage", "dev", "--stages", "/nope"],
      says: /^the stages cannot be read: ENOENT.*'\/nope': name their folder \(--stages, /,
    },
    { args: ["runs", "extra", "--stage", "dev"], says: /extra.*\n*usage: signalbox runs/s },
  ])("$args is typed wrongly, and says what to type", async ({ args, says }) => {
    const { code, complaint } = await type(args);
    expect(complaint).toMatch(says);
    expect(code).toBe(2);
  });

  test.each([
    { args: ["help"], answers: /^signalbox <command>\n.*signalbox retry /s },
    { args: ["-h"], answers: /^signalbox <command>/ },
    { args: ["cancel", "-h"], answers: /^stops a run.*\nusage: signalbox cancel <run_id>/ },
    { args: ["dead-letters", "list", "--help"], answers: /\nusage: signalbox dead-letters list/ },
  ])("$args is answered, and no error", async ({ args, answers }) => {
    const { code, answered } = await type(args);
    expect(answered).toMatch(answers);
    expect(code).toBe(0);
  });
});

const io = ioTo([]);

test.each([
  { command: bootstrap, args: [], says: /of somebody who owns the catalog/ },
  {
    command: deadLetters,
    args: ["discard"],
    says: /^name the letters by --message, --run or --error, or say --all/,
  },
  {
    command: deadLetters,
    args: ["toString"],
    says: /^dead-letters toString: say list, show, replay or discard/,
  },
  {
    command: deadLetters,
    args: ["list", "all"],
    says: /^"all" is too much: only list, show, replay or discard is wanted there/,
  },
  {
    command: deadLetters,
    args: ["list", "--queue", "polls"],
    says: /^--queue polls: there are tickets, .*failed-starts, example/,
  },
  {
    command: doctor,
    args: ["--workload", "weather-report"],
    says: /^--workload says whose compute is tried: it goes with --probe$/,
  },
  {
    command: doctor,
    args: ["--probe", "--workload", "moon"],
    says: /^--workload moon: there are evaluation-agent, weather-model, weather-report$/,
  },
  { command: cancel, args: [], says: /<run_id> is missing/ },
  { command: cancel, args: ["R-1"], says: /--reason is missing/ },
  { command: cancel, args: ["bad id!"], says: /^<run_id> "bad id!": must begin with a letter/ },
  {
    command: cancel,
    args: ["R-1", "R-2"],
    says: /^"R-2" is too much: only <run_id> is wanted there/,
  },
  ...["abc", "1.5", "0"].map((chapter) => ({
    command: cancel,
    args: ["R-1", "--reason", "r", "--chapter", chapter],
    says: /^--chapter "[^"]+": must be a whole number from 1$/,
  })),
  {
    command: retry,
    args: ["../../x"],
    says: /^<run_id> "\.\.\/\.\.\/x": must begin with a letter/,
  },
  { command: retry, args: ["R-1", "--reason", "r".repeat(1_001)], says: /^--reason .*: Too big/ },
])("$args is refused before anything is asked", async ({ command, args, says }) => {
  const typed = command.run([...args, "--stage", "dev"], io);
  await expect(typed).rejects.toBeInstanceOf(UsageError);
  await expect(typed).rejects.toThrow(says);
});

test.each([bootstrap, cancel, deadLetters, doctor, retry, runs])(
  "every option of a command is in its usage: $usage",
  async ({ usage, run }) => {
    const known = [
      ...["stage", "stages", "workloads", "reason", "chapter", "queue", "message", "run", "error"],
      ...["all", "dry-run", "json", "no-aws", "no-warehouse", "probe", "workload"],
    ];
    for (const option of known) {
      // Without a stage no command goes on; an option that it does not know is said before that.
      const complaint = await run([`--${option}`], io).catch(String);
      const isKnown = !String(complaint).includes(`Unknown option '--${option}'`);
      const isSaid = new RegExp(`--${option}(?![a-z-])`).test(usage);
      expect(`${option} ${isSaid}`).toBe(`${option} ${isKnown}`);
    }
  },
);
