import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ByteReader, ByteWriter, decodeUtf8, encodeUtf8, isZero } from "../../src/format/bytes.ts";
import { MAX_VARINT } from "../../src/format/limits.ts";
import { hex, outcome } from "./hostile_bytes.ts";

function written(write: (out: ByteWriter) => void): Uint8Array {
  const out = new ByteWriter(0);
  write(out);
  return Uint8Array.from(out.view());
}

function read<T>(text: string, take: (reader: ByteReader) => T): T {
  const reader = new ByteReader(hex(text), "the test");
  const value = take(reader);
  reader.end();
  return value;
}

const VARINTS: readonly (readonly [number, string])[] = [
  [0, "00"],
  [1, "01"],
  [0x7f, "7f"],
  [0x80, "80 01"],
  [0x3fff, "ff 7f"],
  [0x4000, "80 80 01"],
  [2 ** 32, "80 80 80 80 10"],
  [MAX_VARINT, "ff ff ff ff ff ff ff 0f"],
];

Deno.test("ByteWriter.varint() writes the least significant group first when a number takes several", () => {
  for (const [value, bytes] of VARINTS) assertEquals(written((out) => out.varint(value)), hex(bytes), `${value}`);
});

Deno.test("ByteReader.varint() gives the number back when it is in its shortest form", () => {
  for (const [value, bytes] of VARINTS) assertEquals(read(bytes, (reader) => reader.varint()), value);
});

Deno.test("ByteWriter.varint() throws RangeError when a number is no safe integer of at least 0", () => {
  for (const value of [-1, 0.5, MAX_VARINT + 1, NaN, Infinity]) {
    assertThrows(() => written((out) => out.varint(value)), RangeError);
    assertThrows(() => written((out) => out.u64(value)), RangeError);
  }
});

Deno.test("ByteReader.varint() refuses a number when it is longer than needed, too large or cut", () => {
  for (
    const bytes of [
      "80 00",
      "ff 80 00",
      "80 80 80 80 80 80 80 00",
      // 2^53, all eight groups, and nine bytes.
      "80 80 80 80 80 80 80 10",
      "ff ff ff ff ff ff ff 7f",
      "80 80 80 80 80 80 80 80 01",
      "",
      "80",
      "ff ff ff ff ff ff ff",
    ]
  ) assertEquals(outcome(() => read(bytes, (reader) => reader.varint())), "malformed", bytes);
});

Deno.test("ByteReader.varint() takes one form of each number when bytes are arbitrary", () => {
  let taken = 0;
  fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 9 }), (bytes) => {
    const reader = new ByteReader(bytes, "the test");
    let value = 0;
    if (outcome(() => value = reader.varint()) !== undefined) return;
    taken++;
    assertEquals(written((out) => out.varint(value)), bytes.slice(0, bytes.length - reader.remaining));
  }));
  assert(taken > 0);
});

Deno.test("ByteWriter.zigzag() gives small numbers to small magnitudes when signs alternate", () => {
  const bytes = written((out) => [0, -1, 1, -2, 2, -64, 64].forEach((value) => out.zigzag(value)));
  assertEquals(bytes, hex("00 01 02 03 04 7f 80 01"));
});

Deno.test("ByteReader.zigzag() gives the number back when its magnitude is at the limit", () => {
  for (const value of [2 ** 52 - 1, -(2 ** 52), 0, -1]) {
    const reader = new ByteReader(written((out) => out.zigzag(value)), "the test");
    assertEquals(reader.zigzag(), value);
  }
  assert(!Object.is(read("00", (reader) => reader.zigzag()), -0));
});

Deno.test("ByteWriter.zigzag() throws RangeError when the magnitude is beyond the limit", () => {
  for (const value of [2 ** 52, -(2 ** 52) - 1]) {
    assertThrows(() => written((out) => out.zigzag(value)), RangeError);
  }
});

Deno.test("ByteWriter writes fixed integers big-endian when they have several bytes", () => {
  const bytes = written((out) => {
    out.u8(0x01);
    out.u16(0x0203);
    out.u32(0x04050607);
    out.u64(0x08090a0b0c0d0e);
  });
  assertEquals(bytes, hex("01 0203 04050607 0008090a0b0c0d0e"));
  const reader = new ByteReader(bytes, "the test");
  assertEquals([reader.u8(), reader.u16(), reader.u32(), reader.u64()], [1, 0x0203, 0x04050607, 0x08090a0b0c0d0e]);
});

Deno.test("ByteWriter.u64() gives the number back when it is at a border", () => {
  for (const value of [0, 1, 2 ** 32 - 1, 2 ** 32, MAX_VARINT]) {
    const reader = new ByteReader(written((out) => out.u64(value)), "the test");
    assertEquals(reader.u64(), value);
  }
});

Deno.test("ByteReader.u64() refuses a number when it is 2^53 or more", () => {
  assertEquals(read("001fffffffffffff", (reader) => reader.u64()), MAX_VARINT);
  for (const bytes of ["0020000000000000", "ffffffffffffffff"]) {
    assertEquals(outcome(() => read(bytes, (reader) => reader.u64())), "malformed");
  }
});

Deno.test("ByteWriter keeps what was written when it grows", () => {
  const pieces = Array.from({ length: 50 }, (_, i) => new Uint8Array(i * 7).fill(i));
  const bytes = written((out) => pieces.forEach((piece) => out.sizedBytes(piece)));
  const reader = new ByteReader(bytes, "the test");
  for (const piece of pieces) assertEquals(Uint8Array.from(reader.sizedBytes(1000)), piece);
  reader.end();
});

Deno.test("ByteWriter.zeros() writes zeros when its memory held something before", () => {
  const out = new ByteWriter(4);
  out.u32(0xffffffff);
  out.reset();
  assertEquals(out.length, 0);
  out.zeros(3);
  out.u8(1);
  assertEquals(Uint8Array.from(out.view()), hex("00000001"));
});

Deno.test("ByteWriter.finish() gives a copy when the writer is used again", () => {
  const out = new ByteWriter(2);
  out.u16(0x0102);
  const finished = out.finish();
  out.reset();
  out.u16(0xffff);
  assertEquals(Uint8Array.from(finished), hex("0102"));
});

Deno.test("ByteReader.count() refuses a count when its items would take more bytes than are left", () => {
  assertEquals(read("02 00 00", (reader) => [reader.count(), reader.u16()]), [2, 0]);
  assertEquals(outcome(() => read("03 00 00", (reader) => reader.count())), "malformed");
  assertEquals(read("02 00000000", (reader) => [reader.count(2), reader.u32()]), [2, 0]);
  assertEquals(outcome(() => read("02 000000", (reader) => reader.count(2))), "malformed");
  assertEquals(outcome(() => read("ff ff ff ff ff ff ff 0f", (reader) => reader.count(3))), "malformed");
});

Deno.test("ByteReader.sizedBytes() refuses bytes when there are more than the limit", () => {
  assertEquals(Uint8Array.from(read("03 aabbcc", (reader) => reader.sizedBytes(3))), hex("aabbcc"));
  assertEquals(outcome(() => read("03 aabbcc", (reader) => reader.sizedBytes(2))), "malformed");
  assertEquals(outcome(() => read("04 aabbcc", (reader) => reader.sizedBytes(9))), "malformed");
});

Deno.test("ByteReader.string() gives the text back when it is well-formed", () => {
  for (const text of ["", "a", "\ufeffé\u0000", "日本語😀", "\u{10ffff}"]) {
    const reader = new ByteReader(written((out) => out.string(text)), "the test");
    assertEquals(reader.string(100), text);
    reader.end();
  }
});

Deno.test("decodeUtf8() refuses bytes when they are not strict UTF-8", () => {
  // Overlong, surrogate, beyond U+10FFFF, cut, lone continuation.
  for (const bytes of ["c080", "e08080", "eda080", "f4908080", "e282", "80", "ff"]) {
    assertEquals(outcome(() => decodeUtf8(hex(bytes), "the test")), "malformed", bytes);
  }
});

Deno.test("encodeUtf8() and decodeUtf8() are inverse when text is well-formed", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assertEquals(decodeUtf8(encodeUtf8(text), "the test"), text);
  }));
});

Deno.test("ByteReader.zeros() refuses a reserved field when any byte of it is set", () => {
  assertEquals(read("000000", (reader) => reader.zeros(3)), undefined);
  for (const bytes of ["010000", "000001"]) {
    assertEquals(outcome(() => read(bytes, (reader) => reader.zeros(3))), "malformed");
  }
  assertEquals(outcome(() => read("00", (reader) => reader.zeros(2))), "malformed");
});

Deno.test("ByteReader.end() refuses bytes when some are left over", () => {
  const reader = new ByteReader(hex("0001"), "the test");
  assertEquals(reader.u8(), 0);
  assertEquals(reader.remaining, 1);
  assertEquals(outcome(() => reader.end()), "malformed");
});

Deno.test("ByteReader refuses every kind of value when its bytes are cut", () => {
  const takes: readonly ((reader: ByteReader) => unknown)[] = [
    (reader) => reader.u8(),
    (reader) => reader.u16(),
    (reader) => reader.u32(),
    (reader) => reader.u64(),
    (reader) => reader.bytes(9),
  ];
  [0, 1, 3, 7, 8].forEach((length, i) => {
    const reader = new ByteReader(new Uint8Array(length), "the test");
    assertEquals(outcome(() => (takes[i] as typeof takes[number])(reader)), "malformed");
    assertEquals(reader.remaining, length);
  });
});

Deno.test("ByteReader reads what it was given when that is a view of other memory", () => {
  const memory = new SharedArrayBuffer(16);
  const view = new Uint8Array(memory, 3, 5);
  view.set(hex("0102 02 c3a9"));
  new Uint8Array(memory)[8] = 0xff;
  const reader = new ByteReader(view, "the test");
  assertEquals(reader.u16(), 0x0102);
  assertEquals(reader.string(2), "é");
  assertEquals(outcome(() => reader.u8()), "malformed");
});

Deno.test("isZero() says false when any byte is set", () => {
  assert(isZero(new Uint8Array(0)));
  assert(isZero(new Uint8Array(9)));
  for (let i = 0; i < 9; i++) {
    const bytes = new Uint8Array(9);
    bytes[i] = 0x80;
    assert(!isZero(bytes));
  }
});
