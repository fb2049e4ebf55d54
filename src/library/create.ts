/** Creating archives. */
import type { Level } from "../archive/compress.ts";
import { createArchive as createCore, type CreateOptions as CoreCreateOptions } from "../archive/create.ts";
import type { Engine, ScryptCost } from "../engine/engine.ts";
import {
  DEFAULT_LOG_N,
  MAX_LABEL_BYTES,
  MAX_LOG_N,
  MAX_P,
  MAX_R,
  MAX_RECOVERY_PERCENT,
  MAX_TIME_SECONDS,
  MIN_TIME_SECONDS,
  MIN_WRITER_LOG_N,
} from "../format/limits.ts";
import { utf8Length } from "../format/path.ts";
import type { Totals } from "../format/tables.ts";
import { isRecoveryPercent } from "../recovery/geometry.ts";
import { type Entry, plannedEntries, timeOf } from "./entry.ts";
import { Intake, isValues, type Values } from "./intake.ts";
import { type NewKeyOptions, newKeysOf } from "./keys.ts";
import { handled, streamOfWrites } from "./outlet.ts";
import { idText } from "./summary.ts";
import { type Suite, suiteId } from "./suite.ts";

/** The largest compression level. */
const MAX_LEVEL = 19;

/** What deriving a key from a passphrase costs with scrypt (RFC 7914), whoever does it. */
export interface KdfOptions {
  /** Base-2 logarithm of N, 15 to 24; 17 unless given. Each step doubles time and memory. */
  readonly logN?: number | undefined;
  /** Block size factor, 1 to 32; 8 unless given. Memory is 128·N·r bytes: 128 MiB as it is. */
  readonly r?: number | undefined;
  /** Parallelisation factor, 1 to 16; 1 unless given. */
  readonly p?: number | undefined;
}

/** How far creating an archive has got. */
export interface CreateProgress {
  /** Entries stored so far. */
  readonly entries: number;
  /** Bytes of content stored so far. */
  readonly bytes: number;
  /** Path of an entry stored just now. */
  readonly path: string;
}

/** How entries are stored, in a new archive or as a further snapshot of one. */
export interface StoreOptions {
  /**
   * zstd level, 1 to 19, or `"store"`. Unless given, what suits the content: about as small as level 3, and faster.
   * Where the engine cannot compress, everything is stored.
   */
  readonly level?: number | "store" | undefined;
  /** A label for the snapshot, at most 1,024 bytes; only who opens the archive sees it. */
  readonly label?: string | undefined;
  /** When the snapshot was begun; now unless given. Entries without a time of their own get it too. */
  readonly time?: Date | undefined;
  /** Whether to round its length up by at most 12 % (Padmé), so that it tells less about the content. */
  readonly pad?: boolean | undefined;
  /** Ends the work, which rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each block of about 2 MiB, 4 of a large file. */
  readonly onProgress?: ((progress: CreateProgress) => void) | undefined;
}

/** How an archive is created. */
export interface CreateOptions extends NewKeyOptions, StoreOptions {
  /** The cipher; `"chacha20-poly1305"` unless given. */
  readonly suite?: Suite | undefined;
  /** The cost of deriving a key from the passphrase. Readers refuse what exceeds their limits. */
  readonly kdf?: KdfOptions | undefined;
  /**
   * Percentage of a recovery record, 1 to 50; none unless given. With it, a burst of so much of the archive that is
   * lost or altered, wherever it begins, can be mended. Anyone sees that there is one, and its percentage.
   */
  readonly recovery?: number | undefined;
  /**
   * Whether content that is in several places, also in parts of files, is stored once, in this archive and its updates.
   * Anyone sees that it is. It cannot be read in one pass. Some 13 GB of different content are remembered: what comes
   * again of more is stored again.
   */
  readonly dedup?: boolean | undefined;
}

/** What was created. */
export interface CreatedArchive {
  /** The snapshot's id, 64 hexadecimal digits; see {@linkcode ArchiveSummary.id}. */
  readonly id: string;
  /** Bytes of the whole archive. */
  readonly length: number;
  /** What the archive has. */
  readonly totals: Totals;
  /**
   * The header in its final form, to be written over the archive's first bytes where that can be done. It holds the
   * archive's length and id. Without it everything works, and every cut is found; with it a reader also knows at once
   * how much is missing, and an update of the archive cannot be undone by cutting it off.
   */
  readonly header: Uint8Array<ArrayBuffer>;
}

/** An archive in the making. */
export interface ArchiveCreation {
  /**
   * The archive's bytes, made as they are asked for. It errors with whatever goes wrong, and what came out of it by
   * then is no archive. Cancelling it lets go of the entries and of the content at hand.
   */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** What was created, once the last byte has been read. Rejects as the stream errors; nobody needs to wait for it. */
  readonly result: Promise<CreatedArchive>;
}

/** What the core takes of {@linkcode StoreOptions}. */
type CoreStoreOptions =
  & Pick<CoreCreateOptions, "level" | "label" | "pad" | "onProgress">
  & Required<Pick<CoreCreateOptions, "time">>;

/** Creates an archive with the given engine; see `mod.ts`. */
export function createArchive(engine: Engine, entries: Values<Entry>, options: CreateOptions): ArchiveCreation {
  if (!isValues(entries)) throw new TypeError("Cannot create an archive: its entries are not iterable");
  const settings = coreOptions(options);
  const { promise: result, resolve, reject } = handled<CreatedArchive>();
  const readable = streamOfWrites(async (sink, signal) => {
    const intake = new Intake(entries, signal);
    try {
      signal.throwIfAborted();
      const planned = plannedEntries(intake, settings.time, signal);
      const written = await createCore(engine, planned, sink, { ...settings, signal });
      const { length, totals } = written;
      resolve({ id: idText(written.id), length, totals, header: written.header.slice() });
    } catch (error) {
      reject(error);
      // The core may have failed before it asked for the first entry.
      await intake.return().catch(() => {});
      throw error;
    }
  }, options.signal);
  return { readable, result };
}

/** Checks options at once, not when the first byte is asked for. */
function coreOptions(options: CreateOptions): CoreCreateOptions & Required<Pick<CoreCreateOptions, "time">> {
  return { ...coreArchiveOptions(options), ...coreStoreOptions(options) };
}

/** What a new archive is made with, whatever is stored in it: checked. */
export function coreArchiveOptions(
  options: Pick<CreateOptions, keyof NewKeyOptions | "suite" | "kdf" | "recovery" | "dedup">,
): Pick<CoreCreateOptions, "keys" | "suite" | "kdf" | "recovery" | "dedup"> {
  const { suite = "chacha20-poly1305", recovery } = options;
  if (recovery !== undefined && !isRecoveryPercent(recovery)) {
    throw new RangeError(`Cannot use a recovery record of ${recovery} %: it is 1 to ${MAX_RECOVERY_PERCENT}`);
  }
  return {
    keys: newKeysOf(options),
    suite: suiteId(suite),
    kdf: checkedCost(options.kdf ?? {}),
    ...(recovery === undefined ? {} : { recovery }),
    dedup: options.dedup === true,
  };
}

/** How a snapshot is stored, as the core takes it: checked. */
export function coreStoreOptions(options: StoreOptions): CoreStoreOptions {
  const { label = "", level = "default", pad = false, onProgress } = options;
  if (!label.isWellFormed() || utf8Length(label) > MAX_LABEL_BYTES) {
    throw new RangeError(`Cannot use the label: it is not well-formed Unicode of at most ${MAX_LABEL_BYTES} bytes`);
  }
  const time = timeOf(options.time ?? new Date(), "the archive's time");
  if (time.seconds < MIN_TIME_SECONDS || time.seconds > MAX_TIME_SECONDS) {
    throw new RangeError("Cannot use the archive's time: it is out of range");
  }
  const sum = { entries: 0, bytes: 0 };
  return {
    level: checkedLevel(level),
    label,
    time,
    pad,
    onProgress: ({ entries, bytes, path }) => {
      sum.entries += entries;
      sum.bytes += bytes;
      onProgress?.({ ...sum, path });
    },
  };
}

function checkedLevel(level: Level): Level {
  if (level === "store" || level === "default" || (Number.isInteger(level) && level >= 1 && level <= MAX_LEVEL)) {
    return level;
  }
  throw new RangeError(`Cannot use the level ${level}: it is 1 to ${MAX_LEVEL}, or "store"`);
}

/** The cost, checked. @throws {RangeError} when it is out of range. */
export function checkedCost({ logN = DEFAULT_LOG_N, r = 8, p = 1 }: KdfOptions): ScryptCost {
  const check = (name: string, value: number, least: number, most: number): void => {
    if (Number.isInteger(value) && value >= least && value <= most) return;
    throw new RangeError(`Cannot use the scrypt cost ${name} = ${value}: it is ${least} to ${most}`);
  };
  check("logN", logN, MIN_WRITER_LOG_N, MAX_LOG_N);
  check("r", r, 1, MAX_R);
  check("p", p, 1, MAX_P);
  return { logN, r, p };
}
