/**
 * Reads an archive from front to back, in constant memory: what a pipe gives, or a file that is to be checked as a
 * whole. Everything in the archive is opened and compared; what is given out has authenticated, and the end says
 * whether the whole did.
 */
import type { Bytes, Engine } from "../engine/engine.ts";
import type { Block } from "../format/block.ts";
import { ArchiveError } from "../format/errors.ts";
import { FRAME_OVERHEAD, FRAME_TYPE, type FrameHead, frameLength } from "../format/frame.ts";
import { type Header, isDeduplicated, recoveryPercent, SEVERAL_SEGMENTS } from "../format/header.ts";
import { deriveSegmentKey, KEY_BYTES } from "../format/keys.ts";
import { encodeLocator, type FramePlace, RECORD_BYTES, type State } from "../format/locator.ts";
import type { ListedSegment } from "../format/segment_table.ts";
import { checkExpected, type OpenOptions } from "./archive.ts";
import { BodyQueue } from "./body_queue.ts";
import { ByteQueue, type Queue } from "./byte_queue.ts";
import { type BlockOpener, cutOff, endsAt, inlineOpener, type OpenedBlock, type OpenSetting } from "./block_opener.ts";
import { FrameCipher } from "./frame_cipher.ts";
import { type OpenedHeader, openHeader } from "./header_reader.ts";
import { stateOf } from "./one_pass.ts";
import type { CheckedPage } from "./page_check.ts";
import { type CheckedItem, SegmentCheck, SegmentHistory } from "./segment_check.ts";
import { checkGeneration, openLocator } from "./segment_tail.ts";
import { UnfinishedError } from "./snapshots.ts";

/**
 * What comes out of an archive, in this order: blocks, pages, orphan pages, the trailer, for each segment; and the end.
 */
export type StreamEvent<B = Block> =
  | { readonly kind: "block"; readonly frame: number; readonly block: B }
  | CheckedItem
  /** Everything was there, was authentic, and agreed. */
  | { readonly kind: "end"; readonly id: Bytes; readonly length: number };

/**
 * Which segments of an archive are read: the `only` one, and it is an error when there are several; the `first`, of
 * however many; or `all` that the header knows, or those up to a number, from 0, which gives out what all snapshots
 * hold.
 */
export type SegmentChoice = "only" | "first" | "all" | { readonly through: number };

/** An archive of several snapshots cannot be taken in one pass: its newest snapshot uses what earlier ones hold. */
export class SeveralSnapshotsError extends Error {
  /** `"SeveralSnapshotsError"`. */
  override readonly name = "SeveralSnapshotsError";
  /** How many there are. */
  readonly snapshots: number;

  /** Creates an error about an archive of so many snapshots. */
  constructor(snapshots: number) {
    super(`Cannot read the archive in one pass: it has ${snapshots} snapshots, and the newest needs what others hold`);
    this.snapshots = snapshots;
  }
}

/** An archive whose files share content cannot be taken in one pass: what blocks hold of a file is not all of it. */
export class SharedContentError extends Error {
  /** `"SharedContentError"`. */
  override readonly name = "SharedContentError";

  /** Creates an error. */
  constructor() {
    super("Cannot read the archive in one pass: it is deduplicated, so that files need what was stored with others");
  }
}

/** How a stream is opened. */
export interface StreamOptions extends Omit<OpenOptions, "snapshot" | "acceptRollback"> {
  /** Which segments; `"only"` unless given. */
  readonly segments?: SegmentChoice;
}

/** A block that is being opened, or a page that is being checked. */
interface Pending {
  readonly head: FrameHead;
  readonly place: FramePlace;
  readonly frameBytes: number;
  readonly opened: Opened | Promise<Opened>;
}

type Opened = OpenedBlock<Block> | CheckedPage;

/** An opened stream. */
export class ArchiveStream {
  /** The header copy that counts. */
  readonly header: Header;
  readonly #engine: Engine;
  readonly #queue: BodyQueue;
  readonly #opened: OpenedHeader;
  /** What the header says of the newest segment; when that is bad, it is told at the end. */
  readonly #state: State | ArchiveError;
  readonly #expect: Bytes | undefined;
  /** The number of the last segment that is read. */
  readonly #last: number;
  /** Whether the archive may go on behind it. */
  readonly #mayGoOn: boolean;
  /** Whether it is read for its latest snapshot, which no checkpoint is. */
  readonly #isOnly: boolean;
  readonly #history = new SegmentHistory();
  #raw = new Uint8Array(0);
  /** One event's bytes at a time: fresh memory for each block costs more than opening it. */
  readonly #allocate = (length: number): Bytes => {
    if (this.#raw.length < length) this.#raw = new Uint8Array(length);
    return this.#raw.subarray(0, length);
  };

  private constructor(
    engine: Engine,
    queue: BodyQueue,
    opened: OpenedHeader,
    options: Pick<StreamOptions, "segments" | "expect">,
  ) {
    this.#engine = engine;
    this.#queue = queue;
    this.#opened = opened;
    this.header = opened.copy.header;
    this.#state = stateOf(opened);
    const state = this.#state instanceof ArchiveError || this.#state.kind === "streamed" ? undefined : this.#state;
    const newest = state?.locator.segment.number ?? 0;
    const { segments = "only" } = options;
    this.#last = typeof segments !== "string" ? segments.through : segments === "all" ? newest : 0;
    this.#mayGoOn = this.#last < newest;
    this.#isOnly = segments === "only";
    this.#expect = options.expect;
    if (state !== undefined) checkExpected(engine, state.locatorHash, options.expect);
  }

  /**
   * Reads and opens the header of a stream. A queue whose header no key has opened can be tried again with another.
   *
   * @throws {ArchiveError} `not-an-archive`, `newer-version`, `wrong-key`, `truncated`, `damaged`, `limit`, or
   * `rolled-back` when another snapshot was expected.
   * @throws {SeveralSnapshotsError} when there are several snapshots, unless the options choose. Nothing behind the
   * header has been taken off the queue then.
   * @throws {SharedContentError} when files share content, unless all segments are read, or those up to a number. The
   * same holds.
   */
  static async open(
    engine: Engine,
    pieces: AsyncIterable<Bytes> | Iterable<Bytes> | Queue,
    options: StreamOptions,
  ): Promise<ArchiveStream> {
    const queue = "peek" in pieces ? pieces : new ByteQueue(pieces);
    const opened = await openHeader(engine, (length) => queue.peek(length), options.keys, options.kdfLimits ?? {});
    for (const warning of opened.warnings) options.onWarning?.(warning);
    return await ArchiveStream.openBehind(engine, queue, opened, options);
  }

  /**
   * Opens a stream whose header has been opened, and not yet taken off the queue.
   *
   * @throws as {@linkcode open}.
   */
  static async openBehind(
    engine: Engine,
    queue: Queue,
    opened: OpenedHeader,
    options: Omit<StreamOptions, "keys" | "kdfLimits" | "onWarning">,
  ): Promise<ArchiveStream> {
    checkOnly(opened, options.segments);
    const header = await queue.take(opened.bodyOffset);
    if (header.length < opened.bodyOffset) throw cutOff("its header is incomplete");
    const body = new BodyQueue(queue, engine, recoveryPercent(opened.copy.header), options.checkRecovery ?? false);
    return new ArchiveStream(engine, body, opened, options);
  }

  /**
   * Everything in the archive, once. A block's data is good until the next event is asked for. With `begin`, what
   * opens the blocks is the caller's, and so is what comes out of them; it may open several at a time, and blocks
   * before the first bad frame are still given out. It is called once for each segment. Pages that it checks are not
   * given out.
   *
   * @throws {ArchiveError} at the first thing that is wrong, with its place. @throws {UnfinishedError} when the only
   * segment turns out to be a checkpoint.
   */
  events(): AsyncGenerator<StreamEvent>;
  events<B>(begin: (setting: OpenSetting) => BlockOpener<B>): AsyncGenerator<StreamEvent<B>>;
  async *events(begin?: (setting: OpenSetting) => BlockOpener<Block>): AsyncGenerator<StreamEvent> {
    let link: Bytes = new Uint8Array(KEY_BYTES);
    for (let number = 0; number <= this.#last; number++) {
      const { id } = yield* this.#segment(number, link, begin);
      link = id;
    }
    if (!this.#mayGoOn) {
      const rest = await this.#queue.peek(1);
      if (rest.length > 0) {
        throw new ArchiveError("trailing-data", "Cannot accept the archive: bytes follow it that do not belong to it", {
          offset: this.#queue.fileOffset,
        });
      }
      checkExpected(this.#engine, link, this.#expect);
    }
    this.#queue.checkRecovery();
    yield { kind: "end", id: link, length: this.#queue.fileOffset };
  }

  async *#segment(
    number: number,
    link: Bytes,
    begin: ((setting: OpenSetting) => BlockOpener<Block>) | undefined,
  ): AsyncGenerator<StreamEvent, ListedSegment> {
    const { keys, bodyOffset } = this.#opened;
    const start = this.#queue.offset - bodyOffset;
    const physical = this.#queue.fileOffset - bodyOffset;
    const salt = (await this.#take(KEY_BYTES)).slice();
    const segment = { salt, number, link };
    const { engine, suite, archiveKey, id } = keys;
    const segmentKey = deriveSegmentKey(engine, archiveKey, suite, id, segment);
    const deduplicated = isDeduplicated(this.header);
    const check = new SegmentCheck(engine, segment, start, this.#history, deduplicated);
    const setting = { suite, segmentKey, agreementKey: check.agreement.key, segment: number, deduplicated };
    const opener = begin?.(setting) ?? inlineOpener(engine, setting);
    const cipher = new FrameCipher(engine, suite, segmentKey);
    const pending: Pending[] = [];
    for (let frame = 0; !check.order.ended; frame++) {
      const place = { frame, offset: this.#queue.offset - bodyOffset };
      let head: FrameHead;
      const next = this.#head(cipher, check, place);
      yield* this.#readyBefore(check, next, pending);
      try {
        head = await next;
      } catch (error) {
        while (pending.length > 0) yield* await this.#finishOldest(check, pending);
        throw error;
      }
      if (head.type === FRAME_TYPE.block || (isPage(head) && opener.checkPageAt !== undefined && this.leavesBlocks)) {
        const coming = this.#begin(opener, head, place);
        yield* this.#readyBefore(check, coming, pending);
        pending.push(await coming);
        if (pending.length >= opener.width) yield* await this.#finishOldest(check, pending);
        continue;
      }
      while (pending.length > 0) yield* await this.#finishOldest(check, pending);
      const event = await this.#frame(cipher, check, head, place);
      if (event !== undefined) yield event;
    }
    const record = (await this.#take(RECORD_BYTES)).slice();
    const found = this.#checkEnd(record, check, this.#queue.offset - bodyOffset - start, physical);
    await this.#queue.endSegment();
    return found;
  }

  /**
   * Whether blocks are left to {@linkcode BlockOpener.openAt}, where an opener has it: the archive can be read from
   * anywhere, and has no recovery record, which is checked by all bytes in their order.
   */
  get leavesBlocks(): boolean {
    return this.#queue.canSkip;
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
    if (bytes.length < length) throw endsAt(this.#queue.offset);
    return bytes;
  }

  /** Leaves the next bytes to someone else, who is told where they begin. */
  #skip(length: number): number {
    const { fileOffset } = this.#queue;
    if (this.#queue.skip(length) < length) throw endsAt(this.#queue.offset);
    return fileOffset;
  }

  /** Says of an error where it was found. */
  #located(error: unknown, { offset, frame }: FramePlace): unknown {
    if (!(error instanceof ArchiveError) || error.place.offset !== undefined) return error;
    const found = { ...error.place, offset: offset + this.#opened.bodyOffset, frame };
    return new ArchiveError(error.code, error.message, found, { cause: error });
  }

  async #head(cipher: FrameCipher, check: SegmentCheck, place: FramePlace): Promise<FrameHead> {
    try {
      const head = cipher.openHead(place.frame, await this.#take(FRAME_OVERHEAD));
      check.order.next(head.type, place.frame);
      return head;
    } catch (error) {
      throw this.#located(error, place);
    }
  }

  async #begin(opener: BlockOpener<Block>, head: FrameHead, place: FramePlace): Promise<Pending> {
    const frameBytes = frameLength(head.stored);
    const { frame } = place;
    const length = frameBytes - FRAME_OVERHEAD;
    const placed = () => ({ frame, head, offset: this.#skip(length), length });
    try {
      const opened = opener.checkPageAt !== undefined && isPage(head)
        ? opener.checkPageAt(placed())
        : opener.openAt !== undefined && this.leavesBlocks
        ? opener.openAt(placed())
        : opener.open({ frame, head, chunks: await this.#take(length) });
      // Its failure is met when its turn comes, or hidden by an earlier one.
      if (opened instanceof Promise) opened.catch(() => {});
      return { head, place, frameBytes, opened };
    } catch (error) {
      const opened = Promise.reject(error);
      opened.catch(() => {});
      return { head, place, frameBytes, opened };
    }
  }

  /** Gives out the blocks that are ready before more of the archive is: a slow pipe is not to hold them back. */
  async *#readyBefore(
    check: SegmentCheck,
    coming: Promise<unknown>,
    pending: Pending[],
  ): AsyncGenerator<StreamEvent> {
    if (pending.length === 0) return;
    let hasCome = false;
    const settled = () => {
      hasCome = true;
    };
    const come = coming.then(settled, settled);
    for (let oldest = pending[0]; oldest !== undefined; oldest = pending[0]) {
      // What went wrong with it is for the one who takes it.
      await Promise.race([come, Promise.resolve(oldest.opened).then(() => {}, () => {})]);
      if (hasCome) return;
      yield* await this.#finishOldest(check, pending);
    }
  }

  /** Waits for the oldest frame that is under way, and gives the block if it is one. */
  async #finishOldest(check: SegmentCheck, pending: Pending[]): Promise<readonly StreamEvent[]> {
    const { head, place, frameBytes, opened } = pending.shift() as Pending;
    try {
      const done = await opened;
      if (!("block" in done)) {
        check.page(head, place, frameBytes, done);
        return [];
      }
      check.block(place, frameBytes, done.facts);
      return [{ kind: "block", frame: place.frame, block: done.block }];
    } catch (error) {
      throw this.#located(error, place);
    }
  }

  async #frame(
    cipher: FrameCipher,
    check: SegmentCheck,
    head: FrameHead,
    place: FramePlace,
  ): Promise<CheckedItem | undefined> {
    try {
      const frameBytes = frameLength(head.stored);
      const raw = cipher.openContent(place.frame, head, await this.#take(frameBytes - FRAME_OVERHEAD), this.#allocate);
      const item = check.content(head, raw, place, frameBytes);
      if (item?.kind === "trailer" && item.trailer.checkpoint && this.#isOnly) throw new UnfinishedError();
      return item;
    } catch (error) {
      throw this.#located(error, place);
    }
  }

  #checkEnd(record: Bytes, check: SegmentCheck, length: number, physical: number): ListedSegment {
    const { keys } = this.#opened;
    const found = openLocator(keys, record);
    if (found === undefined) {
      throw new ArchiveError("damaged", "Cannot open the archive: the 256 bytes that end it are damaged", {
        offset: this.#queue.offset - RECORD_BYTES,
      });
    }
    checkGeneration(found.locator, this.header.generation);
    check.end(found, length);
    const state = this.#state;
    if (
      found.locator.segment.number > 0 && !isAhead(found, state) && (this.header.readFeatures & SEVERAL_SEGMENTS) === 0
    ) {
      throw new ArchiveError("malformed", "Cannot accept the archive: its header knows of one segment only");
    }
    if (state instanceof ArchiveError) throw state;
    const { number } = found.locator.segment;
    const stands = state.kind === "streamed" || number !== state.locator.segment.number ||
      keys.engine.equal(state.locatorHash, found.id) &&
        physical === (state.physical ?? found.locator.offset) &&
        keys.engine.equal(encodeLocator(state.locator), encodeLocator(found.locator));
    if (stands) return found;
    throw new ArchiveError("inconsistent", "Cannot accept the archive: its header and its end disagree");
  }
}

function isPage({ type }: FrameHead): boolean {
  return type === FRAME_TYPE.page || type === FRAME_TYPE.orphanPage;
}

/** Refuses an archive of several snapshots unless the options choose; before anything is taken off the queue. */
function checkOnly(opened: OpenedHeader, segments: SegmentChoice = "only"): void {
  if (typeof segments === "string" && segments !== "all" && isDeduplicated(opened.copy.header)) {
    throw new SharedContentError();
  }
  const state = stateOf(opened);
  if (segments !== "only" || state instanceof ArchiveError || state.kind === "streamed") return;
  const { number } = state.locator.segment;
  if (number > 0) throw new SeveralSnapshotsError(number + 1);
}

/** Whether a segment is behind the newest one that the header knows: its update was interrupted. */
function isAhead({ locator }: ListedSegment, state: State | ArchiveError): boolean {
  return !(state instanceof ArchiveError) && state.kind === "known" &&
    locator.segment.number > state.locator.segment.number;
}
