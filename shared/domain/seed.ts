// Tokens and generations are made of the seed: 32 random bytes in ticket.json, which only the
// controllers can read.
import type { AttemptKey, TicketFact } from "./facts.ts";

/** Digests in lower-case hex. They are pure, but need the platform's help. */
export type Digests = {
  readonly sha256: (content: string | Uint8Array) => string;
  /** @param keyHex the key, in hex */
  readonly hmacSha256: (keyHex: string, text: string) => string;
};

const GENERATION_CHARS = 10;

/**
 * Names one run among those under one ticket_id. It is public, and differs when the id is used
 * again. Undefined for tickets from before there were seeds, which keep all their names.
 */
export const generationOf = (
  { sha256 }: Pick<Digests, "sha256">,
  { seed }: Pick<TicketFact, "seed">,
): string | undefined =>
  seed === undefined ? undefined : sha256(`generation ${seed}`).slice(0, GENERATION_CHARS);

/**
 * The idempotency token of an attempt, 64 characters. A stranger who cannot read the seed cannot
 * guess it, and so cannot claim it first. The attempt is part of it: a retry never gets the dead
 * run back (airflow#64828). Tickets without a seed keep their old token: a second one could start a
 * second run.
 */
export const tokenOf = (
  { sha256, hmacSha256 }: Digests,
  planeId: string,
  { seed }: Pick<TicketFact, "seed">,
  key: AttemptKey,
): string =>
  seed === undefined
    ? sha256(JSON.stringify([planeId, key.run_id, key.iter_n, key.attempt]))
    : hmacSha256(seed, JSON.stringify([key.iter_n, key.attempt]));
