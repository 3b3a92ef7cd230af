// `signalbox check`: the files that people write, before anything is deployed or sent.
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { stageNames } from "../../infra/stage.ts";
import { StageFile } from "../../infra/stage-schema.ts";
import { WORKLOADS } from "../../infra/workloads.ts";
import { pythonFaults } from "../check/python-faults.ts";
import { examineWorkload, foldersOf } from "../check/workload-faults.ts";
import { type Fault, yamlFaults } from "../check/yaml-faults.ts";
import { command, jsonOption, stagesOption, workloadsOption } from "../frame/command.ts";
import { plural } from "../frame/words.ts";
import { OWN_STAGES } from "../stage-context.ts";
import { type CommandOf, UsageError } from "../usage.ts";

export const check: CommandOf = (io) =>
  command("check", {
    summary: "checks recipes, their Python and stages: file, line, column, what was meant",
    more: "Nothing is run, sent or deployed. Without arguments it checks all workloads and all stages of the project.",
    examples: [
      ["check", "everything"],
      ["check workloads/cars", "one workload"],
      ["check --workloads ../work --no-python", "a folder elsewhere, recipes alone"],
    ],
    exits: "1 there are faults.",
  })
    .argument("[folders...]", "folders of single workloads")
    .addOption(workloadsOption)
    .addOption(stagesOption)
    .option("--no-python", "does not ask Python whether the code parses")
    .addOption(jsonOption)
    .action(async (folders, options) => {
      const { names, faults } = await examined(folders, options);
      if (options.json) io.printJson(faults, 2);
      else {
        for (const fault of faults) io.print(`${placeOf(fault)}: ${fault.sentence}`);
        io.print(
          faults.length === 0
            ? [{ text: "no faults", tone: "good" }, ` in ${names}`]
            : [{ text: plural(faults.length, "fault"), tone: "bad" }, ` in ${names}`],
        );
      }
      io.exit(faults.length === 0 ? 0 : 1);
    });

type Options = {
  readonly workloads?: string | undefined;
  readonly stages?: string | undefined;
  readonly python: boolean;
};

async function examined(folders: readonly string[], options: Options) {
  const named = folders.map((folder) => resolve(folder));
  const missing = named.find((folder) => !existsSync(folder));
  if (missing !== undefined) throw new UsageError(`there is no folder ${missing}`);
  const whole = options.workloads ?? WORKLOADS;
  const all =
    named.length > 0
      ? named.map((folder) => [dirname(folder), basename(folder)] as const)
      : foldersOf(whole).map((name) => [whole, name] as const);
  const recipes = all.map(([folder, name]) => examineWorkload(folder, name));
  const stages = named.length > 0 ? [] : stageFiles(options.stages ?? OWN_STAGES);
  const counted = [plural(all.length, "workload"), plural(stages.length, "stage")];
  return {
    names: counted.slice(0, stages.length > 0 ? 2 : 1).join(" and "),
    faults: [
      ...recipes.flatMap((each) => each.faults),
      ...(options.python ? await pythonFaults(recipes.flatMap((each) => each.python)) : []),
      ...stages.flatMap((file) => yamlFaults(file, readFileSync(file, "utf8"), StageFile)),
    ],
  };
}

const stageFiles = (folder: string): readonly string[] =>
  stageNames(folder).map((name) => join(folder, `${name}.yaml`));

/** `file:line:column`, as editors open it. */
const placeOf = ({ file, line, column }: Fault): string =>
  [file, line, line === undefined ? undefined : column]
    .filter((each) => each !== undefined)
    .join(":");
