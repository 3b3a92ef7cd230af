// An HTTP server on 127.0.0.1 that speaks AWS JSON: one POST, the operation in X-Amz-Target, errors
// by `__type`.
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { messageOf } from "../../shared/domain/body.ts";
import { type Act, accessKeyIn, anybody, type Principal, type PrincipalOf } from "./principals.ts";

/**
 * Answers one operation of a caller, who may be gone before the answer is there.
 * @throws AwsError if the service would refuse it
 */
type Operation = (
  input: Readonly<Record<string, unknown>>,
  caller: Principal,
  signal: AbortSignal,
) => unknown;

export type AwsService = {
  /** The name that people use. */
  readonly name: string;
  /** The part before the dot in X-Amz-Target. */
  readonly targetPrefix: string;
  /** The service in the credential scope of a signature. */
  readonly signingName: string;
  /** SQS speaks JSON 1.0, and has names of its own for errors. Default: JSON 1.1. */
  readonly wire?: "sqs";
  readonly operations: Readonly<Record<string, Operation>>;
};

export class AwsError extends Error {
  override readonly name = "AwsError";
  readonly code: string;
  readonly status: number;
  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

export type AwsJsonServer = AsyncDisposable & { readonly endpoint: string };

// A message of SQS has at most 1 MiB, and JSON's escapes make up to six of one byte.
const BODY_BYTES_MAX = 7 * 1024 * 1024;

export type ServerOptions = {
  /** 0 (default): any free one. */
  readonly port?: number | undefined;
  /** Default: every caller is accepted, and may do anything. */
  readonly principalOf?: PrincipalOf;
};

/** @throws Error in one sentence if the port is taken */
export async function startAwsJsonServer(
  services: readonly AwsService[],
  { port = 0, principalOf = anybody }: ServerOptions = {},
): Promise<AwsJsonServer> {
  const server = createServer((request, response) => {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    void answer(services, principalOf, request, gone.signal)
      .then((body) => reply(request, response, 200, body))
      .catch((error: unknown) => replyError(request, response, error));
  });
  // Clients keep their connections: the next call must not meet one that is just being closed.
  server.keepAliveTimeout = 65_000;
  const listening = Promise.withResolvers<void>();
  server.once("error", (error) => listening.reject(portError(port, error)));
  server.listen(port, "127.0.0.1", listening.resolve);
  await listening.promise;
  const { port: bound } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${bound}`,
    [Symbol.asyncDispose]: async () => {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeAllConnections();
      await closed.promise;
    },
  };
}

const portError = (port: number, error: Error): Error =>
  new Error(
    "code" in error && error.code === "EADDRINUSE"
      ? `port ${port} is in use on 127.0.0.1: end what listens there, or name another with --port`
      : `port ${port} cannot be listened on: ${messageOf(error)}`,
    { cause: error },
  );

async function answer(
  services: readonly AwsService[],
  principalOf: PrincipalOf,
  request: IncomingMessage,
  signal: AbortSignal,
): Promise<unknown> {
  const body = await bodyOf(request);
  const target = request.headers["x-amz-target"];
  if (request.method !== "POST" || typeof target !== "string")
    throw new AwsError(
      "UnknownOperationException",
      `the embedded AWS does not have this service; it has ${names(services)}`,
      501,
    );
  const [prefix = "", operationName = ""] = target.split(".");
  const service = services.find((each) => each.targetPrefix === prefix);
  const operation = service?.operations[operationName];
  if (service === undefined || operation === undefined)
    throw new AwsError("UnknownOperationException", absent(services, target), 501);
  const { authorization } = request.headers;
  checkSignature(service, authorization);
  const caller = principalOf(accessKeyIn(authorization) ?? "");
  if (caller === undefined)
    throw service.wire === "sqs"
      ? new AwsError("InvalidClientTokenId", INVALID_TOKEN, 403)
      : new AwsError("UnrecognizedClientException", INVALID_TOKEN);
  return (await operation(inputOf(body), caller, signal)) ?? {};
}

const INVALID_TOKEN = "The security token included in the request is invalid.";

const absent = (services: readonly AwsService[], target: string): string =>
  `the embedded AWS does not have ${target}; it has ${services
    .map(({ name, operations }) => `${Object.keys(operations).join(", ")} of ${name}`)
    .join("; ")}`;

const names = (services: readonly AwsService[]): string =>
  services.map(({ name }) => name).join(", ");

/**
 * A call that AWS would refuse as unsigned, or as signed for another service, is refused here too.
 */
function checkSignature(service: AwsService, authorization: string | undefined): void {
  if (authorization === undefined)
    throw service.wire === "sqs"
      ? new AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
      : new AwsError("MissingAuthenticationTokenException", "Missing Authentication Token");
  const scope = /^AWS4-HMAC-SHA256 .*Credential=[^/]+\/[0-9]{8}\/[^/]+\/([^/]+)\/aws4_request/.exec(
    authorization,
  );
  if (scope?.[1] !== service.signingName)
    throw new AwsError(
      "InvalidSignatureException",
      `Credential should be scoped to correct service: '${service.signingName}'.`,
    );
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX)
      throw new AwsError("RequestEntityTooLargeException", "the request is too large", 413);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function inputOf(body: string): Readonly<Record<string, unknown>> {
  const value = parsed(body);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new AwsError("SerializationException", "the body is not a JSON object");
  return value as Record<string, unknown>;
}

/** Undefined if it is not JSON. */
function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** Of SQS, as its clients tell it: by the operation that they call. */
const isSqs = ({ headers }: IncomingMessage): boolean =>
  String(headers["x-amz-target"] ?? "").startsWith("AmazonSQS.");

function reply(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: unknown,
  code?: string,
): void {
  response.writeHead(status, {
    "content-type": `application/x-amz-json-${isSqs(request) ? "1.0" : "1.1"}`,
    "x-amzn-requestid": randomUUID(),
    ...(code !== undefined && {
      "x-amzn-errortype": code,
      // Clients from before SQS spoke JSON know its errors by these names.
      ...(isSqs(request) && { "x-amzn-query-error": `${OLD_NAMES[code] ?? code};Sender` }),
    }),
  });
  response.end(JSON.stringify(body));
}

const OLD_NAMES: Readonly<Record<string, string>> = {
  QueueDoesNotExist: "AWS.SimpleQueueService.NonExistentQueue",
  EmptyBatchRequest: "AWS.SimpleQueueService.EmptyBatchRequest",
  TooManyEntriesInBatchRequest: "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
  BatchEntryIdsNotDistinct: "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
  BatchRequestTooLong: "AWS.SimpleQueueService.BatchRequestTooLong",
};

function replyError(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  const { code, status, message } =
    error instanceof AwsError ? error : new AwsError("InternalFailure", messageOf(error), 500);
  // Clients of the older services (STS, SNS) read errors as XML only.
  if (request.headers["content-type"]?.startsWith("application/x-www-form-urlencoded") === true) {
    response.writeHead(status, { "content-type": "text/xml" });
    response.end(
      `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`,
    );
    return;
  }
  // Services disagree on the case of "message"; SDKs read either.
  const __type = isSqs(request) ? `com.amazonaws.sqs#${code}` : code;
  reply(request, response, status, { __type, message, Message: message }, code);
}

/** @throws AwsError if the caller's policies do not allow the act */
export function authorize({ name, may }: Principal, act: Act): void {
  if (may(act)) return;
  throw new AwsError(
    "AccessDeniedException",
    `User: ${name} is not authorized to perform: ${act.action} on resource: ${act.on}`,
  );
}
