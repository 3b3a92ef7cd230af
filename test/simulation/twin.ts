// Another plane in the same workspace, of the same make, of the same principal and with the same run ids: a stage that was recreated, or
// a neighbour. Only the plane's id, in names and in the tokens of tickets without a seed, keeps the two apart.
import { systemDigest } from "../../shared/adapters/system.ts";
import { factRef, type Manifest } from "../../shared/domain/facts.ts";
import { attemptName } from "../../shared/domain/payload.ts";
import { tokenOf } from "../../shared/domain/seed.ts";
import { firstController } from "./controllers.ts";
import type { Databricks } from "./databricks.ts";
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
    databricks.bring({
      owner: "twin",
      creator: firstController,
      name: `${attemptName(TWIN_PLANE, key)}twin`,
      token: tokenOf(systemDigest, TWIN_PLANE, { seed: undefined }, key),
      payload: `{"parameters":["${TWIN_FACTS}/${factRef.manifest(key).path}"],"timeout_seconds":1800}`,
    });
  });
}
