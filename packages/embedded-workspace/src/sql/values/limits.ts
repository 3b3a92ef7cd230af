// Limits of what one statement may use of this machine; SQL bounds neither texts nor arrays by
// itself.

/** Characters and array elements that a function may make in one batch of rows (2,048). */
const BATCH_SIZE_MAX = 2 ** 25;

/** In the form that `errorOf` (duckdb/errors.ts) reads back. */
export function limitExceeded(text: string): Error {
  return new Error(`[LIMIT_EXCEEDED.EMBEDDED_WORKSPACE|54000] ${text}`);
}

/** Adds up what a batch makes. */
export function createMeter(): (size: number) => void {
  let made = 0;
  return (size) => {
    made += size;
    if (made > BATCH_SIZE_MAX)
      throw limitExceeded(
        `A function would make more than ${BATCH_SIZE_MAX} characters or array elements at a time`,
      );
  };
}

/** Elements of a series with both ends; none where the step leads away. */
export function seriesLength(from: bigint, to: bigint, step: bigint): number {
  if (step === 0n) return 1;
  return Math.max(0, Number((to - from) / step) + 1);
}
