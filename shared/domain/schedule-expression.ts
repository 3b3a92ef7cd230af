// EventBridge Scheduler's rate(…) and cron(…) in UTC. Recipes are checked by it, and the local
// Scheduler ticks by it.

export type ScheduleExpression =
  | { readonly kind: "rate"; readonly periodMs: number }
  | {
      readonly kind: "cron";
      /** Milliseconds from midnight, in order. */
      readonly times: readonly number[];
      readonly days: Days;
      /** From 1. */
      readonly months: ReadonlySet<number>;
      readonly years: ReadonlySet<number>;
    };

/** The days of a month. Weekdays count from Sunday = 1. */
export type Days =
  | { readonly kind: "dates"; readonly dates: ReadonlySet<number> }
  | { readonly kind: "last-date" }
  /** The weekday (Monday to Friday) nearest to a date, within its month. */
  | { readonly kind: "nearest-workday"; readonly date: number }
  | { readonly kind: "weekdays"; readonly weekdays: ReadonlySet<number> }
  | { readonly kind: "last-weekday"; readonly weekday: number }
  | { readonly kind: "nth-weekday"; readonly weekday: number; readonly nth: number };

/** @throws Error with one sentence that says what is wrong with the expression */
export function parseSchedule(expression: string): ScheduleExpression {
  const [, kind, inner = ""] = /^(rate|cron)\((.*)\)$/s.exec(expression) ?? [];
  if (kind === "rate") return rateOf(expression, inner);
  if (kind === "cron") return cronOf(expression, inner);
  throw invalid(expression, "write rate(5 minutes) or cron(0 6 * * ? *)");
}

const invalid = (expression: string, why: string): Error =>
  new Error(`"${expression}" is no schedule: ${why}`);

const MINUTE_MS = 60_000;
const unitMs: Readonly<Record<string, number>> = {
  minute: MINUTE_MS,
  hour: 60 * MINUTE_MS,
  day: 24 * 60 * MINUTE_MS,
};

function rateOf(expression: string, inner: string): ScheduleExpression {
  const [, digits = "", unit = "", plural = ""] =
    /^\s*([1-9][0-9]{0,6})\s+(minute|hour|day)(s?)\s*$/.exec(inner) ?? [];
  const periodMs = Number(digits) * (unitMs[unit] ?? 0);
  if (periodMs === 0)
    throw invalid(expression, "a rate is a number from 1 and minutes, hours or days");
  if ((digits === "1") !== (plural === ""))
    throw invalid(expression, `write ${digits} ${unit}${digits === "1" ? "" : "s"}`);
  return { kind: "rate", periodMs };
}

type Field = {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly words?: string;
};
const MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC";
const DAYS = "SUN MON TUE WED THU FRI SAT";
const fields = {
  minute: { name: "minutes", min: 0, max: 59 },
  hour: { name: "hours", min: 0, max: 23 },
  dayOfMonth: { name: "day-of-month", min: 1, max: 31 },
  month: { name: "month", min: 1, max: 12, words: MONTHS },
  dayOfWeek: { name: "day-of-week", min: 1, max: 7, words: DAYS },
  year: { name: "year", min: 1970, max: 2199 },
} as const satisfies Record<string, Field>;

function cronOf(expression: string, inner: string): ScheduleExpression {
  const texts = inner.trim().split(/\s+/);
  const [minute = "", hour = "", dayOfMonth = "", month = "", dayOfWeek = "", year = ""] = texts;
  if (texts.length !== 6)
    throw invalid(
      expression,
      `cron has six fields (minutes hours day-of-month month day-of-week year), not ${texts.length}`,
    );
  if ((dayOfMonth === "?") === (dayOfWeek === "?"))
    throw invalid(expression, "exactly one of day-of-month and day-of-week must be ?");
  const set = (field: Field, text: string) => setOf(expression, field, text);
  const minutes = set(fields.minute, minute);
  const hours = set(fields.hour, hour);
  const times = [...hours].flatMap((h) => [...minutes].map((m) => (h * 60 + m) * MINUTE_MS));
  return {
    kind: "cron",
    times: times.toSorted((a, b) => a - b),
    days:
      dayOfWeek === "?" ? daysOfMonth(expression, dayOfMonth) : daysOfWeek(expression, dayOfWeek),
    months: set(fields.month, month),
    years: set(fields.year, year),
  };
}

/** `*`, `5`, `1-5`, `0/15`, `MON-FRI`, and lists of them. */
function setOf(expression: string, field: Field, text: string): ReadonlySet<number> {
  return new Set(text.split(",").flatMap((part) => rangeOf(expression, field, part)));
}

function rangeOf(expression: string, field: Field, part: string): readonly number[] {
  const [, from = "", to, step] =
    /^(\*|[A-Za-z0-9]+)(?:-([A-Za-z0-9]+))?(?:\/([0-9]+))?$/.exec(part) ?? [];
  const number = (text: string) => numberOf(field, text);
  const first = from === "*" ? field.min : number(from);
  const last =
    to !== undefined ? number(to) : from === "*" || step !== undefined ? field.max : first;
  const by = step === undefined ? 1 : Number(step);
  const isSound = first >= field.min && last <= field.max && first <= last && by >= 1;
  if (!isSound || (from === "*" && to !== undefined))
    throw invalid(
      expression,
      `"${part}" is no ${field.name} (${field.min} to ${field.max}, *, a-b, a/step, or a list)`,
    );
  return Array.from({ length: Math.floor((last - first) / by) + 1 }, (_, i) => first + i * by);
}

/** NaN if it is neither a number nor one of the field's words. */
function numberOf(field: Field, text: string): number {
  const word = field.words?.split(" ").indexOf(text.toUpperCase()) ?? -1;
  if (word >= 0) return field.min + word;
  return /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
}

/** One value, which must be in the field's range. */
const oneOf = (expression: string, field: Field, text: string): number =>
  rangeOf(expression, field, text)[0] ?? field.min;

/** Numbers, `L` (the month's last day) and `15W` (the weekday nearest to the 15th). */
function daysOfMonth(expression: string, text: string): Days {
  if (text === "L") return { kind: "last-date" };
  const [, nearest] = /^([0-9]{1,2})W$/.exec(text) ?? [];
  return nearest === undefined
    ? { kind: "dates", dates: setOf(expression, fields.dayOfMonth, text) }
    : { kind: "nearest-workday", date: oneOf(expression, fields.dayOfMonth, nearest) };
}

/**
 * Numbers from SUN = 1, `L` (the week's last day), `6L` (the month's last Friday) and `6#3` (its
 * third Friday).
 */
function daysOfWeek(expression: string, text: string): Days {
  if (text === "L") return { kind: "weekdays", weekdays: new Set([fields.dayOfWeek.max]) };
  const weekdayOf = (which: string) => oneOf(expression, fields.dayOfWeek, which);
  const [, last] = /^([A-Za-z0-9]+)L$/.exec(text) ?? [];
  if (last !== undefined) return { kind: "last-weekday", weekday: weekdayOf(last) };
  const [, which, nth] = /^([A-Za-z0-9]+)#([1-5])$/.exec(text) ?? [];
  return which === undefined
    ? { kind: "weekdays", weekdays: setOf(expression, fields.dayOfWeek, text) }
    : { kind: "nth-weekday", weekday: weekdayOf(which), nth: Number(nth) };
}
