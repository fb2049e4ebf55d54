import { assertEquals, assertThrows } from "@std/assert";
import { summarize, threeDigits } from "../../bench/statistics.ts";

Deno.test("summarize() gives smallest, middle and largest, whatever the order", () => {
  assertEquals(summarize([3]), { min: 3, median: 3, max: 3 });
  assertEquals(summarize([10, 9, 1]), { min: 1, median: 9, max: 10 });
  assertEquals(summarize([4, 1, 3, 100]), { min: 1, median: 3.5, max: 100 });
});

Deno.test("summarize() leaves its samples in their order", () => {
  const samples = [2, 1];
  summarize(samples);
  assertEquals(samples, [2, 1]);
});

Deno.test("summarize() refuses no samples, and what is no measurement", () => {
  assertThrows(() => summarize([]), RangeError, "no samples");
  assertThrows(() => summarize([1, NaN]), RangeError, "NaN");
  assertThrows(() => summarize([Infinity]), RangeError, "Infinity");
});

Deno.test("threeDigits() keeps three digits, and all before the point", () => {
  const cases: readonly (readonly [value: number, text: string])[] = [
    [0, "0"],
    [0.00012345, "0.000123"],
    [0.5, "0.500"],
    [1, "1.00"],
    [12.345, "12.3"],
    [999.4, "999"],
    [123456.7, "123457"],
    [-4.567, "-4.57"],
  ];
  for (const [value, text] of cases) assertEquals(threeDigits(value), text);
});
