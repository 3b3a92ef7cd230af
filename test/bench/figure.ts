// A figure, its budget, and what was measured beside it. Pure.

export type Figure = {
  readonly what: string;
  /** The median, where it was measured several times. */
  readonly value: number;
  /** The best of several times: what the machine can do when nobody else wants it. */
  readonly best?: number;
  /** `ms`, `s`, `kB`, `a second`, or what is counted. */
  readonly unit: string;
  /** A time or a count is at most so much, a rate at least. Absent: nobody promised anything. */
  readonly budget?: { readonly atMost: number } | { readonly atLeast: number };
  /**
   * Something plain, measured in turns with it on the same machine: their ratio outlives the
   * machine's speed.
   */
  readonly beside?: { readonly what: string; readonly value: number };
};

export const columns = ["figure", "measured", "best", "budget", "used", "", "beside it"] as const;

/** Cells by column, for a table. */
export const cellsOf = (figure: Figure): Readonly<Record<(typeof columns)[number], string>> => ({
  figure: figure.what,
  measured: quantity(figure.value, figure.unit),
  best: figure.best === undefined ? "-" : plain(figure.best),
  budget: budgetText(figure),
  used: figure.budget === undefined ? "-" : `${Math.round(100 * shareOf(figure, figure.budget))} %`,
  "": figure.budget === undefined ? "" : isOver(figure) ? "over" : "kept",
  "beside it": besideText(figure),
});

/**
 * Whether it is beyond its budget; never where there is none. What could not be measured keeps no
 * budget.
 */
export const isOver = (figure: Figure): boolean =>
  figure.budget !== undefined && !(shareOf(figure, figure.budget) <= 1);

/** A median with the best of what it was made of, for a figure. @throws Error for an empty list */
export const ofTimes = (values: readonly number[]): Pick<Figure, "value" | "best"> => ({
  value: median(values),
  best: Math.min(...values),
});
/** The same where more is better. @throws Error for an empty list */
export const ofRates = (values: readonly number[]): Pick<Figure, "value" | "best"> => ({
  value: median(values),
  best: Math.max(...values),
});

/**
 * The middle one, or the mean of the two in the middle. @throws Error for an empty list: nothing
 * was measured
 */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  if (upper === undefined || lower === undefined) throw new Error("a median of nothing");
  return (upper + lower) / 2;
}

/** How much of the budget is used: 1 is all of it, whichever way it is meant. */
const shareOf = ({ value }: Figure, budget: NonNullable<Figure["budget"]>): number =>
  "atMost" in budget ? zeroOr(value, budget.atMost) : budget.atLeast / value;

/** Nothing of a budget of nothing is none of it. */
const zeroOr = (value: number, max: number): number => (value === 0 && max === 0 ? 0 : value / max);

function budgetText({ budget, unit }: Figure): string {
  if (budget === undefined) return "-";
  return "atMost" in budget
    ? `at most ${quantity(budget.atMost, unit)}`
    : `at least ${quantity(budget.atLeast, unit)}`;
}

function besideText({ value, beside }: Figure): string {
  if (beside === undefined) return "";
  return `${beside.what}: ${plain(beside.value)}, so ×${plain(value / beside.value)}`;
}

const quantity = (value: number, unit: string): string => `${plain(value)} ${unit}`;

/** Three digits say enough, and none are lost from a whole number. */
const plain = (value: number): string =>
  Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
