/** What the blocks of one segment hold: rows for its catalog, and for orphan pages what got no full row. */
import type { Engine } from "../engine/engine.ts";
import { FRAME_TYPE } from "../format/frame.ts";
import type { BlockPlace, Extent, Row, Slice } from "../format/row.ts";
import { provisionalRow } from "../format/rows.ts";
import { emptyTally, tally } from "../format/tables.ts";
import { type BuiltBlock, type FailedPart, type HeldPlan, plannedOutcomes, type SharedSlice } from "./block_builder.ts";
import { CatalogBuilder, type ReadyPage } from "./catalog_builder.ts";
import type { Level } from "./compress.ts";
import type { PageStore } from "./page_store.ts";

/** A file whose last slice has not been written yet. */
interface OpenFile {
  readonly path: string;
  readonly extents: Extent[];
  failed: boolean;
}

/** The rows of one segment. */
export class SegmentRows {
  readonly catalog: CatalogBuilder;
  readonly orphans: CatalogBuilder;
  /** What the blocks so far hold. */
  readonly totals = emptyTally();
  /** Entries that could not be stored: what links to them cannot either. */
  readonly failed = new Set<string>();
  /** Targets of the hardlinks in the catalog; each must turn out to be a file of it. */
  readonly linkTargets = new Set<string>();
  /** Whether something is missing, or changed while it was read. */
  partial = false;
  #open: OpenFile | undefined;

  /** Begins with none. Pages are kept in `waiting`. */
  constructor(engine: Engine, level: Level, segment: number, waiting: PageStore) {
    this.catalog = new CatalogBuilder(engine, level, FRAME_TYPE.page, segment, waiting);
    this.orphans = new CatalogBuilder(engine, level, FRAME_TYPE.orphanPage, segment, waiting);
  }

  /** Takes what a block holds that was written at `place`. Returns the parts that failed. */
  add(block: BuiltBlock, place: BlockPlace): readonly FailedPart[] {
    if (block.held !== undefined && this.#keepHeld(block.held, place)) return [];
    const failed: FailedPart[] = [];
    for (const outcome of block.held === undefined ? block.outcomes : plannedOutcomes(block.held.parts)) {
      if (!outcome.ok) {
        this.#fail(outcome.row, outcome.last);
        failed.push(outcome);
        continue;
      }
      const { row, provisional, slices } = outcome.entry;
      if (row.kind === "hardlink" && this.failed.has(row.link)) {
        this.partial = true;
        this.failed.add(row.path);
        this.orphans.add({ row, provisional: false, extents: [] });
        failed.push({ ok: false, row, last: true, problem: new Error("its first name could not be stored") });
        continue;
      }
      this.#keep(row, provisional, extentsOf(slices, outcome.shared, place));
    }
    return failed;
  }

  /** Whether every hardlink so far names a file of these blocks, or one for which `hasFile` says so. */
  async hasLinkTargets(hasFile: (path: string) => Promise<boolean>): Promise<boolean> {
    const targets = new Set(this.linkTargets);
    if (targets.size === 0) return true;
    for (const { row } of this.catalog.entries()) if (row.kind === "file") targets.delete(row.path);
    for (const target of targets) if (!await hasFile(target)) return false;
    return true;
  }

  /** Ends it: no block follows. */
  end(): this {
    this.#orphan();
    return this;
  }

  /** Keeps the rows of a block as a page of its own; returns false where they have to be kept one by one. */
  #keepHeld({ parts, rows }: HeldPlan, place: BlockPlace): boolean {
    if (this.failed.size > 0 && parts.some(({ row }) => row.kind === "hardlink" && this.failed.has(row.link))) {
      return false;
    }
    if (!this.catalog.addWhole(parts, rows.columns, place)) return false;
    this.#orphan();
    for (const { row } of parts) {
      if (row.kind === "hardlink") this.linkTargets.add(row.link);
      this.#count(row);
    }
    return true;
  }

  #keep(row: Row, provisional: boolean, extents: readonly Extent[]): void {
    if (this.#open !== undefined && this.#open.path !== row.path) this.#orphan();
    if (provisional) {
      this.#open ??= { path: row.path, extents: [], failed: false };
      for (const extent of extents) this.#open.extents.push(extent);
      return;
    }
    const open = this.#open;
    this.#open = undefined;
    const all = open === undefined ? extents : [...open.extents, ...extents];
    if (open?.failed) {
      this.failed.add(row.path);
      this.orphans.add({ row, provisional: false, extents: ownExtents(all) });
      return;
    }
    this.catalog.add({ row, provisional: false, extents: all });
    if (row.kind === "hardlink") this.linkTargets.add(row.link);
    this.#count(row);
  }

  #fail(row: Row, last: boolean): void {
    this.partial = true;
    this.failed.add(row.path);
    if (this.#open?.path !== row.path) {
      this.#orphan();
      this.#open = { path: row.path, extents: [], failed: true };
    }
    this.#open.failed = true;
    if (last) this.#orphan();
  }

  /** The open file gets no full row any more: what was written of it is named in an orphan page. */
  #orphan(): void {
    const open = this.#open;
    this.#open = undefined;
    const extents = ownExtents(open?.extents ?? []);
    if (open === undefined || extents.length === 0) return;
    this.orphans.add({ row: provisionalRow(open.path, "file"), provisional: true, extents });
  }

  #count(row: Row): void {
    tally(this.totals, row);
    if (row.changed) this.partial = true;
  }

  /** Takes those targets of hardlinks out of {@linkcode linkTargets} that a page has as files. */
  resolveLinks(page: ReadyPage): void {
    for (const { row, mark } of this.catalog.readBack(page)) {
      if (row.kind === "file" && mark !== "gone") this.linkTargets.delete(row.path);
    }
  }
}

/** An entry's places in file order: slices of the block, and what is shared. */
function extentsOf(
  slices: readonly Slice[],
  shared: readonly SharedSlice[] | undefined,
  block: BlockPlace,
): readonly Extent[] {
  const own = slices.map((slice): Extent => ({ ...slice, block }));
  if (shared === undefined || shared.length === 0) return own;
  const others = shared.map((slice): Extent => ({ ...slice, block: slice.block ?? block, shared: true }));
  return [...own, ...others].sort((a, b) => a.fileOffset - b.fileOffset);
}

/** What blocks hold under an entry's own path. */
function ownExtents(extents: readonly Extent[]): readonly Extent[] {
  return extents.filter(({ shared }) => !shared);
}
