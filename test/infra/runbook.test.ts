// Whoever is woken up finds what it means and what to do: every alarm has its impact and its
// section.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as Lambda from "@aws-sdk/client-lambda";
import * as Scheduler from "@aws-sdk/client-scheduler";
import * as SecretsManager from "@aws-sdk/client-secrets-manager";
import * as Sqs from "@aws-sdk/client-sqs";
import { expect, test } from "vitest";
import { commands } from "../../cli/commands.ts";
import { programOf } from "../../cli/frame/command-line.ts";
import { ioTo } from "../cli/io.ts";
import { resourcesOf, templateOf } from "./support.ts";

const runbook = readFileSync(join(import.meta.dirname, "..", "..", "infra", "runbook.md"), "utf8");
const sections = new Map(
  runbook
    .split(/^## /m)
    .slice(1)
    .map((text) => [text.split("\n")[0]?.trim() ?? "", text]),
);
/** As Markdown viewers make a link of a heading. */
const anchorOf = (heading: string) => heading.toLowerCase().replaceAll(" ", "-");
const byAnchor = new Map([...sections].map(([heading, text]) => [anchorOf(heading), text]));

const alarms = Object.values(resourcesOf(templateOf(), "AWS::CloudWatch::Alarm")).map(
  ({ Properties }) => ({
    name: String(Properties["AlarmName"]),
    description: String(Properties["AlarmDescription"]),
  }),
);
const anchorIn = (description: string) => /runbook: \S+#([a-z_-]+)$/.exec(description)?.[1] ?? "";

test.each(alarms)("$name says its impact and leads to its section", ({ description }) => {
  expect(description).toMatch(/^impact: [A-Z].{30,}\. runbook: /);
  const section = byAnchor.get(anchorIn(description)) ?? "";
  for (const part of ["What it means", "Look", "Do"])
    expect(section).toMatch(new RegExp(`^\\*\\*${part}\\*\\*`, "m"));
});

test("no section describes an alarm that is not there", () => {
  const led = new Set(alarms.map(({ description }) => anchorIn(description)));
  const described = [...byAnchor].filter(([, text]) => text.includes("**What it means**"));
  expect(described.map(([anchor]) => anchor).filter((anchor) => !led.has(anchor))).toEqual([]);
});

test.each([
  [
    "dead letters of each queue",
    /-dead-letters-(tickets|orders|turns|watches|reports|records)$/,
    6,
  ],
  ["the age of each queue", /-age-/, 6],
  ["errors of each function", /-errors-(orchestrator|run-poller|ingester)$/, 3],
  ["throttles", /-throttles-/, 3],
  ["durations", /-duration-/, 3],
  ["dropped recursions", /-recursion-/, 3],
  ["the scheduler", /-scheduler-/, 3],
  ["starts that are lost", /-failed-starts-lost$/, 1],
  ["markers that cannot be healed", /-failed-markers$/, 1],
  ["silent markers", /-silent-markers$/, 1],
  ["platform trouble", /-platform-trouble$/, 1],
  ["runs that are not ours", /-strangers$/, 1],
  ["429s", /-throttled$/, 1],
  ["tokens", /-tokens$/, 1],
])("there are alarms on %s", (_what, name, count) => {
  expect(alarms.filter((alarm) => name.test(alarm.name))).toHaveLength(count);
});

const program = programOf("0.0.0", commands, ioTo([]));
const root = join(import.meta.dirname, "..", "..");
const documents = [
  "README.md",
  "SECURITY.md",
  ...readdirSync(join(root, "docs")).flatMap((name) =>
    /\.md$/.test(name) ? [`docs/${name}`] : [],
  ),
].map((file) => readFileSync(join(root, file), "utf8"));
const typed = (text: string) =>
  [...text.matchAll(/npx signalbox ([^`\n#]+)/g)].map(([, words = ""]) => words.trim());

test.each([...new Set([...typed(runbook), ...documents.flatMap(typed)])])(
  "signalbox %s can be typed",
  (words) => {
    const rest = words.split(/\s+/);
    let command = program;
    for (const word of rest)
      command = command.commands.find((each) => each.name() === word) ?? command;
    expect(command).not.toBe(program);
    const known = command.options.flatMap(({ long }) => long ?? []);
    const flags = rest.filter((word) => word.startsWith("--"));
    expect(known).toEqual(expect.arrayContaining(flags));
    const needed = command.options.flatMap(({ mandatory, long }) =>
      mandatory ? (long ?? []) : [],
    );
    expect(flags).toEqual(expect.arrayContaining(needed));
  },
);

test.each([
  ["lambda", Lambda],
  ["scheduler", Scheduler],
  ["secretsmanager", SecretsManager],
  ["sqs", Sqs],
])("every aws %s command of the runbook is one", (service, sdk) => {
  const named = [...runbook.matchAll(new RegExp(`aws ${service} ([a-z-]+)`, "g"))];
  expect(named.length).toBeGreaterThan(0);
  for (const [, command = ""] of named) {
    const name = command.replaceAll(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase());
    expect(sdk).toHaveProperty(`${name}Command`);
  }
});

test("what is searched for in the logs is in the log vocabulary", () => {
  const vocabulary = readFileSync(
    join(import.meta.dirname, "..", "..", "shared", "log.ts"),
    "utf8",
  );
  const events = [...runbook.matchAll(/event = "([a-z.]+)"/g)].map(([, event = ""]) => event);
  expect(events.length).toBeGreaterThan(1);
  for (const event of events) expect(vocabulary).toContain(`| "${event}"`);
  for (const key of ["run_id", "state", "verdict", "outcome", "reason", "queue", "error"])
    expect(vocabulary).toMatch(new RegExp(`readonly ${key}\\?:`));
});
