// One moment of a run on the screen.
import { clockOf } from "../frame/words.ts";
import { type Line, shownText, type Terminal } from "../terminal.ts";
import type { Moment } from "./timeline.ts";

const LABEL = 10;
const ATTEMPT = 5;
const INDENT = 2 + 8 + 2 + ATTEMPT + 1 + LABEL + 1;

/** Time (UTC), iteration and attempt, what it was, and a sentence in as many lines as it needs. */
export function momentLines(
  { at, what, attempt = "", sentence, tone }: Moment,
  terminal: Pick<Terminal, "columns">,
): readonly Line[] {
  const [first = "", ...more] = wrapped(sentence, terminal, INDENT);
  const label = what.padEnd(LABEL);
  return [
    [
      `  ${clockOf(at)}  ${attempt.padEnd(ATTEMPT)} `,
      tone === undefined ? label : { text: label, tone },
      ` ${first}`,
    ],
    ...more.map((line) => `${" ".repeat(INDENT)}${line}`),
  ];
}

/** A sentence in as many lines as the screen needs. */
export function wrapped(
  sentence: string,
  { columns }: Pick<Terminal, "columns">,
  indent = 0,
): readonly string[] {
  const text = shownText(sentence);
  if (columns === undefined) return [text];
  const width = Math.max(20, columns - indent);
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width) {
    const at = rest.lastIndexOf(" ", width);
    const end = at > width / 3 ? at : width;
    lines.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  return [...lines, rest];
}
