/**
 * Where logical offsets become physical ones, with random access (FORMAT.md, "Recovery layer"): what reads and writes
 * an archive above it knows a header and segments, and nothing of the parity between them.
 */
import type { Bytes } from "../engine/engine.ts";
import { recoveryPercent } from "../format/header.ts";
import { RECOVERY_CELL_BYTES } from "../format/limits.ts";
import {
  type ByteRange,
  fullDataBytes,
  fullRegion,
  logicalLength,
  physicalLength,
  physicalRanges,
  regionBytes,
  type SegmentStart,
} from "../recovery/geometry.ts";
import type { OpenedHeader } from "./header_reader.ts";
import { openState } from "./header_state.ts";
import type { Source } from "./source.ts";

/**
 * Where a range of an archive's logical bytes lies in the file: its header is where it is, its body may be spread. What
 * is behind the header belongs to the segment that begins at `segment`.
 */
export function* rangesInFile(
  percent: number,
  bodyOffset: number,
  segment: SegmentStart,
  { offset, length }: ByteRange,
): Generator<ByteRange> {
  const inHeader = Math.min(length, Math.max(0, bodyOffset - offset));
  if (inHeader > 0) yield { offset, length: inHeader };
  const rest = { offset: offset + inHeader - bodyOffset, length: length - inHeader };
  for (const range of physicalRanges(percent, rest, segment)) {
    yield { offset: bodyOffset + range.offset, length: range.length };
  }
}

/** Where the first segment begins. */
export const FIRST_SEGMENT: SegmentStart = { offset: 0, physical: 0 };

/**
 * Logical bytes of what stands behind a segment: a whole segment, or as much as may be data of one that was cut off.
 */
export function tailLength(percent: number, physical: number): number {
  const { length, rest } = logicalLength(percent, physical);
  return rest === 0 ? length : cutLength(percent, physical);
}

/** Logical bytes of a segment of which `physical` bytes are left: what is left of its last region counts as data. */
function cutLength(percent: number, physical: number): number {
  const whole = regionBytes(fullRegion(percent));
  const full = Math.floor(physical / whole);
  return full * fullDataBytes(percent) + Math.min(physical - full * whole, fullDataBytes(percent));
}

/** An archive without its recovery layer. Where its segments begin is told to it as that is found out. */
export class BodySource implements Source {
  readonly size: number;
  /** The archive as it stands. */
  readonly file: Source;
  /** The percentage of its recovery layer. */
  readonly percent: number;
  readonly #bodyOffset: number;
  /** Rising. */
  readonly #starts: SegmentStart[] = [];

  /** Of a body of so many logical bytes, and the segments in it that are known. */
  constructor(file: Source, bodyOffset: number, percent: number, bodyBytes: number, starts: Iterable<SegmentStart>) {
    this.file = file;
    this.percent = percent;
    this.#bodyOffset = bodyOffset;
    this.size = Math.min(file.size, bodyOffset) + bodyBytes;
    for (const start of starts) this.add(start);
  }

  /** Tells where a segment begins. */
  add(start: SegmentStart): void {
    const at = this.#indexOf(start.offset);
    const isKnown = this.#starts[at]?.offset === start.offset;
    this.#starts.splice(isKnown ? at : at + 1, isKnown ? 1 : 0, start);
  }

  /** The physical offset of the segment that begins at a logical one; `undefined` when it is not known. */
  startOf(offset: number): number | undefined {
    const start = this.#starts[this.#indexOf(offset)];
    return start?.offset === offset ? start.physical : undefined;
  }

  /** The last start that is not behind an offset; -1 when there is none. */
  #indexOf(offset: number): number {
    let low = -1;
    for (let high = this.#starts.length - 1; low < high;) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#starts[middle] as SegmentStart).offset <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Where a range of logical bytes lies in the file. */
  inFile({ offset, length }: ByteRange): readonly ByteRange[] {
    const ranges: ByteRange[] = [];
    const end = offset + length;
    for (let at = offset; at < end;) {
      const index = this.#indexOf(at - this.#bodyOffset);
      const next = this.#starts[index + 1];
      const until = Math.min(end, next === undefined ? end : this.#bodyOffset + next.offset);
      const start = this.#starts[index];
      if (start === undefined && at >= this.#bodyOffset) {
        throw new RangeError(`Cannot read at ${at}: it is not known where that stands in the file`);
      }
      const range = { offset: at, length: until - at };
      for (const piece of rangesInFile(this.percent, this.#bodyOffset, start ?? FIRST_SEGMENT, range)) {
        ranges.push(piece);
      }
      at = until;
    }
    return ranges;
  }

  async read(offset: number, length: number): Promise<Bytes> {
    const wanted = Math.max(0, Math.min(length, this.size - offset));
    const ranges = this.inFile({ offset, length: wanted });
    const [only] = ranges;
    if (ranges.length === 1 && only !== undefined) return await this.file.read(only.offset, only.length);
    const bytes = new Uint8Array(wanted);
    let filled = 0;
    for (const range of ranges) {
      const piece = await this.file.read(range.offset, range.length);
      bytes.set(piece, filled);
      filled += piece.length;
      if (piece.length < range.length) break;
    }
    return bytes.subarray(0, filled);
  }
}

/**
 * The archive as everything above the recovery layer sees it: its header, and its segments without a gap. The newest
 * one that the header knows is found, and what follows it; those before are told by who has read the tables.
 */
export function openBody(file: Source, opened: Pick<OpenedHeader, "copy" | "bodyOffset" | "keys">): Source {
  const { copy, bodyOffset } = opened;
  const percent = recoveryPercent(copy.header);
  if (percent === 0) return file;
  const state = openState(opened);
  const bodyBytes = Math.max(0, file.size - bodyOffset);
  if (state.kind === "streamed") {
    const { length, rest } = logicalLength(percent, bodyBytes);
    // What belongs to no region is too much, but never as much as another cell: what is cut off is not put back by it.
    const size = length + Math.min(rest, RECOVERY_CELL_BYTES - 1);
    return new BodySource(file, bodyOffset, percent, size, [FIRST_SEGMENT]);
  }
  const { locator: { offset, length }, physical = 0 } = state;
  const newest = { offset, physical };
  const next = { offset: offset + length, physical: physical + physicalLength(percent, length) };
  const behind = bodyBytes - next.physical;
  const size = next.offset + (behind < 0 ? 0 : tailLength(percent, behind));
  return new BodySource(file, bodyOffset, percent, size, [newest, next]);
}

/** An archive that is cut off, of which nothing is known but that it has a recovery layer: all of it is one segment. */
export function cutBodyOf(file: Source, bodyOffset: number, percent: number): BodySource {
  const size = cutLength(percent, Math.max(0, file.size - bodyOffset));
  return new BodySource(file, bodyOffset, percent, size, [FIRST_SEGMENT]);
}

/** Where a segment begins in the file, and what is behind it, both counted from the body's start. */
export interface PhysicalPlace {
  readonly start: number;
  readonly end: number;
}

/** Where a segment stands in the file, from the body's start; `undefined` when that is not known. */
export function physicalPlace(source: Source, { offset, length }: ByteRange): PhysicalPlace | undefined {
  if (!(source instanceof BodySource)) return { start: offset, end: offset + length };
  const start = source.startOf(offset);
  return start === undefined ? undefined : { start, end: start + physicalLength(source.percent, length) };
}
