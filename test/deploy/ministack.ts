// MiniStack in a process of its own: an AWS on 127.0.0.1 that enforces signatures, roles and TLS.
import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Certificates } from "embedded-databricks-workspace";
import { projectRoot, toolPath } from "./tools.ts";

export const REGION = "eu-central-1";

export type MiniStack = AsyncDisposable & {
  /** `https://127.0.0.1:port` */
  readonly endpoint: string;
  readonly caPem: string;
  /**
   * What a client's process needs in its environment: nothing of the machine's own AWS is left in
   * it.
   */
  readonly clientEnvironment: Readonly<Record<string, string>>;
};

export type MiniStackOptions = {
  readonly folder: string;
  readonly certificates: Certificates;
  /**
   * Variables that the deployed functions shall see beside their own (a trust anchor, for
   * instance).
   */
  readonly leaks: Readonly<Record<string, string>>;
};

export async function startMiniStack({
  folder,
  certificates,
  leaks,
}: MiniStackOptions): Promise<MiniStack> {
  const python = join(dirname(await toolPath("ministack")), "python");
  mkdirSync(folder, { recursive: true });
  // Outside the project: its package.json says that every .js is a module, which the emulator's own
  // worker is not.
  const temporary = mkdtempSync(join(tmpdir(), "signalbox-cloud-"));
  const { caPem, chainPem, keyPem } = certificates;
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const caFile = file("ca.pem", caPem);
  const port = await freePort();
  const child = spawn(python, [join(import.meta.dirname, "ministack_with_senders.py")], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      // Functions run with the first node on this path: the one that this project pins.
      PATH: [join(projectRoot, "node_modules", ".bin"), process.env["PATH"]].join(delimiter),
      HOME: folder,
      TMPDIR: temporary,
      BIND_HOST: "127.0.0.1",
      GATEWAY_PORT: String(port),
      MINISTACK_HOST: "127.0.0.1",
      MINISTACK_REGION: REGION,
      AUTH: "true",
      USE_SSL: "1",
      MINISTACK_SSL_CERT: file("chain.pem", chainPem),
      MINISTACK_SSL_KEY: file("key.pem", keyPem),
      NODE_EXTRA_CA_CERTS: caFile,
      ...leaks,
    },
  });
  const log = createWriteStream(join(folder, "ministack.log"));
  child.stdout.pipe(log);
  child.stderr.pipe(log);
  const stop = async () => {
    await stopChild(child);
    rmSync(temporary, { recursive: true, force: true });
  };
  const endpoint = `https://127.0.0.1:${port}`;
  try {
    await ready(endpoint, caPem, child, join(folder, "ministack.log"));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    endpoint,
    caPem,
    clientEnvironment: clientEnvironment(endpoint, caFile, folder),
    [Symbol.asyncDispose]: stop,
  };
}

const clientEnvironment = (endpoint: string, caFile: string, folder: string) => ({
  PATH: [join(projectRoot, "node_modules", ".bin"), process.env["PATH"]].join(delimiter),
  HOME: folder,
  AWS_ENDPOINT_URL: endpoint,
  AWS_ACCESS_KEY_ID: "test",
  AWS_SECRET_ACCESS_KEY: "test",
  AWS_REGION: REGION,
  AWS_EC2_METADATA_DISABLED: "true",
  AWS_CONFIG_FILE: "/dev/null",
  AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
  AWS_CA_BUNDLE: caFile,
  NODE_EXTRA_CA_CERTS: caFile,
  // The CLI remembers accounts by key; another emulator's would be taken for this one's.
  CDK_HOME: join(folder, "cdk-home"),
  CDK_DISABLE_CLI_TELEMETRY: "true",
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const address = server.address();
  await new Promise((closed) => server.close(closed));
  if (address === null || typeof address === "string") throw new Error("no port is free");
  return address.port;
}

async function ready(
  endpoint: string,
  caPem: string,
  child: ChildProcess,
  log: string,
): Promise<void> {
  const agent = new Agent({ ca: caPem });
  for (let tried = 0; tried < 300; tried++) {
    if (child.exitCode !== null)
      throw new Error(`MiniStack ended with code ${child.exitCode}: see ${log}`);
    if (await answers(`${endpoint}/_ministack/ready`, agent)) return agent.destroy();
    await sleep(100);
  }
  throw new Error(`MiniStack was not ready after 30 s: see ${log}`);
}

const answers = (url: string, agent: Agent): Promise<boolean> =>
  new Promise((resolve) => {
    const asked = request(url, { agent }, (reply) => {
      reply.resume();
      resolve(reply.statusCode === 200);
    });
    asked.on("error", () => resolve(false));
    asked.end();
  });

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((exit) => child.once("exit", exit));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await ended;
  clearTimeout(timer);
}
