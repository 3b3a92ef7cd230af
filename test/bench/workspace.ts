// The embedded workspace: how soon it answers, and how often.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DBSQLClient } from "@databricks/sql";
import { Pool } from "undici";
import * as z from "zod";
import { type Figure, median, ofRates, ofTimes } from "./figure.ts";
import { emptyNode, inTurns, processMs } from "./processes.ts";
import { startWorkspaceProcess, type WorkspaceProcess } from "./workspace-process.ts";

const STARTS = 9;
const FIRST_STARTS = 3;
const SECONDS = 1;
const AT_ONCE = 8;
const SELECTS = 200;

export async function measureWorkspace(): Promise<readonly Figure[]> {
  const starts = await measureStarts();
  await using workspace = await startWorkspaceProcess();
  // Runs that are over as soon as they start, without Python.
  await workspace.admin("POST", "/scripts", {});
  return [
    ...starts,
    await measureRunsGet(workspace),
    await measureInstantRuns(workspace),
    ...(await measureSelect(workspace)),
  ];
}

async function measureStarts(): Promise<readonly Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), "signalbox-bench-"));
  const startMs = async (cache: string): Promise<number> => {
    const fromMs = performance.now();
    const env = { ...process.env, NODE_COMPILE_CACHE: join(folder, cache) };
    await using workspace = await startWorkspaceProcess(env);
    await workspace.call("GET", "/api/2.0/preview/scim/v2/Me");
    return performance.now() - fromMs;
  };
  try {
    const first: number[] = [];
    for (let i = 0; i < FIRST_STARTS; i++) first.push(await startMs(`first-${i}`));
    const ms = await inTurns(STARTS, {
      empty: () => processMs(emptyNode, "first word"),
      start: () => startMs("kept"),
    });
    const common = { unit: "ms", budget: { atMost: 1_000 } } as const;
    const beside = { what: "an empty Node process", value: median(ms.empty) };
    return [
      { what: "start to first answer", ...ofTimes(ms.start), ...common, beside },
      { what: "the very first start, with nothing compiled", ...ofTimes(first), ...common, beside },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measureRunsGet(workspace: WorkspaceProcess): Promise<Figure> {
  const path = `/api/2.2/jobs/runs/get?run_id=${await submit(workspace, "looked at")}`;
  const answer = await workspace.call("GET", path);
  await using bare = await startBareServer(Buffer.byteLength(answer));
  const look = async () => void (await workspace.call("GET", path));
  // In turns, the first round not counted: by then both have been compiled.
  const rate = await inTurns(3, {
    workspace: () => perSecond(look),
    bare: () => perSecond(bare.call),
  });
  return {
    what: "runs/get",
    ...ofRates(rate.workspace),
    unit: "a second",
    budget: { atLeast: 500 },
    beside: { what: "a bare HTTPS server of as many bytes", value: median(rate.bare) },
  };
}

async function measureInstantRuns(workspace: WorkspaceProcess): Promise<Figure> {
  const run = async () => ended(workspace, await submit(workspace, "instant"));
  const rate = await inTurns(3, { runs: () => perSecond(run) });
  return {
    what: "instant runs, submitted and seen to be over",
    ...ofRates(rate.runs),
    unit: "a second",
    budget: { atLeast: 100 },
  };
}

const Submitted = z.object({ run_id: z.number() });
const Run = z.object({ status: z.object({ state: z.string() }) });

async function submit(workspace: WorkspaceProcess, run_name: string): Promise<number> {
  const body = {
    run_name,
    tasks: [
      {
        task_key: "main",
        existing_cluster_id: workspace.variable("DATABRICKS_CLUSTER_ID"),
        spark_python_task: { python_file: "/Volumes/main/default/files/none.py" },
      },
    ],
  };
  const answer = await workspace.call("POST", "/api/2.2/jobs/runs/submit", JSON.stringify(body));
  return Submitted.parse(JSON.parse(answer)).run_id;
}

async function ended(workspace: WorkspaceProcess, runId: number): Promise<void> {
  for (;;) {
    const answer = await workspace.call("GET", `/api/2.2/jobs/runs/get?run_id=${runId}`);
    if (Run.parse(JSON.parse(answer)).status.state === "TERMINATED") return;
  }
}

async function measureSelect(workspace: WorkspaceProcess): Promise<readonly Figure[]> {
  const { hostname, port } = new URL(workspace.variable("DATABRICKS_HOST"));
  const client = new DBSQLClient({ logger: { log: () => undefined } });
  await client.connect({
    host: hostname,
    port: Number(port),
    path: workspace.variable("DATABRICKS_HTTP_PATH"),
    token: workspace.variable("DATABRICKS_TOKEN"),
    customCaCert: workspace.caPem,
    telemetryEnabled: false,
  });
  const firstMs = performance.now();
  const session = await client.openSession();
  const select = async () => {
    const operation = await session.executeStatement("SELECT 1");
    await operation.fetchAll();
    await operation.close();
  };
  await select();
  const first = performance.now() - firstMs;
  const ms = await inTurns(SELECTS, {
    select: () => took(select),
    call: () => took(() => workspace.call("GET", "/api/2.0/preview/scim/v2/Me")),
  });
  await client.close();
  const beside = { what: "one REST call", value: median(ms.call) };
  return [
    {
      what: "SELECT 1 by @databricks/sql",
      ...ofTimes(ms.select),
      unit: "ms",
      budget: { atMost: 15 },
      beside,
    },
    {
      what: "the first of all, which starts the engine, and its session",
      value: first,
      unit: "ms",
    },
  ];
}

/** How often it can be done in a second, so many at a time. */
async function perSecond(work: () => Promise<void>): Promise<number> {
  let done = 0;
  const fromMs = performance.now();
  await together(async () => {
    while (performance.now() - fromMs < SECONDS * 1000) {
      await work();
      done++;
    }
  });
  return done / ((performance.now() - fromMs) / 1000);
}

async function together(work: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

async function took(work: () => Promise<unknown>): Promise<number> {
  const fromMs = performance.now();
  await work();
  return performance.now() - fromMs;
}

const Bare = z.object({ url: z.string(), caPem: z.string() });

async function startBareServer(
  bytes: number,
): Promise<AsyncDisposable & { readonly call: () => Promise<void> }> {
  const script = join(import.meta.dirname, "bare-server.ts");
  const child = spawn(process.execPath, [script, String(bytes)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(child.stdout, "data");
  const { url, caPem } = Bare.parse(JSON.parse(String(line)));
  const pool = new Pool(url, { connections: AT_ONCE, connect: { ca: caPem } });
  return {
    call: async () => {
      const { body } = await pool.request({ method: "GET", path: "/" });
      await body.text();
    },
    [Symbol.asyncDispose]: async () => {
      await pool.close();
      const ended = once(child, "exit");
      if (child.kill("SIGTERM")) await ended;
    },
  };
}
