// How fast the embedded workspace is, measured from another process, with the machine named.
// `node test/workspace/bench/main.ts [--data DIR]`: arguments go to the workspace.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpus, totalmem } from "node:os";
import { DBSQLClient } from "@databricks/sql";
import { Pool } from "undici";

const RUNS_GET_SECONDS = 3;
const INSTANT_RUNS = 500;
const SELECTS = 200;
const CONNECTIONS = 16;

type Env = Readonly<Record<string, string>>;
type Measure = {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly target: string;
  readonly met: boolean;
};

const startedMs = performance.now();
const { child, env } = await startWorkspace();
const pool = new Pool(env["DATABRICKS_HOST"] ?? "", { connections: CONNECTIONS });
try {
  await call("GET", "/api/2.0/preview/scim/v2/Me");
  const measures = [
    below("start to first answer", performance.now() - startedMs, "ms", 1000),
    above("runs/get", await runsGetPerSecond(), "a second", 500),
    above("instant runs, submitted and ended", await instantRunsPerSecond(), "a second", 100),
    below("SQL SELECT 1, median, over Thrift", await selectMs(env), "ms", 15),
  ];
  report(measures);
  process.exitCode = measures.every(({ met }) => met) ? 0 : 1;
} finally {
  await pool.destroy();
  child.kill("SIGTERM");
  await once(child, "exit");
}

async function runsGetPerSecond(): Promise<number> {
  await script();
  const { run_id } = await submit("get");
  await ended(run_id);
  let answers = 0;
  const endMs = performance.now() + RUNS_GET_SECONDS * 1000;
  await together(CONNECTIONS, async () => {
    while (performance.now() < endMs) {
      await call("GET", `/api/2.2/jobs/runs/get?run_id=${run_id}`);
      answers += 1;
    }
  });
  return answers / RUNS_GET_SECONDS;
}

async function instantRunsPerSecond(): Promise<number> {
  await script();
  const fromMs = performance.now();
  let left = INSTANT_RUNS;
  await together(CONNECTIONS, async () => {
    while (left > 0) {
      left -= 1;
      const { run_id } = await submit("instant");
      await ended(run_id);
    }
  });
  return INSTANT_RUNS / ((performance.now() - fromMs) / 1000);
}

async function ended(runId: number): Promise<void> {
  for (;;) {
    const run = await call("GET", `/api/2.2/jobs/runs/get?run_id=${runId}`);
    if (run.status.state === "TERMINATED") return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Runs that pass through their states without Python. */
async function script(): Promise<void> {
  const url = new URL(env["DATABRICKS_WORKSPACE_ADMIN"] ?? "");
  await call("POST", `${url.pathname}/scripts`, {});
}

function submit(name: string) {
  return call("POST", "/api/2.2/jobs/runs/submit", {
    run_name: name,
    tasks: [
      {
        task_key: "main",
        existing_cluster_id: env["DATABRICKS_CLUSTER_ID"],
        spark_python_task: { python_file: "/Volumes/main/default/files/none.py" },
      },
    ],
  });
}

async function selectMs(given: Env): Promise<number> {
  const url = new URL(given["DATABRICKS_HOST"] ?? "");
  const client = await new DBSQLClient({ logger: { log: () => undefined } }).connect({
    host: url.hostname,
    port: Number(url.port),
    path: given["DATABRICKS_HTTP_PATH"] ?? "",
    token: given["DATABRICKS_TOKEN"] ?? "",
    checkServerCertificate: false,
    telemetryEnabled: false,
  });
  const session = await client.openSession();
  const times: number[] = [];
  for (let index = 0; index < SELECTS; index += 1) {
    const fromMs = performance.now();
    const operation = await session.executeStatement("SELECT 1");
    await operation.fetchAll();
    times.push(performance.now() - fromMs);
    await operation.close();
  }
  await session.close();
  await client.close();
  return times.sort((a, b) => a - b)[SELECTS / 2] ?? Number.NaN;
}

// biome-ignore lint/suspicious/noExplicitAny: answers of several routes, of which single fields are read
async function call(method: "GET" | "POST", path: string, body?: object): Promise<any> {
  const answer = await pool.request({
    method,
    path,
    headers: { authorization: `Bearer ${env["DATABRICKS_TOKEN"]}` },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.body.text();
  if (answer.statusCode !== 200) throw new Error(`${method} ${path}: ${answer.statusCode} ${text}`);
  return JSON.parse(text);
}

/** HTTPS with its own authority, which this process was not started with: the check is off, the encryption is not. */
async function startWorkspace(): Promise<{ child: ChildProcess; env: Env }> {
  process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
  process.removeAllListeners("warning");
  const started = spawn(process.execPath, ["local/workspace/main.ts", ...process.argv.slice(2)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  for await (const chunk of started.stdout) {
    text += chunk;
    if (text.includes("NODE_EXTRA_CA_CERTS=") && text.endsWith("\n")) break;
  }
  const lines = [...text.matchAll(/^export (\w+)='(.*)'$/gm)];
  return {
    child: started,
    env: Object.fromEntries(lines.map(([, name = "", value = ""]) => [name, value])),
  };
}

async function together(count: number, work: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: count }, work));
}

function below(name: string, value: number, unit: string, max: number): Measure {
  return { name, value, unit, target: `< ${max}`, met: value < max };
}

function above(name: string, value: number, unit: string, min: number): Measure {
  return { name, value, unit, target: `>= ${min}`, met: value >= min };
}

function report(measures: readonly Measure[]): void {
  const [processor] = cpus();
  const machine = `${processor?.model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 1024 ** 3)} GiB, Node ${process.version}, ${process.platform}`;
  process.stdout.write(`${machine}\n`);
  for (const { name, value, unit, target, met } of measures)
    process.stdout.write(
      `${met ? "met   " : "MISSED"} ${name}: ${value < 100 ? value.toFixed(1) : Math.round(value)} ${unit} (${target})\n`,
    );
}
