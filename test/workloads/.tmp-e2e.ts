import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { startWorkspace } from "../../local/workspace/workspace.ts";
await using ws = await startWorkspace({ tls: false, volumes: ["main.ops.facts", "main.ops.scratchpad", "main.ops.company_codebase"], log: (l) => process.env.V && console.error(l) });
const headers = { authorization: `Bearer ${ws.env.DATABRICKS_TOKEN}` };
const put = async (path: string, body: any) => { const r = await fetch(`${ws.url}/api/2.0/fs/files${path}?overwrite=true`, { method: "PUT", headers, body }); if (!r.ok) throw new Error(path + r.status + await r.text()); };
const get = async (path: string) => { const r = await fetch(`${ws.url}/api/2.0/fs/files${path}`, { headers }); return r.ok ? await r.text() : `${r.status} ${await r.text()}`; };
const api = async (m: string, path: string, body?: any) => { const r = await fetch(`${ws.url}/api/2.2/jobs/${path}`, { method: m, headers, ...(body && { body: JSON.stringify(body) }) }); return await r.json() as any; };
const src = "services/executor/src";
for (const f of ["run_executor.py", ...readdirSync(join(src, "signalbox_executor")).filter((f) => f.endsWith(".py")).map((f) => `signalbox_executor/${f}`), ...readdirSync(join(src, "signalbox_executor/contract")).map((f) => `signalbox_executor/contract/${f}`)])
  await put(`/Volumes/main/ops/company_codebase/executor/${f}`, readFileSync(join(src, f)));
await put("/Volumes/main/ops/company_codebase/data/seattle-weather.csv", readFileSync("node_modules/vega-datasets/data/seattle-weather.csv"));
await put("/Volumes/main/ops/company_codebase/data/weather.csv", readFileSync("node_modules/vega-datasets/data/weather.csv"));
await put("/Volumes/main/ops/company_codebase/company.py", "X=1\n");
let n = 0;
async function run(code: string, params: object, cancelAfter?: number, timeout?: number) {
  n++;
  const sha = createHash("sha256").update(code).digest("hex");
  await put(`/Volumes/main/ops/facts/files/${sha}/a.py`, code);
  const sp = `/Volumes/main/ops/scratchpad/run_r/iter_00${n}/attempt_001`;
  const m = { v: 1, plane_id: "p", run_id: "r", workload: "w", chapter: 1, iter_n: n, attempt: 1, try: 1, created_at: "2026-11-21T06:00:00.000Z", submit_before: "2026-11-28T06:00:00.000Z", files: [{ name: "a.py", path: `/Volumes/main/ops/facts/files/${sha}/a.py`, sha256: sha, bytes: Buffer.byteLength(code) }], entry: "a.py", code_paths: ["/Volumes/main/ops/company_codebase"], parameters: params, capsule: {}, policy: { timeout_seconds: timeout ?? 100, allowed_modules: [], writes: [] }, mode: "PROD", limits: { iterations: 1, attempts: 1, timeout_seconds: 60, queue_seconds: 0 }, gate: [], single_iteration: true, allow_failures: false, scratchpad: sp, traceparent: "" };
  await put(`/Volumes/main/ops/facts/m${n}.json`, JSON.stringify(m));
  const t0 = performance.now();
  const s = await api("POST", "runs/submit", { run_name: `t${n}`, tasks: [{ task_key: "main", environment_key: "d", spark_python_task: { python_file: "/Volumes/main/ops/company_codebase/executor/run_executor.py", parameters: [`/Volumes/main/ops/facts/m${n}.json`] } }], environments: [{ environment_key: "d", spec: { environment_version: "4" } }] });
  if (!s.run_id) { console.log(s); return; }
  if (cancelAfter) { await new Promise((r) => setTimeout(r, cancelAfter)); await api("POST", "runs/cancel", { run_id: s.run_id }); }
  let r; do { await new Promise((r) => setTimeout(r, 50)); r = await api("GET", `runs/get?run_id=${s.run_id}`); } while (r.status.state !== "TERMINATED");
  const out = await api("GET", `runs/get-output?run_id=${r.tasks[0].run_id}`);
  console.log(n, Math.round(performance.now() - t0), "ms", JSON.stringify(r.status), "LOGS", out.logs?.slice(-1500), "ERR", out.error?.slice(0, 500));
  const res = await get(`${sp}/result.json`);
  try { const j = JSON.parse(res); console.log("RESULT", j.status, JSON.stringify(j.error), JSON.stringify(j.metrics), JSON.stringify(j.produced_artifacts.map((a: any) => a.path)), j.duration_seconds); } catch { console.log("RESULT", res); }
}
const model = readFileSync("workloads/weather-model/model.py", "utf8"), report = readFileSync("workloads/weather-report/report.py", "utf8");
await run(model, { data: "/Volumes/main/ops/company_codebase/data/seattle-weather.csv", epochs: 40, learning_rate: 0.05, held_out_days: 365 });
await run(report, { data: "/Volumes/main/ops/company_codebase/data/weather.csv", city: "Seattle", year: 2015, pause_seconds: 0 });
await run(report, { data: "/Volumes/main/ops/company_codebase/data/weather.csv", city: "Seattle", year: 1999, pause_seconds: 0 });
await run(report, { data: "/Volumes/main/ops/company_codebase/data/weather.csv", city: "Seattle", year: 2015, pause_seconds: 100 }, 3000);
await run("import company, subprocess, os\nprint(company.X)\nos._exit(3)\n", {});
await run("import subprocess\nprint(subprocess.run(['ls','/Volumes/main/ops'],capture_output=True,text=True))\nsubprocess.Popen(['sleep','300'],start_new_session=True)\n", {});
await run("import time\ntime.sleep(100)\n", {}, undefined, 1);
