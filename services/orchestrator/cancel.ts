// Somebody wants a chapter to stop. The canceller writes stop, then reads the submission; the orchestrator does it the other
// way round. Whichever comes second sees both and cancels. The outcome waits until Databricks says that it is over.
import { attemptsOf } from "../../shared/chapter.ts";
import { factRef, isRefused } from "../../shared/domain/facts.ts";
import type { Cancellation } from "../../shared/domain/messages.ts";
import { isoOf } from "../../shared/domain/time.ts";
import { tracedBy } from "../../shared/domain/trace.ts";
import type { ClockPort, FactsPort, JobsPort, LogPort } from "../../shared/ports.ts";

export type CancelDeps = FactsPort & JobsPort & ClockPort & LogPort;

/** Stops a chapter: also one whose ticket is still to come, or one that is over (which changes nothing). */
export const cancel =
  (deps: CancelDeps) =>
  async (
    { run_id, chapter, reason, by }: Cancellation,
    { traceparent }: { readonly traceparent?: string | undefined } = {},
  ): Promise<void> => {
    const stopped_at = isoOf(deps.clock.nowMs());
    const stop = { v: 1, run_id, chapter, reason, by, stopped_at } as const;
    await deps.facts.create(factRef.stop({ run_id, chapter }), stop);
    deps.log("run.stopped", { run_id, chapter, reason, ...tracedBy(traceparent) });
    const { attempts } = await attemptsOf(deps, { run_id, chapter });
    const last = attempts.at(-1);
    if (last === undefined || last.decision !== undefined) return;
    const submission = (await deps.facts.read(factRef.submission({ run_id, ...last })))?.fact;
    if (submission !== undefined && !isRefused(submission))
      await deps.jobs.cancel(submission.databricks_run_id);
  };
