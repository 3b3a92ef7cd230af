// The words that decisions and outcomes must have, worked out from the plan and from the truth
// about the run.
import {
  type DecisionFact,
  factRef,
  type Manifest,
  type Next,
  type OutcomeFact,
} from "../../shared/domain/facts.ts";
import { sayDifference, textOf } from "./difference.ts";
import { sha256Of } from "./digest.ts";
import { endingOf } from "./endings.ts";
import type { FactEntry } from "./files.ts";
import { attemptText } from "./ledger.ts";
import { isReadableOutput } from "./output.ts";
import { odd, producedBy } from "./results.ts";
import type { Run } from "./runs.ts";
import { isChangedSince, isGoalMet } from "./truth.ts";
import type { SafetyDeps } from "./view.ts";
import { settings } from "./workloads.ts";

export function watchDecisions(deps: SafetyDeps): void {
  deps.files.onFact.push((entry) => {
    if (entry.ref.kind === "decision")
      checkDecision(deps, entry as unknown as FactEntry<"decision">);
    if (entry.ref.kind === "outcome") checkOutcome(deps, entry.fact as OutcomeFact);
  });
}

/** An outcome is what the last decision of its chapter says. */
function checkOutcome(deps: SafetyDeps, outcome: OutcomeFact): void {
  const decision = deps.files.get(factRef.decision(outcome))?.fact;
  if (decision === undefined) return; // said elsewhere
  sayDifference(deps, "an outcome says something else than its decision", attemptText(outcome), {
    metrics: [outcome.metrics, decision.result?.metrics ?? {}],
    result_path: [outcome.result_path, decision.result_path],
    run_url: [outcome.run_url, decision.run_url],
    reason: [outcome.reason, decision.reason],
    workload: [outcome.workload, decision.workload],
    mode: [outcome.mode, decision.mode],
  });
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
  const isChanged = run !== undefined && isChangedSince(run, sinceMs);
  const isTrue = isChanged || allowed.some((next) => textOf(next) === textOf(fact.next));
  if (!isTrue)
    deps.violate(
      "a decision that does not follow",
      `${about} ${fact.verdict}: ${textOf(fact.next)}, and should be one of ${textOf(allowed)}`,
    );
  if (isChanged) return;
  checkSaid(deps, fact, manifest, run);
}

/** The decisions that may follow; several where the result that the judge read is unknown. */
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
      const isTransient =
        run?.result?.kind === "honest" && run.result.transient && isReadableOutput(run.output);
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

/**
 * The capsule travels on only from a success; what is said of the result is what the result says.
 */
function checkSaid(
  deps: SafetyDeps,
  fact: DecisionFact,
  manifest: Manifest,
  run: Run | undefined,
): void {
  const submission = deps.files.get(factRef.submission(fact))?.fact;
  const id =
    submission === undefined || "refused" in submission ? null : submission.databricks_run_id;
  const seen = { ...manifest.capsule, ...odd, [`seen_${fact.iter_n}`]: fact.attempt };
  const { rows } = run?.result ?? {};
  const metrics = run?.result?.isFickle
    ? fact.result?.metrics
    : { error: run?.result?.error, ...(rows !== undefined && { rows }), ...odd };
  const isFirst = !Object.hasOwn(manifest.capsule, "exact");
  const delta =
    fact.verdict === "succeeded"
      ? { ...(isFirst && odd), [`seen_${fact.iter_n}`]: fact.attempt }
      : {};
  sayDifference(deps, "a decision says something else than is true", attemptText(fact), {
    capsule: [fact.capsule, fact.verdict === "succeeded" ? seen : manifest.capsule],
    capsule_delta: [fact.capsule_delta, delta],
    databricks_run_id: [fact.databricks_run_id, id],
    try: [fact.try, manifest.try],
    mode: [fact.mode, manifest.mode],
    ...(fact.verdict !== "succeeded" &&
      fact.result !== null && { status: [fact.result.status, "FAILED"] as const }),
    ...(fact.result !== null && { metrics: [fact.result.metrics, metrics] as const }),
    ...(fact.result !== null &&
      "files" in manifest && {
        produced: [
          [fact.result.produced_artifacts, fact.result.produced_tables],
          Object.values(producedBy(manifest)),
        ] as const,
      }),
  });
  if (fact.result !== null && (run === undefined || !isReadableOutput(run.output)))
    deps.violate("a result was believed that nobody can read", attemptText(fact));
  checkKept(deps, fact);
  const isSeen = run?.hidden === undefined && !deps.controllers.isConfused();
  const isOnce =
    isSeen && id === run?.id && run?.endings.length === 1 && !Number.isFinite(run.lostFromMs);
  const { terminationCode, resultState } = endingOf(run?.ending ?? "limbo").words;
  if (isOnce && fact.termination_code !== (terminationCode ?? resultState ?? null))
    deps.violate("a decision has another code than the run", attemptText(fact));
  if (fact.verdict === "succeeded" && fact.result === null)
    deps.violate("a success without its result", attemptText(fact));
}

/**
 * What was judged is kept, byte by byte, where executors cannot write; and it was there before the
 * decision that names it.
 */
function checkKept(
  { files, violate }: SafetyDeps,
  { result, result_path, ...key }: DecisionFact,
): void {
  const about = attemptText(key);
  if (result === null || result_path === null) {
    if ((result === null) !== (result_path === null))
      violate("a decision names a result that it did not judge, or none", about);
    return;
  }
  const kept = files.plans.get(result_path.slice(settings.plansVolume.length + 1));
  const isBelow = result_path.startsWith(`${settings.plansVolume}/`);
  if (!isBelow || kept === undefined || !result_path.includes(sha256Of(kept)))
    violate("what was judged is not kept", `${about} ${result_path}`);
}
