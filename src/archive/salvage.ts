/**
 * Takes everything out of a damaged archive that is intact (FORMAT.md, "Salvage"). Contents come from chunks that
 * authenticate and from nowhere else, and a file is called whole only when every byte of it is there.
 */
import type { Bytes, Engine } from "../engine/engine.ts";
import { decodeIndex } from "../format/catalog_index.ts";
import { ArchiveError } from "../format/errors.ts";
import { FRAME_OVERHEAD, FRAME_TYPE, type FrameHead, frameLength } from "../format/frame.ts";
import { RECORD_BYTES } from "../format/locator.ts";
import { decodePage, type PageEntry } from "../format/page.ts";
import type { Row } from "../format/row.ts";
import { decodeTrailer, type Trailer } from "../format/tables.ts";
import type { OpenOptions } from "./archive.ts";
import { openParts, salvageBlock, type SalvagedBlock } from "./damaged_block.ts";
import type { FrameCipher } from "./frame_cipher.ts";
import { findFrames, type FrameMap } from "./frame_search.ts";
import { pauseEvery } from "./pause.ts";
import { SalvageCatalog } from "./salvage_catalog.ts";
import { FileJoiner, type SalvageEvent } from "./salvage_files.ts";
import { Losses, type SalvageSummary } from "./salvage_losses.ts";
import type { SalvageStart } from "./salvage_start.ts";
import { segmentCipher } from "./segment_tail.ts";
import type { Source } from "./source.ts";

export type { ByteRange } from "./byte_ranges.ts";
export type { SalvageEvent } from "./salvage_files.ts";

/** How an archive is salvaged. */
export interface SalvageOptions extends OpenOptions {
  /** Ends the work early. */
  readonly signal?: AbortSignal | undefined;
  /** Called as the archive is read, with bytes and what for. */
  readonly onProgress?: (bytes: number) => void;
}

/** Everything else than content that is opened at once: what a page or an index can be. */
type Opened = { readonly head: FrameHead; readonly raw: Bytes };

/** A damaged archive, opened as far as it can be. */
export class Salvage {
  /** What is known besides the frames. */
  readonly start: SalvageStart;
  readonly #source: Source;
  readonly #engine: Engine;
  readonly #cipher: FrameCipher;
  readonly #options: Omit<SalvageOptions, "keys">;
  readonly #map: FrameMap;
  readonly #pause = pauseEvery();
  readonly #losses = new Losses();
  #blocksRead = false;
  #catalog!: SalvageCatalog;
  /** The archive's own totals, if its trailer is intact. */
  trailer: Trailer | undefined;

  private constructor(
    engine: Engine,
    source: Source,
    start: SalvageStart,
    cipher: FrameCipher,
    map: FrameMap,
    options: Omit<SalvageOptions, "keys">,
  ) {
    this.#engine = engine;
    this.#source = source;
    this.start = start;
    this.#cipher = cipher;
    this.#map = map;
    this.#options = options;
  }

  /**
   * Opens what is left of one segment: finds its frames and, of the first one, reads the catalog.
   *
   * @throws {ArchiveError} when no key opens it, or when what its content needs is lost; I/O errors pass through.
   */
  static async open(
    engine: Engine,
    source: Source,
    start: SalvageStart,
    options: Omit<SalvageOptions, "keys">,
  ): Promise<Salvage> {
    const cipher = segmentCipher(start.keys, start.segment);
    const end = start.locatorAt ?? start.end ?? source.size;
    const map = await findFrames(source, cipher, { start: start.firstFrame, end, signal: options.signal });
    const salvage = new Salvage(engine, source, start, cipher, map, options);
    await salvage.#readCatalog();
    await salvage.#noteDamage();
    return salvage;
  }

  /** What is missing; complete when all events have been taken. */
  summary(): SalvageSummary {
    const { isComplete } = this.#catalog;
    return this.#losses.summary(this.start, this.#source.size, this.#map.end === undefined, isComplete);
  }

  /**
   * Everything that can be had, in this order: contents as the blocks hold them, then what the catalog adds, then
   * links, and last what folders need when all is in them. Pieces are good until the next event is asked for.
   */
  async *events(): AsyncGenerator<SalvageEvent> {
    const joiner = new FileJoiner(this.#catalog);
    for await (const block of this.#blocks()) {
      if (block.block === undefined) joiner.gap();
      else for (const entry of block.block.entries) yield* joiner.take(block, entry);
    }
    if (!this.#losses.isBlocksEndKnown) joiner.gap();
    yield* joiner.end();
    this.#blocksRead = true;
    yield* this.#orphans();
    yield* this.#lostFiles();
    yield* this.#links();
    yield* this.#folders();
  }

  /** Every block in turn; those that are lost have nothing. */
  async *#blocks(): AsyncGenerator<SalvagedBlock> {
    for (let frame = 0; frame < this.#losses.blocksEnd; frame++) {
      const block = await this.#block(frame);
      if (!this.#blocksRead) this.#losses.takeBlock(block);
      yield block;
    }
  }

  async #block(frame: number): Promise<SalvagedBlock> {
    await this.#turn();
    const lost: SalvagedBlock = { frame, block: undefined, intact: [], isWhole: false };
    const at = this.#map.places[frame];
    if (at === undefined || this.#map.types[frame] !== FRAME_TYPE.block) return lost;
    const head = await this.#head(frame, at);
    if (head === undefined) return lost;
    const chunks = await this.#source.read(at + FRAME_OVERHEAD, frameLength(head.stored) - FRAME_OVERHEAD);
    const parts = openParts(this.#engine, this.#cipher, frame, head, chunks);
    if (!this.#blocksRead) {
      this.#options.onProgress?.(chunks.length);
      this.#losses.addParts(frame, at, head, parts);
    }
    return salvageBlock(frame, head, parts);
  }

  async #turn(): Promise<void> {
    await this.#pause();
    this.#options.signal?.throwIfAborted();
  }

  async #head(frame: number, at: number): Promise<FrameHead | undefined> {
    try {
      return this.#cipher.tryHead(frame, await this.#source.read(at, FRAME_OVERHEAD));
    } catch (error) {
      if (error instanceof ArchiveError) return undefined;
      throw error;
    }
  }

  /** Opens a frame of which all has to be there. */
  async #whole(frame: number, type: number): Promise<Opened | undefined> {
    await this.#turn();
    const at = this.#map.places[frame];
    if (at === undefined || this.#map.types[frame] !== type) return undefined;
    const head = await this.#head(frame, at);
    if (head === undefined) return undefined;
    const chunks = await this.#source.read(at + FRAME_OVERHEAD, frameLength(head.stored) - FRAME_OVERHEAD);
    try {
      return chunks.length < frameLength(head.stored) - FRAME_OVERHEAD
        ? undefined
        : { head, raw: this.#cipher.openContent(frame, head, chunks) };
    } catch (error) {
      if (error instanceof ArchiveError) return undefined;
      throw error;
    }
  }

  /** Finds out which frames are blocks and which are pages, from what is left, and reads the pages. */
  async #readCatalog(): Promise<void> {
    const { types } = this.#map;
    const firstOf = (test: (type: number) => boolean) => types.findIndex((type) => type !== 0 && test(type));
    const lastBlock = types.lastIndexOf(FRAME_TYPE.block);
    const firstOther = firstOf((type) => type !== FRAME_TYPE.block);
    const firstBehindPages = firstOf((type) => type > FRAME_TYPE.page);
    const lastPage = types.lastIndexOf(FRAME_TYPE.page);
    let blocks = firstOther === lastBlock + 1 ? firstOther : undefined;
    let pagesEnd = firstBehindPages >= 0 && (types[firstBehindPages - 1] === FRAME_TYPE.page ||
        (blocks === firstBehindPages))
      ? firstBehindPages
      : undefined;
    const tail = await this.#readTail();
    blocks = tail.blocks ?? blocks;
    pagesEnd = tail.pagesEnd ?? pagesEnd;
    this.#losses.isBlocksEndKnown = blocks !== undefined;
    this.#losses.blocksEnd = Math.max(blocks ?? lastBlock + 1, lastBlock + 1);
    const first = blocks ?? Math.max(lastBlock + 1, 0);
    const end = pagesEnd ?? lastPage + 1;
    const numbers = Array.from({ length: Math.max(0, end - first) }, (_, i) => first + i);
    const open = async (frame: number) => {
      const opened = await this.#whole(frame, FRAME_TYPE.page);
      return opened === undefined ? undefined : { raw: opened.raw, rows: opened.head.rows };
    };
    // Rows of a further segment's run are of others' blocks as well, and say nothing of what those below it have.
    if (this.start.segment.number > 0) numbers.length = 0;
    const isKnown = blocks !== undefined && pagesEnd !== undefined && this.start.segment.number === 0;
    this.#catalog = await SalvageCatalog.read(open, numbers, isKnown);
  }

  /** What index and trailer say of the frames before them. */
  async #readTail(): Promise<{ readonly blocks?: number; readonly pagesEnd?: number }> {
    const { types } = this.#map;
    const trailer = await this.#whole(types.lastIndexOf(FRAME_TYPE.trailer), FRAME_TYPE.trailer);
    const index = types.lastIndexOf(FRAME_TYPE.index);
    const opened = await this.#whole(index, FRAME_TYPE.index);
    try {
      if (trailer !== undefined) {
        const decoded = decodeTrailer(trailer.raw, this.start.segment.number);
        this.trailer = decoded;
        // What it counts stands before it, or it is not what it should be.
        if (decoded.blocks + decoded.pages >= types.length) return {};
        return { blocks: decoded.blocks, pagesEnd: decoded.blocks + decoded.pages };
      }
      const pages = opened === undefined ? [] : decodeIndex(opened.raw, opened.head.rows);
      const [page] = pages;
      if (page !== undefined && page.frame + pages.length <= index) {
        return { blocks: page.frame, pagesEnd: page.frame + pages.length };
      }
    } catch (error) {
      if (!(error instanceof ArchiveError)) throw error;
    }
    return {};
  }

  /** Notes what is damaged besides the blocks' chunks, which are read later. */
  async #noteDamage(): Promise<void> {
    const { badCopies, bodyOffset, segment, header, locatorAt, firstFrame } = this.start;
    const segmentStart = this.start.segmentStart ?? bodyOffset;
    const sourceEnd = this.start.end ?? this.#source.size;
    for (const { start, end } of this.#map.gaps) this.#losses.add({ start, end, what: "frames" });
    for (const { start, end } of this.#map.jumps) this.#losses.add({ start, end, what: "order" });
    const isFirst = segment.number === 0;
    if (isFirst && header === undefined && bodyOffset > 0) {
      this.#losses.add({ start: 0, end: bodyOffset, what: "header" });
    }
    for (const name of isFirst ? badCopies : []) {
      const bytes = bodyOffset / 2;
      const start = name === "A" ? 0 : bytes;
      this.#losses.add({ start, end: start + bytes, what: "header" });
    }
    if (segmentStart >= 0 && firstFrame > segmentStart) {
      const salt = await this.#source.read(segmentStart, segment.salt.length);
      if (!this.#engine.equal(salt, segment.salt)) {
        this.#losses.add({ start: segmentStart, end: firstFrame, what: "salt" });
      }
    }
    for (const [frame, type] of this.#map.types.entries()) {
      if (type === 0 || type === FRAME_TYPE.block) continue;
      const at = this.#map.places[frame] as number;
      const head = await this.#head(frame, at);
      if (head === undefined) continue;
      const chunks = await this.#source.read(at + FRAME_OVERHEAD, frameLength(head.stored) - FRAME_OVERHEAD);
      this.#losses.addParts(frame, at, head, openParts(this.#engine, this.#cipher, frame, head, chunks));
    }
    const end = locatorAt ?? this.#map.stopped;
    const locatorEnd = Math.min(end + RECORD_BYTES, sourceEnd);
    if (locatorAt === undefined && this.#map.end !== undefined && locatorEnd > end) {
      this.#losses.add({ start: end, end: locatorEnd, what: "locator" });
    }
    if (this.#map.end !== undefined && locatorEnd < sourceEnd) {
      this.#losses.add({ start: locatorEnd, end: sourceEnd, what: "trailing bytes" });
    }
  }

  /** What blocks hold and the archive withdrew: files that vanished or failed while they were stored. */
  async *#orphans(): AsyncGenerator<SalvageEvent> {
    const { types } = this.#map;
    for (const [frame, type] of types.entries()) {
      if (type !== FRAME_TYPE.orphanPage) continue;
      const opened = await this.#whole(frame, FRAME_TYPE.orphanPage);
      if (opened === undefined) continue;
      for (const { row, provisional } of decodeOrphans(opened, this.start.segment.number)) {
        if (!provisional && row.kind === "file") yield { kind: "withdrawn", row };
      }
    }
  }

  /** Files of the catalog of which no byte is there, and those that have none. */
  async *#lostFiles(): AsyncGenerator<SalvageEvent> {
    let row: Row | undefined;
    let extents = 0;
    let kept = 0;
    const settle = function* (): Generator<SalvageEvent> {
      if (row?.kind !== "file") return;
      if (extents === 0) yield { kind: "bare", row };
      else if (kept === 0) yield { kind: "lost", row };
    };
    for await (const { entry, continued } of this.#catalog.entries()) {
      if (!continued || row?.path !== entry.row.path) {
        yield* settle();
        row = entry.row;
        extents = 0;
        kept = 0;
      }
      extents += entry.extents.length;
      for (const extent of entry.extents) kept += this.#losses.keptBytes(extent);
      if (entry.row.kind === "directory") yield { kind: "directory", row: entry.row };
    }
    yield* settle();
  }

  async *#links(): AsyncGenerator<SalvageEvent> {
    // Hard links come last: their files have to be there.
    for (const isHard of [false, true]) {
      for await (const { entry: { row }, continued } of this.#catalog.entries()) {
        if (!continued && isLink(row) && (row.kind === "hardlink") === isHard) yield { kind: "link", row };
      }
    }
    if (this.#catalog.isComplete) return;
    for await (const { block } of this.#blocks()) {
      for (const { row, provisional } of block?.entries ?? []) {
        if (!provisional && isLink(row) && !this.#catalog.covers(row.path)) yield { kind: "link", row };
      }
    }
  }

  async *#folders(): AsyncGenerator<SalvageEvent> {
    for await (const { row } of this.#catalog.reversed()) {
      if (row.kind === "directory") yield { kind: "folder", row };
    }
    if (this.#catalog.isComplete) return;
    for (let frame = this.#losses.blocksEnd - 1; frame >= 0; frame--) {
      const { block } = await this.#block(frame);
      for (const { row } of block?.entries.toReversed() ?? []) {
        if (row.kind === "directory" && !this.#catalog.covers(row.path)) yield { kind: "folder", row };
      }
    }
  }
}

function isLink({ kind }: Row): boolean {
  return kind === "symlink" || kind === "hardlink" || kind === "fifo";
}

function decodeOrphans({ head, raw }: Opened, segment: number): readonly PageEntry[] {
  try {
    return decodePage(raw, head.rows, "an orphan page", segment).entries;
  } catch (error) {
    if (error instanceof ArchiveError) return [];
    throw error;
  }
}
