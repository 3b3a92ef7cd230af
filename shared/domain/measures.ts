// Reads one metric out of what an attempt measured, as little trusting as a gate must be.
import { oneLine } from "./text.ts";

/** The measures of one version. */
export type Measures = {
  readonly metrics: Readonly<Record<string, number>>;
  readonly failed_metrics?: Readonly<Record<string, string>> | undefined;
  readonly samples?: Readonly<Record<string, number>> | undefined;
};

/** An attempt's measures: of its own version, and of others beside it. A result is one. */
export type Measured = Measures & {
  /** By the baseline's name; null: the code says that there is no such version yet. */
  readonly baselines?: Readonly<Record<string, Measures | null>> | undefined;
};

/** A metric as it was found, and the words that say so: "is 2.5", "is missing". */
export type Found = {
  readonly name: string;
  /** Null: there is none that can be trusted. */
  readonly value: number | null;
  readonly samples: number | undefined;
  readonly words: string;
};

/**
 * Reads the first of the names that is there. Two that are there must be equal, and none of them
 * may have failed: whoever renames a metric half must not choose the better half.
 */
export function readMetric(names: readonly [string, ...string[]], measures: Measures): Found {
  const failed = names.find((name) => own(measures.failed_metrics, name) !== undefined);
  if (failed !== undefined) return untrusted(failed, failureIn(measures, failed));
  const there = names.flatMap((name) => {
    const value = own(measures.metrics, name);
    return value === undefined ? [] : [{ name, value }];
  });
  const [first] = there;
  if (first === undefined) return untrusted(names[0], missing(names));
  const { name, value } = first;
  if (!Number.isFinite(value)) return untrusted(name, `is ${value}`);
  const other = there.find((each) => each.value !== value);
  if (other !== undefined)
    return untrusted(name, `is ${value} and ${other.name} is ${other.value}, which differ`);
  const samples = own(measures.samples, name);
  if (samples === 0) return untrusted(name, "was measured on no sample");
  return { name, value, samples, words: `is ${value}` };
}

const missing = ([, ...others]: readonly string[]): string =>
  ["is missing", ...others.map((other) => `and so is ${other}`)].join(", ");

/** A metric that cannot be read, with the reason as words. */
export const untrusted = (name: string, words: string): Found => ({
  ...{ name, value: null, samples: undefined, words },
});

function failureIn({ failed_metrics }: Measures, name: string): string {
  const why = oneLine(own(failed_metrics, name) ?? "", FAILURE_CHARS_MAX);
  return why === "" ? "failed" : `failed (${why})`;
}

/** As much of a failure as a sentence among others can take. */
const FAILURE_CHARS_MAX = 200;

/** Only own keys count: a metric called `constructor` is missing until somebody reports it. */
export const own = <T>(
  record: Readonly<Record<string, T>> | undefined,
  name: string,
): T | undefined =>
  record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
