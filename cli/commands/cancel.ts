// `signalbox cancel`: asks for a run's open chapter to stop. The facts decide what that still means.
import { parseArgs } from "node:util";
import { Cancellation } from "../../shared/domain/messages.ts";
import { audit, sendTicketsMessage } from "../messages.ts";
import { openFacts, openQueues, stageOf, stageOptions } from "../stage-context.ts";
import { type Command, required } from "../usage.ts";

export const cancel: Command = {
  usage: 'cancel <run_id> --reason "…" --stage <stage> [--chapter N]',
  summary: "stops a run: what executes is cancelled, and its outcome follows",
  run: async (args, io) => {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { ...stageOptions, reason: { type: "string" }, chapter: { type: "string" } },
    });
    const stage = stageOf(values);
    const run_id = required("<run_id>", positionals[0]);
    const reason = required("--reason", values.reason);
    await using facts = await openFacts(stage, io);
    const open = (await facts.markers.list()).filter(({ key }) => key.run_id === run_id);
    const chapter =
      values.chapter === undefined
        ? Math.max(...open.map(({ key }) => key.chapter))
        : Number(values.chapter);
    if (!Number.isFinite(chapter)) {
      io.print(`${run_id} is not open: there is nothing to stop (signalbox runs lists what is)`);
      return 1;
    }
    using queues = openQueues(stage);
    const message = Cancellation.parse({ type: "cancel", run_id, chapter, reason, by: io.user });
    await sendTicketsMessage(queues, message);
    await audit(queues, { by: io.user, action: "cancel", run_id, detail: { chapter, reason } });
    io.print(`asked for chapter ${chapter} of ${run_id} to stop; its outcome is announced as ever`);
    return 0;
  },
};
