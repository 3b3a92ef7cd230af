// The world as the checks see it, and the questions that several of them ask of it.
import {
  type AttemptKey,
  type ChapterKey,
  type DecisionFact,
  factRef,
} from "../../shared/domain/facts.ts";
import type { VirtualClock } from "./clock.ts";
import type { Controllers } from "./controllers.ts";
import type { Databricks } from "./databricks.ts";
import { sha256Of } from "./digest.ts";
import type { Files } from "./files.ts";
import { type Bus, eventText, type Ledger } from "./ledger.ts";
import type { Run } from "./runs.ts";
import type { Secrets } from "./secrets.ts";
import type { Sqs } from "./sqs.ts";
import type { Stats } from "./stats.ts";
import type { Weather } from "./weather.ts";

export type SafetyDeps = {
  readonly clock: VirtualClock;
  readonly files: Files;
  readonly databricks: Databricks;
  readonly ledger: Ledger;
  readonly bus: Bus;
  readonly sqs: Sqs;
  readonly stats: Stats;
  readonly planeId: string;
  readonly weather: Weather;
  readonly controllers: Controllers;
  readonly secrets: Secrets;
  readonly violate: (what: string, detail: string) => void;
};

/** The plan of an attempt; undefined where there is none, or it says that nothing will run. */
export const planOf = (files: Files, key: AttemptKey) => {
  const manifest = files.get(factRef.manifest(key))?.fact;
  return manifest === undefined || "stopped" in manifest ? undefined : manifest;
};

/**
 * Still going on in Databricks, as far as we can be asked to know: not what a hand or a zombie
 * brought, not what no one can end or may see.
 */
export const isOurs = (
  { databricks, controllers }: Pick<SafetyDeps, "databricks" | "controllers">,
  run: Run,
): boolean =>
  databricks.isActive(run) &&
  run.hidden === undefined &&
  !controllers.isConfused() &&
  run.repairedMs === undefined &&
  run.ending !== "limbo" &&
  !run.isZombie;

/** Which of the runs under one id it is now, by the seed of its ticket. */
export const generationOf = (files: Files, run_id: string): string | undefined => {
  const seed = files.get(factRef.ticket(run_id))?.fact.seed;
  return seed === undefined ? undefined : sha256Of(`generation ${seed}`).slice(0, 10);
};

/** Somebody upstream has heard the outcome of this chapter. */
export const isAnnounced = (
  { files, bus }: Pick<SafetyDeps, "files" | "bus">,
  { run_id, chapter }: ChapterKey,
): boolean => {
  const generation =
    files.get(factRef.outcome({ run_id, chapter }))?.fact.generation ?? generationOf(files, run_id);
  return bus.announced.has(eventText({ run_id, generation, chapter }));
};

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
