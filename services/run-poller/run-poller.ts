// The run-poller's one door.
import { oneByOne, queueHandler } from "../../shared/lambda.ts";
import type { DeadLettersPort, QueuesPort } from "../../shared/ports.ts";
import { type WatchDeps, waitOutWatch, watchRun } from "./watch-run.ts";

export type RunPollerDeps = WatchDeps & QueuesPort & DeadLettersPort;

export const createRunPoller = (deps: RunPollerDeps) => ({
  watches: queueHandler("watches", deps, oneByOne(watchRun(deps)), waitOutWatch(deps)),
});
