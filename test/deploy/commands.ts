// What people do with the signalbox command: operators before and after a deploy, on-call engineers at night.
import { deepEqual, equal, match } from "node:assert/strict";
import { PutFunctionRecursionConfigCommand } from "@aws-sdk/client-lambda";
import { type Ground, uploadData } from "./ground.ts";
import { outcomeOf } from "./listener.ts";
import { administrator, type Person } from "./people.ts";
import { type Scene, send } from "./proofs.ts";
import { operatorsVariables, type Typed, typist } from "./signalbox.ts";

/** As often as anybody likes: the plane stays the same. */
export async function bootstrapTwice(ground: Ground): Promise<void> {
  const operator = typist(ground, administrator(ground.cloud), operatorsVariables(ground));
  const first = planeIn(await operator("bootstrap"));
  equal(planeIn(await operator("bootstrap")), first, "the second bootstrap made another plane");
  await uploadData(ground);
}

function planeIn({ code, printed }: Typed): string {
  equal(code, 0, printed);
  return /is prepared: plane ([0-9a-f-]{36})/.exec(printed)?.[1] ?? printed;
}

/**
 * The emulator's CloudFormation passes over RecursiveLoop (MiniStack 1.5.33; the template has it, as is asserted elsewhere): just what
 * the doctor is for. It fails, its remedy is followed, and it finds nothing more than the one letter that nobody has looked at.
 */
export async function doctorIsFollowed({ ground }: Scene): Promise<void> {
  const person = administrator(ground.cloud);
  const first = await ask(ground, person);
  equal(first.code, 1, "an unhealthy plane must show in the exit code");
  deepEqual(
    first.complaints.filter(({ status }) => status === "fail").map(({ id }) => id),
    ["function orchestrator", "function run-poller", "function ingester"],
  );
  for (const { remedy } of first.complaints.filter(({ status }) => status === "fail")) {
    const [, FunctionName] = /--function-name (\S+) --recursive-loop Allow$/.exec(remedy) ?? [];
    const config = { FunctionName, RecursiveLoop: "Allow" } as const;
    await person.lambda.send(new PutFunctionRecursionConfigCommand(config));
  }
  const second = await ask(ground, person);
  deepEqual(
    second.complaints.map(({ id, said }) => `${id}: ${said}`),
    ["queue tickets: 1 dead letters"],
  );
  equal(second.code, 0, "a warning is no failure");
}

async function ask(ground: Ground, person: Person) {
  const { code, printed } = await typist(ground, person)("doctor", "--json");
  const { answers } = JSON.parse(printed) as {
    answers: { id: string; status: string; said: string; remedy: string }[];
  };
  return { code, complaints: answers.filter(({ status }) => status !== "ok") };
}

/** With on-call's keys and policy: list, then discard; the reason is there. */
export async function onCallLooks({ ground, onCall }: Scene): Promise<void> {
  const type = typist(ground, onCall);
  const listed = await type("dead-letters", "list", "--json");
  equal(listed.code, 0, listed.printed);
  const letters = JSON.parse(listed.printed) as Record<string, string>[];
  deepEqual(
    letters.map(({ queue, runId }) => [queue, runId]),
    [["tickets", "NOTHING-1"]],
  );
  match(letters[0]?.["reason"] ?? "", /there is no workload "no-such-workload"/);
  const replayed = await type("dead-letters", "replay", "--run", "NOTHING-1", "--dry-run");
  match(replayed.printed, /would replay: tickets/);
  const discarded = await type("dead-letters", "discard", "--run", "NOTHING-1");
  equal(discarded.code, 0, discarded.printed);
  const left = await type("dead-letters", "list");
  equal(left.printed, "no dead letters\n");
}

/** A run that waits is cancelled; one that failed is reopened, and ends a second time. */
export async function onCallCancelsAndRetries(scene: Scene): Promise<void> {
  const { ground, urlOf, producer, onCall, listener } = scene;
  const type = typist(ground, onCall);
  const ticket = (ticket_id: string, parameters: object) =>
    send(producer, urlOf("TicketsQueueUrl"), { ticket_id, workload: "weather-report", parameters });
  await ticket("WAITS-1", { pause_seconds: 300 });
  await ticket("FAILS-1", { city: "Nowhere" });
  const failed = await listener.hear("outcome of FAILS-1", 60, outcomeOf(/^FAILS-1$/));
  equal(failed.detail["outcome"], "failed", JSON.stringify(failed.detail));
  match((await type("runs")).printed, /^WAITS-1 +1 /m);
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
}
