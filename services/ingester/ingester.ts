// The ingester's two entry points: reports, for which the loop waits, and records, which a sleeping
// warehouse may delay.
import type { Ended } from "../../shared/domain/messages.ts";
import { oneByOne } from "../../shared/edge/delivery.ts";
import { queueHandler } from "../../shared/edge/queue-handler.ts";
import type { DeadLettersPort, QueuesPort, SettingsPort } from "../../shared/ports.ts";
import { inOwnPlane } from "../../shared/story/own-plane.ts";
import { type JudgeDeps, judge } from "./judge.ts";
import { type RecordDeps, record, requeueRecord } from "./record.ts";

export type IngesterDeps = JudgeDeps & RecordDeps & QueuesPort & DeadLettersPort & SettingsPort;

export const createIngester = (deps: IngesterDeps) => ({
  reports: queueHandler(
    "reports",
    deps,
    oneByOne(inOwnPlane(deps, (ended: Ended) => judge(deps, ended))),
  ),
  records: queueHandler(
    "records",
    deps,
    (deliveries) => record(deps, deliveries),
    (message, options) => requeueRecord(deps, message, options),
  ),
});
