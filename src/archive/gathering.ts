/**
 * Decides of content that was cut what is new, and gathers that into blocks; what is stored already is referred to
 * (FORMAT.md, "Deduplication"). Knows neither files nor sinks, and does the same whoever cut the content.
 */
import type { Bytes } from "../engine/engine.ts";
import { CHUNK_ID_BYTES, MAX_CHUNK_LENGTH } from "../format/chunk_table.ts";
import { utf8Length } from "../format/path.ts";
import type { Row, Slice } from "../format/row.ts";
import { provisionalRow } from "../format/rows.ts";
import type { BlockPart, FailedPart } from "./block_builder.ts";
import type { ChunkIndex } from "./chunk_index.ts";
import type { CutParts } from "./content_cutter.ts";
import { BLOCK_ROWS, BLOCK_STRING_BYTES } from "./planner.ts";

/** A shorter chunk is stored where it is: an extent elsewhere, and a block to open for it, cost about as much. */
export const MIN_SHARED_BYTES = 512;
/** Chunks of one block: well below the limits on slices, and on chunks of a table. */
const BLOCK_CHUNKS = 32_768;

/** A range of a file whose bytes lie in a block, which is named by its number in the index. */
export interface SharedRange extends Slice {
  readonly block: number;
}

/** An entry of a gathered block, with what it shares. */
export interface GatheredEntry {
  readonly ok: true;
  row: Row;
  provisional: boolean;
  readonly slices: Slice[];
  readonly shared: SharedRange[];
}

/** A block to be sealed. */
export interface GatheredBlock {
  /** Its number in the index. */
  readonly number: number;
  readonly outcomes: readonly (GatheredEntry | FailedPart)[];
  readonly data: Bytes;
  /** Bytes of each chunk of the data, one behind the other. */
  readonly lengths: readonly number[];
  /** Their ids. */
  readonly ids: Bytes;
}

/** Gathers new content, block by block. */
export class Gathering {
  readonly #index: ChunkIndex;
  readonly #blockBytes: number;
  readonly #allocate: (length: number) => Bytes;
  #full: GatheredBlock[] = [];
  #number = 0;
  #data: Bytes | undefined;
  #filled = 0;
  #strings = 0;
  #outcomes: (GatheredEntry | FailedPart)[] = [];
  #lengths: number[] = [];
  /** The last path of which a part could not be read. */
  #failed: string | undefined;
  #ids = new Uint8Array(CHUNK_ID_BYTES * 1024);

  /** Content is looked for in an index; blocks get so many bytes, in what `allocate` gives. */
  constructor(index: ChunkIndex, blockBytes: number, allocate: (length: number) => Bytes) {
    this.#index = index;
    this.#blockBytes = blockBytes;
    this.#allocate = allocate;
  }

  /** Takes parts that were cut, in the order of their plan; gives the blocks that are full by them. */
  take(parts: readonly BlockPart[], cut: CutParts): readonly GatheredBlock[] {
    let stretch = 0;
    let at = 0;
    let id = 0;
    for (const [i, outcome] of cut.outcomes.entries()) {
      const part = parts[i] as BlockPart;
      if (!outcome.ok) {
        this.#outcomes.push(outcome);
        this.#failed = outcome.row.path;
        continue;
      }
      if (part.offset > 0 && part.row.path === this.#failed) {
        // What comes of it now is of no use, and its path must not stand in a block twice.
        for (const end = stretch + outcome.stretches; stretch < end; stretch++) {
          const length = cut.lengths[stretch] as number;
          at += Math.abs(length);
          if (length > 0) id += CHUNK_ID_BYTES;
        }
        continue;
      }
      let entry = this.#entryOf(part.row);
      let fileOffset = part.offset;
      for (const end = stretch + outcome.stretches; stretch < end; stretch++) {
        const stretchBytes = cut.lengths[stretch] as number;
        const length = Math.abs(stretchBytes);
        if (stretchBytes > 0) {
          const chunk = cut.bytes.subarray(at, at + length);
          entry = this.#chunk(entry, fileOffset, chunk, cut.ids.subarray(id, id += CHUNK_ID_BYTES));
        }
        fileOffset += length;
        at += length;
      }
      if (!part.last) continue;
      entry.row = outcome.row;
      entry.provisional = false;
    }
    return this.#takeFull();
  }

  /** Gives the last block, unless there is nothing in it. */
  end(): readonly GatheredBlock[] {
    this.#close();
    return this.#takeFull();
  }

  #takeFull(): readonly GatheredBlock[] {
    const full = this.#full;
    this.#full = [];
    return full;
  }

  /** The entry at hand, if it is the path's, or a new one. */
  #entryOf({ path, kind, link }: Row): GatheredEntry {
    const last = this.#outcomes.at(-1);
    if (last?.ok && last.provisional && last.row.path === path) return last;
    const strings = utf8Length(path) + utf8Length(link);
    if (this.#outcomes.length >= BLOCK_ROWS || this.#strings + strings > BLOCK_STRING_BYTES) this.#close();
    this.#strings += strings;
    const entry = { ok: true as const, row: provisionalRow(path, kind), provisional: true, slices: [], shared: [] };
    this.#outcomes.push(entry);
    return entry;
  }

  /** Refers to a chunk, or stores it; returns the entry that has it, which is another one when a block was full. */
  #chunk(entry: GatheredEntry, fileOffset: number, chunk: Bytes, id: Bytes): GatheredEntry {
    const { length } = chunk;
    const isShared = length >= MIN_SHARED_BYTES;
    const found = isShared ? this.#index.find(id) : undefined;
    if (found?.length === length) {
      addRange(entry.shared, { fileOffset, length, dataOffset: found.dataOffset, block: found.block });
      return entry;
    }
    let into = entry;
    const isFull = this.#filled + length > this.#blockBytes || this.#lengths.length >= BLOCK_CHUNKS;
    if (isFull && this.#filled > 0) {
      this.#close();
      into = this.#entryOf(entry.row);
    }
    const data = this.#data ??= this.#allocate(Math.max(this.#blockBytes, MAX_CHUNK_LENGTH));
    if (this.#number === 0) this.#number = this.#index.addBlock();
    const dataOffset = this.#filled;
    data.set(chunk, dataOffset);
    addSlice(into.slices, { fileOffset, length, dataOffset });
    this.#filled += length;
    this.#remember(id, length);
    if (isShared) this.#index.add(id, this.#number, dataOffset, length);
    return into;
  }

  #remember(id: Bytes, length: number): void {
    const at = this.#lengths.push(length) * CHUNK_ID_BYTES;
    if (at > this.#ids.length) {
      const grown = new Uint8Array(2 * this.#ids.length);
      grown.set(this.#ids);
      this.#ids = grown;
    }
    this.#ids.set(id, at - CHUNK_ID_BYTES);
  }

  #close(): void {
    if (this.#outcomes.length === 0) return;
    this.#full.push({
      number: this.#number === 0 ? this.#index.addBlock() : this.#number,
      outcomes: this.#outcomes,
      data: this.#data?.subarray(0, this.#filled) ?? new Uint8Array(0),
      lengths: this.#lengths,
      ids: this.#ids.slice(0, this.#lengths.length * CHUNK_ID_BYTES),
    });
    this.#number = 0;
    this.#data = undefined;
    this.#filled = 0;
    this.#strings = 0;
    this.#outcomes = [];
    this.#lengths = [];
  }
}

/** Adds a slice; what lies behind the last one, here and there, makes that longer. */
function addSlice(slices: Slice[], slice: Slice): void {
  const last = slices.at(-1);
  if (last === undefined || !goesOn(last, slice)) slices.push(slice);
  else slices[slices.length - 1] = { ...last, length: last.length + slice.length };
}

function addRange(ranges: SharedRange[], range: SharedRange): void {
  const last = ranges.at(-1);
  if (last === undefined || last.block !== range.block || !goesOn(last, range)) ranges.push(range);
  else ranges[ranges.length - 1] = { ...last, length: last.length + range.length };
}

function goesOn(before: Slice, next: Slice): boolean {
  return before.fileOffset + before.length === next.fileOffset && before.dataOffset + before.length === next.dataOffset;
}
