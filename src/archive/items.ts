/**
 * The facts that blocks and pages must agree about, as items of a multiset hash (FORMAT.md, "One truth"). An item's
 * bytes are this reader's own affair and never leave it, so they are what is quickly made: lengths and numbers of fixed
 * size first, then strings. Different facts have different bytes, and that is all that is asked of them.
 */
import type { Bytes, Engine } from "../engine/engine.ts";
import { encodeUtf8 } from "../format/bytes.ts";
import { ENTRY_KINDS, type Extent, type Owner, type Row, type Slice } from "../format/row.ts";
import type { RowTable } from "../format/row_table.ts";
import { ITEM_OFFSET, ItemSum, type Sum } from "./item_sum.ts";

/** What an item is about; its first byte. */
const ITEM = { row: 1, slice: 2, wholeEntry: 3, interrupted: 4 } as const;

const WORDS = ITEM_OFFSET / 4;
const NUMBERS = ITEM_OFFSET / 8 + 4;
/** Where slices or strings begin: four pairs of words and five numbers. */
const FIXED_BYTES = 72;
const SLICE_BYTES = 24;
const NO_OWNER = 2 ** 32 - 1;
/** More than the strings of one row have: path, link, owner in JSON, hash, and fill. */
const MOST_STRING_BYTES = 16_384;
const NO_SLICES: readonly Slice[] = [];

/** Counts items. */
export class Items {
  readonly #sum: ItemSum;
  /** The owners of the table at hand, encoded. */
  #owners: (Bytes | undefined)[] = [];
  #ownersOf: RowTable | undefined;

  constructor(engine: Engine, key: Bytes) {
    this.#sum = new ItemSum(engine, key);
  }

  /** Adds another sum. */
  add(other: Sum): void {
    this.#sum.add(other);
  }

  /** The sum, and starts again with nothing. */
  take(): Sum {
    return this.#sum.take();
  }

  /** Whether everything that was added was taken away. */
  get isZero(): boolean {
    return this.#sum.isZero;
  }

  /** A full row. */
  row(row: Row, sign: 1 | -1): void {
    this.#entry(ITEM.row, row, NO_SLICES, 0, sign);
  }

  /** An entry that lies in one block as a whole: one item instead of several, for most files. */
  whole(row: Row, slices: readonly Slice[], frame: number, sign: 1 | -1): void {
    this.#entry(ITEM.wholeEntry, row, slices, frame, sign);
  }

  /** A slice of a file in a block. */
  slice(path: string, slice: Slice, frame: number, sign: 1 | -1): void {
    const text = encodeUtf8(path);
    this.#begin(ITEM.slice, [slice], text.length);
    this.#slices([slice], frame);
    this.#end(this.#text(this.#stringsAt(1), text, 0, text.length), sign);
  }

  /** A file that was given up, some of whose slices are in blocks. */
  interrupted(path: string, sign: 1 | -1): void {
    const text = encodeUtf8(path);
    this.#begin(ITEM.interrupted, NO_SLICES, text.length);
    this.#end(this.#text(this.#stringsAt(0), text, 0, text.length), sign);
  }

  #entry(item: number, row: Row, slices: readonly Slice[], frame: number, sign: 1 | -1): void {
    const { mtime } = row;
    const path = encodeUtf8(row.path);
    this.#begin(item, slices, path.length);
    this.#fields(ENTRY_KINDS.indexOf(row.kind) + 1, row.changed, row.mode, row.size, mtime.seconds, mtime.nanoseconds);
    this.#origin(row.ctime, row.dev, row.inode);
    this.#slices(slices, frame);
    const at = this.#text(this.#stringsAt(slices.length), path, 0, path.length);
    const owner = row.owner === undefined ? undefined : encodeOwner(row.owner);
    this.#end(this.#strings(at, owner, row.link, row.contentHash), sign);
  }

  /** As {@linkcode whole}, of a row of a table. */
  wholeAt(rows: RowTable, index: number, slices: readonly Slice[], frame: number, sign: 1 | -1): void {
    const { bytes, starts } = rows.paths;
    const start = starts[index] as number;
    const end = starts[index + 1] as number;
    this.#begin(ITEM.wholeEntry, slices, end - start);
    this.#fields(
      rows.kinds[index] as number,
      rows.isChanged(index),
      rows.modes[index] as number,
      rows.sizes[index] as number,
      rows.seconds[index] as number,
      rows.nanoseconds[index] as number,
    );
    this.#origin(rows.ctimes[index] as number, rows.devs[index] as number, rows.inodes[index] as number);
    this.#slices(slices, frame);
    const at = this.#text(this.#stringsAt(slices.length), bytes, start, end);
    const link = rows.links === undefined ? "" : rows.links[index] as string;
    this.#end(this.#strings(at, this.#ownerAt(rows, index), link, rows.hashes?.[index]), sign);
  }

  #begin(item: number, slices: readonly Slice[], pathBytes: number): void {
    const sum = this.#sum;
    sum.reserve(FIXED_BYTES + SLICE_BYTES * slices.length + MOST_STRING_BYTES);
    sum.numbers.fill(0, ITEM_OFFSET / 8, (ITEM_OFFSET + FIXED_BYTES) / 8);
    sum.bytes[ITEM_OFFSET] = item;
    sum.words[WORDS + 3] = pathBytes;
  }

  #fields(
    kind: number,
    isChanged: boolean,
    mode: number,
    size: number,
    seconds: number,
    nanoseconds: number,
  ): void {
    const { bytes, words, numbers } = this.#sum;
    bytes[ITEM_OFFSET + 1] = kind;
    bytes[ITEM_OFFSET + 2] = isChanged ? 1 : 0;
    words[WORDS + 1] = mode;
    words[WORDS + 2] = nanoseconds;
    numbers[NUMBERS] = size;
    numbers[NUMBERS + 1] = seconds;
  }

  #origin(ctime: number, dev: number, inode: number): void {
    const { numbers } = this.#sum;
    numbers[NUMBERS + 2] = ctime;
    numbers[NUMBERS + 3] = dev;
    numbers[NUMBERS + 4] = inode;
  }

  #slices(slices: readonly Slice[], frame: number): void {
    if (slices.length === 0) return;
    const { words, numbers } = this.#sum;
    words[WORDS + 6] = slices.length;
    words[WORDS + 7] = frame;
    let at = (ITEM_OFFSET + FIXED_BYTES) / 8;
    for (const { fileOffset, length, dataOffset } of slices) {
      numbers[at++] = fileOffset;
      numbers[at++] = length;
      numbers[at++] = dataOffset;
    }
  }

  #stringsAt(slices: number): number {
    return ITEM_OFFSET + FIXED_BYTES + SLICE_BYTES * slices;
  }

  /** Puts what follows the path, and returns where it ends. */
  #strings(at: number, owner: Bytes | undefined, link: string, hash: Bytes | undefined): number {
    const { bytes, words } = this.#sum;
    words[WORDS + 4] = NO_OWNER;
    if (owner !== undefined) {
      words[WORDS + 4] = owner.length;
      at = this.#text(at, owner, 0, owner.length);
    }
    if (link !== "") {
      const text = encodeUtf8(link);
      words[WORDS + 5] = text.length;
      at = this.#text(at, text, 0, text.length);
    }
    if (hash === undefined) return at;
    bytes[ITEM_OFFSET + 3] = 1;
    return this.#text(at, hash, 0, hash.length);
  }

  /** Puts bytes there and returns where they end. */
  #text(at: number, text: Bytes, start: number, end: number): number {
    const { bytes } = this.#sum;
    // Most are short: a loop costs less than a call.
    for (let i = start; i < end; i++) bytes[at++] = text[i] as number;
    return at;
  }

  #end(at: number, sign: 1 | -1): void {
    const { bytes } = this.#sum;
    while (at % 8 !== 0) bytes[at++] = 0;
    this.#sum.count(at, sign);
  }

  #ownerAt(rows: RowTable, index: number): Bytes | undefined {
    if (rows.owners === undefined) return undefined;
    if (this.#ownersOf !== rows) {
      this.#ownersOf = rows;
      this.#owners = rows.ownerTable.map((owner) => owner === undefined ? undefined : encodeOwner(owner));
    }
    return this.#owners[rows.owners[index] as number];
  }
}

function encodeOwner({ uid, gid, user, group }: Owner): Bytes {
  return encodeUtf8(JSON.stringify([uid, gid, user, group]));
}

/** Whether slices are all of a file that has so many bytes. */
export function isAll(size: number, slices: readonly Slice[]): boolean {
  let sum = 0;
  for (const { length } of slices) sum += length;
  return sum === size;
}

/** Whether all extents are in one block. */
export function areInOneBlock(extents: readonly Extent[]): boolean {
  const frame = extents[0]?.block.frame;
  return extents.every(({ block }) => block.frame === frame);
}
