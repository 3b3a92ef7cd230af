// The ingester's composition root: the service's only file that knows of an environment.
import { createCommonPorts } from "../../shared/adapters/composition.ts";
import { createDatabricksSql } from "../../shared/adapters/databricks-sql.ts";
import { createDeltaLedger } from "../../shared/adapters/delta-ledger.ts";
import { readEnvironment } from "../../shared/adapters/environment.ts";
import { createEvents } from "../../shared/adapters/event-bus.ts";
import { systemClock, systemRandom } from "../../shared/adapters/system.ts";
import { routeByQueue } from "../../shared/edge/route-by-queue.ts";
import { createIngester } from "./ingester.ts";

const environment = readEnvironment("ingester", process.env);
const { ports, through, sayHowOften, ...common } = createCommonPorts("ingester", environment);
const sql = common.sql((access) =>
  createDatabricksSql({
    ...access,
    host: environment.databricksHost,
    httpPath: environment.httpPath,
    catalog: environment.catalog,
    schema: environment.schema,
  }),
);
const { reports, records } = createIngester({
  ...ports,
  ...createEvents(environment.eventBusName),
  ...createDeltaLedger({ ...systemClock, sql, random: systemRandom }),
});

export const handler = routeByQueue(
  {
    [environment.queueUrls.reports ?? ""]: through("reports", reports),
    [environment.queueUrls.records ?? ""]: through("records", records),
  },
  { finish: sayHowOften },
);
