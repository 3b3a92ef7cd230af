// A command's view of one stage: its file, its workspace, its queues.
import { join } from "node:path";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { GetQueueUrlCommand, SQSClient } from "@aws-sdk/client-sqs";
import * as z from "zod";
import { findLocalStage, LOCAL, type LocalStage } from "../infra/local-stage.ts";
import { deadLetterQueueName, queueName, volumePathsOf } from "../infra/names.ts";
import { readStages, type Stage, stageNames } from "../infra/stage.ts";
import { WORKLOADS } from "../infra/workloads.ts";
import { createFacts, createMarkers } from "../shared/adapters/volume-facts.ts";
import { jsonOrNothing, messageOf } from "../shared/domain/body.ts";
import type { QueueName } from "../shared/topology.ts";
import { type Login, loginFrom } from "./login.ts";
import type { RunReader } from "./run/read-run.ts";
import { type Io, UsageError } from "./usage.ts";
import { type WorkspaceClient, workspaceClient } from "./workspace-client.ts";

/** A stage as commands use it: deployed, or a plane on this machine with keys of its own. */
export type StageInUse = Stage & Partial<Pick<LocalStage, "local">>;

type Chosen = { readonly stage?: string | undefined; readonly stages?: string | undefined };

export const OWN_STAGES = join(import.meta.dirname, "..", "infra", "stages");

/**
 * The named stage; otherwise that of SIGNALBOX_STAGE, a plane that runs on this machine, or the
 * only stage that there is.
 * @throws UsageError, StageError
 */
export function stageOf(
  { stage, stages }: Chosen,
  { environment }: Pick<Io, "environment">,
): StageInUse {
  const name = stage ?? (environment["SIGNALBOX_STAGE"] || undefined);
  const local = () =>
    findLocalStage({ named: environment["SIGNALBOX_LOCAL"], workingFolder: process.cwd() });
  if (name === LOCAL) return local() ?? named(name, stages);
  if (name !== undefined) return named(name, stages);
  return (stages === undefined ? local() : undefined) ?? theOnly(stages);
}

function named(name: string, stages: string | undefined): Stage {
  const folder = stages ?? OWN_STAGES;
  if (name === LOCAL && !stageNames(folder).includes(LOCAL))
    throw new UsageError(
      "no plane runs on this machine: start one (npm run dev), or name its folder by SIGNALBOX_LOCAL",
    );
  const [stage] = readStages(folder, name);
  if (stage === undefined) throw new Error("the stage is not there");
  return stage;
}

function theOnly(stages: string | undefined): Stage {
  const names = stageNames(stages ?? OWN_STAGES);
  const [only] = names;
  if (only !== undefined && names.length === 1) return named(only, stages);
  throw new UsageError(
    `which stage is meant? Say --stage, or set SIGNALBOX_STAGE: there are ${names.join(", ")}`,
  );
}

/**
 * AWS clients take credentials, profile and endpoint from the environment; the region may be the
 * stage's. A plane on this machine has its own of all of them.
 */
export const awsOptionsOf = ({ aws, local }: Pick<StageInUse, "aws" | "local">) => ({
  ...(aws.region !== undefined && { region: aws.region }),
  maxAttempts: 3,
  ...(local !== undefined && {
    region: local.environment["AWS_REGION"] ?? "us-east-1",
    // Of a local plane, only the queues are used: its endpoint for SQS, if it has one of its own.
    endpoint:
      local.environment["AWS_ENDPOINT_URL_SQS"] ?? local.environment["AWS_ENDPOINT_URL"] ?? "",
    credentials: {
      accessKeyId: local.environment["AWS_ACCESS_KEY_ID"] ?? "",
      secretAccessKey: local.environment["AWS_SECRET_ACCESS_KEY"] ?? "",
    },
  }),
});

/** The folder of workloads that a stage runs, unless another one is named. */
export const workloadsFolderOf = (
  { local }: StageInUse,
  { workloads }: { readonly workloads?: string | undefined },
): string => workloads ?? local?.workloads ?? WORKLOADS;

/**
 * The identity of people at Databricks: the one in the environment (DATABRICKS_CLIENT_ID and
 * DATABRICKS_CLIENT_SECRET, or DATABRICKS_TOKEN), otherwise the stage's principal for them, if its
 * secret is stored. Never the functions'.
 * @throws Error that says what is missing
 */
export async function loginOf(stage: StageInUse, given: LoginIo): Promise<Login> {
  const io = ofStage(stage, given);
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

type LoginIo = Pick<Io, "environment">;

/** A plane on this machine brings its own login, and the shell's is for another workspace. */
const ofStage = ({ local }: StageInUse, { environment }: LoginIo): LoginIo => ({
  environment: local === undefined ? environment : local.environment,
});

/** Half of a login counts, too: then the missing half is reported, instead of looking elsewhere. */
const namesLogin = ({ environment }: LoginIo): boolean =>
  ["DATABRICKS_TOKEN", "DATABRICKS_CLIENT_ID", "DATABRICKS_CLIENT_SECRET"].some(
    (name) => environment[name] !== undefined,
  );

function environmentsLogin(stage: StageInUse, io: LoginIo): Login {
  const { environment } = io;
  checkHost(stage, environment["DATABRICKS_HOST"]);
  return loginFrom({ ...environment, ...placeOf(stage, io), DATABRICKS_HTTP_PATH: undefined });
}

const placeOf = ({ databricks }: Stage, { environment }: LoginIo) => ({
  DATABRICKS_HOST: databricks.host,
  DATABRICKS_WAREHOUSE_ID: databricks.warehouse_id,
  SIGNALBOX_CA_FILE: environment["SIGNALBOX_CA_FILE"],
});

/** The executors' own credentials, for an operator who tries what executed code may do. */
export function executorsLogin(stage: StageInUse, given: LoginIo): Login | undefined {
  const io = ofStage(stage, given);
  const own = {
    DATABRICKS_CLIENT_ID: io.environment["DATABRICKS_EXECUTOR_CLIENT_ID"],
    DATABRICKS_CLIENT_SECRET: io.environment["DATABRICKS_EXECUTOR_CLIENT_SECRET"],
    DATABRICKS_TOKEN: io.environment["DATABRICKS_EXECUTOR_TOKEN"],
  };
  const isNamed = Object.values(own).some((value) => value !== undefined);
  return isNamed ? loginFrom({ ...placeOf(stage, io), ...own }) : undefined;
}

async function onCallsLogin(stage: StageInUse, io: LoginIo): Promise<Login | undefined> {
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
export async function lookerOf(stage: StageInUse, given: LoginIo): Promise<Looker> {
  const io = ofStage(stage, given);
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
async function storedLogin(stage: StageInUse, name: string, io: LoginIo): Promise<Login> {
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
  return { ...loginFrom({ ...placeOf(stage, io), ...credentials }), from: name };
}

/** AWS knows the caller, and the secret is not for them. */
class NotYoursError extends Error {
  override readonly name = "NotYoursError";
}

async function secretText(stage: StageInUse, SecretId: string): Promise<string> {
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

export type FactsAccess = AsyncDisposable & RunReader & { readonly client: WorkspaceClient };

/** Facts and markers, over REST only, so that no warehouse wakes up. */
export async function openFacts(stage: StageInUse, io: LoginIo): Promise<FactsAccess> {
  const client = workspaceClient(await loginOf(stage, io));
  const factsVolume = volumePathsOf(stage.databricks).facts;
  const options = { files: client.files, factsVolume };
  return {
    client,
    ...createFacts(options),
    ...createMarkers(options),
    namesIn: async (folder) =>
      (await client.files.list(`${factsVolume}/${folder}`)).map(({ name }) => name),
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

/** The probable cause and its remedy, by the kind of answer. */
function remedyOf(error: unknown, { local }: StageInUse): string {
  if (local !== undefined) return `the plane in ${local.folder} has no such queue, or is over`;
  const name = error instanceof Error ? error.name : "";
  if (
    /Credentials|ExpiredToken|InvalidClientTokenId|UnrecognizedClient|SignatureDoesNotMatch/.test(
      name,
    )
  )
    return "the AWS credentials are missing, expired or wrong: sign in (aws sts get-caller-identity says as whom)";
  if (/Region/.test(messageOf(error)))
    return "name the region: AWS_REGION, or aws.region of the stage";
  if (/ENOTFOUND|ECONN|ETIMEDOUT|certificate|Timeout/i.test(`${name} ${messageOf(error)}`))
    return "AWS cannot be reached from here: look at network, proxy and endpoint";
  return "is the stage deployed to this account and region, and may you use it (OnCallPolicyArn)?";
}

export function openQueues(stage: StageInUse): QueuesAccess {
  const sqs = new SQSClient(awsOptionsOf(stage));
  const find = async (name: string): Promise<string> => {
    try {
      const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: name }));
      if (QueueUrl === undefined) throw new Error("SQS named no URL");
      return QueueUrl;
    } catch (error) {
      throw new Error(
        `the queue ${name} cannot be found (${messageOf(error)}): ${remedyOf(error, stage)}`,
        { cause: error },
      );
    }
  };
  const urls = new Map<string, Promise<string>>();
  const urlOf = (name: string): Promise<string> => {
    const known = urls.get(name) ?? find(name);
    urls.set(name, known);
    known.catch(() => urls.delete(name));
    return known;
  };
  return {
    sqs,
    urlOf,
    sourceUrl: (queue) => urlOf(queueName(stage.stack, queue)),
    deadLetterUrl: (queue) => urlOf(deadLetterQueueName(stage.stack, queue)),
    [Symbol.dispose]: () => sqs.destroy(),
  };
}
