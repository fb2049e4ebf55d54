/**
 * Writes one segment: blocks as they are built, then the catalog, the tables, the trailer and the locator (FORMAT.md,
 * "Segment"). It only ever appends.
 */
import type { Bytes } from "../engine/engine.ts";
import { encodeIndex, type PagePlace } from "../format/catalog_index.ts";
import type { ChunkedBlock } from "../format/chunk_table.ts";
import { CODEC, FRAME_TYPE, type FrameHead, frameLength } from "../format/frame.ts";
import {
  deriveChunkIdKey,
  deriveGearTable,
  deriveSegmentKey,
  KEY_BYTES,
  type SegmentIdentity,
} from "../format/keys.ts";
import { MAX_BODY_BYTES, MAX_FRAME_BYTES, SEGMENT_ALIGNMENT } from "../format/limits.ts";
import { encodeLocator, type FramePlace, type Locator, RECORD_BYTES } from "../format/locator.ts";
import type { PageEntry } from "../format/page.ts";
import type { BlockPlace } from "../format/row.ts";
import { encodeSegmentTable, type SegmentTable } from "../format/segment_table.ts";
import { encodeSnapshotTable, type SnapshotTable } from "../format/snapshot_table.ts";
import { encodeTrailer, sumOf, type Totals, type Trailer } from "../format/tables.ts";
import type { BlockSetting, BuiltBlock, FailedPart } from "./block_builder.ts";
import type { CatalogBuilder } from "./catalog_builder.ts";
import { ChunkTables } from "./chunk_tables.ts";
import { type Level, prepareFrame } from "./compress.ts";
import { FrameCipher, type FrameContent } from "./frame_cipher.ts";
import { FrameNumbers } from "./frame_numbers.ts";
import { padmeLength, splitPadding } from "./padding.ts";
import { PageStore } from "./page_store.ts";
import { type RecordKeys, sealRecord } from "./record_cipher.ts";
import { type SegmentOptions, type Sink, spillOf } from "./segment_options.ts";
import { SegmentRows } from "./segment_rows.ts";

/** Where a segment stands in its archive. */
export interface SegmentPlace {
  readonly segment: SegmentIdentity;
  /** Where it begins, from the body's start. */
  readonly offset: number;
  /** The header's generation. */
  readonly generation: number;
}

/** What earlier segments add to the end of one. */
export interface Inheritance {
  readonly segmentTable: SegmentTable;
  readonly snapshotTable: SnapshotTable;
  /** Segments whose runs stay below this one's. */
  readonly runs: readonly number[];
  /**
   * Entries of this segment's run that its blocks do not have: paths that are gone, rows that are kept, and runs that
   * are merged into it. In path order; where a block has the path too, the block's row counts.
   */
  readonly entries: () => AsyncIterable<PageEntry>;
  /** What the snapshot holds besides the files and folders in this segment's blocks. */
  readonly totals: Totals;
  /** Whether a path is a file of the snapshot that this segment's blocks do not have. */
  readonly hasFile: (path: string) => Promise<boolean>;
}

/** A segment that was written. */
export interface WrittenSegment {
  /** SHA-256 of its locator. */
  readonly id: Bytes;
  readonly locator: Locator;
  /** What the snapshot's catalog holds. */
  readonly totals: Totals;
  /** What this segment's blocks add to it. */
  readonly stored: Totals;
}

/** Writes one segment. */
export class SegmentWriter {
  readonly #options: SegmentOptions;
  readonly #keys: RecordKeys;
  readonly #sink: Sink;
  readonly #random: (length: number) => Bytes;
  readonly #place: SegmentPlace;
  readonly #segmentKey: Bytes;
  readonly #cipher: FrameCipher;
  readonly #numbers = new FrameNumbers();
  readonly #rows: SegmentRows;
  readonly #chunks: ChunkTables;
  #lastBlock: BlockPlace | undefined;
  #started: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #written = 0;
  #blocks = 0;

  /** Begins a segment. Nothing is written yet. */
  constructor(
    keys: RecordKeys,
    place: SegmentPlace,
    sink: Sink,
    options: SegmentOptions,
    random: (length: number) => Bytes,
  ) {
    this.#keys = keys;
    this.#place = place;
    this.#options = options;
    this.#sink = sink;
    this.#random = random;
    this.#written = place.offset;
    const { engine, suite, archiveKey, id } = keys;
    this.#segmentKey = deriveSegmentKey(engine, archiveKey, suite, id, place.segment);
    this.#cipher = new FrameCipher(engine, suite, this.#segmentKey);
    this.#chunks = new ChunkTables(engine, this.level, spillOf(engine, options));
    const waiting = new PageStore(spillOf(engine, options));
    this.#rows = new SegmentRows(engine, this.level, place.segment.number, waiting);
  }

  /** Writes the segment's salt. Called again, it waits for the first call. */
  start(): Promise<void> {
    return this.#started ??= this.#write(this.#place.segment.salt.slice());
  }

  /** Whether anything was written, or will be. */
  get begun(): boolean {
    return this.#started !== undefined || this.#numbers.taken > 0;
  }

  /** Bytes written so far. */
  get bytes(): number {
    return this.#written - this.#place.offset;
  }

  /** What the blocks so far hold. */
  get stored(): Totals {
    return this.#rows.totals;
  }

  /** Rows of whole entries in the blocks so far, in path order. */
  rows(): Iterable<PageEntry> {
    return this.#rows.catalog.entries();
  }

  /** Whether every hardlink so far names a file of these blocks, or one for which `hasFile` says so. */
  hasLinkTargets(hasFile: Inheritance["hasFile"]): Promise<boolean> {
    return this.#rows.hasLinkTargets(hasFile);
  }

  /** The entries that could not be stored. */
  get failed(): ReadonlySet<string> {
    return this.#rows.failed;
  }

  /** How hard frames are compressed. */
  get level(): Level {
    return this.#options.level ?? "default";
  }

  /** What building this archive's blocks takes. */
  get setting(): BlockSetting {
    const { engine, suite, archiveKey } = this.#keys;
    const setting = { suite, segmentKey: this.#segmentKey, level: this.level };
    if (this.#options.dedup !== true) return setting;
    const cutting = { gear: deriveGearTable(engine, archiveKey), idKey: deriveChunkIdKey(engine, archiveKey) };
    return { ...setting, cutting };
  }

  /** The next block's frame number; blocks are written in the order of their numbers. */
  nextFrame(): number {
    return this.#numbers.take();
  }

  /** Ends the attempt: a block could not be built, and a number that may have been sealed is never sealed again. */
  abandon(): void {
    this.#numbers.end();
  }

  /** What the sink threw, if it did: the reason for whatever fails afterwards. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** Whether a file could not be stored as a whole. */
  hasFailed(path: string): boolean {
    return this.#rows.failed.has(path);
  }

  async #write(bytes: Bytes): Promise<void> {
    // Asked before the bytes are given away: whoever takes them may transfer their memory.
    const { length } = bytes;
    if (this.#numbers.ended) throw new Error("Cannot write: this segment attempt has ended");
    if (this.#written + length > MAX_BODY_BYTES) throw new RangeError("Cannot write the archive: it is too large");
    try {
      await this.#sink.write(bytes);
    } catch (error) {
      this.#numbers.end();
      this.#failure ??= { error };
      throw error;
    }
    this.#written += length;
  }

  /** Writes a built block and keeps its rows for the catalog. Returns the parts that failed. */
  async writeBlock(block: BuiltBlock): Promise<readonly FailedPart[]> {
    if (block.frame !== this.#blocks) throw new RangeError("Cannot write a block: it is not the next one");
    await this.start();
    const { number } = this.#place.segment;
    const at = { frame: block.frame, offset: this.#written, frameBytes: block.bytes.length };
    const place: BlockPlace = number === 0 ? at : { segment: number, ...at };
    await this.#write(block.bytes);
    this.#blocks++;
    this.#lastBlock = place;
    return this.#rows.add(block, place);
  }

  /** Where the block is that was written last. */
  get lastBlock(): BlockPlace | undefined {
    return this.#lastBlock;
  }

  /** Takes down which chunks a written block holds, for later updates. */
  addChunks(block: ChunkedBlock): void {
    this.#chunks.add(block);
  }

  /** Says that something was left out that this writer never saw, such as a folder that could not be read. */
  markPartial(): void {
    this.#rows.partial = true;
  }

  /** Writes what follows the blocks. Nothing can be written afterwards. More of the snapshot follows a checkpoint. */
  async finish(inheritance?: Inheritance, isCheckpoint = false): Promise<WrittenSegment> {
    await this.start();
    const { catalog: own, orphans, linkTargets } = this.#rows.end();
    const catalog = inheritance === undefined ? own : await own.joinedWith(inheritance.entries());
    const pages = await this.#writePages(catalog, linkTargets.size > 0);
    for (const target of linkTargets) {
      if (await inheritance?.hasFile(target)) continue;
      throw new TypeError(`Cannot store a hard link to ${JSON.stringify(target)}: no file has that path`);
    }
    const orphanPages = await this.#writePages(orphans, false);
    const index = await this.#writeItem(FRAME_TYPE.index, encodeIndex(pages), pages.length);
    const { segmentTable, snapshotTable } = inheritance ?? NOTHING_BEFORE;
    await this.#writeItem(FRAME_TYPE.segmentTable, encodeSegmentTable(segmentTable), segmentTable.rows.length);
    await this.#writeItem(FRAME_TYPE.snapshotTable, encodeSnapshotTable(snapshotTable), snapshotTable.rows.length);
    for (const table of this.#chunks.finish()) await this.#writeFrame(table);
    const totals = inheritance === undefined ? { ...this.stored } : sumOf(this.stored, inheritance.totals);
    const trailerStart = this.#written;
    const { segment, offset, generation } = this.#place;
    const trailer = await this.#writeItem(
      FRAME_TYPE.trailer,
      encodeTrailer(
        {
          ...this.#trailer(index, pages.length, orphanPages.length, totals, inheritance?.runs ?? []),
          ...(isCheckpoint ? { checkpoint: true } : {}),
        },
        segment.number,
      ),
      0,
    );
    const trailerBytes = this.#written - trailerStart;
    const { length, end } = await this.#writePadding();
    const locator: Locator = {
      generation,
      segment,
      offset,
      length,
      index,
      trailer,
      trailerBytes,
      snapshots: segment.number + 1,
    };
    const record = sealRecord(this.#keys, "locator", encodeLocator(locator), this.#random(KEY_BYTES));
    const id = this.#keys.engine.sha256(record);
    await this.#sync();
    // Together: where they end a page of the disk, a crash leaves both or none.
    const last = new Uint8Array(end.length + record.length);
    last.set(end);
    last.set(record, end.length);
    await this.#write(last);
    await this.#sync();
    this.#numbers.end();
    return { id, locator, totals, stored: { ...this.stored } };
  }

  async #sync(): Promise<void> {
    try {
      await this.#sink.sync?.();
    } catch (error) {
      this.#numbers.end();
      this.#failure ??= { error };
      throw error;
    }
  }

  #trailer(
    index: FramePlace,
    pages: number,
    orphanPages: number,
    totals: Totals,
    runs: readonly number[],
  ): Trailer {
    const now = Date.now();
    return {
      time: this.#options.time ?? { seconds: Math.floor(now / 1000), nanoseconds: (now % 1000) * 1_000_000 },
      label: this.#options.label ?? "",
      index,
      totals,
      blocks: this.#blocks,
      pages,
      orphanPages,
      partial: this.#rows.partial,
      writer: this.#options.writer ?? "",
      runs,
      ...(this.#options.dedup === true ? { deduplicated: true } : {}),
    };
  }

  async #writePages(builder: CatalogBuilder, resolve: boolean): Promise<PagePlace[]> {
    const places: PagePlace[] = [];
    for (const page of builder.finish()) {
      if (resolve) this.#rows.resolveLinks(page);
      const offset = this.#written;
      const frame = await this.#writeFrame(page);
      const frameBytes = this.#written - offset;
      places.push({ firstPath: page.firstPath, rows: page.head.rows, frame, offset, frameBytes });
    }
    return places;
  }

  async #writeFrame(content: FrameContent): Promise<number> {
    const frame = this.#numbers.take();
    await this.#write(this.#cipher.seal(frame, content));
    return frame;
  }

  async #writeItem(type: FrameHead["type"], raw: Bytes, rows: number): Promise<FramePlace> {
    if (raw.length > MAX_FRAME_BYTES) throw new RangeError("Cannot write the archive: its catalog index is too large");
    const offset = this.#written;
    const frame = await this.#writeFrame(prepareFrame(this.#keys.engine, { type, rows }, raw, this.level));
    return { offset, frame };
  }

  /** Writes padding up to where `end` and the locator fill a page exactly; returns those and the segment's length. */
  async #writePadding(): Promise<{ readonly length: number; readonly end: Bytes }> {
    const tail = frameLength(0) + RECORD_BYTES;
    const written = this.#written - this.#place.offset;
    const least = written + frameLength(0) + tail;
    const wanted = this.#options.pad === true ? padmeLength(least) : least;
    let length = Math.ceil(wanted / SEGMENT_ALIGNMENT) * SEGMENT_ALIGNMENT;
    if (splitPadding(length - tail - written) === undefined) length += SEGMENT_ALIGNMENT;
    for (const stored of splitPadding(length - tail - written) as readonly number[]) {
      const raw = new Uint8Array(stored);
      await this.#writeFrame(prepareFrame(this.#keys.engine, { type: FRAME_TYPE.padding, rows: 0 }, raw, "store"));
    }
    const head = { type: FRAME_TYPE.end, codec: CODEC.stored, raw: 0, stored: 0, rows: 0, crc: 0 };
    return { length, end: this.#cipher.seal(this.#numbers.take(), { head, stored: new Uint8Array(0) }) };
  }
}

const NOTHING_BEFORE = { segmentTable: { pages: [], rows: [] }, snapshotTable: { pages: [], rows: [] } } as const;
