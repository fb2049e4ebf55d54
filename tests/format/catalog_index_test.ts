import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Bytes } from "../../src/engine/engine.ts";
import { ByteWriter } from "../../src/format/bytes.ts";
import { decodeIndex, encodeIndex, type PagePlace } from "../../src/format/catalog_index.ts";
import { encodeColumn } from "../../src/format/columns.ts";
import { MAX_BODY_BYTES, MAX_DECODED_STRING_BYTES, MAX_FRAMES, MAX_PAGE_ROWS } from "../../src/format/limits.ts";
import { comparePaths } from "../../src/format/path.ts";
import { paths } from "./arbitrary_rows.ts";
import { feedHostile, hex, outcome } from "./hostile_bytes.ts";

/** Pages one behind the other. */
function pagesOf(
  firstPaths: readonly string[],
  frame: number,
  offset: number,
  frameBytes: number,
  rows = 1,
): PagePlace[] {
  return firstPaths.map((firstPath, i) => ({
    firstPath,
    frame: frame + i,
    offset: offset + i * frameBytes,
    frameBytes,
    rows,
  }));
}

const recode = (pages: readonly PagePlace[]) => decodeIndex(encodeIndex(pages), pages.length);
const codeOf = (pages: readonly PagePlace[]) => outcome(() => recode(pages));

Deno.test("encodeIndex() puts every column where FORMAT.md has it when there are two pages", () => {
  const pages = pagesOf(["a", "ab"], 3, 0x200, 0x90, 5);
  assertEquals(
    Uint8Array.from(encodeIndex(pages)),
    hex("01 06 0001 61 0101 62  02 03 03 8004  03 04 9001 9001  04 02 05 05"),
  );
  assertEquals(recode(pages), pages);
});

Deno.test("decodeIndex() takes no bytes when there are no pages, and refuses any", () => {
  assertEquals(encodeIndex([]).length, 0);
  assertEquals(decodeIndex(hex(""), 0), []);
  assertEquals(outcome(() => decodeIndex(hex("04 01 01"), 0)), "malformed");
  assertEquals(outcome(() => decodeIndex(hex(""), 1)), "malformed");
});

const indexes: fc.Arbitrary<PagePlace[]> = fc
  .tuple(
    fc.array(fc.tuple(paths, fc.nat(2 ** 20), fc.integer({ min: 1, max: MAX_PAGE_ROWS })), {
      minLength: 1,
      maxLength: 9,
    }),
    fc.nat(2 ** 31),
    fc.nat(2 ** 40),
  )
  .map(([pages, frame, offset]) => {
    const sorted = pages.sort(([a], [b]) => comparePaths(a, b));
    let at = offset;
    return sorted.map(([firstPath, frameBytes, rows], i): PagePlace => {
      const place = { firstPath, frame: frame + i, offset: at, frameBytes, rows };
      at += frameBytes;
      return place;
    });
  });

Deno.test("decodeIndex() gives back what was encoded when pages are arbitrary", () => {
  fc.assert(fc.property(indexes, (pages) => assertEquals(recode(pages), pages)));
});

Deno.test("decodeIndex() throws nothing but ArchiveError when bytes are hostile", () => {
  const valid = indexes.filter((pages) => pages.length === 2).map((pages): Bytes => encodeIndex(pages));
  const counts = feedHostile(valid, (bytes) => decodeIndex(bytes, 2));
  assert(counts.refused > 0 && counts.taken > 0);
});

Deno.test("decodeIndex() refuses first paths when they fall, and takes equal ones", () => {
  const order = (...list: string[]) => codeOf(pagesOf(list, 0, 32, 100));
  assertEquals(order("a", "a/b", "a-b", "a.txt"), undefined);
  assertEquals(order("a", "b", "b", "b", "c"), undefined);
  assertEquals(order("\uff5e", "\u{1f600}"), undefined);
  for (const list of [["b", "a"], ["a-b", "a/b"], ["\u{1f600}", "\uff5e"], ["a", "."]]) {
    assertEquals(order(...list), "malformed", list.join(" "));
  }
  assertEquals(order("../a"), "unsafe");
});

Deno.test("decodeIndex() refuses a page when its number of rows is 0 or over 2,048", () => {
  assertEquals(codeOf(pagesOf(["a"], 0, 32, 100, MAX_PAGE_ROWS)), undefined);
  assertEquals(codeOf(pagesOf(["a"], 0, 32, 100, MAX_PAGE_ROWS + 1)), "malformed");
  assertEquals(codeOf(pagesOf(["a"], 0, 32, 100, 0)), "malformed");
});

Deno.test("decodeIndex() refuses pages when they leave the body or run out of frame numbers", () => {
  assertEquals(codeOf(pagesOf(["a", "b"], MAX_FRAMES - 2, 32, 100)), undefined);
  assertEquals(codeOf(pagesOf(["a", "b"], MAX_FRAMES - 1, 32, 100)), "malformed");
  assertEquals(codeOf(pagesOf(["a"], 0, MAX_BODY_BYTES - 100, 100)), undefined);
  assertEquals(codeOf(pagesOf(["a"], 0, MAX_BODY_BYTES - 99, 100)), "malformed");
});

Deno.test("decodeIndex() refuses an index when a column is missing or has more or fewer pages", () => {
  const set = (columns: Readonly<Record<number, string>>) => {
    const out = new ByteWriter();
    for (const [number, bytes] of Object.entries(columns)) encodeColumn(out, Number(number), hex(bytes));
    return outcome(() => decodeIndex(out.finish(), 1));
  };
  const sound: Readonly<Record<number, string>> = { 1: "00 01 61", 2: "00 20", 3: "64", 4: "01" };
  assertEquals(set(sound), undefined);
  assertEquals(set({ ...sound, 0x80: "ff" }), undefined);
  assertEquals(set({ ...sound, 5: "ff" }), "malformed");
  for (const number of [1, 2, 3, 4]) {
    assertEquals(set({ ...sound, [number]: "" }), "malformed");
    assertEquals(set({ ...sound, [number]: `${sound[number]} 01` }), "malformed");
  }
});

Deno.test("decodeIndex() refuses first paths when they decode to over 16 MiB", () => {
  const path = `${"x".repeat(199)}/`.repeat(21).slice(0, 4095) + "y";
  assertEquals(path.length, 4096);
  const count = MAX_DECODED_STRING_BYTES / 4096;
  const pages = pagesOf(Array.from({ length: count + 1 }, () => path), 0, 32, 100);
  assertEquals(recode(pages.slice(0, count)).length, count);
  assertEquals(codeOf(pages), "limit");
});
