/**
 * Opens the blocks of a stream: sealed chunks go in, checked content and what it says about entries comes out. Like
 * building one, opening a block is one uninterrupted call that does not know who calls it.
 */
import type { Bytes, Engine, SuiteId } from "../engine/engine.ts";
import type { Block } from "../format/block.ts";
import { decodeBlock, type DecodedBlock } from "../format/decoded_block.ts";
import { ArchiveError } from "../format/errors.ts";
import type { FrameHead } from "../format/frame.ts";
import { type BlockFacts, FactFinder } from "./agreement.ts";
import { FrameCipher } from "./frame_cipher.ts";
import type { PlacedBytes } from "./placed_queue.ts";

/** What opening the blocks of an archive takes. */
export interface OpenSetting {
  readonly suite: SuiteId;
  /** Opens the segment's frames; 32 bytes. */
  readonly segmentKey: Bytes;
  /** The key of the reader's `Agreement`; 16 bytes. */
  readonly agreementKey: Bytes;
}

/** One block to open. */
export interface SealedBlock {
  /** Its frame number. */
  readonly frame: number;
  /** Its frame's head, which has been opened. */
  readonly head: FrameHead;
  /** Its chunks; good until `open` returns, even if that is a promise. */
  readonly chunks: Bytes;
}

/** One block to read and open. */
export interface PlacedBlock extends Omit<SealedBlock, "chunks"> {
  /** Where its chunks begin in the archive. */
  readonly offset: number;
  /** Bytes of the chunks. */
  readonly length: number;
}

/** An opened block. */
export interface OpenedBlock<B> {
  /** What comes out of it. */
  readonly block: B;
  /** What it says about its entries. */
  readonly facts: BlockFacts;
}

/** Opens blocks, perhaps several at a time and elsewhere. */
export interface BlockOpener<B> {
  /** How many blocks may be under way at a time; at least 1. */
  readonly width: number;
  /**
   * Opens a block.
   *
   * @throws {ArchiveError} `damaged`, `malformed`, `unsafe` or `limit`; a promise rejects with the same.
   */
  open(block: SealedBlock): OpenedBlock<B> | Promise<OpenedBlock<B>>;
  /**
   * Reads and opens a block, where the archive can be read from anywhere.
   *
   * @throws as {@linkcode open}, and `truncated`. I/O errors pass through.
   */
  openAt?(block: PlacedBlock): OpenedBlock<B> | Promise<OpenedBlock<B>>;
}

/**
 * What opens a block, decodes it and finds out its facts. Its raw bytes are put into what `allocate` gives, and into
 * memory that is used again for the next block unless that is given.
 */
export function blockOpening(
  engine: Engine,
  { suite, segmentKey, agreementKey }: OpenSetting,
  allocate: (length: number) => Bytes = reusedMemory(),
): (block: SealedBlock) => OpenedBlock<DecodedBlock> {
  const cipher = new FrameCipher(engine, suite, segmentKey);
  const facts = new FactFinder(engine, agreementKey);
  return ({ frame, head, chunks }) => {
    const block = decodeBlock(cipher.openContent(frame, head, chunks, allocate), head.rows);
    return { block, facts: facts.block(frame, block) };
  };
}

/** Opens each block where it is asked for. */
export function inlineOpener(engine: Engine, setting: OpenSetting): BlockOpener<Block> {
  return { width: 1, open: blockOpening(engine, setting) };
}

/**
 * What reads a block and opens it, into memory that is used again for the next block.
 *
 * @throws {ArchiveError} `truncated` where the archive ends before the block does; as {@linkcode BlockOpener.open}.
 */
export function placedOpening(
  engine: Engine,
  setting: OpenSetting,
  archive: Pick<PlacedBytes, "readInto">,
): (block: PlacedBlock) => OpenedBlock<DecodedBlock> {
  const open = blockOpening(engine, setting);
  const allocate = reusedMemory();
  return ({ frame, head, offset, length }) => {
    const chunks = archive.readInto(offset, allocate(length));
    if (chunks.length < length) throw endsAt(offset + chunks.length);
    return open({ frame, head, chunks });
  };
}

/** That an archive ends before it should. */
export function endsAt(offset: number): ArchiveError {
  return cutOff(`it ends at byte ${offset}`);
}

/** That an archive is not all there. */
export function cutOff(why: string): ArchiveError {
  return new ArchiveError("truncated", `Cannot read the archive: it is cut off; ${why}`);
}

function reusedMemory(): (length: number) => Bytes {
  let memory = new Uint8Array(0);
  return (length) => {
    if (memory.length < length) memory = new Uint8Array(length);
    return memory.subarray(0, length);
  };
}
