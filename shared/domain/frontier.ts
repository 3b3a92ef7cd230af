// Finds where the facts of an open chapter end, and so which message comes next
// (docs/architecture.md#the-sweep).
import type { DecisionFact, Manifest, Submission } from "./facts.ts";
import { isRefused, isStopped } from "./facts.ts";
import type { AskedBy } from "./messages.ts";

/** The facts of a chapter, as a walk along its decisions saw them. */
export type ChapterFacts = {
  /** Whether the chapter's ticket or retry exists. */
  readonly opened: boolean;
  /** The last attempt that was asked for, by whom, and the facts of it. */
  readonly last: {
    readonly iter_n: number;
    readonly attempt: number;
    readonly by: AskedBy;
    readonly manifest: Manifest | undefined;
    readonly submission: Submission | undefined;
    readonly decision: DecisionFact | undefined;
  };
  readonly outcome: boolean;
};

export type Frontier =
  /**
   * A marker without a ticket: its handler died between the two writes, or the ticket is still to
   * come.
   */
  | { readonly kind: "orphan" }
  /** An attempt was asked for, and is not submitted yet. */
  | { readonly kind: "turn"; readonly by: AskedBy }
  /** A Databricks run must be looked at. */
  | { readonly kind: "watch"; readonly submission: Exclude<Submission, { refused: unknown }> }
  /** An attempt is over, or never ran, and must be judged or followed. */
  | { readonly kind: "ended" }
  /** An outcome must be recorded and announced. */
  | { readonly kind: "record" };

export function frontierOf({ opened, last, outcome }: ChapterFacts): Frontier {
  if (outcome) return { kind: "record" };
  if (!opened) return { kind: "orphan" };
  // A decision that asks for more is never the end of the walk: the walk goes on to the attempt
  // that it asks for.
  if (last.decision !== undefined) return { kind: "ended" };
  if (last.manifest !== undefined && isStopped(last.manifest)) return { kind: "ended" };
  if (last.manifest === undefined || last.submission === undefined)
    return { kind: "turn", by: last.by };
  return isRefused(last.submission)
    ? { kind: "ended" }
    : { kind: "watch", submission: last.submission };
}
