// The ingester's two doors: reports, which the loop waits for, and records, which a sleeping warehouse may delay.
import { oneByOne, queueHandler } from "../../shared/lambda.ts";
import { inOwnPlane } from "../../shared/own-plane.ts";
import type { DeadLettersPort, QueuesPort, SettingsPort } from "../../shared/ports.ts";
import { type JudgeDeps, judge } from "./judge.ts";
import { type RecordDeps, record, waitOutRecord } from "./record.ts";

export type IngesterDeps = JudgeDeps & RecordDeps & QueuesPort & DeadLettersPort & SettingsPort;

export const createIngester = (deps: IngesterDeps) => ({
  reports: queueHandler("reports", deps, oneByOne(inOwnPlane(deps, judge(deps)))),
  records: queueHandler("records", deps, record(deps), waitOutRecord(deps)),
});
