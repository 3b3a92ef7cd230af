// Walks along the decisions of a chapter, by strong reads, because a listing may lag.
import {
  type ChapterKey,
  type DecisionFact,
  factRef,
  firstAskedBy,
  type RetryFact,
  type TicketFact,
} from "../domain/facts.ts";
import type { AskedBy } from "../domain/messages.ts";
import type { FactsPort } from "../ports.ts";

export type AttemptInChapter = {
  readonly iter_n: number;
  readonly attempt: number;
  /** The fact that asked for it. */
  readonly by: AskedBy;
  /** Absent for the last attempt while it is not decided. */
  readonly decision: DecisionFact | undefined;
};

/**
 * The fact that opened a chapter, and the chapter's attempts in order. If nothing opened it, there
 * are no attempts.
 */
export async function attemptsOf(
  { facts }: FactsPort,
  key: ChapterKey,
): Promise<{
  readonly opened: TicketFact | RetryFact | undefined;
  readonly attempts: readonly AttemptInChapter[];
}> {
  const opened =
    key.chapter === 1
      ? (await facts.read(factRef.ticket(key.run_id)))?.fact
      : (await facts.read(factRef.retry(key)))?.fact;
  if (opened === undefined) return { opened, attempts: [] };
  const attempts: AttemptInChapter[] = [];
  let at = "attempt" in opened ? opened : { iter_n: 1, attempt: 1 };
  let by = firstAskedBy(key.chapter);
  for (;;) {
    const { iter_n, attempt } = at;
    const ref = factRef.decision({ run_id: key.run_id, iter_n, attempt });
    const decision = (await facts.read(ref))?.fact;
    attempts.push({ iter_n, attempt, by, decision });
    if (decision === undefined || decision.next.kind === "outcome") return { opened, attempts };
    by = { iter_n, attempt };
    at = decision.next;
  }
}
