/**
 * Collects finished rows and gives them back as catalog pages in path order. Rows arrive in any order; they are encoded
 * and compressed in batches at once, so that what waits in memory is tens of bytes a row and not an object each.
 */
import type { Bytes, Engine } from "../engine/engine.ts";
import { CODEC, type FRAME_TYPE, type FrameHead } from "../format/frame.ts";
import { MAX_PAGE_BYTES, MAX_PAGE_ROWS } from "../format/limits.ts";
import { decodePage, encodePage, encodeWholePage, type PageEntry } from "../format/page.ts";
import { comparePaths, isAtOrBelow, utf8Length } from "../format/path.ts";
import type { BlockPlace, Extent, Row } from "../format/row.ts";
import { type Level, prepareFrame } from "./compress.ts";
import type { FrameContent } from "./frame_cipher.ts";
import { PageStore, type WaitingPage } from "./page_store.ts";

/** A page that waits to be sealed. */
export interface ReadyPage extends FrameContent {
  /** Path of its first row. */
  readonly firstPath: string;
}

/** Which kind of page a builder makes. */
export type PageType = typeof FRAME_TYPE.page | typeof FRAME_TYPE.orphanPage;

/** Estimates are upper bounds; this leaves room for what columns themselves take. */
const PAGE_BYTES = MAX_PAGE_BYTES - 1024;
/** Most bytes that one extent takes in a page, its share of the block table included. */
const EXTENT_BYTES = 41;
/** Most bytes that one row takes in a page besides its strings: numbers, lengths, a content hash. */
const ROW_BYTES = 128;

/** Runs merged at a time: each holds one decoded page meanwhile. */
const MERGE_WIDTH = 16;

/** A batch of rows in path order, encoded; and between which paths it lies. */
interface Batch {
  readonly head: FrameHead;
  readonly page: WaitingPage;
  readonly firstPath: string;
  readonly lastPath: string;
  readonly continues: boolean;
}

/** Collects rows of one kind of page. */
export class CatalogBuilder {
  readonly #engine: Engine;
  readonly #level: Level;
  readonly #type: PageType;
  readonly #segment: number;
  readonly #store: PageStore;
  readonly #batches: Batch[] = [];
  #pending: PageEntry[] = [];
  #pendingBytes = 0;
  #sorted = true;
  #last: Row | undefined;
  /** The last row of a path that is not gone. */
  #above: Row | undefined;

  /** Makes a builder of catalog pages, or of orphan pages, of the segment of that number. Pages wait in `store`. */
  constructor(engine: Engine, level: Level, type: PageType, segment = 0, store: PageStore = new PageStore()) {
    this.#engine = engine;
    this.#level = level;
    this.#type = type;
    this.#segment = segment;
    this.#store = store;
  }

  /**
   * Takes one finished row and the places of its bytes.
   *
   * @throws {TypeError} when the row cannot stand beside the others; for unsorted rows, {@linkcode finish} says so.
   */
  add(entry: PageEntry): void {
    const { path, link } = entry.row;
    const before = this.#last;
    if (this.#last !== undefined && this.#sorted) {
      if (comparePaths(this.#last.path, path) > 0) this.#sorted = false;
      else if (entry.mark === "gone") checkDifferent(this.#last, entry.row);
      else checkNeighbours(this.#above ?? this.#last, entry.row);
    }
    this.#last = entry.row;
    if (entry.mark !== "gone") this.#above = entry.row;
    const owner = entry.row.owner === before?.owner ? undefined : entry.row.owner;
    const fixed = ROW_BYTES + utf8Length(path) + utf8Length(link) +
      (owner === undefined ? 0 : utf8Length(owner.user) + utf8Length(owner.group));
    const room = Math.floor((PAGE_BYTES - fixed) / EXTENT_BYTES);
    if (entry.extents.length <= room) {
      this.#take(entry, fixed + entry.extents.length * EXTENT_BYTES);
      return;
    }
    // One row whose extents fill several pages: each page repeats the row, and all but the first continue it.
    this.#flush(false);
    for (let at = 0; at < entry.extents.length; at += room) {
      this.#pending.push({ ...entry, extents: entry.extents.slice(at, at + room) });
      this.#flush(at > 0);
    }
  }

  /**
   * Takes the rows of a block of whole files, which make a page of their own: their columns, as they are encoded there.
   * Returns false, with nothing taken, where they make none: they do not rise, or are too many or too long.
   *
   * @throws {TypeError} when a row cannot stand beside the others, as {@linkcode add}.
   */
  addWhole(rows: readonly { readonly row: Row }[], columns: Bytes, block: BlockPlace): boolean {
    if (rows.length > MAX_PAGE_ROWS || columns.length > PAGE_BYTES) return false;
    const [first, last] = [rows[0]?.row, rows.at(-1)?.row];
    if (first === undefined || last === undefined) return false;
    let before = first;
    // The folder that both are in: most of a path, which is compared once and not for each of its files.
    let folder = "";
    for (let i = 1; i < rows.length; i++) {
      const { row } = rows[i] as { row: Row };
      if (!row.path.startsWith(folder)) folder = "";
      if (comparePaths(before.path, row.path, folder.length) > 0) return false;
      checkNeighbours(before, row);
      const end = row.path.lastIndexOf("/") + 1;
      if (end !== folder.length) folder = row.path.slice(0, end);
      before = row;
    }
    const raw = encodeWholePage(rows, columns, block);
    if (raw.length > MAX_PAGE_BYTES) return false;
    this.#flush(false);
    if (this.#last !== undefined && this.#sorted) {
      if (comparePaths(this.#last.path, first.path) > 0) this.#sorted = false;
      else checkNeighbours(this.#above ?? this.#last, first);
    }
    this.#last = this.#above = last;
    this.#batches.push(this.#prepare(raw, rows.length, first.path, last.path, false));
    return true;
  }

  #take(entry: PageEntry, bytes: number): void {
    if (this.#pending.length >= MAX_PAGE_ROWS || this.#pendingBytes + bytes > PAGE_BYTES) this.#flush(false);
    this.#pending.push(entry);
    this.#pendingBytes += bytes;
  }

  #flush(continues: boolean): void {
    if (this.#pending.length === 0) return;
    const entries = this.#pending;
    if (!this.#sorted) {
      entries.sort((a, b) => comparePaths(a.row.path, b.row.path));
      for (let i = 1; i < entries.length; i++) {
        const { row, mark } = entries[i] as PageEntry;
        const check = mark === "gone" ? checkDifferent : checkNeighbours;
        check((entries[i - 1] as PageEntry).row, row);
      }
    }
    this.#batches.push(this.#encode(entries, continues));
    this.#pending = [];
    this.#pendingBytes = 0;
  }

  #encode(entries: readonly PageEntry[], continues: boolean): Batch {
    const firstPath = (entries[0] as PageEntry).row.path;
    const lastPath = (entries[entries.length - 1] as PageEntry).row.path;
    const raw = encodePage({ entries, continues }, this.#segment);
    return this.#prepare(raw, entries.length, firstPath, lastPath, continues);
  }

  #prepare(raw: Bytes, rows: number, firstPath: string, lastPath: string, continues: boolean): Batch {
    const content = prepareFrame(this.#engine, { type: this.#type, rows }, raw, this.#level);
    // What compresses makes room for what does not compress, and that room would wait along.
    const page = this.#store.put(content.stored.slice());
    return { head: content.head, page, firstPath, lastPath, continues };
  }

  /**
   * The pages in path order, each to be sealed as it comes: its bytes are given up when the next one is asked for, so
   * that nothing can be read afterwards.
   *
   * @throws {TypeError} when a path stands twice, or below something that is no directory.
   */
  *finish(): Generator<ReadyPage> {
    for (const { head, page, firstPath } of this.#inOrder()) {
      yield { head, stored: this.#store.get(page), firstPath };
      this.#store.giveUp(page);
    }
  }

  /**
   * The rows in path order, each with all its extents. They may be read several times, and more be added afterwards.
   */
  entries(): Generator<PageEntry> {
    return this.#entriesOf(this.#inOrder());
  }

  #inOrder(): readonly Batch[] {
    let batches = this.#close();
    if (!this.#sorted) {
      let runs = splitRuns(batches);
      while (runs.length > 1) {
        const merged: (readonly Batch[])[] = [];
        for (let at = 0; at < runs.length; at += MERGE_WIDTH) {
          merged.push(this.#merge(runs.slice(at, at + MERGE_WIDTH)));
        }
        runs = merged;
      }
      batches = runs[0] ?? [];
    }
    return batches;
  }

  /**
   * These rows and others, which come in path order; of two rows of a path, the one here counts. Nothing is added to
   * this builder afterwards.
   */
  async joinedWith(others: AsyncIterable<PageEntry>): Promise<CatalogBuilder> {
    const joined = new CatalogBuilder(this.#engine, this.#level, this.#type, this.#segment, this.#store);
    const own = this.entries();
    let next = own.next();
    for await (const other of others) {
      let order = 1;
      while (next.done !== true && (order = comparePaths(next.value.row.path, other.row.path)) < 0) {
        joined.add(next.value);
        next = own.next();
      }
      if (next.done === true || order !== 0) joined.add(other);
    }
    for (; next.done !== true; next = own.next()) joined.add(next.value);
    return joined;
  }

  #close(): readonly Batch[] {
    this.#flush(false);
    return this.#batches;
  }

  #merge(runs: readonly (readonly Batch[])[]): readonly Batch[] {
    const builder = new CatalogBuilder(this.#engine, this.#level, this.#type, this.#segment, this.#store);
    for (const entry of mergeRuns(runs.map((run) => this.#entriesOf(run)))) builder.add(entry);
    return builder.#close();
  }

  *#entriesOf(run: readonly Batch[]): Generator<PageEntry> {
    for (let i = 0; i < run.length; i++) {
      const batch = run[i] as Batch;
      const entries = this.#rowsOf(batch);
      if (!run[i + 1]?.continues) {
        yield* entries;
        continue;
      }
      const extents: Extent[] = [...(entries[0] as PageEntry).extents];
      while (run[i + 1]?.continues) {
        const [more] = this.#rowsOf(run[++i] as Batch);
        for (const extent of (more as PageEntry).extents) extents.push(extent);
      }
      yield { ...(entries[0] as PageEntry), extents };
    }
  }

  #rowsOf({ head, page, firstPath }: Batch): readonly PageEntry[] {
    return this.readBack({ head, stored: this.#store.get(page), firstPath });
  }

  /** The entries of a page that waits to be sealed. */
  readBack({ head, stored }: ReadyPage): readonly PageEntry[] {
    let raw = stored;
    if (head.codec !== CODEC.stored) {
      raw = new Uint8Array(head.raw);
      if (!this.#engine.decompress(stored, raw)) throw new Error("Cannot read back a page that was just compressed");
    }
    return decodePage(raw, head.rows, undefined, this.#segment).entries;
  }
}

/** Splits batches into runs that rise in path order from end to end. */
function splitRuns(batches: readonly Batch[]): (readonly Batch[])[] {
  const runs: Batch[][] = [];
  for (const batch of batches) {
    const run = runs.at(-1);
    const before = run?.at(-1);
    const follows = before !== undefined &&
      (batch.continues || comparePaths(before.lastPath, batch.firstPath) < 0);
    if (run !== undefined && follows) run.push(batch);
    else runs.push([batch]);
  }
  return runs;
}

/** Merges sorted runs into one by a heap of their heads. */
function* mergeRuns(runs: readonly Generator<PageEntry>[]): Generator<PageEntry> {
  const heap: { entry: PageEntry; run: Generator<PageEntry> }[] = [];
  const before = (a: number, b: number): boolean =>
    comparePaths((heap[a] as { entry: PageEntry }).entry.row.path, (heap[b] as { entry: PageEntry }).entry.row.path) <
      0;
  const swap = (a: number, b: number): void => {
    const kept = heap[a] as typeof heap[number];
    heap[a] = heap[b] as typeof heap[number];
    heap[b] = kept;
  };
  const sink = (): void => {
    for (let at = 0;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      let least = at;
      if (left < heap.length && before(left, least)) least = left;
      if (right < heap.length && before(right, least)) least = right;
      if (least === at) return;
      swap(at, least);
      at = least;
    }
  };
  for (const run of runs) {
    const { value, done } = run.next();
    if (done === true) continue;
    heap.push({ entry: value, run });
    for (let at = heap.length - 1; at > 0;) {
      const parent = Math.floor((at - 1) / 2);
      if (!before(at, parent)) break;
      swap(at, parent);
      at = parent;
    }
  }
  while (heap.length > 0) {
    const top = heap[0] as typeof heap[number];
    yield top.entry;
    const { value, done } = top.run.next();
    if (done === true) {
      const last = heap.pop() as typeof heap[number];
      if (heap.length > 0 && last !== top) heap[0] = last;
    } else {
      top.entry = value;
    }
    sink();
  }
}

/**
 * Checks that rows of an archive to be made can stand together.
 *
 * @throws {TypeError} when the second repeats the first's path, or lies below it and it is no directory.
 */
function checkNeighbours(before: Row, row: Row): void {
  checkDifferent(before, row);
  if (before.kind !== "directory" && isAtOrBelow(row.path, before.path)) {
    throw new TypeError(`Cannot store ${JSON.stringify(row.path)}: ${JSON.stringify(before.path)} is a ${before.kind}`);
  }
}

function checkDifferent(before: Row, row: Row): void {
  if (before.path !== row.path) return;
  throw new TypeError(`Cannot store ${JSON.stringify(row.path)}: two entries have that path`);
}
