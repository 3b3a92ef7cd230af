// Facts as they look in a run that goes well; a test changes what it is about.
import type { ExecutorManifest, Result } from "../../shared/domain/contract.ts";
import type { DatabricksRun } from "../../shared/domain/databricks-run.ts";
import type {
  AcceptedSubmission,
  DecisionFact,
  OutcomeFact,
  RefusedSubmission,
  StoppedManifest,
} from "../../shared/domain/facts.ts";
import type { Recipe } from "../../shared/domain/recipe.ts";

const sha256 = "a".repeat(64);
/** As whom the services speak to Databricks. */
export const controllers = "3f1c9c0e-0000-4000-8000-00000000000c";
/** Who sends tickets and orders, as SQS says. */
export const upstream = "AIDAUPSTREAM";
export const ada = "AROAONCALL:ada";
export const t0 = Date.parse("2026-11-21T06:00:00.000Z");
export const at = (seconds: number): string => new Date(t0 + seconds * 1000).toISOString();

export const limits = { iterations: 3, attempts: 2, timeout_seconds: 600, queue_seconds: 300 };
const key = { run_id: "ORD-1", chapter: 1, iter_n: 1, attempt: 1 };
const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

export const manifest: ExecutorManifest = {
  v: 1,
  plane_id: "0f9b4a51-95f3-4a3c-8f0a-4c1d5c3b2a10",
  ...key,
  workload: "weather-model",
  try: 1,
  created_at: at(0),
  submit_before: at(7 * 24 * 3600),
  files: [{ name: "main.py", path: "/Volumes/main/ops/plans/main.py", sha256, bytes: 10 }],
  entry: "main.py",
  code_paths: ["/Volumes/main/ops/company_codebase"],
  parameters: {},
  capsule: { rounds: 1 },
  policy: { timeout_seconds: 600, allowed_modules: null, writes: [] },
  mode: "PROD",
  limits,
  gate: [],
  single_iteration: false,
  allow_failures: false,
  scratchpad: "/Volumes/main/ops/scratchpad/run_ORD-1/iter_001/attempt_001",
  traceparent,
};

export const stoppedManifest: StoppedManifest = {
  v: 1,
  stopped: true,
  ...key,
  try: 1,
  created_at: at(0),
  workload: "weather-model",
  mode: "PROD",
  capsule: { rounds: 1 },
  limits,
  gate: [],
  traceparent,
};

export const accepted: AcceptedSubmission = {
  v: 1,
  ...key,
  workload: "weather-model",
  mode: "PROD",
  databricks_run_id: "9007199254740993",
  run_url: "https://example.cloud.databricks.com/?o=1#job/2/run/3",
  adopted: false,
  submitted_at: at(1),
  deadline: at(901),
  manifest_sha256: sha256,
  artifact_path: "/Volumes/main/ops/plans/main.py",
  artifact_hash: sha256,
  payload: JSON.stringify({
    tasks: [
      {
        task_key: "main",
        spark_python_task: {
          python_file: "/Volumes/main/ops/company_codebase/run_executor.py",
          parameters: ["/Volumes/main/ops/plans/run_ORD-1/iter_001.attempt_001.manifest.json"],
        },
      },
    ],
  }),
  submitted_by: "orchestrator",
  traceparent,
};

export const refused: RefusedSubmission = {
  v: 1,
  ...key,
  refused: { code: "INVALID_PARAMETER_VALUE", message: "Cluster 1 does not exist" },
  refused_at: at(1),
  traceparent,
};

export const run: DatabricksRun = {
  databricksRunId: accepted.databricks_run_id,
  runName: "signalbox/plane/ORD-1/1.1 trace",
  creator: controllers,
  runType: "SUBMIT_RUN",
  isOverridden: false,
  runUrl: accepted.run_url,
  lifeCycleState: "TERMINATED",
  resultState: "SUCCESS",
  state: "TERMINATED",
  terminationCode: "SUCCESS",
  message: "",
  startedMs: t0 + 2_000,
  endedMs: t0 + 60_000,
  tasks: [],
};

export const result: Result = {
  v: 1,
  run_id: key.run_id,
  iter_n: 1,
  attempt: 1,
  manifest_sha256: sha256,
  status: "SUCCESS",
  started_at: at(10),
  ended_at: at(50),
  duration_seconds: 40,
  error: null,
  metrics: { rmse: 2.5 },
  produced_artifacts: [],
  produced_tables: [],
  output: null,
  summary: "",
  capsule: { rounds: 2 },
  finished: null,
  logs: { stdout: null, stderr: null, stdout_tail: "", stderr_tail: "" },
  traceparent: manifest.traceparent,
};

export const failedResult: Result = {
  ...result,
  status: "FAILED",
  error: { type: "ValueError", summary: "no rows for 1999", trace: "", transient: false },
};

export const decision: DecisionFact = {
  v: 1,
  ...key,
  try: 1,
  decided_at: at(70),
  workload: "weather-model",
  mode: "PROD",
  verdict: "succeeded",
  reason: "it is not finished",
  next: { kind: "iteration", iter_n: 2, attempt: 1, try: 1 },
  capsule: { rounds: 2 },
  capsule_delta: { rounds: 2 },
  gate: null,
  databricks_run_id: accepted.databricks_run_id,
  run_url: accepted.run_url,
  termination_code: "SUCCESS",
  result_path: `/Volumes/main/ops/plans/run_ORD-1/iter_001.attempt_001.result.${sha256}.json`,
  result: {
    status: "SUCCESS",
    error: null,
    summary: "",
    metrics: { rmse: 2.5 },
    produced_artifacts: [],
    produced_tables: [],
    started_at: at(10),
    ended_at: at(50),
    duration_seconds: 40,
  },
  traceparent,
};

export const lastDecision: DecisionFact = {
  ...decision,
  next: { kind: "outcome", outcome: "succeeded" },
};

export const outcome: OutcomeFact = {
  v: 1,
  ...key,
  workload: "weather-model",
  mode: "PROD",
  outcome: "succeeded",
  reason: "the gate passed",
  metrics: { rmse: 2.5 },
  run_url: accepted.run_url,
  result_path: null,
  ended_at: at(71),
  traceparent,
};

export const recipe: Recipe = {
  v: 1,
  planner: { kind: "artifact", artifact: "main.py", files: [], inline: false, codebase: [] },
  task: {
    kind: "spark_python_task",
    compute: { serverless: { environment_version: "4", dependencies: [] } },
    libraries: [],
    env: {},
  },
  limits,
  writes: [],
  allowed_modules: null,
  result: "executor",
  allow_failures: false,
  parameters: {},
  open_parameters: true,
  gate: [],
};
