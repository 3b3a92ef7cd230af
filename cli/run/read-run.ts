// All that the facts say of one run. A run is one folder, so one listing says which facts exist.
import { messageOf } from "../../shared/domain/body.ts";
import {
  type AttemptKey,
  type DecisionFact,
  type FactKind,
  type FactOf,
  type FactRef,
  factRef,
  isStopped,
  type Manifest,
  type Marker,
  type OutcomeFact,
  type RetryFact,
  runFolder,
  type StopFact,
  type Submission,
  type TicketFact,
} from "../../shared/domain/facts.ts";
import type { FactsPort, MarkersPort } from "../../shared/ports.ts";

export type AttemptStory = AttemptKey & {
  readonly manifest?: Manifest | undefined;
  readonly submission?: Submission | undefined;
  readonly decision?: DecisionFact | undefined;
};

export type ChapterStory = {
  readonly chapter: number;
  readonly retry?: RetryFact | undefined;
  readonly stop?: StopFact | undefined;
  readonly outcome?: OutcomeFact | undefined;
  /** There while the chapter is open, and until its outcome is announced and recorded. */
  readonly marker?: Marker | undefined;
};

export type RunStory = {
  readonly run_id: string;
  readonly ticket?: TicketFact | undefined;
  readonly chapters: readonly ChapterStory[];
  readonly attempts: readonly AttemptStory[];
  /** Facts that are there, and cannot be read: a person has to look. */
  readonly damaged: readonly { readonly path: string; readonly fault: string }[];
  readonly isBeingDeleted: boolean;
};

export type RunReader = FactsPort &
  MarkersPort & {
    /** The names of the files directly in a folder of the facts volume. */
    readonly namesIn: (folder: string) => Promise<readonly string[]>;
  };

const ATTEMPT = /^iter_(\d+)\.attempt_(\d+)\.(?:manifest|submission|decision)\.json$/;
const CHAPTER = /^(?:stop|outcome|retry)_(\d+)\.json$/;

/** @returns undefined if nothing of such a run is there */
export async function readRun(reader: RunReader, run_id: string): Promise<RunStory | undefined> {
  const names = await reader.namesIn(runFolder(run_id));
  const damaged: { path: string; fault: string }[] = [];
  const read = async <K extends FactKind>(ref: FactRef<K>): Promise<FactOf<K> | undefined> => {
    if (!names.includes(ref.path.split("/").at(-1) ?? "")) return undefined;
    try {
      return (await reader.facts.read(ref))?.fact;
    } catch (error) {
      damaged.push({ path: ref.path, fault: messageOf(error) });
      return undefined;
    }
  };
  const ticket = await read(factRef.ticket(run_id));
  const attempts = await Promise.all(
    attemptsIn(run_id, names).map(
      async (key): Promise<AttemptStory> => ({
        ...key,
        manifest: await read(factRef.manifest(key)),
        submission: await read(factRef.submission(key)),
        decision: await read(factRef.decision(key)),
      }),
    ),
  );
  const last = Math.max(1, ...names.map((name) => Number(CHAPTER.exec(name)?.[1] ?? 1)));
  const chapters = await Promise.all(
    Array.from({ length: last }, async (_, i): Promise<ChapterStory> => {
      const key = { run_id, chapter: i + 1 };
      return {
        chapter: key.chapter,
        retry: await read(factRef.retry(key)),
        stop: await read(factRef.stop(key)),
        outcome: await read(factRef.outcome(key)),
        marker: await reader.markers.read(key).catch(() => undefined),
      };
    }),
  );
  const isThere = names.length > 0 || chapters.some(({ marker }) => marker !== undefined);
  const isBeingDeleted = names.some((name) => name.startsWith("retired_"));
  return isThere ? { run_id, ticket, chapters, attempts, damaged, isBeingDeleted } : undefined;
}

function attemptsIn(run_id: string, names: readonly string[]): readonly AttemptKey[] {
  const keys = names.flatMap((name) => {
    const match = ATTEMPT.exec(name);
    return match === null ? [] : [`${Number(match[1])}.${Number(match[2])}`];
  });
  return [...new Set(keys)]
    .map((key) => {
      const [iter_n = 1, attempt = 1] = key.split(".").map(Number);
      return { run_id, iter_n, attempt };
    })
    .toSorted((a, b) => a.iter_n - b.iter_n || a.attempt - b.attempt);
}

/** The last chapter: the run's present, or its end. */
export const lastChapter = ({ chapters }: RunStory): ChapterStory =>
  chapters.at(-1) ?? { chapter: 1 };

/** The chapter to which an attempt belongs, as its facts say. */
export const chapterOf = ({ manifest, submission, decision }: AttemptStory): number =>
  manifest?.chapter ?? submission?.chapter ?? decision?.chapter ?? 1;

/** The folder in which the executor leaves logs and result; undefined while nothing is planned. */
export const scratchpadOf = ({ manifest }: AttemptStory): string | undefined =>
  manifest === undefined || isStopped(manifest) ? undefined : manifest.scratchpad;

/** Where the run stands, in one word: its outcome, or what is going on. */
export function stateOf(story: RunStory): string {
  const { outcome, stop } = lastChapter(story);
  if (outcome !== undefined) return outcome.outcome;
  if (story.isBeingDeleted) return "being deleted";
  if (stop !== undefined) return "stopping";
  const { manifest, submission, decision } = story.attempts.at(-1) ?? {};
  if (decision !== undefined) return "decided";
  if (submission !== undefined) return "refused" in submission ? "refused" : "running";
  return manifest === undefined ? "accepted" : "planned";
}
