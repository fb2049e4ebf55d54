/** Several runs read as one catalog: of all rows of a path, the newest run's counts. */
import { checkRowOrder, type PageEntry } from "../format/block.ts";
import { comparePaths } from "../format/path.ts";
import type { EntryKind, Extent } from "../format/row.ts";
import type { CatalogEntry } from "./catalog_run.ts";

/** Rows in path order, one at a time. */
export interface EntryCursor {
  /** The entry at hand; `undefined` before the first call of {@linkcode advance}, and at the end. */
  readonly current: CatalogEntry | undefined;
  /** Its path. */
  readonly path: string | undefined;
  /** What it is; `undefined` also for a path that is gone. */
  readonly kind: EntryKind | undefined;
  /** See {@linkcode CatalogEntry}. */
  readonly continued: boolean;
  /** Goes on to the next entry; a promise only when something has to be read. */
  advance(): Promise<void> | undefined;
}

/** Merges runs, the newest first. Paths that are gone come out with the others, so marked. */
export class MergedCursor<Run extends EntryCursor = EntryCursor> implements EntryCursor {
  readonly #runs: readonly Run[];
  #at: Run | undefined;
  /** Where the run that comes first but for the one at hand is; before it there is nothing to choose. */
  #next: string | undefined;
  #begun = false;
  #path: string | undefined;
  #above: { readonly path: string; readonly kind: EntryKind } | undefined;

  /** Takes the runs' cursors, which have not been advanced. */
  constructor(runs: readonly Run[]) {
    this.#runs = runs;
  }

  /** The cursor that stands at the entry at hand. */
  get run(): Run | undefined {
    return this.#at;
  }

  get current(): CatalogEntry | undefined {
    return this.#at?.current;
  }

  get path(): string | undefined {
    return this.#at?.path;
  }

  get kind(): EntryKind | undefined {
    return this.#at?.kind;
  }

  get continued(): boolean {
    return this.#at?.continued === true;
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
  #settle(at: Run): Promise<void> | undefined {
    // A path costs a string to know.
    if (this.#runs.length === 1) return undefined;
    const { path } = at;
    if (at.continued && path === this.#path) return undefined;
    if (path === undefined || (this.#next !== undefined && comparePaths(path, this.#next) >= 0)) return this.#choose();
    this.#take(at, path);
    return undefined;
  }

  #choose(): Promise<void> | undefined {
    let first: Run | undefined;
    let path: string | undefined;
    let next: string | undefined;
    let repeated = false;
    for (const run of this.#runs) {
      const other = run.path;
      if (other === undefined) continue;
      const order = path === undefined ? -1 : comparePaths(other, path);
      if (order < 0) {
        next = path;
        first = run;
        path = other;
        repeated = false;
      } else if (order === 0) repeated = true;
      else if (next === undefined || comparePaths(other, next) < 0) next = other;
    }
    this.#at = first;
    if (first === undefined || path === undefined) return undefined;
    if (repeated) return this.#passOver(first, path);
    this.#next = next;
    this.#take(first, path);
    return undefined;
  }

  #take(run: Run, path: string): void {
    this.#path = path;
    const { kind } = run;
    if (kind === undefined || this.#runs.length === 1) return;
    if (this.#above !== undefined) checkRowOrder(this.#above, { path, kind });
    this.#above = { path, kind };
  }

  /** Of several rows of a path, the newest run's counts. */
  async #passOver(first: Run, path: string): Promise<void> {
    for (const other of this.#runs) {
      while (other !== first && other.path === path) {
        const reading = other.advance();
        if (reading !== undefined) await reading;
      }
    }
    await this.#choose();
  }
}

/** The entry at hand with all its extents, and the cursor behind it. */
export async function takeWhole(cursor: EntryCursor): Promise<PageEntry> {
  const entry = cursor.current as CatalogEntry;
  let reading = cursor.advance();
  if (reading !== undefined) await reading;
  let extents: Extent[] | undefined;
  while (cursor.continued && cursor.path === entry.row.path) {
    extents ??= [...entry.extents];
    for (const extent of (cursor.current as CatalogEntry).extents) extents.push(extent);
    reading = cursor.advance();
    if (reading !== undefined) await reading;
  }
  return extents === undefined ? entry : { ...entry, extents };
}

/** Entries that are at hand, as a cursor. */
export class ListCursor implements EntryCursor {
  readonly #entries: Iterator<PageEntry>;
  readonly continued = false;
  current: CatalogEntry | undefined;

  constructor(entries: Iterator<PageEntry>) {
    this.#entries = entries;
  }

  get path(): string | undefined {
    return this.current?.row.path;
  }

  get kind(): EntryKind | undefined {
    return this.current?.mark === "gone" ? undefined : this.current?.row.kind;
  }

  advance(): undefined {
    const { value, done } = this.#entries.next();
    this.current = done === true ? undefined : { ...value, continued: false };
  }
}
