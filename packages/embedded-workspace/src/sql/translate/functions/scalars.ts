// Every function of values that is translated.
import { COLLECTIONS } from "./collections.ts";
import type { Scalar } from "./define.ts";
import { NUMBERS } from "./numbers.ts";
import { OTHERS } from "./others.ts";
import { STRINGS } from "./strings.ts";
import { TIMES } from "./times.ts";

/** By name in upper case. What is neither here nor in FORMS or AGGREGATES is refused with UNRESOLVED_ROUTINE. */
export const SCALARS: Readonly<Record<string, Scalar>> = {
  ...STRINGS,
  ...NUMBERS,
  ...TIMES,
  ...COLLECTIONS,
  ...OTHERS,
};
