/**
 * Which chunks are stored, and where: ids to places, in typed arrays and beyond that on the disk, because a map of
 * objects would take ten times the memory (FORMAT.md, "Deduplication").
 */
import type { Bytes, Engine } from "../engine/engine.ts";
import { CHUNK_ID_BYTES } from "../format/chunk_table.ts";
import type { BlockPlace } from "../format/row.ts";
import { ChunkRuns } from "./chunk_runs.ts";
import type { SealedSpill } from "./sealed_spill.ts";

/** Chunks that an index remembers unless it is told otherwise: some 13 GB of content, in 110 MB; 165 while it grows. */
const MAX_INDEXED_CHUNKS = 3_300_000;

/** Where the bytes of a chunk lie. */
export interface ChunkPlace {
  /** The number of its block. */
  readonly block: number;
  /** Byte offset in the block's data. */
  readonly dataOffset: number;
  /** Bytes; at least 1. */
  readonly length: number;
}

/**
 * The id of a chunk's bytes: equal bytes have equal ids in one archive, and it takes the archive's key to know them.
 */
export function chunkId(engine: Engine, key: Bytes, chunk: Bytes): Bytes {
  return engine.hmacSha256(key, chunk).subarray(0, CHUNK_ID_BYTES);
}

const FIRST_SLOTS = 2 ** 10;
/** Beyond this share of its slots an index grows: longer searches, for less memory. */
const MAX_LOAD = 0.8;
/** Words of an id. */
const WORDS = CHUNK_ID_BYTES / 4;

/**
 * Chunks by id, in bounded memory. What it has no room for goes to a temporary file; where there is none, such a chunk
 * is stored again when it comes again.
 */
export class ChunkIndex {
  readonly #most: number;
  readonly #blocks: (BlockPlace | undefined)[] = [];
  #slots = FIRST_SLOTS;
  #ids = new Uint32Array(FIRST_SLOTS * WORDS);
  /** Number of the block, counted from 1; 0 is a slot that is free. */
  #block = new Uint32Array(FIRST_SLOTS);
  #offset = new Uint32Array(FIRST_SLOTS);
  #length = new Uint16Array(FIRST_SLOTS);
  #size = 0;
  readonly #words = new Uint32Array(WORDS);

  readonly #spill: (() => SealedSpill) | undefined;
  #runs: ChunkRuns | undefined;

  /** Makes one that has at most so many chunks in memory, and others where `spill` puts them, or nowhere. */
  constructor(most?: number, spill?: () => SealedSpill) {
    this.#most = most ?? MAX_INDEXED_CHUNKS;
    this.#spill = spill;
  }

  /** How many chunks it has in memory. */
  get size(): number {
    return this.#size;
  }

  /** Whether it has no room for another. */
  get isFull(): boolean {
    return this.#size >= this.#most && this.#spill === undefined;
  }

  /** Bytes of memory it takes, but for the places of blocks. */
  get memoryBytes(): number {
    return this.#slots * (CHUNK_ID_BYTES + 4 + 4 + 2);
  }

  /** Gives a block a number, from 1, so that chunks can be said to lie in it. Where it is may be said later. */
  addBlock(place?: BlockPlace): number {
    return this.#blocks.push(place);
  }

  /** Says where a block is that has a number. */
  setPlace(block: number, place: BlockPlace): void {
    this.#blocks[block - 1] = place;
  }

  /** Where a block is; `undefined` when that has not been said. */
  placeOf(block: number): BlockPlace | undefined {
    return this.#blocks[block - 1];
  }

  /** Makes room for as many more chunks as may come now, so that it grows once and not many times. */
  expect(more: number): void {
    let slots = this.#slots;
    while (Math.min(this.#size + more, this.#most) > slots * MAX_LOAD) slots *= 2;
    if (slots > this.#slots) this.#grow(slots);
  }

  /** Where the chunk of that id is. */
  find(id: Bytes): ChunkPlace | undefined {
    const slot = this.#slotOf(id);
    const number = this.#block[slot] as number;
    if (number === 0) return this.#findSpilled();
    return {
      block: number,
      dataOffset: this.#offset[slot] as number,
      length: this.#length[slot] as number,
    };
  }

  /**
   * Remembers where a chunk is; of several places the first is kept. `block` is a number that
   * {@linkcode addBlock} gave. The id begins at `at` of its bytes.
   *
   * @returns Whether the chunk is remembered now.
   */
  add(id: Bytes, block: number, dataOffset: number, length: number, at = 0): boolean {
    if (block < 1 || block > this.#blocks.length || length < 1 || length > 0xffff) {
      throw new RangeError(`Cannot remember a chunk: ${length} bytes in block ${block} are out of range`);
    }
    let slot = this.#slotOf(id, at);
    if (this.#block[slot] !== 0) return true;
    if (this.#size >= this.#most) {
      if (this.#spill === undefined) return false;
      this.#putAway(this.#spill);
      slot = this.#slotOf(id, at);
    }
    if (this.#size + 1 > this.#slots * MAX_LOAD) {
      this.#grow(2 * this.#slots);
      slot = this.#slotOf(id, at);
    }
    this.#ids.set(this.#words, slot * WORDS);
    this.#block[slot] = block;
    this.#offset[slot] = dataOffset;
    this.#length[slot] = length;
    this.#size++;
    return true;
  }

  /** The chunk of the id at hand, if it was put away. */
  #findSpilled(): ChunkPlace | undefined {
    if (this.#runs === undefined) return undefined;
    const [first, second, third, fourth] = this.#words as unknown as [number, number, number, number];
    const found = this.#runs.find(first, second, third, fourth);
    return found && { block: found[4], dataOffset: found[5], length: found[6] };
  }

  /** Puts all chunks away, and keeps the memory for others. */
  #putAway(spill: () => SealedSpill): void {
    const slots = new Uint32Array(this.#size);
    let count = 0;
    for (let slot = 0; slot < this.#slots; slot++) if (this.#block[slot] !== 0) slots[count++] = slot;
    this.#runs ??= new ChunkRuns(spill());
    this.#runs.add(count, (i) => {
      const slot = slots[i] as number;
      const at = slot * WORDS;
      const ids = this.#ids;
      return [
        ids[at] as number,
        ids[at + 1] as number,
        ids[at + 2] as number,
        ids[at + 3] as number,
        this.#block[slot] as number,
        this.#offset[slot] as number,
        this.#length[slot] as number,
      ];
    });
    this.#block.fill(0);
    this.#size = 0;
  }

  /** The slot that holds the id, or the free one where it belongs; its words are then at hand. */
  #slotOf(id: Bytes, start = 0): number {
    const words = this.#words;
    for (let i = 0; i < WORDS; i++) {
      const at = start + 4 * i;
      words[i] = ((id[at] as number) << 24) | ((id[at + 1] as number) << 16) | ((id[at + 2] as number) << 8) |
        (id[at + 3] as number);
    }
    return this.#search();
  }

  #search(): number {
    const ids = this.#ids;
    const [first, second, third, fourth] = this.#words as unknown as [number, number, number, number];
    // Ids are as good as random: their own bits spread them.
    let slot = first & (this.#slots - 1);
    for (;;) {
      const at = slot * WORDS;
      const isHere = this.#block[slot] === 0 ||
        (ids[at] === first && ids[at + 1] === second && ids[at + 2] === third && ids[at + 3] === fourth);
      if (isHere) return slot;
      slot = slot + 1 === this.#slots ? 0 : slot + 1;
    }
  }

  #grow(slots: number): void {
    const before = { ids: this.#ids, block: this.#block, offset: this.#offset, length: this.#length };
    this.#slots = slots;
    this.#ids = new Uint32Array(this.#slots * WORDS);
    this.#block = new Uint32Array(this.#slots);
    this.#offset = new Uint32Array(this.#slots);
    this.#length = new Uint16Array(this.#slots);
    for (let old = 0; old < before.block.length; old++) {
      if (before.block[old] === 0) continue;
      this.#words.set(before.ids.subarray(old * WORDS, old * WORDS + WORDS));
      const slot = this.#search();
      this.#ids.set(this.#words, slot * WORDS);
      this.#block[slot] = before.block[old] as number;
      this.#offset[slot] = before.offset[old] as number;
      this.#length[slot] = before.length[old] as number;
    }
  }
}
