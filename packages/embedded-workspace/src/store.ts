// What the workspace remembers, as named collections of JSON values: reads come from memory, writes go through to SQLite.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Values by key, in order of first insertion. A value read is shared: replace it, do not change it in place. */
export type Collection<T> = {
  readonly get: (key: string) => T | undefined;
  readonly put: (key: string, value: T) => void;
  readonly delete: (key: string) => boolean;
  readonly entries: () => IterableIterator<[string, T]>;
  readonly size: () => number;
};

export type Store = Disposable & {
  readonly collection: <T>(name: string) => Collection<T>;
  /** The next integer of a named sequence, from `first`; survives a restart. */
  readonly next: (sequence: string, first: number) => number;
  /** Leaves nothing on disk of what was deleted or replaced. */
  readonly shred: () => void;
};

/**
 * Opens the store. With a folder, everything survives SIGKILL (SQLite in WAL mode, one transaction a write);
 * without one, it is gone with the process.
 */
export function openStore(folder?: string): Store {
  if (folder !== undefined) mkdirSync(folder, { recursive: true });
  const db = new DatabaseSync(folder === undefined ? ":memory:" : join(folder, "workspace.sqlite"));
  // Exclusive: values are held in memory, so a second workspace on the same folder would overwrite them.
  db.exec(
    "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;",
  );
  db.exec(
    "CREATE TABLE IF NOT EXISTS entries (collection TEXT, key TEXT, value TEXT NOT NULL, PRIMARY KEY (collection, key))",
  );
  const upsert = db.prepare(
    "INSERT INTO entries VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
  );
  const remove = db.prepare("DELETE FROM entries WHERE collection = ? AND key = ?");
  const select = db.prepare("SELECT key, value FROM entries WHERE collection = ? ORDER BY rowid");
  const durable = folder !== undefined;

  const collection = <T>(name: string): Collection<T> => {
    const held = new Map<string, T>();
    for (const row of select.all(name))
      held.set(String(row["key"]), JSON.parse(String(row["value"])));
    return {
      get: (key) => held.get(key),
      put: (key, value) => {
        held.set(key, value);
        if (durable) upsert.run(name, key, JSON.stringify(value));
      },
      delete: (key) => {
        if (durable) remove.run(name, key);
        return held.delete(key);
      },
      entries: () => held.entries(),
      size: () => held.size,
    };
  };
  const sequences = collection<number>("sequences");
  return {
    collection,
    next: (sequence, first) => {
      const value = (sequences.get(sequence) ?? first - 1) + 1;
      sequences.put(sequence, value);
      return value;
    },
    shred: () => {
      if (durable) db.exec("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);");
    },
    [Symbol.dispose]: () => db.close(),
  };
}
