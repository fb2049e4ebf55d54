/** Several runs read as one catalog: of all rows of a path, the newest run's counts. */
import { checkRowOrder, type PageEntry } from "../format/page.ts";
import { PathTable } from "../format/path_table.ts";
import type { EntryKind, Extent } from "../format/row.ts";
import type { CatalogEntry, LocatableEntry, RunCursor } from "./catalog_run.ts";

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
  /** Paths of which the one at number {@linkcode at} is its own; `undefined` when there is no entry at hand. */
  readonly paths: PathTable | undefined;
  readonly at: number;
  /** Goes on to the next entry; a promise only when something has to be read. */
  advance(): Promise<void> | undefined;
}

/**
 * Merges runs, the newest first. Paths that are gone come out with the others, so marked.
 *
 * Most rows come from one run, the largest: as long as it comes before all others it is followed by its bytes, since a
 * string for each path costs more than all the rest.
 */
export class MergedCursor<Run extends EntryCursor = EntryCursor> implements EntryCursor {
  readonly #runs: readonly Run[];
  #at: Run | undefined;
  /** The run that comes first but for the one at hand; before its path there is nothing to choose. */
  #next: Run | undefined;
  /** The paths that the run at hand is in, and the first of them that does not come before that. */
  #paths: PathTable | undefined;
  #until = 0;
  #begun = false;
  readonly #above = new RowAbove<Run>();

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

  get paths(): PathTable | undefined {
    return this.#at?.paths;
  }

  get at(): number {
    return this.#at?.at ?? -1;
  }

  advance(): Promise<void> | undefined {
    if (!this.#begun) return this.#begin();
    const at = this.#at;
    if (at === undefined) return undefined;
    const reading = at.advance();
    if (reading !== undefined) return reading.then(() => this.#settle(at));
    return this.#settle(at);
  }

  /**
   * Where in the paths at hand those end that come next with nothing in between, each of one entry that is there: at
   * least behind the one at hand, which has to be such.
   */
  stretchEnd(this: MergedCursor<RunCursor>): number {
    const at = this.#at;
    if (at === undefined) return 0;
    if (this.#runs.length === 1) return at.stretchEnd;
    return at.paths === this.#paths ? Math.min(at.stretchEnd, this.#until) : at.at + 1;
  }

  /** Goes on to an entry further on in the stretch at hand. */
  leap(this: MergedCursor<RunCursor>, at: number): void {
    const run = this.#at as RunCursor;
    run.leap(at);
    // Rows of one run have been checked against each other.
    if (this.#runs.length > 1) this.#above.take(run);
  }

  async #begin(): Promise<void> {
    this.#begun = true;
    for (const run of this.#runs) await run.advance();
    await this.#choose();
  }

  /** The run at hand goes on, or another one's row comes first. */
  #settle(at: Run): Promise<void> | undefined {
    // A run refuses a row that is continued and is not the one before.
    if (this.#runs.length === 1 || at.continued) return undefined;
    const { paths } = at;
    if (paths === undefined) return this.#choose();
    if (paths !== this.#paths) {
      this.#paths = paths;
      const next = this.#next?.paths;
      this.#until = next === undefined ? paths.count : paths.firstFrom(at.at, next, this.#next?.at as number);
    }
    if (at.at >= this.#until) return this.#choose();
    this.#above.take(at);
    return undefined;
  }

  #choose(): Promise<void> | undefined {
    let first: Run | undefined;
    let next: Run | undefined;
    let repeated = false;
    for (const run of this.#runs) {
      if (run.paths === undefined) continue;
      const order = first === undefined ? -1 : compare(run, first);
      if (order < 0) {
        next = first;
        first = run;
        repeated = false;
      } else if (order === 0) repeated = true;
      else if (next === undefined || compare(run, next) < 0) next = run;
    }
    this.#at = first;
    this.#next = next;
    this.#paths = undefined;
    if (first === undefined) return undefined;
    if (repeated) return this.#passOver(first);
    if (this.#runs.length > 1) this.#above.take(first);
    return undefined;
  }

  /** Of several rows of a path, the newest run's counts. */
  #passOver(first: Run): Promise<void> | undefined {
    for (const other of this.#runs) {
      while (other !== first && other.paths !== undefined && compare(other, first) === 0) {
        const reading = other.advance();
        if (reading !== undefined) return reading.then(() => this.#choose());
      }
    }
    return this.#choose();
  }
}

/** How the path that one run is at stands to that of another. */
function compare(run: EntryCursor, other: EntryCursor): number {
  return (run.paths as PathTable).compare(run.at, other.paths as PathTable, other.at);
}

/** The row that the next one must not lie below, unless it is a directory; paths that are gone do not count. */
class RowAbove<Run extends EntryCursor> {
  #run: Run | undefined;
  #kind: EntryKind = "directory";
  #paths: PathTable | undefined;
  #at = 0;

  /** Takes a run's row, which comes next. */
  take(run: Run): void {
    const { kind } = run;
    if (kind === undefined) return;
    // A run checks its own rows, and those that were passed over stood for a path that a newer run has.
    const { paths } = run;
    if (this.#run !== run && this.#paths !== undefined && paths !== undefined) {
      const isSound = paths.compare(run.at, this.#paths, this.#at) > 0 &&
        (this.#kind === "directory" || !paths.mayBeBelow(run.at, this.#paths, this.#at));
      if (!isSound) {
        checkRowOrder({ path: this.#paths.text(this.#at), kind: this.#kind }, { path: run.path as string, kind });
      }
    }
    this.#run = run;
    this.#kind = kind;
    this.#paths = paths;
    this.#at = run.at;
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

/** As {@linkcode takeWhole}, of runs, and its places wait until they are asked for. */
export async function takeLocatable(cursor: MergedCursor<RunCursor>): Promise<LocatableEntry> {
  const entry = cursor.run?.locatable() as LocatableEntry;
  let reading = cursor.advance();
  if (reading !== undefined) await reading;
  let more: Extent[] | undefined;
  while (cursor.continued && cursor.path === entry.row.path) {
    more ??= [];
    for (const extent of (cursor.current as CatalogEntry).extents) more.push(extent);
    reading = cursor.advance();
    if (reading !== undefined) await reading;
  }
  if (more === undefined) return entry;
  const behind = more;
  return { ...entry, extents: () => [...entry.extents(), ...behind] };
}

/** Entries that are at hand, as a cursor. */
export class ListCursor implements EntryCursor {
  readonly #entries: Iterator<PageEntry>;
  readonly continued = false;
  readonly at = 0;
  current: CatalogEntry | undefined;
  #paths: PathTable | undefined;

  constructor(entries: Iterator<PageEntry>) {
    this.#entries = entries;
  }

  get path(): string | undefined {
    return this.current?.row.path;
  }

  get kind(): EntryKind | undefined {
    return this.current?.mark === "gone" ? undefined : this.current?.row.kind;
  }

  get paths(): PathTable | undefined {
    return this.path === undefined ? undefined : this.#paths ??= PathTable.of(this.path);
  }

  advance(): undefined {
    this.#paths = undefined;
    const { value, done } = this.#entries.next();
    this.current = done === true ? undefined : { ...value, continued: false };
  }
}
