import { createHash, createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { systemDigest } from "../../shared/adapters/system.ts";
import { generationOf, tokenOf } from "../../shared/domain/seed.ts";

const seed = "5e".repeat(32);
const other = "0d".repeat(32);
const key = { run_id: "ORD-1", iter_n: 1, attempt: 1 };

test("a token is the HMAC of iteration and attempt under the seed, and fits the Jobs API", () => {
  const token = tokenOf(systemDigest, "plane", { seed }, key);
  const expected = createHmac("sha256", Buffer.from(seed, "hex")).update("[1,1]").digest("hex");
  expect(token).toBe(expected);
  expect(token).toHaveLength(64);
});

test("another attempt, iteration or seed has another token; plane and id say nothing of it", () => {
  const tokens = [
    tokenOf(systemDigest, "plane", { seed }, key),
    tokenOf(systemDigest, "plane", { seed }, { ...key, attempt: 2 }),
    tokenOf(systemDigest, "plane", { seed }, { ...key, iter_n: 2 }),
    tokenOf(systemDigest, "plane", { seed }, { ...key, iter_n: 11 }),
    tokenOf(systemDigest, "plane", { seed }, { ...key, attempt: 11 }),
    tokenOf(systemDigest, "plane", { seed: other }, key),
  ];
  expect(new Set(tokens).size).toBe(tokens.length);
  expect(tokenOf(systemDigest, "another", { seed }, { ...key, run_id: "x" })).toBe(tokens[0]);
});

test("a ticket of before keeps the token of before: a second one could start a second run", () => {
  const text = '["plane","ORD-1",1,1]';
  expect(tokenOf(systemDigest, "plane", {}, key)).toBe(
    createHash("sha256").update(text).digest("hex"),
  );
});

test("a generation names the seed, and does not tell it", () => {
  const generation = generationOf(systemDigest, { seed });
  expect(generation).toMatch(/^[0-9a-f]{10}$/);
  expect(generationOf(systemDigest, { seed })).toBe(generation);
  expect(generationOf(systemDigest, { seed: other })).not.toBe(generation);
  expect(seed).not.toContain(generation ?? "");
  expect(generationOf(systemDigest, {})).toBeUndefined();
});
