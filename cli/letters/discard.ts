// Throws the letters that fit away, or says which would go.
import { appendFileSync, writeFileSync } from "node:fs";
import { paceOf } from "../frame/pace.ts";
import { plural } from "../frame/words.ts";
import type { Io } from "../usage.ts";
import { discardTen, isKeptWhole } from "./act.ts";
import type { Filter } from "./filter.ts";
import { createGroups, printGroups } from "./groups.ts";
import type { DeadLetter } from "./held.ts";
import type { Opened } from "./options.ts";
import { LINES_MAX, nameOf, shown } from "./shown.ts";
import { type Visited, visit } from "./visit.ts";

export type Discarding = Opened & {
  readonly filter: Filter;
  readonly limit: number;
  /** False: only says what would happen. */
  readonly acts: boolean;
  readonly rate: number | undefined;
  /** Where they are written first, one a line. */
  readonly file: string | undefined;
};

export async function discardLetters(
  { queues, dlqs, filter, limit, acts, rate, file }: Discarding,
  io: Io,
): Promise<{ readonly visited: Visited; readonly staying: number }> {
  const groups = createGroups();
  const wait = paceOf(rate);
  let [gone, staying, lines] = [0, 0, 0];
  const say = (letter: DeadLetter, goes: boolean) => {
    groups.add(letter);
    if (++lines > LINES_MAX) return;
    io.print(
      goes
        ? `${acts ? "discarded" : "would discard"}: ${nameOf(letter)}: ${letter.reason}`
        : `stays: ${nameOf(letter)}: its body is too large for the note: name a file (--export)`,
    );
  };
  if (acts && file !== undefined) writeFileSync(file, "", { mode: 0o600 });
  const onLetters = async (letters: readonly DeadLetter[]): Promise<Iterable<string>> => {
    const going = letters.filter((each) => file !== undefined || isKeptWhole(each));
    if (acts && file !== undefined)
      appendFileSync(file, going.map((each) => `${JSON.stringify(shown(each))}\n`).join(""));
    await wait(acts ? going.length : 0);
    const left = acts ? await discardTen(queues, going) : new Set<string>();
    for (const letter of letters) say(letter, going.includes(letter));
    gone += left.size;
    staying += letters.length - (acts ? left.size : going.length);
    return left;
  };
  const what = acts ? "discarding" : "reading";
  const visited = await visit({ queues, dlqs, filter, limit, what, onLetters }, io);
  if (lines > LINES_MAX) printGroups(groups, io);
  if (visited.fitting > 0)
    io.print(
      acts
        ? `discarded ${plural(gone, "letter")}${staying > 0 ? `; ${staying} stay` : ""}`
        : `would discard ${plural(visited.fitting - staying, "letter")}; say the same with --yes to do it`,
    );
  return { visited, staying };
}
