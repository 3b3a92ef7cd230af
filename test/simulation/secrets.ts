// Seeds of tickets must never leave the facts volume. And the tokens leave by one request
// alone: the tokens that are made of them.
import { sha256Of } from "./digest.ts";

export type Secrets = {
  readonly randomHex: (bytes: number) => string;
  /** A token goes into its request, and nowhere else. */
  readonly keep: (token: string) => void;
  /** Looks for all of them in a text, or in the values of an object. */
  readonly look: (where: string, what: string | object | undefined) => void;
  readonly all: () => readonly string[];
};

export function createSecrets(
  seed: number,
  violate: (what: string, detail: string) => void,
): Secrets {
  const known: string[] = [];
  let drawn = 0;
  const lookIn = (where: string, text: string): void => {
    if (text.length >= LEAST && known.some((secret) => text.includes(secret)))
      violate("a secret leaked", where);
  };
  return {
    all: () => known,
    randomHex: (bytes) => {
      const hex = sha256Of(`random ${seed} ${drawn++}`).slice(0, 2 * bytes);
      known.push(hex);
      return hex;
    },
    keep: (token) => {
      if (!known.includes(token)) known.push(token);
    },
    look: (where, what) => {
      if (typeof what === "string") return lookIn(where, what);
      for (const value of Object.values(what ?? {}))
        lookIn(where, value instanceof Error ? value.message : String(value));
    },
  };
}

/** All of them are as long. */
const LEAST = 64;
