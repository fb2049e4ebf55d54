/** Where segments go on their way to a file whose archive has a recovery layer: what follows each region is added. */
import type { Bytes, Engine } from "../engine/engine.ts";
import { RECOVERY_CELL_BYTES } from "../format/limits.ts";
import { physicalLength, type SegmentStart } from "../recovery/geometry.ts";
import { RegionEncoder } from "../recovery/region_encoder.ts";
import type { WritableSource } from "./header_rewrite.ts";

/** What takes bytes in order. */
interface Output {
  write(bytes: Bytes): Promise<void> | void;
}

/** Where the bytes of one segment go, with the recovery data they need. */
export class BodySink implements Output {
  readonly #sink: Output;
  readonly #encoder: RegionEncoder;

  /** Makes a sink for the segment at `start`, the first one unless given; it begins where `sink` stands. */
  constructor(engine: Engine, sink: Output, percent: number, start?: SegmentStart) {
    this.#sink = sink;
    this.#encoder = new RegionEncoder(engine, percent, start);
  }

  /** Begins another segment, when the one before has ended. */
  begin(start: SegmentStart): void {
    this.#encoder.begin(start);
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

/** What grows at its end, and is written to before that. */
type Growing = Pick<WritableSource, "size" | "write" | "sync"> & { append(bytes: Bytes): Promise<void> };

/**
 * Appends one segment to a file with the recovery data it needs. Its last cell, which has the end frame and the
 * locator, is held back and written when all recovery data is on the disk: until then zeros stand in its place, and a
 * crash leaves either nothing that counts or all of it.
 */
export class BodyAppender implements Output {
  readonly #target: Growing;
  readonly #encoder: RegionEncoder;
  /** What may become the last cell: never more than one. */
  readonly #held = new Uint8Array(RECOVERY_CELL_BYTES);
  #heldBytes = 0;

  /** Appends the segment at `start`, which is where the target ends. */
  constructor(engine: Engine, target: Growing, percent: number, start: SegmentStart) {
    this.#target = target;
    this.#encoder = new RegionEncoder(engine, percent, start);
  }

  /** Takes bytes of the segment. */
  async write(bytes: Bytes): Promise<void> {
    const total = this.#heldBytes + bytes.length;
    // Whole cells but for the last one, which stays here even when it is full.
    const ready = Math.max(0, Math.ceil(total / RECOVERY_CELL_BYTES) - 1) * RECOVERY_CELL_BYTES;
    let rest = bytes;
    if (ready > 0) {
      if (this.#heldBytes > 0) {
        await this.#append(this.#held.slice(0, this.#heldBytes));
      }
      const length = ready - this.#heldBytes;
      rest = rest.slice(length);
      await this.#append(bytes.subarray(0, length));
      this.#heldBytes = 0;
    }
    this.#held.set(rest, this.#heldBytes);
    this.#heldBytes += rest.length;
  }

  async #append(bytes: Bytes): Promise<void> {
    for (let rest = bytes; rest.length > 0;) {
      const piece = rest.subarray(0, this.#encoder.room);
      rest = rest.subarray(piece.length);
      this.#encoder.add(piece);
      await this.#target.append(piece);
      if (this.#encoder.room === 0) await this.#finishRegion();
    }
  }

  async #finishRegion(): Promise<void> {
    for (const piece of this.#encoder.finishRegion()) await this.#target.append(piece.slice());
  }

  /** What was written is on the disk; what is held back is not written yet. */
  async sync(): Promise<void> {
    await this.#target.sync();
  }

  /** Writes what follows the last cell, and then that. */
  async end(): Promise<void> {
    const last = this.#held.slice(0, this.#heldBytes);
    const at = this.#target.size;
    this.#encoder.add(last);
    await this.#target.append(new Uint8Array(last.length));
    await this.#finishRegion();
    await this.#target.sync();
    await this.#target.write(at, last);
    await this.#target.sync();
  }
}

/** Bytes of a whole archive whose body has `length` logical bytes in one segment. */
export function fileLength(percent: number, bodyOffset: number, length: number): number {
  return bodyOffset + physicalLength(percent, length);
}
