/** Several runs read as one catalog: of all rows of a path, the newest run's counts. */
import { checkRowOrder, type PageEntry } from "../format/block.ts";
import { comparePaths } from "../format/path.ts";
import type { Extent, Row } from "../format/row.ts";
import type { CatalogEntry } from "./catalog_run.ts";

/** Rows in path order, one at a time. */
export interface EntryCursor {
  /** The entry at hand; `undefined` before the first call of {@linkcode advance}, and at the end. */
  readonly current: CatalogEntry | undefined;
  /** Goes on to the next entry; a promise only when something has to be read. */
  advance(): Promise<void> | undefined;
}

/** Merges runs, the newest first. Paths that are gone come out with the others, so marked. */
export class MergedCursor implements EntryCursor {
  readonly #runs: readonly EntryCursor[];
  #at: EntryCursor | undefined;
  #begun = false;
  #above: Row | undefined;
  current: CatalogEntry | undefined;

  /** Takes the runs' cursors, which have not been advanced. */
  constructor(runs: readonly EntryCursor[]) {
    this.#runs = runs;
  }

  advance(): Promise<void> | undefined {
    if (!this.#begun) return this.#begin();
    const at = this.#at;
    if (at === undefined) return undefined;
    const reading = at.advance();
    if (reading !== undefined) return reading.then(() => this.#settle(at));
    return this.#settle(at);
  }

  async #begin(): Promise<void> {
    this.#begun = true;
    for (const run of this.#runs) await run.advance();
    await this.#choose();
  }

  /** The run at hand goes on with the same path, or another row is chosen. */
  #settle(at: EntryCursor): Promise<void> | undefined {
    const next = at.current;
    if (next?.continued && next.row.path === this.current?.row.path) {
      this.current = next;
      return undefined;
    }
    return this.#choose();
  }

  #choose(): Promise<void> | undefined {
    const first = firstOf(this.#runs);
    this.#at = first;
    const entry = first?.current;
    if (first === undefined || entry === undefined) {
      this.current = undefined;
      return undefined;
    }
    this.current = entry;
    if (this.#runs.length === 1) return undefined;
    if (entry.mark !== "gone") {
      if (this.#above !== undefined) checkRowOrder(this.#above, entry.row);
      this.#above = entry.row;
    }
    const { path } = entry.row;
    for (const other of this.#runs) {
      if (other !== first && other.current?.row.path === path) return this.#passOver(first, path);
    }
    return undefined;
  }

  async #passOver(first: EntryCursor, path: string): Promise<void> {
    for (const other of this.#runs) {
      while (other !== first && other.current?.row.path === path) {
        const reading = other.advance();
        if (reading !== undefined) await reading;
      }
    }
  }
}

/** The cursor whose entry comes first; of several, the newest run's. */
function firstOf(cursors: readonly EntryCursor[]): EntryCursor | undefined {
  let first: EntryCursor | undefined;
  for (const cursor of cursors) {
    if (cursor.current === undefined) continue;
    if (first?.current === undefined || comparePaths(cursor.current.row.path, first.current.row.path) < 0) {
      first = cursor;
    }
  }
  return first;
}

/** The entry at hand with all its extents, and the cursor behind it. */
export async function takeWhole(cursor: EntryCursor): Promise<PageEntry> {
  const entry = cursor.current as CatalogEntry;
  let reading = cursor.advance();
  if (reading !== undefined) await reading;
  let extents: Extent[] | undefined;
  while (cursor.current?.continued && cursor.current.row.path === entry.row.path) {
    extents ??= [...entry.extents];
    for (const extent of cursor.current.extents) extents.push(extent);
    reading = cursor.advance();
    if (reading !== undefined) await reading;
  }
  return extents === undefined ? entry : { ...entry, extents };
}

/** Entries that are at hand, as a cursor. */
export class ListCursor implements EntryCursor {
  readonly #entries: Iterator<PageEntry>;
  current: CatalogEntry | undefined;

  constructor(entries: Iterator<PageEntry>) {
    this.#entries = entries;
  }

  advance(): undefined {
    const { value, done } = this.#entries.next();
    this.current = done === true ? undefined : { ...value, continued: false };
  }
}
