// Stops a chapter. The canceller writes the stop, then reads the submission; the orchestrator
// writes the submission, then reads the stop. The one that comes second sees both and cancels. The
// outcome waits until Databricks says that the run is over.

import { factRef, isRefused } from "../../shared/domain/facts.ts";
import type { Cancellation } from "../../shared/domain/messages.ts";
import { isoOf } from "../../shared/domain/time.ts";
import { tracedBy } from "../../shared/domain/trace.ts";
import type { Sent } from "../../shared/edge/delivery.ts";
import type {
  ClockPort,
  FactsPort,
  JobsPort,
  LogPort,
  QueuesPort,
  SettingsPort,
} from "../../shared/ports.ts";
import { attemptsOf } from "../../shared/story/chapter.ts";
import { waitForSubject } from "./early-order.ts";

export type CancelDeps = FactsPort &
  JobsPort &
  QueuesPort<"orders"> &
  ClockPort &
  LogPort &
  SettingsPort;

/**
 * Stops a chapter that was opened; one that is over stays as it is. A chapter that nothing opened
 * gets no stop, because that stop could hit another run that uses the id later.
 */
export async function cancel(deps: CancelDeps, order: Cancellation, sent: Sent): Promise<void> {
  const { run_id, chapter, reason } = order;
  const opening = chapter === 1 ? factRef.ticket(run_id) : factRef.retry({ run_id, chapter });
  if ((await deps.facts.read(opening)) === undefined)
    return await waitForSubject(deps, order, sent);
  const stopped_at = isoOf(deps.clock.nowMs());
  const { by, firstBy } = sent;
  const first_by = firstBy !== undefined && { first_by: firstBy };
  const stop = { v: 1, run_id, chapter, reason, by, ...first_by, stopped_at } as const;
  await deps.facts.create(factRef.stop({ run_id, chapter }), stop);
  deps.log("run.stopped", { run_id, chapter, reason, ...tracedBy(sent.traceparent) });
  const { attempts } = await attemptsOf(deps, { run_id, chapter });
  const last = attempts.at(-1);
  if (last === undefined || last.decision !== undefined) return;
  const submission = (await deps.facts.read(factRef.submission({ run_id, ...last })))?.fact;
  if (submission !== undefined && !isRefused(submission))
    await deps.jobs.cancel(submission.databricks_run_id);
}
