/**
 * The slices of a block's rows, as they are decoded (FORMAT.md, "Blocks"): numbers, all of which have been checked.
 * Whoever needs a row's slices as such asks for them; a block has thousands of rows, with one slice each.
 */
import { addTo, type ByteReader } from "./bytes.ts";
import { decodeStarts } from "./columns.ts";
import { ArchiveError } from "./errors.ts";
import { MAX_BLOCK_SLICES } from "./limits.ts";
import type { Slice } from "./row.ts";
import type { RowTable } from "./row_table.ts";

/** Numbers that a slice has here, and in its column: as many bytes at the least. */
const FIELDS = 3;
const CODED_FIELDS = 2;
const NONE: readonly Slice[] = [];

/** The columns with the slices of rows; without them no row has any. */
export interface SliceColumns {
  /** How many each row has. */
  readonly counts: ByteReader | undefined;
  readonly slices: ByteReader | undefined;
}

/** The slices of many rows. */
export class SliceTable {
  /** No rows' slices. */
  static readonly EMPTY = new SliceTable(new Uint32Array(1), new Float64Array(0));
  /** The number of each row's first slice; one more says how many there are. */
  readonly starts: Uint32Array<ArrayBuffer>;
  /** Of each slice its offset in the file, its length, and its offset in the block's data. */
  readonly #numbers: Float64Array<ArrayBuffer>;

  constructor(starts: Uint32Array<ArrayBuffer>, numbers: Float64Array<ArrayBuffer>) {
    this.starts = starts;
    this.#numbers = numbers;
  }

  /** Those of a row, in file order. */
  of(row: number): readonly Slice[] {
    const start = this.starts[row] as number;
    const end = this.starts[row + 1] as number;
    if (start === end) return NONE;
    const slices: Slice[] = [];
    for (let i = start; i < end; i++) {
      slices.push({ fileOffset: this.#number(i, 0), length: this.#number(i, 1), dataOffset: this.#number(i, 2) });
    }
    return slices;
  }

  /** The row whose slices have the byte at a data offset: they lie in the order of their rows. */
  holderOf(dataOffset: number): number | undefined {
    const { starts } = this;
    const found = this.#firstEndingBehind(0, starts[starts.length - 1] as number, dataOffset);
    const row = starts.findIndex((start) => start > found) - 1;
    return row < 0 ? undefined : row;
  }

  /** Whether a row has this very slice. */
  has(row: number, fileOffset: number, length: number, dataOffset: number): boolean {
    const end = this.starts[row + 1] as number;
    const found = this.#firstEndingBehind(this.starts[row] as number, end, dataOffset);
    return found < end && this.#number(found, 0) === fileOffset && this.#number(found, 1) === length &&
      this.#number(found, 2) === dataOffset;
  }

  /** Of some slices the first that ends behind a data offset: they lie one behind the other. */
  #firstEndingBehind(low: number, high: number, dataOffset: number): number {
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.#number(middle, 2) + this.#number(middle, 1) <= dataOffset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #number(slice: number, field: number): number {
    return this.#numbers[FIELDS * slice + field] as number;
  }
}

/**
 * Takes the slices of rows off their columns. All of `dataBytes` belong to one of them.
 *
 * @throws {ArchiveError} `malformed` or `limit`.
 */
export function decodeSliceTable(
  { counts, slices }: SliceColumns,
  rows: RowTable,
  dataBytes: number,
  what: string,
): SliceTable {
  const starts = decodeStarts(counts, slices, { rows: rows.count, fields: CODED_FIELDS, noun: "slices", what });
  if ((starts[rows.count] as number) > MAX_BLOCK_SLICES) {
    throw new ArchiveError("limit", `Cannot accept ${what}: over ${MAX_BLOCK_SLICES} slices`);
  }
  const numbers = new Float64Array(FIELDS * (starts[rows.count] as number));
  let dataOffset = 0;
  let i = 0;
  for (let row = 0; row < rows.count; row++) {
    let end = 0;
    for (const behind = starts[row + 1] as number; i < behind; i++) {
      const fileOffset = addTo(end, slices?.varint() ?? 0, what);
      const length = slices?.varint() ?? 0;
      if (length === 0) {
        throw new ArchiveError("malformed", `Cannot decode ${what}: an empty slice`, { path: rows.paths.text(row) });
      }
      end = addTo(fileOffset, length, what);
      numbers[FIELDS * i] = fileOffset;
      numbers[FIELDS * i + 1] = length;
      numbers[FIELDS * i + 2] = dataOffset;
      dataOffset += length;
      if (dataOffset > dataBytes) throw malformed(what, "a slice lies outside it");
    }
    rows.checkBytes(row, end, what);
  }
  if (dataOffset !== dataBytes) throw malformed(what, "bytes belong to no slice");
  return new SliceTable(starts, numbers);
}

function malformed(what: string, why: string): ArchiveError {
  return new ArchiveError("malformed", `Cannot decode ${what}: ${why}`);
}
