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

/** The text read by the pattern, as `YYYY-MM-DD hh:mm:ss.ffffff` in UTC, or undefined. @throws PatternError */
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
    : instantText(instant - BigInt(read["z"] ?? 0) * 60_000_000n);
}

class PatternError extends Error {}

function pieces(pattern: string): Piece[] {
  const found: Piece[] = [];
  for (const [token] of pattern.matchAll(/'(?:[^']|'')*'|([A-Za-z])\1*|[^A-Za-z']+|'/g)) {
    if (token.startsWith("'"))
      found.push({ text: token === "''" ? "'" : token.slice(1, -1).replaceAll("''", "'") });
    else if (/^[A-Za-z]/.test(token)) found.push({ letter: token.charAt(0), count: token.length });
    else if (/[[\]{}#]/.test(token)) throw refused(pattern);
    else found.push({ text: token });
  }
  return found;
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
const quarter = number((moment) => Math.ceil(moment.month / 3));

const FORMATS: Readonly<Record<string, Format>> = {
  y: year,
  u: year,
  M: month,
  L: month,
  d: number((moment) => moment.day),
  E: ({ weekday }, count) =>
    count > 3 ? (DAYS[weekday] ?? "") : (DAYS[weekday] ?? "").slice(0, 3),
  D: number(dayOfYear),
  H: number((moment) => moment.hour),
  h: number((moment) => (moment.hour % 12 === 0 ? 12 : moment.hour % 12)),
  a: (moment) => (moment.hour < 12 ? "AM" : "PM"),
  m: number((moment) => moment.minute),
  s: number((moment) => moment.second),
  S: (moment, count) => String(moment.micros).padStart(6, "0").padEnd(9, "0").slice(0, count),
  X: () => "Z",
  x: (_, count) => (count === 1 ? "+00" : count === 2 || count === 4 ? "+0000" : "+00:00"),
  Z: () => "+0000",
  z: () => "UTC",
  q: quarter,
  Q: quarter,
};

function dayOfYear({ year: of, month: inMonth, day }: Moment): number {
  return Math.floor((Date.UTC(of, inMonth - 1, day) - Date.UTC(of, 0, 1)) / 86_400_000) + 1;
}

function readable(letter: string, count: number): string {
  switch (letter) {
    case "y":
    case "u":
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
    case "X":
    case "x":
    case "Z":
      return "(Z|[+-]\\d{2}(?::?\\d{2})?)";
    default:
      throw refused(letter);
  }
}

function take(read: Record<string, number>, letter: string, text: string): void {
  if (letter === "y" || letter === "u")
    read["y"] = text.length === 2 ? 2000 + Number(text) : Number(text);
  else if (letter === "M" || letter === "L")
    read["M"] = /^\d/.test(text)
      ? Number(text)
      : MONTHS.findIndex(
          (name) => name.slice(0, 3).toLowerCase() === text.slice(0, 3).toLowerCase(),
        ) + 1;
  else if (letter === "S") read["S"] = Number(text.padEnd(6, "0").slice(0, 6));
  else if (letter === "a") read["a"] = /pm/i.test(text) ? 12 : 0;
  else if (/[XxZ]/.test(letter)) read["z"] = /^z$/i.test(text) ? 0 : offsetMinutes(text);
  else read[letter] = Number(text);
}

function offsetMinutes(text: string): number {
  const [, sign, hours = "0", minutes = "0"] = /^([+-])(\d{2}):?(\d{2})?$/.exec(text) ?? [];
  return (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
}

function refused(what: string): PatternError {
  return new PatternError(
    `[INVALID_DATETIME_PATTERN.ILLEGAL_CHARACTER|22007] Unrecognized datetime pattern: ${what}. The embedded workspace does not translate it.`,
  );
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}
