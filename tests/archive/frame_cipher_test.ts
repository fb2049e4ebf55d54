import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Bytes } from "../../src/engine/engine.ts";
import { FrameCipher } from "../../src/archive/frame_cipher.ts";
import { ArchiveError } from "../../src/format/errors.ts";
import { CODEC, FRAME_OVERHEAD, FRAME_TYPE, type FrameHead, frameLength } from "../../src/format/frame.ts";
import { deriveSegmentKey } from "../../src/format/keys.ts";
import { ENGINES, testEach } from "../engine/engines.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { ArchiveBuilder, seededRandom } from "./archive_builder.ts";

const KEY = seededRandom(5)(32);
const CHUNK = 65_520;

const headOf = (raw: Bytes): FrameHead => ({
  type: FRAME_TYPE.block,
  codec: CODEC.stored,
  raw: raw.length,
  stored: raw.length,
  rows: 1,
  crc: nativeEngine.crc32(raw),
});

function openAll(cipher: FrameCipher, frame: number, bytes: Bytes): Bytes {
  const head = cipher.openHead(frame, bytes);
  return cipher.openContent(frame, head, bytes.subarray(FRAME_OVERHEAD));
}

function assertDamaged(cipher: FrameCipher, frame: number, bytes: Bytes, what: string): void {
  const error = assertThrows(() => openAll(cipher, frame, bytes), ArchiveError, undefined, what);
  assertEquals([error.code, error.place.frame], ["damaged", frame], what);
}

testEach("seal() and openContent() give back content of every length around the borders", (engine) => {
  for (const suite of [1, 2] as const) {
    const cipher = new FrameCipher(engine, suite, KEY);
    for (const length of [0, 1, 15, 16, 17, CHUNK - 1, CHUNK, CHUNK + 1, CHUNK + 16, 2 * CHUNK, 2 * CHUNK + 1]) {
      const raw = seededRandom(length)(length);
      const bytes = cipher.seal(9, { head: headOf(raw), stored: raw });
      assertEquals(bytes.length, frameLength(length));
      assertEquals(openAll(cipher, 9, bytes), raw, `${length}`);
    }
  }
});

Deno.test("seal() gives the same bytes on every engine, and the same as the tests' own sealing", () => {
  const builder = new ArchiveBuilder();
  const { suite, archiveKey, id } = builder.keys;
  const key = deriveSegmentKey(nativeEngine, archiveKey, suite, id, builder.segment);
  for (const length of [0, 1, 16, CHUNK + 3]) {
    const raw = seededRandom(length)(length);
    const ours = builder.seal(77, { type: FRAME_TYPE.block, raw, rows: 1 });
    for (const engine of ENGINES) {
      assertEquals(new FrameCipher(engine, suite, key).seal(77, { head: headOf(raw), stored: raw }), ours);
    }
  }
});

Deno.test("openContent() refuses chunks that have changed places, were doubled, cut or come from another frame", () => {
  const cipher = new FrameCipher(nativeEngine, 1, KEY);
  const raw = seededRandom(1)(3 * CHUNK);
  const bytes = cipher.seal(4, { head: headOf(raw), stored: raw });
  const other = cipher.seal(5, { head: headOf(raw), stored: raw });
  const piece = (from: Bytes, chunk: number) => {
    const start = FRAME_OVERHEAD + chunk * (CHUNK + 16);
    return from.subarray(start, start + CHUNK + 16);
  };
  const head = bytes.subarray(0, FRAME_OVERHEAD);
  const put = (...parts: readonly Bytes[]) => {
    const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  };
  assertEquals(openAll(cipher, 4, put(head, piece(bytes, 0), piece(bytes, 1), piece(bytes, 2))), raw);
  assertDamaged(cipher, 4, put(head, piece(bytes, 1), piece(bytes, 0), piece(bytes, 2)), "swapped");
  assertDamaged(cipher, 4, put(head, piece(bytes, 0), piece(bytes, 0), piece(bytes, 2)), "doubled");
  assertDamaged(cipher, 4, put(head, piece(bytes, 0), piece(other, 1), piece(bytes, 2)), "foreign");
  assertDamaged(cipher, 4, put(head, piece(bytes, 0), piece(bytes, 2), piece(bytes, 2)), "the last one early");
  // A head that says fewer bytes: the last chunk it leaves was not sealed as one.
  const short = cipher.seal(4, { head: headOf(raw.subarray(0, 2 * CHUNK)), stored: raw.subarray(0, 2 * CHUNK) });
  assertDamaged(cipher, 4, put(short.subarray(0, FRAME_OVERHEAD), piece(bytes, 0), piece(bytes, 1)), "cut");
});

Deno.test("openHead() refuses a frame at another number, under another key, another suite, and a frame cut in its head", () => {
  const cipher = new FrameCipher(nativeEngine, 1, KEY);
  const raw = seededRandom(1)(100);
  const bytes = cipher.seal(4, { head: headOf(raw), stored: raw });
  assertDamaged(cipher, 5, bytes, "another number");
  assertDamaged(new FrameCipher(nativeEngine, 1, seededRandom(6)(32)), 4, bytes, "another key");
  assertDamaged(new FrameCipher(nativeEngine, 2, KEY), 4, bytes, "another suite");
  for (const length of [0, 7, 8, 24, FRAME_OVERHEAD - 1]) {
    assertThrows(() => cipher.openHead(4, bytes.subarray(0, length)), ArchiveError);
  }
});

Deno.test("mark() is 8 bytes that differ for every frame, beyond 32 bits too", () => {
  const cipher = new FrameCipher(nativeEngine, 1, KEY);
  const marks = [0, 1, 255, 256, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 52].map((frame) => cipher.mark(frame).join());
  assertEquals(new Set(marks).size, marks.length);
  assert(marks.every((mark) => mark.split(",").length === 8));
});

Deno.test("openContent() puts its bytes where it is told, and gives memory of its own otherwise", () => {
  const cipher = new FrameCipher(nativeEngine, 1, KEY);
  const raw = seededRandom(1)(100);
  const bytes = cipher.seal(0, { head: headOf(raw), stored: raw });
  const head = cipher.openHead(0, bytes);
  const memory = new Uint8Array(500);
  const opened = cipher.openContent(
    0,
    head,
    bytes.subarray(FRAME_OVERHEAD),
    (length) => memory.subarray(7, 7 + length),
  );
  assertEquals([opened.byteOffset, memory.slice(7, 107)], [7, raw]);
  const first = cipher.openContent(0, head, bytes.subarray(FRAME_OVERHEAD));
  const second = cipher.openContent(0, head, bytes.subarray(FRAME_OVERHEAD));
  first.fill(0);
  assertEquals(second, raw);
});
