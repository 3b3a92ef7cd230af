// Explicit denies, which no other policy of the account can outweigh. IAM allows: the policies of
// roles and people say who is let in.
import { Stack } from "aws-cdk-lib";
import { AnyPrincipal, Effect, PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { Queue } from "aws-cdk-lib/aws-sqs";
import { type ServiceName, topology } from "../../shared/topology.ts";
import { constructId } from "../names.ts";
import type { Stage } from "../stage.ts";
import type { Consumer } from "./consumer.ts";
import type { Outcomes } from "./outcomes.ts";
import { announces } from "./traffic.ts";

type Consumers = Readonly<Record<ServiceName, Consumer>>;

/**
 * Principals of other accounts have no business in any queue, even if somebody lets them in by a
 * policy of the queue.
 */
export function keepOutOtherAccounts(queues: readonly Queue[]): void {
  for (const queue of queues)
    queue.addToResourcePolicy(
      denial("OtherAccounts", ["sqs:*"], queue.queueArn, {
        StringNotEquals: { "aws:PrincipalAccount": Stack.of(queue).account },
        // EventBridge delivers and puts aside under its own name.
        Bool: { "aws:PrincipalIsAWSService": "false" },
      }),
    );
}

/**
 * An order needs a person behind it, so no service of AWS may give one. If the stage names people,
 * only they and our own functions may; the functions send again what has to wait.
 */
export function keepOrdersToPeople(orders: Queue, consumers: Consumers, { people }: Stage): void {
  const deny = (sid: string, conditions: Conditions) =>
    orders.addToResourcePolicy(denial(sid, ["sqs:SendMessage"], orders.queueArn, conditions));
  deny("Services", { Bool: { "aws:PrincipalIsAWSService": "true" } });
  if (people.orders === undefined) return;
  const own = Object.values(consumers)
    .filter(({ service }) => topology.orders.senders.some((sender) => sender === service))
    .map(({ role }) => role.roleArn);
  deny("Others", { ArnNotLike: { "aws:PrincipalArn": [...people.orders, ...own] } });
}

/**
 * A principal that may put events on a bus may claim any source. On this bus each service uses its
 * own, and all others are denied.
 */
export function keepBusToServices({ bus }: Outcomes, consumers: Consumers): void {
  const speakers = Object.values(consumers).flatMap(({ service, role }) => {
    const detailType = announces[service];
    return detailType === undefined ? [] : [{ service, arn: role.roleArn, detailType }];
  });
  const deny = (sid: string, conditions: Conditions) =>
    bus.addToResourcePolicy(denial(sid, ["events:PutEvents"], bus.eventBusArn, conditions));
  deny("OthersSayNothing", {
    ArnNotEquals: { "aws:PrincipalArn": speakers.map(({ arn }) => arn) },
  });
  // A Sid takes letters and digits only.
  for (const { service, arn, detailType } of speakers)
    deny(`Only${constructId(service)}SaysItsOwn`, {
      ArnEquals: { "aws:PrincipalArn": arn },
      "ForAnyValue:StringNotEquals": { "events:detail-type": detailType },
    });
}

type Conditions = Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;

const denial = (sid: string, actions: string[], resource: string, conditions: Conditions) =>
  new PolicyStatement({
    ...{ sid, actions, conditions, effect: Effect.DENY },
    principals: [new AnyPrincipal()],
    resources: [resource],
  });
