import { assert, assertEquals, assertThrows } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { CatalogBuilder, type ReadyPage } from "../../src/archive/catalog_builder.ts";
import type { Level } from "../../src/archive/compress.ts";
import { decodeIndex, encodeIndex } from "../../src/format/catalog_index.ts";
import { CODEC, FRAME_TYPE } from "../../src/format/frame.ts";
import { decodePage, type Page, type PageEntry } from "../../src/format/page.ts";
import { comparePaths } from "../../src/format/path.ts";
import type { Extent, Row } from "../../src/format/row.ts";
import { row } from "./sample_tree.ts";

function build(entries: Iterable<PageEntry>, level: Level = "store"): { ready: ReadyPage[]; pages: Page[] } {
  const builder = new CatalogBuilder(nativeEngine, level, FRAME_TYPE.page);
  for (const entry of entries) builder.add(entry);
  // A page gives its bytes up when the next one is asked for.
  const ready = Array.from(builder.finish(), (page) => ({ ...page, stored: page.stored.slice() }));
  return { ready, pages: ready.map(open) };
}

/** Decodes a page, as a reader would: every limit is checked. */
function open({ head, stored }: ReadyPage): Page {
  let raw: Bytes = stored;
  if (head.codec === CODEC.zstd) {
    raw = new Uint8Array(head.raw);
    assert(nativeEngine.decompress(stored, raw));
  }
  assertEquals(nativeEngine.crc32(raw), head.crc);
  return decodePage(raw, head.rows);
}

const entry = (path: string, extents: readonly Extent[] = [], more: Partial<Row> = {}): PageEntry => {
  const size = extents.reduce((sum, { length }) => sum + length, 0);
  return { row: row(path, extents.length > 0 ? "file" : "directory", { size, ...more }), provisional: false, extents };
};

/** Extents one behind the other, `perBlock` of them in each block. */
function extents(count: number, perBlock = 1): Extent[] {
  return Array.from({ length: count }, (_, i) => {
    const frame = Math.floor(i / perBlock);
    return {
      fileOffset: i * 100,
      length: 100,
      dataOffset: (i % perBlock) * 100,
      block: { frame, offset: 32 + frame * 1000, frameBytes: 1000 },
    };
  });
}

const paths = (pages: readonly Page[]) => pages.flatMap(({ entries }) => entries.map(({ row }) => row.path));

/** Sorted numbers, shuffled in a way that a seed decides. */
function shuffled(count: number, seed: number): number[] {
  const numbers = Array.from({ length: count }, (_, i) => i);
  let state = seed;
  for (let i = count - 1; i > 0; i--) {
    state = (state * 48_271) % 0x7fff_ffff;
    const j = state % (i + 1);
    [numbers[i], numbers[j]] = [numbers[j] as number, numbers[i] as number];
  }
  return numbers;
}

/** A path of about 150 bytes that shares next to nothing with its neighbours, so that pages are soon full. */
const name = (number: number) => {
  const hash = encodeHex(new Uint8Array(nativeEngine.sha256(Uint8Array.of(number, number >> 8, number >> 16))));
  return `${hash}${hash}/${String(number).padStart(6, "0")}`;
};

/** The paths of so many numbers, in path order. */
const names = (count: number) => Array.from({ length: count }, (_, i) => name(i)).sort(comparePaths);

Deno.test("CatalogBuilder gives no page for no rows", () => {
  assertEquals(build([]).ready, []);
});

Deno.test("CatalogBuilder gives pages that rise, each with its first path", () => {
  const { ready, pages } = build(names(5000).map((path) => entry(path)));
  assert(pages.length > 4, `${pages.length}`);
  assertEquals(paths(pages), names(5000));
  assertEquals(ready.map(({ firstPath }) => firstPath), pages.map(({ entries }) => entries[0]?.row.path ?? ""));
  assert(pages.every(({ continues }) => !continues));
});

Deno.test("CatalogBuilder keeps pages within 2048 rows", () => {
  const { pages } = build(Array.from({ length: 5000 }, (_, i) => entry(String(i).padStart(4, "0"))));
  assert(pages.every(({ entries }) => entries.length <= 2048));
  assertEquals(paths(pages).length, 5000);
});

for (const level of [1, "store"] as const) {
  Deno.test(`CatalogBuilder sorts 10,000 rows that come in any order, in over 16 runs (level ${level})`, () => {
    const count = 10_000;
    const rows = shuffled(count, 7).map((i) => entry(name(i), i % 3 === 0 ? extents(2) : [], { inode: i }));
    // Files of so many extents fill pages soon, and pages of unsorted rows are runs of their own.
    const wide = extents(2500);
    for (let at = 0; at < count; at += 200) rows.splice(at, 0, entry(`wide ${at}`, wide));
    const { ready, pages } = build(rows, level);
    assert(ready.length > 2 * 16, `${ready.length}`);
    const found = pages.flatMap(({ entries }) => entries);
    assertEquals(found.map(({ row }) => row.path), rows.map(({ row }) => row.path).sort(comparePaths));
    const byPath = new Map(rows.map((entry) => [entry.row.path, entry]));
    for (const entry of found) assertEquals(entry.extents.length, byPath.get(entry.row.path)?.extents.length);
    assertEquals(found[1234], byPath.get(found[1234]?.row.path ?? ""));
  });
}

Deno.test("CatalogBuilder sorts rows whose extents fill several pages", () => {
  const numbers = shuffled(40, 3);
  const { pages } = build(numbers.map((i) => entry(name(i), extents(i % 10 === 0 ? 10_000 : 3))));
  const found = new Map<string, number>();
  let last: string | undefined;
  for (const { entries, continues } of pages) {
    const [first] = entries;
    assertEquals(continues, first?.row.path === last);
    for (const { row, extents } of entries) found.set(row.path, (found.get(row.path) ?? 0) + extents.length);
    last = entries.at(-1)?.row.path;
    // FORMAT.md, "Pages": a row that is continued is the only one of its page.
    if (continues) assertEquals(entries.length, 1);
  }
  assertEquals([...found.keys()].sort(comparePaths), numbers.map(name).sort(comparePaths));
  for (const i of numbers) assertEquals(found.get(name(i)), i % 10 === 0 ? 10_000 : 3);
});

Deno.test("CatalogBuilder cuts a row's extents into pages that a reader takes", () => {
  const all = extents(20_000);
  const { pages } = build([entry("a"), entry("b", all), entry("c")]);
  assertEquals(pages.map(({ entries }) => entries.length).filter((count) => count !== 1), []);
  assertEquals(pages.slice(1, -1).map(({ continues }) => continues), [false, ...Array(pages.length - 3).fill(true)]);
  assertEquals(pages.slice(1, -1).flatMap(({ entries }) => entries[0]?.extents ?? []), all);
});

Deno.test("CatalogBuilder keeps pages within 256 KiB with the largest numbers there are", () => {
  const block = (i: number) => ({
    frame: i % 2 === 0 ? 2 ** 32 - 2 : 0,
    offset: i % 2 === 0 ? 2 ** 51 : 32,
    frameBytes: 2 ** 24,
  });
  const large = Array.from({ length: 10_000 }, (_, i): Extent => ({
    fileOffset: i * 2 ** 38,
    length: 2 ** 23,
    dataOffset: i % 2 === 0 ? 2 ** 23 : 0,
    block: block(i),
  }));
  const { pages } = build([entry("x", large, { size: 2 ** 52 })]);
  assertEquals(pages.flatMap(({ entries }) => entries[0]?.extents ?? []), large);
});

Deno.test("CatalogBuilder keeps pages within 256 KiB whatever the rows' names are", () => {
  const long = "\u{1f600}".repeat(60);
  const deep = `${`${long}/`.repeat(16)}`;
  const rows: PageEntry[] = Array.from({ length: 3000 }, (_, i) => ({
    row: row(`${deep}${String(i).padStart(5, "0")}`, "symlink", {
      link: "\u20ac".repeat(1000),
      owner: { uid: i, gid: i, user: "\u20ac".repeat(85), group: "\u20ac".repeat(85) },
      contentHash: new Uint8Array(32),
      inode: (i * 2 ** 40) % 2 ** 52,
      mtime: { seconds: i % 2 === 0 ? -62_167_219_200 : 253_402_300_799, nanoseconds: 999_999_999 },
    }),
    provisional: false,
    extents: [],
  }));
  assertEquals(paths(build(rows).pages), rows.map(({ row }) => row.path));
});

Deno.test("CatalogBuilder keeps pages within 256 KiB when every row has an owner of its own", () => {
  const rows: PageEntry[] = Array.from({ length: 2000 }, (_, i) => ({
    row: row(String(i).padStart(5, "0"), "fifo", {
      owner: { uid: i, gid: i, user: "u".repeat(255), group: "g".repeat(255) },
    }),
    provisional: false,
    extents: [],
  }));
  assertEquals(paths(build(rows).pages).length, 2000);
});

Deno.test("CatalogBuilder refuses two rows of one path, and rows below what is no folder", () => {
  const file = (path: string) => entry(path, extents(1));
  const refused: readonly (readonly [rows: readonly PageEntry[], why: string])[] = [
    [[file("a"), file("a")], 'Cannot store "a": two entries have that path'],
    [[file("b"), file("a"), file("b")], 'Cannot store "b": two entries have that path'],
    [[file("a"), entry("a/b")], 'Cannot store "a/b": "a" is a file'],
    [[entry("a/b"), entry("z"), file("a")], 'Cannot store "a/b": "a" is a file'],
  ];
  for (const [rows, why] of refused) assertThrows(() => build(rows), TypeError, why);
});

Deno.test("CatalogBuilder finds a path that stands twice far apart among unsorted rows", () => {
  const numbers = shuffled(5000, 11);
  assertThrows(() => build([...numbers, numbers[0] as number].map((i) => entry(name(i)))), TypeError, "two entries");
  const below = [...numbers.map((i) => entry(name(i), i === 42 ? extents(1) : [])), entry(`${name(42)}/below`)];
  assertThrows(() => build(below), TypeError, `${name(42)}" is a file`);
});

Deno.test("CatalogBuilder makes few enough pages of long paths for an index that a reader takes", () => {
  // All in one folder, as deep as paths can be: 46,000 of them cost an archive a megabyte.
  const folder = `${"d".repeat(255)}/`.repeat(15);
  const bare = row("", "fifo");
  const builder = new CatalogBuilder(nativeEngine, "store", FRAME_TYPE.page);
  for (let i = 0; i < 46_000; i++) {
    const path = `${folder}${"f".repeat(200)}${String(i).padStart(6, "0")}`;
    builder.add({ row: { ...bare, path }, provisional: false, extents: [] });
  }
  const places = [...builder.finish()].map(({ head, firstPath }, i) => ({
    firstPath,
    rows: head.rows,
    frame: i,
    offset: 32 + 1000 * i,
    frameBytes: 1000,
  }));
  assertEquals(decodeIndex(encodeIndex(places), places.length).length, places.length);
});

Deno.test("CatalogBuilder keeps no more bytes than its pages have, and gives them up as they are sealed", () => {
  for (const level of ["store", 3] as const) {
    const builder = new CatalogBuilder(nativeEngine, level, FRAME_TYPE.page);
    for (let i = 0; i < 10_000; i++) builder.add(entry(`a${String(i).padStart(6, "0")}`));
    const pages: ReadyPage[] = [];
    for (const page of builder.finish()) {
      assertEquals(page.stored.buffer.byteLength, page.head.stored);
      assert(page.head.stored > 0);
      assertEquals(pages.at(-1)?.stored.length ?? 0, 0);
      pages.push(page);
    }
    assert(pages.length > 2);
  }
});
