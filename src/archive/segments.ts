/** The segments of an archive: where each is, what opens its frames, and what its end says. */
import type { Bytes } from "../engine/engine.ts";
import { checkPagesBefore, decodeIndex, type PagePlace } from "../format/catalog_index.ts";
import { ArchiveError } from "../format/errors.ts";
import { FRAME_TYPE, frameLength, FrameOrder, SKIPPABLE_TYPES } from "../format/frame.ts";
import { deriveSegmentKey } from "../format/keys.ts";
import { TABLE_PAGE_ROWS } from "../format/limits.ts";
import type { Locator } from "../format/locator.ts";
import type { BlockPlace } from "../format/row.ts";
import {
  decodeSegmentTable,
  firstListed,
  type ListedSegment,
  type SegmentTable,
  type TablePage,
} from "../format/segment_table.ts";
import { decodeSnapshotTable, type ListedSnapshot, type SnapshotTable } from "../format/snapshot_table.ts";
import { checkDeduplicated, decodeTrailer, type Trailer } from "../format/tables.ts";
import { physicalLength, type SegmentStart } from "../recovery/geometry.ts";
import { BodySource, physicalPlace } from "./body_source.ts";
import { CatalogRun, READ_AHEAD_BYTES } from "./catalog_run.ts";
import { FrameCipher } from "./frame_cipher.ts";
import { FrameSource, type OpenedFrame } from "./frame_source.ts";
import type { RecordKeys } from "./record_cipher.ts";
import type { Source } from "./source.ts";

/** Segments whose keys and frames are kept at hand. */
const KEPT_SEGMENTS = 16;

/** What opens the frames of one segment. */
export interface SegmentAccess {
  /** 32 bytes. */
  readonly segmentKey: Bytes;
  /** Where the segment ends, counted from the body's start. */
  readonly end: number;
  /** Where it begins. */
  readonly start: SegmentStart;
}

/** What the end of a segment says. */
export interface SegmentEnd {
  readonly pages: readonly PagePlace[];
  readonly trailer: Trailer;
  readonly segmentTable: SegmentTable;
  readonly snapshotTable: SnapshotTable;
  /** Where the two tables are. */
  readonly tablePlaces: { readonly segments: BlockPlace; readonly snapshots: BlockPlace };
}

/** All segments up to the newest one. */
export class Segments {
  readonly keys: RecordKeys;
  /** Where the body begins in the archive. */
  readonly bodyOffset: number;
  readonly newest: ListedSegment;
  readonly #source: Source;
  readonly #frames = new Map<number, FrameSource>();
  readonly #accesses = new Map<number, SegmentAccess>();
  readonly #pages = new Map<number, Promise<readonly ListedSegment[]>>();
  readonly #deduplicated: boolean | undefined;
  #end: SegmentEnd | undefined;
  /** The lowest number of a segment of which it is known where it stands in the file. */
  #placed: number;

  /** `deduplicated` is what the header says; absent where that is what is to be found out. */
  constructor(
    source: Source,
    keys: RecordKeys,
    bodyOffset: number,
    newest: ListedSegment,
    deduplicated: boolean | undefined,
  ) {
    this.#deduplicated = deduplicated;
    this.#source = source;
    this.keys = keys;
    this.bodyOffset = bodyOffset;
    this.newest = newest;
    this.#placed = newest.locator.segment.number;
  }

  /** The percentage of the archive's recovery layer; 0 without one. */
  get recovery(): number {
    return this.#source instanceof BodySource ? this.#source.percent : 0;
  }

  /** Where a segment that is known begins. */
  startOf({ offset, length }: Locator): SegmentStart {
    const place = physicalPlace(this.#source, { offset, length });
    if (place === undefined) {
      throw new ArchiveError(
        "damaged",
        "Cannot read the archive: where one of its segments stands in the file is lost",
      );
    }
    return { offset, physical: place.start };
  }

  /**
   * Finds out where a segment stands in the file, from the lengths of all that follow it: with a recovery layer,
   * nothing but the newest one's place is written down.
   */
  async #place(number: number): Promise<void> {
    const source = this.#source;
    if (!(source instanceof BodySource)) return;
    while (this.#placed > number) {
      const rows = await this.#listed(Math.floor((this.#placed - 1) / TABLE_PAGE_ROWS));
      for (const { locator } of rows.toReversed()) {
        const { offset, length, segment } = locator;
        if (segment.number !== this.#placed - 1) continue;
        const physical = (source.startOf(offset + length) ?? 0) - physicalLength(source.percent, length);
        if (segment.number === 0 ? physical !== 0 : physical <= offset) throw misplaced();
        source.add({ offset, physical });
        this.#placed--;
      }
    }
  }

  /** What the newest segment's end says. */
  async newestEnd(): Promise<SegmentEnd> {
    return this.#end ??= await this.#readEnd(this.newest);
  }

  /** What a segment's end says. */
  async end(number: number): Promise<SegmentEnd> {
    return number === this.newest.locator.segment.number
      ? await this.newestEnd()
      : await this.#readEnd(await this.get(number));
  }

  async #readEnd(segment: ListedSegment): Promise<SegmentEnd> {
    const end = await readEnd(this.#framesOf(segment), segment);
    if (this.#deduplicated !== undefined) checkDeduplicated(end.trailer, this.#deduplicated);
    return end;
  }

  /**
   * A segment by its number, which is not above the newest one's.
   *
   * @throws {ArchiveError} when the table that lists it is bad.
   */
  async get(number: number): Promise<ListedSegment> {
    const newest = this.newest.locator.segment.number;
    if (number === newest) return this.newest;
    if (!(number >= 0 && number < newest)) throw new RangeError(`Cannot find segment ${number}: there is none`);
    await this.#place(number);
    const page = Math.floor(number / TABLE_PAGE_ROWS);
    const rows = await this.#listed(page);
    return rows[number - page * TABLE_PAGE_ROWS] as ListedSegment;
  }

  async #listed(page: number): Promise<readonly ListedSegment[]> {
    const { segmentTable } = await this.newestEnd();
    if (page === firstListed(this.newest.locator.segment.number) / TABLE_PAGE_ROWS) return segmentTable.rows;
    let rows = this.#pages.get(page);
    if (rows === undefined) this.#pages.set(page, rows = this.#readPage(page));
    return await rows;
  }

  /** Opens frames of the segment that holds full pages: it follows the last one that they list. */
  async #holder(
    page: number,
  ): Promise<{ readonly ref: TablePage; readonly frames: FrameSource; readonly number: number }> {
    const { segmentTable } = await this.newestEnd();
    const ref = segmentTable.pages[page] as TablePage;
    const number = (page + 1) * TABLE_PAGE_ROWS;
    await this.#place(number);
    const { engine, suite, archiveKey, id } = this.keys;
    const key = deriveSegmentKey(engine, archiveKey, suite, id, { number, salt: ref.salt, link: ref.link });
    // Where it stands is known only where it had to be found out.
    const start = this.#source instanceof BodySource ? (await this.get(number)).locator.offset : 0;
    const bounds = { start, end: this.newest.locator.offset };
    const frames = new FrameSource(this.#source, new FrameCipher(engine, suite, key), this.bodyOffset, bounds);
    return { ref, frames, number };
  }

  async #readPage(page: number): Promise<readonly ListedSegment[]> {
    const { ref: { salt, link, place }, frames, number } = await this.#holder(page);
    const { head, raw } = await frames.expected(place, FRAME_TYPE.segmentTable);
    return decodeSegmentTable(raw, head.rows, { segment: { number, salt, link } }).rows;
  }

  /** What an earlier snapshot was, or the newest one. */
  async snapshot(number: number): Promise<ListedSnapshot> {
    const newest = this.newest.locator.segment.number;
    const { snapshotTable, trailer } = await this.newestEnd();
    if (number === newest) return trailer;
    const start = firstListed(newest);
    if (number >= start) return snapshotTable.rows[number - start] as ListedSnapshot;
    const rows = await this.#listedSnapshots(Math.floor(number / TABLE_PAGE_ROWS));
    return rows[number % TABLE_PAGE_ROWS] as ListedSnapshot;
  }

  #snapshotPages = new Map<number, Promise<readonly ListedSnapshot[]>>();

  async #listedSnapshots(page: number): Promise<readonly ListedSnapshot[]> {
    let rows = this.#snapshotPages.get(page);
    if (rows === undefined) this.#snapshotPages.set(page, rows = this.#readSnapshots(page));
    return await rows;
  }

  async #readSnapshots(page: number): Promise<readonly ListedSnapshot[]> {
    const { snapshotTable } = await this.newestEnd();
    const { frames, number } = await this.#holder(page);
    const place = snapshotTable.pages[page] as BlockPlace;
    const { head, raw } = await frames.expected(place, FRAME_TYPE.snapshotTable);
    return decodeSnapshotTable(raw, head.rows, number, place.offset).rows;
  }

  /** The frames of a segment. */
  async frames(number: number): Promise<FrameSource> {
    return this.#frames.get(number) ?? this.#framesOf(await this.get(number));
  }

  #framesOf(segment: ListedSegment): FrameSource {
    const { number } = segment.locator.segment;
    const kept = this.#frames.get(number);
    if (kept !== undefined) return kept;
    const { segmentKey, end, start } = this.#accessOf(segment);
    const { engine, suite } = this.keys;
    const cipher = new FrameCipher(engine, suite, segmentKey);
    const frames = new FrameSource(this.#source, cipher, this.bodyOffset, { start: start.offset, end });
    dropOldest(this.#frames);
    this.#frames.set(number, frames);
    return frames;
  }

  /** What opens the frames of a segment elsewhere. */
  async access(number: number): Promise<SegmentAccess> {
    const kept = this.#accesses.get(number);
    if (kept !== undefined) return kept;
    const access = this.#accessOf(await this.get(number));
    dropOldest(this.#accesses);
    this.#accesses.set(number, access);
    return access;
  }

  #accessOf({ locator }: ListedSegment): SegmentAccess {
    const { engine, suite, archiveKey, id } = this.keys;
    return {
      segmentKey: deriveSegmentKey(engine, archiveKey, suite, id, locator.segment),
      end: locator.offset + locator.length,
      start: this.startOf(locator),
    };
  }

  /** The runs of a snapshot's catalog, the newest first. */
  async runs(number: number, { pages, trailer }: SegmentEnd): Promise<readonly CatalogRun[]> {
    const runs = [new CatalogRun(number, await this.frames(number), pages, this.#deduplicated !== false)];
    for (const segment of trailer.runs ?? []) {
      const listed = await this.get(segment);
      const frames = this.#framesOf(listed);
      const { index } = listed.locator;
      await frames.prefetch(index.offset, 2 ** 16, 1);
      const { head, raw } = await frames.frame(index);
      if (head.type !== FRAME_TYPE.index) throw disagreement();
      const below = decodeIndex(raw, head.rows, index.offset);
      checkPagesBefore(below, index);
      runs.push(new CatalogRun(segment, frames, below, this.#deduplicated !== false));
    }
    return runs;
  }
}

/** Makes room for one more segment. */
function dropOldest(kept: Map<number, unknown>): void {
  const oldest = kept.keys().next();
  if (kept.size >= KEPT_SEGMENTS && oldest.done !== true) kept.delete(oldest.value);
}

function misplaced(): ArchiveError {
  return new ArchiveError(
    "inconsistent",
    "Cannot accept the archive: the newest segment does not stand where those before it end",
  );
}

function disagreement(): ArchiveError {
  return new ArchiveError("inconsistent", "Cannot accept the archive: its locator and its trailer disagree");
}

/** Reads index, tables and trailer: the frames from the index through the trailer, in their order. */
async function readEnd(frames: FrameSource, { locator }: ListedSegment): Promise<SegmentEnd> {
  const order = new FrameOrder();
  const { number } = locator.segment;
  const end = locator.trailer.offset + locator.trailerBytes;
  await frames.prefetch(locator.index.offset, Math.min(READ_AHEAD_BYTES, end - locator.index.offset));
  let pages: readonly PagePlace[] = [];
  let segmentTable: SegmentTable = { pages: [], rows: [] };
  let snapshotTable: SnapshotTable = { pages: [], rows: [] };
  const places: { segments: BlockPlace; snapshots: BlockPlace } = {
    segments: { ...locator.index, frameBytes: 0 },
    snapshots: { ...locator.index, frameBytes: 0 },
  };
  let { offset, frame } = locator.index;
  for (;; frame++) {
    const head = await frames.head({ offset, frame });
    if (frame === locator.index.frame && head.type !== FRAME_TYPE.index) break;
    order.next(head.type, frame);
    const opened = head.type >= SKIPPABLE_TYPES ? undefined : await frames.frame({ offset, frame });
    const { raw, frameBytes } = opened as OpenedFrame ?? { frameBytes: frameLength(head.stored) };
    if (head.type === FRAME_TYPE.index) {
      pages = decodeIndex(raw, head.rows, locator.index.offset);
      checkPagesBefore(pages, locator.index);
    }
    if (head.type === FRAME_TYPE.segmentTable) {
      segmentTable = decodeSegmentTable(raw, head.rows, locator);
      places.segments = { offset, frame, frameBytes };
    }
    if (head.type === FRAME_TYPE.snapshotTable) {
      snapshotTable = decodeSnapshotTable(raw, head.rows, number, locator.offset);
      places.snapshots = { offset, frame, frameBytes };
    }
    if (head.type === FRAME_TYPE.trailer) {
      const trailer = decodeTrailer(raw, number);
      const agrees = offset === locator.trailer.offset && frame === locator.trailer.frame &&
        frameBytes === locator.trailerBytes && trailer.index.offset === locator.index.offset &&
        trailer.index.frame === locator.index.frame && trailer.pages === pages.length;
      if (!agrees) break;
      return { pages, trailer, segmentTable, snapshotTable, tablePlaces: places };
    }
    offset += frameBytes;
  }
  throw disagreement();
}
