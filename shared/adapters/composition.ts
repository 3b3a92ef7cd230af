// Common to the composition roots: the ports of every service, built once at its cold start.
import { readFileSync } from "node:fs";
import type { LogPort } from "../ports.ts";
import type { ServiceName } from "../topology.ts";
import { createTokenSource, type TokenSource } from "./databricks-auth.ts";
import { createDatabricksHttp } from "./databricks-http.ts";
import { createJobs } from "./databricks-jobs.ts";
import type { DatabricksSql } from "./databricks-sql.ts";
import type { Environment } from "./environment.ts";
import { createIdentity } from "./identity.ts";
import { createMeter } from "./metered.ts";
import { createPlanePort } from "./plane.ts";
import {
  createTriggerLimiters,
  instancesOf,
  type Rates,
  shareOf,
  type Trigger,
  wholeRates,
} from "./rate-limit.ts";
import { createSecrets } from "./secrets.ts";
import { createDeadLetters, createQueues, createSqsClient } from "./sqs.ts";
import {
  createStdoutLog,
  systemClock,
  systemDigest,
  systemInflate,
  systemRandom,
  systemSecrets,
} from "./system.ts";
import {
  createFacts,
  createHints,
  createMarkers,
  createPlans,
  createVolumes,
} from "./volume-facts.ts";
import { createVolumeFiles } from "./volume-files.ts";
import { createWebIdentityToken } from "./web-identity.ts";
import { createWire } from "./wire.ts";

/**
 * Our name in the workspace's logs, in the form by which Databricks counts its clients
 * (docs/facts/databricks.md#user-agent-form).
 */
const USER_AGENT = `signalbox/0.1.0 node/${process.versions.node} os/${process.platform}`;
const CONNECTIONS_MAX = 10; // the Files API's own limit of calls at once

/** Creates the ports that every service has. */
export function createCommonPorts(service: ServiceName, environment: Environment) {
  const instances = environment.instances ?? instancesOf(service);
  const log = createStdoutLog(service, environment.stack);
  const access = createWorkspaceAccess(environment, log, (trigger) =>
    trigger === undefined ? wholeRates : shareOf(service, instances, trigger),
  );
  const { http, sql, sayHowOften, limiter } = access;
  const files = createVolumeFiles(http);
  const facts = createFacts({ files, factsVolume: environment.settings.factsVolume });
  const sqs = createSqsClient();
  return {
    sql,
    sayHowOften,
    /**
     * Binds a handler to its trigger, so that its calls keep to the trigger's share of the
     * workspace's limits.
     */
    through:
      <Args extends readonly unknown[], Answer>(
        trigger: Trigger,
        handle: (...args: Args) => Promise<Answer>,
      ) =>
      (...args: Args): Promise<Answer> =>
        limiter.through(trigger, () => handle(...args)),
    ports: {
      ...systemClock,
      ...systemDigest,
      ...systemSecrets,
      ...systemInflate,
      ...log,
      ...facts,
      ...createPlans(files, environment.settings.plansVolume),
      ...createMarkers({ files, factsVolume: environment.settings.factsVolume }),
      ...createHints({ files, factsVolume: environment.settings.factsVolume }),
      ...createVolumes(files),
      ...createJobs(http),
      ...createQueues(sqs, environment.queueUrls),
      ...createDeadLetters(sqs, environment.deadLetterUrls),
      ...createPlanePort(facts, environment.stack),
      ...createIdentity({
        http,
        auth: environment.databricksAuth,
        controllers: environment.controllers,
      }),
      settings: environment.settings,
    },
  };
}

/** Creates this plane's access to its workspace. */
function createWorkspaceAccess(
  environment: Environment,
  log: LogPort,
  ratesOfTrigger: (trigger?: Trigger) => Rates,
) {
  const caPem = environment.caFile && readFileSync(environment.caFile, "utf8");
  const meter = createMeter(log);
  const wire = meter.wire(
    createWire({ origin: environment.databricksHost, connectionsMax: CONNECTIONS_MAX, caPem }),
  );
  const tokens = meter.tokens(
    createTokenSource({
      ...systemClock,
      ...createSecrets(systemClock),
      wire,
      auth: environment.databricksAuth,
      webIdentityToken: createWebIdentityToken(),
    }),
  );
  const limiter = createTriggerLimiters(ratesOfTrigger, systemClock);
  const http = meter.http(
    createDatabricksHttp({
      ...systemClock,
      wire,
      tokens,
      limiter,
      userAgent: USER_AGENT,
      random: systemRandom,
    }),
  );
  return {
    http,
    limiter,
    /** The driver is the ingester's alone: a caller that wants it brings it. */
    sql: (create: (access: SqlAccess) => DatabricksSql): DatabricksSql =>
      meter.sql(tokens, (metered) => create({ tokens: metered, caPem, userAgent: USER_AGENT })),
    sayHowOften: meter.sayHowOften,
  };
}

type SqlAccess = {
  readonly tokens: TokenSource;
  readonly caPem: string | undefined;
  readonly userAgent: string;
};
