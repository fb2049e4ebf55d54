/**
 * Writes an archive of one segment: header, blocks as they are built, then the catalog, the trailer and the locator
 * (FORMAT.md, "Layout"). It only ever appends; where the target can be rewritten, the caller puts the final header
 * over the first one at the end.
 */
import type { Bytes, Engine, ScryptCost, SuiteId } from "../engine/engine.ts";
import { encodeIndex, type PagePlace } from "../format/catalog_index.ts";
import { CODEC, FRAME_TYPE, type FrameHead, frameLength, storedForFrameLength } from "../format/frame.ts";
import { bodyOffset, encodeHeaderCopy, type Header, slotRoom, withRecovery } from "../format/header.ts";
import { deriveArchiveId, deriveHeaderKey, deriveSegmentKey, KEY_BYTES, type SegmentIdentity } from "../format/keys.ts";
import {
  DEFAULT_LOG_N,
  HEADER_PAGE_COUNTS,
  MAX_BODY_BYTES,
  MAX_FRAME_BYTES,
  MAX_LABEL_BYTES,
  MAX_TIME_SECONDS,
  MIN_TIME_SECONDS,
  SEGMENT_ALIGNMENT,
} from "../format/limits.ts";
import {
  encodeLocator,
  encodeState,
  type FramePlace,
  type Locator,
  RECORD_BYTES,
  type State,
} from "../format/locator.ts";
import { utf8Length } from "../format/path.ts";
import type { BlockPlace, Extent, Row, Time } from "../format/row.ts";
import { provisionalRow } from "../format/rows.ts";
import { encodePassphrase } from "../format/passphrase.ts";
import { isCostInRange, type Slot, SLOT_BYTES, slotsFault } from "../format/slots.ts";
import { encodeTrailer, MAX_WRITER_BYTES, type Totals, type Trailer } from "../format/tables.ts";
import { isRecoveryPercent } from "../recovery/geometry.ts";
import type { BlockSetting, BuiltBlock, FailedPart } from "./block_builder.ts";
import { BodySink, fileLength } from "./body_source.ts";
import { CatalogBuilder, type ReadyPage } from "./catalog_builder.ts";
import { type Level, prepareFrame } from "./compress.ts";
import { FrameCipher, type FrameContent } from "./frame_cipher.ts";
import { FrameNumbers } from "./frame_numbers.ts";
import { padmeLength } from "./padding.ts";
import { type RecordKeys, sealRecord } from "./record_cipher.ts";
import { type NewKey, type Random, wrapForKey, wrappingRandomness } from "./key_slots.ts";

/** Where an archive's bytes go, in order. */
export interface Sink {
  /** Takes all of `bytes`, which are not used again by the writer. Errors end the archive. */
  write(bytes: Bytes): Promise<void> | void;
}

/** How an archive is written. */
export interface WriterOptions {
  /** Its keys; at least one. The archive key itself makes no slot. */
  readonly keys: readonly (NewKey | { readonly kind: "archive-key"; readonly archiveKey: Bytes })[];
  /** Cipher suite; 1 (ChaCha20-Poly1305) unless given. */
  readonly suite?: SuiteId;
  /** scrypt's cost for passphrases; logN 17, r 8, p 1 unless given. */
  readonly kdf?: ScryptCost;
  /** zstd level or `"store"`; 3 unless given. */
  readonly level?: Level;
  /**
   * The caller puts {@linkcode WrittenArchive.header} over the first bytes whatever happens: until then zeros stand
   * there, and no byte waits for a key to be derived.
   */
  readonly headerLast?: boolean;
  /** Pads the length to the next Padmé step, so that it tells less about the content. */
  readonly pad?: boolean;
  /** Percentage of a recovery record: a burst of so much of the body, wherever it begins, can be mended. None unless given. */
  readonly recovery?: number;
  /** A label for the snapshot. */
  readonly label?: string;
  /** When the snapshot began; now unless given. */
  readonly time?: Time;
  /** Program and version, for reports. */
  readonly writer?: string;
}

/** What writing an archive gave. */
export interface WrittenArchive {
  /** The snapshot's id: SHA-256 of its locator. Kept elsewhere, it tells whether the archive was put back. */
  readonly id: Bytes;
  /** Bytes of the whole archive. */
  readonly length: number;
  /** The archive key, for reading back what was written. */
  readonly archiveKey: Bytes;
  /** Bytes to put at offset 0 where the target can be rewritten: the header, now knowing its segment. */
  readonly header: Bytes;
  /** What the catalog holds. */
  readonly totals: Totals;
}

/** A file whose last slice has not been written yet. */
interface OpenFile {
  readonly path: string;
  readonly extents: Extent[];
  failed: boolean;
}

/** Writes one archive. */
export class ArchiveWriter {
  readonly #options: WriterOptions;
  readonly #keys: RecordKeys;
  readonly #sink: Sink;
  /** Where the segment's bytes go on their way to the sink, when they get recovery data. */
  readonly #body: BodySink | undefined;
  readonly #random: (length: number) => Bytes;
  readonly #slots: Promise<readonly Slot[]>;
  readonly #headerSalt: Bytes;
  readonly #pages: number;
  readonly #segment: SegmentIdentity;
  readonly #segmentKey: Bytes;
  readonly #cipher: FrameCipher;
  readonly #numbers = new FrameNumbers();
  readonly #catalog: CatalogBuilder;
  readonly #orphans: CatalogBuilder;
  readonly #totals = { entries: 0, files: 0, directories: 0, symlinks: 0, hardlinks: 0, fifos: 0, bytes: 0 };
  /** Files that could not be stored: what links to them cannot either. */
  readonly #failed = new Set<string>();
  /** Targets of the hardlinks in the catalog; each must turn out to be a file of it. */
  readonly #linkTargets = new Set<string>();
  #started: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #open: OpenFile | undefined;
  #offset = 0;
  #written = 0;
  #blocks = 0;
  #partial = false;

  private constructor(
    keys: RecordKeys,
    slots: Promise<readonly Slot[]>,
    pages: number,
    options: WriterOptions,
    sink: Sink,
    random: (length: number) => Bytes,
  ) {
    this.#keys = keys;
    this.#slots = slots;
    this.#pages = pages;
    this.#segment = { salt: random(KEY_BYTES), number: 0, link: new Uint8Array(KEY_BYTES) };
    this.#headerSalt = random(KEY_BYTES);
    this.#options = options;
    this.#sink = sink;
    this.#body = options.recovery === undefined ? undefined : new BodySink(keys.engine, sink, options.recovery);
    this.#random = random;
    const { engine, suite, archiveKey, id } = keys;
    this.#segmentKey = deriveSegmentKey(engine, archiveKey, suite, id, this.#segment);
    this.#cipher = new FrameCipher(engine, suite, this.#segmentKey);
    this.#catalog = new CatalogBuilder(engine, this.level, FRAME_TYPE.page);
    this.#orphans = new CatalogBuilder(engine, this.level, FRAME_TYPE.orphanPage);
  }

  /**
   * Makes the keys. What derives them from passphrases goes on beside whatever comes next: blocks are sealed with a
   * key of their own. `random` gives random bytes: a test may inject them, nothing else should.
   *
   * @throws {RangeError} for a passphrase or option that is not allowed.
   */
  static begin(
    engine: Engine,
    sink: Sink,
    options: WriterOptions,
    random: Random = (length) => engine.randomBytes(length),
  ): ArchiveWriter {
    checkLength("label", options.label, MAX_LABEL_BYTES);
    checkLength("writer", options.writer, MAX_WRITER_BYTES);
    checkTime(options.time);
    const { recovery } = options;
    if (recovery !== undefined && !isRecoveryPercent(recovery)) {
      throw new RangeError(`Cannot use a recovery record of ${recovery} %`);
    }
    if (options.keys.length === 0) throw new RangeError("Cannot create an archive without a key");
    const given = options.keys.find((key) => key.kind === "archive-key");
    // A copy: the caller may wipe its own.
    const archiveKey = given?.archiveKey.slice() ?? random(KEY_BYTES);
    if (archiveKey.length !== KEY_BYTES) {
      throw new RangeError(`Cannot use an archive key of ${archiveKey.length} bytes`);
    }
    const slotKeys = options.keys.filter((key) => key.kind !== "archive-key");
    // Before any work, not in the middle of it.
    const cost = options.kdf ?? { logN: DEFAULT_LOG_N, r: 8, p: 1 };
    if (!isCostInRange(cost)) throw new RangeError("Cannot use the scrypt cost: it is out of range");
    for (const key of slotKeys) if (key.kind === "passphrase") encodePassphrase(key.passphrase).fill(0);
    const pages = pagesFor(slotKeys);
    const drawn = slotKeys.map((key) => ({ key, randomness: random(wrappingRandomness(key)) }));
    const slots = wrapAll(engine, archiveKey, drawn, cost);
    // Its failure is met where the slots are needed.
    slots.catch(() => {});
    const keys = { engine, suite: options.suite ?? 1, archiveKey, id: deriveArchiveId(engine, archiveKey) };
    return new ArchiveWriter(keys, slots, pages, options, sink, random);
  }

  /** Writes the header, or room for it, and the segment's salt. Called again, it waits for the first call. */
  start(): Promise<void> {
    return this.#started ??= this.#start();
  }

  async #start(): Promise<void> {
    await this.#write(
      this.#options.headerLast === true
        ? new Uint8Array(bodyOffset(this.#pages))
        : this.#header({ kind: "streamed", generation: 1 }, this.#headerSalt, await this.#slots),
      this.#sink,
    );
    this.#written = 0;
    await this.#write(this.#segment.salt.slice());
  }

  /** How hard frames are compressed. */
  get level(): Level {
    return this.#options.level ?? 3;
  }

  /** What building this archive's blocks takes. */
  get setting(): BlockSetting {
    return { suite: this.#keys.suite, segmentKey: this.#segmentKey, level: this.level };
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
    return this.#failed.has(path);
  }

  async #write(bytes: Bytes, sink: Sink = this.#body ?? this.#sink): Promise<void> {
    // Asked before the bytes are given away: whoever takes them may transfer their memory.
    const { length } = bytes;
    if (this.#numbers.ended) throw new Error("Cannot write: this segment attempt has ended");
    if (this.#offset + length > MAX_BODY_BYTES) throw new RangeError("Cannot write the archive: it is too large");
    try {
      await sink.write(bytes);
    } catch (error) {
      this.#numbers.end();
      this.#failure ??= { error };
      throw error;
    }
    this.#offset += length;
    this.#written += length;
  }

  async #endBody(): Promise<void> {
    try {
      await this.#body?.end();
    } catch (error) {
      this.#failure ??= { error };
      throw error;
    }
  }

  #header(state: State, salt: Bytes, slots: readonly Slot[]): Bytes {
    const { engine, suite, archiveKey, id } = this.#keys;
    const header: Header = {
      pages: this.#pages,
      suite,
      generation: 1,
      readFeatures: withRecovery(0, this.#options.recovery ?? 0),
      writeFeatures: 0,
      ignorableFeatures: 0,
      state: sealRecord(this.#keys, "state", encodeState(state), salt),
      slots,
    };
    const key = deriveHeaderKey(engine, archiveKey, suite, id);
    const both = new Uint8Array(bodyOffset(this.#pages));
    both.set(encodeHeaderCopy(engine, header, "A", key));
    both.set(encodeHeaderCopy(engine, header, "B", key), both.length / 2);
    return both;
  }

  /** Writes a built block and keeps its rows for the catalog. Returns the parts that failed. */
  async writeBlock(block: BuiltBlock): Promise<readonly FailedPart[]> {
    if (block.frame !== this.#blocks) throw new RangeError("Cannot write a block: it is not the next one");
    await this.start();
    const place: BlockPlace = { frame: block.frame, offset: this.#written, frameBytes: block.bytes.length };
    await this.#write(block.bytes);
    this.#blocks++;
    const failed: FailedPart[] = [];
    for (const outcome of block.outcomes) {
      if (!outcome.ok) {
        this.#fail(outcome.row, outcome.last);
        failed.push(outcome);
        continue;
      }
      const { row, provisional, slices } = outcome.entry;
      if (row.kind === "hardlink" && this.#failed.has(row.link)) {
        this.#partial = true;
        this.#orphans.add({ row, provisional: false, extents: [] });
        failed.push({ ok: false, row, last: true, problem: new Error("its first name could not be stored") });
        continue;
      }
      this.#keep(row, provisional, slices, place);
    }
    return failed;
  }

  #keep(row: Row, provisional: boolean, slices: readonly Omit<Extent, "block">[], block: BlockPlace): void {
    const extents = slices.map(({ fileOffset, length, dataOffset }) => ({ fileOffset, length, dataOffset, block }));
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
      this.#failed.add(row.path);
      this.#orphans.add({ row, provisional: false, extents: all });
      return;
    }
    this.#catalog.add({ row, provisional: false, extents: all });
    if (row.kind === "hardlink") this.#linkTargets.add(row.link);
    this.#count(row);
  }

  #fail(row: Row, last: boolean): void {
    this.#partial = true;
    this.#failed.add(row.path);
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
    if (open === undefined || open.extents.length === 0) return;
    this.#orphans.add({ row: provisionalRow(open.path, "file"), provisional: true, extents: open.extents });
  }

  #count(row: Row): void {
    const names = {
      file: "files",
      directory: "directories",
      symlink: "symlinks",
      hardlink: "hardlinks",
      fifo: "fifos",
    } as const;
    this.#totals[names[row.kind]]++;
    this.#totals.entries++;
    this.#totals.bytes += row.size;
    if (row.changed) this.#partial = true;
  }

  /** Says that something was left out that this writer never saw, such as a folder that could not be read. */
  markPartial(): void {
    this.#partial = true;
  }

  /** Writes what follows the blocks. Nothing can be written afterwards. */
  async finish(): Promise<WrittenArchive> {
    await this.start();
    this.#orphan();
    const pages = await this.#writePages(this.#catalog);
    for (const target of this.#linkTargets) {
      throw new TypeError(`Cannot store a hard link to ${JSON.stringify(target)}: no file has that path`);
    }
    const orphanPages = await this.#writePages(this.#orphans);
    const index = await this.#writeItem(FRAME_TYPE.index, encodeIndex(pages), pages.length);
    await this.#writeItem(FRAME_TYPE.segmentTable, new Uint8Array(0), 0);
    await this.#writeItem(FRAME_TYPE.snapshotTable, new Uint8Array(0), 0);
    const trailerStart = this.#written;
    const trailer = await this.#writeItem(
      FRAME_TYPE.trailer,
      encodeTrailer(this.#trailer(index, pages.length, orphanPages.length)),
      0,
    );
    const trailerBytes = this.#written - trailerStart;
    const length = await this.#writeEnd();
    const locator: Locator = {
      generation: 1,
      segment: this.#segment,
      offset: 0,
      length,
      index,
      trailer,
      trailerBytes,
      snapshots: 1,
    };
    const record = sealRecord(this.#keys, "locator", encodeLocator(locator), this.#random(KEY_BYTES));
    const id = this.#keys.engine.sha256(record);
    await this.#write(record);
    await this.#endBody();
    this.#numbers.end();
    const header = this.#header(
      { kind: "known", locatorHash: id, locator },
      this.#random(KEY_BYTES),
      await this.#slots,
    );
    const { archiveKey } = this.#keys;
    const bytes = fileLength(this.#options.recovery ?? 0, header.length, length);
    return { id, length: bytes, archiveKey, header, totals: { ...this.#totals } };
  }

  #trailer(index: FramePlace, pages: number, orphanPages: number): Trailer {
    const now = Date.now();
    return {
      time: this.#options.time ?? { seconds: Math.floor(now / 1000), nanoseconds: (now % 1000) * 1_000_000 },
      label: this.#options.label ?? "",
      index,
      totals: this.#totals,
      blocks: this.#blocks,
      pages,
      orphanPages,
      partial: this.#partial,
      writer: this.#options.writer ?? "",
    };
  }

  async #writePages(builder: CatalogBuilder): Promise<PagePlace[]> {
    const places: PagePlace[] = [];
    for (const page of builder.finish()) {
      if (this.#linkTargets.size > 0 && builder === this.#catalog) this.#resolveLinks(page);
      const offset = this.#written;
      const frame = await this.#writeFrame(page);
      const frameBytes = this.#written - offset;
      places.push({ firstPath: page.firstPath, rows: page.head.rows, frame, offset, frameBytes });
    }
    return places;
  }

  #resolveLinks(page: ReadyPage): void {
    for (const { row } of this.#catalog.readBack(page)) if (row.kind === "file") this.#linkTargets.delete(row.path);
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

  /** Writes padding up to where `end` and the locator fill a page exactly; returns the segment's length. */
  async #writeEnd(): Promise<number> {
    const tail = frameLength(0) + RECORD_BYTES;
    const least = this.#written + frameLength(0) + tail;
    const wanted = this.#options.pad === true ? padmeLength(least) : least;
    let length = Math.ceil(wanted / SEGMENT_ALIGNMENT) * SEGMENT_ALIGNMENT;
    if (splitPadding(length - tail - this.#written) === undefined) length += SEGMENT_ALIGNMENT;
    for (const stored of splitPadding(length - tail - this.#written) as readonly number[]) {
      const raw = new Uint8Array(stored);
      await this.#writeFrame(prepareFrame(this.#keys.engine, { type: FRAME_TYPE.padding, rows: 0 }, raw, "store"));
    }
    const head = { type: FRAME_TYPE.end, codec: CODEC.stored, raw: 0, stored: 0, rows: 0, crc: 0 };
    await this.#writeFrame({ head, stored: new Uint8Array(0) });
    return length;
  }
}

function checkTime(time: Time | undefined): void {
  if (time === undefined) return;
  const { seconds, nanoseconds } = time;
  const isTime = Number.isInteger(seconds) && seconds >= MIN_TIME_SECONDS && seconds <= MAX_TIME_SECONDS &&
    Number.isInteger(nanoseconds) && nanoseconds >= 0 && nanoseconds < 1e9;
  if (!isTime) throw new RangeError("Cannot use the time of the snapshot: it is out of range");
}

function checkLength(what: string, text: string | undefined, limit: number): void {
  if (text === undefined || (text.isWellFormed() && utf8Length(text) <= limit)) return;
  throw new RangeError(`Cannot use the ${what}: it is over ${limit} bytes, or not well-formed`);
}

/** Stored lengths of padding frames that fill `room` bytes exactly, or `undefined` when none do. */
function splitPadding(room: number): number[] | undefined {
  const largest = frameLength(MAX_FRAME_BYTES);
  const lengths: number[] = [];
  while (room > 2 * largest) {
    lengths.push(MAX_FRAME_BYTES);
    room -= largest;
  }
  const halves = room > largest ? [Math.floor(room / 32) * 16, room - Math.floor(room / 32) * 16] : [room];
  for (const half of halves) {
    const stored = storedForFrameLength(half);
    if (stored === undefined) return undefined;
    lengths.push(stored);
  }
  return lengths;
}

/** The smallest header that leaves half of its room for further keys, or else the smallest that is large enough. */
function pagesFor(keys: readonly NewKey[]): number {
  const fault = slotsFault(keys);
  if (fault !== undefined) throw new RangeError(`Cannot create the archive: ${fault}`);
  const used = keys.reduce((sum, { kind }) => sum + SLOT_BYTES[kind], 0);
  const pages = HEADER_PAGE_COUNTS.find((count) => slotRoom(count) >= 2 * used) ??
    HEADER_PAGE_COUNTS.find((count) => slotRoom(count) >= used);
  if (pages === undefined) throw new RangeError("Cannot create the archive: it has too many keys");
  return pages;
}

/** Wraps the archive key for each key, one after the other: a passphrase takes much memory. */
async function wrapAll(
  engine: Engine,
  archiveKey: Bytes,
  drawn: readonly { readonly key: NewKey; readonly randomness: Bytes }[],
  cost: ScryptCost,
): Promise<readonly Slot[]> {
  const slots: Slot[] = [];
  for (const { key, randomness } of drawn) slots.push(await wrapForKey(engine, archiveKey, key, cost, randomness));
  return slots;
}
