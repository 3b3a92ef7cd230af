// Datetime patterns (a subset of Java's): what is not here is refused, not guessed.
import { instantOf, instantText, type Moment, momentOf } from "./instants.ts";

const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

type Piece = { readonly letter: string; readonly count: number } | { readonly text: string };

/** @throws PatternError */
export function formatTime(instant: bigint, pattern: string): string {
  const moment = momentOf(instant);
  return pieces(pattern).map((piece) => ("text" in piece ? piece.text : formatted(moment, piece.letter, piece.count))).join("");
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
  letters.forEach((letter, index) => take(read, letter, match[index + 1] ?? ""));
  const half = letters.includes("h") ? ((read["h"] ?? 12) % 12) + (read["a"] ?? 0) : (read["H"] ?? 0);
  const instant = instantOf(read["y"] ?? 1970, read["M"] ?? 1, read["d"] ?? 1, half, read["m"] ?? 0, read["s"] ?? 0, read["S"] ?? 0);
  return instant === undefined ? undefined : instantText(instant - BigInt(read["z"] ?? 0) * 60_000_000n);
}

export class PatternError extends Error {}

function pieces(pattern: string): Piece[] {
  const found: Piece[] = [];
  for (const [token] of pattern.matchAll(/'(?:[^']|'')*'|([A-Za-z])\1*|[^A-Za-z']+|'/g)) {
    if (token.startsWith("'")) found.push({ text: token === "''" ? "'" : token.slice(1, -1).replaceAll("''", "'") });
    else if (/^[A-Za-z]/.test(token)) found.push({ letter: token.charAt(0), count: token.length });
    else if (/[[\]{}#]/.test(token)) throw refused(pattern);
    else found.push({ text: token });
  }
  return found;
}

function formatted(moment: Moment, letter: string, count: number): string {
  const number = (value: number) => String(value).padStart(count, "0");
  switch (letter) {
    case "y":
    case "u":
      return count === 2 ? String(moment.year % 100).padStart(2, "0") : String(moment.year).padStart(count, "0");
    case "M":
    case "L":
      return count > 3 ? (MONTHS[moment.month - 1] ?? "") : count === 3 ? (MONTHS[moment.month - 1] ?? "").slice(0, 3) : number(moment.month);
    case "d":
      return number(moment.day);
    case "E":
      return count > 3 ? (DAYS[moment.weekday] ?? "") : (DAYS[moment.weekday] ?? "").slice(0, 3);
    case "D":
      return number(Math.floor((Date.UTC(moment.year, moment.month - 1, moment.day) - Date.UTC(moment.year, 0, 1)) / 86_400_000) + 1);
    case "H":
      return number(moment.hour);
    case "h":
      return number(moment.hour % 12 === 0 ? 12 : moment.hour % 12);
    case "a":
      return moment.hour < 12 ? "AM" : "PM";
    case "m":
      return number(moment.minute);
    case "s":
      return number(moment.second);
    case "S":
      return String(moment.micros).padStart(6, "0").padEnd(9, "0").slice(0, count);
    case "X":
      return "Z";
    case "x":
      return count === 1 ? "+00" : count === 2 || count === 4 ? "+0000" : "+00:00";
    case "Z":
      return "+0000";
    case "z":
      return "UTC";
    case "q":
    case "Q":
      return number(Math.ceil(moment.month / 3));
    default:
      throw refused(letter);
  }
}

function readable(letter: string, count: number): string {
  switch (letter) {
    case "y":
    case "u":
      return count === 2 ? "(\\d{2})" : count === 1 ? "(\\d{1,6})" : `(\\d{${count}})`;
    case "M":
    case "L":
      if (count > 3) return `(${MONTHS.join("|")})`;
      return count === 3 ? `(${MONTHS.map((name) => name.slice(0, 3)).join("|")})` : count === 2 ? "(\\d{2})" : "(\\d{1,2})";
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
  if (letter === "y" || letter === "u") read["y"] = text.length === 2 ? 2000 + Number(text) : Number(text);
  else if (letter === "M" || letter === "L") read["M"] = /^\d/.test(text) ? Number(text) : MONTHS.findIndex((name) => name.slice(0, 3).toLowerCase() === text.slice(0, 3).toLowerCase()) + 1;
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
  return new PatternError(`[INVALID_DATETIME_PATTERN.ILLEGAL_CHARACTER|22007] Unrecognized datetime pattern: ${what}. The embedded workspace does not translate it.`);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}
