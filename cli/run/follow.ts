// Follows a run until it is over: what is new in its facts, look by look.
import { setTimeout as sleep } from "node:timers/promises";
import type { OutcomeFact } from "../../shared/domain/facts.ts";
import type { StageInUse } from "../stage-context.ts";
import type { ExitCode } from "../usage.ts";
import { lastChapter, type RunReader, type RunStory, readRun } from "./read-run.ts";

export type Followed =
  | { readonly kind: "over"; readonly story: RunStory; readonly outcome: OutcomeFact }
  | { readonly kind: "time-is-up"; readonly story: RunStory | undefined }
  | { readonly kind: "interrupted"; readonly story: RunStory | undefined };

/** A workspace's rate limits are shared with the services, so people look less often than that. */
const EVERY_MS = { local: 400, deployed: 4_000 };

export type Following = {
  readonly reader: RunReader;
  readonly stage: StageInUse;
  readonly runId: string;
  /** The chapter whose outcome is waited for; absent: the last one. */
  readonly chapter?: number | undefined;
  readonly timeoutSeconds?: number | undefined;
  readonly signal: AbortSignal;
  /** Called at each look; also while there is no such run yet. */
  readonly onLook: (story: RunStory | undefined) => Promise<void> | void;
};

export async function follow(following: Following): Promise<Followed> {
  const { reader, stage, runId, chapter, timeoutSeconds, signal, onLook } = following;
  const endMs = timeoutSeconds === undefined ? Infinity : Date.now() + timeoutSeconds * 1000;
  const everyMs = stage.local === undefined ? EVERY_MS.deployed : EVERY_MS.local;
  for (;;) {
    const story = await readRun(reader, runId);
    await onLook(story);
    const waitedFor =
      chapter === undefined
        ? story && lastChapter(story)
        : story?.chapters.find((each) => each.chapter === chapter);
    if (story !== undefined && waitedFor?.outcome !== undefined)
      return { kind: "over", story, outcome: waitedFor.outcome };
    if (signal.aborted) return { kind: "interrupted", story };
    if (Date.now() >= endMs) return { kind: "time-is-up", story };
    await sleep(Math.min(everyMs, Math.max(0, endMs - Date.now())), undefined, { signal }).catch(
      () => {},
    );
  }
}

export function exitOf(followed: Followed): ExitCode {
  if (followed.kind === "interrupted") return 130;
  if (followed.kind === "time-is-up") return 4;
  return followed.outcome.outcome === "succeeded" ? 0 : 1;
}
