import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Bytes } from "../../src/engine/engine.ts";
import { ByteWriter } from "../../src/format/bytes.ts";
import { decodeColumns, encodeColumn, endColumns, requireColumn } from "../../src/format/columns.ts";
import { feedHostile, hex, outcome } from "./hostile_bytes.ts";

const KNOWN = new Set([1, 2, 0x90]);

function decode(text: string): Map<number, string> {
  const found = decodeColumns(hex(text), KNOWN, "the test");
  return new Map([...found].map(([number, reader]) => [number, reader.bytes(reader.remaining).toHex()]));
}

Deno.test("decodeColumns() gives each known column when numbers rise", () => {
  assertEquals(
    decode("01 02 aabb  02 01 cc  90 00"),
    new Map([[1, "aabb"], [2, "cc"], [0x90, ""]]),
  );
  assertEquals(decode(""), new Map());
});

Deno.test("decodeColumns() refuses a set when numbers repeat or fall", () => {
  for (const set of ["01 00 01 00", "02 00 01 00", "90 00 02 00"]) {
    assertEquals(outcome(() => decode(set)), "malformed", set);
  }
});

Deno.test("decodeColumns() passes over an unknown column when bit 7 is set, and refuses it otherwise", () => {
  assertEquals(decode("01 01 aa  80 02 ffff  91 00  ff 01 ee"), new Map([[1, "aa"]]));
  for (const number of ["00", "03", "7f"]) assertEquals(outcome(() => decode(`${number} 00`)), "malformed", number);
});

Deno.test("decodeColumns() refuses a set when a column is cut", () => {
  for (const set of ["01", "01 02 aa", "01 80", "01 ffffffff0f aa"]) {
    assertEquals(outcome(() => decode(set)), "malformed", set);
  }
});

Deno.test("encodeColumn() writes nothing when a column has no bytes", () => {
  const out = new ByteWriter();
  encodeColumn(out, 1, hex(""));
  encodeColumn(out, 2, hex("aa"));
  assertEquals(Uint8Array.from(out.view()), hex("02 01 aa"));
});

Deno.test("endColumns() refuses a set when a column was not used up", () => {
  const columns = decodeColumns(hex("01 02 aabb  02 01 cc"), KNOWN, "the test");
  columns.get(1)?.u16();
  assertEquals(outcome(() => endColumns(columns)), "malformed");
  columns.get(2)?.u8();
  endColumns(columns);
});

Deno.test("requireColumn() refuses a set when the column is missing", () => {
  const columns = decodeColumns(hex("01 01 aa"), KNOWN, "the test");
  assertEquals(requireColumn(columns, 1, "the test").u8(), 0xaa);
  assertEquals(outcome(() => requireColumn(columns, 2, "the test")), "malformed");
});

const sets: fc.Arbitrary<Map<number, Bytes>> = fc
  .uniqueArray(fc.tuple(fc.nat(255), fc.uint8Array({ minLength: 1, maxLength: 200 })), {
    selector: ([number]) => number,
    maxLength: 8,
  })
  .map((columns) => new Map(columns.sort(([a], [b]) => a - b)));

function encode(set: ReadonlyMap<number, Bytes>): Bytes {
  const out = new ByteWriter();
  for (const [number, bytes] of set) encodeColumn(out, number, bytes);
  return out.finish();
}

Deno.test("decodeColumns() gives back what encodeColumn() wrote when all numbers are known", () => {
  fc.assert(fc.property(sets, (set) => {
    const found = decodeColumns(encode(set), new Set(set.keys()), "the test");
    assertEquals([...found.keys()], [...set.keys()]);
    for (const [number, reader] of found) assertEquals(reader.bytes(reader.remaining), set.get(number));
  }));
});

Deno.test("decodeColumns() throws nothing but ArchiveError when bytes are hostile", () => {
  const counts = feedHostile(sets.map(encode), (bytes) => decodeColumns(bytes, KNOWN, "the test"));
  assert(counts.refused > 0 && counts.taken > 0);
});
