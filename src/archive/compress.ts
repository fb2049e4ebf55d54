/** Decides how a frame's raw bytes are stored. */
import type { Bytes, Engine } from "../engine/engine.ts";
import { CODEC, type FrameHead } from "../format/frame.ts";
import type { FrameContent } from "./frame_cipher.ts";

/** How hard to compress: a zstd level, or nothing. */
export type Level = number | "store";

/** Frames up to this many bytes are compressed without a sample: the attempt is as cheap. */
const ALWAYS_TRY_BYTES = 64 * 1024;
/** A sample is this many pieces, spread evenly, each of {@linkcode SAMPLE_PIECE_BYTES}. */
const SAMPLE_PIECES = 16;
const SAMPLE_PIECE_BYTES = 4096;
/** A sample must shrink at least to this part of itself for the whole to be compressed. */
const WORTHWHILE = 0.97;

/** What a frame is, apart from how its bytes are stored. */
export type FrameKind = Pick<FrameHead, "type" | "rows">;

/**
 * Prepares raw bytes for sealing: checksum, then compression where it pays. Data that does not compress is told by a
 * sample of the whole range, because one place in it says little (a disk image, a folder of photos and notes).
 */
export function prepareFrame(engine: Engine, kind: FrameKind, raw: Bytes, level: Level): FrameContent {
  const crc = engine.crc32(raw);
  const { compress } = engine;
  if (level !== "store" && compress !== undefined && looksCompressible(compress, raw)) {
    const stored = compress(raw, level);
    if (stored.length < raw.length) {
      const head = { ...kind, codec: CODEC.zstd, raw: raw.length, stored: stored.length, crc };
      return { head, stored };
    }
  }
  return { head: { ...kind, codec: CODEC.stored, raw: raw.length, stored: raw.length, crc }, stored: raw };
}

function looksCompressible(compress: (raw: Bytes, level: number) => Bytes, raw: Bytes): boolean {
  if (raw.length <= ALWAYS_TRY_BYTES) return raw.length > 0;
  const sample = new Uint8Array(SAMPLE_PIECES * SAMPLE_PIECE_BYTES);
  const step = Math.floor((raw.length - SAMPLE_PIECE_BYTES) / (SAMPLE_PIECES - 1));
  for (let i = 0; i < SAMPLE_PIECES; i++) {
    sample.set(raw.subarray(i * step, i * step + SAMPLE_PIECE_BYTES), i * SAMPLE_PIECE_BYTES);
  }
  return compress(sample, 1).length < sample.length * WORTHWHILE;
}
