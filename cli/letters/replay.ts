// Replays the letters that fit, or says what that would do and cost.
import { inTurns } from "../frame/in-turns.ts";
import { paceOf } from "../frame/pace.ts";
import { lengthOf, plural } from "../frame/words.ts";
import type { Io } from "../usage.ts";
import { replayTen } from "./act.ts";
import { type Change, changed, editedByHand } from "./edit.ts";
import type { Filter } from "./filter.ts";
import type { DeadLetter } from "./held.ts";
import { type Judged, type Judges, judge } from "./judge.ts";
import type { Opened } from "./options.ts";
import { LINES_MAX, nameOf } from "./shown.ts";
import { type Visited, visit } from "./visit.ts";

export type Replaying = Opened & {
  readonly filter: Filter;
  readonly limit: number;
  readonly judges: Judges;
  readonly changes: readonly Change[];
  /** False: only says what would happen. */
  readonly acts: boolean;
  readonly edits: boolean;
  readonly forces: boolean;
  readonly rate: number | undefined;
};

/** So many are judged by facts, which takes a while. */
const BY_FACTS_MAX = 1_000;

type Sum = { count: number; attempts: number; seconds: number };

export async function replayLetters(
  options: Replaying,
  io: Io,
): Promise<{ readonly visited: Visited; readonly staying: number }> {
  const { queues, dlqs, filter, limit, acts, rate } = options;
  const sums = new Map<string, Sum>();
  const wait = paceOf(rate);
  let [judged, staying] = [0, 0];
  const onLetters = async (letters: readonly DeadLetter[]): Promise<Iterable<string>> => {
    const answers = await judgeAll(letters, options, judged, io);
    const meant = answers.flatMap(({ letter, send }) => (send ? [{ letter, send }] : []));
    await wait(acts ? meant.length : 0);
    const gone = acts ? await replayTen(queues, meant) : new Set<string>();
    for (const answer of answers) {
      const isDone = gone.has(answer.letter.messageId);
      add(sums, answer);
      if (answer.send === undefined || (acts && !isDone)) staying++;
      if (++judged <= LINES_MAX) io.print(lineOf(answer, acts, isDone));
      else if (judged === LINES_MAX + 1) io.print("…");
    }
    return gone;
  };
  const what = acts ? "replaying" : "judging";
  const visited = await visit({ queues, dlqs, filter, limit, what, onLetters }, io);
  if (visited.fitting > 0) for (const line of summaryOf(sums, options, judged)) io.print(line);
  return { visited, staying };
}

/** A letter and what became of it; without a message to send, it stays. */
type Answer = Judged & { readonly letter: DeadLetter };

async function judgeAll(
  letters: readonly DeadLetter[],
  options: Replaying,
  judged: number,
  io: Io,
): Promise<readonly Answer[]> {
  const { judges, forces } = options;
  const used = judged < BY_FACTS_MAX ? judges : { ...judges, storyOf: undefined };
  const bodies = letters.map((letter) => bodyOf(letter, options, io));
  return await inTurns(letters, async (letter, i) => {
    const answer = await judge(letter, bodies[i] ?? letter.body, used);
    return { ...answer, letter, send: isWorthIt(answer, forces) ? answer.send : undefined };
  });
}

const isWorthIt = ({ kind }: Judged, forces: boolean): boolean =>
  kind === "starts" || kind === "goes-on" || (forces && kind !== "never");

function bodyOf(letter: DeadLetter, { changes, edits }: Replaying, io: Io): string {
  const body = changed(letter.body, changes);
  return edits ? editedByHand(body, io.environment) : body;
}

function lineOf({ letter, sentence, send }: Answer, acts: boolean, isDone: boolean): string {
  const word =
    send === undefined ? "stays" : !acts ? "would replay" : isDone ? "replayed" : "sent, and stays";
  return `${word}: ${nameOf(letter)}: ${sentence}`;
}

function add(sums: Map<string, Sum>, { kind: given, cost }: Answer): void {
  // Letters that nobody replays have nothing to do, either.
  const kind = given === "never" ? "in-vain" : given;
  const sum = sums.get(kind) ?? { count: 0, attempts: 0, seconds: 0 };
  sums.set(kind, sum);
  sum.count++;
  sum.attempts = Math.max(sum.attempts, cost?.attempts ?? 0);
  sum.seconds = Math.max(sum.seconds, cost?.seconds ?? 0);
}

/** The effect and the cost: `60 start a run, …; 20 have nothing to do; 80 would come back`. */
function summaryOf(
  sums: ReadonlyMap<string, Sum>,
  { acts, judges, forces }: Replaying,
  judged: number,
): readonly string[] {
  const of = (kind: string) => sums.get(kind) ?? { count: 0, attempts: 0, seconds: 0 };
  const starts = of("starts");
  const say = (count: number, one: string, more: string) =>
    count === 0 ? [] : [`${count} ${count === 1 ? one : more}`];
  const parts = [
    ...say(
      starts.count,
      `starts a run: at most ${plural(starts.attempts, "attempt")} of ${lengthOf(starts.seconds)} in each iteration`,
      `start a run: each at most ${plural(starts.attempts, "attempt")} of ${lengthOf(starts.seconds)} in each iteration`,
    ),
    ...say(of("goes-on").count, "goes on where it was", "go on where they were"),
    ...say(of("in-vain").count, "has nothing to do", "have nothing to do"),
    ...say(of("returns").count, "would come straight back", "would come straight back"),
  ];
  const unread =
    judges.storyOf === undefined || judged > BY_FACTS_MAX
      ? [
          `judged by the facts: ${judges.storyOf === undefined ? "none" : `the first ${BY_FACTS_MAX}`}; the others by messages and recipes`,
        ]
      : [];
  const ask = acts
    ? []
    : [
        `nothing was changed; say the same with --yes to do it${forces ? "" : " (what stays, stays)"}`,
      ];
  return [`${parts.join("; ")}`, ...unread, ...ask];
}
