// SQS alone on 127.0.0.1, for whoever needs no other service.
import { type ServerOptions, startAwsJsonServer } from "./aws-json-server.ts";
import { ACCOUNT_ID, type QueueShape } from "./queue-shape.ts";
import { createSqs } from "./sqs/sqs-service.ts";

export type SqsServer = AsyncDisposable & {
  /** `http://127.0.0.1:<port>`: any AWS SDK or CLI can be pointed at it. */
  readonly endpoint: string;
  readonly queueUrl: (queueName: string) => string;
};

/** Starts SQS with these queues. */
export async function startSqs(
  queues: readonly QueueShape[],
  options: ServerOptions & { readonly file?: string } = {},
): Promise<SqsServer> {
  let endpoint = "";
  const sqs = createSqs({ file: options.file, endpoint: () => endpoint });
  for (const queue of queues) sqs.create(queue);
  const server = await startAwsJsonServer([sqs.service], options);
  endpoint = server.endpoint;
  return {
    endpoint,
    queueUrl: (queueName) => `${endpoint}/${ACCOUNT_ID}/${queueName}`,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      sqs[Symbol.dispose]();
    },
  };
}
