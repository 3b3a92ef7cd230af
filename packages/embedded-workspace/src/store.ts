// The workspace's memory, as named collections of JSON values: reads come from memory, writes
// go through to SQLite.
import { mkdirSync } from "node:fs";
import { join } from "node:path";

/**
 * Values by key, in order of first insertion. A value read is shared: replace it, do not change it
 * in place.
 */
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
 * Opens the store. With a folder, everything survives SIGKILL (SQLite in WAL mode, one transaction
 * a write); without one, it is gone with the process.
 */
export function openStore(folder?: string): Store {
  const file = folder === undefined ? undefined : openFile(folder);
  const collection = <T>(name: string): Collection<T> => {
    const held = new Map<string, T>();
    for (const [key, value] of file?.read(name) ?? []) held.set(key, JSON.parse(value));
    return {
      get: (key) => held.get(key),
      put: (key, value) => {
        held.set(key, value);
        file?.put(name, key, JSON.stringify(value));
      },
      delete: (key) => {
        file?.delete(name, key);
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
    shred: () => file?.shred(),
    [Symbol.dispose]: () => file?.close(),
  };
}

/** The entries on disk. */
function openFile(folder: string) {
  mkdirSync(folder, { recursive: true });
  // Only where it is needed: until Node 24 it is said to be an experiment, on stderr.
  const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
  const db = new DatabaseSync(join(folder, "workspace.sqlite"));
  // Exclusive: values are held in memory, so a second workspace on the same folder would overwrite
  // them.
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
  return {
    read: (collection: string) =>
      select.all(collection).map((row) => [String(row["key"]), String(row["value"])] as const),
    put: (collection: string, key: string, value: string) => upsert.run(collection, key, value),
    delete: (collection: string, key: string) => remove.run(collection, key),
    shred: () => db.exec("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);"),
    close: () => db.close(),
  };
}
