// The seeds of tickets lie in ticket.json, and nowhere else; the tokens that are made of them go
// into their requests, and nowhere else.
import type { LivenessDeps } from "./liveness-deps.ts";

/** Every text that has left: whatever anybody but the controllers may come to read. */
export function checkLeaks({
  secrets,
  sqs,
  files,
  ledger,
  bus,
  databricks,
  violate,
}: LivenessDeps): void {
  const texts: Readonly<Record<string, Iterable<string>>> = {
    messages: sqs.archive.map(
      ({ body, sentBy = "", traceparent = "" }) => body + sentBy + traceparent,
    ),
    "dead letters": sqs.everLettered.map(
      ({ body, reason, firstBy = "" }) => body + reason + firstBy,
    ),
    facts: [...files.all()].filter(({ ref }) => ref.kind !== "ticket").map(({ text }) => text),
    plans: [...files.plans.all()].map(([path, content]) => path + Buffer.from(content).toString()),
    "the ledger": [ledger.runState, ledger.requests, ledger.results, ledger.telemetry].flatMap(
      (table: ReadonlyMap<string, unknown>) =>
        [...table.values()].map((row) => JSON.stringify(row)),
    ),
    events: [...[...bus.announced.values()].flat(), ...bus.rejected].map((e) => JSON.stringify(e)),
    runs: databricks.everybodys.map(({ name, payload }) => name + payload),
  };
  for (const [where, some] of Object.entries(texts)) secrets.look(where, [...some].join("\n"));
  for (const seed of secrets.all())
    if (!/^[0-9a-f]{64}$/.test(seed)) violate("a secret is not 32 random bytes", seed);
}
