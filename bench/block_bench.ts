/** Whole blocks of about 2 MiB, from plan to sealed frame and back: the unit of parallel work. */
import { type BlockPart, BlockScratch, buildBlock } from "../src/archive/block_builder.ts";
import type { Level } from "../src/archive/compress.ts";
import { FrameCipher } from "../src/archive/frame_cipher.ts";
import { BLOCK_BYTES } from "../src/archive/planner.ts";
import type { Bytes } from "../src/engine/engine.ts";
import { nativeEngine } from "../src/engine/native/engine.ts";
import { decodeBlock } from "../src/format/decoded_block.ts";
import { FRAME_OVERHEAD } from "../src/format/frame.ts";
import { provisionalRow } from "../src/format/rows.ts";
import { randomSample, sampleBlock, textSample } from "./samples.ts";

/** As many of the small files as fit into one block. */
const SMALL_FILES = 480;

const cipher = new FrameCipher(nativeEngine, 1, randomSample(32));
const scratch = new BlockScratch();
const compressed = new BlockScratch();

function build(parts: readonly BlockPart[], level: Level): Bytes {
  const tools = { engine: nativeEngine, cipher, level, access: undefined, scratch, compressed };
  return buildBlock({ frame: 0, parts }, tools).bytes;
}

function open(frame: Bytes): void {
  const head = cipher.openHead(0, frame.subarray(0, FRAME_OVERHEAD));
  const raw = cipher.openContent(
    0,
    head,
    frame.subarray(FRAME_OVERHEAD),
    (length) => scratch.take(length).subarray(0, length),
  );
  decodeBlock(raw, head.rows);
}

/** The middle of one large file. */
function slice(bytes: Bytes): readonly BlockPart[] {
  const row = provisionalRow("folder/file", "file");
  return [{ row, offset: 2 ** 30, length: bytes.length, last: false, content: { kind: "bytes", bytes } }];
}

const small = sampleBlock(SMALL_FILES).parts;
const smallBytes = small.reduce((sum, part) => sum + part.length, 0);
const CONTENTS: readonly { readonly name: string; readonly parts: readonly BlockPart[] }[] = [
  { name: `${SMALL_FILES} small files, ${(smallBytes / 2 ** 20).toFixed(2)} MiB`, parts: small },
  { name: "2 MiB of text", parts: slice(textSample(BLOCK_BYTES)) },
  { name: "2 MiB of random bytes", parts: slice(randomSample(BLOCK_BYTES)) },
];

for (const { name, parts } of CONTENTS) {
  const frame = build(parts, 3);
  Deno.bench({ name: "build, level 3", group: name, baseline: true, fn: () => void build(parts, 3) });
  Deno.bench({ name: "build, stored", group: name, fn: () => void build(parts, "store") });
  Deno.bench({ name: "open, level 3", group: name, fn: () => open(frame) });
}
