// `npm start` as a newcomer calls it.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startWorkspace } from "../../local/workspace/workspace.ts";
import { until } from "./aws-fixture.ts";

const main = join(import.meta.dirname, "..", "..", "local", "main.ts");
const newFolder = (): string => mkdtempSync(join(tmpdir(), "start-"));

function start(argv: readonly string[], env: NodeJS.ProcessEnv = process.env) {
  const child = spawn(process.execPath, [main, ...argv], { env });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  return { child, output: () => output, ended: endOf(child) };
}

const endOf = async (child: ChildProcess): Promise<number> =>
  Number((await once(child, "close"))[0]);

/** What still runs on behalf of a folder: its path is in the arguments or in the variables of every process of a plane. */
function leftOf(own: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
    return ["cmdline", "environ"].some((file) => textOf(`/proc/${pid}/${file}`).includes(own));
  });
}

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
    expect(leftOf(own).length).toBeGreaterThan(1);
    child.kill("SIGINT");
    expect(await ended).toBe(130);
    expect(output()).toMatch(/ended by SIGINT/);
    expect(leftOf(own)).toEqual([]);
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

test("a folder in which another plane runs is refused", async () => {
  const folder = newFolder();
  writeFileSync(join(folder, "plane.pid"), `${process.pid}\n`);
  const { output, ended } = start(["--folder", folder]);
  expect(await ended).toBe(1);
  expect(output()).toMatch(
    new RegExp(`another local plane runs in .* \\(process ${process.pid}\\)`),
  );
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
