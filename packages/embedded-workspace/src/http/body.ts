// Request bodies: refused by their declared length before a byte is read, and cut off when they lied about it.
import type { IncomingMessage } from "node:http";
import { finished, type Readable, Transform } from "node:stream";
import { ApiError } from "../route.ts";

export const BODY_BYTES_MAX = 10 * 1024 ** 2;

/** @throws ApiError 413 when the declared length is beyond the limit */
export function checkDeclaredLength(request: IncomingMessage, bytesMax: number): void {
  const declared = Number(request.headers["content-length"] ?? 0);
  if (declared > bytesMax) throw tooLarge(bytesMax, `${declared} bytes`);
}

/** The body as it arrives; the stream fails with ApiError 413 once it is beyond the limit. */
export function limitedStream(request: IncomingMessage, bytesMax: number): Readable {
  let bytes = 0;
  const limited = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > bytesMax) done(tooLarge(bytesMax, "a body without a declared length"));
      else done(null, chunk);
    },
  });
  // Not `pipeline`: the request must outlive the failure, so that the refusal can still be answered on its socket.
  request.pipe(limited);
  // `finished` also tells of a client that went away before anybody listened; events alone would not.
  finished(request, { writable: false }, (error) => {
    if (error != null) limited.destroy(error);
  });
  return limited;
}

/** The whole body in memory. @throws ApiError 413 */
export async function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw tooLarge(bytesMax, "a body without a declared length");
    chunks.push(chunk);
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}

const tooLarge = (bytesMax: number, got: string) =>
  new ApiError(
    413,
    "MAX_REQUEST_SIZE_EXCEEDED",
    `The request body exceeds the limit of ${bytesMax} bytes for this path: ${got}.`,
  );
