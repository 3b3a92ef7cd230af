// A TCP proxy that breaks exchanges of plain HTTP/1.1: what the platform's own words cannot show,
// because the line goes.
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

type Breakage =
  /** The connection is reset before the request reaches the server: no effect. */
  | "reset-before"
  /**
   * The request passes, and the connection is reset when its answer comes: the effect is there, its
   * answer is lost.
   */
  | "reset-after"
  /** The answer begins, and the connection ends in the middle of it. */
  | "truncate"
  /** The request passes, and its answer never comes. */
  | "hang";

export type BrokenLine = AsyncDisposable & {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  /** Breaks the next `times` requests whose `METHOD /path` begins so. */
  readonly breakNext: (breakage: Breakage, request: string, times: number) => void;
  /** How many requests broke since. */
  readonly broken: () => number;
};

export async function startBrokenLine(target: { readonly port: number }): Promise<BrokenLine> {
  const sockets = new Set<Socket>();
  let next: { readonly breakage: Breakage; readonly request: string } | undefined;
  let left = 0;
  let broken = 0;
  const strike: Strike = (request) => {
    if (next === undefined || left === 0 || !request.startsWith(next.request)) return undefined;
    left--;
    broken++;
    return next.breakage;
  };
  const server = createServer((client) => {
    const upstream = connect(target.port, "127.0.0.1");
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    }
    relay(client, upstream, strike);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    breakNext: (breakage, request, times) => {
      next = { breakage, request };
      left = times;
      broken = 0;
    },
    broken: () => broken,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

type Strike = (request: string) => Breakage | undefined;

/**
 * Our client never pipelines: a chunk that begins like a request begins the connection's only
 * exchange.
 */
function relay(client: Socket, upstream: Socket, strike: Strike): void {
  let active: Breakage | undefined;
  client.on("data", (chunk) => {
    const line = /^[A-Z]+ \/[^ ]*/.exec(chunk.toString("latin1"))?.[0];
    if (line !== undefined) active = strike(line);
    if (active === "reset-before") client.resetAndDestroy();
    else upstream.write(chunk);
  });
  upstream.on("data", (chunk) => {
    if (active === undefined) client.write(chunk);
    else if (active === "reset-after") client.resetAndDestroy();
    // Into the headers or the body, but never to the end of it.
    else if (active === "truncate") client.end(chunk.subarray(0, chunk.length - 1));
  });
  for (const socket of [client, upstream]) socket.on("error", () => {});
  client.once("close", () => upstream.destroy());
  upstream.once("close", () => client.destroy());
}
