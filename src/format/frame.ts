/**
 * Frames (FORMAT.md, "Frames"): one sealed item each. This file has their layout and the arithmetic of their sizes;
 * `src/archive/frame_cipher.ts` seals and opens them.
 */
import type { Bytes } from "../engine/engine.ts";
import { ArchiveError } from "./errors.ts";
import { MAX_CHUNK_BYTES, MAX_FRAME_BYTES, TAG_BYTES } from "./limits.ts";

/** What a frame is, by its number in the format. */
export const FRAME_TYPE = {
  block: 1,
  page: 2,
  orphanPage: 3,
  index: 4,
  segmentTable: 5,
  snapshotTable: 6,
  chunkTable: 129,
  trailer: 7,
  padding: 8,
  end: 9,
} as const;

/** From this number on a frame type may be passed over by a reader. */
export const SKIPPABLE_TYPES = 0x80;

/** How the stored bytes of a frame give its raw bytes, by the number in the format. */
export const CODEC = { stored: 0, zstd: 1 } as const;

/** A codec's number. */
export type Codec = typeof CODEC[keyof typeof CODEC];

/** Bytes of a frame's mark. */
export const MARK_BYTES = 8;
/** Bytes of a frame's head before it is sealed. */
export const HEAD_BYTES = 24;
/** Bytes of a frame before its first chunk. */
export const FRAME_OVERHEAD = MARK_BYTES + HEAD_BYTES + TAG_BYTES;
/** Frames start at multiples of this. */
const FRAME_ALIGNMENT = 16;
/** Bytes of an AEAD nonce. */
export const NONCE_BYTES = 12;

/** The last byte of a nonce: what the message is within its frame. */
export const NONCE_FLAG = { more: 0, last: 1, head: 2 } as const;

/** What a frame's head says. */
export interface FrameHead {
  /** Frame type; numbers from 0x80 on that this version does not know are passed over. */
  readonly type: number;
  /** How `stored` bytes give `raw` ones. */
  readonly codec: Codec;
  /** Bytes of content. */
  readonly raw: number;
  /** Bytes of content as they are stored, without zero padding. */
  readonly stored: number;
  /** Rows of a block or page, pages of an index, rows of a table; otherwise 0. */
  readonly rows: number;
  /** CRC-32 of the raw bytes, taken when they were read. */
  readonly crc: number;
}

/** Encodes a head: 24 bytes. */
export function encodeHead(head: FrameHead): Bytes {
  const bytes = new Uint8Array(HEAD_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, head.type);
  view.setUint8(1, head.codec);
  view.setUint32(4, head.raw);
  view.setUint32(8, head.stored);
  view.setUint32(12, head.rows);
  view.setUint32(16, head.crc);
  return bytes;
}

/**
 * Decodes a head that has been opened.
 *
 * @throws {ArchiveError} `malformed` or `limit`.
 */
export function decodeHead(bytes: Bytes, frame: number): FrameHead {
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEAD_BYTES);
  const type = view.getUint8(0);
  const codec = view.getUint8(1);
  const raw = view.getUint32(4);
  const stored = view.getUint32(8);
  const refuse = (why: string) => new ArchiveError("malformed", `Cannot accept frame ${frame}: ${why}`, { frame });
  if (type === 0 || (type > FRAME_TYPE.end && type < SKIPPABLE_TYPES)) throw refuse(`unknown type ${type}`);
  if (codec !== CODEC.stored && codec !== CODEC.zstd) throw refuse(`unknown codec ${codec}`);
  if (view.getUint16(2) !== 0 || view.getUint32(20) !== 0) throw refuse("a reserved field is not zero");
  if (raw > MAX_FRAME_BYTES || stored > MAX_FRAME_BYTES) {
    throw new ArchiveError("limit", `Cannot accept frame ${frame}: it is over ${MAX_FRAME_BYTES} bytes`, { frame });
  }
  if (codec === CODEC.stored && raw !== stored) throw refuse("its lengths disagree");
  if (codec === CODEC.zstd && (stored >= raw)) throw refuse("compression made it no shorter");
  const rows = view.getUint32(12);
  if (type === FRAME_TYPE.end && raw !== 0) throw refuse("the end has content");
  if (type >= FRAME_TYPE.trailer && type <= FRAME_TYPE.end && rows !== 0) throw refuse("it counts rows and has none");
  return { type, codec, raw, stored, rows, crc: view.getUint32(16) };
}

/** Stored bytes with the zeros that fill them up to a multiple of 16. */
export function paddedLength(stored: number): number {
  return Math.ceil(stored / FRAME_ALIGNMENT) * FRAME_ALIGNMENT;
}

/** Chunks of a frame with so many stored bytes. */
export function chunkCount(stored: number): number {
  return Math.ceil(paddedLength(stored) / MAX_CHUNK_BYTES);
}

/** Bytes of a frame's chunks, tags included. */
export function chunksLength(stored: number): number {
  return paddedLength(stored) + chunkCount(stored) * TAG_BYTES;
}

/** Bytes of a whole frame: mark, sealed head and chunks. */
export function frameLength(stored: number): number {
  return FRAME_OVERHEAD + chunksLength(stored);
}

/**
 * The stored length of a padding frame that is exactly `length` bytes long as a whole, or `undefined` when there is
 * none (a tag without plaintext, or no room for mark and head).
 */
export function storedForFrameLength(length: number): number | undefined {
  const chunks = length - FRAME_OVERHEAD;
  if (chunks < 0 || chunks % FRAME_ALIGNMENT !== 0) return undefined;
  const count = Math.ceil(chunks / (MAX_CHUNK_BYTES + TAG_BYTES));
  const stored = chunks - count * TAG_BYTES;
  return chunksLength(stored) === chunks ? stored : undefined;
}

/** Writes the nonce of one message of a frame: frame number (7 bytes), chunk (4), flag (1), all big-endian. */
export function writeNonce(nonce: Bytes, frame: number, chunk: number, flag: number): void {
  const view = new DataView(nonce.buffer, nonce.byteOffset, NONCE_BYTES);
  const high = Math.floor(frame / 2 ** 32);
  view.setUint8(0, Math.floor(high / 2 ** 16));
  view.setUint16(1, high % 2 ** 16);
  view.setUint32(3, frame % 2 ** 32);
  view.setUint32(7, chunk);
  view.setUint8(11, flag);
}

/** Where each frame type may stand: types rise within a segment, and these stand exactly once. */
const SINGLE_TYPES: ReadonlySet<number> = new Set([
  FRAME_TYPE.index,
  FRAME_TYPE.segmentTable,
  FRAME_TYPE.snapshotTable,
  FRAME_TYPE.trailer,
  FRAME_TYPE.end,
]);

/** Checks that frames come in the order of the format, one after the other. */
export class FrameOrder {
  #last = 0;

  /** Whether the `end` frame has been seen. */
  get ended(): boolean {
    return this.#last === FRAME_TYPE.end;
  }

  /**
   * Takes the next frame's type.
   *
   * @throws {ArchiveError} `malformed` when it may not stand here.
   */
  next(type: number, frame: number): void {
    const last = this.#last;
    if (type >= SKIPPABLE_TYPES) {
      if (last === FRAME_TYPE.snapshotTable) return;
    } else if (type === last) {
      if (!SINGLE_TYPES.has(type)) return;
    } else if (type > last && ![...SINGLE_TYPES].some((single) => single > last && single < type)) {
      this.#last = type;
      return;
    }
    throw new ArchiveError("malformed", `Cannot accept frame ${frame}: type ${type} does not follow type ${last}`, {
      frame,
    });
  }
}
