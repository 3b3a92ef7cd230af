// Installs the clients into the git-ignored folder `.local/clients`, once for each version.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const PACKAGES = ["databricks-sdk==0.156.0", "databricks-sql-connector==4.9.0", "openai==3.57.0"];
const CLI_VERSION = "v1.12.1";
const GO = "go"; // not a package of npm
const folder = resolve(import.meta.dirname, "../../.local/clients");

/**
 * The path of a Python that has SDK, SQL connector and OpenAI's client.
 * @throws Error when they cannot be installed
 */
export async function pythonWithClients(): Promise<string> {
  const venv = join(folder, "venv");
  const python = join(venv, "bin", "python");
  const stamp = join(venv, `installed ${PACKAGES.join(" ")}`);
  if (existsSync(stamp)) return python;
  process.stderr.write(`installing ${PACKAGES.join(" and ")} into ${venv}\n`);
  rmSync(venv, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  run("python3", ["-m", "venv", venv], folder);
  run(python, ["-m", "pip", "install", "--quiet", ...PACKAGES], folder);
  writeFileSync(stamp, "");
  return python;
}

/**
 * The path of the official CLI, built from its Go module; nothing where Go is missing. @throws
 * Error when the build fails
 */
export async function databricksCli(): Promise<string | undefined> {
  const built = join(folder, `databricks-${CLI_VERSION}`);
  if (existsSync(built)) return built;
  if (spawnSync(GO, ["version"]).status !== 0) return undefined;
  process.stderr.write(`building the CLI ${CLI_VERSION} with Go, some minutes\n`);
  const source = join(folder, "cli-source");
  rmSync(source, { recursive: true, force: true });
  mkdirSync(source, { recursive: true });
  // A module that requires the CLI: `go install` refuses it because of its replace directives.
  const requirement = `require github.com/databricks/cli ${CLI_VERSION}`;
  writeFileSync(join(source, "go.mod"), `module build\n\ngo 1.25\n\n${requirement}\n`);
  writeFileSync(
    join(source, "build.go"),
    'package build\n\nimport _ "github.com/databricks/cli/cmd"\n',
  );
  const target = `${built}.part`;
  run(GO, ["build", "-mod=mod", "-o", target, "github.com/databricks/cli"], source, {
    CGO_ENABLED: "0",
    GOFLAGS: "",
  });
  run("mv", [target, built], folder);
  return built;
}

function run(
  command: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): void {
  const done = spawnSync(command, args, {
    cwd,
    stdio: ["inherit", 2, 2],
    env: { ...process.env, ...env },
  });
  if (done.status !== 0)
    throw new Error(
      `'${command} ${args.join(" ")}' ended with ${done.status ?? done.signal ?? done.error}; the clients need the network once.`,
    );
}
