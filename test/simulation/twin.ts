// Another plane in the same workspace, of the same make and with the same run ids: a stage that was recreated, or a neighbour.
// Only the plane's id, in names and tokens, keeps the two apart.
import { factRef, type Manifest } from "../../shared/domain/facts.ts";
import { attemptName, tokenText } from "../../shared/domain/payload.ts";
import type { Databricks } from "./databricks.ts";
import { sha256Of } from "./digest.ts";
import type { Files } from "./files.ts";
import type { Random } from "./random.ts";
import type { Weather } from "./weather.ts";

const TWIN_PLANE = "7e57ab1e-0000-4000-8000-000000000002";
const TWIN_FACTS = "/Volumes/main/ops_before/facts";

/** For a plan of ours, the twin submits one of the same name just before us, now and then. */
export function bringTwin(
  files: Files,
  databricks: Databricks,
  random: Random,
  weather: Weather,
): void {
  if (!weather.isFaulty || !random.chance(0.4)) return;
  files.onFact.push(({ ref, fact }) => {
    if (ref.kind !== "manifest" || !random.chance(0.4)) return;
    const key = fact as Manifest;
    databricks.submit(
      {
        runName: `${attemptName(TWIN_PLANE, key)}twin`,
        idempotencyToken: sha256Of(tokenText(TWIN_PLANE, key)),
        payload: `{"parameters":["${TWIN_FACTS}/${factRef.manifest(key).path}"],"timeout_seconds":1800}`,
      },
      { service: "twin", purpose: "turns", sinceMs: 0, calledMs: 0 },
    );
  });
}
