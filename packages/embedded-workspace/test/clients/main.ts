// `npm run test:clients`: clients that nobody here wrote, unmodified, against a started workspace. Needs the network
// once, to install them: the Python SDK and SQL connector from PyPI, the official CLI built by Go from its modules.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startWorkspace, type Workspace } from "../../src/workspace.ts";
import { cliScenario } from "./cli.ts";
import { databricksCli, pythonWithClients } from "./install.ts";

const SUITES = ["sdk", "sql", "cli"] as const;

const asked = process.argv.slice(2);
const unknown = asked.find((name) => !SUITES.some((suite) => suite === name));
if (unknown !== undefined) {
  process.stderr.write(`There is no suite '${unknown}'; there are ${SUITES.join(", ")}.\n`);
  process.exit(2);
}
const failed: string[] = [];
for (const suite of asked.length === 0 ? SUITES : SUITES.filter((name) => asked.includes(name)))
  if (!(await runSuite(suite))) failed.push(suite);
process.stdout.write(failed.length === 0 ? "all clients work\n" : `failed: ${failed.join(", ")}\n`);
process.exitCode = failed.length === 0 ? 0 : 1;

async function runSuite(suite: (typeof SUITES)[number]): Promise<boolean> {
  await using workspace = await startWorkspace({
    log: (line) => void process.stderr.write(`workspace: ${line}\n`),
  });
  const home = mkdtempSync(join(tmpdir(), "workspace-clients-"));
  try {
    const env = environmentOf(workspace, home);
    if (suite === "cli") return await cli(env, workspace, home);
    const python = await pythonWithClients();
    return await python_(python, `test_${suite}`, env);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** The workspace's own variables, and no profile, cache or proxy of this machine. */
function environmentOf(workspace: Workspace, home: string): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "",
    HOME: home,
    LANG: "C.UTF-8",
    NO_PROXY: "127.0.0.1,localhost",
    DATABRICKS_CACHE_ENABLED: "false",
    DATABRICKS_BUNDLE_ENGINE: "direct",
    DATABRICKS_CLI_TELEMETRY_DISABLED: "true",
    ...workspace.env,
  };
}

async function python_(python: string, module: string, env: Record<string, string>) {
  process.stdout.write(`== ${module}\n`);
  const child = spawn(python, ["-m", "unittest", "-v", module], {
    cwd: import.meta.dirname,
    env: { ...env, PYTHONDONTWRITEBYTECODE: "1" },
    stdio: "inherit",
  });
  const [code] = await once(child, "exit");
  return code === 0;
}

async function cli(env: Record<string, string>, workspace: Workspace, home: string) {
  const binary = await databricksCli();
  if (binary === undefined) {
    process.stdout.write("== cli: left out, Go is not installed here\n");
    return true;
  }
  process.stdout.write("== cli\n");
  return cliScenario({ binary, env, workspace, folder: home });
}
