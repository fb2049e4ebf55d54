import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine as engine } from "../../src/engine/native/engine.ts";
import {
  bodyOffset,
  decodeHeaderCopy,
  encodeHeaderCopy,
  hasMagic,
  type Header,
  type HeaderCopyName,
  slotRoom,
} from "../../src/format/header.ts";
import { HEADER_PAGE_BYTES, HEADER_PAGE_COUNTS } from "../../src/format/limits.ts";
import type { Slot } from "../../src/format/slots.ts";
import { feedHostile, hex, outcome } from "./hostile_bytes.ts";

const KEY = new Uint8Array(32).fill(5);
const NAMES: readonly HeaderCopyName[] = ["A", "B"];

/** A slot of an unknown kind that takes so many bytes in the header. */
function slotOf(length: number): Slot {
  const bytes = new Uint8Array(length).fill(0xee);
  new DataView(bytes.buffer).setUint32(0, 0x0009_0000 + length - 4);
  return { kind: "unknown", number: 9, bytes };
}

const HEADER: Header = {
  pages: 1,
  suite: 2,
  generation: 0x01020304,
  readFeatures: 0,
  writeFeatures: 0x0a0b0c0d,
  ignorableFeatures: 0xf0e0d0c0,
  state: Uint8Array.from({ length: 256 }, (_, i) => i),
  slots: [slotOf(7), slotOf(4)],
};

const encode = (header: Header = HEADER, name: HeaderCopyName = "A") =>
  Uint8Array.from(encodeHeaderCopy(engine, header, name, KEY));
const decode = (bytes: Bytes, name: HeaderCopyName = "A") => decodeHeaderCopy(engine, bytes, name);

/** A copy with some bytes replaced and a checksum that holds, as anybody can make it. */
function forged(change: (bytes: Uint8Array, view: DataView) => void): Uint8Array {
  const bytes = encode();
  change(bytes, new DataView(bytes.buffer));
  bytes.set(engine.sha256(bytes.subarray(0, -32)), bytes.length - 32);
  return bytes;
}

Deno.test("encodeHeaderCopy() puts every field where FORMAT.md has it when a header has all of them", () => {
  for (const name of NAMES) {
    const bytes = encode(HEADER, name);
    assertEquals(bytes.length, 4096);
    assertEquals(
      bytes.subarray(0, 32),
      hex(`${name === "A" ? "89" : "8a"}434f464645520a 0001 01 02 01020304 00000000 0a0b0c0d f0e0d0c0 0002 000b`),
    );
    assertEquals(bytes.subarray(32, 288), HEADER.state as Uint8Array);
    assertEquals(bytes.subarray(288, 300), hex("00090003eeeeee 00090000 00"));
    assert(bytes.subarray(299, -64).every((byte) => byte === 0));
    assertEquals(bytes.subarray(-64, -32), engine.hmacSha256(KEY, bytes.subarray(0, -64)) as Uint8Array);
    assertEquals(bytes.subarray(-32), engine.sha256(bytes.subarray(0, -32)) as Uint8Array);
  }
});

Deno.test("decodeHeaderCopy() gives back what was encoded when a copy has any page count", () => {
  for (const pages of HEADER_PAGE_COUNTS) {
    for (const name of NAMES) {
      const bytes = encode({ ...HEADER, pages }, name);
      const behind = new Uint8Array(bytes.length + 100).fill(1);
      behind.set(bytes);
      for (const given of [bytes, behind]) {
        const copy = decode(given, name);
        assertEquals(copy.header, { ...HEADER, pages });
        assertEquals([copy.name, copy.intact], [name, true]);
        assertEquals(copy.covered, bytes.subarray(0, -64));
        assertEquals(copy.mac, bytes.subarray(-64, -32));
      }
    }
  }
});

Deno.test("decodeHeaderCopy() finds no copy when the magic is another one", () => {
  assertEquals(outcome(() => decode(encode(HEADER, "B"), "A")), "not-an-archive");
  assertEquals(outcome(() => decode(encode(HEADER, "A"), "B")), "not-an-archive");
  assertEquals(outcome(() => decode(new Uint8Array(0))), "not-an-archive");
  assertEquals(outcome(() => decode(encode().subarray(0, 7))), "not-an-archive");
  assert(hasMagic(encode().subarray(0, 8), "A") && !hasMagic(encode().subarray(0, 8), "B"));
});

Deno.test("decodeHeaderCopy() says truncated when the copy is cut", () => {
  const bytes = encode({ ...HEADER, pages: 4 });
  for (const length of [8, 11, 4095, 4096, 8192, 16383]) {
    assertEquals(outcome(() => decode(bytes.subarray(0, length))), "truncated", `${length}`);
  }
  assertEquals(outcome(() => decode(bytes)), undefined);
});

Deno.test("decodeHeaderCopy() says newer-version when version, suite or needed features are not known", () => {
  for (const version of [0, 2, 0x0101, 0xffff]) {
    assertEquals(outcome(() => decode(forged((_, view) => view.setUint16(8, version)))), "newer-version");
  }
  for (const suite of [0, 3, 255]) {
    assertEquals(outcome(() => decode(forged((bytes) => bytes[11] = suite))), "newer-version");
  }
  for (let bit = 0; bit < 32; bit++) {
    // Bit 1 is known too, and wants a percentage beside it.
    const expected = bit === 1 ? "malformed" : bit === 0 || bit === 2 ? undefined : "newer-version";
    assertEquals(outcome(() => decode(forged((_, view) => view.setUint32(16, 2 ** bit)))), expected);
    // A reader need not know the others.
    for (const at of [20, 24]) {
      assertEquals(outcome(() => decode(forged((_, v) => v.setUint32(at, 2 ** bit)))), undefined);
    }
  }
});

Deno.test("decodeHeaderCopy() refuses a copy when its page count is none of 1, 4 and 16", () => {
  for (let pages = 0; pages < 256; pages++) {
    if (HEADER_PAGE_COUNTS.includes(pages)) continue;
    assertEquals(outcome(() => decode(forged((bytes) => bytes[10] = pages))), "malformed", `${pages}`);
  }
});

Deno.test("decodeHeaderCopy() refuses a copy when its fill is not zero", () => {
  for (const at of [299, 2000, 4096 - 65]) {
    assertEquals(outcome(() => decode(forged((bytes) => bytes[at] = 1))), "malformed", `${at}`);
  }
});

Deno.test("decodeHeaderCopy() refuses a copy when its slots overflow it", () => {
  const room = slotRoom(1);
  assertEquals(room, 4096 - 32 - 256 - 64);
  const full = { ...HEADER, slots: [slotOf(room)] };
  assertEquals(decode(encode(full)).header, full);
  assertThrows(() => encode({ ...HEADER, slots: [slotOf(room + 1)] }), RangeError);
  for (const length of [room + 1, 0xffff]) {
    assertEquals(outcome(() => decode(forged((_, view) => view.setUint16(30, length)))), "malformed");
  }
});

Deno.test("decodeHeaderCopy() keeps the limits on slots unless they are only shown", () => {
  const slots = Array.from({ length: 33 }, () => slotOf(4));
  const bytes = encode({ ...HEADER, slots });
  assertEquals(outcome(() => decode(bytes)), "limit");
  assertEquals(decodeHeaderCopy(engine, bytes, "A", "shown").header.slots.length, 33);
});

Deno.test("decodeHeaderCopy() or the copy's MAC tells every flipped bit when one bit of a copy is flipped", () => {
  const bytes = encode();
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const at = Math.floor(bit / 8);
    bytes[at]! ^= 1 << (bit % 8);
    let copy: ReturnType<typeof decode> | undefined;
    const code = outcome(() => copy = decode(bytes));
    if (code === undefined) {
      assert(copy?.intact === false, `bit ${bit}: the checksum holds`);
      const sound = engine.equal(engine.hmacSha256(KEY, copy.covered), copy.mac);
      assertEquals(sound, at >= bytes.length - 32, `bit ${bit}: the MAC`);
    }
    bytes[at]! ^= 1 << (bit % 8);
  }
  assertEquals(decode(bytes).intact, true);
});

Deno.test("decodeHeaderCopy() counts a copy as intact when anybody has made its checksum hold", () => {
  const copy = decode(forged((_, view) => view.setUint32(12, 0xffffffff)));
  assertEquals(copy.intact, true);
  assertEquals(copy.header.generation, 0xffffffff);
  assert(!engine.equal(engine.hmacSha256(KEY, copy.covered), copy.mac));
});

Deno.test("bodyOffset() is behind both copies when they have any page count", () => {
  assertEquals(HEADER_PAGE_COUNTS.map(bodyOffset), [8192, 32768, 131072]);
  assertEquals(bodyOffset(1), 2 * HEADER_PAGE_BYTES);
});

Deno.test("decodeHeaderCopy() throws nothing but ArchiveError when bytes are hostile", () => {
  // Only what is decoded before the fill matters, so mutations are aimed at the first 300 bytes.
  const start = fc.constant(encode().subarray(0, 300));
  const counts = feedHostile(start, (bytes) => {
    const whole = encode();
    whole.set(bytes.subarray(0, 300));
    decode(whole);
  });
  assert(counts.refused > 0 && counts.taken > 0);
});
