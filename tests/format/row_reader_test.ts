import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Bytes } from "../../src/engine/engine.ts";
import { decodePage, encodePage, type PageEntry } from "../../src/format/block.ts";
import { ArchiveError } from "../../src/format/errors.ts";
import type { BlockPlace, EntryKind, Row } from "../../src/format/row.ts";
import { RowReader } from "../../src/format/row_reader.ts";
import { provisionalRow, type RowMark } from "../../src/format/rows.ts";
import { pages } from "./arbitrary_rows.ts";
import { mutated, outcome } from "./hostile_bytes.ts";

/** What the reader gives of pages that come one after the other, as {@linkcode decodePage} would give it. */
function read(list: readonly (readonly [raw: Bytes, count: number])[], segment = 0): PageEntry[] {
  const reader = new RowReader(segment);
  const entries: PageEntry[] = [];
  for (const [raw, count] of list) {
    reader.page(raw, count);
    for (let left = count; left > 0; left--) {
      reader.next();
      assertEquals(reader.left, left - 1);
      const { path, length, row } = reader;
      assertEquals(new TextDecoder("utf-8", { ignoreBOM: true }).decode(path.subarray(0, length)), row.path);
      entries.push(reader.entry());
    }
  }
  return entries.map((entry) => ({ ...entry }));
}

const encoded = (entries: readonly PageEntry[], segment = 0) =>
  [encodePage({ entries, continues: false }, segment), entries.length] as const;

const whole = pages.filter(({ entries }) => entries.every(({ provisional }) => !provisional))
  .map(({ entries }) => ({ entries, continues: false }));

Deno.test("RowReader gives what decodePage() gives when pages are arbitrary", () => {
  let rows = 0;
  fc.assert(fc.property(whole, ({ entries }) => {
    assertEquals(read([encoded(entries)]), entries);
    rows += entries.length;
  }));
  assert(rows > 100);
});

Deno.test("RowReader refuses what decodePage() refuses when bytes are hostile, extents when they are asked for", () => {
  const counts = { refused: 0, taken: 0 };
  for (const count of [1, 2, 3]) {
    const valid = whole.filter(({ entries }) => entries.length === count).map((page) => encodePage(page));
    fc.assert(
      fc.property(fc.oneof(mutated(valid), valid), (raw) => {
        const expected = outcome(() => {
          const page = decodePage(raw, count);
          // What a run refuses besides: a provisional row, and a first page that goes on with another.
          if (page.continues || page.entries.some(({ provisional }) => provisional)) {
            throw new ArchiveError("malformed", "");
          }
          assertEquals(read([[raw, count]]), page.entries);
        });
        if (expected === undefined) counts.taken++;
        else {
          counts.refused++;
          assert(outcome(() => read([[raw, count]])) !== undefined);
        }
      }),
      { numRuns: 400 },
    );
  }
  assert(counts.refused > 100 && counts.taken > 100);
});

function entry(path: string, kind: EntryKind, mark?: RowMark, more: Partial<Row> = {}): PageEntry {
  const row = { ...provisionalRow(path, kind), ...more };
  return mark === undefined ? { row, provisional: false, extents: [] } : { row, provisional: false, extents: [], mark };
}

/** How reading rows ends when each is in a page of its own. */
const apart = (entries: readonly PageEntry[]) => outcome(() => read(entries.map((one) => encoded([one], 1)), 1));
/** And when one page has them all. */
const together = (entries: readonly PageEntry[]) => outcome(() => read([encoded(entries, 1)], 1));

Deno.test("RowReader refuses rows when they do not rise or lie below what is no folder, in a page and over pages", () => {
  const cases: [string, readonly PageEntry[]][] = [
    ["", [entry("a", "directory"), entry("a/b", "file"), entry("a-b", "file"), entry("a.b", "file")]],
    ["", [entry(".", "directory"), entry("-", "file"), entry("\u00e9", "file"), entry("\uffee", "file")]],
    ["", [entry("\uffee", "file"), entry("\u{1f600}", "file")]],
    ["unsafe", [entry("\u{1f600}", "file"), entry("\uffee", "file")]],
    ["unsafe", [entry("a-b", "file"), entry("a/b", "file")]],
    ["unsafe", [entry("b", "file"), entry("a", "file")]],
    ["unsafe", [entry("ab", "file"), entry("a", "file")]],
    ["unsafe", [entry("a", "file"), entry("a", "file")]],
    ["unsafe", [entry("a", "file"), entry(".", "directory")]],
    ["unsafe", [entry(".", "directory"), entry(".", "directory")]],
    ["unsafe", [entry("a", "file"), entry("a/b", "file")]],
    ["unsafe", [entry("a", "symlink", undefined, { link: "x" }), entry("a/b/c", "file")]],
    ["", [entry("a", "file"), entry("a.b", "directory"), entry("a.b/c", "file")]],
    ["", [entry("a", "directory", "gone"), entry("a/b", "file")]],
    ["unsafe", [entry("a", "file"), entry("a/b", "directory", "gone"), entry("a/c", "file")]],
    ["", [entry("a", "file"), entry("a/b", "directory", "gone"), entry("b", "file")]],
    ["", [entry("a", "file"), entry("a/b", "directory", "gone"), entry("ab", "directory"), entry("ab/c", "file")]],
    ["unsafe", [entry("b", "directory", "gone"), entry("a", "directory", "gone")]],
  ];
  for (const [expected, entries] of cases) {
    const paths = entries.map(({ row }) => row.path).join(" ");
    assertEquals(apart(entries) ?? "", expected, paths);
    assertEquals(together(entries) ?? "", expected, paths);
  }
});

Deno.test("RowReader refuses marks in the first segment, and rows that contradict theirs", () => {
  const codeOf = (one: PageEntry, segment: number) => outcome(() => read([encoded([one], segment)], segment));
  assertEquals(codeOf(entry("a", "directory", "gone"), 0), "malformed");
  assertEquals(codeOf(entry("a", "directory", "gone"), 1), undefined);
  assertEquals(codeOf(entry("a", "file", "gone"), 1), "malformed");
  assertEquals(codeOf(entry("a", "directory", "moved"), 1), "malformed");
  assertEquals(codeOf({ ...entry("a", "file"), provisional: true }, 1), "malformed");
});

Deno.test("RowReader takes a row over several pages when each goes on where the last ended and has nothing else", () => {
  const block: BlockPlace = { frame: 0, offset: 32, frameBytes: 200 };
  const piece = (path: string, fileOffset: number): PageEntry => ({
    ...entry(path, "file", undefined, { size: 30 }),
    extents: [{ fileOffset, length: 10, dataOffset: 0, block }],
  });
  const page = (entries: readonly PageEntry[], continues: boolean) =>
    [encodePage({ entries, continues }), entries.length] as const;
  const pieces = [piece("f", 0), piece("f", 10), piece("f", 20)] as const;
  const [first, second, third] = pieces;
  assertEquals(read([page([first], false), page([second], true), page([third], true)]), [...pieces]);
  const codeOf = (...list: (readonly [Bytes, number])[]) => outcome(() => read(list));
  assertEquals(codeOf(page([first], true)), "malformed");
  assertEquals(codeOf(page([first], false), page([second], false)), "unsafe");
  assertEquals(codeOf(page([second], false), page([first], true)), "malformed");
  assertEquals(codeOf(page([first], false), page([piece("g", 10)], true)), "malformed");
  assertEquals(codeOf(page([piece("a", 0), first], false), page([second], true)), "malformed");
  assertEquals(codeOf(page([first], false), page([second, piece("g", 0)], true)), "malformed");
});
