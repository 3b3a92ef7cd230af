// Whoever is woken up finds what it means and what to do: every alarm has its impact and its section.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
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
const anchorIn = (description: string) => /runbook: \S+#([a-z-]+)$/.exec(description)?.[1] ?? "";

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
  ["dead letters of each queue", /-dead-letters-(tickets|turns|watches|reports|records)$/, 5],
  ["the age of each queue", /-age-/, 5],
  ["errors of each function", /-errors-(orchestrator|run-poller|ingester)$/, 3],
  ["throttles", /-throttles-/, 3],
  ["durations", /-duration-/, 3],
  ["dropped recursions", /-recursion-/, 3],
  ["the scheduler", /-scheduler-/, 2],
  ["silent markers", /-silent-markers$/, 1],
  ["platform trouble", /-platform-trouble$/, 1],
  ["429s", /-throttled$/, 1],
  ["tokens", /-tokens$/, 1],
])("there are alarms on %s", (_what, name, count) => {
  expect(alarms.filter((alarm) => name.test(alarm.name))).toHaveLength(count);
});
