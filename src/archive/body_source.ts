/**
 * The one place where logical offsets become physical ones (FORMAT.md, "Recovery layer"): what reads and writes an
 * archive above it knows a header and segments, and nothing of the parity between them.
 */
import type { Bytes, Engine } from "../engine/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import { recoveryPercent } from "../format/header.ts";
import { RECOVERY_CELL_BYTES } from "../format/limits.ts";
import {
  fullDataBytes,
  fullRegion,
  logicalLength,
  physicalLength,
  physicalRanges,
  regionBytes,
  regionShape,
  tailBytes,
} from "../recovery/geometry.ts";
import { RegionEncoder } from "../recovery/region_encoder.ts";
import type { ByteQueue } from "./byte_queue.ts";
import type { OpenedHeader } from "./header_reader.ts";
import type { Source } from "./source.ts";

/** Where a range of an archive's logical bytes lies in the file: its header is where it is, its body may be spread. */
export function* rangesInFile(
  percent: number,
  bodyOffset: number,
  offset: number,
  length: number,
): Generator<{ readonly offset: number; readonly length: number }> {
  const inHeader = Math.min(length, Math.max(0, bodyOffset - offset));
  if (inHeader > 0) yield { offset, length: inHeader };
  const rest = { offset: offset + inHeader - bodyOffset, length: length - inHeader };
  for (const range of physicalRanges(percent, rest)) {
    yield { offset: bodyOffset + range.offset, length: range.length };
  }
}

/** An archive without its recovery layer. */
class BodySource implements Source {
  readonly size: number;
  readonly #source: Source;
  readonly #percent: number;
  readonly #bodyOffset: number;

  constructor(source: Source, bodyOffset: number, percent: number, bodyBytes: number) {
    this.#source = source;
    this.#percent = percent;
    this.#bodyOffset = bodyOffset;
    this.size = Math.min(source.size, bodyOffset) + bodyBytes;
  }

  async read(offset: number, length: number): Promise<Bytes> {
    const wanted = Math.max(0, Math.min(length, this.size - offset));
    const ranges = [...rangesInFile(this.#percent, this.#bodyOffset, offset, wanted)];
    const [only] = ranges;
    if (ranges.length === 1 && only !== undefined) return await this.#source.read(only.offset, only.length);
    const bytes = new Uint8Array(wanted);
    let filled = 0;
    for (const range of ranges) {
      const piece = await this.#source.read(range.offset, range.length);
      bytes.set(piece, filled);
      filled += piece.length;
      if (piece.length < range.length) break;
    }
    return bytes.subarray(0, filled);
  }
}

/** The archive as everything above the recovery layer sees it: its header, and its segments without a gap. */
export function openBody(source: Source, { copy, bodyOffset }: Pick<OpenedHeader, "copy" | "bodyOffset">): Source {
  return bodyOf(source, bodyOffset, recoveryPercent(copy.header));
}

/** As {@linkcode openBody}, where there is no header that says the percentage; 0 is 'no recovery layer'. */
export function bodyOf(source: Source, bodyOffset: number, percent: number): Source {
  if (percent === 0) return source;
  const { length, rest } = logicalLength(percent, Math.max(0, source.size - bodyOffset));
  // What belongs to no region is too much, but never as much as another cell: what is cut off is not put back by it.
  return new BodySource(source, bodyOffset, percent, length + Math.min(rest, RECOVERY_CELL_BYTES - 1));
}

/** As {@linkcode bodyOf}, of an archive that is cut off: what is left of its last region counts as data. */
export function cutBodyOf(source: Source, bodyOffset: number, percent: number): Source {
  const whole = regionBytes(fullRegion(percent));
  const physical = Math.max(0, source.size - bodyOffset);
  const full = Math.floor(physical / whole);
  const left = Math.min(physical - full * whole, fullDataBytes(percent));
  return new BodySource(source, bodyOffset, percent, full * fullDataBytes(percent) + left);
}

/** Takes an archive's body off a stream, and what belongs to the recovery layer out of it. */
export class BodyQueue {
  readonly #queue: ByteQueue;
  readonly #engine: Engine;
  readonly #percent: number;
  /** Makes what is compared with the recovery data that passes. */
  readonly #check: RegionEncoder | undefined;
  #offset: number;
  /** Data bytes of the region at hand that were taken. */
  #inRegion = 0;
  /** Where the first damage was, from the archive's start. */
  #damage: number | undefined;
  #damagedPages = 0;

  /** Goes on with a queue whose header was taken; `isChecked` says whether recovery data is computed and compared. */
  constructor(queue: ByteQueue, engine: Engine, percent: number, isChecked: boolean) {
    this.#queue = queue;
    this.#engine = engine;
    this.#percent = percent;
    this.#offset = queue.offset;
    this.#check = percent > 0 && isChecked ? new RegionEncoder(engine, percent) : undefined;
  }

  /** Logical bytes taken so far, the header included. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes of the archive taken so far, with all that is in it. */
  get fileOffset(): number {
    return this.#queue.offset;
  }

  /** The next bytes without taking them. A view, good until the next call. */
  async peek(length: number): Promise<Bytes> {
    return await this.#queue.peek(length);
  }

  /** Takes the next bytes: `length`, or fewer at the stream's end. A view, good until the next call. */
  async take(length: number): Promise<Bytes> {
    if (this.#percent === 0) return this.#count(await this.#queue.take(length));
    const full = fullDataBytes(this.#percent);
    if (this.#inRegion + length <= full) return await this.#takeData(length);
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      if (this.#inRegion === full) await this.#takeTail();
      const piece = await this.#takeData(Math.min(length - filled, full - this.#inRegion));
      bytes.set(piece, filled);
      filled += piece.length;
      if (piece.length === 0) break;
    }
    return bytes.subarray(0, filled);
  }

  #count(bytes: Bytes): Bytes {
    this.#offset += bytes.length;
    return bytes;
  }

  async #takeData(length: number): Promise<Bytes> {
    const bytes = this.#count(await this.#queue.take(length));
    this.#inRegion += bytes.length;
    this.#check?.add(bytes);
    return bytes;
  }

  /**
   * Takes what follows the last data of a segment.
   *
   * @throws {ArchiveError} `truncated` when it is not there; `damaged`, when it is checked, and differs anywhere from
   * what belongs there.
   */
  async endSegment(): Promise<void> {
    if (this.#percent === 0) return;
    if (this.#inRegion > 0) await this.#takeTail();
    if (this.#damage === undefined) return;
    const pages = this.#damagedPages === 1
      ? "1 page of its recovery record is"
      : `${this.#damagedPages} pages of its recovery record are`;
    throw new ArchiveError(
      "damaged",
      `Cannot accept the archive: all its data is whole, but ${pages} damaged`,
      { offset: this.#damage },
    );
  }

  async #takeTail(): Promise<void> {
    const shape = regionShape(this.#percent, Math.ceil(this.#inRegion / RECOVERY_CELL_BYTES));
    this.#inRegion = 0;
    if (this.#check === undefined) {
      for (let left = tailBytes(shape); left > 0;) left -= (await this.#takeWhole(Math.min(left, 2 ** 20))).length;
      return;
    }
    for (const expected of this.#check.finishRegion()) {
      const at = this.#queue.offset;
      const found = await this.#takeWhole(expected.length);
      for (let i = 0; i < expected.length; i += RECOVERY_CELL_BYTES) {
        const end = i + RECOVERY_CELL_BYTES;
        if (this.#engine.equal(found.subarray(i, end), expected.subarray(i, end))) continue;
        this.#damage ??= at + i;
        this.#damagedPages++;
      }
    }
  }

  async #takeWhole(length: number): Promise<Bytes> {
    const bytes = await this.#queue.take(length);
    if (bytes.length === length) return bytes;
    throw new ArchiveError("truncated", "Cannot read the archive: it is cut off; its recovery record is incomplete");
  }

  /** Lets the source go, wherever it is. */
  async close(): Promise<void> {
    await this.#queue.close();
  }
}

/** What takes bytes in order. */
interface Output {
  write(bytes: Bytes): Promise<void> | void;
}

/** Where the bytes of one segment go, with the recovery data they need. */
export class BodySink implements Output {
  readonly #sink: Output;
  readonly #encoder: RegionEncoder;

  /** Makes a sink for the first segment; it begins where `sink` stands. */
  constructor(engine: Engine, sink: Output, percent: number) {
    this.#sink = sink;
    this.#encoder = new RegionEncoder(engine, percent);
  }

  /** Writes bytes of the segment. */
  async write(bytes: Bytes): Promise<void> {
    for (let rest = bytes; rest.length > 0;) {
      const piece = rest.subarray(0, this.#encoder.room);
      rest = rest.subarray(piece.length);
      this.#encoder.add(piece);
      // Whoever takes a piece may transfer its memory: what is left has to be other memory.
      if (rest.length > 0) rest = rest.slice();
      await this.#sink.write(piece);
      if (this.#encoder.room === 0) await this.#finishRegion();
    }
  }

  /** Writes what follows the segment's last bytes. */
  async end(): Promise<void> {
    if (!this.#encoder.isEmpty) await this.#finishRegion();
  }

  async #finishRegion(): Promise<void> {
    for (const piece of this.#encoder.finishRegion()) await this.#sink.write(piece.slice());
  }
}

/** Bytes of a whole archive whose body has `length` logical bytes in one segment. */
export function fileLength(percent: number, bodyOffset: number, length: number): number {
  return bodyOffset + physicalLength(percent, length);
}
