// The short version of `npm run torture`.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { torture } from "./torture.ts";

test("a plane that is killed at random moments loses nothing, and runs nothing twice", {
  timeout: 300_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "torture-"));
  const lines: string[] = [];
  const { faults, tickets, executions } = await torture({
    ...{ folder, kills: 3, tickets: 6, seed: 7 },
    print: (line) => lines.push(line),
  });
  expect(faults, `${folder}\n${lines.join("\n")}`).toEqual([]);
  expect(tickets).toBeGreaterThanOrEqual(6);
  expect(executions).toBeGreaterThanOrEqual(tickets);
  rmSync(folder, { recursive: true, force: true });
});
