// The expected tickets, retries, stops and plans, worked out from people's messages and from the
// facts before them, and not by the code that wrote them: a loop that is safe may still do
// something else than it was asked for.
import {
  factRef,
  type Manifest,
  type RetryFact,
  type TicketFact,
} from "../../shared/domain/facts.ts";
import { msOf } from "../../shared/domain/time.ts";
import { DAY } from "./clock.ts";
import { sayDifference } from "./difference.ts";
import type { Files } from "./files.ts";
import { attemptText } from "./ledger.ts";
import { retryAttempts, traceOf } from "./outside.ts";
import { decisionsOf, generationOf, type SafetyDeps } from "./view.ts";
import { settings } from "./workloads.ts";

export function watchPlans(deps: SafetyDeps): void {
  deps.files.onFact.push(({ ref, fact }) => {
    if (ref.kind === "ticket") checkTicket(deps, fact as TicketFact);
    if (ref.kind === "retry") checkRetry(deps, fact as RetryFact);
    if (ref.kind === "manifest") checkPlan(deps, fact as Manifest);
  });
}

function checkTicket(
  deps: SafetyDeps,
  { run_id, ticket, recipe, limits, files, entry, traceparent }: TicketFact,
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
    ...(traceOf(run_id) !== undefined && { traceparent: [traceparent, traceOf(run_id)] as const }),
  });
}

/**
 * A retry goes on where the chapter before ended, within the ticket's limits or what the person set
 * instead.
 */
function checkRetry(deps: SafetyDeps, retry: RetryFact): void {
  const { files } = deps;
  const ticket = files.get(factRef.ticket(retry.run_id))?.fact;
  const ended = files.get(factRef.outcome({ ...retry, chapter: retry.chapter - 1 }))?.fact;
  const last = ended && files.get(factRef.manifest(ended))?.fact;
  if (ticket === undefined || last === undefined) return; // said elsewhere
  const about = `${retry.run_id}.${retry.chapter}`;
  sayDifference(deps, "a retry goes on from somewhere else", about, {
    capsule: [retry.capsule, last.capsule],
    iter_n: [retry.iter_n, last.iter_n],
    attempt: [retry.attempt, last.attempt + 1],
  });
  const { attempts } = retry.limits;
  const isSet = retryAttempts.some((asked) => asked === attempts);
  sayDifference(deps, "a retry has limits that nobody set", about, {
    limits: [retry.limits, { ...ticket.limits, ...(isSet && { attempts }) }],
  });
}

/**
 * What asked for an attempt says with which capsule, as which try, and within which limits it runs.
 */
export function askedFor(files: Files, plan: Manifest) {
  const { run_id, chapter, iter_n, attempt } = plan;
  const retry = files.get(factRef.retry({ run_id, chapter }));
  const opened = chapter === 1 ? files.get(factRef.ticket(run_id)) : retry;
  if (opened === undefined) return undefined;
  const { atMs } = opened;
  const { limits } = opened.fact;
  if (chapter === 1 && iter_n === 1 && attempt === 1) return { limits, capsule: {}, try: 1, atMs };
  if (retry?.fact.iter_n === iter_n && retry.fact.attempt === attempt)
    return { limits, capsule: retry.fact.capsule, try: 1, atMs };
  for (const decision of decisionsOf(files, { run_id, chapter })) {
    const { next, capsule } = decision;
    if (next.kind !== "outcome" && next.iter_n === iter_n && next.attempt === attempt)
      return {
        limits,
        capsule,
        try: next.try,
        atMs: files.get(factRef.decision(decision))?.atMs ?? atMs,
      };
  }
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
    mode: [plan.mode, ticket.ticket.mode],
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
    policy: [
      plan.policy,
      {
        timeout_seconds: asked.limits.timeout_seconds,
        allowed_modules: recipe.allowed_modules,
        writes: recipe.writes,
      },
    ],
    code_paths: [plan.code_paths, [settings.codebaseVolume]],
    scratchpad: [plan.scratchpad, scratchpadOf(plan, generationOf(deps.files, plan.run_id))],
    state_path: [
      plan.state_path,
      stateOf(scratchpadOf(plan, generationOf(deps.files, plan.run_id))),
    ],
    plane_id: [plan.plane_id, deps.planeId],
    submittable: [msOf(plan.submit_before) - msOf(plan.created_at), 7 * DAY],
    files: [plan.files, ticket.files.map(readable)],
    entry: [plan.entry, ticket.entry],
    traceparent: [plan.traceparent, ticket.traceparent],
  });
}

/** All attempts of one run share it, and no run has another's. */
const stateOf = (scratchpad: string): string =>
  scratchpad.replace(/\/iter_[0-9]+\/attempt_[0-9]+$/, "/state");

/**
 * What is planned is for executors, who may not read the facts: there, only tickets of before have
 * their code.
 */
const readable = (file: TicketFact["files"][number]) => ({
  ...file,
  path: file.path.replace(`${settings.factsVolume}/`, `${settings.plansVolume}/`),
});

/** A run has a folder of its own, whoever had its id before. */
function scratchpadOf(
  { run_id, iter_n, attempt }: Manifest,
  generation: string | undefined,
): string {
  const run = generation === undefined ? `run_${run_id}` : `run_${run_id}/${generation}`;
  const padded = (n: number): string => String(n).padStart(3, "0");
  return `${settings.scratchpadVolume}/${run}/iter_${padded(iter_n)}/attempt_${padded(attempt)}`;
}
