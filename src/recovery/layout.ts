/** Finds the regions of a file by what their tables say, without a key and without a header. */
import type { Bytes, Engine } from "../engine/engine.ts";
import { RECOVERY_CELL_BYTES as CELL_BYTES } from "../format/limits.ts";
import {
  type ByteRange,
  fullDataBytes,
  fullRegion,
  parityCells,
  physicalLength,
  regionBytes,
  type RegionShape,
  regionShape,
  segmentRegions,
  type SegmentStart,
} from "./geometry.ts";
import { decodeTablePage, type RegionIdentity, type TablePageHeader } from "./table_page.ts";

/** A region, and where it stands. */
export interface PlacedRegion {
  readonly identity: RegionIdentity;
  readonly shape: RegionShape;
  /** From the body's start, physically. */
  readonly offset: number;
}

/** The last region of a file, found by a page of its tables. */
interface FoundRegion extends PlacedRegion {
  /** Where the body begins. */
  readonly bodyOffset: number;
}

/** Random access to the file. */
export type ReadFile = (offset: number, length: number) => Promise<Bytes>;

/** At first a little is read: where many small segments stand one behind the other, each is found by its last pages. */
const FIRST_READ_BYTES = 2 ** 16;
const READ_BYTES = 2 ** 20;

/** A segment by what the tables say. */
export interface PlacedSegment {
  readonly start: SegmentStart;
  /** Logical bytes. */
  readonly length: number;
}

/** All segments of a file, as far as the tables say. */
export interface Layout {
  readonly percent: number;
  /** Where the body begins. */
  readonly bodyOffset: number;
  /** Rising. Where all tables of a segment are lost, what stands beside it says where it is. */
  readonly segments: readonly PlacedSegment[];
  /** What no table speaks of, and is no whole segment, by physical offsets; falling. */
  readonly gaps: readonly ByteRange[];
}

/** The regions of the segment that begins at `start` and has `length` logical bytes. */
export function* placedRegions(percent: number, start: SegmentStart, length: number): Generator<PlacedRegion> {
  let number = 0;
  let offset = start.physical;
  for (const shape of segmentRegions(percent, length)) {
    yield { identity: { percent, number, segment: start }, shape, offset };
    offset += regionBytes(shape);
    number++;
  }
}

/** The segment up to the end of one of its regions. */
function segmentThrough({ identity: { percent, number, segment }, shape }: PlacedRegion): PlacedSegment {
  return { start: segment, length: number * fullDataBytes(percent) + shape.data * CELL_BYTES };
}

/** Where a page of the tables stands in its region, in bytes. */
function pageOffset(shape: RegionShape, page: number): number {
  const before = page < shape.tablePages ? page : page + parityCells(shape);
  return (shape.data + before) * CELL_BYTES;
}

/**
 * The region whose tables are the last that can be read in the first `size` bytes of a file, in the place where they
 * say they are. Looks back over one full region at most, for the beginning of the body in the places given.
 */
async function findLastRegion(
  engine: Engine,
  read: ReadFile,
  size: number,
  bodyOffsets: readonly number[],
): Promise<FoundRegion | undefined> {
  // Of the largest regions there are; one of more percent has fewer data cells, and none is twice as long.
  let searched = 0;
  let end = Math.floor(size / CELL_BYTES) * CELL_BYTES;
  while (end > 0 && searched < MOST_SEARCHED) {
    const start = Math.max(0, end - (searched === 0 ? FIRST_READ_BYTES : READ_BYTES));
    const bytes = await read(start, end - start);
    for (let at = Math.floor((bytes.length - CELL_BYTES) / CELL_BYTES) * CELL_BYTES; at >= 0; at -= CELL_BYTES) {
      const header = decodeTablePage(engine, bytes.subarray(at, at + CELL_BYTES));
      const found = header === undefined ? undefined : placed(header, start + at, bodyOffsets);
      if (found !== undefined) return found;
    }
    searched += end - start;
    end = start;
  }
  return undefined;
}

const MOST_SEARCHED = 2 ** 27;

function placed(header: TablePageHeader, at: number, bodyOffsets: readonly number[]): FoundRegion | undefined {
  const { percent, data, number, segment } = header;
  const full = fullRegion(percent);
  if (data > full.data) return undefined;
  const shape = regionShape(percent, data);
  const offset = segment.physical + number * regionBytes(full);
  const bodyOffset = bodyOffsets.find((candidate) => candidate + offset + pageOffset(shape, header.page) === at);
  return bodyOffset === undefined ? undefined : { identity: { percent, number, segment }, shape, offset, bodyOffset };
}

/**
 * All segments of a file, from the last region of which a table can be read to the body's start. `undefined` when no
 * table can be read.
 */
export async function findLayout(
  engine: Engine,
  read: ReadFile,
  size: number,
  bodyOffsets: readonly number[],
): Promise<Layout | undefined> {
  const last = await findLastRegion(engine, read, size, bodyOffsets);
  if (last === undefined) return undefined;
  const { bodyOffset, identity: { percent } } = last;
  const segments = [segmentThrough(last)];
  const gaps: ByteRange[] = [];
  for (let next = last.identity.segment; next.physical > 0;) {
    const found = await findLastRegion(engine, read, bodyOffset + next.physical, [bodyOffset]);
    const before = found === undefined || found.identity.percent !== percent ? undefined : segmentThrough(found);
    const isBefore = before !== undefined && before.start.physical < next.physical &&
      before.start.offset + before.length <= next.offset;
    // Before the first segment there is nothing.
    const known = isBefore ? before : { start: { offset: 0, physical: 0 }, length: 0 };
    const { pieces, gap } = between(percent, known, next);
    if (gap !== undefined) gaps.push(gap);
    segments.push(...pieces);
    next = known.start;
  }
  return { percent, bodyOffset, segments: segments.reverse(), gaps };
}

/**
 * A segment as far as it is known, and where another begins that follows it: what is between them, when that is
 * anything, is the rest of the one, or a segment of which no table can be read. Falling.
 */
function between(
  percent: number,
  known: PlacedSegment,
  next: SegmentStart,
): { readonly pieces: readonly PlacedSegment[]; readonly gap?: ByteRange } {
  const { start } = known;
  const all = { start, length: next.offset - start.offset };
  const mayGoOn = known.length % fullDataBytes(percent) === 0 || known.length === all.length;
  if (mayGoOn && start.physical + physicalLength(percent, all.length) === next.physical) return { pieces: [all] };
  const end = { offset: start.offset + known.length, physical: start.physical + physicalLength(percent, known.length) };
  const own = known.length === 0 ? [] : [known];
  const other = { start: end, length: next.offset - end.offset };
  if (end.physical + physicalLength(percent, other.length) === next.physical) return { pieces: [other, ...own] };
  return { pieces: own, gap: { offset: end.physical, length: next.physical - end.physical } };
}
