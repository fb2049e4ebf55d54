/**
 * Takes out of a damaged archive of several snapshots what one of them had and what is intact (FORMAT.md, "Salvage").
 * The catalog leads, because blocks of many segments hold what is long gone; where a page of it is lost, so are names.
 */
import type { Engine } from "../engine/engine.ts";
import type { BlockEntry } from "../format/block.ts";
import { ArchiveError } from "../format/errors.ts";
import { FRAME_OVERHEAD, FRAME_TYPE, frameLength } from "../format/frame.ts";
import { MAX_FRAME_BYTES } from "../format/limits.ts";
import type { PageEntry } from "../format/page.ts";
import { comparePaths } from "../format/path.ts";
import type { BlockPlace, Extent, Row } from "../format/row.ts";
import type { Archive, CatalogEntry } from "./archive.ts";
import { addRange, type ByteRange, gapsIn, partsIn } from "./byte_ranges.ts";
import { openParts, salvageBlock, type SalvagedBlock } from "./damaged_block.ts";
import { FrameCipher } from "./frame_cipher.ts";
import { pauseEvery } from "./pause.ts";
import type { SalvageOptions } from "./salvage.ts";
import type { SalvagedPiece, SalvageEvent } from "./salvage_files.ts";
import type { Damage, SalvageSummary } from "./salvage_losses.ts";
import type { Source } from "./source.ts";

/** Above every frame number, so that one number can name a block of any segment. */
const SEGMENT_STEP = 2 ** 33;
/** Opened blocks that are kept: neighbouring files share blocks. */
const KEPT_BLOCKS = 4;
/** Where files share content, its blocks lie anywhere. */
const KEPT_BLOCKS_SHARED = 16;
/** Content of one file that is gathered before it is given out as a part. */
const PART_BYTES = 2 ** 23;

/** Paths from `start` up to and without `end` that no page speaks of; without an end, all that come after. */
interface LostPaths {
  readonly start: string;
  readonly end: string | undefined;
}

interface IndexedSalvage {
  readonly block: SalvagedBlock;
  readonly byPath: ReadonlyMap<string, BlockEntry>;
}

/** A file whose pieces are being gathered. */
interface OpenFile {
  readonly row: Row;
  extents: number;
  recovered: number;
  readonly lost: ByteRange[];
  pieces: SalvagedPiece[];
  bytes: number;
}

/** One snapshot of a damaged archive. */
export class SnapshotSalvage {
  readonly #engine: Engine;
  readonly #source: Source;
  readonly #archive: Archive;
  readonly #options: SalvageOptions;
  readonly #isNewest: boolean;
  readonly #pause = pauseEvery();
  readonly #damage: Damage[] = [];
  readonly #lostPaths: LostPaths[] = [];
  #isSearched = false;
  readonly #kept = new Map<number, IndexedSalvage | undefined>();
  readonly #states = { whole: new Set<number>(), part: new Set<number>(), lost: new Set<number>() };

  /** Takes an opened snapshot; `isNewest` says whether it is the one that was meant. */
  constructor(engine: Engine, source: Source, archive: Archive, isNewest: boolean, options: SalvageOptions) {
    this.#engine = engine;
    this.#source = source;
    this.#archive = archive;
    this.#isNewest = isNewest;
    this.#options = options;
  }

  /** See `Salvage.summary`. */
  summary(): SalvageSummary {
    const { whole, part, lost } = this.#states;
    const isCatalogWhole = this.#lostPaths.length === 0;
    return {
      blocks: whole.size + part.size + lost.size,
      lostBlocks: lost.size,
      partBlocks: part.size,
      isCatalogWhole,
      mayLackMore: !isCatalogWhole || !this.#isNewest,
      isCutOff: !this.#isNewest,
      damage: this.#damage.toSorted((a, b) => a.start - b.start),
    };
  }

  /** See `Salvage.events`. */
  async *events(): AsyncGenerator<SalvageEvent> {
    await this.findLostPaths();
    let file: OpenFile | undefined;
    for await (const entry of this.#entries()) {
      const { row } = entry;
      if (file !== undefined && !(entry.continued && file.row.path === row.path)) {
        yield* finish(file);
        file = undefined;
      }
      if (row.kind === "directory") yield { kind: "directory", row };
      if (row.kind !== "file") continue;
      file ??= { row, extents: 0, recovered: 0, lost: [], pieces: [], bytes: 0 };
      for (const extent of entry.extents) {
        await this.#take(file, extent, entry.mark === "moved");
        if (file.bytes < PART_BYTES) continue;
        yield { kind: "part", path: row.path, pieces: file.pieces };
        file.pieces = [];
        file.bytes = 0;
      }
    }
    if (file !== undefined) yield* finish(file);
    for (const isHard of [false, true]) {
      for await (const { row, continued } of this.#entries()) {
        const { kind } = row;
        if (continued || kind === "file" || kind === "directory") continue;
        if ((kind === "hardlink") === isHard) yield { kind: "link", row };
      }
    }
    yield* this.#folders();
  }

  /** Folders, those within others first: as they come in path order, a stack is enough. */
  async *#folders(): AsyncGenerator<SalvageEvent> {
    const open: Row[] = [];
    for await (const { row } of this.#entries()) {
      if (row.kind !== "directory") continue;
      for (let top = open.at(-1); top !== undefined && !row.path.startsWith(`${top.path}/`); top = open.at(-1)) {
        if (top.path === ".") break;
        yield { kind: "folder", row: top };
        open.pop();
      }
      open.push(row);
    }
    for (const row of open.toReversed()) yield { kind: "folder", row };
  }

  async #take(file: OpenFile, extent: Extent, moved: boolean): Promise<void> {
    const { fileOffset, length, dataOffset } = extent;
    file.extents++;
    const intact = await this.#intactOf(moved ? undefined : file.row.path, extent);
    const recovered: ByteRange[] = [];
    for (const { bytes, start } of intact) {
      const at = fileOffset + start - dataOffset;
      addRange(recovered, at, at + bytes.length);
      file.pieces.push({ fileOffset: at, bytes });
      file.bytes += bytes.length;
      file.recovered += bytes.length;
    }
    for (const { start, end } of gapsIn(recovered, fileOffset, fileOffset + length)) addRange(file.lost, start, end);
  }

  /**
   * What is intact of an extent, if its block has the very same slice of the very same path, or of any, or it is
   * shared.
   */
  async #intactOf(
    path: string | undefined,
    extent: Extent,
  ): Promise<{ readonly start: number; readonly bytes: Uint8Array }[]> {
    const { fileOffset, length, dataOffset } = extent;
    const found = await this.#block(extent.block);
    const data = found?.block.block?.data;
    if (extent.shared) return found === undefined || data === undefined ? [] : intactBytes(found.block, data, extent);
    const entries = path === undefined ? found?.byPath.values().toArray() : [found?.byPath.get(path)];
    const slice = entries?.flatMap((entry) => entry?.slices ?? []).find((slice) => slice.dataOffset === dataOffset);
    if (found === undefined || data === undefined || slice?.fileOffset !== fileOffset || slice.length !== length) {
      return [];
    }
    return intactBytes(found.block, data, extent);
  }

  async #block(place: BlockPlace): Promise<IndexedSalvage | undefined> {
    const name = (place.segment ?? 0) * SEGMENT_STEP + place.frame;
    if (this.#kept.has(name)) return this.#kept.get(name);
    await this.#pause();
    this.#options.signal?.throwIfAborted();
    const block = await this.#open(place, !this.#isKnown(name));
    const { whole, part, lost } = this.#states;
    (block?.block === undefined ? lost : block.isWhole ? whole : part).add(name);
    const indexed = block?.block === undefined
      ? undefined
      : { block, byPath: new Map(block.block.entries.map((entry) => [entry.row.path, entry])) };
    const oldest = this.#kept.keys().next();
    const most = this.#archive.isDeduplicated ? KEPT_BLOCKS_SHARED : KEPT_BLOCKS;
    if (this.#kept.size >= most && oldest.done !== true) this.#kept.delete(oldest.value);
    this.#kept.set(name, indexed);
    return indexed;
  }

  #isKnown(name: number): boolean {
    return Object.values(this.#states).some((names) => names.has(name));
  }

  /** Opens what it can of a block; `isNew` says whether its damage is to be noted. */
  async #open(place: BlockPlace, isNew: boolean): Promise<SalvagedBlock | undefined> {
    const { frame, offset, frameBytes } = place;
    const { segmentKey, end } = await this.#archive.accessTo(place);
    const at = this.#archive.setting.bodyOffset + offset;
    const note = (start: number, stop: number, what: Damage["what"]) => {
      if (isNew) this.#damage.push({ start, end: stop, what, frame, type: FRAME_TYPE.block });
    };
    if (frameBytes < FRAME_OVERHEAD || frameBytes > frameLength(MAX_FRAME_BYTES) || offset + frameBytes > end) {
      return undefined;
    }
    const bytes = await this.#source.read(at, frameBytes);
    const cipher = new FrameCipher(this.#engine, this.#archive.setting.suite, segmentKey);
    try {
      const head = cipher.tryHead(frame, bytes);
      if (head?.type === FRAME_TYPE.block && frameLength(head.stored) === frameBytes) {
        const parts = openParts(this.#engine, cipher, frame, head, bytes.subarray(FRAME_OVERHEAD));
        for (const { start, end } of parts.damaged) note(at + start, at + end, "chunks");
        if (parts.fault !== undefined) note(at, at + frameBytes, "content");
        this.#options.onProgress?.(bytes.length);
        return salvageBlock(frame, head, parts);
      }
    } catch (error) {
      if (!(error instanceof ArchiveError)) throw error;
    }
    note(at, at + frameBytes, "chunks");
    return undefined;
  }

  /** Whether pages of the catalog are lost, and so paths; known when {@linkcode findLostPaths} has been called. */
  get hasLostPaths(): boolean {
    return this.#lostPaths.length > 0;
  }

  /** Whether a path may be one of those. */
  isLost(path: string): boolean {
    return this.#lostPaths.some(({ start, end }) =>
      comparePaths(path, start) >= 0 && (end === undefined || comparePaths(path, end) < 0)
    );
  }

  /** Reads every page of every run once, and notes of which paths nothing is known when one is lost. */
  async findLostPaths(): Promise<void> {
    if (this.#isSearched) return;
    this.#isSearched = true;
    for (const run of this.#archive.runs) {
      for (let page = 0; page < run.pageCount; page++) {
        await this.#pause();
        this.#options.signal?.throwIfAborted();
        try {
          await run.page(page);
        } catch (error) {
          if (!(error instanceof ArchiveError)) throw error;
          const { offset, frame } = error.place;
          if (offset !== undefined) {
            const where = {
              start: offset,
              end: offset + FRAME_OVERHEAD,
              what: "chunks" as const,
              type: FRAME_TYPE.page,
            };
            this.#damage.push(frame === undefined ? where : { ...where, frame });
          }
          this.#lostPaths.push({ start: run.firstPath(page) as string, end: run.firstPath(page + 1) });
        }
      }
    }
    this.#lostPaths.sort((a, b) => comparePaths(a.start, b.start));
  }

  /**
   * The snapshot's entries, without those of paths whose page is lost in any run: an older run would have an older row,
   * or one of what has been deleted since.
   */
  async *#entries(): AsyncGenerator<CatalogEntry & PageEntry> {
    let from: string | undefined;
    for (let next = 0; next <= this.#lostPaths.length; next++) {
      const gap = this.#lostPaths[next];
      try {
        for await (const entry of this.#archive.entries(from)) {
          if (gap !== undefined && comparePaths(entry.row.path, gap.start) >= 0) break;
          yield entry;
        }
      } catch (error) {
        // The page of the gap was read ahead of it.
        if (!(error instanceof ArchiveError) || gap === undefined) throw error;
      }
      if (gap === undefined || gap.end === undefined) return;
      if (from === undefined || comparePaths(gap.end, from) > 0) from = gap.end;
    }
  }
}

/** What is intact of a range of a block's data. */
function intactBytes(
  { intact }: SalvagedBlock,
  data: Uint8Array,
  { dataOffset, length }: Extent,
): { readonly start: number; readonly bytes: Uint8Array }[] {
  return partsIn(intact, dataOffset, dataOffset + length)
    .map(({ start, end }) => ({ start, bytes: data.subarray(start, end) }));
}

function* finish({ row, extents, recovered, lost, pieces }: OpenFile): Generator<SalvageEvent> {
  if (extents > 0 && recovered === 0) yield { kind: "lost", row };
  else yield { kind: "file", row, pieces, lost, isRowLost: false };
}
