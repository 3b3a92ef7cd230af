// Connections to one DuckDB instance, transactions on them, and turns for those who write the same table.
import type { DuckDBConnection, DuckDBInstance, DuckDBMaterializedResult } from "@duckdb/node-api";
import { errorOf } from "./errors.ts";

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
  readonly close: () => void;
};

/** Runs DuckDB's SQL. @throws SqlError in Databricks' words */
export type Run = (sql: string) => Promise<DuckDBMaterializedResult>;

export function connectionsTo(instance: DuckDBInstance): Connections {
  const idle: DuckDBConnection[] = [];
  const all = new Set<DuckDBConnection>();
  const turns = new Map<string, Promise<unknown>>();
  const use: Connections["use"] = async (signal, work) => {
    signal.throwIfAborted();
    const connection = idle.pop() ?? (await instance.connect());
    all.add(connection);
    const interrupt = () => connection.interrupt();
    signal.addEventListener("abort", interrupt);
    const run: Run = async (sql) => {
      signal.throwIfAborted();
      try {
        return await connection.run(sql);
      } catch (thrown) {
        signal.throwIfAborted();
        throw errorOf(thrown);
      }
    };
    try {
      return await work(run, connection);
    } finally {
      signal.removeEventListener("abort", interrupt);
      idle.push(connection);
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
    close: () => {
      for (const connection of all) connection.closeSync();
      all.clear();
      idle.length = 0;
    },
  };
}
