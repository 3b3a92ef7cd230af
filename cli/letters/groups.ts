// Dead letters by their kind: one line for all that differ in ids and numbers alone.
import { type Column, printRows } from "../frame/columns.ts";
import { agoOf } from "../frame/words.ts";
import type { Terminal } from "../terminal.ts";
import type { DeadLetter } from "./held.ts";

type Group = {
  readonly queue: string;
  readonly error: string;
  /** A reason in which `…` stands for what differs. */
  readonly reason: string;
  count: number;
  firstMs: number;
  lastMs: number;
  /** A few runs of it. */
  readonly runs: string[];
};

const RUNS_SHOWN_MAX = 3;
/** More kinds than that are no kinds. */
const GROUPS_MAX = 1_000;

export type Groups = {
  readonly add: (letter: DeadLetter) => void;
  readonly all: () => readonly Group[];
};

export function createGroups(): Groups {
  const groups = new Map<string, Group>();
  return {
    add: (letter) => {
      const reason = groups.size < GROUPS_MAX ? kindOf(letter) : "(many others)";
      const { queue, errorName: error, runId } = letter;
      const key = JSON.stringify([queue, error, reason]);
      const ms = Date.parse(letter.failedAt || letter.sentAt);
      const fresh = { queue, error, reason, count: 0, firstMs: ms, lastMs: ms, runs: [] };
      const group = groups.get(key) ?? fresh;
      groups.set(key, group);
      group.count++;
      group.firstMs = Math.min(group.firstMs, ms);
      group.lastMs = Math.max(group.lastMs, ms);
      if (runId !== "" && group.runs.length < RUNS_SHOWN_MAX && !group.runs.includes(runId))
        group.runs.push(runId);
    },
    all: () => [...groups.values()].toSorted((a, b) => b.count - a.count),
  };
}

/** The reason without what differs from letter to letter: ids, names in quotes, numbers, times. */
const kindOf = ({ reason, runId }: Pick<DeadLetter, "reason" | "runId">): string =>
  (runId === "" ? reason : reason.replaceAll(runId, "…"))
    .replace(/^(the message is not JSON): .*/, "$1")
    .replaceAll(/"[^"]*"/g, '"…"')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi, "…")
    .replaceAll(/[0-9][0-9T:.Z-]*/g, "…");

const columns: readonly Column<Group>[] = [
  { title: "LETTERS", cell: ({ count }) => String(count) },
  { title: "QUEUE", cell: ({ queue }) => queue, charsMin: 7 },
  { title: "ERROR", cell: ({ error }) => error, charsMin: 8 },
  {
    title: "LAST",
    cell: ({ lastMs }) =>
      Number.isFinite(lastMs) ? `${agoOf(Math.max(0, Date.now() - lastMs) / 1000)} ago` : "?",
  },
  {
    title: "RUNS",
    cell: ({ runs, count }) =>
      `${runs.join(", ")}${count > runs.length && runs.length > 0 ? ", …" : ""}`,
    charsMin: 8,
    from: 110,
  },
  { title: "REASON", cell: ({ reason }) => reason, charsMin: 16 },
];

export const printGroups = (groups: Groups, terminal: Terminal): void =>
  printRows(terminal, columns, groups.all());

export const groupsJson = (groups: Groups) =>
  groups.all().map(({ firstMs, lastMs, ...group }) => ({
    ...group,
    first_at: isoOrNull(firstMs),
    last_at: isoOrNull(lastMs),
  }));

const isoOrNull = (ms: number): string | null =>
  Number.isFinite(ms) ? new Date(ms).toISOString() : null;
