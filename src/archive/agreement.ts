/**
 * Checks that blocks and catalog say the same about every entry (FORMAT.md, "One truth"), in constant memory and in
 * whatever order they come. Each fact becomes an item; a keyed sum over the items of the blocks, less the items of
 * the pages, is zero when they are the same multiset. The key is the reader's own and picked after the archive was
 * made, so no collision can be planned (Clarke et al., "Incremental Multiset Hash Functions", 2003).
 */
import type { Bytes, Engine } from "../engine/engine.ts";
import type { BlockEntry } from "../format/block.ts";
import type { DecodedBlock } from "../format/decoded_block.ts";
import { MAX_BLOCK_SLICES } from "../format/limits.ts";
import type { DecodedPage, PageEntry } from "../format/page.ts";
import type { Extent, Row, Slice } from "../format/row.ts";
import { ITEM_KEY_BYTES, type Sum } from "./item_sum.ts";
import { areInOneBlock, isAll, Items } from "./items.ts";

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

/** What a page says about its entries, as {@linkcode BlockFacts}. */
export interface PageFacts {
  /** Its first entry, which may go on with the last one of the page before. */
  readonly first: PageEntry;
  /** Whether it does. */
  readonly continues: boolean;
  /** The sum over what the entries between say; `undefined` when there are none. */
  readonly sum: Sum | undefined;
  /** Its last entry, if that is another one: the next page may go on with it. */
  readonly last: PageEntry | undefined;
}

/** Finds out what blocks and pages say about their entries, under the key of an {@linkcode Agreement}. */
export class FactFinder {
  readonly #items: Items;

  constructor(engine: Engine, key: Bytes) {
    this.#items = new Items(engine, key);
  }

  /** What a block says. */
  block(frame: number, block: DecodedBlock): BlockFacts {
    const { rows } = block;
    let start = 0;
    while (start < rows.count && (start === 0 || goesOn(block, start))) start++;
    let end = rows.count;
    while (end > start && rows.isProvisional(end - 1) && (end === rows.count || goesOn(block, end))) end--;
    const entries = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => block.entry(from + i));
    const [lead, trail] = [entries(0, start), entries(end, rows.count)];
    const dataBytes = block.data.length;
    if (start === end) return { frame, dataBytes, lead, sum: undefined, trail };
    const side = new BlockSide(this.#items);
    for (let i = start; i < end; i++) {
      const slices = block.slices.of(i);
      if (rows.isProvisional(i) || !isAll(rows.sizes[i] as number, slices)) {
        side.take(block.entry(i), frame);
        continue;
      }
      // A path stands once in a block: what was begun there is another file.
      side.endRun();
      this.#items.wholeAt(rows, i, slices, frame, 1);
    }
    side.endRun();
    return { frame, dataBytes, lead, sum: this.#items.take(), trail };
  }

  /** What a page says. */
  page(page: DecodedPage): PageFacts {
    const { rows, continues } = page;
    const last = rows.count - 1;
    const side = new PageSide(this.#items);
    for (let i = 1; i < last; i++) {
      const extents = page.extents.of(i);
      if (rows.mark(i) !== undefined) continue;
      if (rows.isProvisional(i) || !isAll(rows.sizes[i] as number, ownOf(extents)) || !areInOneBlock(extents)) {
        side.take(page.entry(i), false);
        continue;
      }
      this.#items.wholeAt(rows, i, extents, extents[0]?.block.frame ?? 0, -1);
    }
    side.close();
    const sum = last > 1 ? this.#items.take() : undefined;
    return { first: page.entry(0), continues, sum, last: last > 0 ? page.entry(last) : undefined };
  }
}

/** Whether the row at an index is of the same file as the one before it, which came provisionally. */
function goesOn({ rows }: DecodedBlock, index: number): boolean {
  return rows.isProvisional(index - 1) && rows.paths.text(index - 1) === rows.paths.text(index);
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
    if (!run.counted && isAll(row.size, run.slices)) {
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

/** Takes away what the entries of pages say, one after the other. */
class PageSide {
  readonly #items: Items;
  /** The entry at hand: its extents may go on in the next page. */
  #open: { readonly row: Row; extents: Extent[]; whole: boolean } | undefined;

  constructor(items: Items) {
    this.#items = items;
  }

  take({ row, provisional, extents, mark }: PageEntry, continues: boolean): void {
    // What this segment's blocks do not have.
    if (mark !== undefined) return;
    if (continues && this.#open !== undefined) {
      this.#goOn(this.#open, ownOf(extents));
      return;
    }
    this.close();
    if (provisional) {
      if (!continues) this.#items.interrupted(row.path, -1);
      for (const extent of extents) this.#items.slice(row.path, extent, extent.block.frame, -1);
      return;
    }
    this.#open = { row, extents: [], whole: true };
    this.#goOn(this.#open, ownOf(extents));
  }

  /** Keeps an entry's extents while they may all lie in one block, and counts them one by one when they do not. */
  #goOn(open: { readonly row: Row; extents: Extent[]; whole: boolean }, extents: readonly Extent[]): void {
    // No block has more slices, so that what is kept has a limit whatever the catalog says.
    const few = open.extents.length + extents.length <= MAX_BLOCK_SLICES;
    const all = open.extents.length === 0 ? extents : [...open.extents, ...extents];
    if (open.whole && few && areInOneBlock(all)) {
      open.extents = [...all];
      return;
    }
    if (open.whole) this.#items.row(open.row, -1);
    for (const extent of all) this.#items.slice(open.row.path, extent, extent.block.frame, -1);
    open.whole = false;
    open.extents = [];
  }

  /** Says that no more of the entry at hand follows. */
  close(): void {
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined || !open.whole) return;
    const frame = open.extents[0]?.block.frame ?? 0;
    if (isAll(open.row.size, open.extents)) {
      this.#items.whole(open.row, open.extents, frame, -1);
      return;
    }
    this.#items.row(open.row, -1);
    for (const extent of open.extents) this.#items.slice(open.row.path, extent, frame, -1);
  }
}

/** The extents that are slices of their path: no block says of the others whose they are. */
function ownOf(extents: readonly Extent[]): readonly Extent[] {
  return extents.some(({ shared }) => shared) ? extents.filter(({ shared }) => !shared) : extents;
}

/** Adds up the facts of blocks and takes away those of pages. */
export class Agreement {
  /** What every item's hash begins with, the reader's own. Whoever finds out facts elsewhere needs it. */
  readonly key: Bytes;
  readonly #items: Items;
  readonly #blocks: BlockSide;
  readonly #pages: PageSide;

  /** Starts with nothing, under a fresh key. */
  constructor(engine: Engine) {
    this.key = engine.randomBytes(ITEM_KEY_BYTES);
    this.#items = new Items(engine, this.key);
    this.#blocks = new BlockSide(this.#items);
    this.#pages = new PageSide(this.#items);
  }

  /** Takes the entries of the next block. */
  addBlock(frame: number, entries: readonly BlockEntry[]): void {
    for (const entry of entries) this.#blocks.take(entry, frame);
  }

  /** Takes the facts of the next block, found out under {@linkcode key}. */
  addFacts({ frame, lead, sum, trail }: Omit<BlockFacts, "dataBytes">): void {
    this.addBlock(frame, lead);
    if (sum !== undefined) {
      this.#blocks.endRun();
      this.#items.add(sum);
    }
    this.addBlock(frame, trail);
  }

  /** Takes the facts of the next page, found out under {@linkcode key}. */
  addPageFacts({ first, continues, sum, last }: PageFacts): void {
    this.takePage([first], continues);
    if (sum !== undefined) {
      this.#pages.close();
      this.#items.add(sum);
    }
    if (last !== undefined) this.takePage([last], false);
  }

  /** Takes the entries of a page, in order; `continues` says that the first one goes on with the last one before. */
  takePage(entries: readonly PageEntry[], continues: boolean): void {
    this.#blocks.endRun();
    for (const [i, entry] of entries.entries()) this.#pages.take(entry, i === 0 && continues);
  }

  /** Ends the last page entry. Call it after the last page of a kind. */
  close(): void {
    this.#blocks.endRun();
    this.#pages.close();
  }

  /** Whether everything added was taken away, and files came in order. */
  holds(): boolean {
    return this.#blocks.rises && this.#items.isZero;
  }
}
