// The Spark process: started, waited for until it answers, ended with the workspace.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export type SparkProcess = AsyncDisposable & {
  readonly port: number;
  /** The end of its log when it has ended, for an error's text. */
  readonly ended: () => string | undefined;
};

/** Where install.sh put Spark: `EMBEDDED_WORKSPACE_SPARK`, or a folder of the user's cache. */
export function sparkFolder(): string {
  const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  return (
    process.env["EMBEDDED_WORKSPACE_SPARK"] ?? join(cache, "embedded-databricks-workspace", "spark")
  );
}

/** @throws Error when Spark is not installed */
export async function startSpark(data: string): Promise<SparkProcess> {
  const installed = sparkFolder();
  if (!existsSync(join(installed, "spark")))
    throw new Error(
      `Spark is not installed in ${installed}: run ${fileURLToPath(new URL("install.sh", import.meta.url))} ${installed}`,
    );
  mkdirSync(data, { recursive: true });
  const port = await freePort();
  const script = fileURLToPath(new URL("start.sh", import.meta.url));
  const child = spawn(script, [installed, data, String(port)], {
    stdio: ["pipe", "ignore", "ignore"],
  });
  const isOver = new Promise<void>((resolve) => child.once("close", () => resolve()));
  return {
    port,
    ended: () => (hasEnded(child) ? logTail(data) : undefined),
    [Symbol.asyncDispose]: async () => {
      child.stdin?.end();
      await isOver;
    },
  };
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function logTail(data: string): string {
  const log = join(data, "spark.log");
  return existsSync(log) ? readFileSync(log, "utf8").slice(-2000) : "it wrote no log";
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
