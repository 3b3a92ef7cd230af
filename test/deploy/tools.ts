// Python tools in virtual environments of their own, below .local: installed once, pinned, never
// into the machine.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, "..", "..");

const tools = {
  /** An AWS that runs functions, enforces roles and policies, and takes `cdk deploy`. */
  ministack: "1.5.33",
  "cfn-lint": "1.58.0",
} as const;

/** The path of a tool's command; installs it if need be. */
export async function toolPath(tool: keyof typeof tools): Promise<string> {
  const version = tools[tool];
  const folder = join(ROOT, ".local", "tools", `${tool}-${version}`);
  const command = join(folder, "bin", tool);
  if (existsSync(join(folder, "installed"))) return command;
  await rm(folder, { recursive: true, force: true }); // half an installation is none
  await run("python3", ["-m", "venv", folder]);
  const pip = join(folder, "bin", "python");
  await run(pip, ["-m", "pip", "install", "--quiet", `${tool}==${version}`]);
  await run("touch", [join(folder, "installed")]);
  return command;
}

export const projectRoot = ROOT;
