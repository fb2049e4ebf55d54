/** Blocks of which some chunks are damaged: what can still be used of them (FORMAT.md, "Salvage"). */
import type { Bytes, Engine } from "../engine/engine.ts";
import { type Block, BLOCK_ROWS_LENGTH_BYTES } from "../format/block.ts";
import { decodeBlock } from "../format/decoded_block.ts";
import { ArchiveError } from "../format/errors.ts";
import { chunkCount, chunksLength, CODEC, FRAME_OVERHEAD, type FrameHead, paddedLength } from "../format/frame.ts";
import { MAX_CHUNK_BYTES, TAG_BYTES } from "../format/limits.ts";
import { addRange, type ByteRange, partsIn } from "./byte_ranges.ts";
import type { FrameCipher } from "./frame_cipher.ts";

/** What could be opened of a frame. */
export interface OpenedParts {
  /** The raw bytes, zeros where nothing is known; its own memory. */
  readonly raw: Bytes;
  /** Which of them are what was sealed. */
  readonly intact: readonly ByteRange[];
  /** Damaged bytes of the frame, counted from its start. */
  readonly damaged: readonly ByteRange[];
  /** What is wrong when all chunks authenticate and the content is not as it should be. */
  readonly fault: ArchiveError | undefined;
}

/** A block of which something could be opened. */
export interface SalvagedBlock {
  readonly frame: number;
  /** Its entries; nothing when its rows are lost. Its data has zeros where nothing is known. */
  readonly block: Block | undefined;
  /** Which of its data are what was sealed; the data alone count. */
  readonly intact: readonly ByteRange[];
  /** Whether all of it is there. */
  readonly isWhole: boolean;
}

/**
 * Opens what it can of a frame whose head has been opened. `chunks` are its chunks, or as many bytes of them as there
 * are. Of a stored frame each chunk counts for itself; of a compressed one, what lies before the first damaged chunk
 * is decoded as far as it goes.
 */
export function openParts(
  engine: Engine,
  cipher: FrameCipher,
  frame: number,
  head: FrameHead,
  chunks: Bytes,
): OpenedParts {
  if (chunks.length === chunksLength(head.stored)) {
    try {
      const raw = cipher.openContent(frame, head, chunks);
      return { raw, intact: raw.length > 0 ? [{ start: 0, end: raw.length }] : [], damaged: [], fault: undefined };
    } catch (error) {
      if (!(error instanceof ArchiveError)) throw error;
      if (error.code !== "damaged") return { raw: new Uint8Array(0), intact: [], damaged: [], fault: error };
    }
  }
  const { stored, held } = cipher.openChunksApart(frame, head, chunks);
  const damaged: ByteRange[] = [];
  for (const [chunk, good] of held.entries()) {
    if (good) continue;
    const start = FRAME_OVERHEAD + chunk * (MAX_CHUNK_BYTES + TAG_BYTES);
    const plain = Math.min(MAX_CHUNK_BYTES, paddedLength(head.stored) - chunk * MAX_CHUNK_BYTES);
    addRange(damaged, start, start + plain + TAG_BYTES);
  }
  const intact: ByteRange[] = [];
  if (head.codec === CODEC.stored) {
    for (let chunk = 0; chunk < chunkCount(head.stored); chunk++) {
      const start = chunk * MAX_CHUNK_BYTES;
      if (held[chunk]) addRange(intact, start, Math.min(start + MAX_CHUNK_BYTES, head.stored));
    }
    return { raw: stored, intact, damaged, fault: undefined };
  }
  const good = Math.min(stored.length, Math.max(0, held.indexOf(false)) * MAX_CHUNK_BYTES);
  const raw = new Uint8Array(head.raw);
  addRange(intact, 0, engine.decompressBeginning(stored.subarray(0, good), raw));
  return { raw, intact, damaged, fault: undefined };
}

/** The entries of a block of which some was opened, and which of its data are good. */
export function salvageBlock(frame: number, head: FrameHead, { raw, intact, fault }: OpenedParts): SalvagedBlock {
  const lost = { frame, block: undefined, intact: [], isWhole: false };
  const beginning = intact[0]?.start === 0 ? intact[0].end : 0;
  if (fault !== undefined || beginning < BLOCK_ROWS_LENGTH_BYTES) return lost;
  const rows = new DataView(raw.buffer, raw.byteOffset).getUint32(0);
  const dataStart = BLOCK_ROWS_LENGTH_BYTES + rows;
  if (dataStart > beginning) return lost;
  let block: Block;
  try {
    block = decodeBlock(raw, head.rows);
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
    return lost;
  }
  const data = partsIn(intact, dataStart, raw.length)
    .map(({ start, end }) => ({ start: start - dataStart, end: end - dataStart }));
  const isWhole = intact.length === 1 && beginning === raw.length;
  return { frame, block, intact: data, isWhole };
}
