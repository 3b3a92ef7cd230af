// The word that was probably meant.

/** The nearest of the words, if it is near enough to be a slip of the hand. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  const [best] = words
    // As many letters have to come or go. Foreign words may be long, and comparing costs their
    // product.
    .filter((each) => Math.abs(each.length - word.length) <= slipsMax(each))
    .map((each) => ({ each, distance: distanceOf(word.toLowerCase(), each.toLowerCase()) }))
    .filter(({ each, distance }) => distance <= slipsMax(each))
    .toSorted((a, b) => a.distance - b.distance);
  return best?.each;
}

const slipsMax = (word: string): number => Math.max(1, Math.floor(word.length / 3));

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function distanceOf(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const above = rows[i - 1] ?? [];
      const isSame = a[i - 1] === b[j - 1];
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(
        (above[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (above[j - 1] ?? 0) + (isSame ? 0 : 1),
        isSwap ? (rows[i - 2]?.[j - 2] ?? 0) + 1 : Infinity,
      );
    }
    rows.push(row);
  }
  return rows.at(-1)?.at(-1) ?? 0;
}
