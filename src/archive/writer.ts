/**
 * Writes an archive of one segment: its header, and the segment behind it (FORMAT.md, "Layout"). It only ever appends;
 * where the target can be rewritten, the caller puts the final header over the first one at the end.
 */
import type { Bytes, Engine, ScryptCost, SuiteId } from "../engine/engine.ts";
import type { ChunkedBlock } from "../format/chunk_table.ts";
import { bodyOffset, encodeHeaderCopy, type Header, SHARED_EXTENTS, slotRoom, withRecovery } from "../format/header.ts";
import { deriveArchiveId, deriveHeaderKey, KEY_BYTES } from "../format/keys.ts";
import { DEFAULT_LOG_N, HEADER_PAGE_COUNTS } from "../format/limits.ts";
import { encodeState, type State } from "../format/locator.ts";
import { encodePassphrase } from "../format/passphrase.ts";
import type { BlockPlace } from "../format/row.ts";
import { isCostInRange, type Slot, SLOT_BYTES, slotsFault } from "../format/slots.ts";
import type { Totals } from "../format/tables.ts";
import { isRecoveryPercent } from "../recovery/geometry.ts";
import type { BlockSetting, BuiltBlock, FailedPart } from "./block_builder.ts";
import { BodySink, fileLength } from "./body_sink.ts";
import type { Level } from "./compress.ts";
import { type NewKey, type Random, wrapForKey, wrappingRandomness } from "./key_slots.ts";
import { type RecordKeys, sealRecord } from "./record_cipher.ts";
import { checkSegmentOptions, type SegmentOptions, type Sink } from "./segment_options.ts";
import { SegmentWriter } from "./segment_writer.ts";

export type { Sink } from "./segment_options.ts";

/** How an archive is written. */
export interface WriterOptions extends SegmentOptions {
  /** Its keys; at least one. The archive key itself makes no slot. */
  readonly keys: readonly (NewKey | { readonly kind: "archive-key"; readonly archiveKey: Bytes })[];
  /** Cipher suite; 1 (ChaCha20-Poly1305) unless given. */
  readonly suite?: SuiteId;
  /** scrypt's cost for passphrases; logN 17, r 8, p 1 unless given. */
  readonly kdf?: ScryptCost;
  /**
   * The caller puts {@linkcode WrittenArchive.header} over the first bytes whatever happens: until then zeros stand
   * there, and no byte waits for a key to be derived.
   */
  readonly headerLast?: boolean;
  /**
   * Percentage of a recovery record: a burst of so much of the body, wherever it begins, can be mended. None unless
   * given.
   */
  readonly recovery?: number;
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

/** Writes one archive. */
export class ArchiveWriter {
  readonly #headerLast: boolean;
  readonly #keys: RecordKeys;
  readonly #sink: Sink;
  /** Where the segment's bytes go on their way to the sink, when they get recovery data. */
  readonly #body: BodySink | undefined;
  readonly #recovery: number;
  readonly #dedup: boolean;
  readonly #random: Random;
  readonly #slots: Promise<readonly Slot[]>;
  readonly #headerSalt: Bytes;
  readonly #pages: number;
  readonly #segment: SegmentWriter;
  #headerWritten: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  private constructor(
    keys: RecordKeys,
    slots: Promise<readonly Slot[]>,
    pages: number,
    options: WriterOptions,
    sink: Sink,
    random: Random,
  ) {
    this.#keys = keys;
    this.#slots = slots;
    this.#pages = pages;
    this.#sink = sink;
    this.#body = options.recovery === undefined ? undefined : new BodySink(keys.engine, sink, options.recovery);
    this.#random = random;
    this.#recovery = options.recovery ?? 0;
    this.#dedup = options.dedup === true;
    this.#headerLast = options.headerLast === true;
    const segment = { salt: random(KEY_BYTES), number: 0, link: new Uint8Array(KEY_BYTES) };
    this.#headerSalt = random(KEY_BYTES);
    this.#segment = new SegmentWriter(keys, { segment, offset: 0, generation: 1 }, this.#body ?? sink, options, random);
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
    checkSegmentOptions(options);
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
  async start(): Promise<void> {
    await (this.#headerWritten ??= this.#writeHeader());
    await this.#segment.start();
  }

  async #writeHeader(): Promise<void> {
    const bytes = this.#headerLast
      ? new Uint8Array(bodyOffset(this.#pages))
      : this.#header({ kind: "streamed", generation: 1 }, this.#headerSalt, await this.#slots);
    try {
      await this.#sink.write(bytes);
    } catch (error) {
      this.#segment.abandon();
      this.#failure ??= { error };
      throw error;
    }
  }

  /** What building this archive's blocks takes. */
  get setting(): BlockSetting {
    return this.#segment.setting;
  }

  /** The next block's frame number; blocks are written in the order of their numbers. */
  nextFrame(): number {
    return this.#segment.nextFrame();
  }

  /** Ends the attempt: a block could not be built, and a number that may have been sealed is never sealed again. */
  abandon(): void {
    this.#segment.abandon();
  }

  /** What the sink threw, if it did: the reason for whatever fails afterwards. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure ?? this.#segment.failure;
  }

  /** How hard frames are compressed. */
  get level(): Level {
    return this.#segment.level;
  }

  /** Whether a file could not be stored as a whole. */
  hasFailed(path: string): boolean {
    return this.#segment.hasFailed(path);
  }

  /** Where the block is that was written last. */
  get lastBlock(): BlockPlace | undefined {
    return this.#segment.lastBlock;
  }

  /** Takes down which chunks a written block holds, for later updates. */
  addChunks(block: ChunkedBlock): void {
    this.#segment.addChunks(block);
  }

  /** Writes a built block and keeps its rows for the catalog. Returns the parts that failed. */
  async writeBlock(block: BuiltBlock): Promise<readonly FailedPart[]> {
    await this.start();
    return await this.#segment.writeBlock(block);
  }

  /** Says that something was left out that this writer never saw, such as a folder that could not be read. */
  markPartial(): void {
    this.#segment.markPartial();
  }

  /** Writes what follows the blocks. Nothing can be written afterwards. More of the snapshot follows a checkpoint. */
  async finish(isCheckpoint = false): Promise<WrittenArchive> {
    await this.start();
    const { id, locator, totals } = await this.#segment.finish(undefined, isCheckpoint);
    try {
      await this.#body?.end();
    } catch (error) {
      this.#failure ??= { error };
      throw error;
    }
    const header = this.#header(
      { kind: "known", locatorHash: id, locator },
      this.#random(KEY_BYTES),
      await this.#slots,
    );
    const { archiveKey } = this.#keys;
    return { id, length: fileLength(this.#recovery, header.length, locator.length), archiveKey, header, totals };
  }

  #header(state: State, salt: Bytes, slots: readonly Slot[]): Bytes {
    const { engine, suite, archiveKey, id } = this.#keys;
    const header: Header = {
      pages: this.#pages,
      suite,
      generation: 1,
      readFeatures: withRecovery(this.#dedup ? SHARED_EXTENTS : 0, this.#recovery),
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
