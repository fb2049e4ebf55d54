import type { Bytes } from "./engine.ts";

/** The largest window a frame may ask a decoder to keep. */
export const MAX_WINDOW_BYTES = 16 * 1024 * 1024;

const MAX_BLOCK_BYTES = 128 * 1024;
const MAGIC = [0x28, 0xb5, 0x2f, 0xfd];
const BLOCK_HEADER_BYTES = 3;
/** A literals section header and a sequences section header. */
const MIN_COMPRESSED_BLOCK_BYTES = 2;

/** Where the blocks of a frame begin, and how large one of them may be. */
interface FrameHeader {
  readonly bytes: number;
  readonly maxBlockBytes: number;
}

/**
 * Whether `frame` is laid out as exactly one zstd frame (RFC 8878 §3.1.1) of the only shape an archive holds: magic,
 * content size in the header and equal to `contentBytes`, no checksum, no dictionary, a window of at most 16 MiB, and
 * a last block that ends where `frame` ends.
 *
 * Decoders are asked only after this walk, because none of them says what has to be known: `node:zlib` returns what it
 * has when a frame is cut short, stops at the first frame of several, and takes a skippable frame for an empty one.
 * The walk follows the block headers alone and allocates nothing, so its cost is bounded by `frame.length`.
 */
export function isLoneZstdFrame(frame: Bytes, contentBytes: number): boolean {
  const header = readHeader(frame, contentBytes);
  if (header === undefined) return false;
  let at = header.bytes;
  let knownContentBytes = 0;
  let compressedBlocks = 0;
  for (;;) {
    if (frame.length - at < BLOCK_HEADER_BYTES) return false;
    // Three bytes: bit 0 last, bits 1–2 type, 21 bits of size.
    const field = readLittleEndian(frame, at, BLOCK_HEADER_BYTES);
    const isLast = field % 2 === 1;
    const type = Math.floor(field / 2) % 4;
    const size = Math.floor(field / 8);
    at += BLOCK_HEADER_BYTES;
    if (size > header.maxBlockBytes) return false;
    if (type === 0) {
      at += size;
      knownContentBytes += size;
    } else if (type === 1) {
      at += 1;
      knownContentBytes += size;
    } else if (type === 2) {
      if (size < MIN_COMPRESSED_BLOCK_BYTES) return false;
      at += size;
      compressedBlocks++;
    } else {
      return false;
    }
    if (at > frame.length || knownContentBytes > contentBytes) return false;
    if (isLast) break;
  }
  if (compressedBlocks === 0 && knownContentBytes !== contentBytes) return false;
  return at === frame.length;
}

/**
 * The whole blocks that a frame of that shape begins with, as a frame of their own that does not state its content
 * size: what can still be decoded when the rest is lost. `undefined` when there is none.
 */
export function wholeBlocksOf(beginning: Bytes, contentBytes: number): Bytes | undefined {
  const header = readHeader(beginning, contentBytes);
  if (header === undefined) return undefined;
  let at = header.bytes;
  let last: number | undefined;
  while (beginning.length - at >= BLOCK_HEADER_BYTES) {
    const field = readLittleEndian(beginning, at, BLOCK_HEADER_BYTES);
    const type = Math.floor(field / 2) % 4;
    const size = Math.floor(field / 8);
    const next = at + BLOCK_HEADER_BYTES + (type === 1 ? 1 : size);
    if (type === 3 || size > header.maxBlockBytes || next > beginning.length) break;
    last = at;
    at = next;
    if (field % 2 === 1) break;
  }
  if (last === undefined) return undefined;
  const blocks = beginning.subarray(header.bytes, at);
  const frame = new Uint8Array(MAGIC.length + 2 + blocks.length);
  frame.set(MAGIC);
  // No content size, hence not a single segment, hence a window of its own, which may be larger than needed.
  frame[MAGIC.length + 1] = windowFor(contentBytes);
  frame.set(blocks, MAGIC.length + 2);
  const lastAt = MAGIC.length + 2 + last - header.bytes;
  frame[lastAt] = frame[lastAt]! | 1;
  return frame;
}

/** The window descriptor of the smallest power of two that holds so many bytes, which are at most 16 MiB. */
function windowFor(contentBytes: number): number {
  return Math.max(0, Math.ceil(Math.log2(Math.max(1, contentBytes))) - 10) << 3;
}

/** Reads and judges the frame header; `undefined` when it is not of the shape above. */
function readHeader(frame: Bytes, contentBytes: number): FrameHeader | undefined {
  if (!MAGIC.every((byte, i) => frame[i] === byte)) return undefined;
  const descriptor = frame[4];
  if (descriptor === undefined) return undefined;
  const hasDictionary = (descriptor & 0x03) !== 0;
  const hasChecksum = (descriptor & 0x04) !== 0;
  const hasReservedBit = (descriptor & 0x08) !== 0;
  if (hasDictionary || hasChecksum || hasReservedBit) return undefined;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const sizeFlag = descriptor >> 6;
  if (sizeFlag === 0 && !isSingleSegment) return undefined;

  const windowFieldBytes = isSingleSegment ? 0 : 1;
  const sizeFieldBytes = 1 << sizeFlag;
  const sizeAt = 5 + windowFieldBytes;
  const bytes = sizeAt + sizeFieldBytes;
  if (frame.length < bytes) return undefined;
  // An eight-byte field can exceed what a number holds exactly, but then it is far from any length in memory.
  const stated = readLittleEndian(frame, sizeAt, sizeFieldBytes) + (sizeFlag === 1 ? 256 : 0);
  if (stated !== contentBytes) return undefined;
  const windowBytes = isSingleSegment ? stated : readWindow(frame[5]!);
  if (windowBytes > MAX_WINDOW_BYTES) return undefined;
  return { bytes, maxBlockBytes: Math.min(windowBytes, MAX_BLOCK_BYTES) };
}

/** RFC 8878 §3.1.1.1.2: five bits of exponent over 1 KiB, three bits of eighths. */
function readWindow(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

function readLittleEndian(bytes: Bytes, at: number, length: number): number {
  let value = 0;
  for (let i = at + length - 1; i >= at; i--) value = value * 256 + bytes[i]!;
  return value;
}
