// EventBridge Scheduler's rate(…) and cron(…) in UTC: when the next tick is. Pure.

/** The first tick after `afterMs` (epoch milliseconds), or undefined where none will ever come. */
export type NextTick = (afterMs: number) => number | undefined;

/**
 * @param startMs when the schedule was created: a rate counts from there
 * @throws Error with one sentence that says what is wrong with the expression
 */
export function scheduleOf(expression: string, startMs: number): NextTick {
  const [, kind, inner = ""] = /^(rate|cron)\((.*)\)$/s.exec(expression.trim()) ?? [];
  if (kind === "rate") return rateOf(expression, inner, startMs);
  if (kind === "cron") return cronOf(expression, inner);
  throw invalid(expression, "must be rate(5 minutes) or cron(0 6 * * ? *)");
}

const invalid = (expression: string, why: string): Error =>
  new Error(`the schedule "${expression}" is not valid: ${why}`);

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const unitMs: Readonly<Record<string, number>> = {
  minute: MINUTE_MS,
  hour: 60 * MINUTE_MS,
  day: DAY_MS,
};

function rateOf(expression: string, inner: string, startMs: number): NextTick {
  const [, digits = "", unit = "", plural = ""] =
    /^\s*([1-9][0-9]{0,6})\s+(minute|hour|day)(s?)\s*$/.exec(inner) ?? [];
  const period = Number(digits) * (unitMs[unit] ?? 0);
  if (period === 0)
    throw invalid(expression, "a rate is a number from 1 and minutes, hours or days");
  if ((digits === "1") !== (plural === ""))
    throw invalid(expression, `write ${digits} ${unit}${digits === "1" ? "" : "s"}`);
  return (afterMs) =>
    afterMs < startMs ? startMs : startMs + (Math.floor((afterMs - startMs) / period) + 1) * period;
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

// The longest gap between two ticks that can come: 29 February over a year that is not a leap year (2096 to 2104).
const SEARCH_DAYS_MAX = 366 * 9;

function cronOf(expression: string, inner: string): NextTick {
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
  const months = set(fields.month, month);
  const years = set(fields.year, year);
  const isDay =
    dayOfWeek === "?" ? dayOfMonthOf(expression, dayOfMonth) : dayOfWeekOf(expression, dayOfWeek);
  const isWanted = (day: Date) =>
    years.has(day.getUTCFullYear()) && months.has(day.getUTCMonth() + 1) && isDay(day);
  const times = [...hours].flatMap((h) => [...minutes].map((m) => (h * 60 + m) * MINUTE_MS));
  times.sort((a, b) => a - b);
  return (afterMs) => {
    const firstDay = Math.floor(afterMs / DAY_MS) * DAY_MS;
    for (let day = 0; day < SEARCH_DAYS_MAX; day++) {
      const midnight = firstDay + day * DAY_MS;
      if (!isWanted(new Date(midnight))) continue;
      const time = times.find((ms) => midnight + ms > afterMs);
      if (time !== undefined) return midnight + time;
    }
    return undefined;
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

/** NaN where it is neither a number nor one of the field's words. */
function numberOf(field: Field, text: string): number {
  const word = field.words?.split(" ").indexOf(text.toUpperCase()) ?? -1;
  if (word >= 0) return field.min + word;
  return /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
}

type IsDay = (day: Date) => boolean;

/** Numbers, `L` (the month's last day) and `15W` (the weekday nearest to the 15th, within the month). */
function dayOfMonthOf(expression: string, text: string): IsDay {
  if (text === "L") return (day) => day.getUTCDate() === lastOfMonth(day);
  const [, nearest] = /^([0-9]{1,2})W$/.exec(text) ?? [];
  if (nearest !== undefined) {
    const [wanted = 0] = setOf(expression, fields.dayOfMonth, nearest);
    return (day) => day.getUTCDate() === nearestWeekday(day, wanted);
  }
  const days = setOf(expression, fields.dayOfMonth, text);
  return (day) => days.has(day.getUTCDate());
}

/** Numbers from SUN = 1, `6L` (the month's last Friday) and `6#3` (its third Friday). */
function dayOfWeekOf(expression: string, text: string): IsDay {
  const weekday = (day: Date) => day.getUTCDay() + 1;
  const [, last] = /^([A-Za-z0-9]+)L$/.exec(text) ?? [];
  if (last !== undefined) {
    const [wanted] = setOf(expression, fields.dayOfWeek, last);
    return (day) => weekday(day) === wanted && day.getUTCDate() > lastOfMonth(day) - 7;
  }
  const [, which, nth] = /^([A-Za-z0-9]+)#([1-5])$/.exec(text) ?? [];
  if (which !== undefined) {
    const [wanted] = setOf(expression, fields.dayOfWeek, which);
    return (day) => weekday(day) === wanted && Math.ceil(day.getUTCDate() / 7) === Number(nth);
  }
  const days = setOf(expression, fields.dayOfWeek, text);
  return (day) => days.has(weekday(day));
}

const lastOfMonth = (day: Date): number =>
  new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 1, 0)).getUTCDate();

function nearestWeekday(day: Date, wanted: number): number {
  const last = lastOfMonth(day);
  const date = Math.min(wanted, last);
  const weekday = new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), date)).getUTCDay();
  if (weekday === 6) return date === 1 ? 3 : date - 1;
  if (weekday === 0) return date === last ? date - 2 : date + 1;
  return date;
}
