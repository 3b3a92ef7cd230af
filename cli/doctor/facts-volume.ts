// Checks the volume that carries everything: its owner, our permissions in it, and whether a file
// is created only once.
import { randomUUID } from "node:crypto";
import { volumePathsOf } from "../../infra/names.ts";
import type { Stage } from "../../infra/stage.ts";
import { createPlanePort } from "../../shared/adapters/plane.ts";
import { createFacts } from "../../shared/adapters/volume-facts.ts";
import type { WorkspaceCheckOptions } from "./check.ts";
import { type Finding, fail, ok } from "./check.ts";

export async function planeIsOurs({ stage, client }: WorkspaceCheckOptions): Promise<Finding> {
  const facts = createFacts({ files: client.files, factsVolume: factsOf(stage) });
  const planeId = await createPlanePort(facts, stage.stack).plane.id();
  return ok(`the facts volume belongs to ${stage.stack} (plane ${planeId})`);
}

const factsOf = (stage: Stage): string => volumePathsOf(stage.databricks).facts;

/** A file beside the runs' folders; none of our handlers reads there. */
const doctorsFile = (stage: Stage): string => `${factsOf(stage)}/doctor/${randomUUID()}.json`;

export async function factsAreWritable({ stage, client }: WorkspaceCheckOptions): Promise<Finding> {
  const path = doctorsFile(stage);
  await client.files.create(path, Buffer.from("{}\n"));
  await client.files.remove(path);
  const gone = (await client.files.read(path, 100)).kind === "absent";
  return gone
    ? ok("files can be created, read and removed")
    : fail(`${path} is still there after its removal`, "remove it by hand, and look again");
}

/** Results are read from the executors' volume, and reviewed code from the people's. */
export async function volumesAreReadable({
  stage,
  client,
}: WorkspaceCheckOptions): Promise<Finding> {
  const { plans, scratchpad, codebase } = volumePathsOf(stage.databricks);
  for (const volume of [plans, scratchpad, codebase]) await client.files.list(volume);
  return ok(`${plans}, ${scratchpad} and ${codebase} can be read`);
}

const RACERS = 16;
const ROUNDS = 3;

/**
 * The rule on which everything rests: if many create a file at once, one wins, and the file is its
 * file.
 */
export async function createsOnce({ stage, client }: WorkspaceCheckOptions): Promise<Finding> {
  for (let round = 1; round <= ROUNDS; round++) {
    const path = doctorsFile(stage);
    const racers = Array.from({ length: RACERS }, (_, i) => Buffer.from(`{"racer":${i}}\n`));
    const ended = await Promise.all(racers.map((content) => client.files.create(path, content)));
    const winners = racers.filter((_, i) => ended[i] === "created");
    const stored = await client.files.read(path, 1_000);
    await client.files.remove(path);
    const [winner] = winners;
    if (winners.length !== 1 || winner === undefined)
      return fail(
        `of ${RACERS} who created the same file at once, ${winners.length} were told that they did`,
        "the Files API does not keep overwrite=false here: no plane may use this workspace; open a case",
      );
    if (stored.kind !== "found" || !winner.equals(stored.content))
      return fail(
        "the file does not hold what its one creator wrote",
        "the Files API does not keep overwrite=false here: no plane may use this workspace; open a case",
      );
  }
  return ok(`${ROUNDS} races of ${RACERS} had one winner each`);
}
