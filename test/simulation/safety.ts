// Safety: what must never happen, checked at the effect, because retries and sweeps would hide it
// from whoever looks at the end.
import type { ExecutorManifest, Limits } from "../../shared/domain/contract.ts";
import { type AttemptKey, factRef } from "../../shared/domain/facts.ts";
import { msOf } from "../../shared/domain/time.ts";
import { watchAnnouncements } from "./announcements.ts";
import { MINUTE } from "./clock.ts";
import { watchDecisions } from "./decisions.ts";
import type { FactEntry, Files } from "./files.ts";
import { attemptText } from "./ledger.ts";
import { attemptIn } from "./parsed.ts";
import { watchPlans } from "./plans.ts";
import type { Caller } from "./port-call.ts";
import { LIE } from "./results.ts";
import type { Run } from "./runs.ts";
import { isHidden } from "./runs.ts";
import { watchSubmissions } from "./submissions.ts";
import { allowedVerdicts } from "./truth.ts";
import { decisionsOf, generationOf, isOurs, planOf, type SafetyDeps } from "./view.ts";
import { CLOCKS_OFF_MS_MAX } from "./weather.ts";
import { settings } from "./workloads.ts";

/** Watches every effect of a world. */
export function watchSafety(deps: SafetyDeps): void {
  const lettered = new Set<string>();
  deps.sqs.onLetter.push(({ queue, body, by }) => {
    if (queue === "reports" && by === "handler") lettered.add(attemptIn(body) ?? "");
  });
  deps.databricks.onStart.push((run, caller) => {
    checkStart(deps, run, caller);
    checkBudgets(deps, run);
  });
  deps.databricks.onCancel.push((run, caller) => checkCancel(deps, run, caller));
  deps.files.onFact.push((entry) => checkFact(deps, entry, lettered));
  watchAnnouncements(deps);
  watchPlans(deps);
  watchSubmissions(deps);
  watchDecisions(deps);
}

/** A Databricks run starts: the one effect that costs money and cannot be taken back. */
function checkStart(deps: SafetyDeps, run: Run, caller: Caller): void {
  const { files, databricks, violate, stats } = deps;
  const name = attemptText(run.key);
  if (databricks.runs.some((other) => other !== run && attemptText(other.key) === name))
    violate("two Databricks runs for one attempt", name);
  const entry = files.get(factRef.manifest(run.key));
  const plan = planOf(files, run.key);
  if (entry === undefined || plan === undefined) {
    violate("a submission without its manifest", name);
    return;
  }
  checkReadable(deps, run, entry, plan);
  if (!isAskedFor(files, run.key, plan.chapter)) violate("an attempt that nobody asked for", name);
  const { run_id, iter_n, attempt } = run.key;
  const generation = generationOf(files, run_id);
  const whose = generation === undefined ? run_id : `${run_id}/${generation}`;
  const due = `signalbox/${deps.planeId}/${whose}/${iter_n}.${attempt} ${plan.traceparent}`;
  if (run.name !== due) violate("a Databricks run bears another name", run.name);
  // Nothing of ours can hold back a call that outlives all limits; the sweep ends what it starts.
  if (run.isZombie) return;
  const chapter = { run_id: run.key.run_id, chapter: plan.chapter };
  if (files.get(factRef.outcome(chapter)) !== undefined)
    violate("submitted after the outcome", name);
  if (caller.sinceMs > msOf(plan.submit_before)) violate("submitted too late", name);
  const stop = files.get(factRef.stop(chapter));
  if (stop === undefined || caller.sinceMs <= stop.atMs) return;
  // A plan that is older than the stop is carried through, and cancelled then.
  if (entry.sinceMs <= stop.atMs) stats.carried++;
  else violate("started after the stop", name);
}

/**
 * The executor reads its files and its manifest from the plans; the manifest is the fact, byte by
 * byte.
 */
function checkReadable(
  { files, violate }: SafetyDeps,
  run: Run,
  entry: FactEntry<"manifest">,
  plan: ExecutorManifest,
): void {
  const about = attemptText(run.key);
  for (const { path } of plan.files)
    if (contentAt(files, path) === undefined)
      violate("a submission without its planned files", `${about} ${path}`);
  const copy = contentAt(files, run.task.parameters[0] ?? "");
  if (copy === undefined) violate("a submission without the manifest that it reads", about);
  else if (Buffer.from(copy).toString() !== entry.text)
    violate("a submission with another manifest than its fact", about);
}

/**
 * What an executor finds at a path. What is of before lies among the facts, which executors may
 * read until no such run is left.
 */
function contentAt(files: Files, path: string): Uint8Array | undefined {
  const { factsVolume, plansVolume } = settings;
  if (path.startsWith(`${plansVolume}/`))
    return files.plans.get(path.slice(plansVolume.length + 1));
  if (!path.startsWith(`${factsVolume}/`)) return undefined;
  for (const { ref, text } of files.all())
    if (path === `${factsVolume}/${ref.path}`) return Buffer.from(text);
  return path.includes("/files/") ? new Uint8Array() : undefined;
}

/**
 * Counted in runs that really started, against the recipe that the ticket was accepted with: lying
 * results cannot stretch it.
 */
function checkBudgets({ files, databricks, violate }: SafetyDeps, run: Run): void {
  const { run_id, iter_n } = run.key;
  const accepted = files.get(factRef.ticket(run_id))?.fact;
  if (accepted === undefined) return;
  const upper = accepted.recipe.limits;
  const retry = files.get(factRef.retry({ run_id, chapter: run.chapter }))?.fact;
  const limits = retry?.limits ?? ({ ...upper, ...accepted.ticket.limits } as Limits);
  for (const key of ["iterations", "attempts", "timeout_seconds", "queue_seconds"] as const)
    if (limits[key] > upper[key])
      violate("a limit is above its recipe's", `${run_id} ${key} ${limits[key]}`);
  const about = attemptText(run.key);
  const isSibling = ({ key, chapter }: Run): boolean =>
    key.run_id === run_id && chapter === run.chapter && key.iter_n === iter_n;
  if (databricks.runs.filter(isSibling).length > limits.attempts)
    violate("more tries than attempts allow", about);
  if (iter_n > limits.iterations) violate("more iterations than allowed", about);
  if (run.timeoutMs !== limits.timeout_seconds * 1000)
    violate("submitted with another timeout than its limit", about);
}

/** Whether a ticket, a decision or a retry of that chapter asks for this attempt. */
function isAskedFor(files: Files, key: AttemptKey, chapter: number): boolean {
  const { run_id, iter_n, attempt } = key;
  if (chapter === 1 && iter_n === 1 && attempt === 1)
    return files.get(factRef.ticket(run_id)) !== undefined;
  const retry = files.get(factRef.retry({ run_id, chapter }))?.fact;
  if (retry?.iter_n === iter_n && retry.attempt === attempt) return true;
  return decisionsOf(files, { run_id, chapter }).some(
    ({ next }) => next.kind !== "outcome" && next.iter_n === iter_n && next.attempt === attempt,
  );
}

function checkFact(deps: SafetyDeps, entry: FactEntry, lettered: ReadonlySet<string>): void {
  const { files, violate, databricks } = deps;
  const { path } = entry.ref;
  if (entry.text.includes(LIE)) violate("a lying result was believed", path);
  if (isEntry(entry, "manifest")) {
    if (!isAskedFor(files, entry.fact, entry.fact.chapter))
      violate("a manifest that nobody asked for", path);
  } else if (isEntry(entry, "submission")) {
    const { fact } = entry;
    const id = "refused" in fact ? undefined : fact.databricks_run_id;
    const run = databricks.runs.find((other) => other.id === id);
    const isGone = databricks.everybodys.some(
      (other) => other.id === id && other.lostFromMs <= deps.clock.nowMs(),
    );
    // Nobody can look at what is gone; and nobody can make a success of it.
    if (
      id !== undefined &&
      !isGone &&
      (run === undefined || attemptText(run.key) !== attemptText(fact))
    )
      violate("a submission names another attempt's Databricks run", path);
    if (id === undefined) checkRefusal(deps, entry);
  } else if (isEntry(entry, "decision")) checkDecision(deps, entry);
  else if (isEntry(entry, "outcome")) {
    const { fact } = entry;
    const next = files.get(factRef.decision(fact))?.fact.next;
    if (next?.kind !== "outcome" || next.outcome !== fact.outcome)
      violate("an outcome that its decision does not say", path);
    if (fact.outcome === "unknown" && !lettered.has(attemptText(fact)))
      violate("nobody was asked about an outcome that nobody can explain", path);
  } else if (isEntry(entry, "retry")) {
    const before = { run_id: entry.fact.run_id, chapter: entry.fact.chapter - 1 };
    if (files.get(factRef.outcome(before)) === undefined)
      violate("a chapter was opened while the one before it goes on", path);
  }
}

const isEntry = <K extends FactEntry["ref"]["kind"]>(
  entry: FactEntry,
  kind: K,
): entry is FactEntry & FactEntry<K> => entry.ref.kind === kind;

/**
 * A refusal must not hide a run that the same request has started, and that everybody could see.
 */
function checkRefusal(
  { databricks, controllers, violate }: SafetyDeps,
  entry: FactEntry<"submission">,
): void {
  const hidden = databricks.runs.find(
    (run) => attemptText(run.key) === attemptText(entry.fact) && run.listedMs < entry.sinceMs,
  );
  if (hidden === undefined || hidden.lostFromMs <= entry.atMs) return;
  // Whoever may not see it, or finds it changed, cannot take it for ours.
  const isStrange =
    isHidden(hidden, entry.atMs) ||
    hidden.overriddenMs !== undefined ||
    controllers.isDisowned(hidden.creator, entry.sinceMs);
  if (!isStrange) violate("a refusal hides a Databricks run", entry.ref.path);
}

function checkDecision(deps: SafetyDeps, entry: FactEntry<"decision">): void {
  const { files, databricks, violate, clock } = deps;
  const { fact } = entry;
  const about = `${attemptText(fact)} ${fact.verdict}`;
  const manifest = files.get(factRef.manifest(fact))?.fact;
  if (manifest === undefined) {
    violate("a decision without a manifest", about);
    return;
  }
  const runs = databricks.runs.filter((run) => attemptText(run.key) === attemptText(fact));
  if (runs.some((run) => isOurs(deps, run)))
    violate("decided while its Databricks run is active", about);
  const submission = files.get(factRef.submission(fact))?.fact;
  const [run] = runs;
  const nowMs = clock.nowMs();
  const isDisowned = deps.controllers.isDisowned(run?.creator, entry.sinceMs);
  const allowed = allowedVerdicts({ manifest, submission, run, entry, nowMs, isDisowned });
  const stop = files.get(factRef.stop(fact));
  if (stop !== undefined && stop.atMs < entry.sinceMs && fact.next.kind !== "outcome")
    violate("a stopped chapter goes on", about);
  if (!allowed.includes(fact.verdict))
    violate("a verdict that is not true", `${about}, the run was ${run?.endings.join()}`);
}

/** An hour by the fact's own time, which may land some time later. */
const HURRY_MS = 57 * MINUTE;

/** Cancelling costs work: somebody stopped the chapter, or it is too late, refused or decided. */
function checkCancel({ files, clock, violate }: SafetyDeps, run: Run, { purpose }: Caller): void {
  const submission = files.get(factRef.submission(run.key))?.fact;
  const decision = files.get(factRef.decision(run.key));
  const isRefused = submission !== undefined && "refused" in submission;
  const isLate =
    submission !== undefined &&
    !isRefused &&
    clock.nowMs() + CLOCKS_OFF_MS_MAX >= msOf(submission.deadline);
  const stop = factRef.stop({ run_id: run.key.run_id, chapter: run.chapter });
  const isStopped = files.get(stop) !== undefined;
  const about = attemptText(run.key);
  if (run.repairedMs !== undefined && decision !== undefined && decision.atMs < run.repairedMs)
    violate("a repair by hand was cancelled", about);
  if (!isStopped && !isLate && !isRefused && decision === undefined)
    violate("cancelled without a cause", about);
  if (purpose !== "schedule") return;
  // Whoever acts in the ordinary course has had an hour for it.
  const chapter = { run_id: run.key.run_id, chapter: run.chapter };
  const causes = [decision, files.get(stop), files.get(factRef.outcome(chapter))];
  const sinceMs = Math.min(...causes.map((cause) => cause?.atMs ?? Number.POSITIVE_INFINITY));
  if (clock.nowMs() - sinceMs < HURRY_MS) violate("the sweep cancelled in a hurry", about);
}
