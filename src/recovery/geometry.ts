/**
 * Where the recovery layer puts things (FORMAT.md, "Recovery layer"): regions of data cells, each followed by its
 * parity and its tables, and the arithmetic between logical offsets, which everything above knows, and physical ones.
 */
import {
  MAX_RECOVERY_PERCENT,
  MIN_RECOVERY_PERCENT,
  RECOVERY_CELL_BYTES,
  RECOVERY_CODEWORDS,
  RECOVERY_TABLE_ENTRIES,
} from "../format/limits.ts";

/** Cells of a codeword at most: the field has 256 elements, and one is left over. */
const MAX_CODEWORD_CELLS = 255;
/** No codeword has fewer parity cells, so that any two bad sectors of a region can be mended. */
const MIN_PARITY_ROWS = 2;

/** How a region of so many data cells is laid out: data, the first half of the tables, parity, the other half. */
export interface RegionShape {
  /** Data cells. */
  readonly data: number;
  /** Codewords: cell i, data and then parity, belongs to codeword i modulo this. */
  readonly codewords: number;
  /** Parity cells of each codeword. */
  readonly rows: number;
  /** Pages of one half of the tables. */
  readonly tablePages: number;
}

/** A range of bytes. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** Where one segment begins, logically and physically, both counted from the body's start. */
export interface SegmentStart {
  readonly offset: number;
  readonly physical: number;
}

/** Whether a recovery layer may have this percentage; 0 means that there is none. */
export function isRecoveryPercent(percent: number): boolean {
  return Number.isInteger(percent) && percent >= MIN_RECOVERY_PERCENT && percent <= MAX_RECOVERY_PERCENT;
}

/**
 * The shape of a region: the fewest parity cells that mend a burst of `percent` of all its bytes, wherever it begins.
 * A region with fewer data cells than codewords gets two rows whatever the percentage, so that a larger one is always
 * longer, and its length says how much data it has.
 */
export function regionShape(percent: number, data: number): RegionShape {
  if (!isRecoveryPercent(percent)) throw new RangeError(`Cannot use a recovery percentage of ${percent}`);
  if (!Number.isInteger(data) || data < 1) throw new RangeError(`Cannot lay out a region of ${data} cells`);
  const codewords = Math.min(RECOVERY_CODEWORDS, data);
  for (let rows = MIN_PARITY_ROWS;; rows++) {
    const parity = rows * codewords;
    const tablePages = Math.ceil((data + parity) / RECOVERY_TABLE_ENTRIES);
    // A burst that does not begin with a cell touches one more.
    const isEnough = data < RECOVERY_CODEWORDS || 100 * (parity - 1) >= percent * (data + parity + 2 * tablePages);
    if (isEnough) return { data, codewords, rows, tablePages };
  }
}

const fullShapes = new Map<number, RegionShape>();

/** The shape of every region of a segment but its last: as many data cells as codewords have room for. */
export function fullRegion(percent: number): RegionShape {
  const known = fullShapes.get(percent);
  if (known !== undefined) return known;
  let shape = regionShape(percent, RECOVERY_CODEWORDS);
  for (let cells = 2;; cells++) {
    const next = regionShape(percent, cells * RECOVERY_CODEWORDS);
    if (cells + next.rows > MAX_CODEWORD_CELLS) break;
    shape = next;
  }
  fullShapes.set(percent, shape);
  return shape;
}

/** Parity cells of a region. */
export function parityCells(shape: RegionShape): number {
  return shape.rows * shape.codewords;
}

/** Bytes of what follows a region's data. */
export function tailBytes(shape: RegionShape): number {
  return (parityCells(shape) + 2 * shape.tablePages) * RECOVERY_CELL_BYTES;
}

/** Bytes of a whole region. */
export function regionBytes(shape: RegionShape): number {
  return shape.data * RECOVERY_CELL_BYTES + tailBytes(shape);
}

/** Data bytes of a full region. */
export function fullDataBytes(percent: number): number {
  return fullRegion(percent).data * RECOVERY_CELL_BYTES;
}

/** The regions of a segment of `length` logical bytes, a multiple of 4096, in their order. */
export function* segmentRegions(percent: number, length: number): Generator<RegionShape> {
  const full = fullRegion(percent);
  const fullBytes = fullDataBytes(percent);
  for (let left = length; left > 0; left -= fullBytes) {
    yield left >= fullBytes ? full : regionShape(percent, Math.ceil(left / RECOVERY_CELL_BYTES));
  }
}

/** Physical bytes of a segment of `length` logical bytes. */
export function physicalLength(percent: number, length: number): number {
  if (percent === 0) return length;
  const fullBytes = fullDataBytes(percent);
  const full = Math.floor(length / fullBytes);
  const rest = length - full * fullBytes;
  return full * regionBytes(fullRegion(percent)) +
    (rest === 0 ? 0 : regionBytes(regionShape(percent, Math.ceil(rest / RECOVERY_CELL_BYTES))));
}

/**
 * Logical bytes of a segment that takes `physical` bytes: the largest number of data cells whose regions fit, and how
 * many bytes are then left over, which belong to nothing.
 */
export function logicalLength(percent: number, physical: number): { readonly length: number; readonly rest: number } {
  if (percent === 0) return { length: physical, rest: 0 };
  const wholeRegion = regionBytes(fullRegion(percent));
  const full = Math.floor(physical / wholeRegion);
  const left = physical - full * wholeRegion;
  let low = 0;
  let high = fullRegion(percent).data - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (regionBytes(regionShape(percent, middle)) <= left) low = middle;
    else high = middle - 1;
  }
  const used = low === 0 ? 0 : regionBytes(regionShape(percent, low));
  return { length: full * fullDataBytes(percent) + low * RECOVERY_CELL_BYTES, rest: left - used };
}

/** A physical offset, from the body's start, of a logical one in the segment that begins at `start`. */
export function physicalOffset(percent: number, offset: number, start: SegmentStart): number {
  const inside = offset - start.offset;
  if (percent === 0) return start.physical + inside;
  return start.physical + inside + Math.floor(inside / fullDataBytes(percent)) * tailBytes(fullRegion(percent));
}

/** Where a range of logical bytes of one segment lies, in as many pieces as there are regions in it. */
export function* physicalRanges(
  percent: number,
  { offset, length }: ByteRange,
  start: SegmentStart = { offset: 0, physical: 0 },
): Generator<ByteRange> {
  if (percent === 0) {
    yield { offset: start.physical + offset - start.offset, length };
    return;
  }
  const fullBytes = fullDataBytes(percent);
  const end = offset + length;
  for (let at = offset; at < end;) {
    const untilTail = fullBytes - (at - start.offset) % fullBytes;
    const count = Math.min(end - at, untilTail);
    yield { offset: physicalOffset(percent, at, start), length: count };
    at += count;
  }
}
