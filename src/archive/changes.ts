/**
 * What has changed since a snapshot: entries that were found, in path order, are compared with the snapshot's catalog,
 * which comes in the same order, so that nothing has to be remembered of either.
 */
import type { Engine } from "../engine/engine.ts";
import { FRAME_TYPE } from "../format/frame.ts";
import type { PageEntry } from "../format/page.ts";
import { comparePaths } from "../format/path.ts";
import type { Extent, Owner, Row, Time } from "../format/row.ts";
import type { RowTable } from "../format/row_table.ts";
import { equalOwners, equalRows, provisionalRow } from "../format/rows.ts";
import { type Tally, tally, type Totals } from "../format/tables.ts";
import type { Archive } from "./archive.ts";
import { CatalogBuilder } from "./catalog_builder.ts";
import { MergedCursor, takeLocatable } from "./catalog_cursor.ts";
import type { LocatableEntry, RunCursor } from "./catalog_run.ts";
import { hasContent, sameBytes } from "./content_comparison.ts";
import { contentOf } from "./copy.ts";
import { Moves } from "./moves.ts";
import { pauseEvery } from "./pause.ts";
import type { EntryContent, PlannedEntry } from "./planner.ts";
import type { ContentAccess } from "./source.ts";

/**
 * What a look at a directory, or at a regular file with one name, says, as a row has it; good until the next look. A
 * hundred thousand files that have not changed need not be objects.
 */
export interface Glance {
  /** Whether it is a directory: its size is none. */
  readonly isDirectory: boolean;
  readonly mode: number;
  readonly size: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanoseconds: number;
  readonly ctime: number;
  readonly inode: number;
  readonly owner: Owner | undefined;
}

/** How changes are found. */
export interface ChangeOptions {
  /** Whether what the snapshot has at a path, and was not found, is gone; otherwise it stays as it was. */
  readonly isGone: (path: string) => boolean;
  /** Opens the files that were found. */
  readonly access: ContentAccess;
  /** Reads every file, whatever its times say. */
  readonly checksum?: boolean;
  /**
   * Pages of the catalog's runs that are read before the first entry is asked for; 0 unless given. For where that has
   * to be waited for, and could be looked for meanwhile.
   */
  readonly pagesAhead?: number;
  /** Told of each path that is gone, and of each entry of which only the row is new. */
  readonly onGone?: (row: Row) => void;
  /** See {@linkcode onGone}. */
  readonly onKept?: (row: Row) => void;
  /** Told of each file that was moved, and from where. */
  readonly onMoved?: (row: Row, from: string) => void;
}

/**
 * Seconds by which clocks and file times may differ: a file as new as the snapshot may have changed behind its back.
 */
const RACY_SECONDS = 2;

/** What was found out. */
export interface ChangeCounts {
  /** Entries that are to be stored. */
  stored: number;
  /** Entries with a new row and the old content. */
  kept: number;
  /** How many of these are files that were at another path. */
  moved: number;
  /** Paths that are gone. */
  gone: number;
}

/** Finds what has changed since the snapshot that an archive was opened at. */
export class ChangeFinder {
  readonly counts: ChangeCounts = { stored: 0, kept: 0, moved: 0, gone: 0 };
  /** Rows that need no block, in path order: what is gone, and what has a new row and the old content. */
  readonly rows: CatalogBuilder;
  readonly #archive: Archive;
  readonly #options: ChangeOptions;
  readonly #newest: Time;
  /** What the snapshot has that stays, or has only a new row. */
  readonly #totals: Tally;
  /** Files that are no files any more, where links may stay that name them. */
  readonly #lost: Map<string, Row> | undefined;
  readonly #links: Row[] = [];
  readonly #moves = new Moves();
  readonly #runs: readonly RunCursor[];
  readonly #known: MergedCursor<RunCursor>;
  /** The page that {@linkcode isKnown} came to the end of, while it is read. */
  #reading: Promise<void> | undefined;
  readonly #pause = pauseEvery();
  /** The page and the folder of the row that was known last, until another is taken. */
  #knownRows: RowTable | undefined;
  #knownIn = "";
  #knownOwner: Owner | undefined;
  #foundOwner: Owner | undefined;

  /** Compares with what an archive was opened at: its newest snapshot. */
  constructor(engine: Engine, archive: Archive, options: ChangeOptions) {
    this.#archive = archive;
    this.#options = options;
    this.#newest = archive.trailer.time;
    this.#runs = archive.runs.map((run) => run.cursor());
    this.#known = new MergedCursor(this.#runs);
    this.#totals = { ...archive.trailer.totals };
    this.#lost = archive.trailer.totals.hardlinks > 0 ? new Map() : undefined;
    this.rows = new CatalogBuilder(engine, 3, FRAME_TYPE.page, archive.newest.locator.segment.number + 1);
  }

  /** What the snapshot has and the entries to be stored do not replace. Known when all have been found. */
  get totals(): Totals {
    return { ...this.#totals };
  }

  /** Says that an entry to be stored could not be: what the snapshot has at its path stays. */
  async couldNotStore(path: string): Promise<void> {
    this.counts.stored--;
    for await (const { row } of this.#archive.find(path)) {
      tally(this.#totals, row);
      return;
    }
  }

  /**
   * Whether the snapshot has a directory or a regular file just as it was found, so that it need not come among the
   * entries. For who makes these, and for what would come next. It says no when it would have to wait.
   *
   * @param folder the path of its folder with a `/` behind it, or nothing
   * @throws {ArchiveError} when the catalog is bad.
   */
  isKnown(folder: string, name: string, found: Glance): boolean {
    const run = this.#reading === undefined ? this.#known.run : undefined;
    const old = run?.rows;
    const at = run?.at ?? -1;
    if (
      old === undefined || at < 0 || !this.#isKind(old, at, found) || old.sizes[at] !== found.size ||
      old.inodes[at] !== found.inode || old.ctimes[at] !== found.ctime || old.seconds[at] !== found.mtimeSeconds ||
      old.nanoseconds[at] !== found.mtimeNanoseconds || old.modes[at] !== found.mode || old.isChanged(at) ||
      this.#known.continued || !this.#isPath(old, at, folder, name) || !this.#isOwner(old.owner(at), found.owner)
    ) return false;
    this.#knownIn = folder;
    this.#knownRows = old;
    this.#reading = this.#known.advance();
    // Whoever waits for it meets its failure, unless the work ended for another reason before.
    this.#reading?.catch(() => {});
    return true;
  }

  /** Whether a row is of the kind that was found, and of a file whose times can be trusted. */
  #isKind(old: RowTable, at: number, found: Glance): boolean {
    // A path that is gone is told as that of a directory.
    if (found.isDirectory) return old.isDirectory(at) && old.mark(at) !== "gone";
    return old.isFile(at) && this.#options.checksum !== true && !this.#isRacy(found.mtimeSeconds, found.ctime);
  }

  /** As {@linkcode isKnown}, of what came among the entries since a page had to be waited for. */
  #isKnownNow({ row, content }: PlannedEntry): boolean {
    const isDirectory = row.kind === "directory";
    if (!isDirectory && (row.kind !== "file" || content?.kind !== "file")) return false;
    const { path, mode, size, mtime, ctime, inode, owner } = row;
    const cut = path.lastIndexOf("/") + 1;
    const { seconds: mtimeSeconds, nanoseconds: mtimeNanoseconds } = mtime;
    const found = { isDirectory, mode, size, mtimeSeconds, mtimeNanoseconds, ctime, inode, owner };
    return this.isKnown(path.slice(0, cut), path.slice(cut), found);
  }

  /** Whether a row's path is that of a name in a folder; no, too, where the name is not plain ASCII. */
  #isPath(rows: RowTable, at: number, folder: string, name: string): boolean {
    const { bytes, starts, shared } = rows.paths;
    const start = starts[at] as number;
    const length = (starts[at + 1] as number) - start;
    if (length !== folder.length + name.length || !hasText(bytes, start + folder.length, name)) return false;
    // The row before, of the same page, was a file of this folder.
    if (rows === this.#knownRows && folder === this.#knownIn && (shared[at] as number) >= folder.length) return true;
    return hasText(bytes, start, folder);
  }

  /** Both sides give few different objects, each many times. */
  #isOwner(known: Owner | undefined, found: Owner | undefined): boolean {
    if (known === this.#knownOwner && found === this.#foundOwner && known !== undefined) return true;
    if (!equalOwners(known, found)) return false;
    this.#knownOwner = known;
    this.#foundOwner = found;
    return true;
  }

  /** The entries to be stored. `found` comes in path order. */
  async *changes(found: AsyncIterable<PlannedEntry> | Iterable<PlannedEntry>): AsyncGenerator<PlannedEntry> {
    const cursor = this.#known;
    await cursor.advance();
    for (const run of this.#runs) await run.readAhead(this.#options.pagesAhead ?? 0);
    /** Takes the snapshot's entries up to a path, and the one of that path. */
    const takeUpTo = async (path: string | undefined): Promise<LocatableEntry | undefined> => {
      while (cursor.path !== undefined) {
        const order = path === undefined ? -1 : comparePaths(cursor.path, path);
        if (order > 0) return undefined;
        const old = await takeLocatable(cursor);
        if (order === 0) return old.mark === "gone" ? undefined : old;
        if (old.mark !== "gone") this.#notFound(old);
      }
      return undefined;
    };
    for await (const entry of found) {
      await this.#read();
      if (this.#isKnownNow(entry)) continue;
      const old = await takeUpTo(entry.row.path);
      if (old !== undefined && !(await this.#isNew(old, entry))) continue;
      if (old !== undefined) this.#replaced(old.row, entry.row.kind === "file");
      // Whether a link waits depends on its file alone.
      if ((entry.row.kind === "hardlink" || !this.#isYounger(entry.row)) && this.#moves.hold(entry)) continue;
      this.counts.stored++;
      yield entry;
    }
    await this.#read();
    await takeUpTo(undefined);
    for (const entry of this.#moves.release()) {
      if (await this.#isMoved(entry)) continue;
      this.counts.stored++;
      yield entry;
    }
    yield* this.#looseLinks();
  }

  /** Waits for what {@linkcode isKnown} did not wait for. */
  async #read(): Promise<void> {
    this.#knownRows = undefined;
    const reading = this.#reading;
    this.#reading = undefined;
    if (reading !== undefined) await reading;
    // Of a file that was known by its first row there may be more pages.
    while (this.#known.path !== undefined && this.#known.continued) await this.#known.advance();
    await this.#pause();
  }

  #notFound({ row }: LocatableEntry): void {
    if (!this.#options.isGone(row.path)) {
      if (row.kind === "hardlink") this.#links.push(row);
      return;
    }
    this.rows.add({ row: provisionalRow(row.path, "directory"), provisional: false, extents: [], mark: "gone" });
    this.counts.gone++;
    this.#replaced(row, false);
    this.#options.onGone?.(row);
  }

  /** What the snapshot has at a path does not stay. */
  #replaced(row: Row, byFile: boolean): void {
    tally(this.#totals, row, -1);
    if (row.kind === "file" && !byFile) this.#lost?.set(row.path, row);
    this.#moves.lose(row);
  }

  /** The snapshot's entry of a path, read again: of those that are replaced few are ever asked about. */
  async #entryOf(path: string): Promise<PageEntry | undefined> {
    let whole: PageEntry | undefined;
    for await (const entry of this.#archive.find(path)) {
      whole = whole === undefined ? entry : { ...entry, extents: [...whole.extents, ...entry.extents] };
    }
    return whole;
  }

  /** Whether a new file has the content of one that is gone from its path. Its row is then taken down. */
  async #isMoved({ row, content }: PlannedEntry): Promise<boolean> {
    if (content?.kind !== "file") return false;
    for (const { path } of this.#moves.candidates(row)) {
      const old = await this.#entryOf(path);
      if (old === undefined) continue;
      if (!await hasContent(this.#archive, old, this.#options.access, content.location, row)) continue;
      this.#addMoved(row, old.extents);
      this.#options.onMoved?.(row, old.row.path);
      return true;
    }
    return false;
  }

  #addMoved(row: Row, extents: readonly Extent[]): void {
    this.rows.add({ row, provisional: false, extents, mark: "moved" });
    tally(this.#totals, row);
    this.counts.kept++;
    this.counts.moved++;
  }

  /** Whether an entry has to be stored. When only its row is new, that is taken down. */
  async #isNew(old: LocatableEntry, { row, content }: PlannedEntry): Promise<boolean> {
    const kind = row.kind;
    if (old.row.kind !== kind || old.row.size !== row.size) return true;
    // Numbers of devices change from one start of a system to the next.
    const same = equalRows({ ...old.row, contentHash: undefined }, { ...row, dev: old.row.dev });
    if (kind !== "file") return !same;
    if (content === undefined || !await this.#isAsBefore(old, row, content)) return true;
    if (same) return false;
    const kept = { ...row, contentHash: old.row.contentHash };
    this.rows.add({
      row: kept,
      provisional: false,
      extents: old.extents(),
      mark: old.mark === "moved" ? "moved" : "kept",
    });
    this.counts.kept++;
    this.#options.onKept?.(row);
    return false;
  }

  /** Whether a file has the content that it had, as far as that need be looked at. */
  async #isAsBefore(old: LocatableEntry, row: Row, content: EntryContent): Promise<boolean> {
    if (content.kind === "bytes") {
      return content.repeatable === true &&
        await sameBytes(contentOf(this.#archive, old.row.size, [located(old)]), content.bytes);
    }
    const untouched = row.inode === old.row.inode && row.ctime === old.row.ctime &&
      equalTimes(row.mtime, old.row.mtime);
    const trusted = untouched && !old.row.changed && this.#options.checksum !== true &&
      !this.#isRacy(row.mtime.seconds, row.ctime);
    return trusted || await hasContent(this.#archive, located(old), this.#options.access, content.location, row);
  }

  /** Whether a file may have changed after it was read for the snapshot without its times showing it. */
  #isRacy(mtimeSeconds: number, ctime: number): boolean {
    const limit = this.#newest.seconds - RACY_SECONDS;
    return mtimeSeconds >= limit || ctime >= limit;
  }

  /**
   * Whether a file was written since the snapshot was taken: then it is not one that was moved since, and can be stored
   * while others are looked for.
   */
  #isYounger({ mtime }: Row): boolean {
    return mtime.seconds > this.#newest.seconds + RACY_SECONDS;
  }

  /** Links that stay and whose file does not: the first of them becomes the file. */
  async *#looseLinks(): AsyncGenerator<PlannedEntry> {
    const firsts = new Map<string, string>();
    for (const link of this.#links) {
      const lost = this.#lost?.get(link.link);
      if (lost === undefined) continue;
      const first = firsts.get(link.link);
      this.#replaced(link, true);
      if (first !== undefined) {
        this.counts.stored++;
        yield { row: { ...link, link: first }, content: undefined };
        continue;
      }
      firsts.set(link.link, link.path);
      const entry = await this.#entryOf(lost.path);
      this.#addMoved({ ...lost, path: link.path }, entry?.extents ?? []);
    }
  }
}

/** With its places looked up. */
function located({ extents, ...entry }: LocatableEntry): PageEntry {
  return { ...entry, extents: extents() };
}

function equalTimes(a: Time, b: Time): boolean {
  return a.seconds === b.seconds && a.nanoseconds === b.nanoseconds;
}

/** Whether the bytes from `start` on begin with a text that is plain ASCII. */
function hasText(path: Uint8Array, start: number, text: string): boolean {
  // From the end, where neighbours differ.
  for (let i = text.length - 1; i >= 0; i--) {
    const unit = text.charCodeAt(i);
    if (unit !== path[start + i] || unit >= 0x80) return false;
  }
  return true;
}
