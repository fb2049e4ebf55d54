/** Decides how a frame's raw bytes are stored. */
import type { Bytes, Effort, Engine } from "../engine/engine.ts";
import { CODEC, type FrameHead } from "../format/frame.ts";
import type { FrameContent } from "./frame_cipher.ts";

/** How hard to compress: a zstd level, what suits the content, or nothing. */
export type Level = number | "default" | "store";

/** The level that "default" is about as small as. */
const DEFAULT_LEVEL = 3;
/** Frames up to this many bytes are compressed without a sample: the attempt is as cheap. */
const ALWAYS_TRY_BYTES = 64 * 1024;
/** A sample is this many pieces, spread evenly, each of {@linkcode SAMPLE_PIECE_BYTES}. */
const SAMPLE_PIECES = 16;
const SAMPLE_PIECE_BYTES = 4096;
const SAMPLE_BYTES = SAMPLE_PIECES * SAMPLE_PIECE_BYTES;
/** A sample must shrink at least to this part of itself for the whole to be compressed. */
const WORTHWHILE = 0.97;
/** Content is binary when at least this part of a sample is control characters, of which text has next to none. */
const BINARY = 1 / 32;
/** For which bytes a sample has them counted: one in so many, which is odd, as what repeats is mostly even. */
const SAMPLED_BYTES = 5;
/** For each byte, 1 where it is a control character that text has no use for. */
const IS_CONTROL = Uint8Array.from({ length: 256 }, (_, byte) => byte < 0x20 && (byte < 0x09 || byte > 0x0d) ? 1 : 0);
/** Smaller frames are left to the level, and sampled by one: there is little to be gained. */
const MIN_CHOICE_BYTES = 2 ** 20;
/** The level for samples of these. */
const SAMPLE_LEVEL = 1;
/** Frames from this size on hold a large file. */
const LARGE_BYTES = 3 * 2 ** 20;

/** What a frame is, apart from how its bytes are stored. */
export type FrameKind = Pick<FrameHead, "type" | "rows">;

/** Gives memory for a frame of at most so many bytes, with anything in it. */
type Allocate = (length: number) => Bytes;

/**
 * Prepares raw bytes for sealing: checksum, then compression where it pays. Data that does not compress is told by a
 * sample of the whole range, because one place in it says little (a disk image, a folder of photos and notes). What is
 * compressed lies in what `allocate` gives: fresh memory unless the caller reuses some.
 */
export function prepareFrame(
  engine: Engine,
  kind: FrameKind,
  raw: Bytes,
  level: Level,
  allocate?: Allocate,
): FrameContent {
  const crc = engine.crc32(raw);
  const effort = level === "store" || raw.length === 0 ? undefined : effortFor(engine, raw, level, allocate);
  if (effort !== undefined && engine.compress !== undefined) {
    const stored = engine.compress(raw, effort, allocate);
    if (stored.length < raw.length) {
      const head = { ...kind, codec: CODEC.zstd, raw: raw.length, stored: stored.length, crc };
      return { head, stored };
    }
  }
  return { head: { ...kind, codec: CODEC.stored, raw: raw.length, stored: raw.length, crc }, stored: raw };
}

/** How to compress it; `undefined` when that does not pay. */
function effortFor(
  { compress }: Engine,
  raw: Bytes,
  level: number | "default",
  allocate: Allocate | undefined,
): Effort | undefined {
  const given = level === "default" ? DEFAULT_LEVEL : level;
  if (compress === undefined || raw.length <= ALWAYS_TRY_BYTES) return given;
  const sample = new Uint8Array(SAMPLE_BYTES);
  const step = Math.floor((raw.length - SAMPLE_PIECE_BYTES) / (SAMPLE_PIECES - 1));
  for (let i = 0; i < SAMPLE_PIECES; i++) {
    sample.set(raw.subarray(i * step, i * step + SAMPLE_PIECE_BYTES), i * SAMPLE_PIECE_BYTES);
  }
  const isSmall = raw.length < MIN_CHOICE_BYTES;
  if (compress(sample, isSmall ? SAMPLE_LEVEL : "sample", allocate).length >= SAMPLE_BYTES * WORTHWHILE) {
    return undefined;
  }
  if (level !== "default" || isSmall) return given;
  if (isBinary(sample)) return "binary";
  return raw.length >= LARGE_BYTES ? "text" : given;
}

/** Whether a sample has more control characters than text of any language and encoding without zeros. */
function isBinary(sample: Bytes): boolean {
  let controls = 0;
  for (let i = 0; i < sample.length; i += SAMPLED_BYTES) if (IS_CONTROL[sample[i] as number] === 1) controls++;
  return controls * SAMPLED_BYTES >= sample.length * BINARY;
}
