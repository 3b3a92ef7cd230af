// The run-poller's composition root: the service's only file that knows of an environment.
import { createCommonPorts } from "../../shared/adapters/composition.ts";
import { readEnvironment } from "../../shared/adapters/environment.ts";
import { routeByQueue } from "../../shared/edge/route-by-queue.ts";
import { createRunPoller } from "./run-poller.ts";

const environment = readEnvironment("run-poller", process.env);
const { ports, through, sayHowOften } = createCommonPorts("run-poller", environment);
const { watches } = createRunPoller(ports);

export const handler = routeByQueue(
  { [environment.queueUrls.watches ?? ""]: through("watches", watches) },
  { finish: sayHowOften },
);
