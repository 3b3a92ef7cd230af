// Combines a ticket and a recipe into what may happen. A ticket carries data, the recipe carries
// power: a ticket may only lower limits.

import type { Limits } from "./contract.ts";
import { PoisonMessageError } from "./errors.ts";
import type { Ticket } from "./messages.ts";

type Wanted = { readonly [K in keyof Limits]?: Limits[K] | undefined };

/**
 * The recipe's limits, lowered by a ticket or set again by a person's retry.
 * @throws PoisonMessageError if one would be raised
 */
export function limitsWithin(upper: Limits, wanted: Wanted, current = upper): Limits {
  const limits = { ...current };
  for (const key of ["iterations", "attempts", "timeout_seconds", "queue_seconds"] as const) {
    const value = wanted[key];
    if (value === undefined) continue;
    if (value > upper[key])
      throw new PoisonMessageError(
        `limits.${key} is ${value}, but the recipe allows at most ${upper[key]}: lower it, or change the recipe`,
      );
    limits[key] = value;
  }
  return limits;
}

/**
 * Whether two tickets ask for the same. Their content decides, whatever the order of keys, and
 * however often they have waited.
 */
export const sameTicket = (a: Ticket, b: Ticket): boolean =>
  sameJson({ ...a, tries: 0 }, { ...b, tries: 0 });

type Keyed = { readonly [key: string]: unknown };
const isKeyed = (value: unknown): value is Keyed => typeof value === "object" && value !== null;

function sameJson(a: unknown, b: unknown): boolean {
  if (!isKeyed(a) || !isKeyed(b)) return a === b;
  const keys = Object.keys(a);
  return (
    Array.isArray(a) === Array.isArray(b) &&
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && sameJson(a[key], b[key]))
  );
}

/**
 * `nightly-report-20261121T0600Z`: the scheduled time is part of the id, so that a double tick is
 * one run.
 */
export const scheduledTicketId = (workload: string, scheduledIso: string): string =>
  `${workload}-${scheduledIso.replace(/[-:]/g, "").slice(0, 13)}Z`;
