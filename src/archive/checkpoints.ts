/**
 * Archives that are written in parts: after so many bytes, what has been stored is committed as a snapshot of its own,
 * a checkpoint, so that whoever is interrupted goes on from there (FORMAT.md, "Snapshots").
 */
import type { Engine } from "../engine/engine.ts";
import { FRAME_TYPE } from "../format/frame.ts";
import { MAX_SEGMENTS } from "../format/limits.ts";
import type { PageEntry } from "../format/page.ts";
import { comparePaths, isAtOrBelow } from "../format/path.ts";
import { emptyTally, tally, type Totals } from "../format/tables.ts";
import type { Archive } from "./archive.ts";
import { CatalogBuilder } from "./catalog_builder.ts";
import type { ChangeCounts } from "./changes.ts";
import type { PlannedEntry } from "./planner.ts";

/** Segments that checkpoints leave to whole snapshots. */
export const CHECKPOINT_SEGMENTS = MAX_SEGMENTS / 2;

/** Entries that are taken in several goes: each ends before an entry, once what was taken is to be committed. */
export class EntryQueue {
  readonly #sync: Iterator<PlannedEntry> | undefined;
  readonly #async: AsyncIterator<PlannedEntry> | undefined;
  #next: PlannedEntry | undefined;
  #ended = false;

  constructor(entries: AsyncIterable<PlannedEntry> | Iterable<PlannedEntry>) {
    if (Symbol.iterator in entries) this.#sync = entries[Symbol.iterator]();
    else this.#async = entries[Symbol.asyncIterator]();
  }

  /** Whether no entry is left. It is known when a go has ended. */
  get ended(): boolean {
    return this.#ended;
  }

  /** The entries up to the last one, or until `isDue` says that they are enough. */
  take(isDue: () => boolean): AsyncIterable<PlannedEntry> | Iterable<PlannedEntry> {
    return this.#sync === undefined ? this.#takeAsync(isDue) : this.#takeSync(isDue);
  }

  *#takeSync(isDue: () => boolean): Generator<PlannedEntry> {
    const entries = this.#sync as Iterator<PlannedEntry>;
    while (this.#keep(this.#next ?? entries.next())) {
      if (isDue()) return;
      yield this.#give();
    }
  }

  async *#takeAsync(isDue: () => boolean): AsyncGenerator<PlannedEntry> {
    const entries = this.#async as AsyncIterator<PlannedEntry>;
    while (this.#keep(this.#next ?? await entries.next())) {
      if (isDue()) return;
      yield this.#give();
    }
  }

  /** Holds an entry until it is given out: only with one at hand it is known that more is to come. */
  #keep(taken: PlannedEntry | IteratorResult<PlannedEntry>): boolean {
    if ("row" in taken) return true;
    if (taken.done === true) this.#ended = true;
    else this.#next = taken.value;
    return taken.done !== true;
  }

  #give(): PlannedEntry {
    const entry = this.#next as PlannedEntry;
    this.#next = undefined;
    return entry;
  }

  /** Gives back what the entries hold open. */
  async close(): Promise<void> {
    this.#sync?.return?.();
    await this.#async?.return?.();
  }
}

/**
 * What a snapshot has that rows of a checkpoint on top of it replace; `undefined` when the two do not make a snapshot.
 * What is gone since is only known at the end, so these rows alone must not stand where others still are: a file in the
 * place of a folder, something else in the place of a file that may have further names.
 *
 * @param rows In path order.
 */
export async function replacedTotals(rows: Iterable<PageEntry>, base: Archive): Promise<Totals | undefined> {
  const replaced = emptyTally();
  const hasLinks = base.trailer.totals.hardlinks > 0;
  let cursor: ReturnType<Archive["cursor"]> | undefined;
  for (const { row } of rows) {
    if (cursor === undefined) {
      cursor = base.cursor(row.path);
      await cursor.advance();
    }
    for (;;) {
      const { current } = cursor;
      if (current === undefined) break;
      const order = comparePaths(current.row.path, row.path);
      if (order > 0 && current.mark !== "gone") break;
      if (order === 0 && current.mark !== "gone" && !current.continued) {
        if (hasLinks && current.row.kind === "file" && row.kind !== "file") return undefined;
        tally(replaced, current.row);
      }
      const reading = cursor.advance();
      if (reading !== undefined) await reading;
    }
    const next = cursor.current;
    if (next !== undefined && row.kind !== "directory" && isAtOrBelow(next.row.path, row.path)) return undefined;
  }
  return replaced;
}

/** All that comes is new: an archive goes on being created. */
export class Additions {
  readonly counts: ChangeCounts = { stored: 0, kept: 0, moved: 0, gone: 0 };
  readonly rows: CatalogBuilder;
  readonly totals: Totals;

  constructor(engine: Engine, archive: Archive) {
    this.totals = archive.trailer.totals;
    this.rows = new CatalogBuilder(engine, 3, FRAME_TYPE.page, archive.newest.locator.segment.number + 1);
  }

  /** What an archive has of a path that could not be stored: nothing. */
  couldNotStore(): Promise<void> {
    this.counts.stored--;
    return Promise.resolve();
  }

  /** All of them. */
  async *changes(found: AsyncIterable<PlannedEntry> | Iterable<PlannedEntry>): AsyncGenerator<PlannedEntry> {
    for await (const entry of found) {
      this.counts.stored++;
      yield entry;
    }
  }
}
