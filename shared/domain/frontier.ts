// Where the facts of an open chapter end, and so which message comes next
// (docs/architecture.md#the-sweep).
import type { DecisionFact, Manifest, Submission } from "./facts.ts";
import { isRefused, isStopped } from "./facts.ts";
import type { AskedBy } from "./messages.ts";

/** What is there of a chapter, as far as a walk along its decisions saw it. */
export type ChapterFacts = {
  /** Whether its ticket or retry exists. */
  readonly opened: boolean;
  /** The last attempt that was asked for, by whom, and what exists of it. */
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
  /** A marker without a ticket: somebody died between the two, or the ticket is still to come. */
  | { readonly kind: "orphan" }
  /** Somebody asked for an attempt, and it is not submitted yet. */
  | { readonly kind: "turn"; readonly by: AskedBy }
  /** A Databricks run to be looked at. */
  | { readonly kind: "watch"; readonly submission: Exclude<Submission, { refused: unknown }> }
  /** An attempt that is over, or never ran, and is to be judged or followed. */
  | { readonly kind: "ended" }
  /** An outcome that is to be recorded and announced. */
  | { readonly kind: "record" };

export function frontierOf({ opened, last, outcome }: ChapterFacts): Frontier {
  if (outcome) return { kind: "record" };
  if (!opened) return { kind: "orphan" };
  // A decision that asks for more is never the end of the walk: the attempt that it asks for is.
  if (last.decision !== undefined) return { kind: "ended" };
  if (last.manifest !== undefined && isStopped(last.manifest)) return { kind: "ended" };
  if (last.manifest === undefined || last.submission === undefined)
    return { kind: "turn", by: last.by };
  return isRefused(last.submission)
    ? { kind: "ended" }
    : { kind: "watch", submission: last.submission };
}
