// An HTTP server on 127.0.0.1 that speaks AWS JSON 1.1: one POST, the operation in X-Amz-Target,
// errors by `__type`.
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { messageOf } from "../../shared/domain/body.ts";
import { type Act, accessKeyIn, anybody, type Principal, type PrincipalOf } from "./principals.ts";

/** Answers one operation of a caller. @throws AwsError if the service would refuse it */
type Operation = (input: Readonly<Record<string, unknown>>, caller: Principal) => unknown;

export type AwsService = {
  /** The name that people use. */
  readonly name: string;
  /** The part before the dot in X-Amz-Target. */
  readonly targetPrefix: string;
  /** The service in the credential scope of a signature. */
  readonly signingName: string;
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

const BODY_BYTES_MAX = 2 * 1024 * 1024;

export async function startAwsJsonServer(
  services: readonly AwsService[],
  principalOf: PrincipalOf = anybody,
): Promise<AwsJsonServer> {
  const server = createServer((request, response) => {
    void answer(services, principalOf, request)
      .then((body) => reply(response, 200, body))
      .catch((error: unknown) => replyError(request, response, error));
  });
  const listening = Promise.withResolvers<void>();
  server.once("error", listening.reject);
  server.listen(0, "127.0.0.1", listening.resolve);
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

async function answer(
  services: readonly AwsService[],
  principalOf: PrincipalOf,
  request: IncomingMessage,
): Promise<unknown> {
  const body = await bodyOf(request);
  const target = request.headers["x-amz-target"];
  if (request.method !== "POST" || typeof target !== "string")
    throw new AwsError(
      "UnknownOperationException",
      `the embedded AWS does not have this service; it has ${names(services)} and SQS`,
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
    throw new AwsError(
      "UnrecognizedClientException",
      "The security token included in the request is invalid.",
    );
  return operation(inputOf(body), caller) ?? {};
}

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
    throw new AwsError("MissingAuthenticationTokenException", "Missing Authentication Token");
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

function reply(response: ServerResponse, status: number, body: unknown, code?: string): void {
  response.writeHead(status, {
    "content-type": "application/x-amz-json-1.1",
    "x-amzn-requestid": randomUUID(),
    ...(code !== undefined && { "x-amzn-errortype": code }),
  });
  response.end(JSON.stringify(body));
}

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
  reply(response, status, { __type: code, message, Message: message }, code);
}

/** @throws AwsError if the caller's policies do not allow the act */
export function authorize({ name, may }: Principal, act: Act): void {
  if (may(act)) return;
  throw new AwsError(
    "AccessDeniedException",
    `User: ${name} is not authorized to perform: ${act.action} on resource: ${act.on}`,
  );
}
