// Checks recipes against the stage: which workloads share a principal, and whose results are easier
// to forge.
import type { Stage } from "../../infra/stage.ts";
import type { Workload } from "../../infra/workloads.ts";
import { type Check, type Finding, ok, warn } from "./check.ts";

export const workloadChecks = (stage: Stage, workloads: readonly Workload[]): readonly Check[] => [
  { id: "evidence", remedy: "", look: async () => evidenceFinding(stage, workloads) },
  { id: "sharing", remedy: "", look: async () => sharingFinding(stage, workloads) },
];

/**
 * The run's own output cannot be changed once it is over. A file can, and so can anything that
 * another process on the machine reaches.
 */
export function evidenceFinding(
  { databricks, name }: Stage,
  workloads: readonly Workload[],
): Finding {
  const shared = workloads
    .filter(({ recipe }) => "existing_cluster_id" in recipe.task.compute)
    .map(({ workload }) => workload);
  const onShared = `what else runs on its cluster can write into the output of ${shared.join(", ")} (existing_cluster_id)`;
  const remedy = "give it serverless compute or a new_cluster, where nothing else runs";
  if (databricks.evidence === "file")
    return warn(
      `results are judged from files that every run of the same principal can rewrite before they are judged (evidence: file)${shared.length > 0 ? `; ${onShared}` : ""}`,
      `say databricks.evidence: output in ${name}.yaml, unless a workload's compute has no output${shared.length > 0 ? `; ${remedy}` : ""}`,
    );
  return shared.length > 0
    ? warn(onShared, remedy)
    : ok("results are judged from each run's own output");
}

/**
 * A workload that shares a principal can spoil the other's files, and cancel its runs. A workload
 * that shares a scratchpad can spoil files. Neither can make a success.
 */
export function sharingFinding({ databricks }: Stage, workloads: readonly Workload[]): Finding {
  const principals = sharedBy(
    workloads,
    "the principal",
    ({ recipe }) => recipe.run_as ?? databricks.run_as,
  );
  const scratchpads = sharedBy(
    workloads,
    "the scratchpad",
    ({ recipe }) => recipe.scratchpad ?? databricks.volumes.scratchpad,
  );
  return ok(
    workloads.length === 0
      ? "there are no workloads"
      : [
          ...principals,
          ...scratchpads,
          "who shares a scratchpad can spoil another's files there, and make no success of them",
        ].join("; "),
  );
}

/** A sentence for each thing that workloads have, alone or together. */
const sharedBy = (
  workloads: readonly Workload[],
  what: string,
  of: (workload: Workload) => string,
): readonly string[] =>
  [...Map.groupBy(workloads, of)].map(([thing, those]) => {
    const names = those.map(({ workload }) => workload).join(", ");
    return those.length > 1
      ? `${names} share ${what} ${thing}`
      : `${names} has ${what} ${thing} alone`;
  });
