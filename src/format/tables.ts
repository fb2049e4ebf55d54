/** The trailer (FORMAT.md, "Trailer"): a segment's own record. */
import type { Bytes } from "../engine/engine.ts";
import { type ByteReader, ByteWriter } from "./bytes.ts";
import { decodeColumns, encodeColumn, endColumns, requireColumn } from "./columns.ts";
import { ArchiveError } from "./errors.ts";
import { MAX_FRAMES, MAX_LABEL_BYTES, MAX_RUNS, MAX_TIME_SECONDS, MIN_TIME_SECONDS } from "./limits.ts";
import type { FramePlace } from "./locator.ts";
import type { Row, Time } from "./row.ts";

const COLUMN = { time: 1, label: 2, index: 3, totals: 4, frames: 5, flags: 6, runs: 7, writer: 0x81 } as const;
const COLUMNS: ReadonlySet<number> = new Set(Object.values(COLUMN));
const FLAG_PARTIAL = 1;
const FLAG_DEDUPLICATED = 2;
const FLAG_CHECKPOINT = 4;
/** UTF-8 bytes of the writer's name and version. */
export const MAX_WRITER_BYTES = 255;

/** What a snapshot's catalog holds. */
export interface Totals {
  /** Rows of all kinds. */
  readonly entries: number;
  /** Regular files. */
  readonly files: number;
  /** Directories. */
  readonly directories: number;
  /** Symbolic links. */
  readonly symlinks: number;
  /** Further names of regular files. */
  readonly hardlinks: number;
  /** FIFOs. */
  readonly fifos: number;
  /** Sum of the files' sizes. */
  readonly bytes: number;
}

/** This segment's own record. */
export interface Trailer {
  /** When the snapshot was begun. */
  readonly time: Time;
  /** The user's label, or empty. */
  readonly label: string;
  /** Where the catalog index is. */
  readonly index: FramePlace;
  /** What the catalog holds. */
  readonly totals: Totals;
  /** Block frames of this segment. */
  readonly blocks: number;
  /** Catalog page frames of this segment. */
  readonly pages: number;
  /** Orphan page frames of this segment. */
  readonly orphanPages: number;
  /** Some entries could not be stored, or changed while they were read. */
  readonly partial: boolean;
  /** The archive is one whose files share content, as its header says too; absent when it is not. */
  readonly deduplicated?: true;
  /** The snapshot is what was stored until then: more was to come. Absent when it is complete. */
  readonly checkpoint?: true;
  /** Program and version that wrote the segment, for reports only. */
  readonly writer: string;
  /**
   * Numbers of the earlier segments whose runs lie below this segment's own in the catalog's stack, the newest first;
   * absent when there are none.
   */
  readonly runs?: readonly number[];
}

/** Encodes the trailer of the segment of that number. */
export function encodeTrailer(trailer: Trailer, segment = 0): Bytes {
  const out = new ByteWriter(160);
  const column = new ByteWriter(64);
  const put = (number: number, write: () => void) => {
    column.reset();
    write();
    encodeColumn(out, number, column.view());
  };
  const varints = (...values: readonly number[]) => () => values.forEach((value) => column.varint(value));
  const { totals } = trailer;
  put(COLUMN.time, () => {
    column.zigzag(trailer.time.seconds);
    column.varint(trailer.time.nanoseconds);
  });
  if (trailer.label !== "") put(COLUMN.label, () => column.string(trailer.label));
  put(COLUMN.index, varints(trailer.index.offset, trailer.index.frame));
  put(COLUMN.totals, varints(...totalsValues(totals)));
  put(COLUMN.frames, varints(trailer.blocks, trailer.pages, trailer.orphanPages));
  const flags = snapshotFlags(trailer) + (trailer.deduplicated ? FLAG_DEDUPLICATED : 0);
  if (flags > 0) put(COLUMN.flags, () => column.u8(flags));
  put(COLUMN.runs, () => {
    let above = segment;
    for (const number of trailer.runs ?? []) {
      column.varint(above - number);
      above = number;
    }
  });
  if (trailer.writer !== "") put(COLUMN.writer, () => column.string(trailer.writer));
  return out.finish();
}

/**
 * Decodes the trailer of the segment of that number.
 *
 * @throws {ArchiveError} `malformed`.
 */
export function decodeTrailer(raw: Bytes, segment = 0): Trailer {
  const what = "the trailer";
  const columns = decodeColumns(raw, COLUMNS, what);
  const timeColumn = requireColumn(columns, COLUMN.time, what);
  const time: Time = { seconds: timeColumn.zigzag(), nanoseconds: timeColumn.varint() };
  const index = requireColumn(columns, COLUMN.index, what);
  const totals = requireColumn(columns, COLUMN.totals, what);
  const frames = requireColumn(columns, COLUMN.frames, what);
  const { flags, deduplicated } = takeTrailerFlags(columns.get(COLUMN.flags), what);
  const trailer: Trailer = {
    time,
    label: columns.get(COLUMN.label)?.string(MAX_LABEL_BYTES) ?? "",
    index: { offset: index.varint(), frame: index.varint() },
    totals: totalsReader(totals),
    blocks: frames.varint(),
    pages: frames.varint(),
    orphanPages: frames.varint(),
    ...flags,
    ...(deduplicated ? { deduplicated: true } : {}),
    writer: columns.get(COLUMN.writer)?.string(MAX_WRITER_BYTES) ?? "",
  };
  const runs = decodeRuns(columns.get(COLUMN.runs), segment);
  endColumns(columns);
  if (trailer.index.frame > MAX_FRAMES || !isTime(time)) {
    throw new ArchiveError("malformed", `Cannot accept ${what}: a value is out of range`);
  }
  return runs.length === 0 ? trailer : { ...trailer, runs };
}

/** What the flags of a snapshot say. */
export type SnapshotFlags = Pick<Trailer, "partial" | "checkpoint">;

/**
 * Checks that a trailer says of shared content what the header says.
 *
 * @throws {ArchiveError} `malformed` or `inconsistent`.
 */
export function checkDeduplicated(trailer: Trailer, deduplicated: boolean): void {
  if ((trailer.deduplicated === true) === deduplicated) return;
  const code = deduplicated ? "inconsistent" : "malformed";
  throw new ArchiveError(code, "Cannot accept the archive: its header and its trailer disagree about shared content");
}

/** The flags of a snapshot as they are stored. */
export function snapshotFlags({ partial, checkpoint }: SnapshotFlags): number {
  return (partial ? FLAG_PARTIAL : 0) + (checkpoint ? FLAG_CHECKPOINT : 0);
}

/** Takes what a trailer's flags say; there may be none. */
function takeTrailerFlags(
  reader: ByteReader | undefined,
  what: string,
): { readonly flags: SnapshotFlags; readonly deduplicated: boolean } {
  const bits = reader?.u8() ?? 0;
  const deduplicated = Math.floor(bits / FLAG_DEDUPLICATED) % 2 === 1;
  return { flags: snapshotFlagsOf(bits - (deduplicated ? FLAG_DEDUPLICATED : 0), what), deduplicated };
}

/**
 * What flags of a snapshot say.
 *
 * @throws {ArchiveError} `malformed`.
 */
export function snapshotFlagsOf(bits: number, what: string): SnapshotFlags {
  const partial = bits % 2 === FLAG_PARTIAL;
  const rest = bits - (partial ? FLAG_PARTIAL : 0);
  if (rest !== 0 && rest !== FLAG_CHECKPOINT) {
    throw new ArchiveError("malformed", `Cannot decode ${what}: unknown flags`);
  }
  return rest === FLAG_CHECKPOINT ? { partial, checkpoint: true } : { partial };
}

/** Whether a time is one that an archive can have. */
export function isTime({ seconds, nanoseconds }: Time): boolean {
  return seconds >= MIN_TIME_SECONDS && seconds <= MAX_TIME_SECONDS && nanoseconds <= 999_999_999;
}

function decodeRuns(reader: ByteReader | undefined, segment: number): number[] {
  const runs: number[] = [];
  for (let above = segment; reader !== undefined && reader.remaining > 0;) {
    const back = reader.varint();
    above -= back;
    if (back === 0 || above < 0) {
      throw new ArchiveError("malformed", "Cannot accept the trailer: a run lies in no earlier segment");
    }
    runs.push(above);
    if (runs.length >= MAX_RUNS) {
      throw new ArchiveError("limit", `Cannot accept the trailer: over ${MAX_RUNS} runs`);
    }
  }
  return runs;
}

/** Totals that are still being counted. */
export type Tally = { -readonly [K in keyof Totals]: Totals[K] };

/** A tally of nothing. */
export function emptyTally(): Tally {
  return { entries: 0, files: 0, directories: 0, symlinks: 0, hardlinks: 0, fifos: 0, bytes: 0 };
}

const TALLIED = {
  file: "files",
  directory: "directories",
  symlink: "symlinks",
  hardlink: "hardlinks",
  fifo: "fifos",
} as const;

/** Counts a row in, or out again. */
export function tally(totals: Tally, { kind, size }: Pick<Row, "kind" | "size">, sign: 1 | -1 = 1): void {
  totals[TALLIED[kind]] += sign;
  totals.entries += sign;
  totals.bytes += sign * size;
}

/** Adds what others counted. */
export function addTotals(totals: Tally, counted: Totals): void {
  for (const name of Object.keys(totals) as (keyof Totals)[]) totals[name] += counted[name];
}

/** What is left of totals without others. */
export function differenceOf(a: Totals, b: Totals): Totals {
  const negated = Object.fromEntries(Object.entries(b).map(([name, value]) => [name, -value])) as unknown as Totals;
  return sumOf(a, negated);
}

/** Two totals added. */
export function sumOf(a: Totals, b: Totals): Totals {
  return {
    entries: a.entries + b.entries,
    files: a.files + b.files,
    directories: a.directories + b.directories,
    symlinks: a.symlinks + b.symlinks,
    hardlinks: a.hardlinks + b.hardlinks,
    fifos: a.fifos + b.fifos,
    bytes: a.bytes + b.bytes,
  };
}

/** Totals as they are stored. */
export function totalsValues(totals: Totals): readonly number[] {
  return [totals.files, totals.directories, totals.symlinks, totals.hardlinks, totals.fifos, totals.bytes];
}

/** Takes totals. */
export function totalsReader(reader: ByteReader): Totals {
  const files = reader.varint();
  const directories = reader.varint();
  const symlinks = reader.varint();
  const hardlinks = reader.varint();
  const fifos = reader.varint();
  const bytes = reader.varint();
  return {
    entries: files + directories + symlinks + hardlinks + fifos,
    files,
    directories,
    symlinks,
    hardlinks,
    fifos,
    bytes,
  };
}
