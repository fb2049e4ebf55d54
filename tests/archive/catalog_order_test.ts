import { assertEquals } from "@std/assert";
import { CatalogOrder, edgesOf } from "../../src/archive/catalog_order.ts";
import type { Bytes } from "../../src/engine/engine.ts";
import { decodePage, encodePage, type PageEntry } from "../../src/format/page.ts";
import type { BlockPlace, EntryKind, Row } from "../../src/format/row.ts";
import { provisionalRow, type RowMark } from "../../src/format/rows.ts";
import { outcome } from "../format/hostile_bytes.ts";

type EncodedPage = readonly [raw: Bytes, count: number];

/** What is in pages that come one after the other. */
function read(list: readonly EncodedPage[], segment = 0): PageEntry[] {
  const order = new CatalogOrder();
  return list.flatMap(([raw, count]) => {
    const page = decodePage(raw, count, undefined, segment);
    order.next(edgesOf(page));
    return page.entries;
  });
}

const encoded = (
  entries: readonly PageEntry[],
  segment = 0,
  continues = false,
): EncodedPage => [encodePage({ entries, continues }, segment), entries.length];

function entry(path: string, kind: EntryKind, mark?: RowMark, more: Partial<Row> = {}): PageEntry {
  const row = { ...provisionalRow(path, kind), ...more };
  return mark === undefined ? { row, provisional: false, extents: [] } : { row, provisional: false, extents: [], mark };
}

/** How reading rows ends when each is in a page of its own. */
const apart = (entries: readonly PageEntry[]) => outcome(() => read(entries.map((one) => encoded([one], 1)), 1));
/** And when one page has them all. */
const together = (entries: readonly PageEntry[]) => outcome(() => read([encoded(entries, 1)], 1));

Deno.test("CatalogOrder and decodePage() refuse rows when they do not rise or lie below what is no folder", () => {
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
    ["unsafe", [entry("a", "directory"), entry("a/b", "file"), entry("a/b/c", "file")]],
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

Deno.test("CatalogOrder takes a row over several pages when each goes on where the last ended and has nothing else", () => {
  const block: BlockPlace = { frame: 0, offset: 32, frameBytes: 200 };
  const piece = (path: string, fileOffset: number): PageEntry => ({
    ...entry(path, "file", undefined, { size: 30 }),
    extents: [{ fileOffset, length: 10, dataOffset: 0, block }],
  });
  const page = (entries: readonly PageEntry[], continues: boolean) => encoded(entries, 0, continues);
  const pieces = [piece("f", 0), piece("f", 10), piece("f", 20)] as const;
  const [first, second, third] = pieces;
  assertEquals(read([page([first], false), page([second], true), page([third], true)]), [...pieces]);
  const codeOf = (...list: EncodedPage[]) => outcome(() => read(list));
  assertEquals(codeOf(page([first], true)), "malformed");
  assertEquals(codeOf(page([first], false), page([second], false)), "unsafe");
  assertEquals(codeOf(page([second], false), page([first], true)), "malformed");
  assertEquals(codeOf(page([first], false), page([piece("g", 10)], true)), "malformed");
  assertEquals(codeOf(page([piece("a", 0), first], false), page([second], true)), "malformed");
  assertEquals(codeOf(page([first], false), page([second, piece("g", 0)], true)), "malformed");
});
