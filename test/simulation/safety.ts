// Safety: what must never happen, checked at the effect, because retries and sweeps would hide it from whoever looks at the end.
import type { Limits } from "../../shared/domain/contract.ts";
import {
  type AttemptKey,
  type DecisionFact,
  factRef,
  type OutcomeFact,
} from "../../shared/domain/facts.ts";
import { msOf } from "../../shared/domain/time.ts";
import type { VirtualClock } from "./clock.ts";
import type { Databricks, Run } from "./databricks.ts";
import type { FactEntry, Files } from "./files.ts";
import { attemptText, type Bus, type Ledger } from "./ledger.ts";
import type { Caller } from "./port-call.ts";
import { LIE } from "./results.ts";
import type { Stats } from "./stats.ts";
import { allowedVerdicts, isGoalMet, isTrulySucceeded } from "./truth.ts";
import { recipeByName, settings } from "./workloads.ts";

export type SafetyDeps = {
  readonly clock: VirtualClock;
  readonly files: Files;
  readonly databricks: Databricks;
  readonly ledger: Ledger;
  readonly bus: Bus;
  readonly stats: Stats;
  readonly planeId: string;
  readonly violate: (what: string, detail: string) => void;
};

/** Watches every effect of a world. */
export function watchSafety(deps: SafetyDeps): void {
  deps.databricks.onStart.push((run, caller) => checkStart(deps, run, caller));
  deps.databricks.onCancel.push((run) => checkCancel(deps, run));
  deps.files.onFact.push((entry) => checkFact(deps, entry));
  deps.files.onMarkerRemoved.push((key, { service }) => {
    const { run_id, chapter } = key;
    const about = `${run_id}.${chapter}`;
    if (deps.bus.announced.has(`${run_id}/${chapter}`)) {
      if (service !== "ingester")
        deps.violate("somebody else than the ingester removed a marker", about);
      return;
    }
    const opened = chapter === 1 ? factRef.ticket(run_id) : factRef.retry(key);
    if (deps.files.get(opened) !== undefined)
      deps.violate("a marker was removed before its outcome was announced", about);
  });
  deps.ledger.onState.push((before, row) => {
    const phase = { running: 1, decided: 2, over: 3 }[row.fsm_state];
    const version = ((row.chapter * 100 + row.iter_n) * 1000 + row.attempt) * 10 + phase;
    if (row.version !== version)
      deps.violate("a version is not made of chapter, iteration, attempt and phase", row.run_id);
    if (before !== undefined && before.chapter > row.chapter)
      deps.violate("a version fell", `${row.run_id} ${before.version} ${row.version}`);
    const outcome = deps.files.get(factRef.outcome(row))?.fact;
    if (row.fsm_state === "over" && row.outcome !== outcome?.outcome)
      deps.violate("the ledger has another outcome than the facts", row.run_id);
  });
  deps.bus.onAnnounce.push((event) => {
    deps.stats.announcements++;
    const outcome = deps.files.get(factRef.outcome(event))?.fact;
    if (outcome === undefined) return deps.violate("announced without an outcome", event.id);
    checkAnnouncement(deps, event, outcome);
  });
}

const isPlan = (entry: FactEntry<"manifest"> | undefined) =>
  entry !== undefined && !("stopped" in entry.fact) ? entry.fact : undefined;

/** A Databricks run starts: the one effect that costs money and cannot be taken back. */
function checkStart(deps: SafetyDeps, run: Run, caller: Caller): void {
  const { files, databricks, violate, clock, stats } = deps;
  const name = attemptText(run.key);
  if (databricks.runs.some((other) => other !== run && attemptText(other.key) === name))
    violate("two Databricks runs for one attempt", name);
  const entry = files.get(factRef.manifest(run.key));
  const plan = isPlan(entry);
  if (entry === undefined || plan === undefined)
    return violate("a submission without its manifest", name);
  for (const { path } of plan.files)
    if (!files.hasFile(path.slice(settings.factsVolume.length + 1)))
      violate("a submission without its planned files", `${name} ${path}`);
  if (!isAskedFor(files, run.key, plan.chapter)) violate("an attempt that nobody asked for", name);
  if (!run.name.startsWith(`signalbox/${deps.planeId}/`))
    violate("a Databricks run does not bear the plane's name", run.name);
  const chapter = { run_id: run.key.run_id, chapter: plan.chapter };
  if (files.get(factRef.outcome(chapter)) !== undefined)
    violate("submitted after the outcome", name);
  if (caller.sinceMs > msOf(plan.submit_before)) violate("submitted too late", name);
  const stop = files.get(factRef.stop(chapter));
  if (stop !== undefined && caller.sinceMs > stop.atMs) {
    // A plan that is older than the stop is carried through, and cancelled then.
    if (entry.sinceMs <= stop.atMs) stats.carried++;
    else violate("started after the stop", `${name} at ${clock.nowMs()}`);
  }
  checkBudgets(deps, run, plan.chapter);
}

/** Counted in runs that really started, against limits that the world knows itself: lying results cannot stretch them. */
function checkBudgets({ files, databricks, violate }: SafetyDeps, run: Run, chapter: number): void {
  const { run_id, iter_n } = run.key;
  const ticket = files.get(factRef.ticket(run_id))?.fact.ticket;
  const upper = ticket && recipeByName(ticket.workload)?.limits;
  if (ticket === undefined || upper === undefined) return;
  const lowered = { ...upper, ...(ticket.limits as Partial<Limits>) } as Limits;
  const retry = files.get(factRef.retry({ run_id, chapter }))?.fact;
  const limits = retry === undefined ? lowered : retry.limits;
  for (const key of ["iterations", "attempts", "timeout_seconds", "queue_seconds"] as const)
    if (limits[key] > upper[key])
      violate("a limit is above its recipe's", `${run_id} ${key} ${limits[key]}`);
  const tries = databricks.runs.filter(
    (other) =>
      other.key.run_id === run_id && other.chapter === chapter && other.key.iter_n === iter_n,
  ).length;
  if (tries > limits.attempts) violate("more tries than attempts allow", attemptText(run.key));
  if (iter_n > limits.iterations) violate("more iterations than allowed", attemptText(run.key));
  if (run.timeoutMs !== limits.timeout_seconds * 1000)
    violate("submitted with another timeout than its limit", attemptText(run.key));
}

/** Whether a ticket, a decision or a retry of that chapter asks for this attempt. */
function isAskedFor(files: Files, key: AttemptKey, chapter: number): boolean {
  const { run_id, iter_n, attempt } = key;
  if (chapter === 1 && iter_n === 1 && attempt === 1)
    return files.get(factRef.ticket(run_id)) !== undefined;
  const retry = files.get(factRef.retry({ run_id, chapter }))?.fact;
  if (retry?.iter_n === iter_n && retry.attempt === attempt) return true;
  for (const { ref, fact } of files.all()) {
    if (ref.kind !== "decision") continue;
    const { next, ...decision } = fact as DecisionFact;
    if (decision.run_id !== run_id || decision.chapter !== chapter) continue;
    if (next.kind !== "outcome" && next.iter_n === iter_n && next.attempt === attempt) return true;
  }
  return false;
}

function checkFact(deps: SafetyDeps, entry: FactEntry): void {
  const { files, violate, databricks } = deps;
  const { ref, text } = entry;
  if (text.includes(LIE)) violate("a lying result was believed", ref.path);
  switch (ref.kind) {
    case "manifest": {
      const { fact } = entry as FactEntry<"manifest">;
      if (!isAskedFor(files, fact, fact.chapter))
        violate("a manifest that nobody asked for", ref.path);
      return;
    }
    case "submission": {
      const { fact } = entry as FactEntry<"submission">;
      if ("refused" in fact) return;
      const run = databricks.runs.find(({ id }) => id === fact.databricks_run_id);
      if (run === undefined || attemptText(run.key) !== attemptText(fact))
        violate("a submission names another attempt's Databricks run", ref.path);
      return;
    }
    case "decision":
      return checkDecision(deps, entry as FactEntry<"decision">);
    case "outcome": {
      const { fact } = entry as FactEntry<"outcome">;
      const decision = files.get(factRef.decision(fact))?.fact;
      const next = decision?.next;
      if (next?.kind !== "outcome" || next.outcome !== fact.outcome)
        violate("an outcome that its decision does not say", ref.path);
      return;
    }
    case "retry": {
      const { fact } = entry as FactEntry<"retry">;
      const before = { run_id: fact.run_id, chapter: fact.chapter - 1 };
      if (files.get(factRef.outcome(before)) === undefined)
        violate("a chapter was opened while the one before it goes on", ref.path);
      return;
    }
    case "ticket":
    case "stop":
    case "plane":
      return;
  }
}

function checkDecision(deps: SafetyDeps, entry: FactEntry<"decision">): void {
  const { files, databricks, violate, clock } = deps;
  const { fact } = entry;
  const submission = files.get(factRef.submission(fact))?.fact;
  const manifest = files.get(factRef.manifest(fact))?.fact;
  const runs = databricks.runs.filter((run) => attemptText(run.key) === attemptText(fact));
  const about = `${attemptText(fact)} ${fact.verdict}`;
  if (manifest === undefined) return violate("a decision without a manifest", about);
  for (const run of runs)
    if (databricks.isActive(run) && run.repairedMs === undefined && run.ending !== "limbo")
      violate("decided while its Databricks run is active", about);
  const truth = { manifest, submission, run: runs[0], entry, nowMs: clock.nowMs() };
  if (!allowedVerdicts(truth).includes(fact.verdict))
    violate("a verdict that is not true", `${about}, the run was ${runs[0]?.endings.join()}`);
}

function checkCancel({ files, clock, violate }: SafetyDeps, run: Run): void {
  const chapter = { run_id: run.key.run_id, chapter: run.chapter };
  const submission = files.get(factRef.submission(run.key))?.fact;
  const decision = files.get(factRef.decision(run.key));
  const isRefused = submission !== undefined && "refused" in submission;
  const isLate =
    submission !== undefined && !isRefused && clock.nowMs() >= msOf(submission.deadline);
  const isStopped = files.get(factRef.stop(chapter)) !== undefined;
  const about = attemptText(run.key);
  if (run.repairedMs !== undefined && decision !== undefined && decision.atMs < run.repairedMs)
    violate("a repair by hand was cancelled", about);
  if (!isStopped && !isLate && !isRefused && decision === undefined)
    violate("cancelled without a cause", about);
}

type Event = Parameters<Bus["announce"]>[0];

function checkAnnouncement(deps: SafetyDeps, event: Event, outcome: OutcomeFact): void {
  const { files, databricks, ledger, bus, violate, clock } = deps;
  const about = event.id;
  const said = { ...event, id: undefined, plane_id: undefined };
  const { mode: _, ...written } = outcome;
  if (JSON.stringify(sorted(said)) !== JSON.stringify(sorted(written)))
    violate("an announcement differs from its fact", about);
  if (event.id !== `${deps.planeId}/${event.run_id}/${event.chapter}`)
    violate("an announcement bears another id", about);
  const before = bus.announced.get(`${event.run_id}/${event.chapter}`)?.[0];
  if (before !== undefined && before.outcome !== event.outcome)
    violate("two outcomes were announced", about);
  const row = ledger.runState.get(event.run_id);
  const isInLedger =
    row !== undefined &&
    (row.chapter > event.chapter ||
      (row.chapter === event.chapter && row.fsm_state === "over" && row.outcome === event.outcome));
  if (!isInLedger) violate("announced before the ledger has it", about);
  for (const { ref, fact } of files.all()) {
    if (ref.kind !== "decision") continue;
    const decision = fact as DecisionFact;
    if (decision.run_id !== event.run_id || decision.chapter !== event.chapter) continue;
    if (ledger.results.get(attemptText(decision))?.verdict !== decision.verdict)
      violate("announced before the ledger has all its attempts", `${about} ${ref.path}`);
  }
  for (const run of databricks.runs)
    if (
      run.key.run_id === event.run_id &&
      run.chapter === event.chapter &&
      databricks.isActive(run) &&
      run.repairedMs === undefined &&
      run.ending !== "limbo"
    )
      violate("announced while one of its Databricks runs is active", attemptText(run.key));
  if (event.outcome !== "succeeded") return;
  const run = databricks.runs.find((other) => attemptText(other.key) === attemptText(event));
  const manifest = isPlan(files.get(factRef.manifest(event)));
  const isTrue =
    run !== undefined &&
    manifest !== undefined &&
    isTrulySucceeded(run, manifest, clock.nowMs()) &&
    isGoalMet(run, manifest);
  if (!isTrue) violate("a false green", about);
}

const sorted = (value: object): object =>
  Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
