/** Copies snapshots of one archive to another, each as what changed since the one before it. */
import type { Engine } from "../engine/engine.ts";
import type { PageEntry } from "../format/block.ts";
import { FRAME_TYPE } from "../format/frame.ts";
import { comparePaths } from "../format/path.ts";
import type { Extent, Row } from "../format/row.ts";
import { equalRows, provisionalRow } from "../format/rows.ts";
import type { Totals } from "../format/tables.ts";
import type { Archive } from "./archive.ts";
import { CatalogBuilder } from "./catalog_builder.ts";
import type { ChangeCounts } from "./changes.ts";
import { contentOf } from "./copy.ts";
import type { PlannedEntry } from "./planner.ts";
import { samePlaces, wholeEntries } from "./snapshot_diff.ts";
import {
  type AppendableSource,
  type Changes,
  updateArchive,
  type UpdateOptions,
  type WrittenUpdate,
} from "./update.ts";

/** How a snapshot is appended to a copy; its label, its time and whether it is partial are the original's. */
export type CopyingOptions = Omit<UpdateOptions, "label" | "time" | "isPartial" | "always">;

/**
 * Appends a copy of a snapshot to an archive whose newest snapshot is a copy of another one of the same archive.
 * Content that both have is not stored again. When it rejects, the target is as it was.
 *
 * @param copy The target, opened at its newest snapshot.
 * @param previous What that is a copy of.
 * @param next What is to be copied.
 * @throws {ArchiveError} as reading the one archive or updating the other does. I/O errors pass through.
 */
export async function appendCopy(
  engine: Engine,
  target: AppendableSource,
  copy: Archive,
  previous: Archive,
  next: Archive,
  options: CopyingOptions,
): Promise<WrittenUpdate> {
  const { time, label, partial } = next.trailer;
  const written = await updateArchive(engine, target, copy, new SnapshotChanges(engine, copy, previous, next), [], {
    ...options,
    label,
    time,
    isPartial: () => partial,
    always: true,
  });
  return written as WrittenUpdate;
}

/** What changed from one snapshot to the next, for an archive that has a copy of the first. */
class SnapshotChanges implements Changes {
  readonly counts: ChangeCounts = { stored: 0, kept: 0, gone: 0 };
  readonly rows: CatalogBuilder;
  readonly #copy: Archive;
  readonly #previous: Archive;
  readonly #next: Archive;
  readonly #totals: { -readonly [K in keyof Totals]: Totals[K] };

  constructor(engine: Engine, copy: Archive, previous: Archive, next: Archive) {
    this.#copy = copy;
    this.#previous = previous;
    this.#next = next;
    this.#totals = { ...previous.trailer.totals };
    this.rows = new CatalogBuilder(engine, 3, FRAME_TYPE.page, copy.newest.locator.segment.number + 1);
  }

  get totals(): Totals {
    return { ...this.#totals };
  }

  couldNotStore(path: string): Promise<void> {
    throw new Error(`Cannot copy ${JSON.stringify(path)}: it could not be stored`);
  }

  async *changes(): AsyncGenerator<PlannedEntry> {
    const old = wholeEntries(this.#previous);
    try {
      let before = await take(old);
      for await (const entry of wholeEntries(this.#next)) {
        while (before !== undefined && comparePaths(before.row.path, entry.row.path) < 0) {
          this.#gone(before.row);
          before = await take(old);
        }
        const same = before?.row.path === entry.row.path ? before : undefined;
        if (same !== undefined) before = await take(old);
        if (same !== undefined && await this.#stays(same, entry)) continue;
        if (same !== undefined) this.#uncount(same.row);
        this.counts.stored++;
        yield this.#planned(entry);
      }
      for (; before !== undefined; before = await take(old)) this.#gone(before.row);
    } finally {
      await old.return(undefined);
    }
  }

  #planned(entry: PageEntry): PlannedEntry {
    const { row } = entry;
    if (row.kind !== "file") return { row, content: undefined };
    return { row, content: { kind: "bytes", bytes: contentOf(this.#next, row.size, [entry]) } };
  }

  /** Whether nothing has to be stored. When only the row of a file is new, that is taken down. */
  async #stays(before: PageEntry, { row, extents }: PageEntry): Promise<boolean> {
    const isSame = equalRows(before.row, row);
    if (row.kind !== "file" || before.row.kind !== "file") return isSame;
    if (before.row.size !== row.size || !samePlaces(before.extents, extents)) return false;
    if (isSame) return true;
    const places: Extent[] = [];
    for await (const piece of this.#copy.find(row.path)) for (const extent of piece.extents) places.push(extent);
    this.rows.add({ row, provisional: false, extents: places, mark: "kept" });
    this.counts.kept++;
    return true;
  }

  #gone(row: Row): void {
    this.rows.add({ row: provisionalRow(row.path, "directory"), provisional: false, extents: [], mark: "gone" });
    this.counts.gone++;
    this.#uncount(row);
  }

  #uncount(row: Row): void {
    const names = {
      file: "files",
      directory: "directories",
      symlink: "symlinks",
      hardlink: "hardlinks",
      fifo: "fifos",
    } as const;
    this.#totals[names[row.kind]]--;
    this.#totals.entries--;
    this.#totals.bytes -= row.size;
  }
}

async function take(entries: AsyncGenerator<PageEntry>): Promise<PageEntry | undefined> {
  const { value, done } = await entries.next();
  return done === true ? undefined : value;
}
