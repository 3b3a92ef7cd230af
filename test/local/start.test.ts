// `npm start` as a newcomer calls it.
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startWorkspace } from "embedded-databricks-workspace";
import { expect, test } from "vitest";
import { claimFolder } from "../../local/plane/folder.ts";
import { until } from "./aws-fixture.ts";
import { runProgram } from "./run-program.ts";

const newFolder = (): string => mkdtempSync(join(tmpdir(), "start-"));

const start = (argv: readonly string[], env?: NodeJS.ProcessEnv) =>
  runProgram("local/main.ts", argv, env);

/**
 * A process, and all that it and its children started; what they run for is not written on them.
 */
function familyOf(pid: number): readonly number[] {
  const parents = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [
      Number(name),
      Number(/^PPid:\s*(\d+)/m.exec(textOf(`/proc/${name}/status`))?.[1]),
    ]);
  const family = [pid];
  for (const member of family)
    for (const [child = 0, parent] of parents) if (parent === member) family.push(child);
  return family;
}

/** A zombie that nobody has buried runs no more. */
const runs = (pid: number): boolean => /^State:\s+[^Z]/m.test(textOf(`/proc/${pid}/status`));

/** Empty where the process has ended, or is somebody else's. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

test.concurrent("it exits 0 when all ended as they must, shows how, and leaves the files", async () => {
  const own = join(newFolder(), "plane");
  const { output, ended } = start(["--folder", own]);
  expect(await ended, output()).toBe(0);
  for (const sign of [
    /MODEL-1 +4\.1 +succeeded: the gate passed: rmse is 2\.69/,
    /MODEL-1 +weather-model +succeeded/,
    /REPORT-1999 +weather-report +failed/,
    /CANCEL-ME +weather-report +cancelled/,
    /there is no workload "weather-forcast"/,
    /the message is not JSON/,
    /REPORT-2015: sent twice: one run, 1 Databricks run/,
    /All ended as they must/,
  ])
    expect(output()).toMatch(sign);
  const facts = /facts +(\/.*)/.exec(output())?.[1] ?? "";
  expect(existsSync(join(facts, "run_MODEL-1", "outcome_1.json"))).toBe(true);
  expect(readFileSync(join(own, "events.jsonl"), "utf8")).toMatch(/"Run Outcome"/);
});

test.concurrent("a demonstration that was killed goes on with --no-demo, and the next one empties it", async () => {
  const own = join(newFolder(), "plane");
  const first = start(["--folder", own, "--stay"]);
  await until("MODEL-1 is under way", () => /MODEL-1 +1\.1 +submitted/.test(first.output()));
  const plane = /plane ([0-9a-f-]{36}): made/.exec(first.output())?.[1] ?? "none";
  first.child.kill("SIGKILL");
  await first.ended;
  const second = start(["--folder", own, "--no-demo"]);
  await until("MODEL-1 ends", () => /MODEL-1 +in the ledger/.test(second.output()));
  expect(second.output()).toMatch(new RegExp(`plane ${plane} goes on with .*MODEL-1\\.1`));
  expect(second.output()).toMatch(/MODEL-1 +\d\.\d +outcome succeeded/);
  second.child.kill("SIGINT");
  expect(await second.ended, second.output()).toBe(0);
  const third = start(["--folder", own]);
  await until("the sentence", () =>
    third.output().includes(`emptied ${own}: the plane of before is gone`),
  );
  await until("another plane", () => /plane [0-9a-f-]{36}: made/.test(third.output()));
  expect(third.output()).not.toContain(plane);
  third.child.kill("SIGINT");
  await third.ended;
});

test.concurrent("it works against a workspace that the environment names", async () => {
  const folder = newFolder();
  await using workspace = await startWorkspace({ data: join(folder, "workspace") });
  const environment = {
    PATH: process.env["PATH"],
    ...workspace.env,
    SIGNALBOX_CATALOG: "main",
    SIGNALBOX_SCHEMA: "ops",
    SIGNALBOX_RUN_AS: workspace.other.id,
    SIGNALBOX_CA_FILE: join(folder, "workspace", "ca.pem"),
  };
  const argv = ["--workspace", "env", "--time-scale", "0.02", "--folder", join(folder, "plane")];
  const { output, ended } = start(argv, environment);
  expect(await ended, output()).toBe(0);
  expect(output()).toMatch(/All ended as they must/);
  const submitted = workspace.requests({ route: "runs/submit" });
  expect(submitted.length).toBeGreaterThanOrEqual(7);
});

// Only Linux shows other processes' variables as files.
test.runIf(existsSync("/proc/self/environ"))(
  "Ctrl-C ends it, with every process that it started",
  { concurrent: true },
  async () => {
    // Executed code knows nothing of the plane's folder: it works below the temporary one.
    const own = newFolder();
    const argv = ["--folder", join(own, "plane")];
    const { child, output, ended } = start(argv, { ...process.env, TMPDIR: own });
    await until("something runs", () => /CANCEL-ME .*running/.test(output()));
    const family = familyOf(child.pid ?? 0);
    expect(family.length).toBeGreaterThan(1);
    child.kill("SIGINT");
    expect(await ended).toBe(130);
    expect(output()).toMatch(/ended by SIGINT/);
    expect(family.filter(runs)).toEqual([]);
  },
);

test.each([
  {
    what: "an option that is not there",
    argv: ["--speed", "9"],
    sign: /--speed[\s\S]*npm start -- \[options\]/,
  },
  {
    what: "a time scale of nothing",
    argv: ["--time-scale", "0"],
    sign: /"0" is no number above 0/,
  },
  { what: "a workspace that is neither", argv: ["--workspace", "moon"], sign: /"moon" is neither/ },
])("$what is refused with a sentence and the usage", async ({ argv, sign }) => {
  const { output, ended } = start(argv);
  expect(await ended).toBe(2);
  expect(output()).toMatch(sign);
});

test("a folder with somebody's files is not emptied", async () => {
  const folder = newFolder();
  writeFileSync(join(folder, "thesis.txt"), "years of work");
  const { output, ended } = start(["--folder", folder]);
  expect(await ended).toBe(1);
  expect(output()).toMatch(/holds files that no local plane made/);
  expect(existsSync(join(folder, "thesis.txt"))).toBe(true);
});

test("a folder in which another plane runs is refused, whatever number its process has", async () => {
  const folder = join(newFolder(), "plane");
  {
    using _claimed = claimFolder(folder);
    const { output, ended } = start(["--folder", folder]);
    expect(await ended).toBe(1);
    expect(output()).toMatch(
      new RegExp(`another local plane runs in .* \\(process ${process.pid}\\)`),
    );
  }
  // Its number may be somebody else's by now; the claim ended with the process.
  writeFileSync(join(folder, "plane.pid"), "1\n");
  claimFolder(folder)[Symbol.dispose]();
});

test.each([
  { missing: "DATABRICKS_HOST", environment: {} },
  { missing: "DATABRICKS_HTTP_PATH", environment: { DATABRICKS_HOST: "https://w.example" } },
  {
    missing: "DATABRICKS_CLIENT_ID",
    environment: { DATABRICKS_HOST: "w.example", DATABRICKS_WAREHOUSE_ID: "a1" },
  },
  {
    missing: "SIGNALBOX_RUN_AS",
    environment: {
      DATABRICKS_HOST: "w.example",
      DATABRICKS_WAREHOUSE_ID: "a1",
      DATABRICKS_CLIENT_ID: "c",
      DATABRICKS_CLIENT_SECRET: "s",
      SIGNALBOX_CATALOG: "main",
      SIGNALBOX_SCHEMA: "ops",
    },
  },
])("a real workspace without $missing is refused by its name", async ({ missing, environment }) => {
  const argv = ["--workspace", "env", "--folder", join(newFolder(), "plane")];
  const { output, ended } = start(argv, { PATH: process.env["PATH"], ...environment });
  expect(await ended).toBe(1);
  expect(output()).toContain(missing);
});
