import { assert, assertEquals } from "@std/assert";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { Bytes, Effort } from "../../src/engine/engine.ts";
import { nativeEngine, runtimeEngine } from "../../src/engine/native/engine.ts";
import { canEncode, encodeInto } from "../../src/engine/native/zstd_encoder.ts";
import { portableEngine } from "../../src/engine/portable/engine.ts";
import { isLoneZstdFrame } from "../../src/engine/zstd_frame.ts";
import { seededRandom } from "../archive/archive_builder.ts";

const LEVEL_3 = { [constants.ZSTD_c_compressionLevel]: 3 };
const EFFORTS: readonly Effort[] = [1, 2, 3, 4, 7, "binary", "text", "sample"];

/** Words of a seed's own in any order, with runs and noise between them. */
function content(seed: number, length: number): Bytes {
  const random = seededRandom(seed);
  const words = random(2000);
  const bytes = new Uint8Array(length);
  const numbers = random(length);
  let next = 0;
  for (let at = 0; at < length; next += 3) {
    const start = ((numbers[next] as number) * 7 + (numbers[next + 1] as number)) % 1900;
    const word = numbers[next + 2] === 0 ? new Uint8Array(900) : words.subarray(start, start + 3 + start % 40);
    bytes.set(word.subarray(0, length - at), at);
    at += word.length;
  }
  return bytes;
}

Deno.test("canEncode() is true in the runtime that the program is made for", () => {
  assert(canEncode());
});

Deno.test("encodeInto() makes the frame that the exported function makes, but for the header", () => {
  for (const length of [262_145, 300_000, 2 ** 21 - 1]) {
    const raw = content(length, length);
    const options = { pledgedSrcSize: length, chunkSize: 2 * length, params: LEVEL_3 };
    const exported = new Uint8Array(zstdCompressSync(raw, options));
    const frame = encodeInto(raw, LEVEL_3, new Uint8Array(length + length / 128 + 1024)) as Bytes;
    // Magic, descriptor and size; the other one has a window too.
    assertEquals(frame.subarray(10), exported.subarray(9));
    assertEquals(new Uint8Array(zstdDecompressSync(frame)), raw);
  }
});

for (const { name, compress } of [nativeEngine, runtimeEngine]) {
  Deno.test(`${name} compress() gives equal frames for equal content, whatever came before, also in shared memory`, () => {
    const contents = [65_536, 262_145, 1_500_000, 2 ** 21, 2 ** 22 + 500].map((length, i) => content(i, length));
    const pieces = EFFORTS.flatMap((effort) => contents.map((raw) => ({ effort, raw })));
    const first = pieces.map(({ effort, raw }) => new Uint8Array(compress!(raw, effort)));
    for (const [i, { effort, raw }] of [...pieces.entries()].reverse()) {
      const shared = new Uint8Array(new SharedArrayBuffer(raw.length));
      shared.set(raw);
      let given: Bytes | undefined;
      const frame = compress!(shared, effort, (length) => given = new Uint8Array(new SharedArrayBuffer(length + 77)));
      assert(nativeEngine.equal(frame, first[i] as Bytes), `${effort}, ${raw.length} bytes`);
      assert(given === undefined || frame.buffer === given.buffer);
      assert(isLoneZstdFrame(frame, raw.length));
      for (const engine of [nativeEngine, runtimeEngine, portableEngine]) {
        const back = new Uint8Array(raw.length);
        assert(engine.decompress(new Uint8Array(frame), back));
        assert(nativeEngine.equal(back, raw), `${effort}, ${raw.length} bytes, ${engine.name}`);
      }
    }
  });
}

Deno.test("encodeInto() compresses after there was too little room", () => {
  const raw = content(5, 300_000);
  assertEquals(encodeInto(raw, LEVEL_3, new Uint8Array(50_000)), undefined);
  const frame = encodeInto(raw, LEVEL_3, new Uint8Array(400_000)) as Bytes;
  assertEquals(new Uint8Array(zstdDecompressSync(frame)), raw);
});
