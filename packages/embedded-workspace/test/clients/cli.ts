// The official CLI's commands, one after the other, as a person types them.
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Workspace } from "../../src/workspace.ts";
import { wheel } from "../wheel.ts";

export type CliOptions = {
  readonly binary: string;
  readonly env: Readonly<Record<string, string>>;
  readonly workspace: Workspace;
  /** An empty folder to work in. */
  readonly folder: string;
};

type Outcome = { readonly code: number | null; readonly stdout: string; readonly stderr: string };
type Cli = (...args: readonly string[]) => Promise<Outcome>;
type Step = (cli: Cli, options: CliOptions) => Promise<void>;

/** Runs every step, says which failed and why; true when none did. */
export async function cliScenario(options: CliOptions): Promise<boolean> {
  const cli: Cli = (...args) => call(options, args);
  let good = true;
  for (const [name, step] of Object.entries(steps)) {
    try {
      await step(cli, options);
      process.stdout.write(`${name} ... ok\n`);
    } catch (error) {
      good = false;
      process.stdout.write(`${name} ... FAILED: ${String(error)}\n`);
    }
  }
  return good;
}

const steps: Readonly<Record<string, Step>> = {
  "current-user me": async (cli, { workspace }) => {
    const me = await json(cli("current-user", "me"));
    equal(me["userName"], workspace.administrator.id);
  },
  "auth describe, with a token and with a client secret": async (cli, options) => {
    includes((await good(cli("auth", "describe"))).stdout, "Authenticated with: pat");
    const m2m = { ...options.env, DATABRICKS_AUTH_TYPE: "oauth-m2m" };
    const described = await good(call({ ...options, env: m2m }, ["auth", "describe"]));
    includes(described.stdout, "Authenticated with: oauth-m2m");
  },
  "fs on a volume": fileSystem,
  "a second writer of a file is told": async (cli, { folder }) => {
    const file = join(folder, "once.txt");
    writeFileSync(file, "once");
    await good(cli("fs", "cp", file, `${VOLUME}/once.txt`));
    const again = await cli("fs", "cp", file, `${VOLUME}/once.txt`);
    includes(again.stdout + again.stderr, "already exists");
    await good(cli("fs", "cp", "--overwrite", file, `${VOLUME}/once.txt`));
  },
  "api get and api post": async (cli) => {
    const scope = JSON.stringify({ scope: "by-api" });
    await good(cli("api", "post", "/api/2.0/secrets/scopes/create", "--json", scope));
    const listed = await json(cli("api", "get", "/api/2.0/secrets/scopes/list"));
    includes(JSON.stringify(listed), '"by-api"');
    const missing = await cli("api", "get", "/api/2.0/pipelines");
    equal(missing.code, 1);
    includes(missing.stderr, "has no GET /api/2.0/pipelines");
  },
  "jobs submit, get-run, list-runs, get-run-output": submitted,
  "jobs cancel-run": cancelled,
  "a failing run fails the command": async (cli, options) => {
    await upload(cli, options, "fails.py", "raise SystemExit('on purpose')\n");
    const outcome = await cli("jobs", "submit", "--json", submission(options, "fails.py"));
    equal(outcome.code, 1);
  },
  "bundle validate, plan, deploy, summary, run, deploy again, destroy": bundle,
  "a bundle with a wheel, a schema with a grant, and a volume": wheelBundle,
};

const VOLUME = "dbfs:/Volumes/main/default/files";

async function fileSystem(cli: Cli, { folder }: CliOptions): Promise<void> {
  const bytes = Buffer.from([0, 1, 254, 255]);
  writeFileSync(join(folder, "ä file"), bytes);
  await good(cli("fs", "mkdir", `${VOLUME}/cli/deep`));
  await good(cli("fs", "cp", join(folder, "ä file"), `${VOLUME}/cli/deep/ä file`));
  equal((await good(cli("fs", "ls", `${VOLUME}/cli/deep`))).stdout.trim(), "ä file");
  await good(cli("fs", "cp", "-r", `${VOLUME}/cli`, join(folder, "back")));
  equal(readFileSync(join(folder, "back", "deep", "ä file")).toString("hex"), "0001feff");
  await good(cli("fs", "rm", "-r", `${VOLUME}/cli`));
  equal((await cli("fs", "ls", `${VOLUME}/cli`)).code, 1);
}

async function submitted(cli: Cli, options: CliOptions): Promise<void> {
  await upload(cli, options, "greet.py", "import sys\nprint('greetings', *sys.argv[1:])\n");
  const run = await json(cli("jobs", "submit", "--json", submission(options, "greet.py")));
  equal(run["state"]?.["result_state"], "SUCCESS");
  const runId = String(run["run_id"]);
  equal((await json(cli("jobs", "get-run", runId)))["run_name"], "by the CLI");
  includes((await good(cli("jobs", "list-runs", "--output", "json"))).stdout, runId);
  const task = String(run["tasks"]?.[0]?.["run_id"]);
  const output = await json(cli("jobs", "get-run-output", task));
  includes(String(output["logs"]), "greetings one two");
}

async function cancelled(cli: Cli, options: CliOptions): Promise<void> {
  await upload(cli, options, "sleeps.py", "import time\ntime.sleep(600)\n");
  const submit = submission(options, "sleeps.py");
  const started = await json(cli("jobs", "submit", "--no-wait", "--json", submit));
  const runId = String(started["run_id"]);
  await good(cli("jobs", "cancel-run", runId));
  equal((await json(cli("jobs", "get-run", runId)))["state"]?.["result_state"], "CANCELED");
}

async function bundle(cli: Cli, options: CliOptions): Promise<void> {
  const folder = join(options.folder, "bundle");
  writeBundle(folder, options.env["DATABRICKS_CLUSTER_ID"] ?? "");
  const here = { ...options, folder };
  const bundled = (...args: readonly string[]) => good(call(here, ["bundle", ...args]));
  includes((await bundled("validate")).stdout, "Validation OK!");
  includes((await bundled("plan")).stdout, "create jobs.greet");
  await bundled("deploy");
  includes((await bundled("summary")).stdout, "/jobs/");
  const ran = await bundled("run", "greet");
  includes(ran.stdout, "from the bundle ['hello']");
  includes(ran.stdout, "the end of the notebook");
  writeFileSync(join(folder, "src", "main.py"), "print('changed')\n");
  await bundled("deploy");
  includes((await bundled("run", "greet")).stdout, "changed");
  await bundled("destroy", "--auto-approve");
  const left = await json(cli("api", "get", "/api/2.2/jobs/list"));
  equal(left["jobs"], undefined);
}

function writeBundle(folder: string, cluster: string): void {
  mkdirSync(join(folder, "src"), { recursive: true });
  writeFileSync(
    join(folder, "databricks.yml"),
    `bundle:
  name: example
resources:
  jobs:
    greet:
      name: greet
      tasks:
        - task_key: main
          existing_cluster_id: ${cluster}
          spark_python_task:
            python_file: ./src/main.py
            parameters: ["hello"]
        - task_key: book
          depends_on: [{ task_key: main }]
          existing_cluster_id: ${cluster}
          notebook_task:
            notebook_path: ./src/book.py
targets:
  dev:
    default: true
    mode: development
`,
  );
  writeFileSync(
    join(folder, "src", "main.py"),
    "import sys\nprint('from the bundle', sys.argv[1:])\n",
  );
  writeFileSync(
    join(folder, "src", "book.py"),
    '# Databricks notebook source\ndbutils.notebook.exit("the end of the notebook")\n',
  );
}

async function wheelBundle(_cli: Cli, options: CliOptions): Promise<void> {
  const { env, workspace } = options;
  const folder = join(options.folder, "wheel-bundle");
  mkdirSync(join(folder, "dist"), { recursive: true });
  const source = "import sys\ndef main():\n    print('the wheel says', sys.argv[1:])\n";
  const bytes = wheel({ name: "greeter", source, entryPoints: { greet: "greeter:main" } });
  writeFileSync(join(folder, "dist", "greeter-1.0-py3-none-any.whl"), bytes);
  writeFileSync(
    join(folder, "databricks.yml"),
    wheelBundleYaml(env["DATABRICKS_CLUSTER_ID"] ?? "", workspace.other.id),
  );
  const bundled = (...args: readonly string[]) =>
    good(call({ ...options, folder }, ["bundle", ...args]));
  await bundled("deploy");
  includes((await bundled("run", "classic")).stdout, "the wheel says ['classic']");
  includes((await bundled("run", "serverless")).stdout, "the wheel says ['serverless']");
  const { grants } = workspace.context;
  const schema = { type: "schema", name: "main.of_the_bundle" } as const;
  equal(grants.show(schema)[0]?.privileges.join(), "USE SCHEMA");
  await bundled("destroy", "--auto-approve");
  equal(workspace.context.catalogs.schema("main", "of_the_bundle"), undefined);
}

const wheelBundleYaml = (cluster: string, grantee: string) => `bundle:
  name: wheels
resources:
  jobs:
    classic:
      name: classic
      tasks:
        - task_key: main
          existing_cluster_id: ${cluster}
          python_wheel_task:
            { package_name: greeter, entry_point: greet, parameters: ["classic"] }
          libraries:
            - whl: ./dist/greeter-1.0-py3-none-any.whl
    serverless:
      name: serverless
      tasks:
        - task_key: main
          environment_key: default
          python_wheel_task:
            { package_name: greeter, entry_point: greet, parameters: ["serverless"] }
      environments:
        - environment_key: default
          spec:
            environment_version: "4"
            dependencies: ["./dist/greeter-1.0-py3-none-any.whl"]
  schemas:
    own:
      catalog_name: main
      name: of_the_bundle
      grants:
        - { principal: "${grantee}", privileges: ["USE_SCHEMA"] }
  volumes:
    data:
      catalog_name: main
      schema_name: \${resources.schemas.own.name}
      name: data
targets:
  dev:
    default: true
`;

async function upload(cli: Cli, { folder }: CliOptions, name: string, text: string): Promise<void> {
  writeFileSync(join(folder, name), text);
  await good(cli("fs", "cp", "--overwrite", join(folder, name), `${VOLUME}/${name}`));
}

const submission = ({ env }: CliOptions, file: string): string =>
  JSON.stringify({
    run_name: "by the CLI",
    tasks: [
      {
        task_key: "main",
        existing_cluster_id: env["DATABRICKS_CLUSTER_ID"],
        spark_python_task: {
          python_file: `/Volumes/main/default/files/${file}`,
          parameters: ["one", "two"],
        },
      },
    ],
  });

/** A command may take a minute: the CLI's own waiters poll in growing steps. */
function call({ binary, env, folder }: CliOptions, args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(binary, args, { cwd: folder, env, timeout: 120_000 });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => (stdout += chunk));
    child.stderr.on("data", (chunk) => (stderr += chunk));
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
}

async function good(outcome: Promise<Outcome>): Promise<Outcome> {
  const done = await outcome;
  if (done.code !== 0) throw new Error(`it ended with ${done.code}: ${done.stderr}${done.stdout}`);
  return done;
}

// biome-ignore lint/suspicious/noExplicitAny: answers of every shape, whose fields are asserted where they are used
const json = async (outcome: Promise<Outcome>): Promise<Record<string, any>> =>
  JSON.parse((await good(outcome)).stdout);

function equal(got: unknown, expected: unknown): void {
  if (got !== expected)
    throw new Error(`expected ${JSON.stringify(expected)}, got ${JSON.stringify(got)}`);
}

function includes(text: string, part: string): void {
  if (!text.includes(part)) throw new Error(`expected '${part}' in: ${text}`);
}
