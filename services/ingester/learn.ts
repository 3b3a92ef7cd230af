// The ingester learns how long attempts take. The one that decided on an attempt learns from it, so
// that each attempt counts once. It does not read the hint: the submission's copy is enough, or
// what this environment has learned since. Writers at the same time lose samples, but never spoil
// the hint.
import type { AcceptedSubmission, Verdict } from "../../shared/domain/facts.ts";
import { learned, type Paces, paceName, weightOf } from "../../shared/domain/pace.ts";
import { isoOf, msOf } from "../../shared/domain/time.ts";
import type { ClockPort, HintsPort, RunLook, SettingsPort } from "../../shared/ports.ts";

/**
 * Only attempts that ended by themselves count. One that was cancelled, or ran into its deadline,
 * took as long as somebody let it.
 */
const TELLING: ReadonlySet<Verdict> = new Set(["succeeded", "task_failed", "unreported"]);

/** If many runs of a workload are known already, not each new one need be written. */
const WRITE_EVERY_MS = { new: 60_000, known: 300_000 } as const;
const KNOWN_FROM_RUNS = 5;

type Learned = { readonly paces: Paces; readonly writtenMs: number };
/** By environment: each has its own ports and its own memory. */
const memories = new WeakMap<HintsPort["hints"], Map<string, Learned>>();

/** Never fails: a hint that is not written is only one hint less. */
export async function learnPace(
  { hints, clock, settings }: HintsPort & ClockPort & SettingsPort,
  verdict: Verdict,
  { workload, pace }: Pick<AcceptedSubmission, "workload" | "pace">,
  look: RunLook,
): Promise<void> {
  if (look.kind !== "run" || !TELLING.has(verdict)) return;
  const memory = memories.get(hints) ?? new Map<string, Learned>();
  memories.set(hints, memory);
  const had = memory.get(workload);
  const nowMs = clock.nowMs();
  const paces = withRun(younger(had?.paces, pace), look.run, { nowMs, ...settings });
  if (paces === undefined) return;
  const isKnown = weightOf(paces.run) >= KNOWN_FROM_RUNS;
  const everyMs = WRITE_EVERY_MS[isKnown ? "known" : "new"] * settings.timeScale;
  const writtenMs = had?.writtenMs ?? Number.NEGATIVE_INFINITY;
  const isDue = nowMs - writtenMs >= everyMs;
  memory.set(workload, { paces, writtenMs: isDue ? nowMs : writtenMs });
  if (isDue) await hints.write(paceName(workload), paces).catch(() => {});
}

const younger = (a: Paces | undefined, b: Paces | undefined): Paces | undefined =>
  a !== undefined && (b === undefined || msOf(a.at) >= msOf(b.at)) ? a : b;

/**
 * The pace with one more run, in the time of this plane; undefined if the platform does not say
 * when it began.
 */
function withRun(
  known: Paces | undefined,
  run: Extract<RunLook, { kind: "run" }>["run"],
  { nowMs, timeScale }: { readonly nowMs: number; readonly timeScale: number },
): Paces | undefined {
  const { startedMs, endedMs, ranFromMs, ranMs } = run;
  if (startedMs === undefined || endedMs === undefined) return undefined;
  const seconds = (ms: number): number => ms / 1000 / timeScale;
  const { before, run: ran } = known ?? { before: {}, run: {} };
  const at = isoOf(nowMs);
  // If the platform does not tell waiting from running, the whole life of the run counts.
  if (ranFromMs === undefined || ranMs === undefined)
    return { before, run: learned(ran, seconds(endedMs - startedMs)), at };
  return {
    before: learned(before, seconds(ranFromMs - startedMs)),
    run: learned(ran, seconds(ranMs)),
    at,
  };
}
