// From the bytes at result.json to evidence. The code that wrote them is not trusted.
import { faultsOf, messageOf, refuseWhatDoesNotSurvive, utf8Bytes } from "./body.ts";
import { Result, resultLimits } from "./contract.ts";
import { shapeOf } from "./json-shape.ts";

export type ResultReading =
  | { readonly kind: "valid"; readonly result: Result }
  | { readonly kind: "absent" }
  /** It is there, and it is no result of this attempt: torn, too large, somebody else's, against the contract. */
  | { readonly kind: "invalid"; readonly reason: string };

/** What the manifest says the result must be of. */
export type Expected = {
  readonly run_id: string;
  readonly iter_n: number;
  readonly attempt: number;
  readonly manifest_sha256: string;
};

const DEPTH_MAX = 64;
const HALF_A_PAIR = /\\u[dD][89a-fA-F]/;

/** Reads a result. Total: every text is a valid result or has a reason why not. */
export function resultOf(text: string, expected: Expected): ResultReading {
  const bytes = utf8Bytes(text);
  if (bytes > resultLimits.resultBytesMax) return tooLarge(bytes);
  if (shapeOf(text).depth > DEPTH_MAX)
    return { kind: "invalid", reason: `result.json nests deeper than ${DEPTH_MAX} levels` };
  let value: unknown;
  try {
    // Half a surrogate pair can hide in an escape only, and no table would take it.
    value = HALF_A_PAIR.test(text) ? JSON.parse(text, refuseWhatDoesNotSurvive) : JSON.parse(text);
  } catch (error) {
    return { kind: "invalid", reason: `result.json is not JSON: ${messageOf(error)}` };
  }
  const parsed = Result.safeParse(value);
  if (!parsed.success)
    return {
      kind: "invalid",
      reason: `result.json is not as the contract has it: ${faultsOf(parsed.error)}`,
    };
  const fault = notOurs(parsed.data, expected) ?? beyondLimits(parsed.data);
  return fault === undefined
    ? { kind: "valid", result: parsed.data }
    : { kind: "invalid", reason: fault };
}

export const tooLarge = (bytes: number): ResultReading => ({
  kind: "invalid",
  reason: `result.json has ${bytes} bytes, at most ${resultLimits.resultBytesMax} are read`,
});

function notOurs(result: Result, expected: Expected): string | undefined {
  for (const key of ["run_id", "iter_n", "attempt", "manifest_sha256"] as const)
    if (result[key] !== expected[key])
      return `result.json belongs to another attempt: its ${key} is ${result[key]}, expected ${expected[key]}`;
  return undefined;
}

function beyondLimits(result: Result): string | undefined {
  if (Object.keys(result.metrics).length > resultLimits.metricsMax)
    return `result.json has more than ${resultLimits.metricsMax} metrics`;
  if (utf8Bytes(JSON.stringify(result.capsule)) > resultLimits.capsuleBytesMax)
    return `the capsule in result.json has more than ${resultLimits.capsuleBytesMax} bytes`;
  if (utf8Bytes(JSON.stringify(result.output)) > resultLimits.outputBytesMax)
    return `the output in result.json has more than ${resultLimits.outputBytesMax} bytes`;
  return undefined;
}
