/**
 * The bytes of an archive from front to back, where they can be read from anywhere: a reader passes over what others
 * read.
 */
import type { Bytes } from "../engine/engine.ts";
import type { Queue } from "./byte_queue.ts";

/** Bytes that are read where they stand, into memory that is there. */
export interface PlacedBytes {
  /** Total bytes. */
  readonly size: number;
  /** Fills memory with the bytes from `offset`, and returns what of it was filled: less where they end. */
  readInto(offset: number, bytes: Bytes): Bytes;
}

/** Bytes that are read where fewer are asked for: a head, and the next frame if that is short. */
const LEAST_READ_BYTES = 4096;

/** Takes bytes off, or passes over them, in lengths that the reader chooses. */
export class PlacedQueue implements Queue {
  readonly #placed: PlacedBytes;
  #memory = new Uint8Array(0);
  /** What has been read from the offset on. */
  #held: Bytes = this.#memory;
  #offset = 0;

  /** Begins at the front. */
  constructor(placed: PlacedBytes) {
    this.#placed = placed;
  }

  /** Bytes taken and passed over so far. */
  get offset(): number {
    return this.#offset;
  }

  /** As {@linkcode Queue.peek}. */
  // deno-lint-ignore require-await -- an async function, so that I/O errors reject
  async peek(length: number): Promise<Bytes> {
    if (this.#held.length < length) {
      const most = Math.min(Math.max(length, LEAST_READ_BYTES), this.#left);
      if (this.#memory.length < most) this.#memory = new Uint8Array(most);
      this.#held = this.#placed.readInto(this.#offset, this.#memory.subarray(0, most));
    }
    return this.#held.subarray(0, length);
  }

  /** As {@linkcode Queue.take}. */
  async take(length: number): Promise<Bytes> {
    const bytes = await this.peek(length);
    this.#advance(bytes.length);
    return bytes;
  }

  /** As {@linkcode Queue.skip}. */
  skip(length: number): number {
    const passed = Math.min(length, this.#left);
    this.#advance(passed);
    return passed;
  }

  /** Nothing is to be let go: what the bytes come from is its owner's. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  get #left(): number {
    return Math.max(0, this.#placed.size - this.#offset);
  }

  #advance(length: number): void {
    this.#offset += length;
    this.#held = this.#held.subarray(length);
  }
}
