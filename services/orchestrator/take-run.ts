// Decides which Databricks run is taken for an attempt: one that the controllers created, and that
// runs what they submitted. If a name or a token leads to somebody else's run, that is a refusal,
// with what was seen. Such a run must neither be believed nor hold up the ticket.
import { REFUSAL_SETTLES_SECONDS, SEARCH_SECONDS_MAX } from "../../shared/domain/cadence.ts";
import type { ExecutorManifest } from "../../shared/domain/contract.ts";
import { phaseOf } from "../../shared/domain/databricks-run.ts";
import { PlatformTroubleError, SearchTooLongError } from "../../shared/domain/errors.ts";
import { judgedByOf, type Seen, type Submission } from "../../shared/domain/facts.ts";
import {
  FORBIDDEN_SECONDS_MAX,
  isCreatedByUs,
  NOT_OURS,
  seenOf,
  strangenessOf,
} from "../../shared/domain/ours.ts";
import type { Paces } from "../../shared/domain/pace.ts";
import { oneLine } from "../../shared/domain/text.ts";
import { isoOf, msOf } from "../../shared/domain/time.ts";
import { attemptFields } from "../../shared/domain/trace.ts";
import type {
  ClockPort,
  IdentityPort,
  JobsPort,
  LogPort,
  NamedRun,
  SettingsPort,
  Stored,
} from "../../shared/ports.ts";

type TakeDeps = JobsPort & IdentityPort & ClockPort & LogPort & SettingsPort;

export type Attempt = {
  readonly manifest: Stored<ExecutorManifest>;
  readonly generation: string | undefined;
  /** The beginning of its run's name. */
  readonly namePrefix: string;
  readonly payload: string;
  /** The time at which its chapter was opened, if this is the first attempt. */
  readonly openedAt: string | undefined;
  readonly pace: Promise<Paces | undefined>;
};

/** A submission, and whether the look behind it showed that the run is over. */
export type TakenRun = {
  readonly submission: Submission;
  /**
   * True if the run was over already, so that nobody need wait for it. It is a hint: the judge asks
   * again.
   */
  readonly isOver: boolean;
};

/**
 * Finds the run of ours that has the attempt's name. Undefined if there is none, whatever name
 * others gave their runs.
 */
export async function adopted(deps: TakeDeps, attempt: Attempt): Promise<TakenRun | undefined> {
  const controllers = await deps.identity.own();
  const named = await namedRuns(deps, attempt);
  const own = named.find((run) => isCreatedByUs(run, controllers));
  return own && (await taken(deps, attempt, own, true));
}

/**
 * Finds the runs of the attempt's name. Nothing is submitted after the plan's last second, so
 * younger runs are not looked through. If there are too many for too long, none is adopted: the
 * judge of the refusal searches again, and says so if it finds as little.
 */
async function namedRuns(
  { jobs, clock, settings }: TakeDeps,
  { namePrefix, manifest: { fact } }: Attempt,
): Promise<readonly NamedRun[]> {
  const plannedMs = msOf(fact.created_at);
  const untilMs = msOf(fact.submit_before) + REFUSAL_SETTLES_SECONDS * 1000;
  try {
    return await jobs.find(namePrefix, plannedMs, untilMs);
  } catch (error) {
    const isTooLong = clock.nowMs() - plannedMs >= SEARCH_SECONDS_MAX * settings.timeScale * 1000;
    if (error instanceof SearchTooLongError && isTooLong) return [];
    throw error;
  }
}

/**
 * Turns a run into a submission if it is ours; otherwise into a refusal.
 * @throws PlatformTroubleError if we may not see it yet: permissions may show late, but not after
 *   ten minutes
 */
export async function taken(
  deps: TakeDeps,
  attempt: Attempt,
  { databricksRunId, runUrl }: Pick<NamedRun, "databricksRunId" | "runUrl">,
  isAdopted: boolean,
): Promise<TakenRun> {
  const look = await deps.jobs.get(databricksRunId);
  switch (look.kind) {
    case "gone":
      // It cannot become a success any more: the judge will find it lost. But not at once,
      // because a new run may show late.
      return {
        submission: await accepted(deps, attempt, { databricksRunId, runUrl, isAdopted }),
        isOver: false,
      };
    case "forbidden":
      return refused(forbidden(deps, attempt, databricksRunId, look.message));
    case "run": {
      const { namePrefix, payload } = attempt;
      const controllers = await deps.identity.own();
      const strangeness = strangenessOf(look.run, { controllers, namePrefix, payload });
      const seen = seenOf(look.run);
      if (strangeness !== undefined)
        return refused(refusedWith(deps, attempt, { code: NOT_OURS, message: strangeness, seen }));
      const { runUrl: url } = look.run;
      return {
        submission: await accepted(deps, attempt, {
          databricksRunId,
          runUrl: url,
          isAdopted,
          seen,
        }),
        isOver: phaseOf(look.run) === "over",
      };
    }
  }
}

/** A refusal has no run, so nobody can see its end. */
export const refused = (submission: Submission): TakenRun => ({ submission, isOver: false });

/** Counts from the plan: our own run can be seen by then, however long a submission takes. */
function forbidden(
  deps: TakeDeps,
  attempt: Attempt,
  databricksRunId: string,
  answer: string,
): Submission {
  const ageMs = deps.clock.nowMs() - msOf(attempt.manifest.fact.created_at);
  const message = `under the attempt's token there is run ${databricksRunId}, which the controllers may not see: ${answer}`;
  if (ageMs < FORBIDDEN_SECONDS_MAX * deps.settings.timeScale * 1000)
    throw new PlatformTroubleError(message);
  return refusedWith(deps, attempt, { code: NOT_OURS, message });
}

type Taken = {
  readonly databricksRunId: string;
  readonly runUrl: string;
  readonly isAdopted: boolean;
  readonly seen?: Seen;
};

async function accepted(
  deps: ClockPort & LogPort & SettingsPort,
  { manifest: { fact, sha256 }, generation, payload, openedAt, pace }: Attempt,
  { databricksRunId, runUrl, isAdopted, seen }: Taken,
): Promise<Submission> {
  const nowMs = deps.clock.nowMs();
  const { timeout_seconds, queue_seconds } = fact.limits;
  const entry = fact.files.find((file) => file.name === fact.entry);
  if (entry === undefined) throw new Error(`the manifest plans no file called ${fact.entry}`);
  deps.log("attempt.submitted", {
    ...attemptFields(fact),
    databricks_run_id: databricksRunId,
    run_url: runUrl,
  });
  return {
    v: 1,
    ...identityOf(fact),
    workload: fact.workload,
    mode: fact.mode,
    databricks_run_id: databricksRunId,
    run_url: runUrl,
    adopted: isAdopted,
    submitted_at: isoOf(nowMs),
    deadline: isoOf(nowMs + (timeout_seconds + queue_seconds) * 1000),
    manifest_sha256: sha256,
    artifact_path: entry.path,
    artifact_hash: entry.sha256,
    payload,
    submitted_by: deps.settings.worker,
    seen,
    judged_by: judgedByOf(fact),
    opened_at: openedAt,
    pace: await pace,
    generation,
  };
}

/** A refusal: Databricks said no for good, or the run that it has is not ours. */
export function refusedWith(
  deps: ClockPort & LogPort,
  { manifest: { fact }, generation }: Attempt,
  refused: { readonly code: string; readonly message: string; readonly seen?: Seen },
): Submission {
  const message = oneLine(refused.message);
  deps.log(refused.code === NOT_OURS ? "stranger.refused" : "attempt.refused", {
    ...attemptFields(fact),
    reason: `${refused.code}: ${message}`,
  });
  return {
    v: 1,
    ...identityOf(fact),
    refused: { ...refused, code: oneLine(refused.code, 100), message },
    refused_at: isoOf(deps.clock.nowMs()),
    generation,
  };
}

type Identity = {
  readonly run_id: string;
  readonly chapter: number;
  readonly iter_n: number;
  readonly attempt: number;
  readonly traceparent: string;
};
const identityOf = ({ run_id, chapter, iter_n, attempt, traceparent }: Identity): Identity => ({
  run_id,
  chapter,
  iter_n,
  attempt,
  traceparent,
});
