// The ticks of EventBridge Scheduler: the next time of an expression, in UTC. Pure.
import { type Days, parseSchedule } from "../../shared/domain/schedule-expression.ts";

/** The first tick after `afterMs` (epoch milliseconds), or undefined if none will ever come. */
export type NextTick = (afterMs: number) => number | undefined;

const DAY_MS = 24 * 3600 * 1000;
// The longest possible gap between two ticks: 29 February over a year that is not a leap year (2096
// to 2104).
const SEARCH_DAYS_MAX = 366 * 9;

/**
 * @param startMs the time at which the schedule was created: a rate counts from there
 * @throws Error with one sentence that says what is wrong with the expression
 */
export function ticksOf(expression: string, startMs: number): NextTick {
  const schedule = parseSchedule(expression);
  if (schedule.kind === "rate") {
    const { periodMs } = schedule;
    return (afterMs) =>
      afterMs < startMs
        ? startMs
        : startMs + (Math.floor((afterMs - startMs) / periodMs) + 1) * periodMs;
  }
  const { times, days, months, years } = schedule;
  const isWanted = (day: Date) =>
    years.has(day.getUTCFullYear()) && months.has(day.getUTCMonth() + 1) && isOf(days, day);
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

function isOf(days: Days, day: Date): boolean {
  const date = day.getUTCDate();
  const weekday = day.getUTCDay() + 1;
  switch (days.kind) {
    case "dates":
      return days.dates.has(date);
    case "last-date":
      return date === lastOfMonth(day);
    case "nearest-workday":
      return date === nearestWorkday(day, days.date);
    case "weekdays":
      return days.weekdays.has(weekday);
    case "last-weekday":
      return weekday === days.weekday && date > lastOfMonth(day) - 7;
    case "nth-weekday":
      return weekday === days.weekday && Math.ceil(date / 7) === days.nth;
  }
}

const lastOfMonth = (day: Date): number =>
  new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 1, 0)).getUTCDate();

function nearestWorkday(day: Date, wanted: number): number {
  const last = lastOfMonth(day);
  const date = Math.min(wanted, last);
  const weekday = new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), date)).getUTCDay();
  if (weekday === 6) return date === 1 ? 3 : date - 1;
  if (weekday === 0) return date === last ? date - 2 : date + 1;
  return date;
}
