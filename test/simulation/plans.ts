// What plans and decisions must say, worked out from the facts before them and from the truth about the run, and not by the code
// that wrote them: a loop that is safe may still do something else than it was asked for.
import {
  type DecisionFact,
  factRef,
  type Manifest,
  type Next,
  type RetryFact,
  type TicketFact,
} from "../../shared/domain/facts.ts";
import { msOf } from "../../shared/domain/time.ts";
import { DAY } from "./clock.ts";
import type { Run } from "./databricks.ts";
import type { FactEntry, Files } from "./files.ts";
import { attemptText } from "./ledger.ts";
import { retryAttempts } from "./people.ts";
import { isGoalMet } from "./truth.ts";
import { decisionsOf, planOf, type SafetyDeps } from "./view.ts";
import { CLOCKS_OFF_MS_MAX } from "./weather.ts";

export function watchPlans(deps: SafetyDeps): void {
  const refusedRuns = new Set<string>();
  deps.databricks.onRefuse.push((key) => refusedRuns.add(attemptText(key)));
  deps.files.onFact.push((entry) => {
    const { ref, fact } = entry as FactEntry;
    if (ref.kind === "ticket") checkTicket(deps, fact as TicketFact);
    if (ref.kind === "retry") checkRetry(deps, fact as RetryFact);
    if (ref.kind === "manifest") checkPlan(deps, fact as Manifest);
    if (ref.kind === "decision") checkDecision(deps, entry as FactEntry<"decision">);
    if (ref.kind === "submission")
      checkRefusal(deps, entry as FactEntry<"submission">, refusedRuns);
  });
}

/** Key by key: a value of an object counts, not the order of its keys. */
function sayDifference(deps: SafetyDeps, what: string, path: string, pairs: Pairs): void {
  for (const [key, [said, due]] of Object.entries(pairs))
    if (textOf(said) !== textOf(due))
      deps.violate(what, `${path} ${key}: ${textOf(said)}, and should be ${textOf(due)}`);
}
type Pairs = { readonly [key: string]: readonly [said: unknown, due: unknown] };

const textOf = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  ) ?? "nothing";

function checkTicket(
  deps: SafetyDeps,
  { run_id, ticket, recipe, limits, files, entry }: TicketFact,
) {
  const { artifact } = ticket;
  const lowered = Object.entries(ticket.limits).filter(([, value]) => value !== undefined);
  const inlined = artifact !== undefined && "inline" in artifact;
  const named = artifact !== undefined && "path" in artifact ? artifact.path.split("/").at(-1) : "";
  const main = artifact === undefined ? recipe.planner.artifact : inlined ? entry : named;
  sayDifference(deps, "a ticket was accepted as another one", run_id, {
    limits: [limits, { ...recipe.limits, ...Object.fromEntries(lowered) }],
    entry: [entry, main],
    files: [files.map(({ name }) => name).toSorted(), [main, ...recipe.planner.files].toSorted()],
  });
}

/** A retry goes on where the chapter before ended, within the ticket's limits or what the person set instead. */
function checkRetry({ files, ...deps }: SafetyDeps, retry: RetryFact): void {
  const ticket = files.get(factRef.ticket(retry.run_id))?.fact;
  const ended = files.get(factRef.outcome({ ...retry, chapter: retry.chapter - 1 }))?.fact;
  const last = ended && files.get(factRef.manifest(ended))?.fact;
  if (ticket === undefined || last === undefined) return; // said elsewhere
  const about = `${retry.run_id}.${retry.chapter}`;
  sayDifference({ ...deps, files }, "a retry goes on from somewhere else", about, {
    capsule: [retry.capsule, last.capsule],
    iter_n: [retry.iter_n, last.iter_n],
    attempt: [retry.attempt, last.attempt + 1],
  });
  const { attempts } = retry.limits;
  const isSet = retryAttempts.some((asked) => asked === attempts);
  sayDifference({ ...deps, files }, "a retry has limits that nobody set", about, {
    limits: [retry.limits, { ...ticket.limits, ...(isSet && { attempts }) }],
  });
}

/** What asked for an attempt says with which capsule, as which try, and within which limits it runs. */
function askedFor(files: Files, plan: Manifest) {
  const { run_id, chapter, iter_n, attempt } = plan;
  const retry = files.get(factRef.retry({ run_id, chapter }))?.fact;
  const opened = chapter === 1 ? files.get(factRef.ticket(run_id))?.fact : retry;
  if (opened === undefined) return undefined;
  const { limits } = opened;
  if (chapter === 1 && iter_n === 1 && attempt === 1) return { limits, capsule: {}, try: 1 };
  if (retry?.iter_n === iter_n && retry.attempt === attempt)
    return { limits, capsule: retry.capsule, try: 1 };
  for (const { next, capsule } of decisionsOf(files, { run_id, chapter }))
    if (next.kind !== "outcome" && next.iter_n === iter_n && next.attempt === attempt)
      return { limits, capsule, try: next.try };
  return undefined;
}

function checkPlan(deps: SafetyDeps, plan: Manifest): void {
  const asked = askedFor(deps.files, plan);
  const ticket = deps.files.get(factRef.ticket(plan.run_id))?.fact;
  if (asked === undefined || ticket === undefined) return; // said elsewhere
  const { recipe } = ticket;
  const what = "a plan is not what was asked for";
  sayDifference(deps, what, attemptText(plan), {
    limits: [plan.limits, asked.limits],
    capsule: [plan.capsule, asked.capsule],
    try: [plan.try, asked.try],
    gate: [plan.gate, recipe.gate],
    workload: [plan.workload, ticket.ticket.workload],
  });
  if ("stopped" in plan) {
    if (deps.files.get(factRef.stop(plan)) === undefined)
      deps.violate("a plan says that it was stopped, and nobody did", attemptText(plan));
    return;
  }
  sayDifference(deps, what, attemptText(plan), {
    parameters: [plan.parameters, { ...recipe.parameters, ...ticket.ticket.parameters }],
    single_iteration: [plan.single_iteration, recipe.limits.iterations === 1],
    allow_failures: [plan.allow_failures, recipe.allow_failures],
    timeout: [plan.policy.timeout_seconds, asked.limits.timeout_seconds],
    files: [plan.files, ticket.files],
    entry: [plan.entry, ticket.entry],
    traceparent: [plan.traceparent, ticket.traceparent],
  });
}

/** A refusal is Databricks' own, or the plan was too old to be submitted. */
function checkRefusal(
  deps: SafetyDeps,
  { fact, sinceMs }: FactEntry<"submission">,
  refused: ReadonlySet<string>,
): void {
  const about = attemptText(fact);
  if ("refused" in fact) {
    const plan = planOf(deps.files, fact);
    const isOld = plan !== undefined && deps.clock.nowMs() - msOf(plan.created_at) > 7 * DAY;
    const isTrue = fact.refused.code === "TOO_LATE" ? isOld : refused.has(about);
    if (!isTrue) deps.violate("a refusal that nobody said", `${about} ${fact.refused.code}`);
    return;
  }
  const run = deps.databricks.runs.find(({ id }) => id === fact.databricks_run_id);
  const plan = planOf(deps.files, fact);
  if (run === undefined || plan === undefined) return; // said elsewhere
  const entry = plan.files.find(({ name }) => name === plan.entry);
  const { timeout_seconds, queue_seconds } = plan.limits;
  const limitMs = (timeout_seconds + queue_seconds) * 1000;
  sayDifference(deps, "a submission says something else than was submitted", about, {
    artifact: [fact.artifact_hash, entry?.sha256],
    deadline: [msOf(fact.deadline) - msOf(fact.submitted_at), limitMs],
  });
  const beganMs = Math.min(run.startedMs, sinceMs) - CLOCKS_OFF_MS_MAX;
  if (!fact.adopted && msOf(fact.submitted_at) < beganMs)
    deps.violate("submitted before its run began", about);
}

function checkDecision(deps: SafetyDeps, { fact, sinceMs }: FactEntry<"decision">): void {
  const { files, databricks } = deps;
  const about = attemptText(fact);
  const manifest = files.get(factRef.manifest(fact))?.fact;
  if (manifest === undefined) return; // said elsewhere
  const run = databricks.runs.find(({ key }) => attemptText(key) === about);
  const stop = files.get(factRef.stop(fact));
  const allowed = allowedNext(fact, manifest, run);
  // A stop that came while it was judged may have been seen, or not.
  const mayStop = stop !== undefined && allowed.some(({ kind }) => kind !== "outcome");
  if (mayStop) allowed.push({ kind: "outcome", outcome: "cancelled" });
  const isTrue = allowed.some((next) => textOf(next) === textOf(fact.next));
  if (!isTrue)
    deps.violate(
      "a decision that does not follow",
      `${about} ${fact.verdict}: ${textOf(fact.next)}, and should be one of ${textOf(allowed)}`,
    );
  if (mayStop && stop.atMs < sinceMs && fact.next.kind !== "outcome")
    deps.violate("a stopped chapter goes on", about);
  checkSaid(deps, fact, manifest, run);
}

/** What may follow; more than one where nobody can know which result the judge has read. */
function allowedNext(fact: DecisionFact, manifest: Manifest, run: Run | undefined): Next[] {
  const outcome = (is: Extract<Next, { kind: "outcome" }>["outcome"]): Next => ({
    kind: "outcome",
    outcome: is,
  });
  const { iter_n, attempt } = fact;
  const { limits } = manifest;
  const again: Next =
    manifest.try < limits.attempts
      ? { kind: "attempt", iter_n, attempt: attempt + 1, try: manifest.try + 1 }
      : outcome("failed");
  switch (fact.verdict) {
    case "succeeded": {
      const on: Next =
        iter_n < limits.iterations
          ? { kind: "iteration", iter_n: iter_n + 1, attempt: 1, try: 1 }
          : outcome("blocked");
      if (run?.result === undefined || "stopped" in manifest) return [];
      if (run.result.isFickle) return [outcome("succeeded"), on, outcome("blocked")];
      if (isGoalMet(run, manifest)) return [outcome("succeeded")];
      return [run.result.finished ? outcome("blocked") : on];
    }
    case "task_failed": {
      const isTransient = run?.result?.kind === "honest" && run.result.transient;
      // A result may show after the judge has looked, or be another one after a repair.
      return isTransient ? [again, outcome("failed")] : [outcome("failed")];
    }
    case "platform_failed":
    case "capacity":
    case "skipped":
      return [again];
    case "rejected":
      return [outcome("failed")];
    case "timed_out":
    case "cancelled":
      return [outcome(fact.verdict)];
    case "lost":
    case "unreported":
    case "unknown":
      return [outcome("unknown")];
  }
}

/** The capsule travels on only from a success; what is said of the result is what the result says. */
function checkSaid(
  deps: SafetyDeps,
  fact: DecisionFact,
  manifest: Manifest,
  run: Run | undefined,
): void {
  const submission = deps.files.get(factRef.submission(fact))?.fact;
  const id =
    submission === undefined || "refused" in submission ? null : submission.databricks_run_id;
  const seen = { ...manifest.capsule, [`seen_${fact.iter_n}`]: fact.attempt };
  const metrics = run?.result?.isFickle ? fact.result?.metrics : { error: run?.result?.error };
  sayDifference(deps, "a decision says something else than is true", attemptText(fact), {
    capsule: [fact.capsule, fact.verdict === "succeeded" ? seen : manifest.capsule],
    databricks_run_id: [fact.databricks_run_id, id],
    try: [fact.try, manifest.try],
    ...(fact.result !== null && { metrics: [fact.result.metrics, metrics] as const }),
  });
  if (fact.verdict === "succeeded" && fact.result === null)
    deps.violate("a success without its result", attemptText(fact));
}
