// The CDK command line, as an operator would run it; refuses to run without an emulator's endpoint.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "./tools.ts";

export type Cdk = {
  /** Runs one command to its end; returns what it printed. @throws Error with that, if it fails. */
  readonly run: (...args: readonly string[]) => Promise<string>;
  readonly synth: (assembly: string, context: Readonly<Record<string, string>>) => Promise<string>;
  /** The stack's outputs. */
  readonly deploy: (assembly: string, stack: string) => Promise<Deployed>;
};
type Deployed = {
  readonly printed: string;
  readonly outputs: Readonly<Record<string, string>>;
};

export function createCdk(environment: Readonly<Record<string, string>>, folder: string): Cdk {
  if (!environment["AWS_ENDPOINT_URL"]?.startsWith("https://127.0.0.1:"))
    throw new Error("this proof deploys to an emulator only: AWS_ENDPOINT_URL must be 127.0.0.1");
  const run = (...args: readonly string[]) => runCdk(args, environment);
  return {
    run,
    synth: (assembly, context) =>
      run(
        "synth",
        "--quiet",
        ...["--output", assembly],
        ...Object.entries(context).flatMap(([key, value]) => ["-c", `${key}=${value}`]),
      ),
    deploy: async (assembly, stack) => {
      const file = join(folder, "outputs.json");
      const printed = await run(
        "deploy",
        stack,
        ...["--app", assembly, "--require-approval", "never", "--outputs-file", file],
      );
      return { printed, outputs: JSON.parse(readFileSync(file, "utf8"))[stack] ?? {} };
    },
  };
}

async function runCdk(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<string> {
  const child = spawn(join(projectRoot, "node_modules", ".bin", "cdk"), args, {
    cwd: projectRoot,
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let printed = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      printed += text;
    });
  const code = await new Promise((exit) => child.once("exit", exit));
  if (code !== 0) throw new Error(`cdk ${args.join(" ")} ended with ${code}:\n${printed}`);
  return printed;
}
