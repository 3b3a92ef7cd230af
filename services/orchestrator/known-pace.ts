// What is known of how long a workload's attempts take: read beside a submission, so that its watches carry it and nobody else asks.
import { learned, type Paces, pacesIn } from "../../shared/domain/pace.ts";
import type { Recipe } from "../../shared/domain/recipe.ts";
import { isoOf } from "../../shared/domain/time.ts";
import type { ClockPort, HintsPort, SettingsPort } from "../../shared/ports.ts";
import { paceName } from "../../shared/story/hints.ts";

/** A workload of a thousand runs an hour is asked about once in two minutes; so is one that has no hint. */
const REMEMBERED_MS = 120_000;

type Remembered = { readonly atMs: number; readonly paces: Paces | undefined };
/** Of each environment: its own ports, its own memory. */
const remembered = new WeakMap<HintsPort["hints"], Map<string, Remembered>>();

type Deps = HintsPort & ClockPort & SettingsPort;

/** The hint of a workload, else what its recipe expects; undefined where nobody knows. Never fails. */
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
