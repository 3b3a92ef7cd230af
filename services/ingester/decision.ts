// The decision on an attempt as a fact: the verdict, what follows from it, and everything that the
// ledger wants to know. Pure.
import { capsuleDelta } from "../../shared/domain/capsule.ts";
import type { DatabricksRun } from "../../shared/domain/databricks-run.ts";
import { decide } from "../../shared/domain/decide.ts";
import {
  type DecisionFact,
  isRefused,
  isStopped,
  type StopFact,
} from "../../shared/domain/facts.ts";
import type { ResultReading } from "../../shared/domain/result.ts";
import { oneLine } from "../../shared/domain/text.ts";
import { isoOf } from "../../shared/domain/time.ts";
import type { Evidence, Judgement } from "../../shared/domain/verdict.ts";
import type { ClockPort } from "../../shared/ports.ts";

type Beside = {
  readonly stop: StopFact | undefined;
  /** The path of the judged bytes; null if no valid result was judged. */
  readonly resultPath: string | null;
};

export function decisionFactOf(
  deps: ClockPort,
  { manifest, submission, look, result: reading }: Evidence,
  { verdict, reason }: Extract<Judgement, { kind: "verdict" }>,
  { stop, resultPath }: Beside,
): DecisionFact {
  const result = reading.kind === "valid" ? reading.result : undefined;
  const accepted = submission === undefined || isRefused(submission) ? undefined : submission;
  const run: DatabricksRun | undefined = look?.kind === "run" ? look.run : undefined;
  const decision = decide({
    verdict,
    reason,
    iter_n: manifest.iter_n,
    attempt: manifest.attempt,
    try: manifest.try,
    limits: manifest.limits,
    gate: manifest.gate,
    singleIteration: !isStopped(manifest) && manifest.single_iteration,
    result,
    stopped: stop !== undefined,
  });
  const isCancelled = decision.next.kind === "outcome" && decision.next.outcome === "cancelled";
  const capsule =
    verdict === "succeeded" && result !== undefined ? result.capsule : manifest.capsule;
  const { run_id, chapter, iter_n, attempt, workload, mode } = manifest;
  return {
    v: 1,
    run_id,
    chapter,
    iter_n,
    attempt,
    try: manifest.try,
    decided_at: isoOf(deps.clock.nowMs()),
    workload,
    mode,
    verdict,
    reason: oneLine(
      isCancelled && stop !== undefined
        ? `${decision.reason} (${stop.by}: ${stop.reason})`
        : decision.reason,
    ),
    next: decision.next,
    capsule,
    capsule_delta: capsuleDelta(manifest.capsule, capsule),
    gate: decision.gate,
    databricks_run_id: accepted?.databricks_run_id ?? null,
    run_url: (run?.runUrl || accepted?.run_url) ?? null,
    termination_code: run?.terminationCode ?? run?.resultState ?? null,
    result_path: resultPath,
    result: result === undefined ? null : excerptOf(result),
    generation:
      submission?.generation ?? ("generation" in manifest ? manifest.generation : undefined),
    traceparent: manifest.traceparent,
  };
}

/**
 * The part of a result that the ledger keeps. The capsule, the output and the long texts stay in
 * the judged result.
 */
const excerptOf = (result: Extract<ResultReading, { kind: "valid" }>["result"]) => ({
  status: result.status,
  error: result.error && { type: result.error.type, summary: result.error.summary },
  summary: result.summary,
  metrics: result.metrics,
  produced_artifacts: result.produced_artifacts,
  produced_tables: result.produced_tables,
  started_at: result.started_at,
  ended_at: result.ended_at,
  duration_seconds: result.duration_seconds,
});
