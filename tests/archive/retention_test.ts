import { assertEquals, assertThrows } from "@std/assert";
import { type CalendarDay, keptSnapshots, localDay, type RetentionRules } from "../../src/archive/retention.ts";
import type { Time } from "../../src/format/row.ts";

const utcDay = ({ seconds }: Time): CalendarDay => {
  const date = new Date(seconds * 1000);
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() };
};

const at = (text: string) => ({ text, time: { seconds: Date.parse(`${text}Z`) / 1000, nanoseconds: 0 } });

/** The times of the snapshots that the rules keep, the oldest first. */
function kept(times: readonly string[], rules: RetentionRules): string[] {
  return keptSnapshots(times.map(at), rules, utcDay).map(({ snapshot }) => snapshot.text);
}

/** Snapshots at the same hour, so many days apart. */
function every(days: number, from: string, until: string): string[] {
  const times: string[] = [];
  for (let ms = Date.parse(`${from}Z`); ms <= Date.parse(`${until}Z`); ms += days * 86_400_000) {
    times.push(new Date(ms).toISOString().slice(0, 19));
  }
  return times;
}

// The two examples of restic's manual ("Removing backup snapshots"), and what it says of them.

const SUNDAYS = every(7, "2019-09-01T11:00:00", "2019-11-17T11:00:00");

Deno.test("keptSnapshots() keeps the last four Sundays when there is one snapshot each Sunday and 4 daily ones are kept", () => {
  assertEquals(SUNDAYS.length, 12);
  const expected = ["2019-10-27T11:00:00", "2019-11-03T11:00:00", "2019-11-10T11:00:00", "2019-11-17T11:00:00"];
  assertEquals(kept(SUNDAYS, { daily: 4 }), expected);
  assertEquals(kept(SUNDAYS, { last: 4 }), expected);
  assertEquals(kept(SUNDAYS, { weekly: 4 }), expected);
});

Deno.test("keptSnapshots() keeps the last of days, weeks and months when there was one snapshot a day for years", () => {
  const days = every(1, "2015-01-01T12:00:00", "2017-12-31T12:00:00");
  const found = keptSnapshots(days.map(at), { daily: 7, weekly: 5, monthly: 12 }, utcDay);
  const by = (rule: string) =>
    found.filter(({ rules }) => rules.includes(rule as never)).map(({ snapshot }) => snapshot.text.slice(0, 10));
  assertEquals(by("daily"), [25, 26, 27, 28, 29, 30, 31].map((day) => `2017-12-${day}`));
  // 2017-12-31 was a Sunday.
  assertEquals(by("weekly"), ["2017-12-03", "2017-12-10", "2017-12-17", "2017-12-24", "2017-12-31"]);
  assertEquals(by("monthly"), [
    "2017-01-31",
    "2017-02-28",
    "2017-03-31",
    "2017-04-30",
    "2017-05-31",
    "2017-06-30",
    "2017-07-31",
    "2017-08-31",
    "2017-09-30",
    "2017-10-31",
    "2017-11-30",
    "2017-12-31",
  ]);
  assertEquals(found.length, 7 + 4 + 11);
});

Deno.test("keptSnapshots() keeps the newest of a day, a week and a month when they have several", () => {
  const times = [
    "2024-02-28T08:00:00",
    "2024-02-28T20:00:00",
    "2024-02-29T08:00:00",
    "2024-02-29T20:00:00",
    "2024-03-01T08:00:00",
  ];
  assertEquals(kept(times, { daily: 2 }), ["2024-02-29T20:00:00", "2024-03-01T08:00:00"]);
  assertEquals(kept(times, { monthly: 1 }), ["2024-03-01T08:00:00"]);
  // All in one week: the second is the oldest one, which a rule with some left to keep takes too.
  assertEquals(kept(times, { weekly: 1 }), ["2024-03-01T08:00:00"]);
  assertEquals(kept(times, { weekly: 2 }), ["2024-02-28T08:00:00", "2024-03-01T08:00:00"]);
});

Deno.test("keptSnapshots() counts only days that have snapshots when days are left out", () => {
  const times = ["2024-01-01T00:00:00", "2024-01-05T00:00:00", "2024-01-09T00:00:00", "2024-02-20T00:00:00"];
  assertEquals(kept(times, { daily: 3 }), times.slice(1));
});

Deno.test("keptSnapshots() keeps the oldest snapshot when a rule has not kept as many as it may", () => {
  const times = ["2024-01-01T01:00:00", "2024-01-01T02:00:00", "2024-01-01T03:00:00"];
  assertEquals(kept(times, { daily: 1 }), ["2024-01-01T03:00:00"]);
  assertEquals(kept(times, { daily: 2 }), ["2024-01-01T01:00:00", "2024-01-01T03:00:00"]);
  assertEquals(kept(times, { monthly: 100 }), ["2024-01-01T01:00:00", "2024-01-01T03:00:00"]);
});

Deno.test("keptSnapshots() takes weeks from Monday to Sunday, also across a year's end", () => {
  // Monday 2024-12-30 and Sunday 2025-01-05 are in one week; Sunday 2024-12-29 is in the week before.
  const times = ["2024-12-16T00:00:00", "2024-12-29T00:00:00", "2024-12-30T00:00:00", "2025-01-05T00:00:00"];
  assertEquals(kept(times, { weekly: 2 }), ["2024-12-29T00:00:00", "2025-01-05T00:00:00"]);
});

Deno.test("keptSnapshots() keeps all when there are no rules, or none that keeps any", () => {
  for (const rules of [{}, { last: 0 }, { daily: 0, monthly: 0 }]) assertEquals(kept(SUNDAYS, rules), SUNDAYS);
  assertEquals(kept([], { last: 3 }), []);
});

Deno.test("keptSnapshots() goes by time and not by place when a clock was wrong, and keeps the order it was given", () => {
  const times = ["2024-01-03T00:00:00", "2024-01-01T00:00:00", "2024-01-02T00:00:00"];
  assertEquals(kept(times, { last: 2 }), ["2024-01-03T00:00:00", "2024-01-02T00:00:00"]);
  const twice = [{ name: "a", time: at(times[0] as string).time }, { name: "b", time: at(times[0] as string).time }];
  assertEquals(keptSnapshots(twice, { last: 1 }, utcDay).map(({ snapshot }) => snapshot.name), ["b"]);
});

Deno.test("keptSnapshots() says which rules keep a snapshot", () => {
  const times = ["2024-01-31T00:00:00", "2024-02-01T00:00:00"].map(at);
  const found = keptSnapshots(times, { last: 1, daily: 2, monthly: 2 }, utcDay);
  assertEquals(found.map(({ rules }) => rules), [["daily", "monthly"], ["last", "daily", "monthly"]]);
});

Deno.test("keptSnapshots() refuses numbers that are none", () => {
  for (const last of [-1, 1.5, NaN, Infinity]) assertThrows(() => keptSnapshots([], { last }), RangeError);
});

Deno.test("localDay() gives the day of the clock on the wall when that is another than in UTC", () => {
  for (const seconds of [0, 1_700_000_000, 1_709_164_800, -1]) {
    const date = new Date(seconds * 1000);
    const noon = new Date(date.getFullYear(), date.getMonth(), date.getDate(), 12).getTime();
    const { year, month, day } = localDay({ seconds, nanoseconds: 0 });
    assertEquals(new Date(year, month - 1, day, 12).getTime(), noon);
  }
});
