// How far a run says it is: what anybody may have written is shown in one bounded line, or not at
// all.
import { expect, test } from "vitest";
import { progressOfRun, progressSentence } from "../../cli/run/progress-of.ts";
import type { VolumeFiles } from "../../shared/adapters/volume-files.ts";
import { decision, manifest } from "../domain/examples.ts";

const beat_at = "2026-11-21T06:00:00.000Z";
const nowMs = Date.parse(beat_at) + 3_000;
const key = { run_id: "ORD-1", iter_n: 1, attempt: 1 };

const filesWith = (text: string | undefined): VolumeFiles =>
  ({
    read: async (path: string, bytesMax: number) => {
      expect(path).toBe(`${manifest.scratchpad}/progress.json`);
      if (text === undefined) return { kind: "absent" };
      const content = Buffer.from(text);
      return content.length > bytesMax
        ? { kind: "too-large", bytes: content.length }
        : { kind: "found", content };
    },
  }) as unknown as VolumeFiles;

test.each([
  {
    given: { fraction: 0.4, text: "page 4 of 10" },
    says: "40 %, page 4 of 10 (sign of life 3 s ago)",
  },
  { given: { fraction: null, text: null }, says: "(sign of life 3 s ago)" },
  { given: { fraction: 1, text: "a\u001b[2J\nb" }, says: "100 %, a [2J b (sign of life 3 s ago)" },
])("$given: $says", async ({ given, says }) => {
  const files = filesWith(JSON.stringify({ v: 1, ...given, beat_at }));
  const progress = await progressOfRun(files, { attempts: [{ ...key, manifest }] });
  expect(progress && progressSentence(progress, nowMs)).toBe(says);
});

test.each([
  { given: "no file", text: undefined },
  { given: "no JSON", text: "{" },
  { given: "a fraction above 1", text: JSON.stringify({ fraction: 2, text: null, beat_at }) },
  { given: "no time", text: JSON.stringify({ fraction: 0, text: null, beat_at: "soon" }) },
  { given: "too much", text: JSON.stringify({ fraction: 0, text: "x".repeat(5_000), beat_at }) },
])("$given says nothing", async ({ text }) => {
  expect(
    await progressOfRun(filesWith(text), { attempts: [{ ...key, manifest }] }),
  ).toBeUndefined();
});

test("an attempt that is decided is not asked any more", async () => {
  const attempts = [{ ...key, manifest, decision }];
  expect(await progressOfRun(filesWith("{"), { attempts })).toBeUndefined();
});
