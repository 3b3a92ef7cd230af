// A function's environment, checked once at its cold start. Every fault names its variable and the
// remedy.
import * as z from "zod";
import { RETENTION_DAYS } from "../domain/retention.ts";
import type { Settings } from "../ports.ts";
import { type QueueName, type ServiceName, topology } from "../topology.ts";
import type { AuthChoice } from "./databricks-auth.ts";
import type { QueueUrls } from "./sqs.ts";

export type Environment = {
  /** `https://…`, without a slash at the end. */
  readonly databricksHost: string;
  readonly databricksAuth: AuthChoice;
  /** The application ids of the controllers, present and earlier. */
  readonly controllers: readonly string[];
  /** A file with the authority of the workspace's certificate, if that is not a public one. */
  readonly caFile: string | undefined;
  /** `/sql/1.0/warehouses/<id>` */
  readonly httpPath: string;
  readonly catalog: string;
  readonly schema: string;
  readonly stack: string;
  readonly settings: Settings;
  readonly workloadsFolder: string;
  readonly eventBusName: string;
  readonly queueUrls: QueueUrls;
  readonly deadLetterUrls: QueueUrls;
  /**
   * How many instances of this function share the workspace's rate limits; absent: as many as
   * Lambda may run.
   */
  readonly instances: number | undefined;
};

/**
 * Reads the environment of one service. A variable that only another service needs may be absent,
 * and is then "".
 * @throws Error with a line for each variable that is missing or wrong
 */
export function readEnvironment(
  service: ServiceName,
  variables: Readonly<Record<string, string | undefined>>,
): Environment {
  const present = Object.fromEntries(
    Object.entries(variables).filter(([, value]) => value !== undefined && value.trim() !== ""),
  );
  const schema = z.object({ ...common, ...owned(service), ...urlShapes(service) });
  const parsed = schema.safeParse(present);
  const faults = parsed.success ? [] : parsed.error.issues.map(faultOf);
  const auth = authOf(present, faults);
  if (!parsed.success || auth === undefined)
    throw new Error(`the environment of the ${service} is not complete:\n${faults.join("\n")}`);
  return environmentOf(parsed.data, auth, { AWS_LAMBDA_FUNCTION_NAME: service, ...present });
}

/**
 * The queues that a service sends to. Its own are among them, because messages that wait are sent
 * again.
 */
export const queuesOf = (service: ServiceName): readonly QueueName[] =>
  queueNames.filter(
    (name) =>
      topology[name].consumer === service ||
      topology[name].senders.some((sender) => sender === service),
  );

/** The queues whose messages a service handles, and may have to put aside. */
export const consumedBy = (service: ServiceName): readonly QueueName[] =>
  queueNames.filter((name) => topology[name].consumer === service);

export const queueVariable = (queue: QueueName): string => `QUEUE_URL_${queue.toUpperCase()}`;
export const deadLetterVariable = (queue: QueueName): string =>
  `DEAD_LETTER_URL_${queue.toUpperCase()}`;

const queueNames = Object.keys(topology) as QueueName[];

const remedies: Readonly<Record<string, string>> = {
  DATABRICKS_HOST: "the workspace's own address, https://… and nothing after the host",
  DATABRICKS_AUTH: "how to sign in: oauth-m2m, federation or pat",
  DATABRICKS_SECRET_ID:
    'the Secrets Manager id of {"client_id", "client_secret"}, or of {"token"} for pat',
  DATABRICKS_CLIENT_ID: "the application id of the service principal with the federation policy",
  DATABRICKS_TOKEN_AUDIENCE: "the audience of the federation policy; by default the account's id",
  DATABRICKS_HTTP_PATH: "the warehouse's HTTP path, /sql/1.0/warehouses/<id>",
  SIGNALBOX_CATALOG: "the catalog of the volumes and tables: letters, digits, _ and -",
  SIGNALBOX_SCHEMA: "the schema of the volumes and tables: letters, digits, _ and -",
  SIGNALBOX_FACTS_VOLUME: "the volume of the facts, by its name alone",
  SIGNALBOX_PLANS_VOLUME:
    "the volume of manifests, planned files and judged results, by its name alone",
  SIGNALBOX_SCRATCHPAD_VOLUME: "the volume of the results, by its name alone",
  SIGNALBOX_CODEBASE_VOLUME: "the volume of the reviewed code, by its name alone",
  SIGNALBOX_STACK: "the stack's name, as plane.json has it",
  SIGNALBOX_RUN_AS: "the application id of the principal as which executors run",
  SIGNALBOX_CONTROLLERS:
    "the application ids of the controllers' principals, the present one and those of before, with commas between them",
  SIGNALBOX_EVIDENCE: "where results are judged: output (of the run itself) or file",
  SIGNALBOX_OWN_ROLES: "the ids of the functions' own roles (AROA…), with commas between them",
  SIGNALBOX_EXECUTOR_PATH: "the /Volumes/… path to which the executor was uploaded",
  SIGNALBOX_RETENTION_DAYS:
    "for how many days facts are kept after a run is over: a whole number from 30 to 3650",
  SIGNALBOX_TIME_SCALE: "a number above 0 and up to 1; leave it away in production",
  SIGNALBOX_WORKLOADS: "the folder of the workloads",
  SIGNALBOX_INSTANCES: "a whole number from 1",
  SIGNALBOX_CA_FILE: "a file with PEM certificates",
  EVENT_BUS_NAME: "the name of the event bus",
};

// Identifiers go into paths and statements, so no character of them may need quoting there.
const identifier = z.string().regex(/^[A-Za-z0-9_-]{1,255}$/);
const host = z
  .string()
  .transform((text) => text.replace(/\/+$/, ""))
  .pipe(z.string().regex(/^https:\/\/[A-Za-z0-9.-]+(:[0-9]{1,5})?$/));

/** Names with commas between them. */
const list = z.string().transform((text): readonly string[] =>
  text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== ""),
);

const common = {
  DATABRICKS_HOST: host,
  DATABRICKS_AUTH: z.enum(["oauth-m2m", "federation", "pat"]).default("oauth-m2m"),
  SIGNALBOX_CATALOG: identifier,
  SIGNALBOX_SCHEMA: identifier,
  SIGNALBOX_FACTS_VOLUME: identifier.default("facts"),
  SIGNALBOX_PLANS_VOLUME: identifier.default("plans"),
  SIGNALBOX_SCRATCHPAD_VOLUME: identifier.default("scratchpad"),
  SIGNALBOX_CODEBASE_VOLUME: identifier.default("company_codebase"),
  SIGNALBOX_STACK: z.string().min(1),
  SIGNALBOX_RUN_AS: z.string().min(1).optional(),
  SIGNALBOX_CONTROLLERS: list.refine((ids) => ids.length > 0, "must name at least one"),
  SIGNALBOX_EVIDENCE: z.enum(["output", "file"]).default("output"),
  SIGNALBOX_OWN_ROLES: list.default([]),
  SIGNALBOX_EXECUTOR_PATH: z.string().startsWith("/"),
  SIGNALBOX_RETENTION_DAYS: z.coerce
    .number()
    .int()
    .min(RETENTION_DAYS.min)
    .max(RETENTION_DAYS.max)
    .default(RETENTION_DAYS.usually),
  SIGNALBOX_TIME_SCALE: z.coerce.number().gt(0).max(1).default(1),
  SIGNALBOX_INSTANCES: z.coerce.number().int().min(1).optional(),
  SIGNALBOX_CA_FILE: z.string().optional(),
};
const httpPath = z.string().regex(/^\/sql\/[A-Za-z0-9._/-]+$/);
const busName = z.string().regex(/^[A-Za-z0-9._/:-]{1,1600}$/);

/** The variables that not every service needs. */
const owned = (service: ServiceName) => ({
  DATABRICKS_HTTP_PATH: service === "ingester" ? httpPath : httpPath.default(""),
  EVENT_BUS_NAME: service === "run-poller" ? busName.default("") : busName,
  SIGNALBOX_WORKLOADS: service === "orchestrator" ? z.string() : z.string().default(""),
});

const url = z.url({ protocol: /^https?$/ });
const urlShapes = (service: ServiceName) =>
  Object.fromEntries([
    ...queuesOf(service).map((queue) => [queueVariable(queue), url]),
    ...consumedBy(service).map((queue) => [deadLetterVariable(queue), url]),
  ]) as Record<string, typeof url>;

function faultOf({ path, message }: z.core.$ZodIssue): string {
  const name = String(path[0]);
  const remedy = remedies[name] ?? "the queue's URL, as the stack's output has it";
  return `  ${name}: ${message}; set it to ${remedy}`;
}

/** The variables that are needed depend on the way to sign in. */
function authOf(
  given: Readonly<Record<string, string | undefined>>,
  faults: string[],
): AuthChoice | undefined {
  const need = (name: string): string => {
    const value = given[name];
    if (value === undefined) faults.push(`  ${name}: is missing; set it to ${remedies[name]}`);
    return value ?? "";
  };
  const before = faults.length;
  const kind = given["DATABRICKS_AUTH"] ?? "oauth-m2m";
  const choice: AuthChoice =
    kind === "federation"
      ? {
          kind,
          clientId: need("DATABRICKS_CLIENT_ID"),
          audience: need("DATABRICKS_TOKEN_AUDIENCE"),
        }
      : { kind: kind === "pat" ? kind : "oauth-m2m", secretId: need("DATABRICKS_SECRET_ID") };
  return faults.length === before ? choice : undefined;
}

type Common = z.output<z.ZodObject<typeof common>> &
  z.output<z.ZodObject<ReturnType<typeof owned>>>;

function environmentOf(
  data: Common,
  databricksAuth: AuthChoice,
  given: Readonly<Record<string, string | undefined>>,
): Environment {
  const volumes = `/Volumes/${data.SIGNALBOX_CATALOG}/${data.SIGNALBOX_SCHEMA}`;
  const urls = (variable: (queue: QueueName) => string): QueueUrls =>
    Object.fromEntries(
      queueNames.flatMap((queue) => {
        const value = given[variable(queue)];
        return value === undefined ? [] : [[queue, value]];
      }),
    );
  return {
    databricksHost: data.DATABRICKS_HOST,
    databricksAuth,
    controllers: data.SIGNALBOX_CONTROLLERS,
    caFile: data.SIGNALBOX_CA_FILE,
    httpPath: data.DATABRICKS_HTTP_PATH,
    catalog: data.SIGNALBOX_CATALOG,
    schema: data.SIGNALBOX_SCHEMA,
    stack: data.SIGNALBOX_STACK,
    settings: {
      factsVolume: `${volumes}/${data.SIGNALBOX_FACTS_VOLUME}`,
      plansVolume: `${volumes}/${data.SIGNALBOX_PLANS_VOLUME}`,
      scratchpadVolume: `${volumes}/${data.SIGNALBOX_SCRATCHPAD_VOLUME}`,
      codebaseVolume: `${volumes}/${data.SIGNALBOX_CODEBASE_VOLUME}`,
      executorPath: data.SIGNALBOX_EXECUTOR_PATH,
      runAs: data.SIGNALBOX_RUN_AS,
      evidence: data.SIGNALBOX_EVIDENCE,
      ownSenders: data.SIGNALBOX_OWN_ROLES,
      worker: [given["AWS_LAMBDA_FUNCTION_NAME"], given["AWS_LAMBDA_LOG_STREAM_NAME"]]
        .filter((name) => name !== undefined)
        .join(" "),
      retentionDays: data.SIGNALBOX_RETENTION_DAYS,
      timeScale: data.SIGNALBOX_TIME_SCALE,
    },
    workloadsFolder: data.SIGNALBOX_WORKLOADS,
    eventBusName: data.EVENT_BUS_NAME,
    queueUrls: urls(queueVariable),
    deadLetterUrls: urls(deadLetterVariable),
    instances: data.SIGNALBOX_INSTANCES,
  };
}
