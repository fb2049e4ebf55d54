/** The pages of a catalog of which some may be lost: what they say of a path, and of which paths they can speak. */
import type { Bytes } from "../engine/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import { decodePage, type Page, type PageEntry } from "../format/page.ts";
import { comparePaths } from "../format/path.ts";

/** Opens a frame and gives its raw bytes and row count; `undefined` when it is lost or damaged. */
export type OpenPage = (frame: number) => Promise<{ readonly raw: Bytes; readonly rows: number } | undefined>;

/** A page that is intact. Every path of the catalog from the first to the last of them is in it. */
interface IntactPage {
  readonly frame: number;
  readonly first: string;
  readonly last: string;
  readonly continues: boolean;
}

/** What the catalog knows of a path. */
export interface CatalogAnswer {
  /** The entry, in as many pieces as its extents need; none when the catalog has no such path. */
  readonly pieces: readonly PageEntry[];
  /** Whether a piece of it may be missing. */
  readonly isPartial: boolean;
}

const KEPT_PAGES = 8;

/** What is left of a catalog. Memory is two paths for each page. */
export class SalvageCatalog {
  readonly #open: OpenPage;
  readonly #pages: readonly IntactPage[];
  /** Whether every page of the catalog is intact. */
  readonly isComplete: boolean;
  readonly #kept = new Map<number, Page>();

  private constructor(open: OpenPage, pages: readonly IntactPage[], isComplete: boolean) {
    this.#open = open;
    this.#pages = pages;
    this.isComplete = isComplete;
  }

  /** Reads the pages of these frames once; `isComplete` says whether they are all there are. */
  static async read(open: OpenPage, frames: Iterable<number>, isComplete: boolean): Promise<SalvageCatalog> {
    const pages: IntactPage[] = [];
    let complete = isComplete;
    for (const frame of frames) {
      const page = await openPage(open, frame);
      const first = page?.entries[0]?.row.path;
      const last = page?.entries.at(-1)?.row.path;
      const before = pages.at(-1);
      const rises = first !== undefined && (before === undefined || comparePaths(before.last, first) <= 0);
      if (page === undefined || first === undefined || last === undefined || !rises) complete = false;
      else pages.push({ frame, first, last, continues: page.continues });
    }
    return new SalvageCatalog(open, pages, complete);
  }

  /** How many pages are intact. */
  get pageCount(): number {
    return this.#pages.length;
  }

  /** Whether the catalog would have a path in a page that is intact, if it has it at all. */
  covers(path: string): boolean {
    const page = this.#pages[this.#pageOf(path)];
    return page !== undefined && comparePaths(page.first, path) <= 0;
  }

  /** What it says of a path; `undefined` when the path would be in a page that is lost. */
  async find(path: string): Promise<CatalogAnswer | undefined> {
    const start = this.#pageOf(path);
    if (!this.covers(path)) return undefined;
    const pieces: PageEntry[] = [];
    let isPartial = false;
    for (let i = start; this.#pages[i] !== undefined; i++) {
      const known = this.#pages[i] as IntactPage;
      if (comparePaths(known.first, path) > 0) break;
      const entry = (await this.#page(known.frame))?.entries.find(({ row }) => row.path === path);
      if (entry === undefined) break;
      isPartial ||= this.#isCutAt(i, path);
      pieces.push(entry);
    }
    return { pieces, isPartial };
  }

  /** Whether a piece of a path that stands in a page may be in a neighbouring one that is lost. */
  #isCutAt(index: number, path: string): boolean {
    const page = this.#pages[index] as IntactPage;
    const isAlone = page.first === page.last;
    const before = this.#pages[index - 1];
    if (page.continues && page.first === path && before?.frame !== page.frame - 1) return true;
    if (!isAlone || page.last !== path || this.isComplete) return false;
    const after = this.#pages[index + 1];
    return after?.frame !== page.frame + 1;
  }

  /** All entries of intact pages in path order, in pieces; `isPartial` as in {@linkcode find}. */
  async *entries(): AsyncGenerator<{ readonly entry: PageEntry; readonly continued: boolean; readonly cut: boolean }> {
    for (const [i, { frame }] of this.#pages.entries()) {
      const page = await this.#page(frame);
      for (const entry of page?.entries ?? []) {
        yield { entry, continued: page?.continues ?? false, cut: this.#isCutAt(i, entry.row.path) };
      }
    }
  }

  /** All entries of intact pages, from the last to the first. */
  async *reversed(): AsyncGenerator<PageEntry> {
    for (const { frame } of this.#pages.toReversed()) {
      const page = await this.#page(frame);
      for (const entry of page?.entries.toReversed() ?? []) yield entry;
    }
  }

  /** The first page whose last path is not before the path. */
  #pageOf(path: string): number {
    let low = 0;
    let high = this.#pages.length;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (comparePaths((this.#pages[middle] as IntactPage).last, path) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  async #page(frame: number): Promise<Page | undefined> {
    const kept = this.#kept.get(frame);
    if (kept !== undefined) return kept;
    const page = await openPage(this.#open, frame);
    if (page === undefined) return undefined;
    const oldest = this.#kept.keys().next();
    if (this.#kept.size >= KEPT_PAGES && oldest.done !== true) this.#kept.delete(oldest.value);
    this.#kept.set(frame, page);
    return page;
  }
}

async function openPage(open: OpenPage, frame: number): Promise<Page | undefined> {
  const opened = await open(frame);
  if (opened === undefined) return undefined;
  try {
    const page = decodePage(opened.raw, opened.rows);
    return page.entries.some(({ provisional }) => provisional) ? undefined : page;
  } catch (error) {
    if (error instanceof ArchiveError) return undefined;
    throw error;
  }
}
