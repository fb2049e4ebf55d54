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
import { type CheckedPage, PageCheck } from "./page_check.ts";
import type { PlacedBytes } from "./placed_queue.ts";

/** What opening the blocks of an archive takes. */
export interface OpenSetting {
  readonly suite: SuiteId;
  /** Opens the segment's frames; 32 bytes. */
  readonly segmentKey: Bytes;
  /** The key of the reader's `Agreement`; 16 bytes. */
  readonly agreementKey: Bytes;
  /** The segment's number. */
  readonly segment: number;
  /** Whether files may share content, as the header says. */
  readonly deduplicated: boolean;
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

/** One block or page to read and open. */
export interface PlacedFrame extends Omit<SealedBlock, "chunks"> {
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
  openAt?(block: PlacedFrame): OpenedBlock<B> | Promise<OpenedBlock<B>>;
  /**
   * Reads a catalog or orphan page, opens and checks it, where the archive can be read from anywhere and nobody asks
   * what the page holds.
   *
   * @throws as {@linkcode openAt}.
   */
  checkPageAt?(page: PlacedFrame): CheckedPage | Promise<CheckedPage>;
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

/** Reads blocks and pages and opens them, into memory that is used again for the next one. */
export class PlacedOpener {
  readonly #archive: Pick<PlacedBytes, "readInto">;
  readonly #cipher: FrameCipher;
  readonly #facts: FactFinder;
  readonly #pages: PageCheck;
  readonly #sealed = reusedMemory();
  readonly #raw = reusedMemory();

  /** Takes what the archive is read with. */
  constructor(engine: Engine, setting: OpenSetting, archive: Pick<PlacedBytes, "readInto">) {
    const { suite, segmentKey, agreementKey, segment, deduplicated } = setting;
    this.#archive = archive;
    this.#cipher = new FrameCipher(engine, suite, segmentKey);
    this.#facts = new FactFinder(engine, agreementKey);
    this.#pages = new PageCheck(this.#facts, segment, deduplicated);
  }

  /**
   * Reads a block, opens and decodes it, and finds out its facts.
   *
   * @throws {ArchiveError} `truncated` where the archive ends before the block does; as {@linkcode BlockOpener.open}.
   */
  block(placed: PlacedFrame): OpenedBlock<DecodedBlock> {
    const block = decodeBlock(this.#open(placed), placed.head.rows);
    return { block, facts: this.#facts.block(placed.frame, block) };
  }

  /**
   * Reads a page, opens and checks it.
   *
   * @throws as {@linkcode block}.
   */
  page(placed: PlacedFrame): CheckedPage {
    return this.#pages.check(placed.head, this.#open(placed)).checked;
  }

  #open({ frame, head, offset, length }: PlacedFrame): Bytes {
    const chunks = this.#archive.readInto(offset, this.#sealed(length));
    if (chunks.length < length) throw endsAt(offset + chunks.length);
    return this.#cipher.openContent(frame, head, chunks, this.#raw);
  }
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
