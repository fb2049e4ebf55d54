import { assert, assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import fc from "fast-check";
import type { Bytes } from "../../src/engine/engine.ts";
import { BLOCK_ROWS_LENGTH_BYTES, type BlockEntry, encodeBlockRows } from "../../src/format/block.ts";
import { decodeBlock } from "../../src/format/decoded_block.ts";
import { ByteWriter } from "../../src/format/bytes.ts";
import { encodeColumn } from "../../src/format/columns.ts";
import { MAX_BLOCK_ROWS, MAX_BLOCK_SLICES } from "../../src/format/limits.ts";
import type { Row } from "../../src/format/row.ts";
import { provisionalRow } from "../../src/format/rows.ts";
import { blockEntries, documentedRows, fileRow } from "./arbitrary_rows.ts";
import { testValue } from "./format_document.ts";
import { feedHostile, hex, outcome } from "./hostile_bytes.ts";

/** A block's raw bytes: rows, then data that counts up. */
function blockOf(entries: readonly BlockEntry[], dataLength: number): Uint8Array {
  const data = Uint8Array.from({ length: dataLength }, (_, i) => i);
  return concat([Uint8Array.from(encodeBlockRows(entries)), data]);
}

/** A block's raw bytes from columns 1 and 2 of a file "a" of 100 bytes, further columns, and data. */
function craftedBlock(columns: Readonly<Record<number, string>>, data: string): Bytes {
  const out = new ByteWriter();
  const all: Record<number, string> = { 1: "00 01 61", 2: "01", 5: "64", ...columns };
  for (const [number, bytes] of Object.entries(all)) encodeColumn(out, Number(number), hex(bytes));
  const rows = Uint8Array.from(out.view());
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, rows.length);
  return concat([length, rows, hex(data)]);
}

/** Makes the crafted row a provisional one: without its size. */
const BARE = { 3: "02", 5: "" };

const craft = (columns: Readonly<Record<number, string>>, data: string) =>
  outcome(() => decodeBlock(craftedBlock(columns, data), 1));
const whole = (row: Row): BlockEntry => ({ row, provisional: false, slices: [] });

Deno.test("encodeBlockRows() gives FORMAT.md's bytes when it has its two rows", () => {
  const [directory, file] = documentedRows();
  const entries: BlockEntry[] = [
    whole(directory),
    { ...whole(file), slices: [{ fileOffset: 0, length: 5, dataOffset: 0 }] },
  ];
  const rows = Uint8Array.from(encodeBlockRows(entries));
  assertEquals(rows, testValue("block rows"));
  const block = decodeBlock(concat([rows, hex("0102030405")]), 2);
  assertEquals([block.entries, block.data], [entries, hex("0102030405")]);
});

Deno.test("decodeBlock() gives back what was encoded when blocks are arbitrary", () => {
  let slices = 0;
  fc.assert(fc.property(blockEntries, ({ entries, dataLength }) => {
    const raw = blockOf(entries, dataLength);
    const block = decodeBlock(raw, entries.length);
    assertEquals(block.entries, entries);
    assertEquals(block.data, raw.subarray(raw.length - dataLength));
    slices += entries.reduce((sum, entry) => sum + entry.slices.length, 0);
  }));
  assert(slices > 0);
});

Deno.test("decodeBlock() throws nothing but ArchiveError when bytes are hostile", () => {
  for (const count of [1, 2]) {
    const valid = blockEntries.filter(({ entries }) => entries.length === count)
      .map(({ entries, dataLength }): Bytes => blockOf(entries, dataLength));
    const counts = feedHostile(valid, (bytes) => decodeBlock(bytes, count));
    assert(counts.refused > 0 && counts.taken > 0);
  }
});

Deno.test("decodeBlock() takes a block without rows when it is four zero bytes, and refuses any other", () => {
  const empty = Uint8Array.from(encodeBlockRows([]));
  assertEquals(empty, hex("00000000"));
  const block = decodeBlock(empty, 0);
  assertEquals([block.entries, block.data], [[], hex("")]);
  for (const raw of ["00000000 00", "00000002 8000", ""]) {
    assertEquals(outcome(() => decodeBlock(hex(raw), 0)), "malformed", raw);
  }
});

Deno.test("encodeBlockRows() leaves columns out when no entry has bytes", () => {
  const columns = hex("01 03 00 01 61  02 01 01");
  assertEquals(Uint8Array.from(encodeBlockRows([whole(fileRow("a"))])), concat([hex("00000008"), columns]));
});

Deno.test("decodeBlock() refuses a block when its rows are longer than it", () => {
  const raw = blockOf([whole(fileRow("a"))], 0);
  const view = new DataView(raw.buffer);
  assertEquals(view.getUint32(0), raw.length - BLOCK_ROWS_LENGTH_BYTES);
  assertEquals(outcome(() => decodeBlock(raw, 1)), undefined);
  for (const length of [raw.length - 3, 0xffffffff]) {
    view.setUint32(0, length);
    assertEquals(outcome(() => decodeBlock(raw, 1)), "malformed");
  }
  for (let length = 0; length < 4; length++) {
    assertEquals(outcome(() => decodeBlock(raw.subarray(0, length), 1)), "malformed");
  }
});

Deno.test("decodeBlock() refuses a block when its slices do not fill its data exactly", () => {
  assertEquals(craft({ 20: "02", 21: "00 02  03 01" }, "aabbcc"), undefined);
  assertEquals(craft({ 20: "02", 21: "00 02  03 01" }, "aabb"), "malformed");
  assertEquals(craft({ 20: "02", 21: "00 02  03 01" }, "aabbccdd"), "malformed");
  assertEquals(craft({}, ""), undefined);
  assertEquals(craft({}, "aa"), "malformed");
});

Deno.test("decodeBlock() refuses slices when their count and their column disagree", () => {
  assertEquals(craft({ 20: "01", 21: "00 02" }, "aabb"), undefined);
  assertEquals(craft({ 20: "02", 21: "00 02" }, "aabb"), "malformed");
  assertEquals(craft({ 20: "01", 21: "00 02  00 01" }, "aabb"), "malformed");
  assertEquals(craft({ 20: "01" }, ""), "malformed");
  assertEquals(craft({ 20: "00" }, ""), undefined);
  assertEquals(craft({ 21: "00 02" }, "aabb"), "malformed");
  assertEquals(craft({ 20: "ffffffffffffff0f", 21: "00 02" }, "aabb"), "malformed");
});

Deno.test("decodeBlock() refuses a slice when it is empty, too far out, or beyond the file's size", () => {
  assertEquals(craft({ 20: "01", 21: "00 00" }, ""), "malformed");
  assertEquals(craft({ 20: "01", 21: "00 ffffffffffffff0f" }, "aa"), "malformed");
  assertEquals(craft({ 20: "02", 21: "fdffffffffffff0f 01  00 02" }, "aabbcc"), "malformed");
  // The size is 100.
  assertEquals(craft({ 20: "01", 21: "62 02" }, "aabb"), undefined);
  assertEquals(craft({ 20: "01", 21: "63 02" }, "aabb"), "malformed");
});

Deno.test("decodeBlock() refuses slices when their row is no file, and any size goes for a provisional row", () => {
  const one = { 20: "01", 21: "63 02" };
  assertEquals(craft({ ...one, ...BARE }, "aabb"), undefined);
  for (const kind of ["02", "05"]) assertEquals(craft({ ...one, 2: kind, 5: "00" }, "aabb"), "malformed");
});

Deno.test("decodeBlock() refuses a block when a path stands in it twice", () => {
  const twice = (second: string) => {
    const rows = [provisionalRow("a", "file"), provisionalRow(second, "file")];
    return outcome(() => decodeBlock(encodeBlockRows(rows.map((row) => ({ row, provisional: true, slices: [] }))), 2));
  };
  assertEquals(twice("b"), undefined);
  assertEquals(twice("a"), "malformed");
});

Deno.test("decodeBlock() refuses slices when there are over 65,536", () => {
  const withSlices = (count: number) => {
    const slices = Array.from({ length: count }, (_, i) => ({ fileOffset: 2 * i, length: 1, dataOffset: i }));
    return decodeBlock(blockOf([{ row: fileRow("a", { size: 2 * count }), provisional: false, slices }], count), 1);
  };
  assertEquals(withSlices(MAX_BLOCK_SLICES).entries[0]?.slices.length, 65_536);
  assertEquals(outcome(() => withSlices(MAX_BLOCK_SLICES + 1)), "limit");
});

Deno.test("decodeBlock() refuses a column of a page in it, and passes over one it may skip", () => {
  assertEquals(craft({ 27: "01" }, ""), "malformed");
  assertEquals(craft({ 0xa0: "01" }, ""), undefined);
});

Deno.test("decodeBlock() refuses rows when there are over 65,536", () => {
  const rows = Array.from({ length: MAX_BLOCK_ROWS }, (_, i) => whole(fileRow(`${i}`)));
  const raw = Uint8Array.from(encodeBlockRows(rows));
  assertEquals(decodeBlock(raw, MAX_BLOCK_ROWS).entries.length, 65_536);
  assertEquals(outcome(() => decodeBlock(raw, MAX_BLOCK_ROWS + 1)), "limit");
});
