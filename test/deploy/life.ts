// The life of a stack: deployed, deployed again, changed while a run is under way, destroyed.
import { equal, match, notEqual, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CreateSecretCommand } from "@aws-sdk/client-secrets-manager";
import { ListQueuesCommand } from "@aws-sdk/client-sqs";
import { secretOf } from "../../cli/workspace-client.ts";
import {
  type Context,
  ON_CALL_SECRET,
  SECRET,
  STACK,
  synthesise,
  TWIN_STACK,
  writeLaterWorkloads,
} from "./context.ts";
import { outcomeOf } from "./listener.ts";
import { administrator } from "./people.ts";
import { type Scene, send } from "./proofs.ts";

/** As the README has it: the secret, `cdk bootstrap`, `cdk deploy`. Returns the stack's outputs. */
export async function deployFirst(
  { cdk, cloud, access }: Context,
  assembly: string,
): Promise<Readonly<Record<string, string>>> {
  const { secrets } = administrator(cloud);
  const onCall = access.embedded?.onCall ?? access.operator;
  for (const [Name, { credentials }] of [
    [SECRET, access.controllers],
    [ON_CALL_SECRET, onCall],
  ] as const)
    await secrets.send(new CreateSecretCommand({ Name, SecretString: secretOf(credentials) }));
  await cdk.run("bootstrap", "--app", assembly);
  const { outputs } = await cdk.deploy(assembly, STACK);
  return outputs;
}

export async function deployAgain({ cdk }: Context, assembly: string): Promise<void> {
  const { printed } = await cdk.deploy(assembly, STACK);
  match(printed, /\(no changes\)/);
}

/**
 * A run is executing when the code of all three functions is replaced: it ends as it must, under
 * the new code.
 */
export async function redeployDuringARun(scene: Scene): Promise<void> {
  const { context, urlOf, producer, listener } = scene;
  const { cdk, folder } = context;
  const changed = join(folder, "assembly-two");
  await synthesise(context, changed, "two", writeLaterWorkloads(folder));
  for (const name of assetsOf(join(folder, "assembly")))
    ok(!assetsOf(changed).includes(name), "all three functions must have new code");
  await send(producer, urlOf("TicketsQueueUrl"), {
    ticket_id: "SLOW-1",
    workload: "weather-report",
    parameters: { pause_seconds: 20 },
  });
  await isSubmitted(context, "SLOW-1");
  const { printed } = await cdk.deploy(changed, STACK);
  ok(!printed.includes("(no changes)"), "the second revision is a change");
  const event = await listener.hear("outcome of SLOW-1", 120, outcomeOf(/^SLOW-1$/));
  equal(event.detail["outcome"], "succeeded", JSON.stringify(event.detail));
  equal(event.detail["attempt"], 1, "it was not started again");
}

/** The asset folders of the functions' code. */
function assetsOf(assembly: string): readonly string[] {
  const template: unknown = JSON.parse(
    readFileSync(join(assembly, `${STACK}.template.json`), "utf8"),
  );
  const { Resources } = template as {
    Resources: Record<string, { Type: string; Properties: { Code?: { S3Key: string } } }>;
  };
  const keys = Object.values(Resources)
    .filter(({ Type }) => Type === "AWS::Lambda::Function")
    .map(({ Properties }) => Properties.Code?.S3Key ?? "");
  equal(keys.length, 3);
  return keys;
}

async function isSubmitted({ client, access }: Context, runId: string): Promise<void> {
  const path = factPath(access, `run_${runId}/iter_001.attempt_001.submission.json`);
  for (let tried = 0; tried < 100; tried++) {
    if ((await client.files.read(path, 1_000_000)).kind !== "absent") return;
    await sleep(300);
  }
  throw new Error(`${path} did not appear within 30 s`);
}

const factPath = ({ catalog, schema }: Context["access"], path: string): string =>
  `/Volumes/${catalog}/${schema}/facts/${path}`;

/** Nothing of the stack is left in AWS, and nothing of the runs is lost. */
export async function destroy(context: Context, assembly: string): Promise<void> {
  const { cdk, cloud, client, access } = context;
  for (const stack of [STACK, TWIN_STACK])
    await cdk.run("destroy", stack, "--force", "--app", assembly);
  const { QueueUrls = [] } = await administrator(cloud).sqs.send(
    new ListQueuesCommand({ QueueNamePrefix: "signalbox-" }),
  );
  equal(QueueUrls.length, 0, `these queues are still there: ${QueueUrls.join(", ")}`);
  for (const fact of ["plane.json", "run_SLOW-1/ticket.json", "run_MODEL-1/outcome_1.json"]) {
    const file = await client.files.read(factPath(access, fact), 1_000_000);
    notEqual(file.kind, "absent", `${fact} must outlive the stack`);
  }
}
