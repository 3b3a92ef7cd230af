// A request that was stuck somewhere lands long after everybody has given it up: longer than a
// refusal takes to settle. Nothing of ours can prevent the Databricks run that it starts; the slow
// part of the sweep must find it, and end it.
import { factRef, type Submission } from "../../shared/domain/facts.ts";
import type { SubmitRequest } from "../../shared/ports.ts";
import { HOUR, MINUTE, type VirtualClock } from "./clock.ts";
import { type Databricks, orderedBy } from "./databricks.ts";
import type { Files } from "./files.ts";
import type { Random } from "./random.ts";
import type { Weather } from "./weather.ts";

type Deps = {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly weather: Weather;
  readonly files: Files;
  readonly databricks: Databricks;
};

/** Of the submissions that were refused. */
const SHARE = 0.3;

export function wakeZombies({ clock, random, weather, files, databricks }: Deps): void {
  if (!weather.isFaulty) return;
  const asked = new Map<string, SubmitRequest>();
  databricks.onSubmit.push((request) => {
    asked.set(factRef.submission(orderedBy(request.payload).key).path, request);
  });
  files.onFact.push(({ ref, fact }) => {
    if (ref.kind !== "submission" || !("refused" in (fact as Submission))) return;
    const request = asked.get(ref.path);
    if (request === undefined || !random.chance(SHARE)) return;
    const caller = { service: "nobody", purpose: "turns", sinceMs: 0, calledMs: 0, isZombie: true };
    clock.after(random.between(10 * MINUTE, 3 * HOUR), () => {
      // One that has landed before is no stuck one.
      const hasLanded = databricks.runs.some(({ name }) => name === request.runName);
      if (!hasLanded && clock.nowMs() < weather.faultsEndMs) databricks.submit(request, caller);
    });
  });
}
