/** What is stored with a segment, and where its bytes go. */
import type { Bytes, Engine } from "../engine/engine.ts";
import { MAX_LABEL_BYTES, MAX_TIME_SECONDS, MIN_TIME_SECONDS } from "../format/limits.ts";
import { utf8Length } from "../format/path.ts";
import type { Time } from "../format/row.ts";
import { MAX_WRITER_BYTES } from "../format/tables.ts";
import type { Level } from "./compress.ts";
import { SealedSpill, type SpillFile } from "./sealed_spill.ts";

/** Where an archive's bytes go, in order. */
export interface Sink {
  /** Takes all of `bytes`, which are not used again by the writer. Errors end the archive. */
  write(bytes: Bytes): Promise<void> | void;
  /** Resolves when all that was written is on the disk. Absent where the whole is synced later. */
  sync?(): Promise<void> | void;
}

/** What is stored with a segment. */
export interface SegmentOptions {
  /** zstd level, `"store"`, or `"default"`, which it is unless given. */
  readonly level?: Level;
  /** Pads the length to the next Padmé step, so that it tells less about the content. */
  readonly pad?: boolean;
  /** Stores equal content once. An archive's further snapshots do as its first. */
  readonly dedup?: boolean;
  /**
   * Makes a temporary file for what is known of stored content, when memory does not suffice; removing it is the
   * caller's.
   */
  readonly spill?: () => SpillFile;
  /** A label for the snapshot. */
  readonly label?: string;
  /** When the snapshot began; now unless given. */
  readonly time?: Time;
  /** Program and version, for reports. */
  readonly writer?: string;
}

/** What puts away, sealed, what there is no room for in memory; `undefined` where nothing does. */
export function spillOf(engine: Engine, { spill }: SegmentOptions): (() => SealedSpill) | undefined {
  return spill && (() => new SealedSpill(engine, spill()));
}

/**
 * Checks what is to be stored with a segment.
 *
 * @throws {RangeError} for what is not allowed.
 */
export function checkSegmentOptions(options: SegmentOptions): void {
  checkLength("label", options.label, MAX_LABEL_BYTES);
  checkLength("writer", options.writer, MAX_WRITER_BYTES);
  checkTime(options.time);
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
