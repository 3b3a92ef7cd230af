// What a run is looked at, and how late its end is seen: of a known workload, an unknown one, and
// by what others do. Computed, not measured: the same on every machine. `node test/bench/pace.ts`
// prints the table of docs/pace.md.
import {
  type Family,
  families,
  knownBy,
  others,
  ours,
  type Schedule,
  type Seen,
  seenBy,
} from "../support/looks.ts";
import type { Figure } from "./figure.ts";

const DURATIONS = [10, 60, 300, 3_600, 21_600] as const;
const spread = (D: number) => (draw: () => number) => families["σ 0.1"](draw, D);

const rows: readonly { readonly what: string; readonly of: (D: number) => Seen }[] = [
  ...(Object.keys(families) as Family[]).map((family) => ({
    what: `known, 20 runs, ${family}`,
    of: (D: number) => knownBy(20, family, D),
  })),
  { what: "known, 3 runs, σ 0.2", of: (D) => knownBy(3, "σ 0.2", D) },
  { what: "unknown", of: (D) => seenBy(() => ours({}), spread(D)) },
  ...Object.entries(others).map(([what, schedule]) => ({
    what,
    of: (D: number) => seenBy((): Schedule => schedule(), spread(D)),
  })),
];

/** Rows of Markdown: looks / mean lag / p95 (product). */
export function paceTable(): readonly string[] {
  const number = (value: number): string =>
    value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(2)));
  const cell = ({ looks, lagMean, lagP95, product }: Seen): string =>
    `${number(looks)} / ${number(lagMean)} / ${number(lagP95)} (${product.toFixed(2)})`;
  return [
    `| looks / mean lag in s / p95 (product) | ${DURATIONS.map(said).join(" | ")} |`,
    `| --- |${DURATIONS.map(() => " --- |").join("")}`,
    ...rows.map(({ what, of }) => `| ${what} | ${DURATIONS.map((D) => cell(of(D))).join(" | ")} |`),
  ];
}

const said = (D: number): string =>
  D < 60 ? `${D} s` : D < 3_600 ? `${D / 60} min` : `${D / 3_600} h`;

/**
 * How far the looks of a known workload are from the optimum that knows its distribution, at 300 s.
 */
const GOALS = {
  "σ 0.1": { lag: 4, product: 0.35 },
  "σ 0.2": { lag: 5, product: 0.55 },
  "σ 0.35": { lag: 7, product: 0.85 },
  bimodal: { lag: 4, product: 0.5 },
} as const satisfies Record<Family, { readonly lag: number; readonly product: number }>;

export function measurePace(): readonly Figure[] {
  const known = (Object.keys(families) as Family[]).flatMap((family): Figure[] => {
    const { lagMean, product } = knownBy(20, family, 300);
    return [
      {
        what: `lag of 300 s runs, known, ${family}`,
        value: lagMean,
        unit: "s",
        budget: { atMost: GOALS[family].lag },
      },
      {
        what: "lag × looks ÷ half the duration",
        value: product,
        unit: "",
        budget: { atMost: GOALS[family].product },
      },
    ];
  });
  const unknown = ([60, 300, 3_600] as const).flatMap((D): Figure[] => {
    const { lagMean, product } = seenBy(() => ours({}), spread(D));
    return [
      {
        what: `lag of ${D} s runs, unknown`,
        value: lagMean,
        unit: "s",
        budget: { atMost: Math.max(3, 0.01 * D) },
      },
      {
        what: "lag × looks ÷ half the duration",
        value: product,
        unit: "",
        budget: { atMost: D > 600 ? 2 : 1.1 },
      },
    ];
  });
  return [...known, ...unknown];
}

if (import.meta.main) for (const line of paceTable()) console.log(line);
