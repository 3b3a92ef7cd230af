// An upstream system and an on-call engineer, each with the stack's policy and nothing else; and
// the administrator.
import { Agent } from "node:https";
import { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import {
  AttachUserPolicyCommand,
  CreateAccessKeyCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  DeleteUserCommand,
  DeleteUserPolicyCommand,
  DetachUserPolicyCommand,
  GetPolicyCommand,
  GetPolicyVersionCommand,
  IAMClient,
  PutUserPolicyCommand,
} from "@aws-sdk/client-iam";
import { LambdaClient } from "@aws-sdk/client-lambda";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SQSClient } from "@aws-sdk/client-sqs";
import { type MiniStack, REGION } from "./ministack.ts";

export type Person = {
  readonly sqs: SQSClient;
  readonly events: EventBridgeClient;
  readonly secrets: SecretsManagerClient;
  readonly lambda: LambdaClient;
  /** Their keys, for a process of theirs. */
  readonly environment: Readonly<Record<string, string>>;
};

type Keys = { readonly accessKeyId: string; readonly secretAccessKey: string };

const optionsOf = (cloud: MiniStack, credentials: Keys) => ({
  endpoint: cloud.endpoint,
  region: REGION,
  credentials,
  requestHandler: { httpsAgent: new Agent({ ca: cloud.caPem, keepAlive: true }) },
});

const personOf = (cloud: MiniStack, keys: Keys): Person => ({
  sqs: new SQSClient(optionsOf(cloud, keys)),
  events: new EventBridgeClient(optionsOf(cloud, keys)),
  secrets: new SecretsManagerClient(optionsOf(cloud, keys)),
  lambda: new LambdaClient(optionsOf(cloud, keys)),
  environment: {
    ...cloud.clientEnvironment,
    AWS_ACCESS_KEY_ID: keys.accessKeyId,
    AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
  },
});

const administratorsKeys = { accessKeyId: "test", secretAccessKey: "test" };
export const administrator = (cloud: MiniStack): Person => personOf(cloud, administratorsKeys);

/**
 * Somebody with this policy alone. Leaving takes user and key away again, so that the policy can be
 * deleted.
 */
export async function hire(
  cloud: MiniStack,
  UserName: string,
  PolicyArn: string,
): Promise<Person & AsyncDisposable> {
  const iam = new IAMClient(optionsOf(cloud, administratorsKeys));
  await iam.send(new CreateUserCommand({ UserName }));
  await iam.send(new AttachUserPolicyCommand({ UserName, PolicyArn }));
  await iam.send(
    new PutUserPolicyCommand({
      UserName,
      PolicyName: BATCHES,
      PolicyDocument: JSON.stringify(batchesOf(await documentOf(iam, PolicyArn))),
    }),
  );
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
  if (AccessKey?.AccessKeyId === undefined || AccessKey.SecretAccessKey === undefined)
    throw new Error(`IAM made no key for ${UserName}`);
  const { AccessKeyId, SecretAccessKey } = AccessKey;
  return {
    ...personOf(cloud, { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey }),
    [Symbol.asyncDispose]: async () => {
      await iam.send(new DetachUserPolicyCommand({ UserName, PolicyArn }));
      await iam.send(new DeleteUserPolicyCommand({ UserName, PolicyName: BATCHES }));
      await iam.send(new DeleteAccessKeyCommand({ UserName, AccessKeyId }));
      await iam.send(new DeleteUserCommand({ UserName }));
    },
  };
}

const BATCHES = "batches";

type Statement = { readonly Effect: string; readonly Action: string | readonly string[] };
type Document = { readonly Version: string; readonly Statement: readonly Statement[] };

async function documentOf(iam: IAMClient, PolicyArn: string): Promise<Document> {
  const { Policy } = await iam.send(new GetPolicyCommand({ PolicyArn }));
  const VersionId = Policy?.DefaultVersionId ?? "v1";
  const { PolicyVersion } = await iam.send(new GetPolicyVersionCommand({ PolicyArn, VersionId }));
  const text = PolicyVersion?.Document ?? "{}";
  return JSON.parse(text.startsWith("%") ? decodeURIComponent(text) : text) as Document;
}

/**
 * AWS grants a batch by the action on one message, and knows no action of the batch's name. The
 * emulator asks for that name.
 */
function batchesOf({ Version, Statement }: Document): Document {
  const single = /^sqs:(SendMessage|DeleteMessage|ChangeMessageVisibility)$/;
  const batches = Statement.flatMap((statement) => {
    const actions = [statement.Action].flat().filter((action) => single.test(action));
    if (statement.Effect !== "Allow" || actions.length === 0) return [];
    return [{ ...statement, Action: actions.map((action) => `${action}Batch`) }];
  });
  return { Version, Statement: batches };
}
