/** zstd on whole blocks of 2 MiB: twice the iterations per second are MiB/s of content. */
import { prepareFrame } from "../src/archive/compress.ts";
import type { Bytes, Engine } from "../src/engine/engine.ts";
import { nativeEngine } from "../src/engine/native/engine.ts";
import { portableEngine } from "../src/engine/portable/engine.ts";
import { FRAME_TYPE } from "../src/format/frame.ts";
import { randomSample, textSample } from "./samples.ts";

const BLOCK_BYTES = 2 ** 21;
const LEVELS = [1, 3, 9];
const ENGINES: readonly Engine[] = [nativeEngine, portableEngine];
const CONTENTS: readonly { readonly name: string; readonly raw: Bytes }[] = [
  { name: "text", raw: textSample(BLOCK_BYTES) },
  { name: "random", raw: randomSample(BLOCK_BYTES) },
];

const { compress } = nativeEngine;
if (compress === undefined) throw new Error("Cannot measure zstd: the native engine has none");

for (const { name, raw } of CONTENTS) {
  for (const level of LEVELS) {
    const ratio = (raw.length / compress(raw, level).length).toFixed(2);
    Deno.bench({
      name: `compress ${name}, level ${level} (ratio ${ratio})`,
      group: `compress 2 MiB of ${name}: 2 x iter/s = MiB/s`,
      baseline: level === 3,
      fn: () => void compress(raw, level),
    });
  }
  Deno.bench({
    name: `checksum, sample, and compress ${name} if it pays`,
    group: `compress 2 MiB of ${name}: 2 x iter/s = MiB/s`,
    fn: () => void prepareFrame(nativeEngine, { type: FRAME_TYPE.block, rows: 1 }, raw, 3),
  });
  const stored = compress(raw, 3);
  const out = new Uint8Array(raw.length);
  for (const engine of ENGINES) {
    Deno.bench({
      name: `decompress ${name}, ${engine.name}`,
      group: `decompress 2 MiB of ${name}: 2 x iter/s = MiB/s`,
      baseline: engine === nativeEngine,
      fn() {
        if (!engine.decompress(stored, out)) throw new Error("Cannot decompress what was just compressed");
      },
    });
  }
}
