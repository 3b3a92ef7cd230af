// How far the executed code of an open attempt says it is. Whoever writes the scratchpad may have
// written it: it is shown, and nothing follows from it.
import * as z from "zod";
import type { VolumeFiles } from "../../shared/adapters/volume-files.ts";
import { jsonOrNothing } from "../../shared/domain/body.ts";
import { oneLine } from "../../shared/domain/text.ts";
import { agoOf } from "../frame/words.ts";
import { type RunStory, scratchpadOf } from "./read-run.ts";

const BYTES_MAX = 4 * 1024;

const Progress = z.object({
  fraction: z.number().min(0).max(1).nullable(),
  text: z.string().nullable(),
  beat_at: z.iso.datetime(),
});
export type Progress = z.infer<typeof Progress>;

/** Undefined if the last attempt is decided, or says nothing. */
export async function progressOfRun(
  files: VolumeFiles,
  { attempts }: Pick<RunStory, "attempts">,
): Promise<Progress | undefined> {
  const last = attempts.at(-1);
  const folder = last === undefined ? undefined : scratchpadOf(last);
  if (folder === undefined || last?.decision !== undefined) return undefined;
  const file = await files.read(`${folder}/progress.json`, BYTES_MAX).catch(() => undefined);
  if (file?.kind !== "found") return undefined;
  return Progress.safeParse(jsonOrNothing(Buffer.from(file.content).toString("utf8"))).data;
}

/** `40 %, page 4 of 10 (sign of life 3 s ago)` */
export function progressSentence({ fraction, text, beat_at }: Progress, nowMs: number): string {
  const parts = [
    ...(fraction === null ? [] : [`${Math.round(fraction * 100)} %`]),
    ...(text === null || text === "" ? [] : [oneLine(text, 200)]),
  ];
  const seconds = Math.max(0, nowMs - Date.parse(beat_at)) / 1000;
  return `${parts.join(", ")}${parts.length > 0 ? " " : ""}(sign of life ${agoOf(seconds)} ago)`;
}
