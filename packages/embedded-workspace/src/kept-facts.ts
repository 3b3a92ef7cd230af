// The workspace's own facts that it keeps beside its state.
import { randomBytes, randomInt } from "node:crypto";
import { realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf, type Proof, withProof } from "./auth/proofs.ts";
import { type Certificates, issueCertificates } from "./certificates.ts";
import type { Store } from "./store.ts";

/** Facts that stay the same over a restart, so that clients need no new environment. */
export function keptFacts(store: Store, nowMs: number) {
  const facts = store.collection<string>("facts");
  const keep = (name: string, create: () => string): string => {
    const value = facts.get(name) ?? create();
    facts.put(name, value);
    return value;
  };
  const digits = (count: number) =>
    String(randomInt(1, 10)) + Array.from({ length: count - 1 }, () => randomInt(10)).join("");
  return {
    workspaceId: keep("workspaceId", () => digits(16)),
    warehouseId: keep("warehouseId", () => randomBytes(8).toString("hex")),
    tasksFolder: keep("tasksFolder", () =>
      join(realpathSync(tmpdir()), `workspace-tasks-${randomBytes(8).toString("hex")}`),
    ),
    adminTokens: adminTokens(store, nowMs),
    certificates: (): Certificates =>
      JSON.parse(keep("certificates", () => JSON.stringify(issueCertificates(nowMs)))),
    port: () => Number(facts.get("port") ?? 0),
    rememberPort: (port: number) => facts.put("port", String(port)),
  };
}

/**
 * The admin's address carries a token of its own: a new one for each start, and those of earlier
 * starts go on being valid.
 */
function adminTokens(store: Store, nowMs: number) {
  const facts = store.collection<string>("facts");
  const held = store.collection<readonly Proof[]>("admin-tokens");
  const before = facts.get("adminToken"); // a folder of an older workspace has it in clear
  const known = before === undefined ? (held.get("all") ?? []) : withProof([], before, nowMs);
  const token = randomBytes(16).toString("hex");
  const all = withProof(known, token, nowMs);
  held.put("all", all);
  if (facts.delete("adminToken")) store.shred();
  const digests = new Set(all.map(({ sha256 }) => sha256));
  return { token, opens: (given: string): boolean => digests.has(digestOf(given)) };
}
