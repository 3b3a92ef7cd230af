// `npm start`: runs a whole plane on this machine with a few tickets, and reports what became of
// them. Exits 0 only if all ended as they must.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { shownLine, terminalOf } from "../cli/terminal.ts";
import type { SourceFile } from "../infra/executor.ts";
import { messageOf } from "../shared/domain/body.ts";
import { report } from "./plane/report.ts";
import type { Plane } from "./plane/start-plane.ts";
import { goOn, playScenario } from "./plane/story.ts";
import { embeddedWorkspace, workspaceFromEnvironment } from "./plane/workspace-access.ts";

const USAGE = `npm start -- [options]

  --folder DIR        where the plane keeps its files; emptied at the start (default: .local/plane)
  --keep              goes on with the plane of before, with its facts and runs, instead of emptying the folder
                      and sending the examples; until Ctrl-C
  --workspace WHICH   embedded (default), or env: the workspace of DATABRICKS_HOST, DATABRICKS_CLIENT_ID and
                      DATABRICKS_CLIENT_SECRET (or DATABRICKS_TOKEN), DATABRICKS_HTTP_PATH, in the schema
                      SIGNALBOX_CATALOG.SIGNALBOX_SCHEMA, executing as SIGNALBOX_RUN_AS
  --stay              goes on running after the report, until Ctrl-C, and says how to send it a ticket
  --time-scale N      multiplies the plane's own waits (default: 0.02; with --workspace env: 0.1)`;

const root = join(import.meta.dirname, "..");

async function main(): Promise<number> {
  const options = optionsOf(process.argv.slice(2));
  if (options === undefined) return 2;
  print(
    "Signalbox on this machine: a Databricks workspace, an SQS, and the three services between them.",
  );
  print("");
  await using started = new AsyncDisposableStack();
  const watched = {
    folder: options.folder,
    workspace: options.isReal ? () => workspaceFromEnvironment(process.env) : embeddedWorkspace,
    timeScale: options.timeScale,
    codebase: weatherData(),
    print,
    onStarted: (plane: Plane) => started.use(plane),
  };
  if (options.keeps) {
    await stay(await goOn(watched));
    return 0;
  }
  const story = await playScenario({
    ...watched,
    limitSeconds: options.isReal ? 1_800 : 90,
    signal: stopping.signal,
  });
  const exitCode = await report(story, print);
  if (options.stays) await stay(story.plane);
  return exitCode;
}

const { print } = terminalOf((line) => console.log(line));

async function stay({ aws }: Plane): Promise<void> {
  const endpoint = aws.environment["AWS_ENDPOINT_URL"];
  const lines = [
    "",
    "It goes on running, until Ctrl-C. To send it a ticket:",
    "",
    `  ${Object.entries({ ...aws.keysOf("upstream"), AWS_REGION: aws.environment["AWS_REGION"] })
      .map(([name, value]) => `${name}=${value}`)
      .join(" ")} \\`,
    `  aws sqs send-message --endpoint-url ${endpoint} --queue-url ${aws.queueUrl("tickets")} \\`,
    `  --message-body '{"ticket_id": "MINE-1", "workload": "weather-report"}'`,
    "",
  ];
  for (const line of lines) print(line);
  await once(stopping.signal, "abort");
}

type Options = {
  readonly folder: string;
  readonly stays: boolean;
  readonly keeps: boolean;
  readonly isReal: boolean;
  readonly timeScale: number;
};

function optionsOf(argv: readonly string[]): Options | undefined {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        folder: { type: "string", default: join(root, ".local", "plane") },
        workspace: { type: "string", default: "embedded" },
        "time-scale": { type: "string" },
        stay: { type: "boolean", default: false },
        keep: { type: "boolean", default: false },
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
    const { folder, stay: stays, keep: keeps } = values;
    return { folder, stays, keeps, isReal, timeScale };
  } catch (error) {
    console.error(`${shownLine(messageOf(error))}\n\n${USAGE}`.trimStart());
    return undefined;
  }
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
