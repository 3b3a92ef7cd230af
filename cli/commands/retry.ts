// `signalbox retry`: reopens a run that is over. A new chapter, a new attempt; the work that was
// done stays.
import { parseArgs } from "node:util";
import { factRef, type OutcomeFact } from "../../shared/domain/facts.ts";
import { Retry } from "../../shared/domain/messages.ts";
import type { FactsPort } from "../../shared/ports.ts";
import { audit, sendOrder } from "../messages.ts";
import { openFacts, openQueues, stageOf, stageOptions } from "../stage-context.ts";
import { type Command, required, theOne, typed } from "../usage.ts";

export const retry: Command = {
  usage: 'retry <run_id> --reason "…" --stage <stage> [--stages <folder>]',
  summary: "reopens a run that is over, in a new chapter",
  run: async (args, io) => {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { ...stageOptions, reason: { type: "string" } },
    });
    const stage = stageOf(values);
    const { run_id: RunId, reason: Reason } = Retry.shape;
    const run_id = typed("<run_id>", RunId, theOne("<run_id>", positionals));
    const reason = typed("--reason", Reason, required("--reason", values.reason));
    await using facts = await openFacts(stage, io);
    const last = await lastOutcome(facts, run_id);
    if (last === undefined) {
      io.print(`${run_id} is not over, or never was here: only a run that is over can be reopened`);
      return 1;
    }
    const chapter = last.chapter + 1;
    using queues = openQueues(stage);
    await sendOrder(queues, Retry.parse({ type: "retry", run_id, chapter, reason }));
    await audit(queues, { action: "retry", run_id, detail: { chapter, reason } });
    io.print(
      `${run_id} ended with ${last.outcome}; asked for chapter ${chapter}, which ends with an outcome of its own`,
    );
    return 0;
  },
};

/** The outcome of the last chapter that is over; undefined while the youngest is open. */
async function lastOutcome(facts: FactsPort, run_id: string): Promise<OutcomeFact | undefined> {
  for (let chapter = 1, last: OutcomeFact | undefined; ; chapter++) {
    const outcome = (await facts.facts.read(factRef.outcome({ run_id, chapter })))?.fact;
    if (outcome !== undefined) {
      last = outcome;
      continue;
    }
    const isOpen =
      chapter > 1 && (await facts.facts.read(factRef.retry({ run_id, chapter }))) !== undefined;
    return isOpen ? undefined : last;
  }
}
