/**
 * Frames by place, over a `Source`: what is near is read together, and nothing is given out before it authenticates.
 */
import type { Bytes } from "../engine/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import { FRAME_OVERHEAD, type FrameHead, frameLength } from "../format/frame.ts";
import { MAX_FRAME_BYTES } from "../format/limits.ts";
import type { FramePlace } from "../format/locator.ts";
import type { BlockPlace } from "../format/row.ts";
import type { FrameCipher } from "./frame_cipher.ts";
import type { Source } from "./source.ts";

/** An opened frame. */
export interface OpenedFrame {
  readonly head: FrameHead;
  /** Its raw bytes, its own. */
  readonly raw: Bytes;
  /** Bytes of the whole frame in the archive. */
  readonly frameBytes: number;
}

/** Where a segment's frames may lie: a place that says otherwise is not even looked at. */
export interface FrameBounds {
  /** Where the segment begins, counted from the body's start. */
  readonly start: number;
  /** Where it ends. */
  readonly end: number;
}

/** Reads frames of one segment of an archive with random access. */
export class FrameSource {
  readonly #source: Source;
  readonly #cipher: FrameCipher;
  readonly #bodyOffset: number;
  readonly #bounds: FrameBounds;
  #buffer: Bytes = new Uint8Array(0);
  #bufferOffset = 0;

  /** Reads frames from `source`, whose body begins at `bodyOffset`, within `bounds`. */
  constructor(source: Source, cipher: FrameCipher, bodyOffset: number, bounds: FrameBounds) {
    this.#source = source;
    this.#cipher = cipher;
    this.#bodyOffset = bodyOffset;
    this.#bounds = bounds;
  }

  async #bytes(offset: number, length: number, ahead: number): Promise<Bytes> {
    const start = offset - this.#bufferOffset;
    if (start >= 0 && start + length <= this.#buffer.length) return this.#buffer.subarray(start, start + length);
    const { start: first, end } = this.#bounds;
    if (offset < first || offset + length > end) {
      throw new ArchiveError("malformed", "Cannot accept the archive: a frame lies outside its segment", {
        offset: this.#bodyOffset + offset,
      });
    }
    const wanted = Math.min(Math.max(length, ahead), end - offset);
    this.#buffer = await this.#source.read(this.#bodyOffset + offset, wanted);
    this.#bufferOffset = offset;
    if (this.#buffer.length < length) {
      throw new ArchiveError("truncated", "Cannot read the archive: it ended while it was read", {
        offset: this.#bodyOffset + offset,
      });
    }
    return this.#buffer.subarray(0, length);
  }

  /**
   * Reads ahead when the first `needed` bytes of a range are not at hand: frames that lie in it cost no further reads.
   */
  async prefetch(offset: number, length: number, needed: number = length): Promise<void> {
    const most = this.#bounds.end - offset;
    await this.#bytes(offset, Math.min(needed, most), Math.min(length, most));
  }

  /**
   * Opens the head of a frame.
   *
   * @throws {ArchiveError} `damaged`, `malformed`, `limit` or `truncated`, with the place.
   */
  async head(place: FramePlace): Promise<FrameHead> {
    const bytes = await this.#bytes(place.offset, FRAME_OVERHEAD, FRAME_OVERHEAD);
    return this.#placed(place, () => this.#cipher.openHead(place.frame, bytes));
  }

  /** Adds to errors where they were found, counted from the archive's start. */
  #placed<T>(place: FramePlace, open: () => T): T {
    try {
      return open();
    } catch (error) {
      if (!(error instanceof ArchiveError)) throw error;
      const found = { ...error.place, offset: this.#bodyOffset + place.offset, frame: place.frame };
      throw new ArchiveError(error.code, error.message, found, { cause: error });
    }
  }

  /**
   * Opens a whole frame.
   *
   * @throws {ArchiveError} as {@linkcode head}.
   */
  async frame(place: FramePlace): Promise<OpenedFrame> {
    return this.#whole(await this.head(place), place);
  }

  async #whole(head: FrameHead, place: FramePlace): Promise<OpenedFrame> {
    const frameBytes = frameLength(head.stored);
    const whole = await this.#bytes(place.offset, frameBytes, frameBytes);
    const raw = this.#placed(
      place,
      () => this.#cipher.openContent(place.frame, head, whole.subarray(FRAME_OVERHEAD)),
    );
    return { head, raw, frameBytes };
  }

  /**
   * Opens a frame whose length and type are known, in one read.
   *
   * @throws {ArchiveError} as {@linkcode head}; `inconsistent` when it is another frame than expected.
   */
  async expected(place: BlockPlace, type: number): Promise<OpenedFrame> {
    this.#placed(place, () => checkPlace(place, this.#bounds));
    const bytes = await this.#bytes(place.offset, place.frameBytes, 0);
    return this.#placed(place, () => openExpected(this.#cipher, place, type, bytes));
  }
}

/**
 * Checks a place before anything is read or allocated by it.
 *
 * @throws {ArchiveError} `inconsistent` when no frame can be there.
 */
export function checkPlace({ offset, frame, frameBytes }: BlockPlace, { start, end }: FrameBounds): void {
  const possible = frameBytes >= FRAME_OVERHEAD && frameBytes <= frameLength(MAX_FRAME_BYTES) &&
    offset >= start && offset + frameBytes <= end;
  if (!possible) throw unexpected(frame);
}

/**
 * Opens a frame whose length and type are known; `bytes` are all of it. Its raw bytes are put into what `allocate`
 * gives, fresh memory unless given.
 *
 * @throws {ArchiveError} `damaged` or `malformed`; `inconsistent` when it is another frame than expected.
 */
export function openExpected(
  cipher: FrameCipher,
  place: BlockPlace,
  type: number,
  bytes: Bytes,
  allocate?: (length: number) => Bytes,
): OpenedFrame {
  const head = cipher.openHead(place.frame, bytes.subarray(0, FRAME_OVERHEAD));
  if (head.type !== type || frameLength(head.stored) !== place.frameBytes) throw unexpected(place.frame);
  const raw = cipher.openContent(place.frame, head, bytes.subarray(FRAME_OVERHEAD), allocate);
  return { head, raw, frameBytes: place.frameBytes };
}

function unexpected(frame: number): ArchiveError {
  return new ArchiveError("inconsistent", `Cannot accept frame ${frame}: it is not what the catalog says`, { frame });
}
