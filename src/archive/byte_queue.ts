/** A stream of byte pieces, taken off in lengths that the reader chooses. */
import type { Bytes } from "../engine/engine.ts";

/** An archive's bytes from front to back. */
export interface Queue {
  /** Bytes taken so far. */
  readonly offset: number;
  /** The next bytes without taking them: `length`, or fewer at the end. A view, good until the next call. */
  peek(length: number): Promise<Bytes>;
  /** Takes the next bytes: `length`, or fewer at the end. A view, good until the next call. */
  take(length: number): Promise<Bytes>;
  /**
   * Takes the next bytes without reading them, and says how many: `length`, or fewer at the end. Not every queue can.
   */
  skip?(length: number): number;
  /** Lets the source go, wherever it is. */
  close(): Promise<void>;
}

/** Buffers an iterable of pieces of any size. */
export class ByteQueue implements Queue {
  readonly #pieces: AsyncIterator<Bytes> | Iterator<Bytes>;
  #buffer = new Uint8Array(0);
  #start = 0;
  #end = 0;
  #done = false;
  #taken = 0;

  /** Reads from `pieces`; each piece is copied before the next is asked for. */
  constructor(pieces: AsyncIterable<Bytes> | Iterable<Bytes>) {
    this.#pieces = Symbol.asyncIterator in pieces ? pieces[Symbol.asyncIterator]() : pieces[Symbol.iterator]();
  }

  /** Bytes taken so far. */
  get offset(): number {
    return this.#taken;
  }

  async #fill(length: number): Promise<void> {
    while (this.#end - this.#start < length && !this.#done) {
      const { value, done } = await this.#pieces.next();
      if (done === true) this.#done = true;
      else this.#append(value, length);
    }
  }

  #append(piece: Bytes, wanted: number): void {
    const kept = this.#end - this.#start;
    if (this.#end + piece.length > this.#buffer.length) {
      const needed = Math.max(kept + piece.length, wanted);
      const target = needed > this.#buffer.length ? new Uint8Array(needed) : this.#buffer;
      target.set(this.#buffer.subarray(this.#start, this.#end));
      this.#buffer = target;
      this.#start = 0;
      this.#end = kept;
    }
    this.#buffer.set(piece, this.#end);
    this.#end += piece.length;
  }

  /** The next bytes without taking them: `length`, or fewer at the stream's end. A view, good until the next call. */
  async peek(length: number): Promise<Bytes> {
    await this.#fill(length);
    return this.#buffer.subarray(this.#start, Math.min(this.#start + length, this.#end));
  }

  /** Takes the next bytes: `length`, or fewer at the stream's end. A view, good until the next call. */
  async take(length: number): Promise<Bytes> {
    const bytes = await this.peek(length);
    this.#start += bytes.length;
    this.#taken += bytes.length;
    return bytes;
  }

  /** Everything that is left, in pieces as they come. Each is good until the next is asked for. */
  async *rest(): AsyncGenerator<Bytes, void, undefined> {
    const kept = await this.take(this.#end - this.#start);
    if (kept.length > 0) yield kept;
    while (!this.#done) {
      const { value, done } = await this.#pieces.next();
      if (done === true) {
        this.#done = true;
        return;
      }
      this.#taken += value.length;
      yield value;
    }
  }

  /** Lets the source go, wherever it is. */
  async close(): Promise<void> {
    this.#done = true;
    await this.#pieces.return?.();
  }
}
