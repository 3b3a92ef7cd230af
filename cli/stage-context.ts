// A command's view of one stage: its file, its workspace, its queues.
import { join } from "node:path";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { GetQueueUrlCommand, SQSClient } from "@aws-sdk/client-sqs";
import * as z from "zod";
import { deadLetterQueueName, queueName, volumePathsOf } from "../infra/names.ts";
import { readStages, type Stage } from "../infra/stage.ts";
import { createFacts, createMarkers } from "../shared/adapters/volume-facts.ts";
import { jsonOrNothing, messageOf } from "../shared/domain/body.ts";
import type { FactsPort, MarkersPort } from "../shared/ports.ts";
import type { QueueName } from "../shared/topology.ts";
import { type Login, loginFrom } from "./login.ts";
import { type Io, required } from "./usage.ts";
import { type WorkspaceClient, workspaceClient } from "./workspace-client.ts";

/** The options of every command that works on a stage. */
export const stageOptions = {
  stage: { type: "string" },
  /** A folder of stage files outside this repository. */
  stages: { type: "string" },
} as const;

const OWN_STAGES = join(import.meta.dirname, "..", "infra", "stages");

/** @throws UsageError, StageError */
export function stageOf(values: {
  readonly stage?: string | undefined;
  readonly stages?: string | undefined;
}): Stage {
  const [stage] = readStages(values.stages ?? OWN_STAGES, required("--stage", values.stage));
  if (stage === undefined) throw new Error("the stage is not there");
  return stage;
}

/**
 * AWS clients take credentials, profile and endpoint from the environment; the region may be the
 * stage's.
 */
export const awsOptionsOf = ({ aws }: Stage) => ({
  ...(aws.region !== undefined && { region: aws.region }),
  maxAttempts: 3,
});

/**
 * The identity of people at Databricks: the one in the environment (DATABRICKS_CLIENT_ID and
 * DATABRICKS_CLIENT_SECRET, or DATABRICKS_TOKEN), otherwise the stage's principal for them, if its
 * secret is stored. Never the functions'.
 * @throws Error that says what is missing
 */
export async function loginOf(stage: Stage, io: Io): Promise<Login> {
  if (namesLogin(io)) return environmentsLogin(stage, io);
  const login = await onCallsLogin(stage, io);
  if (login !== undefined) return login;
  const { name, databricks } = stage;
  throw new Error(
    `nobody to sign in to Databricks as: ${
      databricks.on_call === undefined
        ? `the stage ${name} names no databricks.on_call`
        : `databricks.on_call of the stage ${name} names no secret`
    }, and DATABRICKS_TOKEN is not set, nor DATABRICKS_CLIENT_ID with DATABRICKS_CLIENT_SECRET: set those of somebody who may read the facts`,
  );
}

/** Half of a login counts, too: then the missing half is reported, instead of looking elsewhere. */
const namesLogin = ({ environment }: Io): boolean =>
  ["DATABRICKS_TOKEN", "DATABRICKS_CLIENT_ID", "DATABRICKS_CLIENT_SECRET"].some(
    (name) => environment[name] !== undefined,
  );

function environmentsLogin(stage: Stage, io: Io): Login {
  const { environment } = io;
  checkHost(stage, environment["DATABRICKS_HOST"]);
  return loginFrom({ ...environment, ...placeOf(stage, io), DATABRICKS_HTTP_PATH: undefined });
}

const placeOf = ({ databricks }: Stage, { environment }: Io) => ({
  DATABRICKS_HOST: databricks.host,
  DATABRICKS_WAREHOUSE_ID: databricks.warehouse_id,
  SIGNALBOX_CA_FILE: environment["SIGNALBOX_CA_FILE"],
});

/** The executors' own credentials, for an operator who tries what executed code may do. */
export function executorsLogin(stage: Stage, io: Io): Login | undefined {
  const own = {
    DATABRICKS_CLIENT_ID: io.environment["DATABRICKS_EXECUTOR_CLIENT_ID"],
    DATABRICKS_CLIENT_SECRET: io.environment["DATABRICKS_EXECUTOR_CLIENT_SECRET"],
    DATABRICKS_TOKEN: io.environment["DATABRICKS_EXECUTOR_TOKEN"],
  };
  const isNamed = Object.values(own).some((value) => value !== undefined);
  return isNamed ? loginFrom({ ...placeOf(stage, io), ...own }) : undefined;
}

async function onCallsLogin(stage: Stage, io: Io): Promise<Login | undefined> {
  const { on_call } = stage.databricks;
  if (on_call?.secret === undefined) return undefined;
  const login = await storedLogin(stage, on_call.secret, io);
  const { credentials } = login;
  if (credentials.kind === "oauth-m2m" && credentials.clientId.toLowerCase() === on_call.client_id)
    return login;
  throw new Error(
    `the secret ${on_call.secret} holds no credentials of databricks.on_call.client_id (${on_call.client_id}): store its own {"client_id", "client_secret"} there`,
  );
}

/**
 * The identity that looks at a plane. As the functions themselves, most things can be tried; but
 * on-call may not read their secret.
 */
export type Looker =
  | { readonly as: "environment" | "controllers" | "on-call"; readonly login: Login }
  | { readonly as: "nobody"; readonly why: string };

/** @throws Error if the named login cannot be used */
export async function lookerOf(stage: Stage, io: Io): Promise<Looker> {
  if (namesLogin(io)) return { as: "environment", login: environmentsLogin(stage, io) };
  const { auth } = stage.databricks;
  try {
    if (auth.kind !== "federation")
      return { as: "controllers", login: await storedLogin(stage, auth.secret, io) };
  } catch (error) {
    if (!(error instanceof NotYoursError)) throw error;
  }
  const login = await onCallsLogin(stage, io);
  if (login !== undefined) return { as: "on-call", login };
  return {
    as: "nobody",
    why:
      auth.kind === "federation"
        ? "the functions sign in by federation, and there is no secret to borrow"
        : "the functions' secret is not yours to read",
  };
}

/** Credentials for another workspace than the stage's are a mistake that must not pass. */
function checkHost({ name, databricks }: Stage, host: string | undefined): void {
  if (
    host === undefined ||
    host.replace(/\/+$/, "").replace(/^(?!https:)/, "https://") === databricks.host
  )
    return;
  throw new Error(
    `DATABRICKS_HOST is ${host}, but the stage ${name} works in ${databricks.host}: unset it, or use that workspace's credentials`,
  );
}

const Secret = z.union([
  z.object({ client_id: z.string(), client_secret: z.string() }),
  z.object({ token: z.string() }),
]);

/** @throws Error that says why the stored credentials cannot be read */
async function storedLogin(stage: Stage, name: string, io: Io): Promise<Login> {
  const secret = Secret.safeParse(jsonOrNothing(await secretText(stage, name)));
  // Nothing of the secret is repeated here.
  if (!secret.success)
    throw new Error(
      `the secret ${name} is not JSON {"client_id", "client_secret"} or {"token"}: store it again`,
    );
  const credentials =
    "token" in secret.data
      ? { DATABRICKS_TOKEN: secret.data.token }
      : {
          DATABRICKS_CLIENT_ID: secret.data.client_id,
          DATABRICKS_CLIENT_SECRET: secret.data.client_secret,
        };
  return loginFrom({ ...placeOf(stage, io), ...credentials });
}

/** AWS knows the caller, and the secret is not for them. */
class NotYoursError extends Error {
  override readonly name = "NotYoursError";
}

async function secretText(stage: Stage, SecretId: string): Promise<string> {
  const client = new SecretsManagerClient(awsOptionsOf(stage));
  try {
    const { SecretString = "" } = await client.send(new GetSecretValueCommand({ SecretId }));
    return SecretString;
  } catch (error) {
    const message = `the secret ${SecretId} cannot be read (${messageOf(error)}): check AWS credentials and region, or set DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET, or DATABRICKS_TOKEN`;
    const isDenied = error instanceof Error && error.name.startsWith("AccessDenied");
    throw isDenied
      ? new NotYoursError(message, { cause: error })
      : new Error(message, { cause: error });
  } finally {
    client.destroy();
  }
}

export type FactsAccess = AsyncDisposable &
  FactsPort &
  MarkersPort & { readonly client: WorkspaceClient };

/** Facts and markers, over REST only, so that no warehouse wakes up. */
export async function openFacts(stage: Stage, io: Io): Promise<FactsAccess> {
  const client = workspaceClient(await loginOf(stage, io));
  const options = { files: client.files, factsVolume: volumePathsOf(stage.databricks).facts };
  return {
    client,
    ...createFacts(options),
    ...createMarkers(options),
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

export type QueuesAccess = Disposable & {
  readonly sqs: SQSClient;
  readonly sourceUrl: (queue: QueueName) => Promise<string>;
  readonly deadLetterUrl: (queue: QueueName) => Promise<string>;
  /** The URL of a queue of ours. @throws Error that says what is missing */
  readonly urlOf: (name: string) => Promise<string>;
};

/**
 * Whether `urlOf` threw because there is no such queue. SQS answers the same if the caller may not
 * use it.
 */
export const isMissingQueue = (error: unknown): boolean =>
  error instanceof Error &&
  error.cause instanceof Error &&
  /QueueDoesNotExist|NonExistentQueue|AccessDenied/.test(error.cause.name);

export function openQueues(stage: Stage): QueuesAccess {
  const sqs = new SQSClient(awsOptionsOf(stage));
  const urlOf = async (name: string): Promise<string> => {
    try {
      const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: name }));
      if (QueueUrl === undefined) throw new Error("SQS named no URL");
      return QueueUrl;
    } catch (error) {
      throw new Error(
        `the queue ${name} cannot be found (${messageOf(error)}): is the stage deployed to this account and region, and may you use it (OnCallPolicyArn)?`,
        { cause: error },
      );
    }
  };
  return {
    sqs,
    urlOf,
    sourceUrl: (queue) => urlOf(queueName(stage.stack, queue)),
    deadLetterUrl: (queue) => urlOf(deadLetterQueueName(stage.stack, queue)),
    [Symbol.dispose]: () => sqs.destroy(),
  };
}
