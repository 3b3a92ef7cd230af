// A workspace with the Jobs API at hand: submit, wait, read the output, all over HTTP.
import { setTimeout as delay } from "node:timers/promises";
import type { WorkspaceOptions } from "../src/workspace.ts";
import { startWorkspace, type Workspace } from "../src/workspace.ts";
import { type Answer, type Client, clientOf, type Json } from "./client.ts";

export const volume = "/Volumes/main/default/files";

export type Jobs = AsyncDisposable & {
  readonly workspace: Workspace;
  readonly client: Client;
  /** Writes a file of the volume `main.default.files`, and returns its path. */
  readonly file: (name: string, content: string | Buffer) => Promise<string>;
  /** The run id of a submit that must be accepted. */
  readonly submit: (body: Json, token?: string) => Promise<string>;
  /** The run, once it is over. */
  readonly finished: (runId: string) => Promise<Json>;
  /** The run, once `what` holds for it. */
  readonly until: (runId: string, what: (run: Json) => boolean) => Promise<Json>;
  readonly run: (runId: string, query?: string) => Promise<Answer>;
  readonly output: (taskRunId: unknown) => Promise<Json>;
  /** Submits one Python file with this source on serverless, and waits for the end. */
  readonly python: (source: string, extra?: Json) => Promise<PythonRun>;
  readonly script: (script: Json) => Promise<string>;
};

type PythonRun = {
  readonly run: Json;
  readonly task: Json;
  readonly output: Json;
  /** stdout and stderr. */
  readonly logs: string;
};

export const environments = [
  { environment_key: "default", spec: { environment_version: "4", dependencies: [] as string[] } },
];

export const pythonTask = (path: string, parameters: readonly string[] = [], key = "main") => ({
  task_key: key,
  environment_key: "default",
  spark_python_task: { python_file: path, parameters },
});

/** A submit whose tasks a script plays: no file is needed. */
export const scriptedSubmit = (name: string, more: Json = {}) => ({
  run_name: name,
  environments,
  tasks: [pythonTask(`${volume}/none.py`)],
  ...more,
});

/** Plain HTTP: TLS is the edge's own test. */
export async function startJobs(options: WorkspaceOptions = {}): Promise<Jobs> {
  const workspace = await startWorkspace({ tls: false, ...options });
  const client = clientOf(workspace);
  let files = 0;
  const run: Jobs["run"] = (runId, query = "") =>
    client.get(`/api/2.2/jobs/runs/get?run_id=${runId}${query}`);
  const until: Jobs["until"] = async (runId, what) => {
    for (let tries = 0; tries < 1500; tries += 1) {
      const answer = await run(runId);
      if (answer.status !== 200) throw new Error(`runs/get: ${answer.status} ${answer.text}`);
      if (what(answer.json)) return answer.json;
      await delay(15);
    }
    throw new Error(`run ${runId} never got there: ${(await run(runId)).text}`);
  };
  const finished: Jobs["finished"] = (runId) =>
    until(runId, (seen) => seen.status.state === "TERMINATED");
  const submit: Jobs["submit"] = async (body, token) => {
    const answer = await client.post("/api/2.2/jobs/runs/submit", body, {
      ...(token !== undefined && { token }),
    });
    if (answer.status !== 200) throw new Error(`submit: ${answer.status} ${answer.text}`);
    return runIdIn(answer.text);
  };
  const file: Jobs["file"] = async (name, content) => {
    const answer = await client.put(`/api/2.0/fs/files${volume}/${name}?overwrite=true`, content);
    if (answer.status !== 204) throw new Error(`PUT: ${answer.status} ${answer.text}`);
    return `${volume}/${name}`;
  };
  const output: Jobs["output"] = async (taskRunId) => {
    const answer = await client.get(`/api/2.2/jobs/runs/get-output?run_id=${taskRunId}`);
    if (answer.status !== 200) throw new Error(`get-output: ${answer.status} ${answer.text}`);
    return answer.json;
  };
  return {
    workspace,
    client,
    file,
    submit,
    finished,
    until,
    run,
    output,
    python: async (source, extra = {}) => {
      files += 1;
      const path = await file(`program-${files}.py`, source);
      const { parameters = [], task = {}, token, ...more } = extra;
      const body = {
        run_name: `program-${files}`,
        environments,
        tasks: [{ ...pythonTask(path, parameters), ...task }],
        ...more,
      };
      const over = await finished(await submit(body, token));
      const last = over.tasks.at(-1);
      const said = await output(last.run_id);
      return {
        run: over,
        task: last,
        output: said,
        logs: said.logs || `(nothing said; ${said.error})`,
      };
    },
    script: async (body) => {
      const answer = await client.admin("POST", "/scripts", body);
      if (answer.status !== 200) throw new Error(`scripts: ${answer.status} ${answer.text}`);
      return answer.json.id;
    },
    [Symbol.asyncDispose]: async () => {
      await client[Symbol.asyncDispose]();
      await workspace.close();
    },
  };
}

/** Digits as they came: an id may be beyond what a JavaScript number holds. */
export function runIdIn(text: string): string {
  const found = /"(?:run_id|job_id|repair_id)":\s*(\d+)/.exec(text)?.[1];
  if (found === undefined) throw new Error(`no id in ${text}`);
  return found;
}
