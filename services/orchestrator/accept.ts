// Accepts tickets and retries: a ticket becomes a run, a person's retry its next chapter.
import type { PlannedFile } from "../../shared/domain/contract.ts";
import { PlatformTroubleError, PoisonMessageError } from "../../shared/domain/errors.ts";
import {
  type ChapterKey,
  factRef,
  firstAskedBy,
  plannedFilePath,
  type RetryFact,
  type TicketFact,
} from "../../shared/domain/facts.ts";
import { freshMarker } from "../../shared/domain/marker.ts";
import { type Retry, recordOf, type Ticket, turnOf } from "../../shared/domain/messages.ts";
import { parameterFaults } from "../../shared/domain/parameters.ts";
import { isWithin, mayComeFromCodebase, type Recipe } from "../../shared/domain/recipe.ts";
import { mayBeReopened } from "../../shared/domain/retention.ts";
import { limitsWithin, sameTicket } from "../../shared/domain/ticket.ts";
import { isoOf } from "../../shared/domain/time.ts";
import { isTraceparent, tracedBy, traceparentOf } from "../../shared/domain/trace.ts";
import type { Sent } from "../../shared/edge/delivery.ts";
import type {
  DigestPort,
  FactsPort,
  MarkersPort,
  PlanePort,
  QueuesPort,
  RandomPort,
  VolumesPort,
  WorkloadsPort,
} from "../../shared/ports.ts";
import { sendRecord } from "../../shared/story/send-record.ts";
import { waitForSubject } from "./early-order.ts";
import { type OrchestrateDeps, orchestrate } from "./orchestrate.ts";
import { keepShared } from "./shared-files.ts";

export type AcceptDeps = OrchestrateDeps &
  MarkersPort &
  VolumesPort &
  WorkloadsPort &
  RandomPort &
  QueuesPort<"orders">;

/**
 * The largest artifact. An artifact is code that somebody wrote; anything larger is data, and
 * belongs on a Volume.
 */
const ARTIFACT_BYTES_MAX = 5 * 1024 * 1024;

/** Accepts a ticket and does its first turn at once. The same ticket again is the same run. */
export async function acceptTicket(deps: AcceptDeps, ticket: Ticket, sent: Sent): Promise<void> {
  const chapter = { run_id: ticket.ticket_id, chapter: 1 };
  const ref = factRef.ticket(ticket.ticket_id);
  let accepted = (await deps.facts.read(ref))?.fact;
  let isNew = false;
  if (accepted !== undefined) {
    refuseAnother(accepted, ticket);
    deps.log("run.repeated", { ...chapter, ...tracedBy(accepted.traceparent) });
    if (await announcedAgain(deps, chapter, accepted, true)) return;
  } else {
    await waitWhileDeleted(deps, ticket.ticket_id);
    const fact = await ticketFactOf(deps, ticket, sent);
    await deps.markers.write(freshMarker(chapter, deps.clock.nowMs()));
    ({ fact: accepted, isNew } = await deps.facts.create(ref, fact));
    refuseAnother(accepted, ticket);
    // Two handlers may accept the same ticket at the same moment. Only one of them comes first.
    const isFirst = accepted.seed === fact.seed;
    deps.log(isFirst ? "run.accepted" : "run.repeated", {
      ...chapter,
      workload: ticket.workload,
      ...tracedBy(accepted.traceparent),
    });
  }
  const first = { ...chapter, iter_n: 1, attempt: 1 };
  await orchestrate(deps, turnOf(first, firstAskedBy(1)), { ticket: accepted, isNew });
}

/**
 * How long a ticket waits while an old run is deleted. Deleting takes several ticks of the sweep,
 * so asking more often is useless.
 */
const DELETING_SECONDS = 900;

/** An id may be used again only after retention has deleted every fact of the old run. */
async function waitWhileDeleted({ facts }: FactsPort, run_id: string): Promise<void> {
  const retired = (await facts.read(factRef.retired({ run_id, step: 1 })))?.fact;
  if (retired !== undefined)
    throw new PlatformTroubleError(
      `a run with the ticket_id ${run_id} was over long ago, and since ${retired.retired_at} its facts are being deleted: the ticket waits until they are gone`,
      { retryAfterSeconds: DELETING_SECONDS },
    );
}

/**
 * Opens the chapter that a person asked for. A retry names its chapter, so a replay opens nothing
 * twice.
 */
export async function acceptRetry(deps: AcceptDeps, retry: Retry, sent: Sent): Promise<void> {
  const ref = factRef.retry(retry);
  let opened = (await deps.facts.read(ref))?.fact;
  let isNew = false;
  if (opened !== undefined) {
    if (await announcedAgain(deps, retry, opened, false)) return;
  } else {
    const fact = await retryFactOf(deps, retry, sent);
    if (fact === undefined) return;
    await deps.markers.write(freshMarker(retry, deps.clock.nowMs()));
    ({ fact: opened, isNew } = await deps.facts.create(ref, fact));
    deps.log("run.reopened", {
      run_id: retry.run_id,
      chapter: retry.chapter,
      reason: retry.reason,
      ...tracedBy(opened.traceparent),
    });
  }
  await orchestrate(deps, turnOf(opened, firstAskedBy(opened.chapter)), { isNew });
}

/**
 * Sends the outcome (again) if the run is over already.
 * @returns whether it was over
 */
async function announcedAgain(
  deps: AcceptDeps,
  from: ChapterKey,
  { traceparent }: TicketFact | RetryFact,
  again: boolean,
): Promise<boolean> {
  let outcome = (await deps.facts.read(factRef.outcome(from)))?.fact;
  if (outcome === undefined) return false;
  // The youngest chapter that is over speaks for the run.
  for (let chapter = from.chapter + 1; again; chapter++) {
    const later = (await deps.facts.read(factRef.outcome({ ...from, chapter })))?.fact;
    if (later === undefined) break;
    outcome = later;
  }
  const record = recordOf(outcome, "outcome", again);
  // The sender of a repeated ticket waits for an answer. Everything else waits for its window.
  if (again) await deps.queues.send("records", record, { traceparent });
  else await sendRecord(deps, record, { traceparent });
  return true;
}

function refuseAnother(have: TicketFact, ticket: Ticket): void {
  if (!sameTicket(have.ticket, ticket))
    throw new PoisonMessageError(
      `ticket_id ${ticket.ticket_id} was used before, at ${have.accepted_at}, for a different ticket: send it under an id of its own`,
    );
}

const SEED_BYTES = 32;

/**
 * Resolves a ticket against its recipe as it is now. Everything that can be refused is refused
 * here, before anything exists.
 */
async function ticketFactOf(
  deps: AcceptDeps,
  ticket: Ticket,
  { traceparent, by }: Sent,
): Promise<TicketFact> {
  const recipe = deps.workloads.recipe(ticket.workload);
  if (recipe === undefined)
    throw new PoisonMessageError(
      `there is no workload "${ticket.workload}"; there are: ${deps.workloads.names().join(", ")}`,
    );
  const limits = limitsWithin(recipe.limits, ticket.limits);
  const faults = parameterFaults(recipe, ticket.parameters);
  if (faults.length > 0) throw new PoisonMessageError(faults.join("; "));
  const code = await codeOf(deps, ticket, recipe);
  const files: PlannedFile[] = [];
  for (const { name, content, isReviewed } of code) {
    const sha256 = deps.sha256(content);
    const own = plannedFilePath(ticket.ticket_id, sha256, name);
    const path = isReviewed ? await keepShared(deps, { sha256, name, content }) : own;
    if (!isReviewed) await deps.plans.put(path, content);
    files.push({
      name,
      path: `${deps.settings.plansVolume}/${path}`,
      sha256,
      bytes: content.byteLength,
    });
  }
  return {
    v: 1,
    run_id: ticket.ticket_id,
    accepted_at: isoOf(deps.clock.nowMs()),
    ticket: { ...ticket, tries: 0 },
    recipe,
    limits,
    files,
    entry: code[0].name,
    traceparent: isTraceparent(traceparent)
      ? traceparent
      : await ownTraceOf(deps, ticket.ticket_id),
    seed: deps.randomHex(SEED_BYTES),
    by,
  };
}

/** The trace of a run whose ticket brings none. It is the same each time it is computed. */
const ownTraceOf = async (deps: PlanePort & DigestPort, ticketId: string): Promise<string> =>
  traceparentOf(deps.sha256(`${await deps.plane.id()}/${ticketId}`));

type Code = {
  readonly name: string;
  readonly content: Uint8Array;
  /**
   * True for bundled code and for code of the company codebase. Code that a ticket carried is this
   * run's alone, and is deleted with it.
   */
  readonly isReviewed: boolean;
};

/** The entry point first, then the recipe's further files. */
async function codeOf(
  deps: AcceptDeps,
  ticket: Ticket,
  recipe: Recipe,
): Promise<readonly [Code, ...Code[]]> {
  const bundled = (name: string): Code => {
    const content = deps.workloads.file(ticket.workload, name);
    if (content === undefined) throw new Error(`workload ${ticket.workload} has no file ${name}`);
    return { name, content, isReviewed: true };
  };
  const files = recipe.planner.files.map(bundled);
  return [await entryOf(deps, ticket, recipe, bundled), ...files];
}

async function entryOf(
  deps: AcceptDeps,
  ticket: Ticket,
  recipe: Recipe,
  bundled: (name: string) => Code,
): Promise<Code> {
  const { artifact } = ticket;
  if (artifact === undefined) return bundled(recipe.planner.artifact);
  if ("inline" in artifact) {
    if (!recipe.planner.inline)
      throw new PoisonMessageError(
        `artifact.inline: the workload ${ticket.workload} takes no code from tickets`,
      );
    const content = new TextEncoder().encode(artifact.inline);
    return { name: recipe.planner.artifact, content, isReviewed: false };
  }
  if (!isWithin(artifact.path, deps.settings.codebaseVolume))
    throw new PoisonMessageError(
      `artifact.path: ${artifact.path} is not below ${deps.settings.codebaseVolume}, where reviewed code lies`,
    );
  if (!mayComeFromCodebase(artifact.path, deps.settings.codebaseVolume, recipe.planner.codebase))
    throw new PoisonMessageError(
      recipe.planner.codebase.length === 0
        ? `artifact.path: the workload ${ticket.workload} runs its own code only; its recipe may name folders of the company codebase from which a ticket may choose (planner.codebase)`
        : `artifact.path: ${artifact.path} is in none of the folders from which a ticket for ${ticket.workload} may choose: ${recipe.planner.codebase.join(", ")}`,
    );
  const code = await artifactAt(deps, artifact);
  if (recipe.planner.files.includes(code.name))
    throw new PoisonMessageError(
      `artifact.path: ${code.name} is also the name of a file that the workload ${ticket.workload} puts beside it (planner.files): give the artifact another name`,
    );
  return code;
}

async function artifactAt(
  deps: AcceptDeps,
  { path, sha256 }: { readonly path: string; readonly sha256: string },
): Promise<Code> {
  const file = await deps.volumes.read(path, ARTIFACT_BYTES_MAX);
  if (file.kind === "absent") throw new PoisonMessageError(`artifact.path: there is no ${path}`);
  if (file.kind === "too-large")
    throw new PoisonMessageError(
      `artifact.path: ${path} has ${file.bytes} bytes, an artifact has at most ${ARTIFACT_BYTES_MAX}`,
    );
  const found = deps.sha256(file.content);
  if (found !== sha256)
    throw new PoisonMessageError(
      `artifact.sha256: ${path} has the sha256 ${found}, the ticket expects ${sha256}`,
    );
  return { name: nameOf(path), content: file.content, isReviewed: true };
}

const nameOf = (path: string): string => {
  const name = path.split("/").at(-1) ?? "";
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(name))
    throw new PoisonMessageError(`artifact.path: ${name} is no plain file name`);
  return name;
};

/**
 * A retry continues where the chapter before it ended: the same iteration, from the capsule with
 * which its last attempt began.
 */
async function retryFactOf(
  deps: AcceptDeps,
  retry: Retry,
  sent: Sent,
): Promise<RetryFact | undefined> {
  const before = { run_id: retry.run_id, chapter: retry.chapter - 1 };
  const ended = (await deps.facts.read(factRef.outcome(before)))?.fact;
  if (ended === undefined && (await deps.facts.read(factRef.ticket(retry.run_id))) === undefined)
    return await waitForSubject(deps, retry, sent);
  if (ended === undefined)
    throw new PoisonMessageError(
      `chapter ${before.chapter} of run ${retry.run_id} is not over, so chapter ${retry.chapter} cannot be opened: cancel it first, or name the chapter that follows its last outcome`,
    );
  if (!mayBeReopened(ended.ended_at, deps.clock.nowMs(), deps.settings.retentionDays))
    throw new PoisonMessageError(
      `chapter ${before.chapter} of run ${retry.run_id} ended at ${ended.ended_at}, and facts are kept for ${deps.settings.retentionDays} days: that is too long ago to reopen it; send a ticket under a new id`,
    );
  const ticket = (await deps.facts.read(factRef.ticket(retry.run_id)))?.fact;
  const last = (await deps.facts.read(factRef.manifest(ended)))?.fact;
  if (ticket === undefined || last === undefined)
    throw new PlatformTroubleError(
      `run ${retry.run_id} has an outcome, but its ${ticket === undefined ? "ticket" : "last manifest"} cannot be read`,
    );
  return {
    v: 1,
    run_id: retry.run_id,
    chapter: retry.chapter,
    iter_n: ended.iter_n,
    attempt: ended.attempt + 1,
    reason: retry.reason,
    by: sent.by,
    ...(sent.firstBy !== undefined && { first_by: sent.firstBy }),
    limits: limitsWithin(ticket.recipe.limits, retry.limits, ticket.limits),
    capsule: last.capsule,
    opened_at: isoOf(deps.clock.nowMs()),
    traceparent: ticket.traceparent,
  };
}
