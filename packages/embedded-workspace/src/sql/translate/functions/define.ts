// How a function is described: what its arguments are taken as, what it gives, how DuckDB computes it.
import {
  BIGINT,
  BOOLEAN,
  DATE,
  DOUBLE,
  INT,
  type SqlType,
  STRING,
  TIMESTAMP,
} from "../../types.ts";
import { implicitly } from "../casts.ts";
import type { Env, Typed } from "../typed.ts";

/** A function of values: its arguments are translated before. */
export type Scalar = {
  readonly min: number;
  readonly max: number;
  readonly build: (args: readonly Typed[], env: Env) => Typed;
};

const KINDS: Readonly<Record<string, SqlType>> = {
  S: STRING,
  I: INT,
  L: BIGINT,
  D: DOUBLE,
  B: BOOLEAN,
  T: TIMESTAMP,
  d: DATE,
  Y: { kind: "BINARY" },
};

/**
 * `params`: a letter each (S string, I int, L bigint, D double, B boolean, T timestamp, d date, Y binary), `?` before the optional
 * ones, `*` after the last when it repeats. NULL in gives NULL out unless DuckDB's function says otherwise.
 */
export function plain(params: string, type: SqlType, sql: (...args: string[]) => string): Scalar {
  const letters = params.replace(/[?*]/g, "");
  const min = params.includes("?") ? params.indexOf("?") : letters.length;
  return {
    min,
    max: params.endsWith("*") ? Number.POSITIVE_INFINITY : letters.length,
    build: (args) => ({
      sql: sql(
        ...args.map(
          (arg, index) =>
            implicitly(
              arg,
              KINDS[letters.charAt(Math.min(index, letters.length - 1))] ?? STRING,
              "argument",
            ).sql,
        ),
      ),
      type,
    }),
  };
}

/** A function whose result's type depends on its arguments. */
export function typed(min: number, max: number, build: Scalar["build"]): Scalar {
  return { min, max, build };
}
