// What a workspace keeps of itself, beside its state.
import { randomBytes, randomInt } from "node:crypto";
import { type Certificates, issueCertificates } from "./certificates.ts";
import type { Store } from "./store.ts";

/** What must be the same after a restart, so that clients need no new environment. */
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
    adminToken: keep("adminToken", () => randomBytes(16).toString("hex")),
    certificates: (): Certificates =>
      JSON.parse(keep("certificates", () => JSON.stringify(issueCertificates(nowMs)))),
    port: () => Number(facts.get("port") ?? 0),
    rememberPort: (port: number) => facts.put("port", String(port)),
  };
}
