// The messages of all queues in one SQLite database: what was acknowledged survives SIGKILL. A
// message is one row, and everything that happens to it is one statement, so it is never lost
// between two queues.
import { randomUUID } from "node:crypto";
import { DatabaseSync, type SQLOutputValue } from "node:sqlite";

type NewMessage = {
  readonly body: string;
  /** The message attributes as they were sent, as JSON text. */
  readonly attributes: string;
  readonly senderId: string;
  readonly delaySeconds: number;
};

export type StoredMessage = {
  readonly id: string;
  readonly body: string;
  readonly attributes: string;
  readonly senderId: string;
  readonly sentMs: number;
  readonly receives: number;
  readonly firstReceivedMs: number;
  readonly receipt: string;
  /** The queue from which it was put aside; empty otherwise. */
  readonly deadLetterOf: string;
};

type Depth = {
  readonly visible: number;
  readonly inFlight: number;
  readonly delayed: number;
  /** When the oldest message was sent; absent if there is none. */
  readonly oldestSentMs?: number;
};

export type MessageStore = Disposable & {
  readonly send: (queue: string, message: NewMessage) => string;
  /** Takes up to `count` visible messages, and hides them. Each counts as received once more. */
  readonly receive: (
    queue: string,
    count: number,
    visibilitySeconds: number,
  ) => readonly StoredMessage[];
  /** Moves the visible messages that were received too often. */
  readonly putAside: (queue: string, receivesMax: number, deadLetters: string) => void;
  /** Whether there was such a message: a receipt of an earlier receive is worth nothing. */
  readonly remove: (queue: string, receipt: string) => boolean;
  readonly hide: (queue: string, receipt: string, seconds: number) => boolean;
  /**
   * Shows again what somebody held who is gone. That receive does not count: the machine ended, and
   * not the message failed.
   */
  readonly release: (queue: string) => void;
  readonly expire: (queue: string, retentionSeconds: number) => void;
  readonly purge: (queue: string) => void;
  readonly depth: (queue: string) => Depth;
  /** When the next hidden message comes back, in epoch milliseconds; undefined if there is none. */
  readonly nextVisibleMs: (queue: string) => number | undefined;
};

const SCHEMA = `CREATE TABLE IF NOT EXISTS messages (
  id TEXT PRIMARY KEY, queue TEXT NOT NULL, body TEXT NOT NULL, attributes TEXT NOT NULL,
  sender_id TEXT NOT NULL, sent_ms INTEGER NOT NULL, visible_ms INTEGER NOT NULL,
  receives INTEGER NOT NULL DEFAULT 0, first_received_ms INTEGER NOT NULL DEFAULT 0,
  receipt TEXT, dead_letter_of TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS by_time ON messages (queue, visible_ms);
CREATE INDEX IF NOT EXISTS by_receipt ON messages (receipt)`;

/** @param file absent: in memory */
export function openMessageStore(file: string | undefined, nowMs = Date.now): MessageStore {
  const db = new DatabaseSync(file ?? ":memory:");
  // NORMAL is safe against the end of the process, and only a machine that loses its power may
  // forget the last moment.
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 2000");
  db.exec(SCHEMA);
  const insert = db.prepare(
    "INSERT INTO messages (id, queue, body, attributes, sender_id, sent_ms, visible_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
  );
  const take = db.prepare(
    `UPDATE messages SET receives = receives + 1, receipt = hex(randomblob(16)), visible_ms = ?2 + ?4,
       first_received_ms = CASE first_received_ms WHEN 0 THEN ?2 ELSE first_received_ms END
     WHERE id IN (SELECT id FROM messages WHERE queue = ?1 AND visible_ms <= ?2 ORDER BY visible_ms, rowid LIMIT ?3)
     RETURNING *`,
  );
  const aside = db.prepare(
    "UPDATE messages SET queue = ?3, dead_letter_of = ?1, receipt = NULL WHERE queue = ?1 AND visible_ms <= ?4 AND receives >= ?2",
  );
  const remove = db.prepare("DELETE FROM messages WHERE receipt = ? AND queue = ?");
  const hide = db.prepare("UPDATE messages SET visible_ms = ? WHERE receipt = ? AND queue = ?");
  const release = db.prepare(
    "UPDATE messages SET visible_ms = ?2, receipt = NULL, receives = receives - 1 WHERE queue = ?1 AND receipt IS NOT NULL AND visible_ms > ?2",
  );
  const expire = db.prepare("DELETE FROM messages WHERE queue = ? AND sent_ms < ?");
  const purge = db.prepare("DELETE FROM messages WHERE queue = ?");
  const depth = db.prepare(
    `SELECT count(*) AS total, coalesce(sum(visible_ms <= ?2), 0) AS visible, min(sent_ms) AS oldest,
       coalesce(sum(visible_ms > ?2 AND receipt IS NULL), 0) AS delayed
     FROM messages WHERE queue = ?1`,
  );
  const next = db.prepare(
    "SELECT min(visible_ms) AS next FROM messages WHERE queue = ? AND visible_ms > ?",
  );
  return {
    send: (queue, { body, attributes, senderId, delaySeconds }) => {
      const [id, now] = [randomUUID(), nowMs()];
      insert.run(id, queue, body, attributes, senderId, now, now + delaySeconds * 1000);
      return id;
    },
    receive: (queue, count, seconds) =>
      take.all(queue, nowMs(), count, seconds * 1000).map(messageOf),
    putAside: (queue, receivesMax, deadLetters) =>
      void aside.run(queue, receivesMax, deadLetters, nowMs()),
    remove: (queue, receipt) => remove.run(receipt, queue).changes > 0,
    hide: (queue, receipt, seconds) =>
      hide.run(nowMs() + seconds * 1000, receipt, queue).changes > 0,
    release: (queue) => void release.run(queue, nowMs()),
    expire: (queue, seconds) => void expire.run(queue, nowMs() - seconds * 1000),
    purge: (queue) => void purge.run(queue),
    depth: (queue) => depthOf(depth.get(queue, nowMs()) ?? {}),
    nextVisibleMs: (queue) => {
      const at = next.get(queue, nowMs())?.["next"];
      return at === null || at === undefined ? undefined : Number(at);
    },
    [Symbol.dispose]: () => db.close(),
  };
}

type Row = Readonly<Record<string, SQLOutputValue>>;

const messageOf = (row: Row): StoredMessage => ({
  id: String(row["id"]),
  body: String(row["body"]),
  attributes: String(row["attributes"]),
  senderId: String(row["sender_id"]),
  sentMs: Number(row["sent_ms"]),
  receives: Number(row["receives"]),
  firstReceivedMs: Number(row["first_received_ms"]),
  receipt: String(row["receipt"]),
  deadLetterOf: String(row["dead_letter_of"]),
});

function depthOf(row: Row): Depth {
  const [total, visible, delayed] = ["total", "visible", "delayed"].map((key) =>
    Number(row[key] ?? 0),
  ) as [number, number, number];
  const { oldest } = row;
  return {
    ...{ visible, delayed, inFlight: total - visible - delayed },
    ...(typeof oldest === "number" && { oldestSentMs: oldest }),
  };
}
