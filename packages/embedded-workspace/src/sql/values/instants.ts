// Instants as microseconds since 1970 in UTC, exact as bigint.

const DAY = 86_400_000_000n;

/** Undefined when the calendar has no such moment (30 February, 25 o'clock). */
export function instantOf(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
  micros: number,
): bigint | undefined {
  if (hour > 23 || minute > 59 || second > 59 || Math.abs(year) > 9999 || year < 1)
    return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (
    date.getUTCFullYear() !== year ||
    date.getUTCMonth() !== month - 1 ||
    date.getUTCDate() !== day
  )
    return undefined;
  const seconds = BigInt(hour * 3600 + minute * 60 + second);
  return BigInt(date.getTime()) * 1000n + seconds * 1_000_000n + BigInt(micros);
}

export type Moment = {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly micros: number;
  /** Sunday is 0. */
  readonly weekday: number;
};

export function momentOf(instant: bigint): Moment {
  const micros = ((instant % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const date = new Date(Number((instant - micros) / 1000n));
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
    micros: Number(micros),
    weekday: date.getUTCDay(),
  };
}

/** `YYYY-MM-DD hh:mm:ss.ffffff` */
export function instantText(instant: bigint): string {
  const { year, month, day, hour, minute, second, micros } = momentOf(instant);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${String(year).padStart(4, "0")}-${two(month)}-${two(day)} ${two(hour)}:${two(minute)}:${two(second)}.${String(micros).padStart(6, "0")}`;
}

/** Months that lie wholly between two instants, negative backwards. */
export function wholeMonths(from: bigint, to: bigint): bigint {
  if (to < from) return -wholeMonths(to, from);
  const [a, b] = [momentOf(from), momentOf(to)];
  const months = (b.year - a.year) * 12 + b.month - a.month;
  const intoMonth = (moment: Moment, instant: bigint) =>
    BigInt(moment.day) * DAY + (((instant % DAY) + DAY) % DAY);
  return BigInt(intoMonth(b, to) < intoMonth(a, from) ? months - 1 : months);
}

/** As Spark prints it: without the zeros at the end of the fraction. */
export function instantCell(instant: bigint): string {
  return instantText(instant)
    .replace(/\.?0+$/, (zeros) => (zeros.startsWith(".") ? "" : zeros))
    .replace(/(\.\d*?)0+$/, "$1");
}

/** A day number since 1970 as `YYYY-MM-DD`. */
export function dateCell(days: number): string {
  return instantText(BigInt(days) * DAY).slice(0, 10);
}
