// One command of the command line: its words, its help, its examples. The parser is commander.
import { Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";

export type Help = {
  /** One line. */
  readonly summary: string;
  /** More, below the summary. */
  readonly more?: string;
  /** Lines to type after `signalbox`, each with its purpose. */
  readonly examples: readonly (readonly [line: string, what: string])[];
  /** The meaning of exit codes other than 0, 1 and 2. */
  readonly exits?: string;
};

export function command(name: string, { summary, more, examples, exits }: Help) {
  const width = Math.max(...examples.map(([line]) => line.length));
  const areShort = examples.every(([, what]) => width + what.length <= 64);
  const shown = examples.map(([line, what]) =>
    areShort ? `  signalbox ${line.padEnd(width)}  # ${what}` : `  # ${what}\n  signalbox ${line}`,
  );
  const sentence = `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
  const after = [
    `\nExamples:\n${shown.join("\n")}`,
    ...(exits === undefined ? [] : [`\n${wrapped(`Exit codes: ${exits}`)}`]),
  ];
  const made = new Command(name)
    .summary(summary)
    .description(more === undefined ? sentence : `${sentence}\n\n${more}`)
    .helpOption("-h, --help", "shows this")
    .allowExcessArguments(false)
    .showHelpAfterError(false);
  made.addHelpText("after", after.join("\n"));
  return made;
}

/** In lines of at most 80 columns. */
const wrapped = (text: string): string =>
  text
    .split(" ")
    .reduce<string[]>(([line = "", ...above], word) => {
      const longer = line === "" ? word : `${line} ${word}`;
      return longer.length <= 80 ? [longer, ...above] : [word, line, ...above];
    }, [])
    .toReversed()
    .join("\n");

export const stageOption = new Option(
  "--stage <name>",
  "the stage; otherwise $SIGNALBOX_STAGE, a plane that runs on this machine, or the only stage there is",
);
export const stagesOption = new Option("--stages <folder>", "a folder of stage files elsewhere");
export const jsonOption = new Option("--json", "for scripts: JSON");
export const workloadsOption = new Option(
  "--workloads <folder>",
  "a folder of workloads elsewhere",
);

/** A whole number from 1. */
export function count(text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text))
    throw new InvalidArgumentError("must be a whole number from 1.");
  return Number(text);
}

const SECONDS = { s: 1, m: 60, min: 60, h: 3_600, d: 86_400 } as const;

/** `90s`, `15m`, `2h`, `3d` → seconds. */
export function duration(text: string): number {
  const match = /^([0-9]{1,7})(s|m|min|h|d)$/.exec(text);
  const unit = match?.[2] as keyof typeof SECONDS | undefined;
  if (match === null || unit === undefined)
    throw new InvalidArgumentError("must be a duration such as 90s, 15m, 2h or 3d.");
  return Number(match[1]) * SECONDS[unit];
}

/** A time in the past: an instant (ISO 8601), or how long ago (`2h`). In epoch milliseconds. */
export function past(text: string): number {
  if (/^[0-9]+[a-z]+$/.test(text)) return Date.now() - duration(text) * 1000;
  const ms = /^[0-9]{4}-[0-9]{2}-[0-9]{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isFinite(ms))
    throw new InvalidArgumentError(
      "must be a time such as 2026-11-21T06:00Z, or how long ago, such as 2h.",
    );
  return ms;
}

/** Collects an option that may be said several times. */
export const several = (text: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  text,
];
