// The books at the end, row by row, as the facts have it: whatever order records came in, and
// whichever of them were lost.
import {
  type AcceptedSubmission,
  type DecisionFact,
  factRef,
  isRefused,
  type OutcomeFact,
} from "../../shared/domain/facts.ts";
import type { LedgerRows, RunStateRow } from "../../shared/domain/ledger-rows.ts";
import { msOf } from "../../shared/domain/time.ts";
import type { TracedAttempt } from "../../shared/domain/trace.ts";
import { sayDifference } from "./difference.ts";
import { attemptText, eventText, rowText, runText } from "./ledger.ts";
import type { LivenessDeps } from "./liveness-deps.ts";
import { CLOCKS_OFF_MS_MAX } from "./weather.ts";
import { settings } from "./workloads.ts";

export function checkBooksAtEnd(deps: LivenessDeps): void {
  for (const { ref, fact } of deps.files.all()) {
    if (ref.kind === "decision") checkResult(deps, fact as DecisionFact);
    if (ref.kind === "submission" && "payload" in fact)
      checkRequest(deps, fact as AcceptedSubmission);
    if (ref.kind === "outcome") checkOutcome(deps, fact as OutcomeFact);
  }
}

const REQUEST = /\/iter_(\d+)\.attempt_(\d+)\.submission\.json$/;

/**
 * A run's state is written last: whoever reads it finds what it points to. Of a run of long ago the
 * books may know too much.
 */
export function watchState(deps: LivenessDeps): void {
  const { ledger, ancient, violate } = deps;
  ledger.onState.push((_before, row, batch) => {
    checkRemembered(deps, row, batch);
    if (ancient.some(({ run_id }) => run_id === row.run_id)) return;
    // The youngest request of a run may be one of an earlier attempt: then the last was not
    // submitted.
    const [, iter_n, attempt] = REQUEST.exec(row.latest_request_path ?? "") ?? [];
    const isThere =
      attempt === undefined ||
      ledger.requests.has(rowText({ ...row, iter_n: Number(iter_n), attempt: Number(attempt) }));
    if (!isThere) violate("a run's state points to a request that is not there", row.run_id);
    if (row.fsm_state !== "running" && !ledger.results.has(rowText(row)))
      violate("a run's state points to a result that is not there", row.run_id);
  });
}

/**
 * Of several records of a run in one batch the later wins, and knows what the earlier ones knew.
 * Where merges fail, their rows are written one by one.
 */
function checkRemembered(
  { ledger, files, weather, violate }: LivenessDeps,
  row: RunStateRow,
  batch: LedgerRows,
): void {
  if (weather.isFaulty) return;
  const known = ledger.runState.get(runText(row));
  const isOfRun = (one: OfRun): boolean => runText(one) === runText(row);
  const hasRequest = batch.execution_requests.some(isOfRun);
  const results = batch.execution_results.filter(isOfRun);
  const hasResult = results.some(
    (one) => typeof files.get(factRef.decision(one))?.fact.result_path === "string",
  );
  const forgets =
    (hasRequest && known?.latest_request_path === null) ||
    (results.length > 0 && known?.capsule === null) ||
    (hasResult && known?.latest_result_path === null);
  if (forgets) violate("a run's state forgets what it knew", `${runText(row)} ${row.version}`);
}

type OfRun = { readonly run_id: string; readonly generation: string | null };

const WHAT = "the ledger differs from the facts at the end";

function checkRequest(deps: LivenessDeps, fact: AcceptedSubmission): void {
  const row = deps.ledger.requests.get(rowText(fact));
  sayDifference(deps, WHAT, `execution_requests ${attemptText(fact)}`, {
    databricks_run_id: [row?.databricks_run_id, fact.databricks_run_id],
    payload: [row?.job_submit_payload, fact.payload],
    artifact: [row?.artifact_hash, fact.artifact_hash],
    submitted_at: [row?.submitted_at, fact.submitted_at],
  });
  checkEvent(deps, fact, "attempt.submitted", fact.submitted_at);
}

function checkResult(deps: LivenessDeps, fact: DecisionFact): void {
  const row = deps.ledger.results.get(rowText(fact));
  const { result } = fact;
  sayDifference(deps, WHAT, `execution_results ${attemptText(fact)}`, {
    verdict: [row?.verdict, fact.verdict],
    status: [row?.status, result?.status ?? null],
    metrics: [row?.metrics, result?.metrics ?? {}],
    produced_tables: [row?.produced_tables, result?.produced_tables ?? []],
    produced_artifacts: [row?.produced_artifacts, result?.produced_artifacts ?? []],
    capsule_delta: [row?.capsule_delta, JSON.stringify(fact.capsule_delta)],
    termination_code: [row?.termination_code, fact.termination_code],
    run_url: [row?.run_url, fact.run_url],
  });
  checkEvent(deps, fact, "attempt.decided", fact.decided_at);
}

/** Only the youngest chapter of a run is its state. */
function checkOutcome(deps: LivenessDeps, fact: OutcomeFact): void {
  const { files, ledger } = deps;
  checkEvent(deps, fact, "chapter.over", fact.ended_at);
  const { run_id, chapter } = fact;
  if (files.get(factRef.retry({ run_id, chapter: chapter + 1 })) !== undefined) return;
  const row = ledger.runState.get(runText(fact));
  const decision = files.get(factRef.decision(fact))?.fact;
  const ticket = files.get(factRef.ticket(run_id))?.fact;
  const submission = files.get(factRef.submission(fact))?.fact;
  const isSubmitted = submission !== undefined && !isRefused(submission);
  sayDifference(deps, WHAT, `run_state ${run_id}`, {
    outcome: [row?.outcome, fact.outcome],
    reason: [row?.reason, fact.reason],
    chapter: [row?.chapter, chapter],
    place: [
      [row?.iter_n, row?.attempt],
      [fact.iter_n, fact.attempt],
    ],
    mode: [row?.current_mode, fact.mode],
    capsule: [row?.capsule, JSON.stringify(decision?.capsule)],
    ...(isSubmitted && {
      latest_request_path: [
        row?.latest_request_path,
        `${settings.factsVolume}/${factRef.submission(fact).path}`,
      ] as const,
    }),
    ...(fact.result_path !== null && {
      latest_result_path: [row?.latest_result_path, fact.result_path] as const,
    }),
  });
  // Who wrote an earlier time had another clock.
  const offMs = msOf(row?.created_at ?? "") - msOf(ticket?.accepted_at ?? "");
  if (chapter === 1 && !(Math.abs(offMs) <= 2 * CLOCKS_OFF_MS_MAX))
    deps.violate(WHAT, `run_state ${run_id} created_at: ${row?.created_at}`);
}

function checkEvent(
  { ledger, planeId, violate }: LivenessDeps,
  of: TracedAttempt & { readonly generation?: string | undefined },
  what: string,
  at: string,
) {
  const id = `${planeId}/${eventText(of)}/${of.iter_n}.${of.attempt}/${what}`;
  const row = ledger.telemetry.get(id);
  if (row?.timestamp !== at || row.event_type !== what || row.run_id !== of.run_id)
    violate("an event is missing in the telemetry", id);
}
