// Turns the text of a result into evidence. The code that wrote it is not trusted.
import { faultsOf, messageOf, strictJson, utf8Bytes } from "./body.ts";
import { Result, resultLimits } from "./contract.ts";
import { oneLine } from "./text.ts";
import { msOf } from "./time.ts";

export type ResultReading =
  /** `text` is the judged text, exactly as it came. */
  | { readonly kind: "valid"; readonly result: Result; readonly text: string }
  | { readonly kind: "absent" }
  /**
   * There is a file, but it is no result of this attempt: torn, too large, of another attempt, or
   * against the contract.
   */
  | { readonly kind: "invalid"; readonly reason: string };

/** The identity that the manifest expects of the result. */
export type Expected = {
  readonly run_id: string;
  readonly iter_n: number;
  readonly attempt: number;
  readonly manifest_sha256: string;
};

const DEPTH_MAX = 64;

/** Reads a result. Total: every text is a valid result or has a reason why not. */
export function resultOf(text: string, expected: Expected): ResultReading {
  const bytes = utf8Bytes(text);
  if (bytes > resultLimits.resultBytesMax) return tooLarge(bytes);
  let value: unknown;
  try {
    value = strictJson("result.json", text, DEPTH_MAX);
  } catch (error) {
    return { kind: "invalid", reason: messageOf(error) };
  }
  const parsed = Result.safeParse(value);
  if (!parsed.success)
    return {
      kind: "invalid",
      reason: oneLine(`result.json is not as the contract has it: ${faultsOf(parsed.error)}`),
    };
  const fault = notOurs(parsed.data, expected) ?? beyondLimits(parsed.data);
  return fault === undefined
    ? { kind: "valid", result: parsed.data, text }
    : { kind: "invalid", reason: fault };
}

export const tooLarge = (bytes: number): ResultReading => ({
  kind: "invalid",
  reason: `result.json has ${bytes} bytes, at most ${resultLimits.resultBytesMax} are read`,
});

function notOurs(result: Result, expected: Expected): string | undefined {
  for (const key of ["run_id", "iter_n", "attempt", "manifest_sha256"] as const)
    if (result[key] !== expected[key])
      return `result.json belongs to another attempt: its ${key} is ${oneLine(String(result[key]), 100)}, expected ${expected[key]}`;
  return undefined;
}

/** The tables and files that an attempt may report. */
export type Permitted = { readonly scratchpad: string; readonly writes: readonly string[] };

/**
 * A result that names more than its plan permits is invalid. The executor refuses such reports, so
 * it has not written this one. Otherwise a forged result could name other people's tables and files
 * to the ledger, and to the readers of an outcome.
 */
export function withinPlan(reading: ResultReading, permitted: Permitted): ResultReading {
  const reason = reading.kind === "valid" ? beyondPlan(reading.result, permitted) : undefined;
  return reason === undefined ? reading : { kind: "invalid", reason };
}

function beyondPlan(result: Result, { scratchpad, writes }: Permitted): string | undefined {
  const table = result.produced_tables.find((name) => !writes.includes(name));
  if (table !== undefined)
    return `result.json names the table ${oneLine(table, 100)}, which its plan does not let it write`;
  // A path of the contract has no .. in it.
  const outside = result.produced_artifacts.find(({ path }) => !path.startsWith(`${scratchpad}/`));
  if (outside !== undefined)
    return `result.json names the artifact ${oneLine(outside.path, 200)}, which is not below its scratchpad ${scratchpad}`;
  return undefined;
}

function beyondLimits(result: Result): string | undefined {
  if (msOf(result.ended_at) < msOf(result.started_at))
    return "result.json ends before it starts: its ended_at is earlier than its started_at";
  const baselines = Object.values(result.baselines ?? {});
  if (baselines.length > resultLimits.baselinesMax)
    return `result.json has more than ${resultLimits.baselinesMax} baselines`;
  for (const measures of [result, ...baselines])
    for (const key of ["metrics", "failed_metrics", "samples"] as const)
      if (Object.keys(measures?.[key] ?? {}).length > resultLimits.metricsMax)
        return `result.json has more than ${resultLimits.metricsMax} ${key.replace("_", " ")}`;
  if (utf8Bytes(JSON.stringify(result.capsule)) > resultLimits.capsuleBytesMax)
    return `the capsule in result.json has more than ${resultLimits.capsuleBytesMax} bytes`;
  if (utf8Bytes(JSON.stringify(result.output)) > resultLimits.outputBytesMax)
    return `the output in result.json has more than ${resultLimits.outputBytesMax} bytes`;
  return undefined;
}
