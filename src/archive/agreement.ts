/**
 * Checks that blocks and catalog say the same about every entry (FORMAT.md, "One truth"), in constant memory and in
 * whatever order they come. Each fact becomes an item; a keyed sum over the items of the blocks, less the items of
 * the pages, is zero when they are the same multiset. The key is the reader's own and picked after the archive was
 * made, so no collision can be planned (Clarke et al., "Incremental Multiset Hash Functions", 2003).
 */
import type { Bytes, Engine } from "../engine/engine.ts";
import type { BlockEntry, PageEntry } from "../format/block.ts";
import { ByteWriter } from "../format/bytes.ts";
import type { Extent, Row, Slice } from "../format/row.ts";
import { encodeCanonicalRow } from "../format/rows.ts";

/** What an item is about; its first byte. */
const ITEM = { row: 1, slice: 2, wholeEntry: 3, interrupted: 4 } as const;

/** Sums of keyed hashes modulo 2^256, least significant word first. */
type Sum = Uint32Array<ArrayBuffer>;
const SUM_WORDS = 8;

/** What a block says about its entries, apart from what blocks beside it may add: a worker finds it out. */
export interface BlockFacts {
  /** The sum over its items. */
  readonly sum: Sum;
  /** Path of its first entry; `undefined` when it has none. */
  readonly first: string | undefined;
  /** Whether its first rows are provisional, and what ends them: another entry, their own final row, or the block. */
  readonly lead: { readonly hasSlices: boolean; readonly end: "another" | "final" | "block" } | undefined;
  /** The file whose provisional rows its last ones are. */
  readonly run: { readonly path: string; readonly hasSlices: boolean } | undefined;
}

/** What a block says about its entries, under the key of an {@linkcode Agreement}. */
export function blockFacts(engine: Engine, key: Bytes, frame: number, entries: readonly BlockEntry[]): BlockFacts {
  const items = new Items(engine, key);
  let lead: BlockFacts["lead"];
  let run: { path: string; hasSlices: boolean; leads: boolean } | undefined;
  const endRun = (end: "another" | "final"): void => {
    if (run === undefined) return;
    if (run.leads) lead = { hasSlices: run.hasSlices, end };
    if (end === "another" && run.hasSlices) items.interrupted(run.path, 1);
    run = undefined;
  };
  for (const [i, { row, provisional, slices }] of entries.entries()) {
    if (run?.path !== row.path) endRun("another");
    if (provisional) {
      run ??= { path: row.path, hasSlices: false, leads: i === 0 };
      run.hasSlices ||= slices.length > 0;
    } else {
      endRun("final");
    }
    if (!provisional && isWhole(row, slices)) {
      items.whole(row, slices, frame, 1);
      continue;
    }
    if (!provisional) items.row(row, 1);
    for (const slice of slices) items.slice(row.path, slice, frame, 1);
  }
  if (run?.leads) lead = { hasSlices: run.hasSlices, end: "block" };
  return {
    sum: items.sum,
    first: entries[0]?.row.path,
    lead,
    run: run === undefined ? undefined : { path: run.path, hasSlices: run.hasSlices },
  };
}

/** Adds up the facts of blocks and takes away those of pages. */
export class Agreement {
  /** What every item's hash begins with, the reader's own. Whoever finds out facts elsewhere needs it. */
  readonly key: Bytes;
  readonly #engine: Engine;
  readonly #items: Items;
  /** The page entry at hand: its extents may go on in the next page. */
  #open: { readonly row: Row; extents: Extent[]; whole: boolean } | undefined;

  /**
   * The file whose provisional rows came last. Its other rows must follow at once: when another entry comes between,
   * the file was given up and must be an orphan. Otherwise a reader from front to back would lose its beginning.
   */
  #run: { readonly path: string; readonly hasSlices: boolean } | undefined;

  /** Starts with nothing, under a fresh key. */
  constructor(engine: Engine) {
    this.#engine = engine;
    this.key = engine.randomBytes(32);
    this.#items = new Items(engine, this.key);
  }

  /** Takes the entries of a block. */
  addBlock(frame: number, entries: readonly BlockEntry[]): void {
    this.addFacts(blockFacts(this.#engine, this.key, frame, entries));
  }

  /** Takes the facts of the next block, found out under {@linkcode key}. */
  addFacts({ sum, first, lead, run }: BlockFacts): void {
    if (first === undefined) return;
    const before = this.#run;
    this.#items.add(sum);
    this.#run = run;
    if (before === undefined) return;
    if (before.path !== first) {
      if (before.hasSlices) this.#items.interrupted(before.path, 1);
    } else if (lead?.end === "another") {
      // The block has counted it if it saw slices of it.
      if (before.hasSlices && !lead.hasSlices) this.#items.interrupted(first, 1);
    } else if (lead?.end === "block") {
      this.#run = { path: first, hasSlices: before.hasSlices || lead.hasSlices };
    }
  }

  #endRun(): void {
    if (this.#run?.hasSlices) this.#items.interrupted(this.#run.path, 1);
    this.#run = undefined;
  }

  /** Takes the entries of a page, in order; `continues` says that the first one goes on with the last one before. */
  takePage(entries: readonly PageEntry[], continues: boolean): void {
    this.#endRun();
    for (const [i, entry] of entries.entries()) {
      if (i === 0 && continues && this.#open !== undefined) {
        this.#goOn(this.#open, entry.extents);
        continue;
      }
      this.close();
      if (entry.provisional) {
        if (!continues) this.#items.interrupted(entry.row.path, -1);
        for (const extent of entry.extents) this.#items.slice(entry.row.path, extent, extent.block.frame, -1);
        continue;
      }
      this.#open = { row: entry.row, extents: [], whole: true };
      this.#goOn(this.#open, entry.extents);
    }
  }

  /** Keeps an entry's extents while they may all lie in one block, and counts them one by one when they do not. */
  #goOn(open: { readonly row: Row; extents: Extent[]; whole: boolean }, extents: readonly Extent[]): void {
    const frame = (open.extents[0] ?? extents[0])?.block.frame;
    if (open.whole && extents.every((extent) => extent.block.frame === frame)) {
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
    this.#endRun();
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

  /** Whether everything added was taken away. */
  holds(): boolean {
    return this.#items.sum.every((word) => word === 0);
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
