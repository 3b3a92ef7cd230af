// The callers of the embedded AWS. Each has an access key of its own, by which SQS names senders,
// and may do what the stack's policies allow. Keys are random at each start. A caller only needs to
// know the id of one, so signatures are not checked.
import { randomBytes } from "node:crypto";
import { detailTypes } from "../../shared/domain/events.ts";
import { type QueueName, type ServiceName, topology } from "../../shared/topology.ts";
import {
  deadLetterQueueName,
  listenerQueueName,
  queueNames,
  sourceQueueName,
} from "./queue-shape.ts";

/** A call that may be denied: an action of IAM, and its resource. */
export type Act = {
  /** `sqs:SendMessage`, `events:PutEvents`, `secretsmanager:GetSecretValue` */
  readonly action: string;
  /** The queue's name, the event's detail-type, the secret's name. */
  readonly on: string;
};

export type Principal = {
  readonly name: string;
  /** The id in SQS' words: `AIDA…` of a user, `AROA…:<session name>` of a role. */
  readonly senderId: string;
  readonly may: (act: Act) => boolean;
};

/** Finds a principal by the access key of a request's signature. */
export type PrincipalOf = (accessKeyId: string) => Principal | undefined;

export type Keys = { readonly accessKeyId: string; readonly secretAccessKey: string };

/** Accepts every key and allows everything: for tests without a plane. */
export const anybody: PrincipalOf = (accessKeyId) => ({
  name: accessKeyId,
  senderId: `AIDA${accessKeyId.toUpperCase()}`,
  may: () => true,
});

/**
 * The principals around a plane: its functions, people, upstream systems, and AWS itself, which
 * polls and puts aside.
 */
type Who = ServiceName | "on-call" | "upstream" | "aws";

export type Principals = {
  readonly principalOf: PrincipalOf;
  readonly keysOf: (who: Who) => Keys;
  /** All of them, for a plane that is kept. */
  readonly keys: KeyRing;
  /** The ids of the functions' roles, without a session. */
  readonly ownRoles: readonly string[];
};

const services = ["orchestrator", "run-poller", "ingester"] as const satisfies ServiceName[];

/** Keys by who has them, as a plane that is kept remembers them. */
export type KeyRing = Readonly<Record<string, Keys>>;

/** @param kept the keys of before; a principal without one gets a random one */
export function createPrincipals(stack: string, kept: KeyRing = {}): Principals {
  const principals: Readonly<Record<Who, Principal>> = {
    orchestrator: functionOf(stack, "orchestrator"),
    "run-poller": functionOf(stack, "run-poller"),
    ingester: functionOf(stack, "ingester"),
    "on-call": {
      name: "on-call",
      senderId: `${idOf("AROA", "on-call")}:local`,
      may: onCallMay(stack),
    },
    upstream: {
      name: "upstream",
      senderId: idOf("AIDA", "upstream"),
      may: ({ action, on }) =>
        ((action === "sqs:SendMessage" || action === "sqs:GetQueueUrl") &&
          openTo("anyone").some((queue) => on === sourceQueueName(stack, queue))) ||
        (on === listenerQueueName(stack) && LOOK_AND_DISCARD.includes(action)),
    },
    aws: { name: "aws", senderId: `${idOf("AROA", "aws")}:local`, may: () => true },
  };
  const keys = Object.fromEntries(
    Object.keys(principals).map((who) => [who, kept[who] ?? freshKeys()]),
  ) as Record<Who, Keys>;
  const byKey = new Map(
    Object.entries(keys).map(([who, { accessKeyId }]) => [accessKeyId, principals[who as Who]]),
  );
  return {
    principalOf: (accessKeyId) => byKey.get(accessKeyId),
    keysOf: (who) => keys[who],
    keys,
    ownRoles: services.map((service) => idOf("AROA", service)),
  };
}

/**
 * 21 characters, as IAM's ids have. They are the same at each start, so that facts go on naming the
 * same principals.
 */
const idOf = (kind: "AROA" | "AIDA", name: string): string =>
  `${kind}LOCAL${name.replaceAll("-", "").toUpperCase()}`.padEnd(21, "0");

const freshKeys = (): Keys => ({
  accessKeyId: `AKIA${randomBytes(16).toString("hex").toUpperCase()}`,
  secretAccessKey: randomBytes(20).toString("hex"),
});

const openTo = (sender: string): readonly QueueName[] =>
  queueNames.filter((queue) => topology[queue].senders.some((each) => each === sender));

/**
 * The permissions that infra/constructs/service-role.ts grants, without those that Lambda uses on
 * the function's behalf.
 */
function functionOf(stack: string, service: ServiceName): Principal {
  const sends = new Set([
    ...openTo(service).map((queue) => sourceQueueName(stack, queue)),
    ...queueNames
      .filter((queue) => topology[queue].consumer === service)
      .map((queue) => deadLetterQueueName(stack, queue)),
  ]);
  const says = {
    orchestrator: detailTypes.rejected,
    ingester: detailTypes.outcome,
    "run-poller": "",
  };
  return {
    name: `${stack}-${service}`,
    senderId: `${idOf("AROA", service)}:${stack}-${service}`,
    may: ({ action, on }) => {
      switch (action) {
        case "sqs:SendMessage":
          return sends.has(on);
        case "events:PutEvents":
          return on === says[service];
        default:
          return action === "secretsmanager:GetSecretValue";
      }
    },
  };
}

const LOOK_AND_DISCARD = [
  "sqs:GetQueueUrl",
  "sqs:GetQueueAttributes",
  "sqs:ReceiveMessage",
  "sqs:ChangeMessageVisibility",
  "sqs:DeleteMessage",
];

/**
 * The permissions that infra/constructs/people.ts grants: looking at dead letters and discarding
 * them, and sending everything of the loop.
 */
function onCallMay(stack: string): Principal["may"] {
  const sources = new Set(queueNames.map((queue) => sourceQueueName(stack, queue)));
  return ({ action, on }) =>
    sources.has(on)
      ? ["sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:SendMessage"].includes(action)
      : (on.endsWith("-dead-letters") || on === listenerQueueName(stack)) &&
        LOOK_AND_DISCARD.includes(action);
}

/** The access key in the header of a signature of version 4. */
export const accessKeyIn = (authorization: string | undefined): string | undefined =>
  /^AWS4-HMAC-SHA256 .*?Credential=([^/\s,]+)\//.exec(authorization ?? "")?.[1];
