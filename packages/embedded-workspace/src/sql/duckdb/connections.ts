// Connections to one database, transactions on them, and turns for those who write the same table.
import type { DuckDBConnection, DuckDBMaterializedResult } from "@duckdb/node-api";
import { outOfMemory } from "../errors.ts";
import { errorOf } from "./errors.ts";
import { watchMemory } from "./memory.ts";

export type Connections = {
  /** A connection to oneself; what runs on it is interrupted when the signal aborts. */
  readonly use: <T>(
    signal: AbortSignal,
    work: (run: Run, connection: DuckDBConnection) => Promise<T>,
  ) => Promise<T>;
  /** The same inside a transaction, committed at the end or rolled back when anything fails. */
  readonly transaction: <T>(
    signal: AbortSignal,
    work: (run: Run, connection: DuckDBConnection) => Promise<T>,
  ) => Promise<T>;
  /** One after another for each key, in order of arrival. */
  readonly inTurn: <T>(key: string, signal: AbortSignal, work: () => Promise<T>) => Promise<T>;
  /** Interrupts what runs, waits for it, and closes every connection. */
  readonly close: () => Promise<void>;
};

/** Runs DuckDB's SQL. @throws SqlError in Databricks' words */
export type Run = (sql: string) => Promise<DuckDBMaterializedResult>;

export function connectionsTo(connect: () => Promise<DuckDBConnection>): Connections {
  const idle: DuckDBConnection[] = [];
  const busy = new Map<DuckDBConnection, Promise<void>>();
  let closed = false;
  const turns = new Map<string, Promise<unknown>>();
  const ended = new WeakSet<DuckDBConnection>();
  const memory = watchMemory(() => {
    for (const connection of busy.keys()) {
      ended.add(connection);
      connection.interrupt();
    }
  });
  const use: Connections["use"] = async (signal, work) => {
    signal.throwIfAborted();
    const connection = idle.pop() ?? (await connect());
    if (closed) {
      connection.closeSync();
      throw new Error("the workspace has ended");
    }
    const free = Promise.withResolvers<void>();
    busy.set(connection, free.promise);
    memory.begin();
    const interrupt = () => connection.interrupt();
    signal.addEventListener("abort", interrupt);
    const run: Run = async (sql) => {
      signal.throwIfAborted();
      try {
        return await connection.run(sql);
      } catch (thrown) {
        signal.throwIfAborted();
        throw ended.delete(connection) ? outOfMemory(thrown) : errorOf(thrown);
      }
    };
    try {
      return await work(run, connection);
    } finally {
      signal.removeEventListener("abort", interrupt);
      busy.delete(connection);
      ended.delete(connection);
      memory.end();
      idle.push(connection);
      free.resolve();
    }
  };
  return {
    use,
    transaction: (signal, work) =>
      use(signal, async (run, connection) => {
        await run("BEGIN");
        try {
          const answer = await work(run, connection);
          await run("COMMIT");
          return answer;
        } catch (thrown) {
          // Not through `run`: an aborted statement must roll back as well. Without a transaction there is nothing to do.
          await connection.run("ROLLBACK").catch(() => undefined);
          throw thrown;
        }
      }),
    inTurn: async (key, signal, work) => {
      const before = turns.get(key) ?? Promise.resolve();
      const mine = before.then(async () => {
        signal.throwIfAborted();
        return work();
      });
      const settled = mine.catch(() => undefined);
      turns.set(key, settled);
      try {
        return await mine;
      } finally {
        if (turns.get(key) === settled) turns.delete(key);
      }
    },
    close: async () => {
      closed = true;
      for (const connection of busy.keys()) connection.interrupt();
      await Promise.all(busy.values());
      for (const connection of idle.splice(0)) connection.closeSync();
    },
  };
}
