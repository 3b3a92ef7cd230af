// Datetime patterns (a subset of Java's): what is not here is refused, not guessed.
import { instantOf, instantText, type Moment, momentOf } from "./instants.ts";

const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

type Piece = { readonly letter: string; readonly count: number } | { readonly text: string };

/** @throws PatternError */
export function formatTime(instant: bigint, pattern: string): string {
  const moment = momentOf(instant);
  return pieces(pattern)
    .map((piece) => ("text" in piece ? piece.text : formatted(moment, piece.letter, piece.count)))
    .join("");
}

/**
 * The text read by the pattern, as `YYYY-MM-DD hh:mm:ss.ffffff` in UTC, or undefined. @throws
 * PatternError
 */
export function parseTime(text: string, pattern: string): string | undefined {
  const read: Record<string, number> = { y: 1970, M: 1, d: 1, H: 0, m: 0, s: 0, S: 0, a: 0, z: 0 };
  const letters: string[] = [];
  const source = pieces(pattern).map((piece) => {
    if ("text" in piece) return escaped(piece.text);
    letters.push(piece.letter);
    return readable(piece.letter, piece.count);
  });
  const match = new RegExp(`^${source.join("")}$`, "i").exec(text);
  if (match === null) return undefined;
  for (const [index, letter] of letters.entries()) take(read, letter, match[index + 1] ?? "");
  if (letters.includes("h") && !isClockHour(read["h"] ?? 12)) return undefined;
  const half = letters.includes("h")
    ? ((read["h"] ?? 12) % 12) + (read["a"] ?? 0)
    : (read["H"] ?? 0);
  const instant = instantOf(
    read["y"] ?? 1970,
    read["M"] ?? 1,
    read["d"] ?? 1,
    half,
    read["m"] ?? 0,
    read["s"] ?? 0,
    read["S"] ?? 0,
  );
  return instant === undefined
    ? undefined
    : instantText(instant - BigInt(read["z"] ?? 0) * 1_000_000n);
}

const isClockHour = (hour: number): boolean => hour >= 1 && hour <= 12;

class PatternError extends Error {}

function pieces(pattern: string): Piece[] {
  const found: Piece[] = [];
  for (const [token] of pattern.matchAll(/'(?:[^']|'')*'|([A-Za-z])\1*|[^A-Za-z']+|'/g)) {
    if (token.startsWith("'"))
      found.push({ text: token === "''" ? "'" : token.slice(1, -1).replaceAll("''", "'") });
    else if (/^[A-Za-z]/.test(token)) {
      const piece = { letter: token.charAt(0), count: token.length };
      requireKnown(piece.letter, piece.count);
      found.push(piece);
    } else if (/[[\]{}#]/.test(token)) throw refused(/[[\]{}#]/.exec(token)?.[0] ?? pattern);
    else found.push({ text: token });
  }
  return found;
}

/**
 * How often each letter may stand in a row: more is refused, as Spark does, because the number
 * changes the meaning (docs/facts/databricks.md#datetime-pattern-letters).
 */
const COUNT_MAX: Readonly<Record<string, number>> = {
  ...{ y: 6, M: 4, L: 4, d: 2, E: 4, D: 3, H: 2, h: 2, k: 2, K: 2, a: 1, m: 2, s: 2, S: 9 },
  ...{ Q: 4, q: 4, X: 5, x: 5, Z: 5, z: 4 },
};

/** @throws PatternError with the class that Spark gives to this letter and number */
function requireKnown(letter: string, count: number): void {
  const pattern = letter.repeat(Math.min(count, 20));
  if (/[ec]/.test(letter))
    throw new PatternError(
      `[INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_WEEK_BASED_PATTERN|42K0B] All week-based patterns are unsupported since Spark 3.0, detected week-based character: ${letter}. Use the SQL function EXTRACT instead.`,
    );
  const longest = /[uwWY]/.test(letter) ? 0 : COUNT_MAX[letter];
  if (longest === undefined || count <= longest) return;
  if (/[Qq]/.test(letter))
    throw new PatternError(
      `[INVALID_DATETIME_PATTERN.LENGTH|22007] Unrecognized datetime pattern: ${pattern}. Too many letters in datetime pattern: use at most ${longest}.`,
    );
  if (/[Xx]/.test(letter))
    throw new PatternError(
      `[INVALID_DATETIME_PATTERN.WITH_SUGGESTION|22007] Unrecognized datetime pattern: ${pattern}. Use at most ${longest} letters.`,
    );
  throw new PatternError(
    `[INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION|42K0B] Fail to recognize '${pattern}' pattern in the DateTimeFormatter: ${longest === 0 ? "the letter is not supported" : `use at most ${longest} letters`}.`,
  );
}

function formatted(moment: Moment, letter: string, count: number): string {
  const write = FORMATS[letter];
  if (write === undefined) throw refused(letter);
  return write(moment, count);
}

type Format = (moment: Moment, count: number) => string;

const number =
  (of: (moment: Moment) => number): Format =>
  (moment, count) =>
    String(of(moment)).padStart(count, "0");
/** The number, the first three letters or the whole name. */
const month: Format = (moment, count) => {
  const name = MONTHS[moment.month - 1] ?? "";
  if (count > 3) return name;
  return count === 3 ? name.slice(0, 3) : String(moment.month).padStart(count, "0");
};
const year: Format = ({ year: value }, count) =>
  count === 2 ? String(value % 100).padStart(2, "0") : String(value).padStart(count, "0");
/** `3`, `03`, `Q3`, `3rd quarter`. */
const quarter: Format = ({ month: inMonth }, count) => {
  const of = Math.ceil(inMonth / 3);
  if (count > 3) return `${of}${["st", "nd", "rd"][of - 1] ?? "th"} quarter`;
  return count === 3 ? `Q${of}` : String(of).padStart(count, "0");
};

const FORMATS: Readonly<Record<string, Format>> = {
  y: year,
  M: month,
  L: month,
  d: number((moment) => moment.day),
  E: ({ weekday }, count) =>
    count > 3 ? (DAYS[weekday] ?? "") : (DAYS[weekday] ?? "").slice(0, 3),
  D: number(dayOfYear),
  H: number((moment) => moment.hour),
  k: number((moment) => (moment.hour === 0 ? 24 : moment.hour)),
  K: number((moment) => moment.hour % 12),
  h: number((moment) => (moment.hour % 12 === 0 ? 12 : moment.hour % 12)),
  a: (moment) => (moment.hour < 12 ? "AM" : "PM"),
  m: number((moment) => moment.minute),
  s: number((moment) => moment.second),
  S: (moment, count) => String(moment.micros).padStart(6, "0").padEnd(9, "0").slice(0, count),
  X: () => "Z",
  x: (_, count) => (count === 1 ? "+00" : count === 2 || count === 4 ? "+0000" : "+00:00"),
  Z: (_, count) => (count > 4 ? "Z" : count === 4 ? "GMT" : "+0000"),
  z: (_, count) => (count > 3 ? "Coordinated Universal Time" : "UTC"),
  q: quarter,
  Q: quarter,
};

function dayOfYear({ year: of, month: inMonth, day }: Moment): number {
  return Math.floor((Date.UTC(of, inMonth - 1, day) - Date.UTC(of, 0, 1)) / 86_400_000) + 1;
}

function readable(letter: string, count: number): string {
  switch (letter) {
    case "y":
      // Java reads three or more digits for `yyy`; where they end depends on what follows.
      if (count === 3) throw refused("yyy");
      return count === 2 ? "(\\d{2})" : count === 1 ? "(\\d{1,6})" : `(\\d{${count}})`;
    case "M":
    case "L":
      if (count > 3) return `(${MONTHS.join("|")})`;
      return count === 3
        ? `(${MONTHS.map((name) => name.slice(0, 3)).join("|")})`
        : count === 2
          ? "(\\d{2})"
          : "(\\d{1,2})";
    case "d":
    case "H":
    case "h":
    case "m":
    case "s":
      return count === 2 ? "(\\d{2})" : "(\\d{1,2})";
    case "S":
      return `(\\d{1,${count}})`;
    case "a":
      return "(AM|PM)";
    default:
      return readableOffset(letter, count);
  }
}

/** The forms that an offset may have, by the number of its letters. */
const OFFSETS: readonly string[] = [
  "[+-]\\d{2}(?:\\d{2})?",
  "[+-]\\d{4}",
  "[+-]\\d{2}:\\d{2}",
  "[+-]\\d{4}(?:\\d{2})?",
  "[+-]\\d{2}:\\d{2}(?::\\d{2})?",
];

/** `X` and `ZZZZZ` read `Z`, the others do not. Letters without a reader are refused. */
function readableOffset(letter: string, count: number): string {
  if (letter === "Z" && count < 4) return `(${OFFSETS[1]})`;
  const form = OFFSETS[count - 1];
  if (form === undefined || !/[XxZ]/.test(letter) || (letter === "Z" && count === 4))
    throw refused(letter.repeat(count));
  return letter === "x" ? `(${form})` : `(Z|${form})`;
}

function take(read: Record<string, number>, letter: string, text: string): void {
  if (letter === "y") read["y"] = text.length === 2 ? 2000 + Number(text) : Number(text);
  else if (letter === "M" || letter === "L")
    read["M"] = /^\d/.test(text)
      ? Number(text)
      : MONTHS.findIndex(
          (name) => name.slice(0, 3).toLowerCase() === text.slice(0, 3).toLowerCase(),
        ) + 1;
  else if (letter === "S") read["S"] = Number(text.padEnd(6, "0").slice(0, 6));
  else if (letter === "a") read["a"] = /pm/i.test(text) ? 12 : 0;
  else if (/[XxZ]/.test(letter)) read["z"] = /^z$/i.test(text) ? 0 : offsetSeconds(text);
  else read[letter] = Number(text);
}

function offsetSeconds(text: string): number {
  const [hours = 0, minutes = 0, seconds = 0] = (text.match(/\d{2}/g) ?? []).map(Number);
  return (text.startsWith("-") ? -1 : 1) * (hours * 3600 + minutes * 60 + seconds);
}

/** A pattern that Spark knows and this workspace does not is no mistake of the author: 0A000. */
function refused(what: string): PatternError {
  if (/^[GFVO[\]]/.test(what) || COUNT_MAX[what.charAt(0)] !== undefined)
    return new PatternError(
      `[UNSUPPORTED_FEATURE.EMBEDDED_WORKSPACE|0A000] The embedded workspace does not translate the datetime pattern ${what}`,
    );
  return new PatternError(
    `[INVALID_DATETIME_PATTERN.ILLEGAL_CHARACTER|22007] Unrecognized datetime pattern: ${what}.`,
  );
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}
