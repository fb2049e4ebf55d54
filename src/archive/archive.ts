/** An archive with random access: the catalog, and content by place. */
import type { Bytes, Engine, SuiteId } from "../engine/engine.ts";
import { decodePage, type Page, type PageEntry } from "../format/block.ts";
import { checkPagesBefore, decodeIndex, type PagePlace } from "../format/catalog_index.ts";
import { ArchiveError } from "../format/errors.ts";
import { FRAME_TYPE, frameLength, FrameOrder, SKIPPABLE_TYPES } from "../format/frame.ts";
import { type Header, recoveryPercent } from "../format/header.ts";
import { comparePaths } from "../format/path.ts";
import type { BlockPlace } from "../format/row.ts";
import { checkEmptyTable, decodeTrailer, type Trailer } from "../format/tables.ts";
import { IndexedBlock } from "./block_index.ts";
import { openBody } from "./body_source.ts";
import { contentError } from "./content_error.ts";
import { CatalogOrder } from "./catalog_order.ts";
import { deriveSegmentKey } from "../format/keys.ts";
import { FrameCipher } from "./frame_cipher.ts";
import { FrameSource, type OpenedFrame } from "./frame_source.ts";
import { type OpenedHeader, openHeader } from "./header_reader.ts";
import { openAnyway } from "./lost_header.ts";
import { findSegment, type FoundSegment } from "./segment_tail.ts";
import type { Source } from "./source.ts";
import type { KdfLimits, Key } from "./unlock.ts";

/** How an archive is opened. */
export interface OpenOptions {
  /** What the user has. */
  readonly keys: readonly Key[];
  /** How much key derivation a header may ask for. */
  readonly kdfLimits?: KdfLimits;
  /** Told what is wrong with an archive that opens all the same, such as one bad header copy. */
  readonly onWarning?: (warning: string) => void;
  /**
   * Whether an archive opens whose header cannot be read, when its archive key is among the keys. It is asked for,
   * because a header says more than keys: that an archive was put back to an earlier state, for one.
   */
  readonly goWithoutHeader?: boolean;
  /** Whether who reads the whole archive computes the recovery record too, and compares it with what is there. */
  readonly checkRecovery?: boolean;
}

/** Bytes of the catalog that are read at once. */
const READ_AHEAD_BYTES = 2 ** 18;
/** Decoded blocks that are kept: neighbouring files share blocks. */
const KEPT_BLOCKS = 4;

/** What opening an archive's frames takes, wherever that is done. */
export interface FrameSetting {
  readonly suite: SuiteId;
  /** Opens the segment's frames; 32 bytes. */
  readonly segmentKey: Bytes;
  /** Where the body begins in the archive; places count from there. */
  readonly bodyOffset: number;
  /** The percentage of the recovery layer, which is between logical and physical places; 0 without one. */
  readonly recovery: number;
  /** Where the segment ends, counted from the body's start. */
  readonly end: number;
}

/** One entry's catalog row and places; a very large file's places may come in several pieces. */
export interface CatalogEntry extends PageEntry {
  /** The entry before was the same, and this has further extents of it. */
  readonly continued: boolean;
}

async function readHeader(engine: Engine, source: Source, options: OpenOptions): Promise<OpenedHeader> {
  const { keys, kdfLimits = {} } = options;
  if (options.goWithoutHeader) return await openAnyway(engine, source, keys, kdfLimits);
  return await openHeader(engine, (length) => source.read(0, Math.min(length, source.size)), keys, kdfLimits);
}

/** An opened archive. */
export class Archive {
  /** The header copy that counts. */
  readonly header: Header;
  /** This snapshot's record. */
  readonly trailer: Trailer;
  /** The snapshot's id: SHA-256 of its locator; 32 bytes. */
  readonly id: Bytes;
  /** What opening its blocks elsewhere takes. */
  readonly setting: FrameSetting;
  readonly #engine: Engine;
  readonly #frames: FrameSource;
  readonly #pages: readonly PagePlace[];
  readonly #blocks = new Map<number, IndexedBlock>();

  private constructor(
    engine: Engine,
    header: Header,
    segment: FoundSegment,
    setting: FrameSetting,
    frames: FrameSource,
    trailer: Trailer,
    pages: readonly PagePlace[],
  ) {
    this.#engine = engine;
    this.header = header;
    this.id = segment.id;
    this.trailer = trailer;
    this.setting = setting;
    this.#frames = frames;
    this.#pages = pages;
  }

  /**
   * Opens an archive: reads its header, its end and its catalog index, and nothing else.
   *
   * @throws {ArchiveError} of every code; I/O errors pass through.
   */
  static async open(engine: Engine, source: Source, options: OpenOptions): Promise<Archive> {
    const header = await readHeader(engine, source, options);
    for (const warning of header.warnings) options.onWarning?.(warning);
    const body = openBody(source, header);
    const segment = await findSegment(body, header);
    const { locator } = segment;
    const { suite, archiveKey, id } = header.keys;
    const segmentKey = deriveSegmentKey(engine, archiveKey, suite, id, locator.segment);
    const setting = {
      suite,
      segmentKey,
      bodyOffset: header.bodyOffset,
      recovery: recoveryPercent(header.copy.header),
      end: locator.offset + locator.length,
    };
    const frames = new FrameSource(body, new FrameCipher(engine, suite, segmentKey), setting.bodyOffset, setting.end);
    const { pages, trailer } = await readTail(frames, segment);
    return new Archive(engine, header.copy.header, segment, setting, frames, trailer, pages);
  }

  /**
   * The catalog in path order, from the first entry at or after `from`. Reads pages as it goes.
   *
   * @throws {ArchiveError} `damaged`, `malformed`, `unsafe` or `limit`.
   */
  async *entries(from?: string): AsyncGenerator<CatalogEntry> {
    const order = new CatalogOrder();
    const start = from === undefined ? 0 : this.#pageOf(from);
    for (let i = start; i < this.#pages.length; i++) {
      const page = await this.#page(i);
      const first = page.entries[0] as PageEntry;
      // What a page in the middle goes on with has not been read, but the index names it.
      if (i === start && page.continues && this.#pages[i - 1]?.firstPath === first.row.path) order.resume(first.row);
      order.next(page);
      for (const entry of page.entries) {
        if (from !== undefined && comparePaths(entry.row.path, from) < 0) continue;
        yield { ...entry, continued: page.continues };
      }
    }
  }

  /** The entry of one path, in as many pieces as its places need; none when there is no such path. */
  async *find(path: string): AsyncGenerator<CatalogEntry> {
    for await (const entry of this.entries(path)) {
      if (entry.row.path !== path) return;
      yield entry;
    }
  }

  /** The first page that may hold the path or what comes after it. */
  #pageOf(path: string): number {
    let low = 0;
    let high = this.#pages.length;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (comparePaths((this.#pages[middle] as PagePlace).firstPath, path) < 0) low = middle + 1;
      else high = middle;
    }
    const found = this.#pages[low];
    return found?.firstPath === path ? low : Math.max(0, low - 1);
  }

  async #page(number: number): Promise<Page> {
    const place = this.#pages[number] as PagePlace;
    const last = this.#pages[this.#pages.length - 1] as PagePlace;
    const ahead = Math.min(READ_AHEAD_BYTES, last.offset + last.frameBytes - place.offset);
    if (ahead > place.frameBytes) await this.#frames.prefetch(place.offset, ahead, place.frameBytes);
    const { head, raw } = await this.#frames.expected(place, FRAME_TYPE.page);
    const page = decodePage(raw, head.rows);
    if (head.rows !== place.rows || page.entries[0]?.row.path !== place.firstPath) {
      throw new ArchiveError("inconsistent", "Cannot accept the catalog: a page is not what its index says", {
        frame: place.frame,
      });
    }
    if (page.entries.some((entry) => entry.provisional)) {
      throw new ArchiveError("malformed", "Cannot accept the catalog: it has a provisional row", {
        frame: place.frame,
      });
    }
    return page;
  }

  async #block(place: BlockPlace): Promise<IndexedBlock> {
    const kept = this.#blocks.get(place.frame);
    if (kept !== undefined) return kept;
    const indexed = new IndexedBlock(place, await this.#frames.expected(place, FRAME_TYPE.block));
    const oldest = this.#blocks.keys().next();
    if (this.#blocks.size >= KEPT_BLOCKS && oldest.done !== true) this.#blocks.delete(oldest.value);
    this.#blocks.set(place.frame, indexed);
    return indexed;
  }

  /**
   * The bytes of an entry's extents, in file order. What lies between them, and before the entry's size, is zeros.
   * Each block is checked to hold the very same slice of the very same path, and, where it has the full row, that row.
   *
   * @throws {ArchiveError} `damaged`, `malformed` or `limit`; `inconsistent` when block and catalog disagree.
   */
  async *read(entry: PageEntry): AsyncGenerator<{ readonly fileOffset: number; readonly bytes: Bytes }> {
    for (const extent of entry.extents) {
      let block: IndexedBlock;
      try {
        block = await this.#block(extent.block);
      } catch (error) {
        throw contentError(
          error,
          entry.row.path,
          entry.extents.filter(({ block }) => block.frame === extent.block.frame),
        );
      }
      yield { fileOffset: extent.fileOffset, bytes: block.slice(entry.row, extent) };
    }
  }

  /** Name of the engine that opened it. */
  get engineName(): string {
    return this.#engine.name;
  }
}

/** Reads index, tables and trailer: the frames from the index through the trailer, in their order. */
async function readTail(
  frames: FrameSource,
  { locator }: FoundSegment,
): Promise<{ pages: readonly PagePlace[]; trailer: Trailer }> {
  const order = new FrameOrder();
  const end = locator.trailer.offset + locator.trailerBytes;
  await frames.prefetch(locator.index.offset, Math.min(READ_AHEAD_BYTES, end - locator.index.offset));
  let pages: readonly PagePlace[] = [];
  let { offset, frame } = locator.index;
  for (;; frame++) {
    const head = await frames.head({ offset, frame });
    if (frame === locator.index.frame && head.type !== FRAME_TYPE.index) break;
    order.next(head.type, frame);
    const opened = head.type >= SKIPPABLE_TYPES ? undefined : await frames.frame({ offset, frame });
    if (head.type === FRAME_TYPE.index) {
      pages = decodeIndex((opened as OpenedFrame).raw, head.rows, locator.index.offset);
      checkPagesBefore(pages, locator.index);
    }
    if (head.type === FRAME_TYPE.segmentTable || head.type === FRAME_TYPE.snapshotTable) {
      checkEmptyTable((opened as OpenedFrame).raw, head.rows, "a table");
    }
    if (head.type === FRAME_TYPE.trailer) {
      const { raw, frameBytes } = opened as OpenedFrame;
      const trailer = decodeTrailer(raw);
      const agrees = offset === locator.trailer.offset && frame === locator.trailer.frame &&
        frameBytes === locator.trailerBytes && trailer.index.offset === locator.index.offset &&
        trailer.index.frame === locator.index.frame && trailer.pages === pages.length;
      if (!agrees) break;
      return { pages, trailer };
    }
    offset += frameLength(head.stored);
  }
  throw new ArchiveError("inconsistent", "Cannot accept the archive: its locator and its trailer disagree");
}
