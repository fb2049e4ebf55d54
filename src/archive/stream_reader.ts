/**
 * Reads an archive from front to back, in constant memory: what a pipe gives, or a file that is to be checked as a
 * whole. Everything in the archive is opened and compared; what is given out has authenticated, and the end says
 * whether the whole did.
 */
import type { Bytes, Engine } from "../engine/engine.ts";
import { type Block, decodePage, type Page, type PageEntry } from "../format/block.ts";
import { isZero } from "../format/bytes.ts";
import { checkPagesBefore, decodeIndex, type PagePlace } from "../format/catalog_index.ts";
import { ArchiveError } from "../format/errors.ts";
import { FRAME_OVERHEAD, FRAME_TYPE, type FrameHead, frameLength, FrameOrder } from "../format/frame.ts";
import { type Header, recoveryPercent } from "../format/header.ts";
import { deriveSegmentKey, KEY_BYTES } from "../format/keys.ts";
import { decodeState, encodeLocator, type FramePlace, type Locator, RECORD_BYTES } from "../format/locator.ts";
import type { Extent, Row } from "../format/row.ts";
import { checkEmptyTable, decodeTrailer, type Totals, type Trailer } from "../format/tables.ts";
import { Agreement } from "./agreement.ts";
import type { OpenOptions } from "./archive.ts";
import { BodyQueue } from "./body_source.ts";
import { ByteQueue } from "./byte_queue.ts";
import { CatalogOrder } from "./catalog_order.ts";
import { type BlockOpener, inlineOpener, type OpenedBlock, type OpenSetting } from "./block_opener.ts";
import { FrameCipher } from "./frame_cipher.ts";
import { type OpenedHeader, openHeader } from "./header_reader.ts";
import { openRecord } from "./record_cipher.ts";
import { checkGeneration, openLocator } from "./segment_tail.ts";

/** What comes out of an archive, in this order: blocks, pages, orphan pages, the trailer, and the end. */
export type StreamEvent<B = Block> =
  | { readonly kind: "block"; readonly frame: number; readonly block: B }
  | { readonly kind: "page"; readonly page: Page }
  /** Entries that blocks hold and the catalog does not: they vanished or failed while they were stored. */
  | { readonly kind: "orphans"; readonly page: Page }
  | { readonly kind: "trailer"; readonly trailer: Trailer }
  /** Everything was there, was authentic, and agreed. */
  | { readonly kind: "end"; readonly id: Bytes; readonly length: number };

/** A block that is being opened. */
interface PendingBlock {
  readonly place: FramePlace;
  readonly frameBytes: number;
  readonly opened: OpenedBlock<Block> | Promise<OpenedBlock<Block>>;
}

/** An opened stream. */
export class ArchiveStream {
  /** The header copy that counts. */
  readonly header: Header;
  readonly #engine: Engine;
  readonly #queue: BodyQueue;
  readonly #opened: OpenedHeader;
  readonly #order = new FrameOrder();
  readonly #agreement: Agreement;
  readonly #blocks: { offset: number; frameBytes: number }[] = [];
  readonly #pages: PagePlace[] = [];
  #raw = new Uint8Array(0);
  /** One event's bytes at a time: fresh memory for each block costs more than opening it. */
  readonly #allocate = (length: number): Bytes => {
    if (this.#raw.length < length) this.#raw = new Uint8Array(length);
    return this.#raw.subarray(0, length);
  };
  readonly #totals = { entries: 0, files: 0, directories: 0, symlinks: 0, hardlinks: 0, fifos: 0, bytes: 0 };
  #orphanPages = 0;
  readonly #catalogOrder = new CatalogOrder();
  readonly #orphanOrder = new CatalogOrder();
  #index: FramePlace | undefined;
  #trailer: { readonly place: FramePlace; readonly frameBytes: number; readonly trailer: Trailer } | undefined;

  private constructor(engine: Engine, queue: BodyQueue, opened: OpenedHeader) {
    this.#engine = engine;
    this.#queue = queue;
    this.#opened = opened;
    this.header = opened.copy.header;
    this.#agreement = new Agreement(engine);
  }

  /**
   * Reads and opens the header of a stream. A queue whose header no key has opened can be tried again with another.
   *
   * @throws {ArchiveError} `not-an-archive`, `newer-version`, `wrong-key`, `truncated`, `damaged` or `limit`.
   */
  static async open(
    engine: Engine,
    pieces: AsyncIterable<Bytes> | Iterable<Bytes> | ByteQueue,
    options: OpenOptions,
  ): Promise<ArchiveStream> {
    const queue = pieces instanceof ByteQueue ? pieces : new ByteQueue(pieces);
    const opened = await openHeader(engine, (length) => queue.peek(length), options.keys, options.kdfLimits ?? {});
    for (const warning of opened.warnings) options.onWarning?.(warning);
    const header = await queue.take(opened.bodyOffset);
    if (header.length < opened.bodyOffset) throw cut("its header is incomplete");
    const percent = recoveryPercent(opened.copy.header);
    return new ArchiveStream(engine, new BodyQueue(queue, engine, percent, options.checkRecovery ?? false), opened);
  }

  /**
   * Everything in the archive, once. A block's data is good until the next event is asked for. With `begin`, what
   * opens the blocks is the caller's, and so is what comes out of them; it may open several at a time, and blocks
   * before the first bad frame are still given out.
   *
   * @throws {ArchiveError} at the first thing that is wrong, with its place.
   */
  events(): AsyncGenerator<StreamEvent>;
  events<B>(begin: (setting: OpenSetting) => BlockOpener<B>): AsyncGenerator<StreamEvent<B>>;
  async *events(begin?: (setting: OpenSetting) => BlockOpener<Block>): AsyncGenerator<StreamEvent> {
    const { keys, bodyOffset } = this.#opened;
    const salt = (await this.#take(KEY_BYTES)).slice();
    const segment = { salt, number: 0, link: new Uint8Array(KEY_BYTES) };
    const { engine, suite, archiveKey, id } = keys;
    const segmentKey = deriveSegmentKey(engine, archiveKey, suite, id, segment);
    const setting = { suite, segmentKey, agreementKey: this.#agreement.key };
    const opener = begin?.(setting) ?? inlineOpener(engine, setting);
    const cipher = new FrameCipher(engine, suite, segmentKey);
    const pending: PendingBlock[] = [];
    for (let frame = 0; !this.#order.ended; frame++) {
      const place = { frame, offset: this.#queue.offset - bodyOffset };
      let head: FrameHead;
      try {
        head = await this.#head(cipher, place);
      } catch (error) {
        while (pending.length > 0) yield await this.#finishBlock(pending);
        throw error;
      }
      if (head.type === FRAME_TYPE.block) {
        pending.push(await this.#beginBlock(opener, head, place));
        if (pending.length >= opener.width) yield await this.#finishBlock(pending);
        continue;
      }
      while (pending.length > 0) yield await this.#finishBlock(pending);
      const event = await this.#frame(cipher, head, place);
      if (event !== undefined) yield event;
    }
    const record = (await this.#take(RECORD_BYTES)).slice();
    this.#checkEnd(record, salt, this.#queue.offset - bodyOffset);
    await this.#queue.endSegment();
    const rest = await this.#queue.peek(1);
    if (rest.length > 0) {
      throw new ArchiveError("trailing-data", "Cannot accept the archive: bytes follow it that do not belong to it", {
        offset: this.#queue.fileOffset,
      });
    }
    yield { kind: "end", id: this.#engine.sha256(record), length: this.#queue.fileOffset };
  }

  /** Bytes of the archive read so far. */
  get offset(): number {
    return this.#queue.fileOffset;
  }

  /** Lets the stream go before its end. */
  async close(): Promise<void> {
    await this.#queue.close();
  }

  async #take(length: number): Promise<Bytes> {
    const bytes = await this.#queue.take(length);
    if (bytes.length < length) throw cut(`it ends at byte ${this.#queue.offset}`);
    return bytes;
  }

  /** Says of an error where it was found. */
  #located(error: unknown, { offset, frame }: FramePlace): unknown {
    if (!(error instanceof ArchiveError) || error.place.offset !== undefined) return error;
    const found = { ...error.place, offset: offset + this.#opened.bodyOffset, frame };
    return new ArchiveError(error.code, error.message, found, { cause: error });
  }

  async #head(cipher: FrameCipher, place: FramePlace): Promise<FrameHead> {
    try {
      const head = cipher.openHead(place.frame, await this.#take(FRAME_OVERHEAD));
      this.#order.next(head.type, place.frame);
      return head;
    } catch (error) {
      throw this.#located(error, place);
    }
  }

  async #beginBlock(opener: BlockOpener<Block>, head: FrameHead, place: FramePlace): Promise<PendingBlock> {
    const frameBytes = frameLength(head.stored);
    try {
      const chunks = await this.#take(frameBytes - FRAME_OVERHEAD);
      const opened = opener.open({ frame: place.frame, head, chunks });
      // Its failure is met when its turn comes, or hidden by an earlier one.
      if (opened instanceof Promise) opened.catch(() => {});
      return { place, frameBytes, opened };
    } catch (error) {
      const opened = Promise.reject(error);
      opened.catch(() => {});
      return { place, frameBytes, opened };
    }
  }

  /** Waits for the oldest block that is under way. */
  async #finishBlock(pending: PendingBlock[]): Promise<StreamEvent> {
    const { place, frameBytes, opened } = pending.shift() as PendingBlock;
    try {
      const { block, facts } = await opened;
      this.#agreement.addFacts(facts);
      this.#blocks.push({ offset: place.offset, frameBytes });
      return { kind: "block", frame: place.frame, block };
    } catch (error) {
      throw this.#located(error, place);
    }
  }

  async #frame(cipher: FrameCipher, head: FrameHead, place: FramePlace): Promise<StreamEvent | undefined> {
    try {
      const frameBytes = frameLength(head.stored);
      const raw = cipher.openContent(place.frame, head, await this.#take(frameBytes - FRAME_OVERHEAD), this.#allocate);
      return this.#content(head, raw, place, frameBytes);
    } catch (error) {
      throw this.#located(error, place);
    }
  }

  #content(head: FrameHead, raw: Bytes, place: FramePlace, frameBytes: number): StreamEvent | undefined {
    switch (head.type) {
      case FRAME_TYPE.page: {
        const page = decodePage(raw, head.rows);
        this.#takePage(page);
        const firstPath = (page.entries[0] as PageEntry).row.path;
        this.#pages.push({ ...place, firstPath, frameBytes, rows: head.rows });
        return { kind: "page", page };
      }
      case FRAME_TYPE.orphanPage: {
        const page = decodePage(raw, head.rows, "an orphan page");
        this.#takeOrphans(page);
        return { kind: "orphans", page };
      }
      case FRAME_TYPE.index:
        this.#agreement.close();
        this.#index = place;
        this.#checkIndex(decodeIndex(raw, head.rows, place.offset), place);
        return undefined;
      case FRAME_TYPE.segmentTable:
      case FRAME_TYPE.snapshotTable:
        checkEmptyTable(raw, head.rows, "a table");
        return undefined;
      case FRAME_TYPE.trailer: {
        const trailer = decodeTrailer(raw);
        this.#trailer = { place, frameBytes, trailer };
        this.#checkTrailer(trailer);
        return { kind: "trailer", trailer };
      }
      case FRAME_TYPE.padding:
        if (!isZero(raw)) throw new ArchiveError("malformed", "Cannot accept the archive: its padding is not zero");
        return undefined;
      default:
        return undefined;
    }
  }

  #takePage(page: Page): void {
    this.#catalogOrder.next(page);
    for (const { row, provisional, extents } of page.entries) {
      if (provisional) throw new ArchiveError("malformed", "Cannot accept the catalog: it has a provisional row");
      this.#checkPlaces(row, extents);
      if (!page.continues) this.#count(row);
    }
    this.#agreement.takePage(page.entries, page.continues);
  }

  #takeOrphans(page: Page): void {
    if (this.#orphanPages === 0) this.#agreement.close();
    this.#orphanPages++;
    this.#orphanOrder.next(page);
    for (const { row, provisional, extents } of page.entries) {
      if (provisional && extents.length === 0) {
        throw new ArchiveError("malformed", "Cannot accept an orphan page: a provisional row has no extents");
      }
      this.#checkPlaces(row, extents);
    }
    this.#agreement.takePage(page.entries, page.continues);
  }

  #checkPlaces(row: Row, extents: readonly Extent[]): void {
    for (const { block } of extents) {
      const found = this.#blocks[block.frame];
      if (found?.offset === block.offset && found.frameBytes === block.frameBytes) continue;
      throw new ArchiveError(
        "inconsistent",
        `Cannot accept ${JSON.stringify(row.path)}: the catalog places it in a block that is not there`,
        { path: row.path },
      );
    }
  }

  #count(row: Row): void {
    const names = {
      file: "files",
      directory: "directories",
      symlink: "symlinks",
      hardlink: "hardlinks",
      fifo: "fifos",
    } as const;
    this.#totals.entries++;
    this.#totals[names[row.kind]]++;
    this.#totals.bytes += row.size;
  }

  #checkIndex(pages: readonly PagePlace[], place: FramePlace): void {
    checkPagesBefore(pages, place);
    const same = pages.length === this.#pages.length && pages.every((page, i) => {
      const found = this.#pages[i] as PagePlace;
      return page.firstPath === found.firstPath && page.frame === found.frame && page.offset === found.offset &&
        page.frameBytes === found.frameBytes && page.rows === found.rows;
    });
    if (!same) throw new ArchiveError("inconsistent", "Cannot accept the archive: its index and its catalog disagree");
    if (!this.#agreement.holds()) {
      throw new ArchiveError("inconsistent", "Cannot accept the archive: its blocks and its catalog disagree");
    }
  }

  #checkTrailer(trailer: Trailer): void {
    const index = this.#index as FramePlace;
    const totals: Totals = this.#totals;
    const same = trailer.index.offset === index.offset && trailer.index.frame === index.frame &&
      trailer.blocks === this.#blocks.length && trailer.pages === this.#pages.length &&
      trailer.orphanPages === this.#orphanPages &&
      (Object.keys(totals) as (keyof Totals)[]).every((name) => totals[name] === trailer.totals[name]);
    if (!same) {
      throw new ArchiveError("inconsistent", "Cannot accept the archive: its trailer and its content disagree");
    }
  }

  #checkEnd(record: Bytes, salt: Bytes, length: number): void {
    const { keys } = this.#opened;
    const found = openLocator(keys, record);
    if (found === undefined) {
      throw new ArchiveError("damaged", "Cannot open the archive: the 256 bytes that end it are damaged", {
        offset: this.#queue.offset - RECORD_BYTES,
      });
    }
    const index = this.#index as FramePlace;
    const trailer = this.#trailer as { place: FramePlace; frameBytes: number };
    const expected: Locator = {
      generation: found.locator.generation,
      segment: { salt, number: 0, link: new Uint8Array(KEY_BYTES) },
      offset: 0,
      length,
      index: { offset: index.offset, frame: index.frame },
      trailer: { offset: trailer.place.offset, frame: trailer.place.frame },
      trailerBytes: trailer.frameBytes,
      snapshots: 1,
    };
    checkGeneration(found.locator, this.header.generation);
    if (!keys.engine.equal(encodeLocator(found.locator), encodeLocator(expected))) {
      throw new ArchiveError("inconsistent", "Cannot accept the archive: its locator and its content disagree");
    }
    const plain = openRecord(keys, "state", this.header.state);
    if (plain === undefined) {
      throw new ArchiveError("malformed", "Cannot accept the header: its state does not authenticate");
    }
    const state = decodeState(plain);
    const stands = state.kind === "streamed" || keys.engine.equal(state.locatorHash, found.id) &&
        keys.engine.equal(encodeLocator(state.locator), encodeLocator(found.locator));
    if (!stands) throw new ArchiveError("inconsistent", "Cannot accept the archive: its header and its end disagree");
  }
}

function cut(why: string): ArchiveError {
  return new ArchiveError("truncated", `Cannot read the archive: it is cut off; ${why}`);
}
