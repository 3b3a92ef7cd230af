// An embedded workspace as its users start it: the command, in a process of its own, found by the
// lines that it prints.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type CallAdmin, createAdminClient } from "embedded-databricks-workspace";
import { Pool } from "undici";

export type WorkspaceProcess = AsyncDisposable & {
  /** What it told its clients to put into their environment. */
  readonly variable: (name: string) => string;
  readonly caPem: string;
  readonly caFile: string;
  readonly admin: CallAdmin;
  /**
   * As its administrator, over connections that are kept. @throws Error for an answer that is no
   * success
   */
  readonly call: (method: "GET" | "POST" | "PUT", path: string, body?: string) => Promise<string>;
};

const COMMAND = join(import.meta.dirname, "../../node_modules/.bin/embedded-databricks-workspace");
const CONNECTIONS = 8;

/** @param env of its process, where that is not ours */
export async function startWorkspaceProcess(env = process.env): Promise<WorkspaceProcess> {
  const child = spawn(process.execPath, [COMMAND, "--quiet"], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const variables = await variablesFrom(child.stdout);
  const variable = (name: string): string => {
    const value = variables.get(name);
    if (value === undefined) throw new Error(`the workspace's command printed no ${name}`);
    return value;
  };
  const caFile = variable("NODE_EXTRA_CA_CERTS");
  const caPem = readFileSync(caFile, "utf8");
  const pool = new Pool(variable("DATABRICKS_HOST"), {
    connections: CONNECTIONS,
    connect: { ca: caPem },
  });
  const headers = { authorization: `Bearer ${variable("DATABRICKS_TOKEN")}` };
  return {
    variable,
    caPem,
    caFile,
    admin: createAdminClient(variable("DATABRICKS_WORKSPACE_ADMIN"), caPem),
    call: async (method, path, body) => {
      const answer = await pool.request({ method, path, headers, body: body ?? null });
      const text = await answer.body.text();
      if (answer.statusCode >= 300)
        throw new Error(`${method} ${path} answered ${answer.statusCode}: ${text}`);
      return text;
    },
    [Symbol.asyncDispose]: async () => {
      await pool.close();
      const ended = once(child, "exit");
      if (child.exitCode === null && child.kill("SIGTERM")) await ended;
    },
  };
}

/** The shell lines, to the last of them. @throws Error where the process ends before */
async function variablesFrom(stdout: AsyncIterable<Buffer>): Promise<ReadonlyMap<string, string>> {
  let text = "";
  for await (const chunk of stdout) {
    text += chunk.toString("utf8");
    const lines = [...text.matchAll(/^export (\w+)='(.*)'$/gm)];
    const variables = new Map(lines.map(([, name = "", value = ""]) => [name, value]));
    if (variables.has("NODE_EXTRA_CA_CERTS")) return variables;
  }
  throw new Error(`the workspace's command ended after it had printed: ${text}`);
}
