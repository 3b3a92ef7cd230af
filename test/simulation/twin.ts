// Another plane in the same workspace, of the same make, of the same principal and with the same
// run ids: a stage that was recreated, or a neighbour. Only the plane's id, in names and in the
// tokens of tickets without a seed, keeps the two apart.
import { systemDigest } from "../../shared/adapters/system.ts";
import { factRef, type Manifest, manifestCopyPath } from "../../shared/domain/facts.ts";
import { attemptName } from "../../shared/domain/payload.ts";
import { tokenOf } from "../../shared/domain/seed.ts";
import { firstController } from "./controllers.ts";
import type { Databricks } from "./databricks.ts";
import type { Files } from "./files.ts";
import type { Random } from "./random.ts";
import { generationOf } from "./view.ts";
import type { Weather } from "./weather.ts";
import { settings } from "./workloads.ts";

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
    const creator = firstController;
    const name = `${attemptName(TWIN_PLANE, key)}twin`;
    const token = tokenOf(systemDigest, TWIN_PLANE, { seed: undefined }, key);
    const payload = `{"parameters":["${TWIN_FACTS}/${factRef.manifest(key).path}"],"timeout_seconds":1800}`;
    databricks.bring({ owner: "twin", creator, name, token, payload });
    // Who has copied our facts volume has our seeds, and submits what we would: nothing but its
    // name tells the two apart.
    const ticket = files.get(factRef.ticket(key.run_id))?.fact;
    if (!weather.isLeaky || ticket?.seed === undefined || !random.chance(0.5)) return;
    const generation = generationOf(files, key.run_id);
    const copy = `${settings.plansVolume}/${manifestCopyPath({ ...key, generation })}`;
    databricks.bring({
      owner: "twin",
      creator,
      name,
      token: tokenOf(systemDigest, TWIN_PLANE, ticket, key),
      payload: `{"tasks":[{"task_key":"main","spark_python_task":{"python_file":"${settings.executorPath}","parameters":["${copy}"]}}],"timeout_seconds":1800}`,
    });
  });
}
