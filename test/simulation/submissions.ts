// A submission, and its fact: the reviewed recipe's power, the
// ticket's limits, and nothing else.
import { createHmac } from "node:crypto";
import type { ExecutorManifest } from "../../shared/domain/contract.ts";
import { factRef } from "../../shared/domain/facts.ts";
import { attemptName } from "../../shared/domain/payload.ts";
import { msOf } from "../../shared/domain/time.ts";
import type { SubmitRequest } from "../../shared/ports.ts";
import { DAY, MINUTE } from "./clock.ts";
import { orderedBy } from "./databricks.ts";
import { sayDifference } from "./difference.ts";
import { sha256Of } from "./digest.ts";
import type { FactEntry } from "./files.ts";
import { attemptText } from "./ledger.ts";
import { isHidden, shownParameters } from "./runs.ts";
import { generationOf, planOf, type SafetyDeps } from "./view.ts";
import { CLOCKS_OFF_MS_MAX } from "./weather.ts";
import { executorAfterDeploy, settings } from "./workloads.ts";

export function watchSubmissions(deps: SafetyDeps): void {
  const refused = new Set<string>();
  const acceptedMs = new Map<string, number>();
  deps.databricks.onRefuse.push((key) => refused.add(attemptText(key)));
  deps.databricks.onAccept.push(({ id }) => acceptedMs.set(id, deps.clock.nowMs()));
  deps.databricks.onSubmit.push((request) => {
    checkRequest(deps, request);
    checkToken(deps, request);
  });
  const strange = new Set<string>();
  deps.databricks.onAccept.push((run, _caller, key) => {
    if (run.owner === "us") return;
    strange.add(attemptText(key));
    const hasSeed = generationOf(deps.files, key.run_id) !== undefined;
    if (hasSeed && !deps.weather.isLeaky)
      deps.violate("somebody else had a token of ours", attemptText(key));
  });
  deps.files.onFact.push((entry) => {
    if (entry.ref.kind !== "submission") return;
    const submission = entry as unknown as FactEntry<"submission">;
    checkRefusal(deps, submission, { refused, strange });
    checkAccepted(deps, submission, acceptedMs);
  });
  watchSearches(deps);
}

/** A call that was under way when the attempt was refused may still have started a run. */
function watchSearches({ databricks, files, planeId, violate }: SafetyDeps): void {
  const refusedMs = new Map<string, number>();
  files.onFact.push(({ ref, fact }) => {
    if (ref.kind !== "submission" || !("refused" in fact)) return;
    refusedMs.set(attemptName(planeId, fact), msOf(fact.refused_at));
  });
  databricks.onFind.push(({ namePrefix, untilMs }, { purpose }) => {
    const atMs = refusedMs.get(namePrefix);
    if (purpose !== "reports" || atMs === undefined || untilMs === undefined) return;
    if (untilMs < atMs + CALLS_LIVE_MS)
      violate("a run that a refused call started would not be found", namePrefix);
  });
}

/** No call of ours lives longer. */
const CALLS_LIVE_MS = 2 * MINUTE;

type Asked = {
  readonly tasks: readonly Readonly<Record<string, unknown>>[];
  readonly timeout_seconds: unknown;
  readonly queue: unknown;
  readonly run_as: unknown;
};

/** One task, as the recipe's principal, tried once, with a timeout of its own and of the whole. */
function checkRequest(deps: SafetyDeps, { payload }: SubmitRequest): void {
  const { key } = orderedBy(payload);
  const plan = planOf(deps.files, key);
  const recipe = deps.files.get(factRef.ticket(key.run_id))?.fact.recipe;
  if (plan === undefined || recipe === undefined) return; // said elsewhere
  const asked = JSON.parse(payload) as Asked;
  const { timeout_seconds } = plan.limits;
  const [task] = asked.tasks;
  sayDifference(deps, "something else was submitted than the recipe says", attemptText(key), {
    tasks: [asked.tasks.length, 1],
    retries: [task?.["max_retries"], 0],
    timeouts: [
      [asked.timeout_seconds, task?.["timeout_seconds"]],
      [timeout_seconds, timeout_seconds],
    ],
    queue: [asked.queue, { enabled: true }],
    run_as: [asked.run_as, { service_principal_name: recipe.run_as ?? settings.runAs }],
    code: [
      task?.["spark_python_task"],
      {
        python_file: payload.includes(executorAfterDeploy)
          ? executorAfterDeploy
          : settings.executorPath,
        parameters: [
          copyPath(plan, generationOf(deps.files, key.run_id)),
          "{{job.id}}",
          "{{job.run_id}}",
          "{{task.run_id}}",
        ],
      },
    ],
  });
}

/**
 * Executors read the manifest's copy: facts are not theirs to read, but for plans of before, whose
 * files lie there, too.
 */
function copyPath(plan: ExecutorManifest, generation: string | undefined): string {
  const { path } = factRef.manifest(plan);
  if (plan.files.every((file) => file.path.startsWith(`${settings.factsVolume}/`)))
    return `${settings.factsVolume}/${path}`;
  const copy = generation === undefined ? path : path.replace("/", `/${generation}/`);
  return `${settings.plansVolume}/${copy}`;
}

/**
 * The same request has the same token, which nobody can work out who does not know the ticket's
 * seed.
 */
function checkToken(
  { files, planeId, violate }: SafetyDeps,
  { idempotencyToken, payload }: SubmitRequest,
): void {
  const { key } = orderedBy(payload);
  const { run_id, iter_n, attempt } = key;
  const seed = files.get(factRef.ticket(run_id))?.fact.seed;
  const due =
    seed === undefined
      ? sha256Of(JSON.stringify([planeId, run_id, iter_n, attempt]))
      : createHmac("sha256", Buffer.from(seed, "hex"))
          .update(JSON.stringify([iter_n, attempt]))
          .digest("hex");
  if (idempotencyToken !== due) violate("a submission has another token", attemptText(key));
}

/**
 * The same request, whichever executor was deployed when it was sent; `seen` says which one was
 * run.
 */
const anyExecutor = (payload: string): string =>
  payload.replace(executorAfterDeploy, settings.executorPath);

/** A refusal is Databricks' own, or the plan was too old to be submitted. */
function checkRefusal(
  deps: SafetyDeps,
  { fact, atMs, sinceMs }: FactEntry<"submission">,
  { refused, strange }: Readonly<Record<"refused" | "strange", ReadonlySet<string>>>,
): void {
  const about = attemptText(fact);
  if (!("refused" in fact)) return;
  const plan = planOf(deps.files, fact);
  const isOld = plan !== undefined && deps.clock.nowMs() - msOf(plan.created_at) > 7 * DAY;
  const { code } = fact.refused;
  const isStrange = (): boolean =>
    strange.has(about) ||
    deps.databricks.runs.some(
      (run) =>
        attemptText(run.key) === about &&
        (run.overriddenMs !== undefined ||
          (isHidden(run, atMs) && plan !== undefined && atMs - msOf(plan.created_at) > HIDDEN_MS) ||
          deps.controllers.isDisowned(run.creator, sinceMs)),
    );
  const isTrue =
    code === "TOO_LATE" ? isOld : code === "NOT_OURS" ? isStrange() : refused.has(about);
  if (!isTrue) deps.violate("a refusal that nobody said", `${about} ${fact.refused.code}`);
}

/** So long the controllers put up with a run that they may not see, less what clocks differ. */
const HIDDEN_MS = 10 * MINUTE - CLOCKS_OFF_MS_MAX;

function checkAccepted(
  deps: SafetyDeps,
  { fact, atMs, sinceMs }: FactEntry<"submission">,
  acceptedMs: ReadonlyMap<string, number>,
): void {
  if ("refused" in fact) return;
  const about = attemptText(fact);
  const run = deps.databricks.runs.find(({ id }) => id === fact.databricks_run_id);
  const plan = planOf(deps.files, fact);
  if (run === undefined || plan === undefined) return; // said elsewhere
  const entry = plan.files.find(({ name }) => name === plan.entry);
  const { timeout_seconds, queue_seconds } = plan.limits;
  const limitMs = (timeout_seconds + queue_seconds) * 1000;
  sayDifference(deps, "a submission says something else than was submitted", about, {
    artifact: [fact.artifact_hash, entry?.sha256],
    payload: [anyExecutor(fact.payload), anyExecutor(run.payload)],
    deadline: [msOf(fact.deadline) - msOf(fact.submitted_at), limitMs],
  });
  const { seen } = fact;
  if (seen === undefined && run.lostFromMs > atMs)
    deps.violate("a submission does not say what was seen", about);
  if (seen !== undefined)
    sayDifference(deps, "a submission has seen something else than was run", about, {
      creator: [seen.creator, run.creator],
      name: [seen.run_name, run.name],
      ...(seen.tasks.length > 0 && {
        parameters: [
          seen.tasks.map(({ parameters }) => parameters),
          [shownParameters(run)],
        ] as const,
      }),
    });
  // Who was only told of a run has found it by its name.
  if (!fact.adopted && (acceptedMs.get(run.id) ?? 0) < sinceMs)
    deps.violate("a run that was found counts as submitted", about);
  const beganMs = Math.min(run.startedMs, sinceMs) - CLOCKS_OFF_MS_MAX;
  if (!fact.adopted && msOf(fact.submitted_at) < beganMs)
    deps.violate("submitted before its run began", about);
}
