// What the checks look at, and the questions that several of them ask of it.
import { type AttemptKey, type DecisionFact, factRef } from "../../shared/domain/facts.ts";
import type { VirtualClock } from "./clock.ts";
import type { Databricks, Run } from "./databricks.ts";
import type { Files } from "./files.ts";
import type { Bus, Ledger } from "./ledger.ts";
import type { Sqs } from "./sqs.ts";
import type { Stats } from "./stats.ts";

export type SafetyDeps = {
  readonly clock: VirtualClock;
  readonly files: Files;
  readonly databricks: Databricks;
  readonly ledger: Ledger;
  readonly bus: Bus;
  readonly sqs: Sqs;
  readonly stats: Stats;
  readonly planeId: string;
  readonly violate: (what: string, detail: string) => void;
};

/** The plan of an attempt; undefined where there is none, or it says that nothing will run. */
export const planOf = (files: Files, key: AttemptKey) => {
  const manifest = files.get(factRef.manifest(key))?.fact;
  return manifest === undefined || "stopped" in manifest ? undefined : manifest;
};

/** Still going on in Databricks, as far as we can be asked to know: not what a hand or a zombie brought, not what no one can end. */
export const isOurs = ({ databricks }: Pick<SafetyDeps, "databricks">, run: Run): boolean =>
  databricks.isActive(run) &&
  run.repairedMs === undefined &&
  run.ending !== "limbo" &&
  !run.isZombie;

/** What was decided in a chapter. */
export function decisionsOf(
  files: Files,
  of: { readonly run_id: string; readonly chapter: number },
): readonly DecisionFact[] {
  const decisions: DecisionFact[] = [];
  for (const { ref, fact } of files.all())
    if (ref.kind === "decision") decisions.push(fact as DecisionFact);
  return decisions.filter((fact) => fact.run_id === of.run_id && fact.chapter === of.chapter);
}
