/**
 * Where the bytes of a page's rows lie, as they are decoded (FORMAT.md, "Pages"): numbers, all of which have been
 * checked. Whoever needs a row's extents as such asks for them; who compares a tree with a catalog needs those of
 * hardly any row.
 */
import type { Bytes } from "../engine/engine.ts";
import { addTo, type ByteReader, signed } from "./bytes.ts";
import { decodeStarts } from "./columns.ts";
import { ArchiveError } from "./errors.ts";
import { MAX_FRAME_BYTES } from "./limits.ts";
import type { BlockPlace, Extent } from "./row.ts";
import type { RowTable } from "./row_table.ts";

/** Numbers that an extent has in its column: as many bytes at the least. */
const FIELDS = 4;
const NONE: readonly Extent[] = [];

/** Columns with the extents of rows; one that is missing has the default for all of them. */
export interface ExtentColumns {
  /** How many each row has. */
  readonly counts: ByteReader | undefined;
  readonly extents: ByteReader | undefined;
  /** Whether each is shared. */
  readonly shared: ByteReader | undefined;
}

/** The extents of many rows. */
export class ExtentTable {
  /** The number of each row's first extent; one more says how many there are. */
  readonly starts: Uint32Array<ArrayBuffer>;
  /** Of each extent its offset in the file, its length, its block's number, and its offset in the block's data. */
  readonly #numbers: Float64Array<ArrayBuffer>;
  readonly #blocks: readonly BlockPlace[];
  readonly #shared: Bytes | undefined;

  constructor(
    starts: Uint32Array<ArrayBuffer>,
    numbers: Float64Array<ArrayBuffer>,
    blocks: readonly BlockPlace[],
    shared: Bytes | undefined,
  ) {
    this.starts = starts;
    this.#numbers = numbers;
    this.#blocks = blocks;
    this.#shared = shared;
  }

  /** Those of a row, in file order. */
  of(row: number): readonly Extent[] {
    const start = this.starts[row] as number;
    const end = this.starts[row + 1] as number;
    if (start === end) return NONE;
    const extents: Extent[] = [];
    for (let i = start; i < end; i++) extents.push(this.#at(i));
    return extents;
  }

  /** Where in its file an extent begins. */
  fileOffset(extent: number): number {
    return this.#numbers[FIELDS * extent] as number;
  }

  /** Bytes of an extent. */
  length(extent: number): number {
    return this.#numbers[FIELDS * extent + 1] as number;
  }

  /** Where in its block's data an extent begins. */
  dataOffset(extent: number): number {
    return this.#numbers[FIELDS * extent + 3] as number;
  }

  /** The block that an extent lies in; the same object for all in it. */
  block(extent: number): BlockPlace {
    return this.#blocks[this.#numbers[FIELDS * extent + 2] as number] as BlockPlace;
  }

  /** Where in its block's data an extent ends. */
  dataEnd(extent: number): number {
    return this.dataOffset(extent) + this.length(extent);
  }

  /** Whether the content may be that of another file, too. */
  isShared(extent: number): boolean {
    return this.#shared?.[extent] === 1;
  }

  #at(extent: number): Extent {
    const found = {
      fileOffset: this.fileOffset(extent),
      length: this.length(extent),
      dataOffset: this.dataOffset(extent),
      block: this.block(extent),
    };
    return this.isShared(extent) ? { ...found, shared: true } : found;
  }
}

/**
 * Where the next extent is expected: behind the last one, so that a run of small files costs two bytes of zeros each.
 */
export class ExtentCursor {
  block = 0;
  #end = 0;

  expectedIn(block: number): number {
    return block === this.block ? this.#end : 0;
  }

  move(block: number, end: number): void {
    this.block = block;
    this.#end = end;
  }
}

/**
 * Takes the extents of rows off their columns, in these blocks. Those of a row without a mark lie in the page's own
 * segment unless they are shared, those of one with a mark in another.
 *
 * @throws {ArchiveError} `malformed`.
 */
export function decodeExtentTable(
  { counts, extents, shared }: ExtentColumns,
  rows: RowTable,
  blocks: readonly BlockPlace[],
  segment: number,
  what: string,
): ExtentTable {
  const starts = decodeStarts(counts, extents, { rows: rows.count, fields: FIELDS, noun: "extents", what });
  const total = starts[rows.count] as number;
  const numbers = new Float64Array(FIELDS * total);
  extents?.varints(numbers);
  // A copy: the memory of what is decoded may be used again before these extents are done with.
  const sharing = shared?.bytes(total).slice();
  if (sharing?.some((bit) => bit > 1)) {
    throw new ArchiveError("malformed", `Cannot decode ${shared?.what}: unknown mark`);
  }
  const isOwn = blocks.map((block) => (block.segment ?? 0) === segment);
  const at = new ExtentCursor();
  let i = 0;
  for (let row = 0; row < rows.count; row++) {
    const behind = starts[row + 1] as number;
    if (i === behind) continue;
    let end = 0;
    let isElsewhere = false;
    const isMarked = rows.mark(row) !== undefined;
    for (; i < behind; i++) {
      end = settle(numbers, FIELDS * i, end, at, blocks.length, what);
      isElsewhere ||= isOwn[at.block] === isMarked && (isMarked || sharing?.[i] !== 1);
    }
    rows.checkBytes(row, end, what);
    if (!isElsewhere) continue;
    throw new ArchiveError("malformed", `Cannot accept a row of ${what}: its bytes lie in another segment`, {
      path: rows.paths.text(row),
    });
  }
  return new ExtentTable(starts, numbers, blocks, sharing);
}

/**
 * Makes of an extent's numbers, which are told beside those before them, what they stand for. `end` is where the one
 * before ends in the file.
 *
 * @returns where it ends in the file.
 */
function settle(
  numbers: Float64Array,
  index: number,
  end: number,
  at: ExtentCursor,
  blocks: number,
  what: string,
): number {
  const fileOffset = addTo(end, numbers[index] as number, what);
  const length = numbers[index + 1] as number;
  const block = at.block + signed(numbers[index + 2] as number);
  const dataOffset = at.expectedIn(block) + signed(numbers[index + 3] as number);
  if (length === 0 || block < 0 || block >= blocks || dataOffset < 0 || dataOffset + length > MAX_FRAME_BYTES) {
    throw new ArchiveError("malformed", `Cannot decode ${what}: an extent is out of range`);
  }
  at.move(block, dataOffset + length);
  numbers[index] = fileOffset;
  numbers[index + 2] = block;
  numbers[index + 3] = dataOffset;
  return addTo(fileOffset, length, what);
}
