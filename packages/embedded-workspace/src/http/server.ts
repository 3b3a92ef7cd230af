// The edge: sockets in, routes called, answers out. It knows paths, limits, faults and the log; of the APIs, nothing.
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { Certificates } from "../certificates.ts";
import type { Settings } from "../context.ts";
import type { Principal } from "../route.ts";
import { type Call, type DispatchOptions, dispatch, dispatchAdmin, lookUp } from "./dispatch.ts";
import type { Faults } from "./faults.ts";
import { answerWithFault } from "./faulty-answer.ts";
import { createRateLimiter } from "./rate-limit.ts";
import { type Exchange, send } from "./reply.ts";
import type { RequestLog } from "./request-log.ts";
import type { Router } from "./router.ts";

export type ServerOptions = {
  readonly port: number;
  readonly certificates?: Certificates;
  readonly settings: Settings;
  readonly router: Router;
  /**
   * Everything below this path and a token that opens it is the admin's: its own router, no principal, no faults, not in
   * the log.
   */
  readonly admin: {
    readonly path: string;
    readonly opens: (token: string) => boolean;
    readonly router: Router;
  };
  readonly faults: Faults;
  readonly requestLog: RequestLog;
  /** @throws ApiError 401 or 403 */
  readonly authenticate: (authorization: string | undefined) => Principal;
  readonly workspaceId: string;
  readonly log: (line: string) => void;
};

export type Server = AsyncDisposable & { readonly port: number };

/** Listens on 127.0.0.1 alone: the workspace executes what it is given. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const listener = (request: IncomingMessage, response: ServerResponse) =>
    void handle(options, dispatching, request, response).catch((error) => {
      options.log(`request failed outside its route: ${String(error)}`);
      response.destroy();
    });
  const { settings, authenticate, log } = options;
  const limiter = createRateLimiter(() => performance.now());
  const dispatching: DispatchOptions = { settings, limiter, authenticate, log };
  const { certificates } = options;
  const server =
    certificates === undefined
      ? createServer(listener)
      : createTlsServer({ cert: certificates.chainPem, key: certificates.keyPem }, listener);
  // With Expect: 100-continue a refusal comes before the body; the stock answer would invite the body first.
  server.on("checkContinue", listener);
  server.keepAliveTimeout = 75_000; // longer than clients' pools hold idle connections, so that they close first
  server.requestTimeout = 0; // an upload of gigabytes over a slow link is not an attack here
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, "127.0.0.1", 1024, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function handle(
  options: ServerOptions,
  dispatching: DispatchOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const exchange: Exchange = {
    request,
    response,
    common: {
      "x-databricks-org-id": options.workspaceId,
      "x-request-id": randomUUID(),
      server: "databricks",
    },
  };
  response.on("error", () => undefined); // the client went away; the line in the log still tells
  const [rawPath, rawQuery] = splitOnce(request.url ?? "/", "?");
  const { admin } = options;
  const adminPath = pathOfAdmin(admin, rawPath);
  if (adminPath !== undefined) {
    const call: Call = { exchange, rawPath: adminPath, rawQuery, notes: {} };
    await send(exchange, await dispatchAdmin(dispatching, admin.router, call));
    return;
  }
  const runId = new URLSearchParams(rawQuery).get("run_id");
  const call: Call = { exchange, rawPath, rawQuery, notes: runId === null ? {} : { runId } };
  await logged(options.requestLog, call, () => answer(options, dispatching, call));
}

async function answer(
  { settings, router, faults }: ServerOptions,
  dispatching: DispatchOptions,
  call: Call,
): Promise<void> {
  const { exchange, notes } = call;
  if (settings.latencyMs > 0) await delay(settings.latencyMs);
  const lookup = lookUp(router, call);
  const carryOut = () => dispatch(dispatching, lookup, call);
  const method = exchange.request.method ?? "GET";
  const fault = faults.strike(method, notes.path ?? call.rawPath, notes.route ?? call.rawPath);
  if (fault === undefined) await send(exchange, await carryOut());
  else {
    notes.fault = fault.id;
    await answerWithFault(exchange, fault, carryOut);
  }
}

async function logged(requestLog: RequestLog, call: Call, work: () => Promise<void>) {
  const { request, response } = call.exchange;
  const id = requestLog.nextId();
  const at = new Date().toISOString();
  const startedMs = performance.now();
  try {
    await work();
  } finally {
    const { path, route, principal, runId, fault } = call.notes;
    const userAgent = request.headers["user-agent"];
    requestLog.record({
      id,
      at,
      method: request.method ?? "",
      path: path ?? call.rawPath,
      query: call.rawQuery,
      status: response.headersSent ? response.statusCode : null,
      duration_ms: Math.round(performance.now() - startedMs),
      ...(route !== undefined && { route }),
      ...(principal !== undefined && { principal }),
      ...(runId !== undefined && { run_id: runId }),
      ...(fault !== undefined && { fault }),
      ...(userAgent !== undefined && { user_agent: userAgent }),
    });
  }
}

function pathOfAdmin({ path, opens }: ServerOptions["admin"], rawPath: string): string | undefined {
  if (!rawPath.startsWith(`${path}/`)) return undefined;
  const [token, rest] = splitOnce(rawPath.slice(path.length + 1), "/");
  return opens(token) ? `/${rest}` : undefined;
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at + separator.length)];
}
