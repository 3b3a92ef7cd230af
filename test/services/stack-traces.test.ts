// Where a surprise happened stands in its stack trace by the use case's own name.
import { expect, test } from "vitest";
import { judge } from "../../services/ingester/judge.ts";
import { record } from "../../services/ingester/record.ts";
import { acceptRetry, acceptTicket } from "../../services/orchestrator/accept.ts";
import { cancel } from "../../services/orchestrator/cancel.ts";
import { cancelStrays } from "../../services/orchestrator/cancel-strays.ts";
import { deleteExpired } from "../../services/orchestrator/delete-expired.ts";
import { orchestrate } from "../../services/orchestrator/orchestrate.ts";
import { requeueOrder, requeueTicket, requeueTurn } from "../../services/orchestrator/requeue.ts";
import { sweep } from "../../services/orchestrator/sweep.ts";
import { requeueWatch, watchRun } from "../../services/run-poller/watch-run.ts";
import { Cancellation, endedOf, Retry, recordOf, turnOf } from "../../shared/domain/messages.ts";
import { byAda, byOurs, byUpstream } from "../support/beside.ts";
import type { Ports } from "../support/calls.ts";
import { first, ticketOf } from "../support/facts.ts";
import { createPlane } from "../support/plane.ts";
import { watch } from "../support/under-way.ts";

const order = { run_id: "ORD-1", reason: "r" };
const cancellation = Cancellation.parse({ type: "cancel", ...order });
const retry = Retry.parse({ type: "retry", chapter: 2, ...order });
const turn = turnOf(first, { ticket: true });
const later = { delaySeconds: 1 };

const useCases: Readonly<Record<string, (ports: Ports) => Promise<unknown>>> = {
  acceptTicket: (ports) => acceptTicket(ports, ticketOf(), byUpstream),
  acceptRetry: (ports) => acceptRetry(ports, retry, byAda),
  cancel: (ports) => cancel(ports, cancellation, byAda),
  orchestrate: (ports) => orchestrate(ports, turn),
  sweep: (ports) => sweep(ports),
  cancelStrays: (ports) => cancelStrays(ports, Number.POSITIVE_INFINITY),
  deleteExpired: (ports) => deleteExpired(ports, Number.POSITIVE_INFINITY),
  watchRun: (ports) => watchRun(ports, watch, byOurs),
  judge: (ports) => judge(ports, endedOf(first)),
  // What a record asks for is a function of its own.
  project: async (ports) => record(ports, [{ ...byOurs, message: recordOf(first, "decision") }])[0],
  requeueTurn: (ports) => requeueTurn(ports, turn, later),
  requeueTicket: (ports) => requeueTicket(ports, ticketOf(), later),
  requeueOrder: (ports) => requeueOrder(ports, retry, later),
  requeueWatch: (ports) => requeueWatch(ports, watch, later),
};

/** Every port fails, as nobody foresaw. */
const broken = (): Ports => {
  const { ports } = createPlane();
  const fails = async (): Promise<never> => {
    await Promise.resolve();
    throw new TypeError("nobody foresaw this");
  };
  const port = new Proxy({}, { get: () => fails });
  const names = ["facts", "plans", "markers", "jobs", "queues", "volumes", "identity", "plane"];
  return { ...ports, ...Object.fromEntries(names.map((name) => [name, port])) };
};

test.each(Object.keys(useCases))("%s", async (name) => {
  const error = await useCases[name]?.(broken()).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(TypeError);
  expect((error as TypeError).stack).toMatch(new RegExp(`at (async )?(\\w+\\.)?${name} `));
});
