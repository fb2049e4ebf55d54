/**
 * The segment table, the snapshot table and the trailer (FORMAT.md, "Tables" and "Trailer"). The tables list what
 * came before this segment and are empty in the first; the trailer is this segment's own record.
 */
import type { Bytes } from "../engine/engine.ts";
import { ByteReader, ByteWriter } from "./bytes.ts";
import { decodeColumns, encodeColumn, endColumns, requireColumn } from "./columns.ts";
import { ArchiveError } from "./errors.ts";
import { MAX_FRAMES, MAX_LABEL_BYTES, MAX_TIME_SECONDS, MIN_TIME_SECONDS } from "./limits.ts";
import type { FramePlace } from "./locator.ts";
import type { Time } from "./row.ts";

const COLUMN = { time: 1, label: 2, index: 3, totals: 4, frames: 5, flags: 6, writer: 0x81 } as const;
const COLUMNS: ReadonlySet<number> = new Set(Object.values(COLUMN));
const FLAG_PARTIAL = 1;
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
  /** Program and version that wrote the segment, for reports only. */
  readonly writer: string;
}

/** Encodes a trailer. */
export function encodeTrailer(trailer: Trailer): Bytes {
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
  put(
    COLUMN.totals,
    varints(totals.files, totals.directories, totals.symlinks, totals.hardlinks, totals.fifos, totals.bytes),
  );
  put(COLUMN.frames, varints(trailer.blocks, trailer.pages, trailer.orphanPages));
  if (trailer.partial) put(COLUMN.flags, () => column.u8(FLAG_PARTIAL));
  if (trailer.writer !== "") put(COLUMN.writer, () => column.string(trailer.writer));
  return out.finish();
}

/**
 * Decodes a trailer.
 *
 * @throws {ArchiveError} `malformed`.
 */
export function decodeTrailer(raw: Bytes): Trailer {
  const what = "the trailer";
  const columns = decodeColumns(raw, COLUMNS, what);
  const timeColumn = requireColumn(columns, COLUMN.time, what);
  const time: Time = { seconds: timeColumn.zigzag(), nanoseconds: timeColumn.varint() };
  const index = requireColumn(columns, COLUMN.index, what);
  const totals = requireColumn(columns, COLUMN.totals, what);
  const frames = requireColumn(columns, COLUMN.frames, what);
  const flags = columns.get(COLUMN.flags)?.u8() ?? 0;
  if (flags > FLAG_PARTIAL) throw new ArchiveError("malformed", `Cannot decode ${what}: unknown flags`);
  const trailer: Trailer = {
    time,
    label: columns.get(COLUMN.label)?.string(MAX_LABEL_BYTES) ?? "",
    index: { offset: index.varint(), frame: index.varint() },
    totals: decodeTotals(totals),
    blocks: frames.varint(),
    pages: frames.varint(),
    orphanPages: frames.varint(),
    partial: flags === FLAG_PARTIAL,
    writer: columns.get(COLUMN.writer)?.string(MAX_WRITER_BYTES) ?? "",
  };
  endColumns(columns);
  const { seconds, nanoseconds } = time;
  const isTime = seconds >= MIN_TIME_SECONDS && seconds <= MAX_TIME_SECONDS && nanoseconds <= 999_999_999;
  if (trailer.index.frame > MAX_FRAMES || !isTime) {
    throw new ArchiveError("malformed", `Cannot accept ${what}: a value is out of range`);
  }
  return trailer;
}

function decodeTotals(reader: ByteReader): Totals {
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

/**
 * Checks the segment table or snapshot table of a first segment: both list what came before, which is nothing.
 * Archives with more than one segment need a feature bit that this version refuses.
 *
 * @throws {ArchiveError} `malformed`.
 */
export function checkEmptyTable(raw: Bytes, count: number, what: string): void {
  if (count !== 0) throw new ArchiveError("malformed", `Cannot accept ${what}: the first segment has none before it`);
  new ByteReader(raw, what).end();
}
