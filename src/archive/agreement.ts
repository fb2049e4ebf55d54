/**
 * Checks that blocks and catalog say the same about every entry (FORMAT.md, "One truth"), in constant memory and in
 * whatever order they come. Each fact becomes an item; a keyed sum over the items of the blocks, less the items of
 * the pages, is zero when they are the same multiset. The key is the reader's own and picked after the archive was
 * made, so no collision can be planned (Clarke et al., "Incremental Multiset Hash Functions", 2003).
 */
import type { Bytes, Engine } from "../engine/engine.ts";
import type { BlockEntry, PageEntry } from "../format/block.ts";
import { ByteWriter } from "../format/bytes.ts";
import { MAX_BLOCK_SLICES } from "../format/limits.ts";
import type { Extent, Row, Slice } from "../format/row.ts";
import { encodeCanonicalRow } from "../format/rows.ts";

/** What an item is about; its first byte. */
const ITEM = { row: 1, slice: 2, wholeEntry: 3, interrupted: 4 } as const;

/** Sums of keyed hashes modulo 2^256, least significant word first. */
type Sum = Uint32Array<ArrayBuffer>;
const SUM_WORDS = 8;

/** What a block says about its entries: a worker finds it out. */
export interface BlockFacts {
  /** Its frame number. */
  readonly frame: number;
  /** Bytes of its data. */
  readonly dataBytes: number;
  /** What its first and last entries say depends on the blocks beside it: the rows of its first file. */
  readonly lead: readonly BlockEntry[];
  /** The sum over what the entries between say; `undefined` when there are none. */
  readonly sum: Sum | undefined;
  /** The provisional rows of its last file. */
  readonly trail: readonly BlockEntry[];
}

/** What a block says about its entries, under the key of an {@linkcode Agreement}. */
export function blockFacts(engine: Engine, key: Bytes, frame: number, entries: readonly BlockEntry[]): BlockFacts {
  let start = 0;
  while (start < entries.length && goesOn(entries[start - 1], entries[start])) start++;
  let end = entries.length;
  while (end > start && entries[end - 1]?.provisional && goesOn(entries[end - 1], entries[end])) end--;
  const dataBytes = entries.reduce((sum, { slices }) => slices.reduce((bytes, { length }) => bytes + length, sum), 0);
  const [lead, between, trail] = [entries.slice(0, start), entries.slice(start, end), entries.slice(end)];
  if (between.length === 0) return { frame, dataBytes, lead, sum: undefined, trail };
  const items = new Items(engine, key);
  const side = new BlockSide(items);
  for (const entry of between) side.take(entry, frame);
  side.endRun();
  return { frame, dataBytes, lead, sum: items.sum, trail };
}

/** Whether the second entry is of the same file as the first; without one of them, whether it can be. */
function goesOn(entry: BlockEntry | undefined, next: BlockEntry | undefined): boolean {
  if (entry === undefined || next === undefined) return true;
  return entry.provisional && entry.row.path === next.row.path;
}

/** Counts what the entries of blocks say, one after the other. */
class BlockSide {
  readonly #items: Items;
  /**
   * The file whose provisional rows came last. Its other rows must follow at once: when another entry comes between,
   * the file was given up and must be an orphan. Otherwise a reader from front to back would lose its beginning.
   */
  #run: Run | undefined;
  /** Every file's slices rise from block to block: who reads a pipe in order cannot go back. */
  rises = true;

  constructor(items: Items) {
    this.#items = items;
  }

  take({ row, provisional, slices }: BlockEntry, frame: number): void {
    if (this.#run?.path !== row.path) this.endRun();
    const run = this.#run ?? { path: row.path, frame, slices: [], counted: false, end: 0 };
    this.#goOn(run, slices, frame);
    this.#run = provisional ? run : undefined;
    if (provisional) return;
    if (!run.counted && isWhole(row, run.slices)) {
      this.#items.whole(row, run.slices, run.frame, 1);
      return;
    }
    this.#count(run);
    this.#items.row(row, 1);
  }

  /** Says that another entry follows, or none. */
  endRun(): void {
    const run = this.#run;
    this.#run = undefined;
    if (run === undefined) return;
    this.#count(run);
    if (run.counted) this.#items.interrupted(run.path, 1);
  }

  /** Keeps a file's slices while they all lie in one block, as the catalog's side does, and counts them when not. */
  #goOn(run: Run, slices: readonly Slice[], frame: number): void {
    const [first, last] = [slices[0], slices[slices.length - 1]];
    if (first === undefined || last === undefined) return;
    if (first.fileOffset < run.end) this.rises = false;
    run.end = last.fileOffset + last.length;
    if (!run.counted && (run.slices.length === 0 || run.frame === frame)) {
      run.frame = frame;
      run.slices = run.slices.length === 0 ? slices : [...run.slices, ...slices];
      return;
    }
    this.#count(run);
    for (const slice of slices) this.#items.slice(run.path, slice, frame, 1);
  }

  #count(run: Run): void {
    for (const slice of run.slices) this.#items.slice(run.path, slice, run.frame, 1);
    run.counted ||= run.slices.length > 0;
    run.slices = [];
  }
}

/** A file whose provisional rows have come and whose full row has not. */
interface Run {
  readonly path: string;
  /** The block that its first slices lie in. */
  frame: number;
  /** Its slices while they all lie in that block and are not counted. */
  slices: readonly Slice[];
  /** Slices of it were counted one by one. */
  counted: boolean;
  /** Where its slices end. */
  end: number;
}

/** Adds up the facts of blocks and takes away those of pages. */
export class Agreement {
  /** What every item's hash begins with, the reader's own. Whoever finds out facts elsewhere needs it. */
  readonly key: Bytes;
  readonly #engine: Engine;
  readonly #items: Items;
  readonly #blocks: BlockSide;
  /** The page entry at hand: its extents may go on in the next page. */
  #open: { readonly row: Row; extents: Extent[]; whole: boolean } | undefined;

  /** Starts with nothing, under a fresh key. */
  constructor(engine: Engine) {
    this.#engine = engine;
    this.key = engine.randomBytes(32);
    this.#items = new Items(engine, this.key);
    this.#blocks = new BlockSide(this.#items);
  }

  /** Takes the entries of a block. */
  addBlock(frame: number, entries: readonly BlockEntry[]): void {
    this.addFacts(blockFacts(this.#engine, this.key, frame, entries));
  }

  /** Takes the facts of the next block, found out under {@linkcode key}. */
  addFacts({ frame, lead, sum, trail }: Omit<BlockFacts, "dataBytes">): void {
    for (const entry of lead) this.#blocks.take(entry, frame);
    if (sum !== undefined) {
      this.#blocks.endRun();
      this.#items.add(sum);
    }
    for (const entry of trail) this.#blocks.take(entry, frame);
  }

  /** Takes the entries of a page, in order; `continues` says that the first one goes on with the last one before. */
  takePage(entries: readonly PageEntry[], continues: boolean): void {
    this.#blocks.endRun();
    for (const [i, entry] of entries.entries()) {
      // What this segment's blocks do not have.
      if (entry.mark !== undefined) continue;
      if (i === 0 && continues && this.#open !== undefined) {
        this.#goOn(this.#open, ownOf(entry.extents));
        continue;
      }
      this.close();
      if (entry.provisional) {
        if (!continues) this.#items.interrupted(entry.row.path, -1);
        for (const extent of entry.extents) this.#items.slice(entry.row.path, extent, extent.block.frame, -1);
        continue;
      }
      this.#open = { row: entry.row, extents: [], whole: true };
      this.#goOn(this.#open, ownOf(entry.extents));
    }
  }

  /** Keeps an entry's extents while they may all lie in one block, and counts them one by one when they do not. */
  #goOn(open: { readonly row: Row; extents: Extent[]; whole: boolean }, extents: readonly Extent[]): void {
    const frame = (open.extents[0] ?? extents[0])?.block.frame;
    // No block has more slices, so that what is kept has a limit whatever the catalog says.
    const few = open.extents.length + extents.length <= MAX_BLOCK_SLICES;
    if (open.whole && few && extents.every((extent) => extent.block.frame === frame)) {
      open.extents = open.extents.length === 0 ? [...extents] : [...open.extents, ...extents];
      return;
    }
    if (open.whole) this.#items.row(open.row, -1);
    for (const extent of [...open.extents, ...extents]) {
      this.#items.slice(open.row.path, extent, extent.block.frame, -1);
    }
    open.whole = false;
    open.extents = [];
  }

  /** Ends the last page entry. Call it after the last page of a kind. */
  close(): void {
    this.#blocks.endRun();
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined || !open.whole) return;
    const frame = open.extents[0]?.block.frame ?? 0;
    if (isWhole(open.row, open.extents)) {
      this.#items.whole(open.row, open.extents, frame, -1);
      return;
    }
    this.#items.row(open.row, -1);
    for (const extent of open.extents) this.#items.slice(open.row.path, extent, frame, -1);
  }

  /** Whether everything added was taken away, and files came in order. */
  holds(): boolean {
    return this.#blocks.rises && this.#items.sum.every((word) => word === 0);
  }
}

/** Hashes items and sums the hashes up. */
class Items {
  readonly sum: Sum = new Uint32Array(SUM_WORDS);
  readonly #engine: Engine;
  readonly #key: Bytes;
  readonly #item = new ByteWriter(512);

  constructor(engine: Engine, key: Bytes) {
    this.#engine = engine;
    this.#key = key;
  }

  /** Adds another sum. */
  add(other: Sum): void {
    let carry = 0;
    for (let i = 0; i < SUM_WORDS; i++) {
      const total = (this.sum[i] as number) + (other[i] as number) + carry;
      carry = total >= 2 ** 32 ? 1 : 0;
      this.sum[i] = total - carry * 2 ** 32;
    }
  }

  #begin(kind: number): ByteWriter {
    const item = this.#item;
    item.reset();
    item.bytes(this.#key);
    item.u8(kind);
    return item;
  }

  row(row: Row, sign: 1 | -1): void {
    encodeCanonicalRow(row, this.#begin(ITEM.row));
    this.#count(sign);
  }

  slice(path: string, slice: Slice, frame: number, sign: 1 | -1): void {
    const item = this.#begin(ITEM.slice);
    item.string(path);
    item.varint(frame);
    putSlice(item, slice);
    this.#count(sign);
  }

  interrupted(path: string, sign: 1 | -1): void {
    this.#begin(ITEM.interrupted).string(path);
    this.#count(sign);
  }

  /** An entry that lies in one block as a whole: one item instead of several, for most files. */
  whole(row: Row, slices: readonly Slice[], frame: number, sign: 1 | -1): void {
    const item = this.#begin(ITEM.wholeEntry);
    encodeCanonicalRow(row, item);
    item.varint(slices.length);
    if (slices.length > 0) item.varint(frame);
    for (const slice of slices) putSlice(item, slice);
    this.#count(sign);
  }

  #count(sign: 1 | -1): void {
    const hash = this.#engine.sha256(this.#item.view());
    const view = new DataView(hash.buffer, hash.byteOffset, 32);
    let carry = 0;
    for (let i = 0; i < SUM_WORDS; i++) {
      const total = (this.sum[i] as number) + sign * view.getUint32(4 * i) + carry;
      carry = Math.floor(total / 2 ** 32);
      this.sum[i] = total - carry * 2 ** 32;
    }
  }
}

/** The extents that are slices of their path: no block says of the others whose they are. */
function ownOf(extents: readonly Extent[]): readonly Extent[] {
  return extents.some(({ shared }) => shared) ? extents.filter(({ shared }) => !shared) : extents;
}

function isWhole(row: Row, slices: readonly Slice[]): boolean {
  let sum = 0;
  for (const slice of slices) sum += slice.length;
  return sum === row.size;
}

function putSlice(item: ByteWriter, slice: Slice): void {
  item.varint(slice.fileOffset);
  item.varint(slice.length);
  item.varint(slice.dataOffset);
}
