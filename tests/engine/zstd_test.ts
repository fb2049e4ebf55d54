import { assert, assertEquals, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { decodeHex } from "@std/encoding/hex";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { portableEngine } from "../../src/engine/portable/engine.ts";
import { isLoneZstdFrame, MAX_WINDOW_BYTES } from "../../src/engine/zstd_frame.ts";
import { noise, place, testEach, testEverywhere } from "./engines.ts";

const MAGIC = "28b52ffd";
const utf8 = (text: string) => new TextEncoder().encode(text);
const compress = nativeEngine.compress!;

/** Frames written by hand from RFC 8878 §3.1.1, each with what it holds. */
const FRAMES: readonly (readonly [what: string, frame: string, content: Bytes])[] = [
  ["an empty raw block", `${MAGIC} 20 00 010000`, utf8("")],
  ["an empty run", `${MAGIC} 20 00 030000 7a`, utf8("")],
  ["a raw block", `${MAGIC} 20 03 190000 616263`, utf8("abc")],
  ["a run", `${MAGIC} 20 05 2b0000 7a`, utf8("zzzzz")],
  ["a raw block, then a run", `${MAGIC} 20 05 180000 616263 130000 7a`, utf8("abczz")],
  ["an empty last block", `${MAGIC} 20 03 180000 616263 010000`, utf8("abc")],
  ["a window and a two-byte size", `${MAGIC} 40 00 0000 030800 00`, new Uint8Array(256)],
  ["a window and a four-byte size", `${MAGIC} 80 00 03000000 190000 616263`, utf8("abc")],
  ["an eight-byte size", `${MAGIC} e0 0300000000000000 190000 616263`, utf8("abc")],
  ["the largest window, 16 MiB", `${MAGIC} 80 70 03000000 190000 616263`, utf8("abc")],
  ["raw literals without sequences", `${MAGIC} 80 00 03000000 2d0000 18616263 00`, utf8("abc")],
  ["repeated literals without sequences", `${MAGIC} 80 00 05000000 1d0000 297a 00`, utf8("zzzzz")],
];

/** What must be refused, with the length asked for. */
const REFUSED: readonly (readonly [why: string, frame: string, length: number])[] = [
  ["nothing at all", "", 0],
  ["nothing at all, where something was asked for", "", 3],
  ["a magic alone", MAGIC, 0],
  ["another magic", "29b52ffd 20 03 190000 616263", 3],
  ["a skippable frame", "502a4d18 03000000 616263", 0],
  ["a skippable frame, where three bytes were asked for", "502a4d18 03000000 616263", 3],
  ["a skippable frame before the frame", `502a4d18 00000000 ${MAGIC} 20 03 190000 616263`, 3],
  ["a skippable frame after the frame", `${MAGIC} 20 03 190000 616263 502a4d18 00000000`, 3],
  ["a header and no block", `${MAGIC} 20 00`, 0],
  ["a size that is longer than asked for", `${MAGIC} 20 04 210000 61626364`, 3],
  ["a size that is shorter than asked for", `${MAGIC} 20 02 110000 6162`, 3],
  ["no size", `${MAGIC} 00 00 190000 616263`, 3],
  ["less content than the size says", `${MAGIC} 20 03 110000 6162`, 3],
  ["more content than the size says", `${MAGIC} 20 03 210000 61626364`, 3],
  ["a run past the size", `${MAGIC} 20 05 330000 7a`, 5],
  ["a run of the largest length", `${MAGIC} 20 05 fbffff 7a`, 5],
  ["literals short of the size", `${MAGIC} 80 00 04000000 2d0000 18616263 00`, 4],
  ["literals past the size", `${MAGIC} 80 00 02000000 2d0000 18616263 00`, 2],
  ["no last block", `${MAGIC} 20 03 180000 616263`, 3],
  ["a last block cut short", `${MAGIC} 20 03 190000 6162`, 3],
  ["a block header cut short", `${MAGIC} 20 03 1900`, 3],
  ["a block of the reserved type", `${MAGIC} 20 03 1f0000 616263`, 3],
  ["a compressed block of one byte", `${MAGIC} 80 00 03000000 0d0000 18`, 3],
  ["a byte after the frame", `${MAGIC} 20 03 190000 616263 00`, 3],
  ["a second frame", `${MAGIC} 20 03 190000 616263 ${MAGIC} 20 03 190000 616263`, 3],
  ["a second frame that makes up the length", `${MAGIC} 20 03 190000 616263 ${MAGIC} 20 03 190000 616263`, 6],
  ["a second, empty frame", `${MAGIC} 20 03 190000 616263 ${MAGIC} 20 00 010000`, 3],
  ["an empty frame twice", `${MAGIC} 20 00 010000 ${MAGIC} 20 00 010000`, 0],
  ["a checksum, which is right", `${MAGIC} 24 00 010000 99e9d851`, 0],
  ["a dictionary", `${MAGIC} 21 01 03 190000 616263`, 3],
  ["the reserved bit", `${MAGIC} 28 03 190000 616263`, 3],
  ["a window over 16 MiB", `${MAGIC} 80 71 03000000 190000 616263`, 3],
  ["the largest window there is", `${MAGIC} 80 ff 03000000 190000 616263`, 3],
  ["a raw block over the window", `${MAGIC} 40 00 0103 092000 ${"00".repeat(1025)}`, 1025],
  ["a size over what a number holds", `${MAGIC} e0 03000000000000ff 190000 616263`, 3],
];

/**
 * Well laid out frames that cost a careless decoder its life. On the first, fzstd 0.1.1 loops for ever: its Huffman
 * weights come from a table whose one state takes no bits. The second names 98,303 sequences of 65,539 bytes each and
 * holds no bits for them: fzstd works on it for a minute and a half.
 */
const HOSTILE: readonly (readonly [why: string, frame: string, length: number])[] = [
  ["Huffman weights that take no bits", `${MAGIC} 80 00 0a000000 650000 a20002 05f00300ffff 0101 00`, 10],
  ["98,303 sequences out of one byte", `${MAGIC} 80 38 00002000 550000 0861 ffffff 54000034 01`, 2_097_152],
];

const hex = (spaced: string) => decodeHex(spaced.replaceAll(" ", ""));

for (const [what, frame, content] of FRAMES) {
  testEverywhere(`decompress() reads ${what}`, (engine, memory) => {
    const out = memory.allocate(content.length).fill(0xee);
    assert(engine.decompress(place(memory, hex(frame)), out));
    assertEquals(new Uint8Array(out), content);
  });
}

Deno.test("the frames written by hand are what the reference decoder reads", () => {
  for (const [what, frame, content] of FRAMES) {
    assertEquals(new Uint8Array(zstdDecompressSync(hex(frame))), content, what);
  }
});

for (const [why, frame, length] of [...REFUSED, ...HOSTILE]) {
  testEach(`decompress() refuses ${why}`, (engine) => {
    assertEquals(engine.decompress(hex(frame), new Uint8Array(length)), false);
  });
}

Deno.test("isLoneZstdFrame() lets the hostile frames through, so that the decoders were asked", () => {
  for (const [why, frame, length] of HOSTILE) assert(isLoneZstdFrame(hex(frame), length), why);
});

testEverywhere("decompress() reads what the native engine compressed, at every kind of length", (engine, memory) => {
  const words = utf8("a lock, a key, a box, a coffer of boxes; ".repeat(60_000));
  // Around the widths of the size field, and where Deno's zlib returns its output in one piece or in several.
  for (const length of [0, 1, 2, 255, 256, 257, 32_000, 65_791, 65_792, 131_071, 131_072, 131_073, 2_097_152]) {
    for (const raw of [words.subarray(0, length), noise(length), new Uint8Array(length)]) {
      const stored = compress(place(memory, raw), 3);
      const out = memory.allocate(length).fill(0xee);
      assert(engine.decompress(place(memory, stored), out), `${length} bytes`);
      assertEquals(nativeEngine.crc32(out), nativeEngine.crc32(raw));
      assertEquals(engine.decompress(stored, new Uint8Array(length + 1)), false);
      if (length > 0) assertEquals(engine.decompress(stored, new Uint8Array(length - 1)), false);
    }
  }
});

testEach("decompress() refuses a real frame cut at any length, or grown", (engine) => {
  const raw = utf8("one two three, one two three, four and five and six. ".repeat(8));
  const stored = compress(raw, 19);
  const out = new Uint8Array(raw.length);
  for (let length = 0; length < stored.length; length++) {
    assertEquals(engine.decompress(stored.subarray(0, length), out), false, `cut to ${length}`);
  }
  for (const tail of [new Uint8Array(1), stored, stored.subarray(0, 5)]) {
    assertEquals(engine.decompress(concat([stored, tail]), out), false);
  }
  assert(engine.decompress(stored, out));
});

testEach("decompress() refuses frames with a window over 16 MiB, and reads one of 16 MiB", (engine) => {
  const raw = new Uint8Array(MAX_WINDOW_BYTES + 1);
  const compressInWindow = (windowLog: number) =>
    zstdCompressSync(
      raw,
      {
        params: { [constants.ZSTD_c_windowLog]: windowLog },
        pledgedSrcSize: raw.length,
      } as Parameters<typeof zstdCompressSync>[1],
    );
  const out = new Uint8Array(raw.length);
  assertEquals(engine.decompress(compressInWindow(25), out), false);
  assert(engine.decompress(compressInWindow(24), out));
});

for (const level of [1, 3, 9, 19]) {
  Deno.test(`native compress() states the content size and keeps to 16 MiB at level ${level}`, () => {
    for (const length of [0, 1, 100_000, 2_097_152, 8_388_608, 2 * MAX_WINDOW_BYTES]) {
      const raw = new Uint8Array(length);
      raw.set(noise(Math.min(length, 50_000)));
      const stored = compress(raw, level);
      // The walk checks magic, size, window, and that there is neither checksum nor dictionary.
      assert(isLoneZstdFrame(stored, length), `${length} bytes`);
      const out = new Uint8Array(length);
      assert(nativeEngine.decompress(stored, out));
      assertEquals(nativeEngine.crc32(out), nativeEngine.crc32(raw));
    }
  });
}

Deno.test("native compress() takes levels 1 to 19 and no others", () => {
  for (let level = 1; level <= 19; level++) assert(isLoneZstdFrame(compress(noise(1000), level), 1000));
  for (const level of [-1, 0, 20, 22, 1.5, NaN]) {
    assertThrows(() => compress(noise(10), level), RangeError, "Cannot compress at level");
  }
});

Deno.test("portable engine cannot compress, and says so", () => {
  assertEquals(portableEngine.compress, undefined);
});

/** Text that compresses, but not to nothing. */
function text(length: number): Bytes {
  const out = new Uint8Array(length);
  let state = 1;
  for (let i = 0; i < length; i++) {
    state = (state * 48_271) % 0x7fff_ffff;
    out[i] = 97 + (state % 7 < 3 ? i % 11 : state % 13);
  }
  return out;
}

testEverywhere("decompressBeginning() gives what the whole blocks of a cut frame hold", (engine, memory) => {
  for (const length of [5, 70_000, 300_000, 1_000_000]) {
    const content = text(length);
    const frame = compress(content, 3);
    let last = 0;
    const steps = Math.min(frame.length, 60);
    for (let step = 0; step <= steps; step++) {
      const cut = Math.floor(frame.length * step / steps);
      const out = memory.allocate(length);
      const given = engine.decompressBeginning(place(memory, frame.subarray(0, cut)), out);
      assertEquals(out.subarray(0, given), content.subarray(0, given));
      assert(given >= last && out.subarray(given).every((byte) => byte === 0));
      last = given;
    }
    assertEquals(last, length);
  }
});

testEverywhere("decompressBeginning() gives nothing of what is no frame of its shape", (engine, memory) => {
  for (const [why, frame, length] of REFUSED) {
    const out = memory.allocate(length).fill(9);
    const bytes = place(memory, decodeHex(frame.replaceAll(" ", "")));
    const given = engine.decompressBeginning(bytes, out);
    assert(given <= length, why);
    assert(out.subarray(given).every((byte) => byte === 0), why);
  }
});
