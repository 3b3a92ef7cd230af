// The wire: one Thrift message in, one out (TBinaryProtocol, strict), by the code that
// `@databricks/sql` ships (docs/facts/databricks.md#local-thrift-server).
import { createRequire } from "node:module";

type ThriftHandler = (request: never) => Promise<object>;
export type ThriftHandlers = Readonly<Record<string, ThriftHandler>>;

/** A 64-bit integer as the generated code wants it. */
export type Int64 = { readonly toNumber: () => number };

/**
 * Answers one message. A handler that throws becomes a TApplicationException.
 * @throws Error when the body is not a Thrift message of this service.
 */
export function answerThrift(handlers: ThriftHandlers, body: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const receive = wire.TBufferedTransport.receiver((transport) => {
      const out = new wire.TBufferedTransport(undefined, resolve);
      try {
        new service.Processor(named(handlers)).process(
          new wire.TBinaryProtocol(transport),
          new wire.TBinaryProtocol(out),
        );
      } catch (thrown) {
        reject(thrown);
      }
    });
    try {
      receive(body);
    } catch (thrown) {
      reject(thrown);
    }
    // The receiver swallows a message that ends too early: it waits for bytes that will never come.
    if (body.length < 12) reject(new Error("the body is not a Thrift message"));
  });
}

/** `value` must be an integer; beyond 2^53 pass it as text or bigint. */
export function int64(value: number | bigint | string): Int64 {
  const buffer = Buffer.alloc(8);
  buffer.writeBigInt64BE(BigInt(value));
  return new Int64Class(buffer, 0);
}

/** The exact number of an Int64 that came over the wire. */
export function int64Text(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  const { buffer, offset } = value as { readonly buffer: Buffer; readonly offset: number };
  return String(buffer.readBigInt64BE(offset));
}

/** A connection to another Thrift server over HTTP, as the Spark engine needs it. */
export function thriftClient(port: number, path: string, user: string) {
  const connection = wire.createHttpConnection("127.0.0.1", port, {
    transport: wire.TBufferedTransport,
    protocol: wire.TBinaryProtocol,
    path,
    headers: { Authorization: `Basic ${Buffer.from(`${user}:x`).toString("base64")}` },
  });
  const client = wire.createHttpClient(service.Client, connection);
  return { connection, client, structs };
}

// The generated processor calls a handler with one parameter as a promise, and with two as a callback: fix the arity.
function named(handlers: ThriftHandlers): Record<string, (request: never) => Promise<object>> {
  return Object.fromEntries(
    Object.entries(handlers).map(([name, handle]) => [name, (request: never) => handle(request)]),
  );
}

type Transport = object;
type Wire = {
  readonly TBufferedTransport: {
    new (buffer: undefined, onFlush: (bytes: Buffer) => void): Transport;
    readonly receiver: (onTransport: (transport: Transport) => void) => (bytes: Buffer) => void;
  };
  readonly TBinaryProtocol: new (transport: Transport) => object;
  readonly createHttpConnection: (host: string, port: number, options: object) => ThriftConnection;
  readonly createHttpClient: (client: object, connection: object) => ThriftCalls;
};
type ThriftConnection = Record<
  "on" | "once" | "off",
  (event: "error", listener: (error: Error) => void) => void
>;
/** The generated client: a method for each call, with a callback. */
type ThriftCalls = Record<
  string,
  (request: object, callback: (error: unknown, reply: unknown) => void) => void
>;
type Service = {
  readonly Processor: new (
    handlers: object,
  ) => { readonly process: (input: object, output: object) => void };
  readonly Client: object;
};

// `thrift` and `node-int64` belong to the driver: load the very ones that its generated code uses.
const ours = createRequire(import.meta.url);
const theirs = createRequire(ours.resolve("@databricks/sql"));
const wire: Wire = theirs("thrift");
const service: Service = ours("@databricks/sql/thrift/TCLIService");
const structs: Record<string, new (fields: object) => object> = ours(
  "@databricks/sql/thrift/TCLIService_types",
);
const Int64Class: new (buffer: Buffer, offset: number) => Int64 = theirs("node-int64");
