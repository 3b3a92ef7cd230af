// The configuration of one stage: one reviewed file, infra/stages/<stage>.yaml. Each fault is
// reported by its key, with the fix.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type * as z from "zod";
import { messageOf } from "../shared/domain/body.ts";
import { StageFile } from "./stage-schema.ts";
import { parseYaml } from "./yaml.ts";

export type StageConfig = z.infer<typeof StageFile>;
export type Stage = StageConfig & {
  readonly name: string;
  /** The name of the stack, which its queues, functions and plane.json carry. */
  readonly stack: string;
};

/**
 * A stage file that cannot be used. Its message is for the operator: file, key, fault and fix, one
 * a line.
 */
export class StageError extends Error {
  override readonly name = "StageError";
}

const FILE = /^([a-z][a-z0-9-]{0,15})\.yaml$/;

/** The stages of a folder, or the requested one. @throws StageError */
export function readStages(folder: string, only?: string): readonly Stage[] {
  const names = stageNames(folder);
  if (names.length === 0)
    throw new StageError(`${folder} holds no stage: copy dev.yaml from the project`);
  if (only !== undefined && !names.includes(only))
    throw new StageError(`there is no stage "${only}" in ${folder}; there is ${names.join(", ")}`);
  const stages = (only === undefined ? names : [only]).map((name) => readStage(folder, name));
  checkSchemas(folder, stages);
  return stages;
}

/** The stages of a folder, by the names of their files. @throws StageError */
export const stageNames = (folder: string): readonly string[] =>
  filesOf(folder)
    .filter((file) => /\.ya?ml$/.test(file))
    .sort()
    .map((file) => {
      const name = FILE.exec(file)?.[1];
      if (name === undefined)
        throw new StageError(
          `${join(folder, file)}: the file's name is the stage's: up to 16 lower-case letters, digits and dashes, then .yaml. Rename it`,
        );
      return name;
    });

function filesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    throw new StageError(
      `the stages cannot be read: ${messageOf(error)}: name their folder (--stages, or -c stages=<folder>)`,
      { cause: error },
    );
  }
}

/**
 * Checks that each stage has its own schema. Facts and ledger lie in it: two stages in one would
 * write each other's books.
 * @throws StageError with a line for each stage whose schema is taken
 */
function checkSchemas(folder: string, stages: readonly Stage[]): void {
  const placeOf = ({ databricks: { host, catalog, schema } }: Stage) =>
    `${catalog}.${schema} in ${host}`;
  const faults = stages.flatMap((stage, i) => {
    const first = stages.slice(0, i).find((other) => placeOf(other) === placeOf(stage));
    return first === undefined
      ? []
      : `${join(folder, `${stage.name}.yaml`)}: databricks.schema leads to ${placeOf(stage)}, as it does in ${first.name}.yaml: give each stage a schema of its own`;
  });
  if (faults.length > 0) throw new StageError(faults.join("\n"));
}

/** One stage. @throws StageError */
function readStage(folder: string, name: string): Stage {
  const path = join(folder, `${name}.yaml`);
  const config = parseStage(path, readFileSync(path, "utf8"));
  return { ...config, name, stack: `signalbox-${name}` };
}

/** The text of a stage file; `path` is for the errors alone. @throws StageError */
export function parseStage(path: string, source: string): StageConfig {
  const value = parseYaml(source, (fault, cause) => new StageError(`${path}: ${fault}`, cause));
  const parsed = StageFile.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new StageError(
    parsed.error.issues.map((issue) => `${path}: ${sentence(issue, value)}`).join("\n"),
  );
}

function sentence(issue: z.core.$ZodIssue, value: unknown): string {
  const place = issue.path.map(String).join(".");
  if (issue.code === "unrecognized_keys") {
    const keys = issue.keys.map((key) => [place, key].filter((part) => part !== "").join("."));
    return `${keys.join(", ")} is not known here: remove it, or look for the right name in infra/stages/dev.yaml`;
  }
  const found = issue.path.reduce<unknown>(at, value);
  const state = found === undefined ? "is missing" : `is ${JSON.stringify(found)}`;
  const message = issue.message.startsWith("is ")
    ? issue.message
    : `${state}, and ${issue.message}`;
  return `${place === "" ? "the file" : place} ${message}`;
}

const at = (value: unknown, key: PropertyKey): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
