import { assert, assertEquals } from "@std/assert";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine, runtimeEngine } from "../../src/engine/native/engine.ts";
import { canDecodeInto, decodeInto, DECODER_PARAMS } from "../../src/engine/native/zstd_decoder.ts";
import { isLoneZstdFrame } from "../../src/engine/zstd_frame.ts";
import { seededRandom } from "../archive/archive_builder.ts";

const random = seededRandom(77);
const numbers = new DataView(random(2 ** 16).buffer);
let next = 0;
const number = (below: number) => numbers.getUint32(next = (next + 4) % numbers.byteLength) % below;

/** Words in any order: what compresses, with blocks of every kind. */
function content(length: number): Bytes {
  const words = Array.from({ length: 50 }, () => random(1 + number(12)));
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const word = number(40) === 0 ? new Uint8Array(300) : words[number(words.length)] as Bytes;
    bytes.set(word.subarray(0, length - at), at);
    at += word.length;
  }
  return bytes;
}

/** What the exported function makes of a frame; `undefined` when it refuses it. */
function exported(frame: Bytes, length: number): Bytes | undefined {
  try {
    const bytes = zstdDecompressSync(frame, { maxOutputLength: length, params: DECODER_PARAMS });
    return bytes.length === length ? new Uint8Array(bytes) : undefined;
  } catch {
    return undefined;
  }
}

Deno.test("decompress() gives the same and refuses the same while there is little to decode, and after that", () => {
  const raw = content(300_000);
  const frame = new Uint8Array(
    zstdCompressSync(raw, { pledgedSrcSize: raw.length, chunkSize: 2 * raw.length } as object),
  );
  for (let run = 0; run < 8; run++) {
    const out = new Uint8Array(raw.length);
    assert(runtimeEngine.decompress(frame, out), `run ${run}`);
    assert(nativeEngine.equal(out, raw), `run ${run}`);
    const changed = frame.with(frame.length >> 1, (frame[frame.length >> 1] as number) ^ 0xff);
    assertEquals(runtimeEngine.decompress(changed, out), exported(changed, raw.length) !== undefined, `run ${run}`);
  }
});

Deno.test("canDecodeInto() is true in the runtime that the program is made for", () => {
  assert(canDecodeInto());
});

Deno.test("decodeInto() takes frames that were altered exactly when the exported function does, and gives the same", () => {
  let taken = 0;
  let refused = 0;
  for (let run = 0; run < 300; run++) {
    const raw = content(1 + number(40_000));
    const pledged = { pledgedSrcSize: raw.length, chunkSize: 2 * raw.length + 256 };
    const frame = new Uint8Array(zstdCompressSync(raw, {
      ...pledged,
      params: { [constants.ZSTD_c_compressionLevel]: 1 + number(6) },
    }));
    for (let changes = number(4); changes > 0; changes--) frame[number(frame.length)] = number(256);
    // Only what is laid out as one frame of that length comes so far.
    if (!isLoneZstdFrame(frame, raw.length)) continue;
    const out = new Uint8Array(raw.length);
    const expected = exported(frame, raw.length);
    assertEquals(decodeInto(frame, out), expected !== undefined, `run ${run}`);
    if (expected === undefined) refused++;
    else {
      assert(nativeEngine.equal(out, expected), `run ${run}`);
      taken++;
    }
  }
  assert(taken > 50 && refused > 50, `${taken} taken, ${refused} refused`);
});

Deno.test("decodeInto() decodes a whole frame after one that it refused, also in shared memory", () => {
  const raw = content(200_000);
  const frame = new Uint8Array(zstdCompressSync(raw, { pledgedSrcSize: raw.length, chunkSize: 400_000 } as object));
  const shared = new Uint8Array(new SharedArrayBuffer(raw.length));
  assert(!decodeInto(frame.subarray(0, -1), new Uint8Array(raw.length)));
  assert(!decodeInto(new Uint8Array(100).fill(0xff), new Uint8Array(raw.length)));
  assert(decodeInto(frame, shared as unknown as Bytes));
  assertEquals(new Uint8Array(shared), raw);
});
