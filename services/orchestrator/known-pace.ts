// The known pace of a workload: how long its attempts take. It is read beside a submission, so that
// its watches carry it and no other handler asks.
import { learned, type Paces, paceName, pacesIn } from "../../shared/domain/pace.ts";
import type { Recipe } from "../../shared/domain/recipe.ts";
import { isoOf } from "../../shared/domain/time.ts";
import type { ClockPort, HintsPort, SettingsPort } from "../../shared/ports.ts";

/**
 * A workload with a thousand runs an hour is asked about once in two minutes; so is one without a
 * hint.
 */
const REMEMBERED_MS = 120_000;

type Remembered = { readonly atMs: number; readonly paces: Paces | undefined };
/** By environment: each has its own ports and its own memory. */
const remembered = new WeakMap<HintsPort["hints"], Map<string, Remembered>>();

type Deps = HintsPort & ClockPort & SettingsPort;

/**
 * The hint of a workload, or else the expectation of its recipe; undefined if there is neither.
 * Never fails.
 */
export async function knownPace(
  deps: Deps,
  workload: string,
  { expected }: Pick<Recipe, "expected">,
): Promise<Paces | undefined> {
  return (await hintOf(deps, workload)) ?? (expected && expectedPace(deps, expected.seconds));
}

async function hintOf({ hints, clock }: Deps, workload: string): Promise<Paces | undefined> {
  const memory = remembered.get(hints) ?? new Map<string, Remembered>();
  remembered.set(hints, memory);
  const had = memory.get(workload);
  if (had !== undefined && clock.nowMs() - had.atMs < REMEMBERED_MS) return had.paces;
  const paces = await hints.read(paceName(workload)).then(pacesIn, () => undefined);
  memory.set(workload, { atMs: clock.nowMs(), paces });
  return paces;
}

const expectedPace = ({ clock, settings }: Deps, seconds: number): Paces => ({
  before: {},
  run: learned({}, seconds / settings.timeScale),
  at: isoOf(clock.nowMs()),
});
