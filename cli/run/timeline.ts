// The history of a run, in order, in sentences. Pure.
import { isRefused, isStopped, type Outcome, type Verdict } from "../../shared/domain/facts.ts";
import type { Tone } from "../terminal.ts";
import { type AttemptStory, type ChapterStory, chapterOf, type RunStory } from "./read-run.ts";

export type Moment = {
  readonly at: string;
  readonly what:
    | "ticket"
    | "retry"
    | "plan"
    | "submission"
    | "refusal"
    | "look"
    | "stop"
    | "verdict"
    | "gate"
    | "decision"
    | "outcome";
  readonly chapter: number;
  /** `2.1`: iteration and attempt; absent for what concerns a chapter. */
  readonly attempt?: string;
  readonly sentence: string;
  readonly tone?: Tone;
};

export function timelineOf(story: RunStory): readonly Moment[] {
  const moments = [
    ...ticketMoments(story),
    ...story.chapters.flatMap(chapterMoments),
    ...story.attempts.flatMap(attemptMoments),
  ];
  // Moments of the same time stay in the order of cause and effect.
  return moments
    .map((moment, i) => ({ moment, i }))
    .toSorted(
      (a, b) =>
        Date.parse(a.moment.at) - Date.parse(b.moment.at) ||
        order(a.moment) - order(b.moment) ||
        a.i - b.i,
    )
    .map(({ moment }) => moment);
}

const RANK: readonly Moment["what"][] = [
  ...(["ticket", "retry", "stop", "plan", "submission", "refusal", "look"] as const),
  ...(["verdict", "gate", "decision", "outcome"] as const),
];
const order = ({ what }: Moment): number => RANK.indexOf(what);

function ticketMoments({ ticket }: RunStory): readonly Moment[] {
  if (ticket === undefined) return [];
  const parameters = JSON.stringify(ticket.ticket.parameters);
  const by = ticket.by === undefined ? "" : `, sent by ${ticket.by}`;
  const sentence = `ticket for ${ticket.ticket.workload} accepted${by}${parameters === "{}" ? "" : `: ${parameters}`}`;
  return [{ at: ticket.accepted_at, what: "ticket", chapter: 1, sentence }];
}

function chapterMoments({
  chapter,
  retry,
  stop,
  outcome,
  marker,
}: ChapterStory): readonly Moment[] {
  const moments: Moment[] = [];
  if (retry !== undefined)
    moments.push({
      ...{ at: retry.opened_at, what: "retry", chapter },
      sentence: `reopened by ${nameOf(retry)}: ${retry.reason}`,
    });
  if (stop !== undefined)
    moments.push({
      ...{ at: stop.stopped_at, what: "stop", chapter, tone: "warn" },
      sentence: `stop asked for by ${nameOf(stop)}: ${stop.reason}`,
    });
  if (marker?.iter_n !== undefined && outcome === undefined)
    moments.push({
      ...{ at: marker.touched_at, what: "look", chapter },
      attempt: `${marker.iter_n}.${marker.attempt}`,
      sentence:
        marker.heals === 0
          ? "last looked at"
          : `healed by the sweep, ${marker.heals} ${marker.heals === 1 ? "time" : "times"}`,
    });
  if (outcome !== undefined)
    moments.push({
      ...{ at: outcome.ended_at, what: "outcome", chapter, tone: toneOf(outcome.outcome) },
      sentence: `${outcome.outcome}: ${outcome.reason}`,
    });
  return moments;
}

const nameOf = ({
  by,
  first_by,
}: {
  readonly by: string;
  readonly first_by?: string | undefined;
}) => (first_by === undefined ? by : `${by} (first by ${first_by})`);

function attemptMoments(story: AttemptStory): readonly Moment[] {
  const of = { chapter: chapterOf(story), attempt: `${story.iter_n}.${story.attempt}` };
  return [...planMoments(story), ...decisionMoments(story)].map((moment) => ({ ...moment, ...of }));
}

type Bare = Omit<Moment, "chapter" | "attempt">;

function planMoments({ manifest, submission }: AttemptStory): readonly Bare[] {
  const moments: Bare[] = [];
  if (manifest !== undefined)
    moments.push({
      ...{ at: manifest.created_at, what: "plan" },
      sentence: isStopped(manifest)
        ? `nothing will run: ${manifest.unplannable ?? "the chapter was stopped before"}`
        : `planned ${manifest.entry}, try ${manifest.try} of ${manifest.limits.attempts}`,
    });
  if (submission === undefined) return moments;
  if (isRefused(submission))
    moments.push({
      ...{ at: submission.refused_at, what: "refusal", tone: "bad" },
      sentence: `Databricks refused it (${submission.refused.code}): ${submission.refused.message}`,
    });
  else
    moments.push({
      ...{ at: submission.submitted_at, what: "submission" },
      sentence: `${submission.adopted ? "found as" : "submitted as"} Databricks run ${submission.databricks_run_id}, to end by ${submission.deadline}`,
    });
  return moments;
}

function decisionMoments({ decision }: AttemptStory): readonly Bare[] {
  if (decision === undefined) return [];
  const { decided_at: at, verdict, reason, gate, next } = decision;
  const tone: Tone = verdict === "succeeded" ? "good" : "bad";
  const moments: Bare[] = [{ at, what: "verdict", sentence: `${said(verdict)}: ${reason}`, tone }];
  if (gate !== null)
    moments.push({
      ...{ at, what: "gate", tone: gate.passed ? "good" : "warn" },
      sentence: gate.reason,
    });
  if (next.kind !== "outcome")
    moments.push({
      ...{ at, what: "decision" },
      sentence:
        next.kind === "attempt"
          ? `next: attempt ${next.attempt} of iteration ${next.iter_n}`
          : `next: iteration ${next.iter_n}`,
    });
  return moments;
}

const said = (verdict: Verdict): string => verdict.replaceAll("_", " ");

/** Green is what was wanted, red what was not, yellow what a person decided or should look at. */
export const toneOf = (outcome: Outcome | string): Tone => {
  if (outcome === "succeeded") return "good";
  if (["failed", "timed_out", "refused"].includes(outcome)) return "bad";
  return ["blocked", "cancelled", "unknown", "stopping"].includes(outcome) ? "warn" : "strong";
};
