// Finds faults in a queue of the loop, from its attributes.
import { shapeOf } from "../../infra/constructs/traffic.ts";
import { queueName } from "../../infra/names.ts";
import type { Stage } from "../../infra/stage.ts";
import { type QueueName, retentionSeconds } from "../../shared/topology.ts";
import { type Finding, fail, ok, restoring, warn } from "./check.ts";

/** As GetQueueAttributes has them: all of them text. */
export type Attributes = Readonly<Record<string, string>>;

export function queueFinding(
  stage: Stage,
  queue: QueueName,
  source: Attributes,
  deadLetters: Attributes,
): Finding {
  const faults = [
    ...sourceFaults(stage, queue, source, deadLetters),
    ...deadLetterFaults(source, deadLetters),
    ...policyFaults("the queue", source),
    ...policyFaults("the dead letters", deadLetters),
    ...(queue === "orders" ? ordersFaults(stage, source) : []),
  ];
  if (faults.length === 0) return crowdFinding(stage, queue, source, deadLetters);
  const crowd = crowdFinding(stage, queue, source, deadLetters);
  const said = [...faults, ...(crowd.status === "ok" ? [] : [crowd.sentence])];
  return fail(said.join("; "), remedyOf(stage, queue, source, faults.length));
}

/** One command, if numbers of the queue are all that differs; otherwise all of it anew. */
function remedyOf(stage: Stage, queue: QueueName, source: Attributes, faults: number): string {
  const shape = shapeOf(stage, queue);
  const wanted = {
    VisibilityTimeout: shape.visibilitySeconds,
    MessageRetentionPeriod: retentionSeconds.source,
    DelaySeconds: 0,
  };
  const changed = Object.entries(wanted).filter(
    ([name, value]) => String(source[name] ?? 0) !== String(value),
  );
  if (changed.length !== faults) return restoring(stage);
  const name = queueName(stage.stack, queue);
  const attributes = changed.map(([key, value]) => `${key}=${value}`).join(",");
  return `aws sqs set-queue-attributes --queue-url "$(aws sqs get-queue-url --queue-name ${name} --query QueueUrl --output text)" --attributes ${attributes}`;
}

function sourceFaults(
  stage: Stage,
  queue: QueueName,
  source: Attributes,
  deadLetters: Attributes,
): readonly string[] {
  const shape = shapeOf(stage, queue);
  const redrive = objectIn(source["RedrivePolicy"]);
  return [
    differs("visibility", source["VisibilityTimeout"], shape.visibilitySeconds),
    differs("retention", source["MessageRetentionPeriod"], retentionSeconds.source),
    differs("receives", redrive["maxReceiveCount"], shape.receivesMax),
    differs("dead letters' queue", redrive["deadLetterTargetArn"], deadLetters["QueueArn"]),
    differs("delay of every message", source["DelaySeconds"] ?? 0, 0),
  ].flat();
}

function deadLetterFaults(source: Attributes, deadLetters: Attributes): readonly string[] {
  const allow = objectIn(deadLetters["RedriveAllowPolicy"]);
  const sources: unknown = allow["sourceQueueArns"];
  const isOnlyOurs =
    allow["redrivePermission"] === "byQueue" &&
    Array.isArray(sources) &&
    sources.length === 1 &&
    sources[0] === source["QueueArn"];
  return [
    ...differs(
      "dead letters' retention",
      deadLetters["MessageRetentionPeriod"],
      retentionSeconds.deadLetters,
    ),
    ...(isOnlyOurs ? [] : ["other queues than ours may send their dead letters here"]),
  ];
}

/**
 * Nothing comes without TLS, and the queue itself lets nobody in: IAM says who may send, by the
 * stack's policies.
 */
function policyFaults(what: string, attributes: Attributes): readonly string[] {
  const list = statementsIn(attributes);
  const refusesPlain = list.some(
    (each) => each["Effect"] === "Deny" && JSON.stringify(each).includes("aws:SecureTransport"),
  );
  const strangers = list.filter(
    (each) =>
      each["Effect"] === "Allow" &&
      each["Condition"] === undefined &&
      /"\*"/.test(JSON.stringify(each["Principal"] ?? "")),
  );
  return [
    ...(refusesPlain ? [] : [`${what}: no policy refuses what comes without TLS`]),
    ...(strangers.length === 0 ? [] : [`${what}: a policy lets everybody in`]),
  ];
}

/**
 * An order needs a person behind it: no service gives one, and if the stage names people, nobody
 * else does.
 */
function ordersFaults({ people }: Stage, attributes: Attributes): readonly string[] {
  const denies = (key: string) =>
    statementsIn(attributes).some(
      (each) => each["Effect"] === "Deny" && JSON.stringify(each["Condition"] ?? "").includes(key),
    );
  return [
    ...(denies('"Bool":{"aws:PrincipalIsAWSService":"true"}')
      ? []
      : ["no policy keeps services of AWS from giving orders"]),
    ...(people.orders === undefined || denies('"ArnNotLike":{"aws:PrincipalArn"')
      ? []
      : ["no policy keeps orders to those whom the stage names (people.orders)"]),
  ];
}

function statementsIn(attributes: Attributes) {
  const statements: unknown = objectIn(attributes["Policy"])["Statement"];
  return Array.isArray(statements) ? statements.map((each) => objectOf(each)) : [];
}

/** SQS hands out no more than 120,000 messages of a standard queue at once (OverLimit). */
const IN_FLIGHT_WARNED = 100_000;

function crowdFinding(
  { name }: Stage,
  queue: QueueName,
  source: Attributes,
  deadLetters: Attributes,
): Finding {
  const inFlight = Number(source["ApproximateNumberOfMessagesNotVisible"] ?? 0);
  if (inFlight >= IN_FLIGHT_WARNED)
    return warn(
      `${inFlight} messages are in flight, and SQS stops at 120,000`,
      "see the runbook, Queue age: handlers receive and do not finish",
    );
  const waiting = Number(deadLetters["ApproximateNumberOfMessages"] ?? 0);
  return waiting > 0
    ? warn(
        `${waiting} dead letters`,
        `npx signalbox dead-letters list --stage ${name} --queue ${queue}, and the runbook`,
      )
    : ok("as deployed, and no dead letters");
}

const differs = (what: string, found: unknown, wanted: unknown): readonly string[] =>
  String(found) === String(wanted) ? [] : [`${what} is ${found}, and must be ${wanted}`];

const objectOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};

function objectIn(text: string | undefined): Readonly<Record<string, unknown>> {
  try {
    return objectOf(JSON.parse(text ?? "{}"));
  } catch {
    return {};
  }
}
