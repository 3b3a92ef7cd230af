// `signalbox doctor --probe`: two tiny runs as production would submit them, one that succeeds and one that fails, and what they show of
// the questions that no document answers.
import * as z from "zod";
import { executorPath, executorSources } from "../../infra/executor.ts";
import { volumePathsOf } from "../../infra/names.ts";
import type { Stage } from "../../infra/stage.ts";
import { createJobs } from "../../shared/adapters/databricks-jobs.ts";
import { createPlanePort } from "../../shared/adapters/plane.ts";
import { systemDigest, systemInflate, systemSecrets } from "../../shared/adapters/system.ts";
import { createFacts } from "../../shared/adapters/volume-facts.ts";
import type { ExecutorManifest } from "../../shared/domain/contract.ts";
import { type DatabricksRun, phaseOf } from "../../shared/domain/databricks-run.ts";
import { evidenceIn } from "../../shared/domain/evidence.ts";
import { attemptName, submitBodyOf } from "../../shared/domain/payload.ts";
import { Recipe } from "../../shared/domain/recipe.ts";
import { isoOf } from "../../shared/domain/time.ts";
import { traceparentOf } from "../../shared/domain/trace.ts";
import type { ClockPort, JobsPort } from "../../shared/ports.ts";
import { ask, askForJson } from "../ask.ts";
import type { WorkspaceClient } from "../workspace-client.ts";
import type { Asked, ExecutorsSeen, OutputSeen, ProbeSeen, RunSeen } from "./probe-findings.ts";

export type ProbeOptions = ClockPort & {
  readonly stage: Stage;
  /** Whoever submits: the functions' own credentials tell most. */
  readonly client: WorkspaceClient;
  /** The executors' own, where the operator has them. */
  readonly executors: WorkspaceClient | undefined;
  /** Whose compute and principal are tried. Absent: serverless, as the stage's executors. */
  readonly recipe?: Recipe | undefined;
  readonly say: (line: string) => void;
  readonly patience?: Patience;
};

type Patience = {
  readonly lookSeconds: number;
  /** Until a run is over: compute may have to start. */
  readonly runSeconds: number;
  /** Until its output is there. */
  readonly outputSeconds: number;
};
const usually: Patience = { lookSeconds: 5, runSeconds: 1_800, outputSeconds: 180 };

const TIMEOUT_SECONDS = 900;
const SUCCEEDS = "from signalbox_executor import context\ncontext.metric('probe', 1)\n";
const FAILS = "raise RuntimeError('the probe fails, as it must')\n";

/** @throws Error where a run cannot be submitted, or is not over in time */
export async function probe(options: ProbeOptions): Promise<ProbeSeen> {
  const { stage, client, executors } = options;
  const paths = volumePathsOf(stage.databricks);
  const facts = createFacts({ files: client.files, factsVolume: paths.facts });
  const context: Context = {
    ...options,
    paths,
    jobs: createJobs(client.http).jobs,
    planeId: await createPlanePort(facts, stage.stack).plane.id(),
    recipe: options.recipe ?? serverless,
    patience: options.patience ?? usually,
    left: [],
  };
  const submittedBy = Me.parse(
    await askForJson(client.http, { method: "GET", path: ME, rate: "get" }),
  ).userName;
  const runAs = context.recipe.run_as ?? stage.databricks.run_as;
  const good = await tried(context, SUCCEEDS);
  const bad = await tried(context, FAILS);
  const asExecutors =
    executors === undefined ? undefined : await executorsSeen(context, executors, good, bad);
  for (const each of [good, bad]) await takeAway(context, each);
  const { left } = context;
  return { stage, submittedBy, runAs, good, bad, executors: asExecutors, left };
}

const ME = "/api/2.0/preview/scim/v2/Me";
const Me = z.object({ userName: z.string() });

const serverless = Recipe.parse({
  v: 1,
  planner: { kind: "artifact", artifact: "probe.py" },
  task: { kind: "spark_python_task", compute: { serverless: { environment_version: "4" } } },
  limits: { iterations: 1, attempts: 1, timeout_seconds: TIMEOUT_SECONDS, queue_seconds: 0 },
});

type Context = Omit<ProbeOptions, "recipe" | "patience"> &
  JobsPort & {
    readonly paths: ReturnType<typeof volumePathsOf>;
    readonly planeId: string;
    readonly recipe: Recipe;
    readonly patience: Patience;
    readonly left: string[];
  };

/** A run of the probe, and what else there is of it. */
type Tried = RunSeen & {
  readonly token: string;
  /** Below plans and scratchpad. */
  readonly folder: string;
  readonly files: readonly string[];
};

async function tried(context: Context, code: string): Promise<Tried> {
  const { clock, jobs, say, paths, stage, client } = context;
  const run_id = `doctor-${systemSecrets.randomHex(6)}`;
  const folder = `doctor/${run_id}`;
  const manifest = manifestOf(context, run_id, folder, code);
  const manifestPath = `${paths.plans}/${folder}/manifest.json`;
  const files = [...manifest.files.map(({ path }) => path), manifestPath];
  await client.files.overwrite(files[0] ?? "", Buffer.from(code));
  await client.files.overwrite(manifestPath, Buffer.from(`${JSON.stringify(manifest)}\n`));
  const payload = payloadOf(context, manifest, manifestPath, stage.databricks.run_as);
  const namePrefix = attemptName(context.planeId, manifest);
  const runName = namePrefix + manifest.traceparent;
  const token = systemSecrets.randomHex(32);
  const reply = await jobs.submit({ runName, idempotencyToken: token, payload });
  if (reply.kind === "refused")
    throw new Error(`the probe could not be submitted: ${reply.code}: ${reply.message}`);
  say(`probe: submitted ${run_id} as Databricks run ${reply.databricksRunId}, ${reply.runUrl}`);
  const run = await untilOver(context, reply.databricksRunId);
  const overMs = clock.nowMs();
  say(`probe: ${run_id} is over: ${run.resultState ?? run.lifeCycleState}`);
  const output = await outputOf(context, run, overMs);
  const { client_id, former_client_ids } = stage.databricks;
  const expected = { controllers: [client_id, ...former_client_ids], namePrefix, payload };
  return { run, runName, expected, output, token, folder, files };
}

function manifestOf(
  { clock, paths, planeId }: Context,
  run_id: string,
  folder: string,
  code: string,
): ExecutorManifest {
  const now = clock.nowMs();
  const path = `${paths.plans}/${folder}/probe.py`;
  const bytes = Buffer.byteLength(code);
  return {
    v: 1,
    plane_id: planeId,
    run_id,
    workload: "doctor",
    ...{ chapter: 1, iter_n: 1, attempt: 1, try: 1 },
    created_at: isoOf(now),
    submit_before: isoOf(now + TIMEOUT_SECONDS * 1000),
    files: [{ name: "probe.py", path, sha256: systemDigest.sha256(code), bytes }],
    entry: "probe.py",
    code_paths: [paths.codebase],
    ...{ parameters: {}, capsule: {}, gate: [] },
    policy: { timeout_seconds: TIMEOUT_SECONDS, allowed_modules: null, writes: [] },
    mode: "PROD",
    limits: serverless.limits,
    ...{ single_iteration: true, allow_failures: false },
    scratchpad: `${paths.scratchpad}/${folder}`,
    traceparent: traceparentOf(systemDigest.sha256(run_id)),
  };
}

const payloadOf = (
  { recipe, paths }: Context,
  manifest: ExecutorManifest,
  manifestPath: string,
  runAs: string | undefined,
): string =>
  JSON.stringify(
    submitBodyOf({
      recipe,
      manifest,
      manifestPath,
      executorPath: executorPath(paths.codebase, executorSources()),
      runAs,
    }),
  );

async function untilOver(context: Context, databricksRunId: string): Promise<DatabricksRun> {
  const { clock, jobs, patience } = context;
  const endsMs = clock.nowMs() + patience.runSeconds * 1000;
  for (;;) {
    const look = await jobs.get(databricksRunId);
    if (look.kind !== "run")
      throw new Error(
        `whoever submitted run ${databricksRunId} cannot look at it: ${look.message}`,
      );
    if (phaseOf(look.run) === "over") return look.run;
    if (clock.nowMs() > endsMs) {
      await jobs.cancel(databricksRunId);
      throw new Error(
        `run ${databricksRunId} is not over after ${patience.runSeconds} s, and was cancelled: ${look.run.runUrl}`,
      );
    }
    await clock.sleep(patience.lookSeconds * 1000);
  }
}

/** Looks until the result is there, or has not come for long. */
async function outputOf(context: Context, run: DatabricksRun, overMs: number): Promise<OutputSeen> {
  const { clock, patience } = context;
  const [task] = run.tasks;
  const secondsSince = () => Math.round((clock.nowMs() - overMs) / 1000);
  for (;;) {
    const seen = { ...(await outputNow(context, task?.taskRunId)), seconds: secondsSince() };
    if (seen.kind === "found" || seen.kind === "too-large") return seen;
    if (seen.seconds >= patience.outputSeconds) return seen;
    await clock.sleep(patience.lookSeconds * 1000);
  }
}

async function outputNow(
  { jobs }: Context,
  taskRunId: string | undefined,
): Promise<Omit<OutputSeen, "seconds">> {
  if (taskRunId === undefined) return { kind: "absent", isTruncated: false };
  const output = await jobs.output(taskRunId);
  if (output.kind === "too-large")
    return { kind: "too-large", why: `over ${output.bytes} bytes`, isTruncated: true };
  if (output.kind === "absent") return { kind: "absent", isTruncated: false };
  const { logs = "", isTruncated } = output;
  const evidence = evidenceIn({ logs, isTruncated }, { ...systemDigest, ...systemInflate });
  return evidence.kind === "broken"
    ? { kind: "broken", why: evidence.reason, isTruncated }
    : { kind: evidence.kind, isTruncated };
}

const RUNS = "/api/2.2/jobs/runs";
const Submitted = z.object({ run_id: z.union([z.number(), z.string()]).transform(String) });

/** Everything on runs that are over, or that are cancelled at once. */
async function executorsSeen(
  context: Context,
  executors: WorkspaceClient,
  good: Tried,
  bad: Tried,
): Promise<ExecutorsSeen> {
  const { http } = executors;
  const allowed = async (method: "GET" | "POST", call: string, of: object): Promise<Asked> => {
    const path = `${RUNS}/${call}`;
    const query = method === "GET" ? { query: of as Record<string, string> } : {};
    const json = method === "POST" ? { json: withRunId(of) } : {};
    const asked = await ask(http, { method, path, rate: "get", ...query, ...json });
    return asked.kind === "ok" ? true : asked.error.message;
  };
  const { databricksRunId: run_id, tasks } = good.run;
  const view = await allowed("GET", "get", { run_id });
  const output = await allowed("GET", "get-output", { run_id: tasks[0]?.taskRunId ?? run_id });
  const cancel = await allowed("POST", "cancel", { run_id });
  const repair = await allowed("POST", "repair", {
    run_id: bad.run.databricksRunId,
    rerun_all_failed_tasks: true,
  });
  if (repair === true) await endAgain(context, bad.run.databricksRunId);
  return { view, output, cancel, repair, ...(await withSameToken(context, executors, good)) };
}

/** Ids are int64: they go out as text does, without quotes. */
const withRunId = (of: object): string =>
  JSON.stringify(of).replace(/"run_id":"([0-9]+)"/, '"run_id":$1');

/** What was repaired runs once more: not for long. */
async function endAgain(context: Context, databricksRunId: string): Promise<void> {
  await context.jobs.cancel(databricksRunId);
  await untilOver(context, databricksRunId);
}

async function withSameToken(
  context: Context,
  { http }: WorkspaceClient,
  { run, token, files, folder }: Tried,
): Promise<Pick<ExecutorsSeen, "token" | "tokenSaid">> {
  const manifestPath = files.at(-1) ?? "";
  const { run_as: _own, ...recipe } = context.recipe;
  const manifest = manifestOf(context, folder.replace("doctor/", ""), folder, SUCCEEDS);
  const body = payloadOf({ ...context, recipe }, manifest, manifestPath, undefined);
  const head = JSON.stringify({
    run_name: `signalbox doctor: ${token.slice(0, 8)}`,
    idempotency_token: token,
  });
  const json = `${head.slice(0, -1)},${body.slice(1)}`;
  const asked = await ask(http, { method: "POST", path: `${RUNS}/submit`, json, rate: "submit" });
  if (asked.kind === "refused") return { token: "refused", tokenSaid: asked.error.message };
  const { run_id } = Submitted.parse(asked.json);
  if (run_id === run.databricksRunId) return { token: "that run", tokenSaid: run_id };
  const own = withRunId({ run_id });
  await ask(http, { method: "POST", path: `${RUNS}/cancel`, json: own, rate: "get" });
  context.left.push(`the executors' own run ${run_id}`);
  return { token: "their own run", tokenSaid: run_id };
}

/** Files and the run itself. What belongs to the executors, only they or an owner can remove. */
async function takeAway(context: Context, { files, folder, run }: Tried): Promise<void> {
  const { client, executors, paths, left } = context;
  const tryTo = async (what: string, act: () => Promise<unknown>): Promise<void> => {
    await act().catch(() => left.push(what));
  };
  for (const file of files) await tryTo(file, () => client.files.remove(file));
  await tryTo(`${paths.plans}/${folder}`, () =>
    client.files.removeFolder(`${paths.plans}/${folder}`),
  );
  const scratchpad = `${paths.scratchpad}/${folder}`;
  await tryTo(scratchpad, async () => {
    const remover = executors ?? client;
    for (const { name } of await remover.files.list(scratchpad))
      await remover.files.remove(`${scratchpad}/${name}`);
    await remover.files.removeFolder(scratchpad);
  });
  await tryTo(`run ${run.databricksRunId}`, () =>
    askForJson(client.http, {
      method: "POST",
      path: `${RUNS}/delete`,
      json: withRunId({ run_id: run.databricksRunId }),
      rate: "get",
    }),
  );
}
