// One HTTP exchange with one host: no redirects, no retries, a deadline, a limit on how much is
// read. It knows nothing of APIs.
import request from "undici/lib/api/api-request.js";
import Pool from "undici/lib/dispatcher/pool.js";

export type WireRequest = {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** The path with its query, encoded; begins with a slash. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** How much of a successful answer is read. */
  readonly bytesMax: number;
  /** The time for the whole exchange, its body included. */
  readonly timeoutMs: number;
};

export type WireReply = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The least length of a body that is too long; its content is not read. */
  readonly tooLargeBytes?: number;
  readonly content: Uint8Array;
};

/** The exchange broke off: the request may have had its effect, or may still have it. */
export class LostReplyError extends Error {
  override readonly name = "LostReplyError";
}

export type Wire = AsyncDisposable & {
  /** `https://host`, without a slash at the end. */
  readonly origin: string;
  /** @throws LostReplyError */
  readonly send: (request: WireRequest) => Promise<WireReply>;
};

export type WireOptions = {
  readonly origin: string;
  /** The authority of the host's certificate, if that is not a public one. */
  readonly caPem?: string | undefined;
  readonly connectionsMax: number;
};

export function createWire({ origin, caPem, connectionsMax }: WireOptions): Wire {
  const pool = new Pool(origin, {
    connections: connectionsMax,
    allowH2: false,
    connect: { timeout: 5_000, ...(caPem !== undefined && { ca: caPem }) },
  });
  return {
    origin,
    send: async (wanted) => {
      try {
        return await exchange(pool, wanted);
      } catch (error) {
        const what = `${wanted.method} ${wanted.path.split("?")[0]}`;
        throw new LostReplyError(`${what} got no whole answer: ${reasonOf(error)}`, {
          cause: error,
        });
      }
    },
    [Symbol.asyncDispose]: () => pool.destroy(),
  };
}

const ERROR_BYTES_MAX = 64 * 1024;

async function exchange(pool: Pool, wanted: WireRequest): Promise<WireReply> {
  const { statusCode, headers, body } = await request.call(pool, {
    method: wanted.method,
    path: wanted.path,
    headers: wanted.headers,
    ...(wanted.body !== undefined && { body: wanted.body }),
    signal: AbortSignal.timeout(wanted.timeoutMs),
  });
  // An error's body is read as far as it matters, whatever the caller expects of a success.
  const isError = statusCode < 200 || statusCode >= 300;
  const bytesMax = isError ? ERROR_BYTES_MAX : wanted.bytesMax;
  const declared = Number(headers["content-length"] ?? 0);
  const tooLarge = (bytes: number): WireReply => {
    body.on("error", () => {}).destroy(); // nobody reads the rest
    return { status: statusCode, headers, tooLargeBytes: bytes, content: new Uint8Array() };
  };
  if (declared > bytesMax) return tooLarge(declared);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) return tooLarge(bytes);
    chunks.push(chunk);
  }
  return { status: statusCode, headers, content: Buffer.concat(chunks) };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return "it took too long";
  const code = "code" in error ? `${error.code} ` : "";
  return `${code}${error.message}`;
}
