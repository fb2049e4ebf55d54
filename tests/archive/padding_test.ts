import { assert, assertEquals } from "@std/assert";
import { padmeLength } from "../../src/archive/padding.ts";

Deno.test("padmeLength() gives the lengths of the paper's definition", () => {
  // By hand: L = 1000 has E = 9 and S = 4, so the low 5 bits are to be zero.
  const known = [[0, 0], [1, 1], [2, 2], [3, 3], [8, 8], [9, 10], [1000, 1024], [1025, 1088], [65_537, 67_584], [
    2 ** 20 + 1,
    2 ** 20 + 2 ** 15,
  ]];
  for (const [length = 0, padded = 0] of known) assertEquals(padmeLength(length), padded, `${length}`);
});

Deno.test("padmeLength() never shortens, costs at most 12 %, and has few different values", () => {
  const seen = new Set<number>();
  for (let length = 1; length < 100_000; length++) {
    const padded = padmeLength(length);
    assert(padded >= length && padded <= length * 1.12, `${length}`);
    assertEquals(padmeLength(padded), padded);
    seen.add(padded);
  }
  assert(seen.size < 250, `${seen.size}`);
});

Deno.test("padmeLength() stays exact for lengths beyond 32 bits", () => {
  for (const length of [2 ** 32, 2 ** 32 + 1, 2 ** 40 + 12_345, 2 ** 52 + 1]) {
    const padded = padmeLength(length);
    assert(Number.isSafeInteger(padded) && padded >= length && padded <= length * 1.12, `${length}`);
  }
});
