/**
 * The segment table (FORMAT.md, "Segment table"): where earlier segments are and what their keys need. A segment's
 * table lists those since the last full page; full pages stay where they were written and are referred to, so that the
 * tables of many updates do not grow with their square.
 */
import type { Bytes } from "../engine/engine.ts";
import { ByteReader, ByteWriter, equalBytes } from "./bytes.ts";
import { decodeColumns, encodeColumn, endColumns, requireColumn } from "./columns.ts";
import { ArchiveError } from "./errors.ts";
import { KEY_BYTES, type SegmentIdentity } from "./keys.ts";
import { MAX_BODY_BYTES, MAX_FRAMES, MAX_SEGMENTS, SEGMENT_ALIGNMENT, TABLE_PAGE_ROWS } from "./limits.ts";
import { isSoundLocator, type Locator } from "./locator.ts";
import type { BlockPlace } from "./row.ts";

const COLUMN = { first: 1, lengths: 2, generations: 3, salts: 4, ids: 5, places: 6, pages: 7 } as const;
const COLUMNS: ReadonlySet<number> = new Set(Object.values(COLUMN));
const WHAT = "the segment table";

/** One segment, as others list it. */
export interface ListedSegment {
  readonly locator: Locator;
  /** SHA-256 of its locator as it stands: its snapshot's id, and the next segment's link. */
  readonly id: Bytes;
}

/** Where a full page of the table is: in the segment behind the last one that it lists. */
export interface TablePage {
  readonly salt: Bytes;
  readonly link: Bytes;
  /** Its frame. */
  readonly place: BlockPlace;
}

/** What a segment's table says. */
export interface SegmentTable {
  /** The full pages before {@linkcode rows}: page i lists the segments from 256·i and is in segment 256·(i + 1). */
  readonly pages: readonly TablePage[];
  /** Segments up to the one before this, from a multiple of 256 on; at least 1 unless this is the first segment. */
  readonly rows: readonly ListedSegment[];
}

/** The number of the first segment that the table of segment `number` lists itself. */
export function firstListed(number: number): number {
  return number === 0 ? 0 : Math.floor((number - 1) / TABLE_PAGE_ROWS) * TABLE_PAGE_ROWS;
}

/** Encodes a table. The count of rows goes into the frame's head. */
export function encodeSegmentTable({ pages, rows }: SegmentTable): Bytes {
  const out = new ByteWriter(rows.length * 100 + pages.length * 80);
  const [first] = rows;
  if (first === undefined) return out.finish();
  const column = new ByteWriter(rows.length * 40);
  const put = (number: number, write: () => void) => {
    column.reset();
    write();
    encodeColumn(out, number, column.view());
  };
  put(COLUMN.first, () => {
    column.varint(first.locator.offset);
    column.bytes(first.locator.segment.link);
  });
  put(COLUMN.lengths, () => rows.forEach(({ locator }) => column.varint(locator.length / SEGMENT_ALIGNMENT)));
  put(COLUMN.generations, () => rows.forEach(({ locator }) => column.varint(locator.generation)));
  put(COLUMN.salts, () => rows.forEach(({ locator }) => column.bytes(locator.segment.salt)));
  put(COLUMN.ids, () => rows.forEach(({ id }) => column.bytes(id)));
  put(COLUMN.places, () => {
    for (const { locator: { offset, index, trailer, trailerBytes } } of rows) {
      column.varint(index.offset - offset);
      column.varint(index.frame);
      column.varint(trailer.offset - index.offset);
      column.varint(trailer.frame - index.frame);
      column.varint(trailerBytes);
    }
  });
  put(COLUMN.pages, () => {
    for (const { salt, link, place } of pages) {
      column.bytes(salt);
      column.bytes(link);
      putPlace(column, place);
    }
  });
  return out.finish();
}

/** Appends a frame's place: offset, frame number, bytes. */
export function putPlace(column: ByteWriter, { offset, frame, frameBytes }: BlockPlace): void {
  column.varint(offset);
  column.varint(frame);
  column.varint(frameBytes);
}

/**
 * Takes a frame's place, which lies before `end`.
 *
 * @throws {ArchiveError} `malformed`.
 */
export function takePlace(column: ByteReader, end: number): BlockPlace {
  const place = { offset: column.varint(), frame: column.varint(), frameBytes: column.varint() };
  if (place.frame <= MAX_FRAMES && place.offset + place.frameBytes <= end) return place;
  throw new ArchiveError("malformed", `Cannot accept ${column.what}: a place is out of range`);
}

/**
 * Decodes the table of the segment with that locator; `count` is its frame head's. Everything in it is checked against
 * the segment's own link, and its place where that is known, so that it fits the chain that ends in it.
 *
 * @throws {ArchiveError} `malformed`; `inconsistent` when it does not lead up to the segment.
 */
export function decodeSegmentTable(
  raw: Bytes,
  count: number,
  own: { readonly segment: SegmentIdentity; readonly offset?: number },
): SegmentTable {
  const { number, link } = own.segment;
  const start = firstListed(number);
  if (number >= MAX_SEGMENTS || count !== number - start) {
    throw new ArchiveError("malformed", `Cannot accept ${WHAT}: it has ${count} rows in segment ${number}`);
  }
  if (count === 0) {
    new ByteReader(raw, WHAT).end();
    return { pages: [], rows: [] };
  }
  const columns = decodeColumns(raw, COLUMNS, WHAT);
  const first = requireColumn(columns, COLUMN.first, WHAT);
  const lengths = requireColumn(columns, COLUMN.lengths, WHAT);
  const generations = requireColumn(columns, COLUMN.generations, WHAT);
  const salts = requireColumn(columns, COLUMN.salts, WHAT);
  const ids = requireColumn(columns, COLUMN.ids, WHAT);
  const places = requireColumn(columns, COLUMN.places, WHAT);
  let offset = first.varint();
  let before: Bytes = first.bytes(KEY_BYTES).slice();
  if (start === 0 && (offset !== 0 || before.some((byte) => byte !== 0))) {
    throw new ArchiveError("malformed", `Cannot accept ${WHAT}: the first segment follows another`);
  }
  const rows = Array.from({ length: count }, (_, i): ListedSegment => {
    const length = lengths.varint() * SEGMENT_ALIGNMENT;
    const index = { offset: offset + places.varint(), frame: places.varint() };
    const trailer = { offset: index.offset + places.varint(), frame: index.frame + places.varint() };
    const locator: Locator = {
      generation: generations.varint(),
      segment: { number: start + i, salt: salts.bytes(KEY_BYTES).slice(), link: before },
      offset,
      length,
      index,
      trailer,
      trailerBytes: places.varint(),
      snapshots: start + i + 1,
    };
    if (!isSoundLocator(locator)) {
      throw new ArchiveError("malformed", `Cannot accept ${WHAT}: a place is out of range`);
    }
    offset += length;
    before = ids.bytes(KEY_BYTES).slice();
    return { locator, id: before };
  });
  if (offset !== (own.offset ?? offset) || !equalBytes(before, link)) {
    throw new ArchiveError("inconsistent", `Cannot accept ${WHAT}: it does not lead up to its segment`);
  }
  const pages = decodePages(columns.get(COLUMN.pages), start / TABLE_PAGE_ROWS, offset);
  endColumns(columns);
  return { pages, rows };
}

function decodePages(column: ByteReader | undefined, count: number, end: number): TablePage[] {
  if (column === undefined && count > 0) {
    throw new ArchiveError("malformed", `Cannot decode ${WHAT}: column ${COLUMN.pages} is missing`);
  }
  return Array.from({ length: count }, () => {
    const reader = column as ByteReader;
    const salt = reader.bytes(KEY_BYTES).slice();
    const link = reader.bytes(KEY_BYTES).slice();
    return { salt, link, place: takePlace(reader, Math.min(end, MAX_BODY_BYTES)) };
  });
}
