// `npm run test:deploy`: the whole stack, really deployed to an AWS on this machine that enforces
// roles and TLS, working against the embedded workspace. Ends with 0 only if every step held.
// Folders are kept for a look when one did not.
import { execFile } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { messageOf } from "../../shared/domain/body.ts";
import {
  bootstrapTwice,
  doctorIsFollowed,
  lettersComeTooEarly,
  onCallCancelsAndRetries,
  onCallLooks,
  onCallReplays,
} from "./commands.ts";
import { type Context, ON_CALL, prepareContext, STACK, synthesise, TWIN_STACK } from "./context.ts";
import { deployAgain, deployFirst, destroy, redeployDuringARun } from "./life.ts";
import { createListener } from "./listener.ts";
import { administrator, hire } from "./people.ts";
import { outcomesAreHeard, scheduleFires, strangersAreDenied } from "./proofs.ts";
import { projectRoot, toolPath } from "./tools.ts";
import { twinWorks } from "./twin.ts";

const folder = join(projectRoot, ".local", "deploy");
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const beganMs = Date.now();
try {
  await prove();
  say("all of it held");
} catch (error) {
  console.error(messageOf(error));
  console.error(`FAILED. What was there is in ${folder}: cloud/ministack.log first.`);
  process.exitCode = 1;
}

async function prove(): Promise<void> {
  await using context = await step("a workspace and an AWS are there", () =>
    prepareContext(folder),
  );
  await step("the workspace is bootstrapped, twice", () => bootstrapTwice(context));
  const assembly = join(folder, "assembly");
  await step("the app is synthesised", () => synthesise(context, assembly, "one"));
  await step("cfn-lint finds nothing", () => lint(assembly));
  const outputs = await step("the stack is deployed", () => deployFirst(context, assembly));
  await live(context, outputs, assembly);
  await step("it is destroyed, and the facts are still there", () => destroy(context, assembly));
}

/** From the first ticket to a deploy in the middle of a run. */
async function live(
  context: Context,
  outputs: Readonly<Record<string, string>>,
  assembly: string,
): Promise<void> {
  const { cloud } = context;
  const urlOf = (name: string): string => {
    const url = outputs[name];
    if (url === undefined) throw new Error(`the stack has no output ${name}`);
    return url;
  };
  await using producer = await hire(cloud, "upstream", urlOf("ProducersPolicyArn"));
  await using onCall = await hire(cloud, ON_CALL, urlOf("OnCallPolicyArn"));
  await using unnamed = await hire(cloud, "unnamed", urlOf("OnCallPolicyArn"));
  const listener = createListener(administrator(cloud), urlOf("ExampleQueueUrl"));
  const scene = { context, urlOf, producer, onCall, unnamed, listener };
  await step("tickets of a producer become outcomes and ledger rows", () =>
    outcomesAreHeard(scene),
  );
  await step("the doctor finds what is wrong, and its remedies help", () =>
    doctorIsFollowed(scene),
  );
  await step("a dead letter has its reason, and on-call handles it", () => onCallLooks(scene));
  await step("on-call cancels a run, and retries one", () => onCallCancelsAndRetries(scene));
  await step("who tries more is denied", () => strangersAreDenied(scene));
  await step("a schedule fires", () => scheduleFires(scene));
  await step("a second stage beside it signs in without a secret", () =>
    twinWorks(scene, assembly),
  );
  await step("a second deploy changes nothing", () => deployAgain(context, assembly));
  await step("tickets that come too early are put aside", () => lettersComeTooEarly(scene));
  await step("a deploy in the middle of a run harms nothing", () => redeployDuringARun(scene));
  await step("on-call replays what the deploy mended, and discards the rest", () =>
    onCallReplays(scene),
  );
}

async function lint(assembly: string): Promise<void> {
  const templates = [STACK, TWIN_STACK].map((stack) => join(assembly, `${stack}.template.json`));
  // W3005: CDK writes a DependsOn beside a GetAtt that implies it.
  const args = ["--ignore-checks", "W3005", ...templates.flatMap((path) => ["--template", path])];
  await promisify(execFile)(await toolPath("cfn-lint"), args).catch((error: unknown) => {
    const hasOutput = typeof error === "object" && error !== null && "stdout" in error;
    throw new Error(`cfn-lint: ${hasOutput ? error.stdout : messageOf(error)}`, { cause: error });
  });
}

async function step<T>(what: string, act: () => Promise<T>): Promise<T> {
  const startMs = Date.now();
  try {
    const result = await act();
    say(`${what} (${((Date.now() - startMs) / 1000).toFixed(1)} s)`);
    return result;
  } catch (error) {
    throw new Error(`not so: ${what}: ${messageOf(error)}`, { cause: error });
  }
}

function say(line: string): void {
  console.log(`${((Date.now() - beganMs) / 1000).toFixed(1).padStart(6)} s  ${line}`);
}
