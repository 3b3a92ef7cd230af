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

/** Options of every command that works on a stage. */
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

/** AWS clients take credentials, profile and endpoint from the environment; the region may be the stage's. */
export const awsOptionsOf = ({ aws }: Stage) => ({
  ...(aws.region !== undefined && { region: aws.region }),
  maxAttempts: 3,
});

/**
 * As whom we speak to Databricks: whoever the environment names (DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET, or
 * DATABRICKS_TOKEN), otherwise the stage's own secret, which on-call engineers may read.
 */
export async function loginOf(stage: Stage, io: Io): Promise<Login> {
  const { environment } = io;
  const base = {
    DATABRICKS_HOST: stage.databricks.host,
    DATABRICKS_WAREHOUSE_ID: stage.databricks.warehouse_id,
    SIGNALBOX_CA_FILE: environment["SIGNALBOX_CA_FILE"],
  };
  if (!namesLogin(io)) return loginFrom({ ...base, ...(await controllersCredentials(stage)) });
  checkHost(stage, environment["DATABRICKS_HOST"]);
  return loginFrom({ ...environment, ...base, DATABRICKS_HTTP_PATH: undefined });
}

export const namesLogin = ({ environment }: Io): boolean =>
  environment["DATABRICKS_TOKEN"] !== undefined ||
  environment["DATABRICKS_CLIENT_SECRET"] !== undefined;

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

/** The functions' own credentials, as variables of the environment. @throws Error that says why they cannot be had */
async function controllersCredentials(stage: Stage): Promise<Record<string, string>> {
  const { auth } = stage.databricks;
  if (auth.kind === "federation")
    throw new Error(
      `the stage ${stage.name} stores no secret (federation): set DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET, or DATABRICKS_TOKEN, of a person who may read its volumes`,
    );
  const secret = Secret.safeParse(jsonOrNothing(await secretText(stage, auth.secret)));
  // Nothing of the secret is repeated here.
  if (!secret.success)
    throw new Error(
      `the secret ${auth.secret} is not JSON {"client_id", "client_secret"} or {"token"}: store it again`,
    );
  return "token" in secret.data
    ? { DATABRICKS_TOKEN: secret.data.token }
    : {
        DATABRICKS_CLIENT_ID: secret.data.client_id,
        DATABRICKS_CLIENT_SECRET: secret.data.client_secret,
      };
}

async function secretText(stage: Stage, SecretId: string): Promise<string> {
  const client = new SecretsManagerClient(awsOptionsOf(stage));
  try {
    const { SecretString = "" } = await client.send(new GetSecretValueCommand({ SecretId }));
    return SecretString;
  } catch (error) {
    throw new Error(
      `the secret ${SecretId} cannot be read (${messageOf(error)}): check AWS credentials and region, or set DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET, or DATABRICKS_TOKEN`,
      { cause: error },
    );
  } finally {
    client.destroy();
  }
}

export type FactsAccess = AsyncDisposable &
  FactsPort &
  MarkersPort & { readonly client: WorkspaceClient };

/** Facts and markers, by REST alone: no warehouse wakes up. */
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
  /** Of any name of ours. @throws Error that says what is missing */
  readonly urlOf: (name: string) => Promise<string>;
};

/** Whether `urlOf` threw because there is no such queue; SQS says the same to whoever may not use one. */
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
