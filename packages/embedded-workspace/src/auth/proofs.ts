// The credentials of principals, kept as digests: a reader of a workspace's folder cannot
// become somebody by it.
import { createHash, randomBytes } from "node:crypto";

/** A token or a client secret; what it is is known to whoever was given it. */
export type Proof = {
  readonly sha256: string;
  /** Epoch milliseconds; a folder of an older workspace does not know. */
  readonly createdMs?: number;
};

export type Proofs = { readonly tokens: readonly Proof[]; readonly secrets: readonly Proof[] };

export const digestOf = (secret: string): string =>
  createHash("sha256").update(secret).digest("hex");

export const freshToken = (): string => `dapi${randomBytes(16).toString("hex")}`;
export const freshSecret = (): string => `dose${randomBytes(16).toString("hex")}`;

/**
 * Each start gives out new ones. The first may be in somebody's settings; of the others the newest
 * are.
 */
const KEPT_MAX = 10;

export function withProof(known: readonly Proof[], secret: string, createdMs: number): Proof[] {
  const [first, ...rest] = [...known, { sha256: digestOf(secret), createdMs }];
  return first === undefined ? [] : [first, ...rest.slice(1 - KEPT_MAX)];
}
