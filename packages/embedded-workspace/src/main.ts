#!/usr/bin/env node
// The command: one workspace on 127.0.0.1, the shell lines that point clients at it on stdout, its
// log on stderr.
// Not by the name of the function: an old Node could not even say that it is too old.
import nodeModule from "node:module";
import { parseArgs } from "node:util";
import type { Workspace, WorkspaceOptions } from "./workspace.ts";

const USAGE = `embedded-databricks-workspace [options]

  --port PORT        where it listens on 127.0.0.1 (default: a free port, or the one that --data remembers)
  --data DIR         keep everything in this folder, over SIGKILL and restarts
  --latency MS       wait before each answer
  --no-tls           plain HTTP (default: HTTPS with a certificate of its own)
  --sql ENGINE       duckdb (default) or spark
  --time-scale N     workspace seconds in a second: at 100, a run of 300 s lasts 3 s
  --rate-limits      answer 429 beyond the platform's requests per second
  --quiet            no log on stderr

It executes what it is given. To use it in a shell:
  embedded-databricks-workspace > workspace.env &  …  . ./workspace.env`;

try {
  requireNode(process.versions.node);
  const options = optionsFrom(process.argv.slice(2));
  if (options === undefined) process.stderr.write(`${USAGE}\n`);
  else await run(options);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

/** It needs SQLite in Node, and JSON numbers digit by digit. @throws Error with one sentence */
function requireNode(version: string): void {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < 22 || (major === 22 && minor < 13))
    throw new Error(`The embedded workspace needs Node 22.13 or later; this is Node ${version}.`);
}

async function run(options: WorkspaceOptions): Promise<void> {
  // Stripping types and compiling takes most of a start; with the cache, only the first one pays
  // for it.
  nodeModule.enableCompileCache();
  const { startWorkspace } = await import("./workspace.ts");
  const workspace = await startWorkspace(options);
  // First: whoever reads the lines may end it at once.
  endOnSignal(workspace);
  process.stdout.write(
    Object.entries(workspace.env)
      .map(([name, value]) => `export ${name}=${quoted(value)}\n`)
      .join(""),
  );
}

/** @throws Error with one sentence that names the argument */
function optionsFrom(args: readonly string[]): WorkspaceOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      port: { type: "string" },
      data: { type: "string" },
      latency: { type: "string" },
      tls: { type: "boolean", default: true },
      sql: { type: "string", default: "duckdb" },
      "time-scale": { type: "string" },
      "rate-limits": { type: "boolean", default: false },
      quiet: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  const { sql } = values;
  if (sql !== "duckdb" && sql !== "spark")
    throw new Error(`--sql must be duckdb or spark; it was '${sql}'.`);
  const port = numberFrom("--port", values.port, 0, 65_535);
  const latencyMs = numberFrom("--latency", values.latency, 0, 60_000);
  const timeScale = numberFrom("--time-scale", values["time-scale"], 0.001, 1_000_000);
  return {
    tls: values.tls,
    sql,
    settings: { rateLimits: values["rate-limits"] },
    ...(port !== undefined && { port }),
    ...(values.data !== undefined && { data: values.data }),
    ...(latencyMs !== undefined && { latencyMs }),
    ...(timeScale !== undefined && { timeScale }),
    ...(!values.quiet && { log: (line: string) => void process.stderr.write(`${line}\n`) }),
  };
}

function numberFrom(
  name: string,
  text: string | undefined,
  min: number,
  max: number,
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === "" || !(value >= min && value <= max))
    throw new Error(`${name} must be a number from ${min} to ${max}; it was '${text}'.`);
  return value;
}

/** The first signal ends it in order; the second at once. */
function endOnSignal(workspace: Workspace): void {
  let ending = false;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => {
      if (ending) process.exit(1);
      ending = true;
      workspace.close().then(
        () => process.exit(0),
        (error) => {
          process.stderr.write(`it did not end cleanly: ${String(error)}\n`);
          process.exit(1);
        },
      );
    });
}

function quoted(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}
