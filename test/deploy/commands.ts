// What people do with the signalbox command: operators before and after a deploy, on-call engineers
// at night.
import { deepEqual, equal, match, notEqual } from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { PutFunctionRecursionConfigCommand } from "@aws-sdk/client-lambda";
import { SendMessageCommand } from "@aws-sdk/client-sqs";
import { type Context, LATER, LATER_WORKLOADS, TWIN, uploadData } from "./context.ts";
import { outcomeOf } from "./listener.ts";
import { administrator } from "./people.ts";
import { type Scene, send } from "./proofs.ts";
import { operatorsVariables, type Typed, type Typist, typist } from "./signalbox.ts";

/** As often as anybody likes: the plane stays the same. */
export async function bootstrapTwice(context: Context): Promise<void> {
  const operator = typist(context, administrator(context.cloud), operatorsVariables(context));
  const first = planeIn(await operator("bootstrap"));
  equal(planeIn(await operator("bootstrap")), first, "the second bootstrap made another plane");
  const twins = typist(context, administrator(context.cloud), operatorsVariables(context), TWIN);
  notEqual(planeIn(await twins("bootstrap")), first, "two stages are two planes");
  await uploadData(context);
}

function planeIn({ code, printed }: Typed): string {
  equal(code, 0, printed);
  return /is prepared: plane ([0-9a-f-]{36})/.exec(printed)?.[1] ?? printed;
}

/**
 * The emulator's CloudFormation passes over RecursiveLoop (MiniStack 1.5.33; the template has it,
 * as is asserted elsewhere): just what the doctor is for. It fails, its remedy is followed, and it
 * finds nothing more than the one letter that nobody has looked at.
 */
export async function doctorIsFollowed({ context, onCall }: Scene): Promise<void> {
  deepEqual(await complaintsAfterRemedies(context, typist(context, administrator(context.cloud))), [
    "facts are closed: skipped",
    "queue tickets: 1 dead letters",
  ]);
  const { code, complaints } = await ask(typist(context, onCall));
  equal(
    code,
    3,
    `on-call may not look at everything, which is no fault, and not healthy: ${JSON.stringify(complaints)}`,
  );
}

/** Follows the remedies for what fails; then only what should be looked at is left. */
export async function complaintsAfterRemedies(
  context: Context,
  type: Typist,
): Promise<readonly string[]> {
  const first = await ask(type);
  equal(first.code, 1, "an unhealthy plane must show in the exit code");
  const failed = first.complaints.filter(({ status }) => status === "fail");
  deepEqual(
    failed.map(({ id, said }) => `${id}: ${said.replace(/ \(.*/, "")}`),
    ["orchestrator", "run-poller", "ingester"].map(
      (service) => `function ${service}: Lambda would stop our loop after 16 rounds`,
    ),
  );
  const { lambda } = administrator(context.cloud);
  for (const { remedy } of failed) {
    const [, FunctionName] = /--function-name (\S+) --recursive-loop Allow$/.exec(remedy) ?? [];
    const config = { FunctionName, RecursiveLoop: "Allow" } as const;
    await lambda.send(new PutFunctionRecursionConfigCommand(config));
  }
  const second = await ask(type);
  const isSeen = second.complaints.every(({ status }) => status !== "skipped");
  const said = JSON.stringify(second.complaints);
  equal(second.code, isSeen ? 0 : 3, `a warning is no failure: ${said}`);
  return second.complaints.map(
    ({ id, status, said }) => `${id}: ${status === "skipped" ? status : said}`,
  );
}

async function ask(type: Typist) {
  const { code, printed } = await type("doctor", "--json");
  const { answers } = JSON.parse(printed) as {
    answers: { id: string; status: string; said: string; remedy: string }[];
  };
  // What the warehouse costs is said as a warning; its auto-stop is none of this test's.
  const [price] = answers.filter(({ id }) => id === "warehouse's sleep");
  equal(price?.status ?? "warn", "warn", price?.said);
  return {
    code,
    complaints: answers.filter((answer) => answer !== price && answer.status !== "ok"),
  };
}

/** With on-call's keys and policy: list, then discard; the reason is there. */
export async function onCallLooks({ context, onCall }: Scene): Promise<void> {
  const type = typist(context, onCall);
  const listed = await type("dead-letters", "list", "--json");
  equal(listed.code, 0, listed.printed);
  const letters = JSON.parse(listed.printed) as Record<string, string>[];
  deepEqual(
    letters.map(({ queue, runId }) => [queue, runId]),
    [["tickets", "NOTHING-1"]],
  );
  match(letters[0]?.["reason"] ?? "", /there is no workload "no-such-workload"/);
  const replayed = await type("dead-letters", "replay", "--run", "NOTHING-1", "--dry-run");
  match(
    replayed.printed,
    /^stays: tickets .*it would come back: there is no workload "no-such-workload"/m,
  );
  const discarded = await type("dead-letters", "discard", "--run", "NOTHING-1", "--yes");
  equal(discarded.code, 0, discarded.printed);
  const left = await type("dead-letters", "list");
  equal(left.printed, "no dead letters\n");
  equal(left.code, 3, "nothing matched");
}

/** A run that waits is cancelled; one that failed is reopened, and ends a second time. */
export async function onCallCancelsAndRetries(scene: Scene): Promise<void> {
  const { context, urlOf, producer, onCall, listener } = scene;
  const type = typist(context, onCall);
  const ticket = (ticket_id: string, parameters: object) =>
    send(producer, urlOf("TicketsQueueUrl"), { ticket_id, workload: "weather-report", parameters });
  await ticket("WAITS-1", { pause_seconds: 300 });
  await ticket("FAILS-1", { city: "Nowhere" });
  const failed = await listener.hear("outcome of FAILS-1", 60, outcomeOf(/^FAILS-1$/));
  equal(failed.detail["outcome"], "failed", JSON.stringify(failed.detail));
  match((await type("runs")).printed, /^WAITS-1 +1 +weather-report /m);
  // A producer who would stop it is a dead letter, and no order.
  await send(producer, urlOf("TicketsQueueUrl"), {
    type: "cancel",
    run_id: "WAITS-1",
    reason: "none of their business",
  });
  const cancelled = await type("cancel", "WAITS-1", "--reason", "nobody needs it");
  equal(cancelled.code, 0, cancelled.printed);
  const retried = await type("retry", "FAILS-1", "--reason", "once more");
  equal(retried.code, 0, retried.printed);
  const stopped = await listener.hear("outcome of WAITS-1", 60, outcomeOf(/^WAITS-1$/));
  equal(stopped.detail["outcome"], "cancelled", JSON.stringify(stopped.detail));
  const again = await listener.hear(
    "second outcome of FAILS-1",
    60,
    (event) => outcomeOf(/^FAILS-1$/)(event) && event.detail["chapter"] === 2,
  );
  equal(again.detail["outcome"], "failed", JSON.stringify(again.detail));
  match(String(stopped.detail["reason"]), /nobody needs it/);
  const refused = await type("dead-letters", "list", "--run", "WAITS-1");
  match(refused.printed, /a message of type cancel does not come by the queue tickets/);
  const replayed = await type("dead-letters", "replay", "--run", "WAITS-1", "--yes");
  match(replayed.printed, /^stays: .*give it yourself \(signalbox cancel\)/m);
  equal((await type("dead-letters", "discard", "--run", "WAITS-1", "--yes")).code, 0);
}

/** Before the deploy that brings its workload: nobody knows it yet, and nothing is JSON. */
export async function lettersComeTooEarly({ urlOf, producer, listener }: Scene): Promise<void> {
  const url = urlOf("TicketsQueueUrl");
  await send(producer, url, { ticket_id: "EARLY-1", workload: LATER });
  await producer.sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: "{" }));
  for (const [what, reason] of [
    ["EARLY-1", new RegExp(`there is no workload "${LATER}"`)],
    ["what is no JSON", /not JSON/],
  ] as const)
    await listener.hear(
      `rejection of ${what}`,
      60,
      (event) =>
        event["detail-type"] === "Ticket Rejected" && reason.test(String(event.detail["reason"])),
    );
}

/**
 * With on-call's keys and policy: what was mended runs to its outcome, what would only come back
 * stays until it is discarded.
 */
export async function onCallReplays({ context, onCall, listener }: Scene): Promise<void> {
  // A replay is judged by the recipes at hand, and those of the deploy are the later ones.
  const workloads = join(context.folder, LATER_WORKLOADS);
  const type = typist({ ...context, app: { ...context.app, workloads } }, onCall);
  const replayed = await type("dead-letters", "replay", "--all", "--yes");
  match(replayed.printed, /^replayed: tickets \S+ EARLY-1: starts a run/m);
  match(replayed.printed, /^stays: tickets .*: it would come back: .*not JSON/m);
  equal(replayed.code, 1, "what stays must show in the exit code");
  const event = await listener.hear("outcome of EARLY-1", 90, outcomeOf(/^EARLY-1$/));
  equal(event.detail["outcome"], "succeeded", JSON.stringify(event.detail));
  const discarded = await type("dead-letters", "discard", "--all", "--yes");
  equal(discarded.code, 0, discarded.printed);
  equal((await type("dead-letters", "list")).printed, "no dead letters\n");
  await actionsAreKept(context);
}

/** Who did it is in the telemetry, soon after. */
async function actionsAreKept({ client, access }: Context): Promise<void> {
  await using session = await client.sql(access.catalog, access.schema).open();
  const read = async () => {
    const rows = await session.execute(
      "SELECT run_id, metadata FROM telemetry WHERE event_type = 'person.acted' ORDER BY timestamp",
    );
    return rows.map((row) => `${row["run_id"]} ${row["metadata"]}`).join("\n");
  };
  for (let tried = 0; tried < 100; tried++) {
    const kept = await read();
    if (/^EARLY-1 .*dead-letter replay/m.test(kept)) return match(kept, /AIDA|AKIA|on-call/);
    await sleep(300);
  }
  throw new Error(`no row of telemetry tells of the replay: ${await read()}`);
}
