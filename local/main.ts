// `npm start`: runs a whole plane on this machine with a few tickets, and reports what became of
// them; it exits 0 only if all ended as they must. `npm run dev`: a plane to work with.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { shownLine, terminalOf } from "../cli/terminal.ts";
import type { SourceFile } from "../infra/executor.ts";
import { messageOf } from "../shared/domain/body.ts";
import { dataIn, findPython, venvBin, withFirst } from "./plane/machine.ts";
import { readSecrets } from "./plane/own-secrets.ts";
import { report } from "./plane/report.ts";
import { announceStage, pasteLines } from "./plane/say-where.ts";
import type { Plane } from "./plane/start-plane.ts";
import { goOn, playScenario } from "./plane/story.ts";
import { embeddedWorkspace, workspaceFromEnvironment } from "./plane/workspace-access.ts";

const USAGE = `npm start -- [options]      a demonstration: sends a few tickets, and reports what became of them
npm run dev -- [options]    a plane to work with, until Ctrl-C: npm start -- --stay --no-demo

  --stay              goes on running after the report, until Ctrl-C, and says how to send it a ticket
  --no-demo           sends nothing, and keeps its data: messages, facts, runs, tables, schedules
  --reset             with --no-demo: empties the folder first
  --folder DIR        where the plane keeps its files (default: .local/demo, emptied at each start;
                      with --no-demo: .local/plane, kept)
  --workloads DIR     a folder of workloads elsewhere; it is watched
  --data DIR          files for company_codebase/data, where runs read them
  --env FILE          NAME=value lines, for the secret scope signalbox-local
  --port N            the port of the queues (default: the one of before, or any)
  --workspace WHICH   embedded (default), or env: the workspace of DATABRICKS_HOST, DATABRICKS_CLIENT_ID and
                      DATABRICKS_CLIENT_SECRET (or DATABRICKS_TOKEN), DATABRICKS_HTTP_PATH, in the schema
                      SIGNALBOX_CATALOG.SIGNALBOX_SCHEMA, executing as SIGNALBOX_RUN_AS
  --time-scale N      multiplies the plane's own waits (default: 0.02; with --workspace env: 0.1)`;

const root = join(import.meta.dirname, "..");

async function main(): Promise<number> {
  const options = optionsOf(process.argv.slice(2));
  if (options === undefined) return 2;
  print(
    "Signalbox on this machine: a Databricks workspace, an SQS, and the three services between them.",
  );
  if (!options.isReal) sayPython(options.workloads);
  print("");
  await using started = new AsyncDisposableStack();
  const watched = {
    ...options,
    workspace: options.isReal ? () => workspaceFromEnvironment(process.env) : embeddedWorkspace,
    codebase: [...weatherData(), ...(options.data === undefined ? [] : dataIn(options.data))],
    secrets: options.env === undefined ? {} : readSecrets(options.env),
    print,
    onStarted: (plane: Plane) => started.use(plane),
    signal: stopping.signal,
  };
  if (!options.plays) {
    await stay(await goOn({ ...watched, keeps: !options.resets }));
    return 0;
  }
  const limitSeconds = options.isReal ? 1_800 : 90;
  const story = await playScenario({ ...watched, limitSeconds });
  const exitCode = await report(story, print);
  if (options.stays) await stay(story.plane);
  return exitCode;
}

const { print } = terminalOf((line) => console.log(line));

/** A virtual environment beside the workloads brings its packages. */
function sayPython(workloads: string): void {
  const bin = venvBin(workloads, process.env);
  if (bin !== undefined) process.env["PATH"] = withFirst(bin, process.env["PATH"]);
  const { executable, version } = findPython(process.env["PATH"]);
  print(
    `Python ${version} (${executable}) executes; more packages: python3 -m venv .venv && .venv/bin/pip install …, and start again`,
  );
}

async function stay(plane: Plane): Promise<void> {
  using _stage = announceStage(plane);
  for (const line of ["", "It goes on running, until Ctrl-C.", "", ...pasteLines(plane)])
    print(line);
  if (!stopping.signal.aborted) await once(stopping.signal, "abort");
}

type Options = {
  readonly folder: string;
  readonly workloads: string;
  readonly data: string | undefined;
  readonly env: string | undefined;
  readonly port: number | undefined;
  readonly stays: boolean;
  readonly plays: boolean;
  readonly resets: boolean;
  readonly isReal: boolean;
  readonly timeScale: number;
};

function optionsOf(argv: readonly string[]): Options | undefined {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        folder: { type: "string" },
        workloads: { type: "string", default: join(root, "workloads") },
        data: { type: "string" },
        env: { type: "string" },
        port: { type: "string" },
        workspace: { type: "string", default: "embedded" },
        "time-scale": { type: "string" },
        stay: { type: "boolean", default: false },
        "no-demo": { type: "boolean", default: false },
        reset: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) throw new Error("");
    const isReal = values.workspace === "env";
    if (!isReal && values.workspace !== "embedded")
      throw new Error(`--workspace: "${values.workspace}" is neither embedded nor env`);
    const timeScale = Number(values["time-scale"] ?? (isReal ? 0.1 : 0.02));
    if (!(timeScale > 0 && timeScale <= 1))
      throw new Error(`--time-scale: "${values["time-scale"]}" is no number above 0 and up to 1`);
    const plays = !values["no-demo"];
    if (plays && values.reset)
      throw new Error("--reset: a demonstration always begins anew; it is for --no-demo");
    return {
      folder: values.folder ?? join(root, ".local", plays ? "demo" : "plane"),
      workloads: resolve(values.workloads),
      port: portOf(values.port),
      ...{ data: values.data, env: values.env, stays: values.stay },
      ...{ plays, resets: values.reset, isReal, timeScale },
    };
  } catch (error) {
    console.error(`${shownLine(messageOf(error))}\n\n${USAGE}`.trimStart());
    return undefined;
  }
}

function portOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!(Number.isInteger(port) && port > 0 && port < 65_536))
    throw new Error(`--port: "${text}" is no number from 1 to 65535`);
  return port;
}

/** The data of the examples, from the npm package vega-datasets. */
const weatherData = (): readonly SourceFile[] =>
  ["seattle-weather.csv", "weather.csv"].map((name) => ({
    path: `data/${name}`,
    content: readFileSync(join(root, "node_modules", "vega-datasets", "data", name)),
  }));

/** The first Ctrl-C ends everything that was started; the second does not wait for it. */
function stopOn(...names: readonly NodeJS.Signals[]): void {
  for (const name of names)
    process.on(name, () => {
      if (stopping.signal.aborted) process.exit(130);
      print("ending, after the work in hand; Ctrl-C again does not wait for it");
      stopping.abort(new Error(`ended by ${name}`));
    });
}

const stopping = new AbortController();
stopOn("SIGINT", "SIGTERM", "SIGHUP");
try {
  process.exitCode = await main();
} catch (error) {
  console.error(shownLine(messageOf(error)));
  process.exitCode = stopping.signal.aborted ? 130 : 1;
}
