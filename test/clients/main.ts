// `npm run test:clients`: clients that nobody here wrote, unmodified. The embedded workspace has
// its own suite of them; ours is `signalbox bootstrap`, which calls the official command line.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { startWorkspace } from "embedded-databricks-workspace";
import { bootstrapScenario } from "./bootstrap.ts";

const OURS = "bootstrap";
const workspaceFolder = dirname(
  fileURLToPath(import.meta.resolve("embedded-databricks-workspace/package.json")),
);

const asked = process.argv.slice(2);
const theirs = asked.filter((name) => name !== OURS);
let good = asked.length > 0 && theirs.length === 0 ? true : workspaceSuites(theirs);
if (asked.length === 0 || asked.includes(OURS)) good = (await bootstrap()) && good;
process.exitCode = good ? 0 : 1;

function workspaceSuites(names: readonly string[]): boolean {
  return program("main.ts", names, "inherit").status === 0;
}

async function bootstrap(): Promise<boolean> {
  const binary = program("cli-path.ts", [], ["ignore", "pipe", "inherit"]).stdout.toString().trim();
  if (binary === "") {
    console.log("== bootstrap: left out, Go is not installed here");
    return true;
  }
  console.log("== bootstrap");
  await using workspace = await startWorkspace({
    principals: [{ displayName: "controllers" }, { displayName: "executors" }],
    log: (line) => console.error(`workspace: ${line}`),
  });
  const folder = mkdtempSync(join(tmpdir(), "signalbox-clients-"));
  // Nothing of this machine: no profile, cache or proxy.
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: folder,
    LANG: "C.UTF-8",
    NO_PROXY: "127.0.0.1,localhost",
    DATABRICKS_CACHE_ENABLED: "false",
    DATABRICKS_BUNDLE_ENGINE: "direct",
    DATABRICKS_CLI_TELEMETRY_DISABLED: "true",
    ...workspace.env,
  };
  try {
    await bootstrapScenario({ binary, env, workspace, folder });
    console.log("signalbox bootstrap with the CLI ... ok");
    return true;
  } catch (error) {
    console.log(`signalbox bootstrap with the CLI ... FAILED: ${String(error)}`);
    return false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One of the workspace's own, which knows where the clients are installed. */
function program(
  name: string,
  args: readonly string[],
  stdio: "inherit" | ["ignore", "pipe", "inherit"],
) {
  return spawnSync(process.execPath, [join(workspaceFolder, "test", "clients", name), ...args], {
    stdio,
  });
}
