// Nothing that somebody else wrote reaches a screen as it is: by every way that leads there.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openColumns, overColumns } from "../../cli/commands/runs.ts";
import { fail, linesOf, warn } from "../../cli/doctor/check.ts";
import { linesOf as rowLines } from "../../cli/frame/columns.ts";
import { momentLines, wrapped } from "../../cli/run/moment-lines.ts";
import { longestSilentFirst } from "../../cli/run/select-runs.ts";
import { table, terminalOf } from "../../cli/terminal.ts";
import { logLineOf, progressLine } from "../../local/plane/progress.ts";
import { tableOf } from "../../local/plane/table.ts";
import type { OutcomeFact } from "../../shared/domain/facts.ts";
import { freshMarker } from "../../shared/domain/marker.ts";

const C0 = Array.from({ length: 32 }, (_, code) => String.fromCharCode(code)).join("");
const C1 = Array.from({ length: 33 }, (_, code) => String.fromCharCode(127 + code)).join("");
const BIDI = "\u061C\u200E\u200F\u202A\u202B\u202C\u202D\u202E\u2066\u2067\u2068\u2069";
const hostile = [
  { given: "line breaks", text: "a\r\nFAKE  LINE\u2028b\u2029c\u0085d" },
  { given: "what a terminal obeys", text: `a\u001b[2J\u001b]0;title\u0007${C0}b` },
  { given: "the controls of C1", text: `a${C1}\u009b2Jb` },
  { given: "what turns the direction", text: `a${BIDI}b` },
  { given: "10,000 characters", text: "x".repeat(10_000) },
  { given: "10,000 characters of it", text: "\u001b[2J".repeat(2_500) },
  { given: "half a pair", text: "a\ud800b\udc00" },
];

// Blanks are the only white space.
const OBEYED = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
const LINE_CHARS_MAX = 4_001;

function areHarmless(lines: readonly string[]): void {
  for (const line of lines) {
    expect(line).not.toMatch(OBEYED);
    expect(line.length).toBeLessThanOrEqual(LINE_CHARS_MAX);
  }
}

describe.each(hostile)("$given", ({ text }) => {
  const screen = () => {
    const seen: string[] = [];
    return { seen, ...terminalOf((line) => seen.push(line)) };
  };

  test("in a line", () => {
    const { seen, ...terminal } = screen();
    terminal.print(text);
    terminal.print(`replayed: tickets ${text} ${text}: ${text}`);
    areHarmless(seen);
  });

  test("in JSON, which is whole all the same", () => {
    const { seen, ...terminal } = screen();
    const value = { reason: text, [text]: [text] };
    terminal.printJson(value);
    expect(JSON.parse(seen[0] ?? "")).toEqual(JSON.parse(JSON.stringify(value)));
    expect(seen[0]).not.toMatch(OBEYED);
    terminal.printJson(value, 2);
    expect(JSON.parse(seen[1] ?? "")).toEqual(JSON.parse(JSON.stringify(value)));
    expect(seen[1]?.replaceAll("\n", "")).not.toMatch(OBEYED);
  });

  test("in a table, where every cell has its bound", () => {
    const lines = table([
      ["QUEUE", text],
      [text, "reason"],
    ]);
    expect(lines).toHaveLength(2);
    areHarmless(lines);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(2 * 501 + 2);
    areHarmless(tableOf(["run_id", "reason"], [{ run_id: text, reason: text }]));
  });

  test("in what the doctor finds", () => {
    const { seen, ...terminal } = screen();
    for (const finding of [fail(text, text), warn(text, text)])
      for (const line of linesOf({ id: text, ...finding })) terminal.print(line);
    areHarmless(seen);
  });

  test.each([undefined, 80])("in the runs that are open or over, on a screen of %s", (width) => {
    const { seen, ...terminal } = screen();
    const open = longestSilentFirst([freshMarker({ run_id: text, chapter: 1 }, 0)], 1, 1);
    for (const line of rowLines(openColumns, [{ ...open[0]!, workload: text }], width))
      terminal.print(line);
    const over = { run_id: text, workload: text, outcome: "failed", reason: text, ended_at: text };
    for (const line of rowLines(overColumns, [over as unknown as OutcomeFact], width))
      terminal.print(line);
    expect(seen).toHaveLength(4);
    areHarmless(seen);
  });

  test("in a moment of a run, in as many lines as the screen needs", () => {
    const { seen, ...terminal } = screen();
    const moment = { at: text, what: "ticket", chapter: 1, attempt: text, sentence: text } as const;
    for (const columns of [undefined, 80])
      for (const line of momentLines({ ...moment, tone: "bad" }, { columns })) terminal.print(line);
    for (const line of wrapped(text, { columns: 20 })) terminal.print(line);
    areHarmless(seen);
  });

  test("in colour, where only the colour is obeyed", () => {
    const seen: string[] = [];
    const terminal = terminalOf((line) => seen.push(line), { hasColours: true });
    terminal.print(["a ", { text, tone: "bad" }]);
    areHarmless(seen.map((line) => line.replaceAll("\u001b[31m", "").replaceAll("\u001b[39m", "")));
  });

  test("in the log, as the local plane shows it", () => {
    const fields = { run_id: text, reason: text, queue: text, workload: text, state: text };
    const events = readFileSync(join(root, "shared", "log.ts"), "utf8").matchAll(/\| "([a-z.]+)"/g);
    for (const [, event] of events) {
      const more = { service: text, event, error: { message: text }, verdict: text, outcome: text };
      const line = logLineOf(JSON.stringify({ ...fields, ...more }));
      areHarmless([(line && progressLine(1, line)) ?? ""]);
    }
  });
});

test("columns stay where they are", () => {
  const seen: string[] = [];
  terminalOf((line) => seen.push(line)).print("      → look   there");
  expect(seen).toEqual(["      → look   there"]);
});

const root = join(import.meta.dirname, "..", "..");

test("nothing else writes to the screen", () => {
  const files = globSync(["cli/**/*.ts", "local/plane/*.ts", "local/main.ts"], { cwd: root });
  expect(files.length).toBeGreaterThan(20);
  const written = files.flatMap((file) =>
    readFileSync(join(root, file), "utf8")
      .split("\n")
      .filter((line) => /console\.|process\.std(out|err)/.test(line))
      .map((line) => `${file}: ${line.trim()}`),
  );
  // Our own words, or through the one function.
  for (const line of written)
    expect(line).toMatch(
      /terminalOf\(|shownLine\(|shownText\(|USAGE|log\(text\)|const \{ stdout, stderr|stdout\.on\(|complain: \(line\) =>/,
    );
});
