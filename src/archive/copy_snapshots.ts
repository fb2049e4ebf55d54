/** Copies snapshots of one archive to another, each as what changed since the one before it. */
import type { Engine } from "../engine/engine.ts";
import { FRAME_TYPE } from "../format/frame.ts";
import type { PageEntry } from "../format/page.ts";
import { comparePaths } from "../format/path.ts";
import type { Extent } from "../format/row.ts";
import { equalRows, provisionalRow } from "../format/rows.ts";
import { type Tally, tally, type Totals } from "../format/tables.ts";
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
export type CopyingOptions = Omit<
  UpdateOptions,
  "label" | "time" | "isPartial" | "always" | "checkpointBytes" | "onCheckpoint"
>;

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
  const { time, label, partial, checkpoint = false } = next.trailer;
  const written = await updateArchive(engine, target, copy, new SnapshotChanges(engine, copy, previous, next), [], {
    ...options,
    label,
    time,
    // Chosen by name, it is all that there will be of it.
    isPartial: () => partial || checkpoint,
    always: true,
  });
  return written as WrittenUpdate;
}

/** Moved files that wait, and files that are gone, at most; what does not fit is stored anew. */
const MAX_HELD = 65_536;

/** What changed from one snapshot to the next, for an archive that has a copy of the first. */
class SnapshotChanges implements Changes {
  readonly counts: ChangeCounts = { stored: 0, kept: 0, moved: 0, gone: 0 };
  readonly rows: CatalogBuilder;
  readonly #copy: Archive;
  readonly #previous: Archive;
  readonly #next: Archive;
  /** Files that are gone from their paths, by where they begin. */
  readonly #lost = new Map<string, PageEntry>();
  readonly #totals: Tally;

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
    const held: PageEntry[] = [];
    try {
      let before = await take(old);
      for await (const entry of wholeEntries(this.#next)) {
        while (before !== undefined && comparePaths(before.row.path, entry.row.path) < 0) {
          this.#gone(before);
          before = await take(old);
        }
        const same = before?.row.path === entry.row.path ? before : undefined;
        if (same !== undefined) before = await take(old);
        if (same !== undefined && await this.#stays(same, entry)) continue;
        if (same !== undefined) this.#lose(same);
        if (entry.mark === "moved" && held.length < MAX_HELD) {
          held.push(entry);
          continue;
        }
        this.counts.stored++;
        yield this.#planned(entry);
      }
      for (; before !== undefined; before = await take(old)) this.#gone(before);
      for (const entry of held) {
        if (await this.#isMoved(entry)) continue;
        this.counts.stored++;
        yield this.#planned(entry);
      }
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
    const copied = await this.#copied(row.path);
    this.rows.add({ row, provisional: false, extents: copied.extents, mark: copied.moved ? "moved" : "kept" });
    this.counts.kept++;
    return true;
  }

  /** Where the copy has the content of a path. */
  async #copied(path: string): Promise<{ readonly extents: readonly Extent[]; readonly moved: boolean }> {
    const extents: Extent[] = [];
    let moved = false;
    for await (const piece of this.#copy.find(path)) {
      moved ||= piece.mark === "moved";
      for (const extent of piece.extents) extents.push(extent);
    }
    return { extents, moved };
  }

  /** Whether a file has the content of one that is gone from its path. Its row is then taken down. */
  async #isMoved({ row, extents }: PageEntry): Promise<boolean> {
    const from = this.#lost.get(placeOf(extents[0]));
    if (from === undefined || !samePlaces(from.extents, extents)) return false;
    const copied = await this.#copied(from.row.path);
    this.rows.add({ row, provisional: false, extents: copied.extents, mark: "moved" });
    this.counts.kept++;
    this.counts.moved++;
    tally(this.#totals, row);
    return true;
  }

  /** What the snapshot before has at a path does not stay there. */
  #lose(before: PageEntry): void {
    tally(this.#totals, before.row, -1);
    if (before.extents.length > 0 && this.#lost.size < MAX_HELD) this.#lost.set(placeOf(before.extents[0]), before);
  }

  #gone(before: PageEntry): void {
    const { row } = before;
    this.rows.add({ row: provisionalRow(row.path, "directory"), provisional: false, extents: [], mark: "gone" });
    this.counts.gone++;
    this.#lose(before);
  }
}

/** Where a file begins, as a name. */
function placeOf(extent: Extent | undefined): string {
  return extent === undefined ? "" : `${extent.block.segment ?? 0} ${extent.block.frame} ${extent.dataOffset}`;
}

async function take(entries: AsyncGenerator<PageEntry>): Promise<PageEntry | undefined> {
  const { value, done } = await entries.next();
  return done === true ? undefined : value;
}
