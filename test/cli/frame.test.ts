// The frame of every command: columns, progress, colours, completion, turns.
import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type Column, linesOf } from "../../cli/frame/columns.ts";
import { inTurns } from "../../cli/frame/in-turns.ts";
import { progressOf } from "../../cli/frame/progress.ts";
import { hasColours, stateLine } from "../../cli/frame/screen.ts";
import { type Line, terminalOf } from "../../cli/terminal.ts";

const shown = (lines: readonly Line[], hasColours = false): string[] => {
  const seen: string[] = [];
  const { print } = terminalOf((line) => seen.push(line), { hasColours });
  for (const line of lines) print(line);
  return seen;
};

describe("columns", () => {
  type Row = { readonly id: string; readonly reason: string };
  const columns: readonly Column<Row>[] = [
    { title: "ID", cell: ({ id }) => id },
    { title: "WIDE", cell: () => "w", from: 100 },
    { title: "OUTCOME", cell: () => ({ text: "failed", tone: "bad" }) },
    { title: "REASON", cell: ({ reason }) => reason, charsMin: 10 },
  ];
  const row = { id: "ORD-4711", reason: "a reason that is rather long, and needs more room" };

  test("in a pipe nothing is cut, and nothing left out", () => {
    expect(shown(linesOf(columns, [row], undefined))).toEqual([
      "ID        WIDE  OUTCOME  REASON",
      `ORD-4711  w     failed   ${row.reason}`,
    ]);
  });

  test.each([40, 60, 80])("on a screen of %i columns all fits", (width) => {
    const lines = shown(linesOf(columns, [row], width));
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
    expect(lines[0]).toMatch(/^ID +OUTCOME +REASON$/);
    expect(lines[1]).toMatch(/^ORD-4711 +failed +a reason/);
  });

  test("what must not be cut is whole, even if it is wider than the screen", () => {
    expect(shown(linesOf(columns, [{ ...row, id: "x".repeat(50) }], 40))[1]).toContain(
      "x".repeat(50),
    );
  });

  test("colours do not move columns", () => {
    const [, plain = ""] = shown(linesOf(columns, [row], 80));
    const [, painted = ""] = shown(linesOf(columns, [row], 80), true);
    expect(painted).toContain("\u001b[31mfailed\u001b[39m");
    expect(painted.replaceAll("\u001b[31m", "").replaceAll("\u001b[39m", "")).toBe(plain);
  });
});

test.each([
  { isTTY: true, environment: {}, expected: true },
  { isTTY: false, environment: {}, expected: false },
  { isTTY: true, environment: { NO_COLOR: "1" }, expected: false },
  { isTTY: true, environment: { NO_COLOR: "" }, expected: true },
  { isTTY: true, environment: { TERM: "dumb" }, expected: false },
  { isTTY: false, environment: { FORCE_COLOR: "1" }, expected: true },
  { isTTY: true, environment: { NO_COLOR: "1", FORCE_COLOR: "1" }, expected: false },
])(
  "a terminal ($isTTY) with $environment has colours: $expected",
  ({ isTTY, environment, expected }) => {
    expect(hasColours({ isTTY } as never, environment)).toBe(expected);
  },
);

describe("progress", () => {
  afterEach(() => vi.useRealTimers());

  test("is shown of what takes longer than two seconds, and goes away", () => {
    vi.useFakeTimers();
    const states: (string | undefined)[] = [];
    const progress = progressOf({ showState: (line) => states.push(line) }, "reading");
    progress.at(1, 10);
    vi.advanceTimersByTime(2_500);
    progress.at(5, 10);
    progress.at(6, 10); // not more than ten times a second
    vi.advanceTimersByTime(200);
    progress.at(10);
    progress[Symbol.dispose]();
    expect(states).toEqual([
      "reading [############------------] 5 of 10 3 s",
      "reading 10 3 s",
      undefined,
    ]);
  });

  test("of what was quick leaves nothing to take away", () => {
    const states: (string | undefined)[] = [];
    progressOf({ showState: (line) => states.push(line) }, "reading")[Symbol.dispose]();
    expect(states).toEqual([]);
  });

  test("stands in one line of the screen, and nowhere else", () => {
    const written: string[] = [];
    const write = (text: string) => written.push(text) > 0;
    const show = stateLine({ isTTY: true, columns: 10, write } as never);
    show("a line that is too long");
    show(undefined);
    expect(written).toEqual(["\r\u001b[Ka line th", "\r\u001b[K"]);
    stateLine({ isTTY: false, columns: 0, write } as never)("nothing");
    expect(written).toHaveLength(2);
  });
});

describe("in turns", () => {
  test("no more than so many are under way, and the results keep their order", async () => {
    let [now, most] = [0, 0];
    const results = await inTurns(
      Array.from({ length: 50 }, (_, i) => i),
      async (i) => {
        most = Math.max(most, ++now);
        await new Promise((resolve) => setTimeout(resolve, i % 3));
        now--;
        return i * 2;
      },
    );
    expect(most).toBe(8);
    expect(results).toEqual(Array.from({ length: 50 }, (_, i) => i * 2));
  });

  test("after a failure no further one is begun", async () => {
    let begun = 0;
    const work = inTurns(
      Array.from({ length: 50 }, (_, i) => i),
      async (i) => {
        begun++;
        await Promise.resolve();
        if (i === 3) throw new Error("four");
      },
    );
    await expect(work).rejects.toThrow("four");
    expect(begun).toBeLessThan(20);
  });
});

describe("completion", () => {
  const main = join(import.meta.dirname, "..", "..", "cli", "main.ts");
  const bin = mkdtempSync(join(tmpdir(), "signalbox-bin-"));
  writeFileSync(join(bin, "signalbox"), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`);
  chmodSync(join(bin, "signalbox"), 0o755);
  const env = { ...process.env, PATH: `${bin}:${process.env["PATH"]}` };

  /** What bash would offer after these words, the last of which is not finished. */
  const offered = async (...words: readonly string[]): Promise<readonly string[]> => {
    const script = `eval "$(signalbox completion bash)"
      COMP_WORDS=(signalbox ${words.map((word) => `'${word}'`).join(" ")})
      COMP_CWORD=${words.length}
      _signalbox
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = await promisify(execFile)("bash", ["-c", script], { env });
    return stdout.trim().split("\n");
  };

  test.each([
    { words: ["re"], expected: ["retry"] },
    { words: ["dead-letters", ""], expected: ["list", "show", "replay", "discard", "help"] },
    { words: ["dead-letters", "replay", "--ra"], expected: ["--rate"] },
    { words: ["runs", "--outcome", "s"], expected: ["succeeded"] },
    { words: ["completion", ""], expected: ["bash", "zsh", "fish"] },
    { words: ["status", "--"], expected: ["--stage", "--stages", "--json", "--help"] },
    { words: ["submit", "--id", "x"], expected: [""] },
  ])("after $words bash offers $expected", async ({ words, expected }) => {
    expect((await offered(...words)).toSorted()).toEqual(expected.toSorted());
  });

  test("the hidden command is offered to nobody", async () => {
    expect(await offered("comp")).toEqual(["completion"]);
  });
});
