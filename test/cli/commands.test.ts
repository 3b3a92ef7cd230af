// The commands: their answers to what they find, and to what is typed wrongly.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { bootstrap } from "../../cli/commands/bootstrap.ts";
import { cancel } from "../../cli/commands/cancel.ts";
import { deadLetters } from "../../cli/commands/dead-letters.ts";
import { doctor } from "../../cli/commands/doctor.ts";
import { logs } from "../../cli/commands/logs.ts";
import { newWorkload } from "../../cli/commands/new.ts";
import { retry } from "../../cli/commands/retry.ts";
import { openColumns, runs } from "../../cli/commands/runs.ts";
import { submit } from "../../cli/commands/submit.ts";
import { commands } from "../../cli/commands.ts";
import { linesOf } from "../../cli/frame/columns.ts";
import { programOf } from "../../cli/frame/command-line.ts";
import { agoOf, lengthOf } from "../../cli/frame/words.ts";
import { longestSilentFirst, type OpenRun } from "../../cli/run/select-runs.ts";
import { loginOf } from "../../cli/stage-context.ts";
import { terminalOf } from "../../cli/terminal.ts";
import { UsageError } from "../../cli/usage.ts";
import type { Marker } from "../../shared/domain/facts.ts";
import { freshMarker } from "../../shared/domain/marker.ts";
import { stageOf, stageText } from "../infra/support.ts";
import { ioTo, typed } from "./io.ts";

describe("runs", () => {
  const nowMs = Date.parse("2026-11-21T06:10:00.000Z");
  const minute = 60_000;
  const markerOf = (run_id: string, touchedMs: number, heals = 0): Marker => ({
    ...freshMarker({ run_id, chapter: 2 }, touchedMs),
    heals,
  });
  const shown = (open: readonly OpenRun[]) => {
    const lines: string[] = [];
    const { print } = terminalOf((line) => lines.push(line));
    for (const line of linesOf(openColumns, open, undefined)) print(line);
    return lines;
  };

  test("an open run shows its last sign of life", () => {
    const marker = { ...markerOf("ORD-4711", nowMs - 10 * minute), iter_n: 1, attempt: 3 };
    const open = longestSilentFirst([marker], 1, nowMs);
    expect(shown(open.map((run) => ({ ...run, workload: "cars" })))).toEqual([
      "RUN       CHAPTER  WORKLOAD  ATTEMPT  LAST SIGN OF LIFE",
      "ORD-4711  2        cars      1.3      10 min ago",
    ]);
  });

  test("a heal is no sign of life: the run that has been silent for longest stands first", () => {
    const markers = [
      markerOf("ALIVE-1", nowMs - 5 * minute),
      markerOf("QUEUED-1", nowMs - 29 * minute),
      markerOf("DEAD-1", nowMs - minute, 2),
    ];
    const [dead, queued, alive] = longestSilentFirst(markers, 1, nowMs);
    const submitted = { ...queued!, is_submitted: true };
    expect(shown([dead!, submitted, alive!]).slice(1)).toEqual([
      "DEAD-1    2                  not submitted  over 91 min ago    healed 2 times",
      "QUEUED-1  2                  submitted      29 min ago",
      "ALIVE-1   2                  not submitted  5 min ago",
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

  test.each([
    { seconds: 42.46, expected: "42.5 s" },
    { seconds: 200, expected: "3 min 20 s" },
    { seconds: 3_600, expected: "1 h" },
    { seconds: 7_500, expected: "2 h 5 min" },
  ])("a length of $seconds s is $expected", ({ seconds, expected }) => {
    expect(lengthOf(seconds)).toBe(expected);
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
  const type = async (args: readonly string[], environment: NodeJS.ProcessEnv = {}) => {
    const main = join(import.meta.dirname, "..", "..", "cli", "main.ts");
    const env = {
      ...process.env,
      SIGNALBOX_STAGE: "",
      SIGNALBOX_LOCAL: "/nowhere",
      ...environment,
    };
    try {
      const { stdout } = await promisify(execFile)(process.execPath, [main, ...args], { env });
      return { code: 0, answered: stdout, complaint: "" };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, answered: stdout, complaint: stderr };
    }
  };

  test.each([
    { args: [], says: /^Usage: signalbox <command>/ },
    { args: ["fly"], says: /^unknown command 'fly'\nusage: signalbox <command>/ },
    { args: ["ru"], says: /^unknown command 'ru' \(Did you mean runs\?\)/ },
    { args: ["constructor"], says: /^unknown command 'constructor'/ },
    { args: ["doctor", "--stage", "moon"], says: /there is no stage "moon"/ },
    { args: ["runs", "--stage", "local"], says: /^no plane runs on this machine: start one/ },
    {
      args: ["runs", "--stage", "dev", "--stages", "/nope"],
      says: /^the stages cannot be read: ENOENT.*'\/nope': name their folder \(--stages, /,
    },
    {
      args: ["runs", "extra", "--stage", "dev"],
      says: /too many arguments.*\nusage: signalbox runs/s,
    },
    { args: ["runs", "--jsn"], says: /^unknown option '--jsn' \(Did you mean --json\?\)/ },
    { args: ["dead-letters", "list", "--lim"], says: /usage: signalbox dead-letters list / },
  ])("$args is typed wrongly, and says what to type", async ({ args, says }) => {
    const { code, complaint } = await type(args);
    expect(complaint).toMatch(says);
    expect(code).toBe(2);
  });

  test.each([
    { args: ["help"], answers: /^Usage: signalbox <command>.*\n {2}retry /s },
    { args: ["-h"], answers: /^Usage: signalbox <command>/ },
    { args: ["--version"], answers: /^[0-9]+\.[0-9]+\.[0-9]+\n$/ },
    { args: ["cancel", "-h"], answers: /^Usage: signalbox cancel .*Examples:\n.*Exit codes: 3/s },
    { args: ["help", "cancel"], answers: /^Usage: signalbox cancel / },
    { args: ["dead-letters", "list", "--help"], answers: /^Usage: signalbox dead-letters list / },
    { args: ["complete", "--", "dead-letters", "re"], answers: /^replay\n$/ },
  ])("$args is answered, and no error", async ({ args, answers }) => {
    const { code, answered } = await type(args);
    expect(answered).toMatch(answers);
    expect(code).toBe(0);
  });

  test("what was typed does not move the cursor when it is repeated", async () => {
    const { complaint } = await type(["\u001b[31mred\u0007"]);
    expect(complaint).toContain("unknown command");
    expect(complaint.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
  });

  test("the stage may be a default of the shell", async () => {
    const { complaint } = await type(["runs"], { SIGNALBOX_STAGE: "moon" });
    expect(complaint).toMatch(/^there is no stage "moon"/);
  });

  test("whoever reads the output may have had enough", async () => {
    const main = join(import.meta.dirname, "..", "..", "cli", "main.ts");
    const line = `'${process.execPath}' '${main}' help | head -1`;
    const { stdout, stderr } = await promisify(execFile)("bash", [
      "-c",
      `set -o pipefail; ${line}`,
    ]);
    expect([stdout.split("\n").length, stderr]).toEqual([2, ""]);
  });
});

const io = ioTo([]);

test.each([
  { command: bootstrap, args: [], says: /of somebody who owns the catalog/ },
  { command: deadLetters, args: ["discard"], says: /^name the letters by --run, .*or say --all/ },
  { command: deadLetters, args: ["toString"], says: /^unknown command 'toString'/ },
  { command: deadLetters, args: ["list", "all"], says: /^too many arguments for 'list'/ },
  {
    command: deadLetters,
    args: ["list", "--queue", "polls"],
    says: /^--queue polls: there are tickets, .*failed-starts, example/,
  },
  { command: deadLetters, args: ["show", "--message", "abc"], says: /at least its first 8 char/ },
  { command: deadLetters, args: ["list", "--since", "soon"], says: /must be a time such as/ },
  { command: deadLetters, args: ["replay", "--all", "--set", "x"], says: /say <key>=<value>/ },
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
  { command: cancel, args: [], says: /required option '--reason <text>' not specified/ },
  { command: cancel, args: ["--reason", "r"], says: /^name one run, or select many by --workload/ },
  {
    command: cancel,
    args: ["R-1", "--all", "--reason", "r"],
    says: /^name one run, or select many/,
  },
  { command: cancel, args: ["bad id!", "--reason", "r"], says: /must begin with a letter/ },
  { command: cancel, args: ["R-1", "R-2", "--reason", "r"], says: /^too many arguments/ },
  ...["abc", "1.5", "0"].map((chapter) => ({
    command: cancel,
    args: ["R-1", "--reason", "r", "--chapter", chapter],
    says: /must be a whole number from 1/,
  })),
  { command: retry, args: ["../../x", "--reason", "r"], says: /must begin with a letter/ },
  { command: retry, args: ["R-1", "--reason", "r".repeat(1_001)], says: /^--reason .*: Too big/ },
  { command: retry, args: ["R-1", "--reason", "r", "--set", "a=1"], says: /^--set: .*"a"/ },
  {
    command: retry,
    args: ["--outcome", "fine", "--reason", "r"],
    says: /Allowed choices are succ/,
  },
  {
    command: runs,
    args: ["--open", "--outcome", "failed"],
    says: /^a run that is open has no out/,
  },
  { command: logs, args: ["R-1", "--attempt", "2"], says: /^--attempt is the number within/ },
  { command: submit, args: [], says: /^name the workload, or a file/ },
  { command: submit, args: ["--file", "/nope"], says: /^the file \/nope cannot be read/ },
  { command: submit, args: ["cars", "-p", "year"], says: /^--param year: say <name>=<value>/ },
  {
    command: submit,
    args: ["--file", "-", "--id", "A"],
    says: /^a ticket of a file is sent as it is/,
  },
  { command: newWorkload, args: ["My Cars"], says: /^<name> "My Cars": must be at most 48/ },
])("$args is refused before anything is asked", async ({ command, args, says }) => {
  const [first = "", ...rest] = args;
  const isGroup = command === deadLetters;
  const words = isGroup ? [first, ...rest, "--stage", "dev"] : [...args, "--stage", "dev"];
  const answer = typed(command, words, io);
  await expect(answer).rejects.toBeInstanceOf(UsageError);
  await expect(answer).rejects.toThrow(says);
});

const every = (command: ReturnType<typeof programOf>): readonly ReturnType<typeof programOf>[] => [
  command,
  ...command.commands.flatMap(every),
];

test("the help of every command fits 80 columns, ends its sentences alike, and has examples", () => {
  const lines: string[] = [];
  const program = programOf("1.2.3", commands, ioTo(lines));
  for (const command of every(program)) {
    const from = lines.length;
    command.outputHelp();
    const help = lines.slice(from);
    expect(help[0]).toMatch(/^Usage: signalbox/);
    for (const line of help.filter((each) => !each.startsWith("  signalbox ")))
      expect(line.length, line).toBeLessThanOrEqual(80);
    if (command !== program) expect(help).toContain("Examples:");
    for (const { long, description } of command.options) {
      expect(description, `${command.name()} ${long}`).not.toBe("");
      expect(description, `${command.name()} ${long}`).not.toMatch(/\.$/);
    }
  }
});

test("every example can be typed", () => {
  const program = programOf("1.2.3", commands, ioTo([]));
  const examples = every(program).flatMap((command) => {
    const lines: string[] = [];
    const own = programOf("1.2.3", commands, ioTo(lines));
    every(own)
      .find((each) => pathOf(each) === pathOf(command))
      ?.outputHelp();
    return lines.flatMap((line) => /^ {2}signalbox ([^#]+)/.exec(line)?.[1]?.trim() ?? []);
  });
  expect(examples.length).toBeGreaterThan(30);
  for (const example of examples) expect(faultIn(program, example)).toBeUndefined();
});

const pathOf = (command: ReturnType<typeof programOf>): string =>
  command.parent === null ? "" : `${pathOf(command.parent)} ${command.name()}`;

/** What the parser would refuse, without running anything. */
function faultIn(program: ReturnType<typeof programOf>, line: string): string | undefined {
  const words = line.split(/\s+/);
  let command = program;
  for (const word of words) {
    const next = command.commands.find((each) => each.name() === word);
    if (next === undefined) break;
    command = next;
  }
  if (command === program) return `${line}: no such command`;
  const flags = words.filter((word) => /^--?[a-z]/.test(word));
  const unknown = flags.find(
    (flag) => !command.options.some(({ long, short }) => long === flag || short === flag),
  );
  if (unknown !== undefined) return `${line}: ${unknown}`;
  const missing = command.options.find(
    ({ mandatory, long }) => mandatory && !flags.includes(long ?? ""),
  );
  return missing === undefined ? undefined : `${line}: ${missing.long} is missing`;
}
