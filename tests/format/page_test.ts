import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ByteWriter } from "../../src/format/bytes.ts";
import { encodeColumn } from "../../src/format/columns.ts";
import { ArchiveError } from "../../src/format/errors.ts";
import { MAX_BODY_BYTES, MAX_FRAME_BYTES, MAX_FRAMES, MAX_PAGE_BYTES, MAX_PAGE_ROWS } from "../../src/format/limits.ts";
import {
  checkRowOrder,
  decodePage,
  decodePageRows,
  encodePage,
  type Page,
  type PageEntry,
} from "../../src/format/page.ts";
import type { BlockPlace, Row } from "../../src/format/row.ts";
import { provisionalRow } from "../../src/format/rows.ts";
import { directoryRow, documentedRows, fileRow, pages } from "./arbitrary_rows.ts";
import { testValue } from "./format_document.ts";
import { feedHostile, hex, outcome } from "./hostile_bytes.ts";

/** Makes the crafted row a provisional one: without its size. */
const BARE = { 3: "02", 5: "" };

const BLOCK: BlockPlace = { frame: 0, offset: 32, frameBytes: 176 };
const plain = ({ entries, continues }: Page): Page => ({ entries, continues });
const inPage = (row: Row): PageEntry => ({ row, provisional: false, extents: [] });
const pageOf = (entries: readonly PageEntry[], continues = false) =>
  Uint8Array.from(encodePage({ entries, continues }));

Deno.test("encodePage() gives FORMAT.md's bytes when it has its two rows", () => {
  const [directory, file] = documentedRows();
  const entries: PageEntry[] = [
    inPage(directory),
    { ...inPage(file), extents: [{ fileOffset: 0, length: 5, dataOffset: 0, block: BLOCK }] },
  ];
  assertEquals(pageOf(entries), testValue("page"));
  assertEquals(plain(decodePage(testValue("page"), 2)), { entries, continues: false });
});

Deno.test("encodePage() leaves columns out when no entry has bytes", () => {
  assertEquals(pageOf([inPage(fileRow("a"))]), hex("01 03 00 01 61  02 01 01"));
});

Deno.test("decodePage() gives back what was encoded when pages are arbitrary", () => {
  let extents = 0;
  let continued = 0;
  fc.assert(fc.property(pages, (page) => {
    assertEquals(plain(decodePage(encodePage(page), page.entries.length)), page);
    extents += page.entries.reduce((sum, entry) => sum + entry.extents.length, 0);
    if (page.continues) continued++;
  }));
  assert(extents > 0 && continued > 0);
});

Deno.test("decodePage() throws nothing but ArchiveError when bytes are hostile", () => {
  for (const count of [1, 2]) {
    const valid = pages.filter(({ entries }) => entries.length === count).map(encodePage);
    const counts = feedHostile(valid, (bytes) => decodePage(bytes, count));
    assert(counts.refused > 0 && counts.taken > 0);
  }
});

/** A page's raw bytes from columns 1 and 2 of a file "a" of 100 bytes, a block table of two blocks, and extents. */
const craftPage = (columns: Readonly<Record<number, string>>) => {
  const out = new ByteWriter();
  const all: Record<number, string> = { 1: "00 01 61", 2: "01", 5: "64", 24: "02  00 40 0a  02 00 05", ...columns };
  for (const [number, bytes] of Object.entries(all)) encodeColumn(out, Number(number), hex(bytes));
  return out.finish();
};

const pageCode = (columns: Readonly<Record<number, string>>) => outcome(() => decodePage(craftPage(columns), 1));

Deno.test("decodePage() gives places and offsets by what came before when a page has several extents", () => {
  // 5 bytes where they are expected, a gap of 2 and 3 bytes behind them; in the next block, from its start; back, 1 on.
  const extents = "00 05 00 00  02 03 00 00  00 01 02 00  00 01 01 02";
  const { entries: [entry] } = decodePage(craftPage({ 25: "04", 26: extents }), 1);
  const first = { frame: 0, offset: 32, frameBytes: 10 };
  assertEquals(entry?.extents, [
    { fileOffset: 0, length: 5, dataOffset: 0, block: first },
    { fileOffset: 7, length: 3, dataOffset: 5, block: first },
    { fileOffset: 10, length: 1, dataOffset: 0, block: { frame: 1, offset: 42, frameBytes: 5 } },
    { fileOffset: 11, length: 1, dataOffset: 1, block: first },
  ]);
});

Deno.test("decodePage() refuses an extent when it is empty, in no block, or begins before the data", () => {
  const one = (extent: string) => pageCode({ 25: "01", 26: extent });
  assertEquals(one("00 05 02 00"), undefined);
  assertEquals(one("00 00 00 00"), "malformed");
  // Block 2, block -1, offset -1.
  assertEquals(one("00 05 04 00"), "malformed");
  assertEquals(one("00 05 01 00"), "malformed");
  assertEquals(one("00 05 00 01"), "malformed");
  assertEquals(pageCode({ 25: "02", 26: "00 05 00 00  00 05 00 09" }), undefined);
  assertEquals(pageCode({ 25: "02", 26: "00 05 00 00  00 05 00 0b" }), "malformed");
});

Deno.test("decodePage() refuses an extent when it ends beyond what a block can hold", () => {
  const extent = (dataOffset: number) => {
    const out = new ByteWriter();
    [0, 4, 0].forEach((value) => out.varint(value));
    out.zigzag(dataOffset);
    return pageCode({ 25: "01", 26: out.finish().toHex() });
  };
  assertEquals(extent(MAX_FRAME_BYTES - 4), undefined);
  assertEquals(extent(MAX_FRAME_BYTES - 3), "malformed");
});

Deno.test("decodePage() refuses extents when count and column disagree or they go beyond the size", () => {
  assertEquals(pageCode({ 25: "01", 26: "60 04 00 00" }), undefined);
  assertEquals(pageCode({ 25: "01", 26: "60 05 00 00" }), "malformed");
  assertEquals(pageCode({ 25: "01", 26: "60 05 00 00", ...BARE }), undefined);
  assertEquals(pageCode({ 25: "01", 26: "00 04 00 00", 2: "02", 5: "00" }), "malformed");
  assertEquals(pageCode({ 25: "02", 26: "00 04 00 00" }), "malformed");
  assertEquals(pageCode({ 25: "01", 26: "00 04 00 00 00" }), "malformed");
  assertEquals(pageCode({ 25: "01" }), "malformed");
  assertEquals(pageCode({ 26: "00 04 00 00" }), "malformed");
  assertEquals(pageCode({ 25: "01", 26: "feffffffffffff0f 01 00 00", ...BARE }), undefined);
  assertEquals(pageCode({ 25: "01", 26: "ffffffffffffff0f 01 00 00", ...BARE }), "malformed");
});

Deno.test("decodePageRows() refuses bad extents when they are asked for, each time, and bad rows at once", () => {
  const bad = decodePageRows(craftPage({ 25: "01", 26: "60 05 00 00" }), 1);
  assertEquals(bad.rows.row(0).size, 100);
  for (const ask of [() => bad.extents, () => bad.extents, () => bad.entries]) assertEquals(outcome(ask), "malformed");
  assertEquals(plain(decodePageRows(testValue("page"), 2)), plain(decodePage(testValue("page"), 2)));
  for (const columns of [{ 2: "09" }, { 27: "02" }, { 2: "01 01" }]) {
    assertEquals(outcome(() => decodePageRows(craftPage(columns), 1)), "malformed");
  }
});

/** A block table of one block, as column 24. */
function tableOfOne({ frame, offset, frameBytes }: BlockPlace): string {
  const out = new ByteWriter();
  out.varint(1);
  out.zigzag(frame);
  out.zigzag(offset);
  out.varint(frameBytes);
  return out.finish().toHex();
}

Deno.test("decodePage() refuses a block's place when it is outside what a body can have", () => {
  const at = (place: Partial<BlockPlace>) => pageCode({ 24: tableOfOne({ ...BLOCK, ...place }) });
  assertEquals(at({ frame: MAX_FRAMES }), undefined);
  assertEquals(at({ frame: MAX_FRAMES + 1 }), "malformed");
  assertEquals(at({ frame: -1 }), "malformed");
  assertEquals(at({ offset: 0 }), undefined);
  assertEquals(at({ offset: -1 }), "malformed");
  assertEquals(at({ offset: 0, frameBytes: MAX_BODY_BYTES }), undefined);
  assertEquals(at({ offset: 1, frameBytes: MAX_BODY_BYTES }), "malformed");
  assertEquals(pageCode({ 24: "ffffffff07 00 00 00" }), "malformed");
});

Deno.test("decodePage() refuses rows when there are none or over 2,048", () => {
  const rows = Array.from({ length: MAX_PAGE_ROWS + 1 }, (_, i) => inPage(fileRow(`${10_000 + i}`)));
  assertEquals(decodePage(pageOf(rows.slice(1)), MAX_PAGE_ROWS).entries.length, 2048);
  assertEquals(outcome(() => decodePage(pageOf(rows), MAX_PAGE_ROWS + 1)), "limit");
  assertEquals(outcome(() => decodePage(hex(""), 0)), "malformed");
  assertEquals(outcome(() => decodePage(hex("0100 0200"), 0)), "malformed");
});

Deno.test("decodePage() refuses a page when it has over 262,144 raw bytes", () => {
  const page = (length: number) => {
    const out = new ByteWriter();
    out.bytes(pageOf([inPage(fileRow("a"))]));
    // A column that may be passed over, with a length of three bytes.
    encodeColumn(out, 0xff, new Uint8Array(length - out.length - 4));
    assertEquals(out.length, length);
    return out.finish();
  };
  assertEquals(outcome(() => decodePage(page(MAX_PAGE_BYTES), 1)), undefined);
  assertEquals(outcome(() => decodePage(page(MAX_PAGE_BYTES + 1), 1)), "limit");
});

Deno.test("decodePage() refuses the mark of a continuation when it is not 1", () => {
  assertEquals(decodePage(craftPage({ 27: "01" }), 1).continues, true);
  assertEquals(decodePage(craftPage({}), 1).continues, false);
  assertEquals(pageCode({ 27: "00" }), "malformed");
  assertEquals(pageCode({ 27: "02" }), "malformed");
  assertEquals(pageCode({ 27: "01 00" }), "malformed");
});

Deno.test("decodePage() refuses rows when their paths do not rise", () => {
  const order = (...list: string[]) =>
    outcome(() => decodePage(pageOf(list.map((path) => inPage(directoryRow(path)))), list.length));
  assertEquals(order(".", "a", "a/b", "a-b", "a.txt"), undefined);
  assertEquals(order("\uff5e", "\u{1f600}"), undefined);
  for (const list of [["a", "a"], ["b", "a"], ["a", "."], ["a-b", "a/b"], ["a.txt", "a-b"], ["\u{1f600}", "\uff5e"]]) {
    assertEquals(order(...list), "unsafe", list.join(" "));
  }
});

Deno.test("checkRowOrder() refuses a row when it lies below something that is no directory", () => {
  const kinds = ["file", "symlink", "hardlink", "fifo"] as const;
  checkRowOrder(directoryRow("a"), fileRow("a/b"));
  checkRowOrder(directoryRow("."), fileRow("a"));
  for (const kind of kinds) {
    const above = { ...provisionalRow("a", kind), link: kind.endsWith("link") ? "x" : "" };
    checkRowOrder(above, fileRow("a-b"));
    checkRowOrder(above, fileRow("ab"));
    for (const path of ["a/b", "a/b/c"]) {
      const error = assertThrows(() => checkRowOrder(above, fileRow(path)), ArchiveError, `below a ${kind}`);
      assertEquals([error.code, error.place.path], ["unsafe", path]);
    }
    assertThrows(() => checkRowOrder({ ...above, path: "." }, fileRow("a")), ArchiveError, `below a ${kind}`);
  }
});

Deno.test("checkRowOrder() says whether a path stands twice or out of order when rows do not rise", () => {
  assertThrows(() => checkRowOrder(fileRow("a"), fileRow("a")), ArchiveError, '"a" stands twice');
  assertThrows(() => checkRowOrder(fileRow("b"), fileRow("a")), ArchiveError, '"a" is out of order');
});
