// The orchestrator's composition root: the service's only file that knows of an environment.
import { createCommonPorts } from "../../shared/adapters/composition.ts";
import { readEnvironment } from "../../shared/adapters/environment.ts";
import { createEvents } from "../../shared/adapters/event-bus.ts";
import { createWorkloads } from "../../shared/adapters/workloads.ts";
import { routeByQueue } from "../../shared/edge/route-by-queue.ts";
import { createOrchestrator } from "./orchestrator.ts";

const environment = readEnvironment("orchestrator", process.env);
const { ports, through, sayHowOften } = createCommonPorts("orchestrator", environment);
const { tickets, orders, turns, scheduled } = createOrchestrator({
  ...ports,
  ...createEvents(environment.eventBusName),
  ...createWorkloads(environment.workloadsFolder),
});

export const handler = routeByQueue(
  {
    [environment.queueUrls.tickets ?? ""]: through("tickets", tickets),
    [environment.queueUrls.orders ?? ""]: through("orders", orders),
    [environment.queueUrls.turns ?? ""]: through("turns", turns),
  },
  { scheduled: through("schedule", scheduled), finish: sayHowOften },
);
