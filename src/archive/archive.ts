/** An archive with random access: the catalog of a snapshot, and content by place. */
import type { Bytes, Engine, SuiteId } from "../engine/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import { FRAME_TYPE } from "../format/frame.ts";
import { type Header, isDeduplicated, recoveryPercent } from "../format/header.ts";
import type { PageEntry } from "../format/page.ts";
import type { BlockPlace } from "../format/row.ts";
import type { Trailer } from "../format/tables.ts";
import { physicalLength } from "../recovery/geometry.ts";
import { IndexedBlock } from "./block_index.ts";
import { openBody } from "./body_source.ts";
import { MergedCursor } from "./catalog_cursor.ts";
import type { CatalogEntry, CatalogRun, RunCursor } from "./catalog_run.ts";
import { contentError } from "./content_error.ts";
import { type OpenedHeader, openHeader } from "./header_reader.ts";
import { findSegment, type NewestSegment } from "./segment_tail.ts";
import { type SegmentAccess, type SegmentEnd, Segments } from "./segments.ts";
import { chooseSnapshot, latestComplete, listSnapshots, type Snapshot, type SnapshotChoice } from "./snapshots.ts";
import type { Source } from "./source.ts";
import type { KdfLimits, Key } from "./unlock.ts";

export type { CatalogEntry } from "./catalog_run.ts";

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
  /** Which snapshot; the newest complete one unless given. */
  readonly snapshot?: SnapshotChoice;
  /**
   * The newest complete snapshot's id, or the newest's, kept elsewhere: another one means that the whole archive was
   * put back, or changed.
   */
  readonly expect?: Bytes;
  /** Whether an archive opens that is older than its own header says. */
  readonly acceptRollback?: boolean;
}

/** Decoded blocks that are kept: neighbouring files share blocks. */
const KEPT_BLOCKS = 4;
/** Where files share content, its blocks lie anywhere. */
const KEPT_BLOCKS_SHARED = 16;
/** Above every frame number, so that one number can name a block of any segment. */
const SEGMENT_STEP = 2 ** 33;

/** What opening an archive's frames takes, wherever that is done; keys come by segment. */
export interface FrameSetting {
  readonly suite: SuiteId;
  /** Where the body begins in the archive; places count from there. */
  readonly bodyOffset: number;
  /** The percentage of the recovery layer, which is between logical and physical places; 0 without one. */
  readonly recovery: number;
  /** Bytes of the body, up to the end of the newest segment. */
  readonly end: number;
}

async function readHeader(engine: Engine, source: Source, options: OpenOptions): Promise<OpenedHeader> {
  const { keys, kdfLimits = {} } = options;
  if (options.goWithoutHeader) {
    const { openAnyway } = await import("./lost_header.ts");
    return await openAnyway(engine, source, keys, kdfLimits);
  }
  return await openHeader(engine, (length) => source.read(0, Math.min(length, source.size)), keys, kdfLimits);
}

/**
 * Checks that the newest snapshot is the one that is expected.
 *
 * @throws {ArchiveError} `rolled-back`.
 */
export function checkExpected(engine: Engine, id: Bytes, expected: Bytes | undefined): void {
  if (expected === undefined || engine.equal(id, expected)) return;
  throw new ArchiveError(
    "rolled-back",
    "Cannot accept the archive: its newest snapshot is not the one expected; it was put back, changed, or is another",
  );
}

/** Checkpoints of an update that was interrupted do not put an archive back: what is before them counts as well. */
async function checkNewest(engine: Engine, segments: Segments, expected: Bytes): Promise<void> {
  const { id } = segments.newest;
  if (engine.equal(id, expected)) return;
  const complete = await latestComplete(segments);
  checkExpected(engine, complete === undefined ? id : (await segments.get(complete)).id, expected);
}

/** An opened archive. */
export class Archive {
  /** The header copy that counts. */
  readonly header: Header;
  /** The header as it was opened; for changes. */
  readonly opened: OpenedHeader;
  /** The newest segment, whichever snapshot was chosen. */
  readonly newest: NewestSegment;
  /** This snapshot's number, counted from 1. */
  readonly number: number;
  /** This snapshot's record. */
  readonly trailer: Trailer;
  /** The snapshot's id: SHA-256 of its locator; 32 bytes. */
  readonly id: Bytes;
  /** What opening its blocks elsewhere takes. */
  readonly setting: FrameSetting;
  /** All segments. */
  readonly segments: Segments;
  /** The runs of this snapshot's catalog, the newest first. */
  readonly runs: readonly CatalogRun[];
  readonly #engine: Engine;
  readonly #blocks = new Map<number, IndexedBlock>();

  private constructor(
    engine: Engine,
    opened: OpenedHeader,
    newest: NewestSegment,
    segments: Segments,
    chosen: { readonly number: number; readonly id: Bytes; readonly end: SegmentEnd },
    runs: readonly CatalogRun[],
  ) {
    this.#engine = engine;
    this.opened = opened;
    this.header = opened.copy.header;
    this.newest = newest;
    this.segments = segments;
    this.number = chosen.number + 1;
    this.id = chosen.id;
    this.trailer = chosen.end.trailer;
    this.runs = runs;
    const { offset, length } = newest.locator;
    this.setting = {
      suite: opened.keys.suite,
      bodyOffset: opened.bodyOffset,
      recovery: recoveryPercent(opened.copy.header),
      end: offset + length,
    };
  }

  /**
   * Opens a snapshot of an archive: reads its header, its end and its catalog indexes, and nothing else.
   *
   * @throws {ArchiveError} of every code; I/O errors pass through.
   * @throws {SnapshotError} when there is no such snapshot.
   */
  static async open(engine: Engine, source: Source, options: OpenOptions): Promise<Archive> {
    const header = await readHeader(engine, source, options);
    for (const warning of header.warnings) options.onWarning?.(warning);
    return await Archive.openBehind(engine, source, header, options);
  }

  /**
   * Opens a snapshot of an archive whose header has been opened.
   *
   * @throws as {@linkcode open}.
   */
  static async openBehind(
    engine: Engine,
    source: Source,
    header: OpenedHeader,
    options: Omit<OpenOptions, "keys" | "kdfLimits" | "goWithoutHeader"> & { readonly newest?: NewestSegment },
  ): Promise<Archive> {
    const { acceptRollback = false } = options;
    // Whoever knows the newest segment has a body without a recovery layer at hand.
    const body = options.newest === undefined ? openBody(source, header) : source;
    const newest = options.newest ?? await findSegment(body, header, { acceptRollback });
    if (newest.state === "behind") {
      options.onWarning?.("the archive is older than its header says: later snapshots are missing");
    } else if (newest.tail > 0) {
      options.onWarning?.(
        `${newest.tail} bytes follow the archive's last snapshot: an update was interrupted; the next one removes them`,
      );
    }
    const segments = new Segments(body, header.keys, header.bodyOffset, newest, isDeduplicated(header.copy.header));
    if (options.expect !== undefined) await checkNewest(engine, segments, options.expect);
    const number = await chooseSnapshot(segments, options.snapshot ?? { kind: "latest" });
    const { id } = await segments.get(number);
    const end = await segments.end(number);
    return new Archive(engine, header, newest, segments, { number, id, end }, await segments.runs(number, end));
  }

  /** Whether its files share content. */
  get isDeduplicated(): boolean {
    return this.trailer.deduplicated === true;
  }

  /** Where the newest segment ends in the file, with the recovery data that belongs to it. */
  get fileEnd(): number {
    const { locator } = this.newest;
    const { physical } = this.segments.startOf(locator);
    return this.setting.bodyOffset + physical + physicalLength(this.setting.recovery, locator.length);
  }

  /** All snapshots of the archive, the oldest first. */
  snapshots(): AsyncGenerator<Snapshot, undefined, undefined> {
    return listSnapshots(this.segments);
  }

  /** What opens the blocks of a segment elsewhere. */
  accessTo(place: BlockPlace): Promise<SegmentAccess> {
    return this.segments.access(place.segment ?? 0);
  }

  /**
   * The catalog in path order, from the first entry at or after `from`. Reads pages as it goes. Of all the runs' rows
   * of a path, the newest counts.
   *
   * @throws {ArchiveError} `damaged`, `malformed`, `unsafe` or `limit`.
   */
  async *entries(from?: string): AsyncGenerator<CatalogEntry> {
    const cursor = this.cursor(from);
    await cursor.advance();
    while (cursor.current !== undefined) {
      if (cursor.current.mark !== "gone") yield cursor.current;
      const reading = cursor.advance();
      if (reading !== undefined) await reading;
    }
  }

  /** What {@linkcode entries} reads, without a promise for each; paths that are gone come with it. */
  cursor(from?: string): MergedCursor<RunCursor> {
    return new MergedCursor(this.runs.map((run) => run.cursor(from)));
  }

  /** The entry of one path, in as many pieces as its places need; none when there is no such path. */
  async *find(path: string): AsyncGenerator<CatalogEntry> {
    for (const run of this.runs) {
      const cursor = run.cursor(path);
      await cursor.advance();
      let entry = cursor.current;
      if (entry?.row.path !== path) continue;
      while (entry !== undefined && entry.row.path === path) {
        if (entry.mark !== "gone") yield entry;
        await cursor.advance();
        entry = cursor.current;
      }
      return;
    }
  }

  async #block(place: BlockPlace): Promise<IndexedBlock> {
    const segment = place.segment ?? 0;
    const name = segment * SEGMENT_STEP + place.frame;
    const kept = this.#blocks.get(name);
    if (kept !== undefined) {
      // The one used last goes last.
      this.#blocks.delete(name);
      this.#blocks.set(name, kept);
      return kept;
    }
    const frames = await this.segments.frames(segment);
    const indexed = new IndexedBlock(place, await frames.expected(place, FRAME_TYPE.block));
    const oldest = this.#blocks.keys().next();
    const most = this.isDeduplicated ? KEPT_BLOCKS_SHARED : KEPT_BLOCKS;
    if (this.#blocks.size >= most && oldest.done !== true) this.#blocks.delete(oldest.value);
    this.#blocks.set(name, indexed);
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
          entry.extents.filter(({ block: { segment, frame } }) =>
            segment === extent.block.segment && frame === extent.block.frame
          ),
        );
      }
      yield { fileOffset: extent.fileOffset, bytes: block.slice(entry.row, extent, entry.mark) };
    }
  }

  /** Name of the engine that opened it. */
  get engineName(): string {
    return this.#engine.name;
  }
}
