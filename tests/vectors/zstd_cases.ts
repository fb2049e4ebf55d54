/** Vectors about compressed frames: what a zstd frame in an archive may and may not be. */
import { constants, zstdCompressSync } from "node:zlib";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { joined } from "../archive/archive_draft.ts";
import { changed, type Outcome, type VectorCase } from "./vector_case.ts";

const SKIPPABLE = Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0);

/** The parts of a frame that states its size in two bytes, as one of a few hundred bytes does. */
function split(frame: Bytes): { magic: Bytes; size: Bytes; blocks: Bytes } {
  if (frame[4] !== 0x60) throw new Error(`Cannot take a zstd frame apart: its descriptor is ${frame[4]}`);
  return { magic: frame.subarray(0, 4), size: frame.subarray(5, 7), blocks: frame.subarray(7) };
}

function compressed(raw: Bytes, level = 3): Bytes {
  const frame = nativeEngine.compress?.(raw, level);
  if (frame === undefined) throw new Error("Cannot compress");
  return frame;
}

/** All vectors about zstd. */
export function zstdCases(): VectorCase[] {
  const zstd = (name: string, about: string, outcome: Outcome, store: (frame: Bytes, raw: Bytes) => Bytes) =>
    changed(`zstd_${name}`, about, outcome, (draft) => {
      draft.onFrame = (frame, is, at) =>
        is === "block" && at === 0 ? { ...frame, stored: store(compressed(frame.raw), frame.raw) } : frame;
    });
  const windowed = (window: number) => (frame: Bytes) => {
    const { magic, size, blocks } = split(frame);
    return joined(magic, Uint8Array.of(0x40, window), size, blocks);
  };
  return [
    zstd("whole", "A block is one zstd frame", "none", (frame) => frame),
    zstd("window_16_mib", "A window of 16 MiB", "none", windowed(14 << 3)),
    zstd("window_18_mib", "A window of 18 MiB", "malformed", windowed((14 << 3) + 1)),
    zstd("window_largest", "A window of 3.75 TiB", "malformed", windowed(0xff)),
    zstd("no_size", "A frame without its content size", "malformed", (_, raw) =>
      zstdCompressSync(raw, { params: { [constants.ZSTD_c_contentSizeFlag]: 0 } })),
    zstd("checksum", "A frame with a checksum", "malformed", (_, raw) =>
      zstdCompressSync(raw, { pledgedSrcSize: raw.length, params: { [constants.ZSTD_c_checksumFlag]: 1 } } as object)),
    zstd("dictionary", "A frame that names a dictionary", "malformed", (frame) => {
      const { magic, size, blocks } = split(frame);
      return joined(magic, Uint8Array.of(0x61, 7), size, blocks);
    }),
    zstd("reserved_bit", "A frame with its reserved bit set", "malformed", (frame) =>
      frame.map((byte, i) => i === 4 ? byte + 8 : byte)),
    zstd("size_one_more", "A frame that states a byte too many", "malformed", (frame) =>
      frame.map((byte, i) => i === 5 ? byte + 1 : byte)),
    zstd("size_largest", "A frame that states 2^64 - 1 bytes", "malformed", (frame) => {
      const { magic, blocks } = split(frame);
      return joined(magic, Uint8Array.of(0xe0), new Uint8Array(8).fill(0xff), blocks);
    }),
    zstd("content_short", "A frame that holds a byte less than it states", "malformed", (_, raw) => {
      const frame = compressed(raw.subarray(1)).slice();
      frame[5] = (frame[5] as number) + 1;
      return frame;
    }),
    zstd("content_other", "A frame that holds other bytes than the checksum is of", "malformed", (_, raw) =>
      compressed(raw.map((byte, i) => i === raw.length - 1 ? byte ^ 1 : byte))),
    zstd("two_frames", "Two frames that make up the length together", "malformed", (_, raw) =>
      joined(compressed(raw.subarray(0, raw.length - 40)), compressed(raw.subarray(raw.length - 40)))),
    zstd("second_frame", "A second, empty frame behind the frame", "malformed", (frame) =>
      joined(frame, Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0))),
    zstd("skippable_first", "A skippable frame before the frame", "malformed", (frame) => joined(SKIPPABLE, frame)),
    zstd("skippable_last", "A skippable frame behind the frame", "malformed", (frame) => joined(frame, SKIPPABLE)),
    zstd("byte_behind", "A byte behind the frame", "malformed", (frame) => joined(frame, Uint8Array.of(0))),
    zstd("cut", "A frame whose last byte is missing", "malformed", (frame) => frame.subarray(0, frame.length - 1)),
    zstd("no_zstd", "Stored bytes that are no zstd frame", "malformed", () => new Uint8Array(40)),
    zstd("empty", "No stored bytes at all", "malformed", () => new Uint8Array(0)),
  ];
}
