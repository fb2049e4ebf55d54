/**
 * The snapshot table (FORMAT.md, "Snapshot table"): what earlier snapshots were, so that listing them is a few reads.
 * Its rows are those of the segment table, one for one, and its full pages stay where they were written too.
 */
import type { Bytes } from "../engine/engine.ts";
import { ByteReader, ByteWriter } from "./bytes.ts";
import { decodeColumns, encodeColumn, endColumns, requireColumn } from "./columns.ts";
import { ArchiveError } from "./errors.ts";
import { MAX_LABEL_BYTES, TABLE_PAGE_ROWS } from "./limits.ts";
import type { BlockPlace, Time } from "./row.ts";
import { firstListed, putPlace, takePlace } from "./segment_table.ts";
import {
  isTime,
  type SnapshotFlags,
  snapshotFlags,
  snapshotFlagsOf,
  type Totals,
  totalsReader,
  totalsValues,
} from "./tables.ts";

const COLUMN = { times: 1, labels: 2, totals: 3, flags: 4, pages: 5 } as const;
const COLUMNS: ReadonlySet<number> = new Set(Object.values(COLUMN));
const WHAT = "the snapshot table";

/** One snapshot, as later segments list it: what its own trailer says. */
export interface ListedSnapshot extends SnapshotFlags {
  readonly time: Time;
  readonly label: string;
  readonly totals: Totals;
}

/** What a segment's table says. */
export interface SnapshotTable {
  /** The places of full pages; each is in the segment that holds the segment table's page of the same number. */
  readonly pages: readonly BlockPlace[];
  readonly rows: readonly ListedSnapshot[];
}

/** What a table lists of a snapshot, from its trailer or from another table. */
export function listedSnapshot({ time, label, totals, partial, checkpoint }: ListedSnapshot): ListedSnapshot {
  return { time, label, totals, partial, ...(checkpoint ? { checkpoint } : {}) };
}

/** Encodes a table. The count of rows goes into the frame's head. */
export function encodeSnapshotTable({ pages, rows }: SnapshotTable): Bytes {
  const out = new ByteWriter(rows.length * 40 + pages.length * 16);
  const column = new ByteWriter(rows.length * 16);
  const put = (number: number, write: () => void) => {
    column.reset();
    write();
    encodeColumn(out, number, column.view());
  };
  if (rows.length === 0) return out.finish();
  put(COLUMN.times, () => {
    for (const { time } of rows) {
      column.zigzag(time.seconds);
      column.varint(time.nanoseconds);
    }
  });
  if (rows.some(({ label }) => label !== "")) put(COLUMN.labels, () => rows.forEach((row) => column.string(row.label)));
  put(COLUMN.totals, () => rows.forEach(({ totals }) => totalsValues(totals).forEach((value) => column.varint(value))));
  if (rows.some((row) => snapshotFlags(row) > 0)) {
    put(COLUMN.flags, () => rows.forEach((row) => column.u8(snapshotFlags(row))));
  }
  put(COLUMN.pages, () => pages.forEach((place) => putPlace(column, place)));
  return out.finish();
}

/**
 * Decodes the table of a segment that begins at `end`; `count` is its frame head's.
 *
 * @throws {ArchiveError} `malformed`.
 */
export function decodeSnapshotTable(raw: Bytes, count: number, number: number, end: number): SnapshotTable {
  const start = firstListed(number);
  if (count !== number - start) {
    throw new ArchiveError("malformed", `Cannot accept ${WHAT}: it has ${count} rows in segment ${number}`);
  }
  if (count === 0) {
    new ByteReader(raw, WHAT).end();
    return { pages: [], rows: [] };
  }
  const columns = decodeColumns(raw, COLUMNS, WHAT);
  const times = requireColumn(columns, COLUMN.times, WHAT);
  const labels = columns.get(COLUMN.labels);
  const totals = requireColumn(columns, COLUMN.totals, WHAT);
  const flags = columns.get(COLUMN.flags);
  const rows = Array.from({ length: count }, (): ListedSnapshot => {
    const time = { seconds: times.zigzag(), nanoseconds: times.varint() };
    const label = labels?.string(MAX_LABEL_BYTES) ?? "";
    const bits = snapshotFlagsOf(flags?.u8() ?? 0, WHAT);
    if (!isTime(time)) throw new ArchiveError("malformed", `Cannot accept ${WHAT}: a value is out of range`);
    return { time, label, totals: totalsReader(totals), ...bits };
  });
  const pageCount = start / TABLE_PAGE_ROWS;
  const places = pageCount === 0 ? columns.get(COLUMN.pages) : requireColumn(columns, COLUMN.pages, WHAT);
  const pages = Array.from({ length: pageCount }, () => takePlace(places as ByteReader, end));
  endColumns(columns);
  return { pages, rows };
}
