/**
 * Which snapshots are kept: the rules of restic's `forget`, so that nobody has to learn others. Each rule walks from
 * the newest snapshot to the oldest and keeps the newest of every period until it has kept as many as it may; what any
 * rule keeps is kept.
 */
import type { Time } from "../format/row.ts";

/** How many snapshots to keep, by rule. A rule that is left out keeps none by itself. */
export interface RetentionRules {
  /** The newest ones. */
  readonly last?: number;
  /** The newest of each day that has one. */
  readonly daily?: number;
  /** The newest of each week, Monday to Sunday, that has one. */
  readonly weekly?: number;
  /** The newest of each month that has one. */
  readonly monthly?: number;
}

/** The name of a rule. */
export type RetentionRule = keyof RetentionRules;

/** A snapshot that is kept, and why. */
export interface Kept<T> {
  readonly snapshot: T;
  /** The rules that keep it; none when there are no rules, which keeps all. */
  readonly rules: readonly RetentionRule[];
}

/** A day of the calendar. */
export interface CalendarDay {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  /** 1 to 31. */
  readonly day: number;
}

const DAY_MS = 86_400_000;

/** The day of a moment where this program runs. Daylight saving and all: days begin at midnight of the clock there. */
export function localDay({ seconds }: Time): CalendarDay {
  const date = new Date(seconds * 1000);
  return { year: date.getFullYear(), month: date.getMonth() + 1, day: date.getDate() };
}

/** The days since 1970-01-01. */
function dayNumber({ year, month, day }: CalendarDay): number {
  const date = new Date(0);
  // Years below 100 would be taken for years of the 20th century by Date.UTC.
  date.setUTCFullYear(year, month - 1, day);
  return Math.round(date.getTime() / DAY_MS);
}

/** The period that a snapshot belongs to, as a number, for each rule. `age` counts from the newest. */
const PERIODS: Record<RetentionRule, (day: CalendarDay, age: number) => number> = {
  last: (_day, age) => age,
  daily: dayNumber,
  // The epoch was a Thursday.
  weekly: (day) => Math.floor((dayNumber(day) + 3) / 7),
  monthly: ({ year, month }) => 12 * year + month,
};

/**
 * The snapshots that the rules keep, in the order they came in. Without any rule all are kept. As in restic, a rule
 * that has not kept as many as it may when it comes to the oldest snapshot keeps that too.
 *
 * @throws {RangeError} when a number is not a whole one, or negative.
 */
export function keptSnapshots<T extends { readonly time: Time }>(
  snapshots: readonly T[],
  rules: RetentionRules,
  dayOf: (time: Time) => CalendarDay = localDay,
): Kept<T>[] {
  const names = (Object.keys(PERIODS) as RetentionRule[]).filter((name) => rules[name] !== undefined);
  const left = new Map<RetentionRule, number>();
  for (const name of names) {
    const count = rules[name] as number;
    if (!Number.isSafeInteger(count) || count < 0) {
      throw new RangeError(`Cannot keep ${count} snapshots: it must be a whole number`);
    }
    left.set(name, count);
  }
  if ([...left.values()].every((count) => count === 0)) {
    return snapshots.map((snapshot) => ({ snapshot, rules: [] }));
  }
  const newestFirst = snapshots.map((_, i) => i).sort((a, b) =>
    compareTimes((snapshots[b] as T).time, (snapshots[a] as T).time) || b - a
  );
  const periods = new Map<RetentionRule, number>();
  const reasons = new Map<number, RetentionRule[]>();
  for (const [age, at] of newestFirst.entries()) {
    const day = dayOf((snapshots[at] as T).time);
    for (const name of names) {
      const count = left.get(name) as number;
      if (count === 0) continue;
      const period = PERIODS[name](day, age);
      if (period === periods.get(name) && age < newestFirst.length - 1) continue;
      periods.set(name, period);
      left.set(name, count - 1);
      reasons.set(at, [...(reasons.get(at) ?? []), name]);
    }
  }
  return snapshots.flatMap((snapshot, i) => {
    const found = reasons.get(i);
    return found === undefined ? [] : [{ snapshot, rules: found }];
  });
}

function compareTimes(a: Time, b: Time): number {
  return a.seconds - b.seconds || a.nanoseconds - b.nanoseconds;
}
