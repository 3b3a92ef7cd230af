// Queues and their dead-letter queues, as shared/topology.ts defines them. Pure.
import { type QueueName, retentionSeconds, topology } from "../../shared/topology.ts";

/** The account and the region that the embedded AWS pretends to be: no real account has this id. */
export const ACCOUNT_ID = "000000000000";
export const REGION = "us-east-1";

export type QueueShape = {
  readonly name: string;
  readonly visibilitySeconds: number;
  readonly retentionSeconds: number;
  readonly deadLetters?: { readonly name: string; readonly receivesMax: number };
};

export const queueNames = Object.keys(topology) as readonly QueueName[];

/** `tickets` → `signalbox-tickets`: the names that a deployment of the stack gives them. */
export const sourceQueueName = (stack: string, queue: QueueName): string => `${stack}-${queue}`;
export const deadLetterQueueName = (stack: string, of: string): string =>
  `${stack}-${of}-dead-letters`;

export const queueArn = (name: string): string => `arn:aws:sqs:${REGION}:${ACCOUNT_ID}:${name}`;

// How long a person holds a dead letter while looking at it; nobody else receives from there.
const DEAD_LETTER_VISIBILITY_SECONDS = 30;

/**
 * The queues of the loop, and a dead-letter queue for each; dead letters first, because sources
 * name them.
 */
export const queueShapes = (stack: string): readonly QueueShape[] =>
  queueNames.flatMap((queue) => {
    const deadLetters = deadLetterShape(stack, queue);
    const { visibilitySeconds, receivesMax } = topology[queue];
    return [
      deadLetters,
      {
        name: sourceQueueName(stack, queue),
        visibilitySeconds,
        retentionSeconds: retentionSeconds.source,
        deadLetters: { name: deadLetters.name, receivesMax },
      },
    ];
  });

/** A queue for messages that could not be handled: of a source queue, or of a schedule. */
export const deadLetterShape = (stack: string, of: string): QueueShape => ({
  name: deadLetterQueueName(stack, of),
  visibilitySeconds: DEAD_LETTER_VISIBILITY_SECONDS,
  retentionSeconds: retentionSeconds.deadLetters,
});

/** The queue of the stack's example of a listener: every event of the bus, kept for a day. */
export const listenerQueueName = (stack: string): string => `${stack}-outcomes-example`;

export function listenerShapes(stack: string): readonly QueueShape[] {
  const deadLetters = deadLetterShape(stack, "outcomes-example");
  return [
    deadLetters,
    {
      name: listenerQueueName(stack),
      visibilitySeconds: 30,
      retentionSeconds: 24 * 3600,
      deadLetters: { name: deadLetters.name, receivesMax: 5 },
    },
  ];
}
