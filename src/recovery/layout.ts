/** Finds the regions of a file by what their tables say, without a key and without a header. */
import type { Bytes, Engine } from "../engine/engine.ts";
import { RECOVERY_CELL_BYTES as CELL_BYTES } from "../format/limits.ts";
import {
  fullDataBytes,
  fullRegion,
  parityCells,
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
export interface FoundRegion extends PlacedRegion {
  /** Where the body begins. */
  readonly bodyOffset: number;
}

/** Random access to the file. */
export type ReadFile = (offset: number, length: number) => Promise<Bytes>;

const READ_BYTES = 2 ** 20;

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

/** The regions of a segment whose last one is known. */
export function* regionsThrough(
  { identity: { percent, number, segment }, shape }: PlacedRegion,
): Generator<PlacedRegion> {
  yield* placedRegions(percent, segment, number * fullDataBytes(percent) + shape.data * CELL_BYTES);
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
export async function findLastRegion(
  engine: Engine,
  read: ReadFile,
  size: number,
  bodyOffsets: readonly number[],
): Promise<FoundRegion | undefined> {
  // Of the largest regions there are; one of more percent has fewer data cells, and none is twice as long.
  let searched = 0;
  let end = Math.floor(size / CELL_BYTES) * CELL_BYTES;
  while (end > 0 && searched < MOST_SEARCHED) {
    const start = Math.max(0, end - READ_BYTES);
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
