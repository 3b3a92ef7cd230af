// Who is kept out, whatever else they may: explicit denies, which no other policy of the account outweighs. Who is let in says IAM, by
// the policies of roles and people.
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

/** Principals of other accounts have no business in any queue, even if somebody lets them in by a policy of the queue. */
export function keepOutOtherAccounts(queues: readonly Queue[]): void {
  for (const queue of queues)
    queue.addToResourcePolicy(
      denial("OtherAccounts", ["sqs:*"], queue.queueArn, {
        StringNotEquals: { "aws:PrincipalAccount": Stack.of(queue).account },
        // EventBridge speaks for itself where it delivers and puts aside.
        Bool: { "aws:PrincipalIsAWSService": "false" },
      }),
    );
}

/**
 * An order is somebody's: no service of AWS gives any, because nobody would know on whose behalf. Where the stage names people, it is
 * them and our own functions, which send again what has to wait.
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

/** Whoever may put events on a bus may claim any source. On this one each service says its own, and nobody else says anything. */
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
  // Letters and digits alone: a Sid takes nothing else.
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
