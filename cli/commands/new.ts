// `signalbox new`: a workload that runs, to be changed into one's own.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { WorkloadName } from "../../shared/domain/recipe.ts";
import { command, stageOption, stagesOption, workloadsOption } from "../frame/command.ts";
import { stageOf, workloadsFolderOf } from "../stage-context.ts";
import { type CommandOf, typed, UsageError } from "../usage.ts";

export const newWorkload: CommandOf = (io) =>
  command("new", {
    summary: "makes a workload that runs: recipe, code, an example ticket",
    examples: [
      ["new cars", "workloads/cars, which adds up numbers"],
      ["new cars --loop", "one that goes on until its gate passes"],
    ],
  })
    .argument("<name>", "lower-case letters, digits and dashes")
    .option("--loop", "with iterations, a gate and a capsule")
    .addOption(workloadsOption)
    .addOption(stageOption)
    .addOption(stagesOption)
    .action((given, options) => {
      const name = typed("<name>", WorkloadName, given);
      const folder = options.workloads ?? workloadsFolderOf(stageOf(options, io), options);
      const place = join(folder, name);
      if (existsSync(place)) throw new UsageError(`${place} is there already: choose another name`);
      mkdirSync(place, { recursive: true });
      const files = options.loop ? loopFiles(name) : plainFiles(name);
      for (const [file, text] of Object.entries(files)) writeFileSync(join(place, file), text);
      const shown = relative(process.cwd(), place) || place;
      io.print(`made ${shown}: ${Object.keys(files).join(", ")}`);
      io.print(`next: signalbox check ${shown}`);
      io.print(
        `      signalbox submit ${name} --wait   (a plane that runs sees it at once, or after a restart; a stage after npx cdk deploy)`,
      );
    });

type Files = Readonly<Record<string, string>>;

const recipe = (artifact: string, iterations: number, more: string): string => `v: 1
planner: { kind: artifact, artifact: ${artifact} }
task:
  kind: spark_python_task
  compute: { serverless: { environment_version: "4" } }
# Upper bounds: rounds, tries of a round, seconds of a try, seconds of waiting for compute.
limits: { iterations: ${iterations}, attempts: 2, timeout_seconds: 600, queue_seconds: 600 }
${more}`;

const ticket = (name: string, parameters: object): string =>
  `${JSON.stringify({ ticket_id: `${name.toUpperCase()}-1`, workload: name, parameters }, null, 2)}\n`;

const plainFiles = (name: string): Files => ({
  "recipe.yaml": recipe(
    "main.py",
    1,
    `# What a ticket may override, key by key.
parameters: { numbers: [1, 2, 3] }
`,
  ),
  "main.py": `"""Adds up numbers. Change it into what you need: it is a plain script."""

from signalbox_executor import context

numbers = context.parameters["numbers"]
total = sum(numbers)
print(f"{len(numbers)} numbers, {total} in all")

context.metric("total", total)
context.summary(f"{len(numbers)} numbers, {total} in all")
`,
  "ticket.json": ticket(name, { numbers: [4, 5, 6] }),
});

const loopFiles = (name: string): Files => ({
  "recipe.yaml": recipe(
    "main.py",
    8,
    `# What a ticket may override, key by key.
parameters: { number: 2 }
# All must hold; until then, the next iteration begins with the capsule of this one.
gate:
  - { metric: error, op: "<=", value: 0.001 }
`,
  ),
  "main.py": `"""Approaches a square root, one step in each iteration. Change it into what you need."""

from signalbox_executor import context

number = context.parameters["number"]
guess = context.capsule.get("guess", 1.0)  # what the iteration before left
guess = (guess + number / guess) / 2
error = abs(guess * guess - number)
print(f"iteration {context.iteration}: {guess}, off by {error}")

context.capsule["guess"] = guess  # what the next iteration starts from
context.metric("error", error)  # the gate looks at it
context.summary(f"the square root of {number} is about {guess:.6f}")
`,
  "ticket.json": ticket(name, { number: 7 }),
});
