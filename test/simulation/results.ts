// Results of executed code, printed and as result.json: mostly the truth, and
// everything else that untrusted code, a torn write or a mix-up of folders can leave. Whatever is
// no result of this attempt carries a mark, so that the world notices where it was believed.
import { resultLimits } from "../../shared/domain/contract.ts";
import type { FactOf } from "../../shared/domain/facts.ts";
import { isoOf, msOf } from "../../shared/domain/time.ts";
import type { Random } from "./random.ts";

/** Stands in every text that must never be believed. */
export const LIE = "a-lie-that-nobody-may-believe";

type ResultKind =
  | "honest"
  | "of another run"
  | "of another attempt"
  | "of another plan"
  | "torn"
  | "empty"
  | "not a number"
  | "text for a number"
  | "too large"
  | "huge capsule"
  | "too deep"
  | "no contract"
  | "not utf-8"
  | "half-read"
  | "said twice"
  | "over before it began"
  /** Names a table that its plan does not permit. */
  | "beyond its plan"
  /**
   * Of somebody who repaired the run with parameters of their own: valid, and not what was asked
   * for.
   */
  | "of other parameters";

export type ResultTruth = {
  readonly kind: ResultKind;
  readonly status: "SUCCESS" | "FAILED";
  readonly transient: boolean;
  /** What the gate looks at; fickle code says something else each time it is read. */
  readonly error: number;
  /** So does it at this, where it is said at all. */
  readonly rows: number | undefined;
  readonly finished: boolean;
  readonly isFickle: boolean;
  /** From when on it can be read. */
  readonly fromMs: number;
};

const lies = [
  "of another run",
  "of another attempt",
  "of another plan",
  "torn",
  "empty",
  "not a number",
  "text for a number",
  "too large",
  "huge capsule",
  "too deep",
  "no contract",
  "not utf-8",
  "half-read",
  "said twice",
  "over before it began",
  "beyond its plan",
] as const satisfies readonly ResultKind[];

type Written = {
  readonly saysSuccess: number;
  readonly endMs: number;
  readonly lying: number;
  readonly fickle: number;
};

export function drawResult(
  random: Random,
  { saysSuccess, endMs, lying, fickle }: Written,
): ResultTruth {
  return {
    kind: random.chance(lying) ? random.pick(lies) : "honest",
    status: random.chance(saysSuccess) ? "SUCCESS" : "FAILED",
    transient: random.chance(0.4),
    error: random.next(),
    rows: random.chance(0.8) ? 500 : random.pick([undefined, 50]),
    finished: random.chance(0.25),
    isFickle: random.chance(fickle),
    fromMs: endMs + (random.chance(0.3) ? random.between(0, 170_000) : 0),
  };
}

export type Manifested = {
  readonly manifest: Extract<FactOf<"manifest">, { files: unknown }>;
  readonly sha256: string;
};

/**
 * What every object has already, as a key like any other, and numbers that look as if they were
 * none.
 */
export const odd = {
  ...{ toString: 1e-7, valueOf: 1e5, constructor: 1e16, toJSON: 5e-324, hasOwnProperty: 1e22 },
  ...{ exact: 2 ** 53, rounded: 2 ** 60 },
};

/** The bytes of a result, as they are read now. */
export function resultBytes(
  truth: ResultTruth,
  { manifest, sha256 }: Manifested,
  nowMs: number,
): Uint8Array {
  const error = truth.isFickle ? (nowMs % 1_000) / 1_000 : truth.error;
  const failed = truth.status === "FAILED";
  const result = {
    v: 1,
    run_id: manifest.run_id,
    iter_n: manifest.iter_n,
    attempt: manifest.attempt,
    manifest_sha256: sha256,
    status: truth.status,
    started_at: manifest.created_at,
    // The manifest's time is of another clock, and a run may be over at once.
    ended_at: isoOf(Math.max(truth.fromMs, msOf(manifest.created_at))),
    duration_seconds: 12.5,
    error: failed
      ? { type: "ValueError", summary: "it failed", trace: "…", transient: truth.transient }
      : null,
    metrics: { error, ...(truth.rows !== undefined && { rows: truth.rows }), ...odd },
    ...producedBy(manifest),
    output: { ...odd, text: '\\u0041 "\u0001' },
    summary: failed ? "it failed" : "it went well",
    capsule: { ...manifest.capsule, ...odd, [`seen_${manifest.iter_n}`]: manifest.attempt },
    finished: truth.finished ? "converged" : null,
    logs: { stdout: null, stderr: null, stdout_tail: "", stderr_tail: "" },
    traceparent: manifest.traceparent,
  };
  return tampered(truth.kind, result);
}

/** What an attempt says that it made. */
export const producedBy = ({ policy, scratchpad }: Manifested["manifest"]) => ({
  produced_artifacts: [{ path: `${scratchpad}/model.json`, sha256: "1".repeat(64), bytes: 10 }],
  produced_tables: [...policy.writes],
});

type ResultValue = { readonly capsule: object } & Readonly<Record<string, unknown>>;

function tampered(kind: ResultKind, honest: ResultValue): Uint8Array {
  const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
  const lie: ResultValue = { ...honest, summary: LIE, capsule: { ...honest.capsule, [LIE]: 1 } };
  switch (kind) {
    case "honest":
      return bytes(honest);
    case "of another run":
      return bytes({ ...lie, run_id: "somebody-else" });
    case "of another attempt":
      return bytes({ ...lie, attempt: Number(lie["attempt"]) + 1 });
    case "of another plan":
      return bytes({ ...lie, manifest_sha256: "0".repeat(64) });
    case "torn":
      return bytes(lie).subarray(0, 200);
    case "empty":
      return new Uint8Array();
    case "not a number":
      return Buffer.from(
        JSON.stringify(lie).replace(/"metrics":\{.*?\}/, '"metrics":{"error":NaN}'),
      );
    case "text for a number":
      return bytes({ ...lie, metrics: { error: "0.01" } });
    case "too large":
      return oversized;
    case "huge capsule":
      return bytes({ ...lie, capsule: { [LIE]: hugeText } });
    case "too deep":
      return Buffer.from(JSON.stringify({ ...lie, output: "HERE" }).replace('"HERE"', deepText));
    case "no contract":
      return bytes({ ...lie, extra: true });
    case "half-read":
      // Below any threshold, and beyond what a number can hold.
      return Buffer.from(
        JSON.stringify(lie).replace(
          /"metrics":\{.*?\}/,
          `"metrics":{"error":-${TOO_LONG},"rows":500}`,
        ),
      );
    case "said twice":
      return Buffer.from(
        JSON.stringify({ ...lie, error: null }).replace(
          /"status":"\w+"/,
          '"status":"FAILED","status":"SUCCESS"',
        ),
      );
    case "beyond its plan":
      return bytes({ ...lie, produced_tables: ["prod.finance.ledger"] });
    case "over before it began":
      return bytes({ ...lie, ended_at: isoOf(msOf(String(lie["started_at"])) - 1) });
    case "of other parameters":
      return bytes(lie);
    case "not utf-8":
      return Buffer.concat([bytes(lie), Buffer.from([0xff])]);
  }
}

const TOO_LONG = "9007199254740993";
const oversized = new Uint8Array(resultLimits.resultBytesMax + 1);
const hugeText = "x".repeat(resultLimits.capsuleBytesMax);
const DEEP = 5_000;
const deepText = "[".repeat(DEEP) + "]".repeat(DEEP);
