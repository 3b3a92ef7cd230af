// Other members of the workspace: they submit runs under our names, and under tokens that they
// guess or (where a seed has leaked) know, with our file and parameters or their own, some of which
// we may not see, and some of which never end. None of them is ours to take, to cancel or to wait
// for.
import { systemDigest } from "../../shared/adapters/system.ts";
import {
  type AttemptKey,
  type FactOf,
  factRef,
  isStopped,
  type Manifest,
  manifestCopyPath,
  type Submission,
} from "../../shared/domain/facts.ts";
import { attemptName } from "../../shared/domain/payload.ts";
import { tokenOf } from "../../shared/domain/seed.ts";
import { HOUR, MINUTE, SECOND, type VirtualClock } from "./clock.ts";
import { firstController } from "./controllers.ts";
import type { Databricks } from "./databricks.ts";
import { sha256Of } from "./digest.ts";
import type { Files } from "./files.ts";
import type { Random } from "./random.ts";
import { generationOf } from "./view.ts";
import type { Weather } from "./weather.ts";
import { settings } from "./workloads.ts";

type Deps = {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly weather: Weather;
  readonly files: Files;
  readonly databricks: Databricks;
  readonly planeId: string;
};

/** A user, the executors' principal, somebody who was deleted, and ids that are almost ours. */
const creators = [
  "eve@example.com",
  settings.runAs,
  undefined,
  `${firstController}0`,
  firstController.slice(0, -1),
  "",
] as const;

export function bringStrangers(deps: Deps): void {
  const { clock, random, weather, files, databricks } = deps;
  if (weather.strangers === 0) return;
  const comes = (share: number): boolean => random.chance(share * weather.strangers);
  files.onFact.push(({ ref, fact }) => {
    if (ref.kind === "manifest" && !isStopped(fact as Manifest)) {
      const plan = fact as Manifest;
      // Before we submit it, mostly; or when it has long been.
      if (comes(0.5)) bring(deps, plan);
      if (comes(0.2)) clock.after(random.between(0, 20 * SECOND), () => bring(deps, plan));
      if (comes(0.1)) clock.after(random.between(0, HOUR), () => bring(deps, plan));
    }
    if (ref.kind === "submission" && "refused" in (fact as Submission) && comes(0.6))
      bring(deps, fact as Submission);
  });
  databricks.onRefuse.push((key) => {
    if (comes(0.6)) bring(deps, key);
  });
}

function bring({ clock, random, weather, files, databricks, planeId }: Deps, of: AttemptKey): void {
  if (clock.nowMs() >= weather.faultsEndMs) return;
  const { run_id, iter_n, attempt } = of;
  const key = { run_id, iter_n, attempt, generation: generationOf(files, run_id) };
  const ticket = files.get(factRef.ticket(run_id))?.fact;
  const copy = `${settings.plansVolume}/${manifestCopyPath(key)}`;
  const file = random.chance(0.6) ? settings.executorPath : "/Volumes/main/ops/scratchpad/eve.py";
  const token = weather.isLeaky && random.chance(0.5) ? leaked(planeId, ticket, key) : undefined;
  const x = random.next();
  databricks.bring({
    owner: "stranger",
    creator: random.pick(creators),
    name: attemptName(planeId, key) + (random.chance(0.5) ? (ticket?.traceparent ?? "") : "eve"),
    token: token ?? random.pick(guessesOf(planeId, key)),
    payload: `{"tasks":[{"task_key":"main","spark_python_task":{"python_file":"${file}","parameters":["${copy}"]}}],"timeout_seconds":1800}`,
    isHidden: random.chance(0.3),
    // At once, as it likes, or never.
    ...(x < 0.4 && { endsMs: clock.nowMs() + random.between(SECOND, 5 * MINUTE) }),
    ...(x > 0.7 && { endsMs: Number.POSITIVE_INFINITY }),
  });
}

const leaked = (planeId: string, ticket: FactOf<"ticket"> | undefined, key: AttemptKey) =>
  ticket && tokenOf(systemDigest, planeId, ticket, key);

/** What can be made of what everybody may read. */
function guessesOf(
  planeId: string,
  key: AttemptKey & { readonly generation: string | undefined },
): readonly (string | undefined)[] {
  const { run_id, iter_n, attempt, generation = "" } = key;
  return [
    undefined,
    sha256Of(JSON.stringify([planeId, run_id, iter_n, attempt])),
    sha256Of(JSON.stringify([generation, iter_n, attempt])),
    systemDigest.hmacSha256(generation, JSON.stringify([iter_n, attempt])),
    systemDigest.hmacSha256("", JSON.stringify([iter_n, attempt])),
  ];
}
