// `signalbox dead-letters`: list, show, replay, discard.
import { type Column, printRows } from "../frame/columns.ts";
import { command, count, jsonOption, several, workloadsOption } from "../frame/command.ts";
import { agoOf } from "../frame/words.ts";
import { discardLetters } from "../letters/discard.ts";
import { changeOf } from "../letters/edit.ts";
import { isEmpty } from "../letters/filter.ts";
import { createGroups, groupsJson, printGroups } from "../letters/groups.ts";
import type { DeadLetter } from "../letters/held.ts";
import { filterOf, judgesOf, lettersCommand, opened } from "../letters/options.ts";
import { replayLetters } from "../letters/replay.ts";
import { shown } from "../letters/shown.ts";
import { type Visited, visit } from "../letters/visit.ts";
import { workloadsFolderOf } from "../stage-context.ts";
import { type CommandOf, type ExitCode, type Io, UsageError } from "../usage.ts";

export const deadLetters: CommandOf = (io) =>
  command("dead-letters", {
    summary: "looks at dead letters, mends them, puts them back, throws them away",
    examples: [
      ["dead-letters list --group", "which kinds there are"],
      ["dead-letters replay --reason 'no workload' --since 3h", "what a replay would do, and cost"],
      ["dead-letters replay --reason 'no workload' --since 3h --yes", "does it"],
    ],
  })
    .addCommand(list(io))
    .addCommand(show(io))
    .addCommand(replay(io))
    .addCommand(discard(io));

/** So many are listed, unless a person says otherwise. */
const LISTED_MAX = 200;

const list = (io: Io) =>
  lettersCommand("list", {
    summary: "the letters of all queues, with their reasons; --group: by kind",
    examples: [
      ["dead-letters list --group", "one line for each kind"],
      ["dead-letters list --queue tickets --since 2h", "the young ones of one queue"],
    ],
    exits: "0 also if there are none.",
  })
    .option("--group", "one line for each kind, with how many there are of it")
    .addOption(jsonOption)
    .action(async (options) => {
      using at = opened(options, io);
      const limit = options.limit ?? Infinity;
      const looked = { ...at, filter: filterOf(options), limit, what: "reading" };
      const print = options.group
        ? printKinds(options.json, io)
        : options.json
          ? printWhole(io)
          : printTable(options.limit ?? LISTED_MAX, io);
      const visited = await visit({ ...looked, onLetters: async (each) => print.add(each) }, io);
      print.end(visited);
      io.exit(endOf(visited, 0, io));
    });

type Print = {
  /** Letters, ten at most. None of them is gone. */
  readonly add: (letters: readonly DeadLetter[]) => readonly string[];
  readonly end: (visited: Visited) => void;
};

/** One line a letter as they come, and none is kept. */
function printWhole(io: Io): Print {
  let count = 0;
  return {
    add: (letters) => {
      for (const letter of letters) {
        io.print(count++ === 0 ? "[" : ",");
        io.printJson(shown(letter));
      }
      return [];
    },
    end: () => io.print(count === 0 ? "[]" : "]"),
  };
}

function printKinds(asJson: true | undefined, io: Io): Print {
  const groups = createGroups();
  return {
    add: (letters) => {
      for (const letter of letters) groups.add(letter);
      return [];
    },
    end: ({ fitting }) => {
      if (asJson) io.printJson(groupsJson(groups), 2);
      else if (fitting === 0) io.print("no dead letters");
      else printGroups(groups, io);
    },
  };
}

function printTable(rowsMax: number, io: Io): Print {
  const rows: DeadLetter[] = [];
  return {
    add: (letters) => {
      // Bodies may be large, and are not shown here.
      rows.push(...letters.slice(0, rowsMax - rows.length).map((each) => ({ ...each, body: "" })));
      return [];
    },
    end: ({ fitting }) => {
      if (fitting === 0) io.print("no dead letters");
      else printRows(io, columns, rows.toSorted(oldestFirst));
      const more = fitting - rows.length;
      if (more > 0) io.print(`and ${more} more: --group shows the kinds, --limit more lines`);
    },
  };
}

const oldestFirst = (a: DeadLetter, b: DeadLetter): number =>
  a.queue === b.queue ? (a.failedAt < b.failedAt ? -1 : 1) : 0;

const columns: readonly Column<DeadLetter>[] = [
  { title: "QUEUE", cell: ({ queue }) => queue, charsMin: 7 },
  { title: "MESSAGE", cell: ({ messageId }) => messageId, charsMin: 9 },
  { title: "FAILED", cell: ({ failedAt, sentAt }) => sinceOf(failedAt || sentAt) },
  { title: "RUN", cell: ({ runId }) => runId, charsMin: 10 },
  { title: "SENT BY", cell: ({ firstBy }) => firstBy, charsMin: 8, from: 120 },
  { title: "ERROR", cell: ({ errorName }) => errorName, charsMin: 8 },
  { title: "REASON", cell: ({ reason }) => reason, charsMin: 16 },
];

function sinceOf(iso: string): string {
  const ms = Date.parse(iso);
  return Number.isFinite(ms) ? `${agoOf(Math.max(0, Date.now() - ms) / 1000)} ago` : "?";
}

const show = (io: Io) =>
  lettersCommand("show", {
    summary: "all that a letter says, with its body",
    examples: [["dead-letters show --run ORD-4711", "the letters of one run"]],
    exits: "3 nothing matched.",
  }).action(async (options) => {
    using at = opened(options, io);
    const visited = await visit(
      {
        ...{ ...at, filter: filterOf(options), limit: options.limit ?? 20, what: "reading" },
        onLetters: async (letters) => {
          for (const letter of letters) io.printJson(shown(letter), 2);
          return [];
        },
      },
      io,
    );
    if (visited.ended === "limit" && options.limit === undefined)
      io.complain("there may be more: --limit shows so many");
    io.exit(endOf(visited, 0, io));
  });

const MANY =
  "name the letters by --run, --message, --error, --reason, --queue, --since or --until, or say --all";

const replay = (io: Io) =>
  lettersCommand("replay", {
    summary: "puts letters back; shows what that would do and cost, until --yes",
    more: "Replaying is safe: the facts decide what is left to do. Letters that would only come back, and letters with nothing to do, stay; --force replays those, too. Interrupted or failed, it lets go of the rest: say the same again.",
    examples: [
      ["dead-letters replay --reason 'no workload'", "what would happen"],
      ["dead-letters replay --reason 'no workload' --yes --rate 5", "five a second"],
      [
        "dead-letters replay --run ORD-1 --set limits.attempts=2 --yes",
        "mended; the old body is kept",
      ],
      ["dead-letters replay --run ORD-1 --edit --yes", "mended in $EDITOR"],
    ],
    exits: "1 letters stay, 3 nothing matched, 130 Ctrl-C.",
  })
    .option("--all", "every letter")
    .option("--yes", "does it")
    .option("--dry-run", "shows what would happen, as without --yes")
    .option("--rate <n>", "at most so many a second", count)
    .option("--set <key=value>", "changes the message, such as limits.attempts=2; several", several)
    .option("--edit", "opens each message in $EDITOR")
    .option("--force", "also what would come back, or has nothing to do")
    .option("--no-facts", "does not look at the facts of each run")
    .addOption(workloadsOption)
    .action(async (options) => {
      const filter = filterOf(options);
      if (isEmpty(filter) && options.queue === undefined && !options.all)
        throw new UsageError(MANY);
      const changes = (options.set ?? []).map(changeOf);
      using at = opened(options, io);
      await using owned = new AsyncDisposableStack();
      const folder = workloadsFolderOf(at.stage, options);
      const judges = await judgesOf(at.stage, folder, options.facts, owned, io);
      const acts = options.yes === true && !options.dryRun;
      const replayed = await replayLetters(
        {
          ...{ ...at, filter, limit: options.limit ?? Infinity, judges, changes },
          ...{
            acts,
            edits: options.edit === true,
            forces: options.force === true,
            rate: options.rate,
          },
        },
        io,
      );
      io.exit(endOf(replayed.visited, acts && replayed.staying > 0 ? 1 : 0, io));
    });

const discard = (io: Io) =>
  lettersCommand("discard", {
    summary: "throws letters away; shows which, until --yes",
    more: "Each is noted in the telemetry with its whole body, so that it can be sent again. A body that is too large for that needs --export.",
    examples: [
      ["dead-letters discard --reason 'not JSON'", "which would go"],
      [
        "dead-letters discard --reason 'not JSON' --yes --export gone.jsonl",
        "with a copy, one a line",
      ],
    ],
    exits: "1 letters stay, 3 nothing matched, 130 Ctrl-C.",
  })
    .option("--all", "every letter")
    .option("--yes", "does it")
    .option("--dry-run", "shows which would go, as without --yes")
    .option("--rate <n>", "at most so many a second", count)
    .option("--export <file>", "writes them there first, one a line")
    .action(async (options) => {
      const filter = filterOf(options);
      if (isEmpty(filter) && options.queue === undefined && !options.all)
        throw new UsageError(MANY);
      using at = opened(options, io);
      const { limit = Infinity, export: file, rate } = options;
      const acts = options.yes === true && !options.dryRun;
      const discarded = await discardLetters({ ...at, filter, limit, acts, rate, file }, io);
      io.exit(endOf(discarded.visited, acts && discarded.staying > 0 ? 1 : 0, io));
    });

/** The closing lines, and the exit code. */
function endOf({ fitting, ended, inOthersHands }: Visited, code: ExitCode, io: Io): ExitCode {
  if (inOthersHands > 0)
    io.complain(
      `about ${inOthersHands} more ${inOthersHands === 1 ? "is" : "are"} in somebody else's hands at this moment: look again in a minute`,
    );
  if (ended === "interrupted") {
    io.complain(
      "interrupted: what is said above is done, and all other letters are where they were",
    );
    return 130;
  }
  return fitting === 0 ? NOTHING : code;
}
const NOTHING: ExitCode = 3;
