// Hints: what nobody may rely on. Most say something sensible; while things go wrong some are lost,
// old, of another, or no hint at all.
import { learned, type Pace, type Paces } from "../../shared/domain/pace.ts";
import { isoOf } from "../../shared/domain/time.ts";
import { START } from "./clock.ts";
import type { Random } from "./random.ts";
import type { Weather } from "./weather.ts";

export type Hints = {
  readonly read: (name: string) => unknown;
  readonly write: (name: string, hint: object) => void;
};

export function createHints(random: Random, weather: Weather): Hints {
  const written = new Map<string, unknown>();
  const asked = (name: string): unknown => {
    if (!written.has(name)) written.set(name, random.chance(0.85) ? drawPaces(random) : undefined);
    return written.get(name);
  };
  return {
    read: (name) => {
      if (!weather.isFaulty || random.chance(0.8)) return asked(name);
      return random.pick([
        undefined,
        "torn {",
        { before: {}, run: { "81": 1 }, at: isoOf(START) },
        { before: {}, run: { "0": 40, "80": 40 }, at: "2999-01-01T00:00:00Z" },
        { before: { "40": 40 }, run: { "4": 40 }, at: isoOf(START) },
        drawPaces(random),
      ]);
    },
    write: (name, hint) => {
      if (!weather.isFaulty || random.chance(0.9)) written.set(name, hint);
    },
  };
}

/** As if some runs had gone before. */
function drawPaces(random: Random): Paces {
  const draw = (runs: number, least: number, most: number): Pace => {
    let pace: Pace = {};
    for (let n = 0; n < runs; n++) pace = learned(pace, random.between(least, most));
    return pace;
  };
  return { before: draw(3, 1, 90), run: draw(1 + random.below(8), 30, 1_500), at: isoOf(START) };
}
