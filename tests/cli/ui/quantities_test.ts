import { assertEquals } from "@std/assert";
import { formatBytes, formatCount, formatDuration, formatItems } from "../../../src/cli/ui/quantities.ts";

Deno.test("formatBytes() changes its unit at the right places", () => {
  for (
    const [bytes, text] of [
      [0, "0 B"],
      [1023, "1023 B"],
      [1024, "1 KiB"],
      [1536, "1.5 KiB"],
      [2 ** 20 - 52, "1023.9 KiB"],
      [2 ** 20 - 1, "1 MiB"],
      [2 ** 20, "1 MiB"],
      [12_345_678, "11.8 MiB"],
      [2 ** 30 * 1.26, "1.3 GiB"],
      [2 ** 40, "1 TiB"],
      [Number.MAX_SAFE_INTEGER, "8 PiB"],
    ] as const
  ) {
    assertEquals(formatBytes(bytes), text);
  }
});

Deno.test("formatCount() and formatItems() part thousands and know one from many", () => {
  assertEquals([0, 999, 1000, 1234567].map(formatCount), ["0", "999", "1,000", "1,234,567"]);
  assertEquals([0, 1, 2].map((n) => formatItems(n, "file")), ["0 files", "1 file", "2 files"]);
  assertEquals(formatItems(2000, "entry", "entries"), "2,000 entries");
});

Deno.test("formatDuration() shows two units at most", () => {
  for (
    const [ms, text] of [
      [-5, "0s"],
      [400, "0s"],
      [59_400, "59s"],
      [59_600, "1m 0s"],
      [3_599_000, "59m 59s"],
      [3_600_000, "1h 0m"],
      [86_400_000, "1d 0h"],
      [93_600_000, "1d 2h"],
    ] as const
  ) {
    assertEquals(formatDuration(ms), text);
  }
});
