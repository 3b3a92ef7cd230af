// `signalbox bootstrap` with the official CLI on the path: the Asset Bundle of two stages, deployed
// again and again.
import { deepEqual, equal, match, notEqual } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Workspace } from "embedded-databricks-workspace";
import { Agent, request } from "undici";

const root = join(import.meta.dirname, "..", "..");

export type BootstrapScene = {
  readonly binary: string;
  readonly env: Readonly<Record<string, string>>;
  /** With the principals `controllers` and `executors`. */
  readonly workspace: Workspace;
  /** An empty folder to work in. */
  readonly folder: string;
};

/** @throws AssertionError with what was printed */
export async function bootstrapScenario(scene: BootstrapScene): Promise<void> {
  writeStages(scene);
  const blue = jobIn(await bootstrap(scene, "blue"));
  const green = jobIn(await bootstrap(scene, "green"));
  notEqual(green, blue, "two stages have a job each");
  equal(jobIn(await bootstrap(scene, "blue")), blue, "a second deploy keeps the job");
  // Both ways to sign in are set: the command line alone would refuse that.
  const both = { ...scene.env, DATABRICKS_AUTH_TYPE: "" };
  equal(jobIn(await bootstrap({ ...scene, env: both }, "blue")), blue);
  await jobIsTheExecutor(scene, blue);
  await refused(scene);
  equal(existsSync(join(root, "infra/databricks/.databricks")), false, "nothing stays behind here");
}

const principal = ({ workspace }: BootstrapScene, name: string) => workspace.principal(name);

function writeStages(scene: BootstrapScene): void {
  mkdirSync(join(scene.folder, "stages"));
  mkdirSync(join(scene.folder, "bin"));
  symlinkSync(scene.binary, join(scene.folder, "bin", "databricks"));
  for (const stage of ["blue", "green"])
    writeFileSync(join(scene.folder, "stages", `${stage}.yaml`), stageText(scene, stage));
}

const stageText = (scene: BootstrapScene, stage: string): string => `databricks:
  host: ${scene.workspace.url}
  auth: { kind: oauth-m2m, secret: signalbox/${stage}/databricks }
  client_id: ${principal(scene, "controllers").id}
  warehouse_id: "${scene.env["DATABRICKS_WAREHOUSE_ID"]}"
  catalog: main
  schema: signalbox_${stage}
  run_as: ${principal(scene, "executors").id}
alarms: { nobody: true }
`;

// biome-ignore lint/suspicious/noExplicitAny: answers of every shape, whose fields are asserted where they are used
type Json = any;

type Typed = { readonly code: number; readonly printed: string };

async function bootstrap({ folder, env }: BootstrapScene, stage: string): Promise<Typed> {
  const child = spawn(
    process.execPath,
    [
      join(root, "cli", "main.ts"),
      ...["bootstrap", "--stage", stage, "--stages", join(folder, "stages")],
    ],
    {
      env: {
        ...env,
        PATH: [join(folder, "bin"), env["PATH"]].join(delimiter),
        SIGNALBOX_CA_FILE: env["NODE_EXTRA_CA_CERTS"] ?? "",
      },
    },
  );
  let printed = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      printed += text;
    });
  const [code] = await once(child, "close");
  return { code, printed };
}

/** The job's id, as it is printed. */
function jobIn({ code, printed }: Typed): string {
  equal(code, 0, printed);
  match(printed, /is prepared: plane/);
  return /asset bundle: executor is job ([0-9]+); kept in /.exec(printed)?.[1] ?? printed;
}

/**
 * Its id is stored; the controllers may run it, as the executors; what it runs is the uploaded
 * executor.
 */
async function jobIsTheExecutor(scene: BootstrapScene, jobId: string): Promise<void> {
  await using ending = new AsyncDisposableStack();
  const dispatcher = ending.adopt(new Agent({ connect: { ca: scene.workspace.caPem } }), (agent) =>
    agent.destroy(),
  );
  const { token } = principal(scene, "controllers");
  const call = async (path: string, options: object = {}): Promise<Json> => {
    const headers = { authorization: `Bearer ${token}` };
    const url = `${scene.workspace.url}${path}`;
    return (await request(url, { dispatcher, headers, ...options })).body.json();
  };
  const get = (path: string) => call(path);
  const facts = "/Volumes/main/signalbox_blue";
  const stored = `/api/2.0/fs/files${facts}/company_codebase/jobs.json`;
  deepEqual(await get(stored), { executor: jobId });
  const job = await get(`/api/2.2/jobs/get?job_id=${jobId}`);
  equal(job.settings.name, "signalbox-blue-executor");
  equal(job.run_as_user_name, principal(scene, "executors").id);
  const manifest = `${facts}/facts/no-such-manifest.json`;
  const start = { job_id: Number(jobId), job_parameters: { manifest } };
  const body = JSON.stringify(start);
  const { run_id } = await call("/api/2.2/jobs/run-now", { method: "POST", body });
  const run = () => get(`/api/2.2/jobs/runs/get?run_id=${run_id}`);
  const over = new Set(["TERMINATED", "INTERNAL_ERROR"]);
  for (let asked = 0; asked < 300 && !over.has((await run()).state.life_cycle_state); asked++)
    await sleep(100);
  const [task] = (await run()).tasks;
  const output = await get(`/api/2.2/jobs/runs/get-output?run_id=${task.run_id}`);
  match(JSON.stringify(output), /no-such-manifest\.json/, "the executor says what it misses");
}

/** What the command line refuses is said, in its own words. */
async function refused(scene: BootstrapScene): Promise<void> {
  const stages = join(scene.folder, "stages", "blue.yaml");
  const nobody = "99999999-9999-4999-8999-999999999999";
  const text = stageText(scene, "blue").replace(principal(scene, "executors").id, nobody);
  writeFileSync(stages, text);
  const { code, printed } = await bootstrap(scene, "blue");
  equal(code, 1, printed);
  match(printed, new RegExp(nobody));
}
