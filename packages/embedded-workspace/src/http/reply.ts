// Answers on the wire: headers that every answer has, bodies of every kind, and the ways an answer may go wrong.
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { ApiError, ApiReply } from "../route.ts";
import { formatJson } from "./json.ts";

export type Exchange = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Headers of every answer (`x-databricks-org-id`). */
  readonly common: Readonly<Record<string, string>>;
};

/** Milliseconds that a refused upload is still swallowed, so that its client can read the refusal before the reset. */
const LINGER_MS = 2000;

export async function send(exchange: Exchange, reply: ApiReply): Promise<void> {
  const { request, response } = exchange;
  const { headers, body } = encode(exchange, reply);
  const unread = !request.complete;
  if (unread) headers["connection"] = "close";
  response.writeHead(reply.status, headers);
  if (body instanceof Readable) {
    // A client that leaves in the middle is its own business; the file's descriptor must not stay open for it.
    await pipeline(body, response).catch(() => response.destroy());
  } else if (unread && request.method !== "HEAD") await sendAndLinger(exchange, body);
  else response.end(request.method === "HEAD" ? undefined : body);
}

/** One byte after the other, with a pause between them. */
export async function sendSlowly(exchange: Exchange, reply: ApiReply, pauseMs: number) {
  const { headers, body } = encode(exchange, reply);
  const { response } = exchange;
  response.writeHead(reply.status, headers);
  response.flushHeaders();
  for (const byte of await bytesOf(body)) {
    if (response.destroyed) return;
    response.write(Buffer.of(byte));
    await delay(pauseMs);
  }
  response.end();
}

/** Declares more bytes than come, then closes the connection. */
export async function sendCutShort(exchange: Exchange, reply: ApiReply): Promise<void> {
  const { headers, body } = encode(exchange, reply);
  const bytes = await bytesOf(body);
  const { response } = exchange;
  response.strictContentLength = false;
  response.writeHead(reply.status, { ...headers, "content-length": String(bytes.length + 100) });
  response.write(bytes.length === 0 ? " " : bytes, () => response.socket?.end());
}

export const errorReply = (error: ApiError): ApiReply => ({
  status: error.status,
  body: {
    error_code: error.errorCode,
    message: error.message,
    ...(error.details.length > 0 && { details: error.details }),
  },
});

function encode({ common }: Exchange, reply: ApiReply) {
  const headers: Record<string, string> = { ...common, ...reply.headers };
  const { body } = reply;
  if (body instanceof Readable) return { headers, body };
  if (body === undefined) {
    if (reply.status !== 204 && headers["content-length"] === undefined)
      headers["content-length"] = "0";
    return { headers, body: Buffer.alloc(0) };
  }
  const isRaw = typeof body === "string" || Buffer.isBuffer(body);
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(isRaw ? body : formatJson(body));
  headers["content-type"] ??= isRaw ? "text/plain; charset=utf-8" : "application/json";
  headers["content-length"] ??= String(bytes.length);
  return { headers, body: bytes };
}

async function bytesOf(body: Buffer | Readable): Promise<Buffer> {
  if (Buffer.isBuffer(body)) return body;
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/**
 * The client may still be sending. Closing at once would reset the connection, and the reset destroys the answer that
 * lies unread in the client's buffer; so the rest is thrown away for a moment (nginx calls it lingering close).
 */
async function sendAndLinger({ request, response }: Exchange, body: Buffer): Promise<void> {
  response.flushHeaders(); // an empty body alone would not send them
  response.write(body);
  request.resume();
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, LINGER_MS);
    for (const event of ["end", "close", "error"])
      request.once(event, () => {
        clearTimeout(timer);
        resolve();
      });
  });
  response.end();
  if (!request.complete) request.socket.destroySoon();
}
