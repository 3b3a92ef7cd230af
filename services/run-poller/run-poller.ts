// The run-poller's one entry point.
import type { Watch } from "../../shared/domain/messages.ts";
import { oneByOne, type Sent } from "../../shared/edge/delivery.ts";
import { queueHandler } from "../../shared/edge/queue-handler.ts";
import type { DeadLettersPort, PlanePort, QueuesPort } from "../../shared/ports.ts";
import { inOwnPlane } from "../../shared/story/own-plane.ts";
import { requeueWatch, type WatchDeps, watchRun } from "./watch-run.ts";

export type RunPollerDeps = WatchDeps & PlanePort & QueuesPort & DeadLettersPort;

export const createRunPoller = (deps: RunPollerDeps) => ({
  watches: queueHandler(
    "watches",
    deps,
    oneByOne(inOwnPlane(deps, (watch: Watch, sent: Sent) => watchRun(deps, watch, sent))),
    (watch, options) => requeueWatch(deps, watch, options),
  ),
});
