/**
 * The body of an archive that comes as a stream: what reads it from front to back knows a header and segments, and
 * nothing of the parity between them. With random access, `body_source.ts` is what stands there.
 */
import type { Bytes, Engine } from "../engine/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import { RECOVERY_CELL_BYTES } from "../format/limits.ts";
import { fullDataBytes, regionShape, tailBytes } from "../recovery/geometry.ts";
import { RegionEncoder } from "../recovery/region_encoder.ts";
import type { Queue } from "./byte_queue.ts";

/** Takes an archive's body off a stream, and what belongs to the recovery layer out of it. */
export class BodyQueue {
  readonly #queue: Queue;
  readonly #engine: Engine;
  readonly #percent: number;
  readonly #bodyOffset: number;
  /** Makes what is compared with the recovery data that passes. */
  readonly #check: RegionEncoder | undefined;
  #offset: number;
  /** Data bytes of the region at hand that were taken. */
  #inRegion = 0;
  /** Where the first damage was, from the archive's start. */
  #damage: number | undefined;
  #damagedPages = 0;

  /** Goes on with a queue whose header was taken; `isChecked` says whether recovery data is computed and compared. */
  constructor(queue: Queue, engine: Engine, percent: number, isChecked: boolean) {
    this.#queue = queue;
    this.#engine = engine;
    this.#percent = percent;
    this.#offset = queue.offset;
    this.#bodyOffset = queue.offset;
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

  /** Whether bytes can be passed over: nothing is computed from them, and they lie together. */
  get canSkip(): boolean {
    return this.#percent === 0 && this.#queue.skip !== undefined;
  }

  /** Takes the next bytes without reading them, and says how many: `length`, or fewer at the end. */
  skip(length: number): number {
    if (!this.canSkip || this.#queue.skip === undefined) throw new TypeError("Cannot pass over bytes of this archive");
    const passed = this.#queue.skip(length);
    this.#offset += passed;
    return passed;
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
   * @throws {ArchiveError} `truncated` when it is not there.
   */
  async endSegment(): Promise<void> {
    if (this.#percent === 0) return;
    if (this.#inRegion > 0) await this.#takeTail();
    this.#check?.begin({
      offset: this.#offset - this.#bodyOffset,
      physical: this.fileOffset - this.#bodyOffset,
    });
  }

  /**
   * Says whether all recovery data was as it should be, where it is checked.
   *
   * @throws {ArchiveError} `damaged`, when it differs anywhere from what belongs there.
   */
  checkRecovery(): void {
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
