/** One run of a catalog: pages of rows in path order that lie together at the end of one segment. */
import type { PagePlace } from "../format/catalog_index.ts";
import { ArchiveError } from "../format/errors.ts";
import { FRAME_TYPE } from "../format/frame.ts";
import { type DecodedPage, decodePageRows, type PageEntry } from "../format/page.ts";
import { comparePaths } from "../format/path.ts";
import type { PathTable } from "../format/path_table.ts";
import type { EntryKind, Extent } from "../format/row.ts";
import type { RowTable } from "../format/row_table.ts";
import type { CarriedRow } from "../format/rows.ts";
import { CatalogOrder, edgesOf } from "./catalog_order.ts";
import type { FrameSource } from "./frame_source.ts";

/** Bytes of the catalog that are read at once. */
export const READ_AHEAD_BYTES = 2 ** 18;

const NO_EXTENTS: readonly Extent[] = [];

/** One entry's catalog row and places; a very large file's places may come in several pieces. */
export interface CatalogEntry extends PageEntry {
  /** The entry before was the same, and this has further extents of it. */
  readonly continued: boolean;
}

/** An entry whose places are looked up when they are asked for, also once the cursor has gone on. */
export interface LocatableEntry extends CarriedRow {
  readonly extents: () => readonly Extent[];
}

/** One run. */
export class CatalogRun {
  /** Number of the segment it is in. */
  readonly segment: number;
  /** Rows in it; those of very large files may be repeated. */
  readonly rows: number;
  readonly #frames: FrameSource;
  readonly #pages: readonly PagePlace[];
  /** Whether files may share content. */
  readonly deduplicated: boolean;

  /** Takes what the index of a segment says, what opens its frames, and whether files may share content. */
  constructor(segment: number, frames: FrameSource, pages: readonly PagePlace[], deduplicated: boolean) {
    this.deduplicated = deduplicated;
    this.segment = segment;
    this.#frames = frames;
    this.#pages = pages;
    this.rows = pages.reduce((sum, page) => sum + page.rows, 0);
  }

  /** Begins to read it at the first row at or after a path, or at its start. */
  cursor(from?: string): RunCursor {
    return new RunCursor(this, from);
  }

  /** How many pages it has. */
  get pageCount(): number {
    return this.#pages.length;
  }

  /** The path of a page's first row. */
  firstPath(page: number): string | undefined {
    return this.#pages[page]?.firstPath;
  }

  /** The first page that may hold the path or what comes after it. */
  pageOf(path: string): number {
    let low = 0;
    let high = this.#pages.length;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (comparePaths((this.#pages[middle] as PagePlace).firstPath, path) < 0) low = middle + 1;
      else high = middle;
    }
    const found = this.#pages[low];
    return found?.firstPath === path ? low : Math.max(0, low - 1);
  }

  /**
   * Reads a page.
   *
   * @throws {ArchiveError} `damaged`, `malformed`, `inconsistent`, `unsafe` or `limit`.
   */
  async page(number: number): Promise<DecodedPage> {
    const place = this.#pages[number] as PagePlace;
    const last = this.#pages[this.#pages.length - 1] as PagePlace;
    const ahead = Math.min(READ_AHEAD_BYTES, last.offset + last.frameBytes - place.offset);
    if (ahead > place.frameBytes) await this.#frames.prefetch(place.offset, ahead, place.frameBytes);
    const { head, raw } = await this.#frames.expected(place, FRAME_TYPE.page);
    const page = decodePageRows(raw, head.rows, undefined, this.segment, this.deduplicated);
    const { frame } = place;
    if (head.rows !== place.rows || page.rows.paths.text(0) !== place.firstPath) {
      throw new ArchiveError("inconsistent", "Cannot accept the catalog: a page is not what its index says", { frame });
    }
    if (page.rows.firstProvisional() !== undefined) {
      throw new ArchiveError("malformed", "Cannot accept the catalog: it has a provisional row", { frame });
    }
    return page;
  }
}

/** Reads a run from some row on. Within a page nothing waits. */
export class RunCursor {
  readonly #run: CatalogRun;
  readonly #from: string | undefined;
  readonly #order = new CatalogOrder();
  #next: number;
  /** The pages from the next one on that have been read. */
  readonly #ahead: DecodedPage[] = [];
  #page: DecodedPage | undefined;
  /** Where in the page it stands; -1 before the first call of {@linkcode advance}, and at the end. */
  #at = -1;
  #path: string | undefined;
  #current: CatalogEntry | undefined;

  constructor(run: CatalogRun, from: string | undefined) {
    this.#run = run;
    this.#from = from;
    this.#next = from === undefined ? 0 : run.pageOf(from);
  }

  /**
   * The entry at hand, as an object that stays good; `undefined` before the first call of {@linkcode advance}, and at
   * the end.
   */
  get current(): CatalogEntry | undefined {
    const page = this.#page;
    const { at } = this;
    if (page === undefined || at < 0) return undefined;
    if (this.#current !== undefined) return this.#current;
    const { rows, continues } = page;
    const mark = rows.mark(at);
    // An update takes the entry of each folder, but of hardly any file.
    const extents = rows.isFile(at) ? page.extents.of(at) : NO_EXTENTS;
    const entry = { row: rows.row(at), provisional: false, extents, continued: continues };
    return this.#current = mark === undefined ? entry : { ...entry, mark };
  }

  /**
   * The entry at hand without its places, those of its page need not be decoded: an update takes each file that has
   * changed, and where it was is nothing to it unless the content may be the same.
   */
  locatable(): LocatableEntry | undefined {
    const page = this.#page;
    const { at } = this;
    if (page === undefined || at < 0) return undefined;
    const extents = () => page.rows.isFile(at) ? page.extents.of(at) : NO_EXTENTS;
    return { ...page.rows.carried(at), extents };
  }

  /** The rows of the page at hand, of which it stands at number {@linkcode at}; `undefined` before the first page. */
  get rows(): RowTable | undefined {
    return this.#page?.rows;
  }

  /** Where in the page it stands; negative before the first call of {@linkcode advance}, and at the end. */
  get at(): number {
    return this.#at;
  }

  get path(): string | undefined {
    const page = this.#page;
    if (page === undefined || this.#at < 0) return undefined;
    return this.#path ??= page.rows.paths.text(this.#at);
  }

  get kind(): EntryKind | undefined {
    const page = this.#page;
    return page === undefined || this.#at < 0 || page.rows.mark(this.#at) === "gone"
      ? undefined
      : page.rows.kind(this.#at);
  }

  get continued(): boolean {
    return this.#at >= 0 && this.#page?.continues === true;
  }

  /** Paths of which the one at number {@linkcode at} is its own; `undefined` when there is no entry at hand. */
  get paths(): PathTable | undefined {
    return this.#at < 0 ? undefined : this.#page?.rows.paths;
  }

  /**
   * The page that the entry at hand is in at number {@linkcode at}, when it is a file all of whose extents are there,
   * and of which nothing but its row is said.
   */
  get pageOfWholeFile(): DecodedPage | undefined {
    const page = this.#page;
    const at = this.#at;
    if (page === undefined || at < 0 || page.continues || !page.rows.isFile(at)) return undefined;
    // What goes on in the next page is the last one here.
    return at + 1 < page.rows.count && page.rows.mark(at) === undefined ? page : undefined;
  }

  /** Goes on to the next entry; a promise only when a page has to be read. */
  advance(): Promise<void> | undefined {
    const page = this.#page;
    this.#path = undefined;
    this.#current = undefined;
    if (page === undefined || this.#at < 0 || this.#at + 1 >= page.rows.count) return this.#advancePage();
    this.#at++;
    return undefined;
  }

  /** Where in its page the rows end that are there, each of them one entry, from the one at hand on. */
  get stretchEnd(): number {
    const page = this.#page;
    // A flag may say that a path is gone.
    return page === undefined || page.continues || page.rows.flags !== undefined ? this.#at + 1 : page.rows.count;
  }

  /** Goes on to an entry further on in the stretch at hand. */
  leap(at: number): void {
    this.#path = undefined;
    this.#current = undefined;
    this.#at = at;
  }

  /**
   * Reads so many pages before their turn comes, for who has nothing else to do now.
   *
   * @throws {ArchiveError} as {@linkcode CatalogRun.page}.
   */
  async readAhead(pages: number): Promise<void> {
    for (;;) {
      const number = this.#next + this.#ahead.length;
      if (this.#ahead.length >= pages || number >= this.#run.pageCount) return;
      this.#ahead.push(await this.#run.page(number));
    }
  }

  async #advancePage(): Promise<void> {
    for (;;) {
      const number = this.#next++;
      if (number >= this.#run.pageCount) {
        this.#at = -1;
        return;
      }
      const isFirst = this.#page === undefined;
      const page = this.#ahead.shift() ?? await this.#run.page(number);
      // What a page in the middle goes on with has not been read, but the index names it.
      if (isFirst && page.continues && this.#run.firstPath(number - 1) === page.rows.paths.text(0)) {
        this.#order.resume(page.rows.row(0));
      }
      this.#order.next(edgesOf(page));
      this.#page = page;
      this.#at = isFirst ? this.#skip(page) : 0;
      if (this.#at < page.rows.count) return;
    }
  }

  /** How many entries of the first page come before where reading begins. */
  #skip({ rows }: DecodedPage): number {
    const from = this.#from;
    if (from === undefined) return 0;
    let at = 0;
    while (at < rows.count && comparePaths(rows.paths.text(at), from) < 0) at++;
    return at;
  }
}
