// The machine's own parts: time, randomness, digests, and the standard output.
import { createHash, createHmac, randomBytes, randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { inflateSync } from "node:zlib";
import { metricsOf } from "../domain/metrics.ts";
import { createLog } from "../log.ts";
import type { ClockPort, DigestPort, InflatePort, LogPort, RandomPort } from "../ports.ts";

export const systemClock: ClockPort = {
  clock: {
    nowMs: () => Date.now(),
    sleep: (ms) => sleep(ms),
    timer: (ms, ring) => {
      const timeout = setTimeout(ring, ms);
      return () => clearTimeout(timeout);
    },
  },
};

export const systemDigest: DigestPort = {
  sha256: (content) => createHash("sha256").update(content).digest("hex"),
  hmacSha256: (keyHex, text) =>
    createHmac("sha256", Buffer.from(keyHex, "hex")).update(text).digest("hex"),
};

export const systemSecrets: RandomPort = {
  randomHex: (bytes) => randomBytes(bytes).toString("hex"),
};

export const systemInflate: InflatePort = {
  inflate: (packed, bytesMax) => {
    try {
      return inflateSync(packed, { maxOutputLength: bytesMax });
    } catch {
      return undefined; // torn, no zlib stream, or larger than it may be
    }
  },
};

/** 0 ≤ random() < 1 */
export const systemRandom = (): number => randomInt(2 ** 32) / 2 ** 32;

/**
 * Writes one JSON object a line on standard output. Lambda collects it, and CloudWatch counts what
 * `metrics.ts` names.
 */
export const createStdoutLog = (service: string, stack: string): LogPort => ({
  log: createLog(
    service,
    systemClock.clock.nowMs,
    (line) => process.stdout.write(`${line}\n`),
    (event, fields, nowMs) => metricsOf(event, fields, stack, nowMs),
  ),
});
