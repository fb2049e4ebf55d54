/**
 * Finds the frames of a damaged segment (FORMAT.md, "Salvage"): from head to head as long as they open, and by their
 * marks where that thread is lost.
 */
import type { Bytes } from "../engine/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import { FRAME_OVERHEAD, FRAME_TYPE, type FrameHead, frameLength, MARK_BYTES } from "../format/frame.ts";
import { MAX_FRAMES } from "../format/limits.ts";
import { addRange, type ByteRange, gapsIn } from "./byte_ranges.ts";
import type { FrameCipher } from "./frame_cipher.ts";
import { pauseEvery } from "./pause.ts";
import type { Source } from "./source.ts";

/**
 * How far ahead of the last frame found, and how far back, frames are recognised: 65,536 blocks are 128 GiB as a rule.
 */
const MOST_MARKS = 65_536;
/** Marks looked for from the start; more only when that many frames could have been passed over. */
const LEAST_MARKS = 256;
/** Bytes searched at a time. */
const WINDOW_BYTES = 2 ** 20;

const NO_FRAMES: readonly number[] = [];

/** A frame that was found. */
export interface FoundFrame {
  readonly frame: number;
  /** Where it stands now, in bytes from the source's start. */
  readonly at: number;
  readonly head: FrameHead;
}

/** The frames of one segment, as far as their heads are intact. */
export interface FrameMap {
  /** Where each frame stands, in bytes from the source's start; `undefined` for one that was not found. */
  readonly places: readonly (number | undefined)[];
  /** The type of each frame that was found; 0 for others. */
  readonly types: readonly number[];
  /** Bytes between frames in which no head was found. */
  readonly gaps: readonly ByteRange[];
  /**
   * Frames that follow one another although others should stand between them, or elsewhere: the places of the latter.
   */
  readonly jumps: readonly ByteRange[];
  /** The number of the end frame; `undefined` when it was not found. */
  readonly end: number | undefined;
  /** Where the search stopped: behind the end frame, or at the end of what was searched. */
  readonly stopped: number;
}

/** What is searched. */
export interface SearchOptions {
  /** Where the first frame should be, in bytes from the source's start. */
  readonly start: number;
  /** Where the search ends. */
  readonly end: number;
  /** Ends the work early. */
  readonly signal?: AbortSignal | undefined;
  /** Called with how many bytes have been passed. */
  readonly onProgress?: (bytes: number) => void;
}

/** The marks of a range of frames, for a quick look at every place where a frame could begin. */
class Marks {
  readonly #cipher: FrameCipher;
  readonly #byMark = new Map<number, number[]>();
  /** Which first three bytes marks have, a bit each: all but few places are passed over by this alone. */
  readonly #begins = new Uint8Array(2 ** 21);
  #next = 0;

  constructor(cipher: FrameCipher) {
    this.#cipher = cipher;
  }

  /** Knows the marks of all frames up to and without a number. */
  reach(end: number): void {
    for (; this.#next < end; this.#next++) this.add(this.#next);
  }

  /** Leaves out frames before a number, which were found or are given up. */
  skipTo(frame: number): void {
    this.#next = Math.max(this.#next, frame);
  }

  add(frame: number): void {
    const mark = this.#cipher.mark(frame);
    const view = new DataView(mark.buffer, mark.byteOffset, MARK_BYTES);
    const key = view.getUint32(0);
    const others = this.#byMark.get(key);
    if (others === undefined) this.#byMark.set(key, [frame]);
    else others.push(frame);
    const first = Math.floor(key / 256);
    this.#begins[first >> 3] = (this.#begins[first >> 3] as number) | (1 << (first & 7));
  }

  /**
   * The next place in `bytes`, from one up to and without another, at which a mark may begin; -1 when there is none.
   */
  next(bytes: Bytes, from: number, to: number): number {
    const begins = this.#begins;
    let first = ((bytes[from] as number) << 8) | (bytes[from + 1] as number);
    for (let i = from; i < to; i++) {
      first = ((first << 8) | (bytes[i + 2] as number)) & 0xffffff;
      if (((begins[first >> 3] as number) & (1 << (first & 7))) !== 0) return i;
    }
    return -1;
  }

  /** Frames whose marks begin like the four bytes at a place; the head's tag decides. */
  at(bytes: Bytes, offset: number): readonly number[] {
    const view = new DataView(bytes.buffer, bytes.byteOffset + offset, 4);
    return this.#byMark.get(view.getUint32(0)) ?? NO_FRAMES;
  }
}

/**
 * Finds the frames of a segment. A frame counts when its head authenticates, wherever it stands: one that was moved is
 * found at its new place. Memory is eight bytes a frame.
 */
export async function findFrames(source: Source, cipher: FrameCipher, options: SearchOptions): Promise<FrameMap> {
  return await new FrameSearch(source, cipher, options).run();
}

class FrameSearch {
  readonly #source: Source;
  readonly #cipher: FrameCipher;
  readonly #options: SearchOptions;
  readonly #pause = pauseEvery();
  readonly #places: (number | undefined)[] = [];
  readonly #types: number[] = [];
  readonly #covered: ByteRange[] = [];
  readonly #jumps: ByteRange[] = [];
  readonly #marks: Marks;
  #window: Bytes = new Uint8Array(0);
  #windowAt = 0;
  #end: number | undefined;
  #found = 0;

  constructor(source: Source, cipher: FrameCipher, options: SearchOptions) {
    this.#source = source;
    this.#cipher = cipher;
    this.#options = options;
    this.#marks = new Marks(cipher);
  }

  async run(): Promise<FrameMap> {
    const { start, end } = this.#options;
    let at = start;
    let expected = 0;
    while (at + FRAME_OVERHEAD <= end && !this.#isComplete()) {
      await this.#turn(at);
      let found = this.#places[expected] === undefined ? await this.#frameAt(expected, at) : undefined;
      found ??= await this.#search(at, expected);
      if (found === undefined) break;
      if (found.frame !== expected && found.at === at) {
        this.#jumps.push({ start: at, end: at + frameLength(found.head.stored) });
      }
      this.#take(found);
      at = found.at + frameLength(found.head.stored);
      expected = found.frame + 1;
    }
    const stopped = this.#isComplete() || this.#end !== undefined ? this.#behindEnd(at) : end;
    return {
      places: this.#places,
      types: this.#types,
      gaps: gapsIn(this.#covered, start, Math.min(stopped, end)),
      jumps: this.#jumps,
      end: this.#end,
      stopped,
    };
  }

  async #turn(at: number): Promise<void> {
    await this.#pause();
    this.#options.signal?.throwIfAborted();
    this.#options.onProgress?.(at - this.#options.start);
  }

  /** Whether all frames up to the end frame have been found. */
  #isComplete(): boolean {
    if (this.#end === undefined || this.#end !== this.#places.length - 1) return false;
    return this.#found === this.#places.length;
  }

  #behindEnd(at: number): number {
    const end = this.#end === undefined ? undefined : this.#places[this.#end];
    return end === undefined ? at : end + FRAME_OVERHEAD;
  }

  #take({ frame, at, head }: FoundFrame): void {
    while (this.#places.length <= frame) {
      this.#places.push(undefined);
      this.#types.push(0);
    }
    this.#places[frame] = at;
    this.#types[frame] = head.type;
    this.#found++;
    addRange(this.#covered, at, at + frameLength(head.stored));
    if (head.type === FRAME_TYPE.end) this.#end = frame;
  }

  async #bytes(at: number, length: number, ahead: number): Promise<Bytes> {
    const from = at - this.#windowAt;
    if (from < 0 || from + length > this.#window.length) {
      this.#window = await this.#source.read(at, Math.min(Math.max(length, ahead), this.#options.end - at));
      this.#windowAt = at;
      return this.#window.subarray(0, length);
    }
    return this.#window.subarray(from, from + length);
  }

  async #frameAt(frame: number, at: number): Promise<FoundFrame | undefined> {
    const bytes = await this.#bytes(at, FRAME_OVERHEAD, FRAME_OVERHEAD);
    let head: FrameHead | undefined;
    try {
      head = this.#cipher.tryHead(frame, bytes);
    } catch (error) {
      // Authentic, and of a shape that no reader takes: its length cannot be relied on.
      if (!(error instanceof ArchiveError)) throw error;
    }
    return head === undefined ? undefined : { frame, at, head };
  }

  /** The next place with the mark and the head of a frame that was not found yet. */
  async #search(from: number, expected: number): Promise<FoundFrame | undefined> {
    const { end } = this.#options;
    this.#marks.skipTo(Math.max(0, this.#places.length - MOST_MARKS));
    // Frames begin at multiples of 16 in an archive, but not behind a place where bytes were lost or put in.
    let at = from;
    const highest = Math.max(expected, this.#places.length);
    while (at + FRAME_OVERHEAD <= end) {
      await this.#turn(at);
      const passed = Math.floor((Math.min(at + WINDOW_BYTES, end) - from) / FRAME_OVERHEAD);
      this.#marks.reach(Math.min(MAX_FRAMES, highest + Math.min(MOST_MARKS, LEAST_MARKS + passed)));
      const window = await this.#bytes(at, Math.min(WINDOW_BYTES, end - at), WINDOW_BYTES);
      const places = window.length - FRAME_OVERHEAD + 1;
      for (let i = this.#marks.next(window, 0, places); i >= 0; i = this.#marks.next(window, i + 1, places)) {
        for (const frame of this.#marks.at(window, i)) {
          if (this.#places[frame] !== undefined) continue;
          const found = await this.#frameAt(frame, at + i);
          if (found !== undefined) return found;
        }
      }
      if (window.length < FRAME_OVERHEAD) return undefined;
      at += window.length - FRAME_OVERHEAD + 1;
    }
    return undefined;
  }
}
