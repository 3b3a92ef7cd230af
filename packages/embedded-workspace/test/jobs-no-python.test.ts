// A machine without a Python that can run tasks: the run says so, and the workspace goes on.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { environments, pythonTask, startJobs } from "./jobs-fixture.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "no-python-"));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const stateMessage = async (path: string): Promise<string> => {
  await using jobs = await startJobs();
  vi.stubEnv("PATH", path);
  const file = await jobs.file("any.py", "print(1)");
  const runId = await jobs.submit({ environments, tasks: [pythonTask(file)] });
  const run = await jobs.finished(runId);
  expect(run.state.life_cycle_state).toBe("INTERNAL_ERROR");
  return run.state.state_message;
};

test("no python3 on PATH", async () => {
  expect(await stateMessage(folder)).toContain("There is no python3 on PATH");
});

test("a python3 that is too old", async () => {
  const fake = join(folder, "python3");
  writeFileSync(fake, "#!/bin/sh\necho /usr/bin/python3\necho 3.9.1\n");
  chmodSync(fake, 0o755);
  const message = await stateMessage([folder, "/bin", "/usr/bin"].join(delimiter));
  expect(message).toContain("python3 on PATH is 3.9.1: put Python 3.10 or later first on PATH");
});
