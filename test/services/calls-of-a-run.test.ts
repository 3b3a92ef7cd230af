// The calls that Databricks gets for a run that is over when it is submitted, by route. The table
// of docs/pace.md is this one.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { acceptTicket } from "../../services/orchestrator/accept.ts";
import { factRef } from "../../shared/domain/facts.ts";
import { result } from "../domain/examples.ts";
import { byUpstream } from "../support/beside.ts";
import { deliver, type Message } from "../support/deliver.ts";
import { blockOf } from "../support/evidence.ts";
import { first, ticketOf } from "../support/facts.ts";
import { createPlane, type Plane } from "../support/plane.ts";
import { endings } from "../support/under-way.ts";

type Call = { readonly service: string; readonly route: string };

/** The route of a call; undefined for a call that Databricks does not get, or not for each run. */
function routeOf(call: string): string | undefined {
  if (/^(send|announce|merge|read plane|read hint|write hint)/.test(call)) return undefined;
  if (call.startsWith("submit")) return "POST runs/submit";
  if (call.startsWith("look at")) return "GET runs/get";
  if (call === "read output") return "GET runs/get-output";
  if (call.startsWith("read")) return `GET ${call.slice(5)}`;
  if (call.startsWith("remove")) return `DELETE ${call.slice(7)}`;
  return `PUT ${call.replace(/^(create|put|write) /, "")}`;
}

/** The second run of an environment: the first one leaves behind what is remembered. */
async function callsOfInstantRun(): Promise<readonly Call[]> {
  const plane = createPlane({ announceAfter: "fact" });
  const others = { ...plane.ports, randomHex: (bytes: number) => "0".repeat(2 * bytes) };
  await acceptTicket(others, ticketOf({ ticket_id: "ORD-0" }), byUpstream);
  plane.forget();
  const before = plane.sent.length;
  plane.meanwhile("look at 1.1", () => endAtOnce(plane));
  const calls: Call[] = [];
  const handle = async (service: string, message: Message) => {
    await deliver(plane.ports, message);
    for (const call of plane.calls()) {
      const route = routeOf(call);
      if (route !== undefined) calls.push({ service, route });
    }
    plane.forget();
  };
  await handle("orchestrator", ticketOf());
  for (let i = before; i < plane.sent.length; i++)
    await handle("ingester", JSON.parse(plane.sent[i]!.body) as Message);
  expect(plane.announced).toMatchObject([{ run_id: "ORD-1", outcome: "succeeded" }]);
  expect(plane.open()).toEqual(["open/ORD-0.1"]);
  return calls;
}

async function endAtOnce(plane: Plane): Promise<void> {
  const run = [...plane.jobs.runs.values()].find(({ runName }) => runName.includes("/ORD-1/"))!;
  const stored = (await plane.facts.read(factRef.manifest(first)))!;
  const whole = { ...result, manifest_sha256: stored.sha256, finished: "done" };
  plane.print(run.databricksRunId, blockOf(JSON.stringify(whole)));
  plane.jobs.end(run.databricksRunId, endings.success);
}

test("an instant run asks Databricks for what the table says, and for nothing else", async () => {
  const calls = await callsOfInstantRun();
  const jobs = calls.filter(({ route }) => route.includes("runs/")).length;
  expect([calls.length - jobs, jobs]).toEqual([14, 4]);
  const rows = calls.map(({ service, route }) => `| ${service} | \`${route}\` |`);
  const docs = readFileSync(new URL("../../docs/pace.md", import.meta.url), "utf8");
  expect(docs).toContain(rows.join("\n"));
});
