// A plain HTTP client for the tests: it hides nothing of what goes over the wire.
import { Agent, request } from "undici";
import type { Workspace } from "../src/workspace.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape, and assert what they find
export type Json = any;

export type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** The body as JSON; undefined when it is not. */
  readonly json: Json;
};

type CallOptions = {
  /** A bearer token; null for none. Default: the administrator's. */
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** A string or Buffer as it is, anything else as JSON. */
  readonly body?: unknown;
};

export type Client = AsyncDisposable & {
  readonly call: (method: string, path: string, options?: CallOptions) => Promise<Answer>;
  readonly get: (path: string, options?: CallOptions) => Promise<Answer>;
  readonly post: (path: string, body: unknown, options?: CallOptions) => Promise<Answer>;
  readonly put: (path: string, body: unknown, options?: CallOptions) => Promise<Answer>;
  readonly delete: (path: string, options?: CallOptions) => Promise<Answer>;
  readonly admin: (method: string, path: string, body?: unknown) => Promise<Answer>;
};

export function clientOf(
  workspace: Pick<Workspace, "url" | "caPem" | "administrator" | "adminUrl">,
): Client {
  const agent = new Agent({ connect: { ca: workspace.caPem }, connections: 64 });
  const send = async (url: string, method: string, options: CallOptions): Promise<Answer> => {
    const token = options.token === undefined ? workspace.administrator.token : options.token;
    const { body } = options;
    const isRaw = body === undefined || typeof body === "string" || Buffer.isBuffer(body);
    const answer = await request(url, {
      dispatcher: agent,
      method: method as "GET",
      headers: {
        ...(token !== null && { authorization: `Bearer ${token}` }),
        ...options.headers,
      },
      ...(body !== undefined && { body: isRaw ? body : JSON.stringify(body) }),
    });
    const text = await answer.body.text();
    return { status: answer.statusCode, headers: answer.headers, text, json: parsed(text) };
  };
  const call: Client["call"] = (method, path, options = {}) =>
    send(`${workspace.url}${path}`, method, options);
  return {
    call,
    get: (path, options) => call("GET", path, options),
    post: (path, body, options) => call("POST", path, { ...options, body }),
    put: (path, body, options) => call("PUT", path, { ...options, body }),
    delete: (path, options) => call("DELETE", path, options),
    admin: (method, path, body) =>
      send(`${workspace.adminUrl}${path}`, method, { token: null, body }),
    [Symbol.asyncDispose]: () => agent.destroy(),
  };
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
