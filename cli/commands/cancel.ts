// `signalbox cancel`: asks for a run's open chapter to stop. The facts decide what that still
// means.
import { parseArgs } from "node:util";
import * as z from "zod";
import { Cancellation } from "../../shared/domain/messages.ts";
import { audit, sendOrder } from "../messages.ts";
import { openFacts, openQueues, stageOf, stageOptions } from "../stage-context.ts";
import { type Command, required, theOne, typed } from "../usage.ts";

const ChapterText = z
  .string()
  .regex(/^[1-9][0-9]{0,8}$/, "must be a whole number from 1")
  .transform(Number);

export const cancel: Command = {
  usage: 'cancel <run_id> --reason "…" --stage <stage> [--chapter N] [--stages <folder>]',
  summary: "stops a run: what executes is cancelled, and its outcome follows",
  run: async (args, io) => {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { ...stageOptions, reason: { type: "string" }, chapter: { type: "string" } },
    });
    const stage = stageOf(values);
    const { run_id: RunId, reason: Reason } = Cancellation.shape;
    const run_id = typed("<run_id>", RunId, theOne("<run_id>", positionals));
    const reason = typed("--reason", Reason, required("--reason", values.reason));
    const named =
      values.chapter === undefined ? undefined : typed("--chapter", ChapterText, values.chapter);
    await using facts = await openFacts(stage, io);
    const open = (await facts.markers.list()).filter(({ key }) => key.run_id === run_id);
    const chapter = named ?? Math.max(...open.map(({ key }) => key.chapter));
    if (!Number.isFinite(chapter)) {
      io.print(`${run_id} is not open: there is nothing to stop (signalbox runs lists what is)`);
      return 1;
    }
    using queues = openQueues(stage);
    await sendOrder(queues, Cancellation.parse({ type: "cancel", run_id, chapter, reason }));
    await audit(queues, { action: "cancel", run_id, detail: { chapter, reason } });
    io.print(`asked for chapter ${chapter} of ${run_id} to stop; its outcome is announced as ever`);
    return 0;
  },
};
