/** Sources and streams of archive bytes for tests; they insist on what the core's interfaces promise. */
import type { Bytes } from "../../src/engine/engine.ts";
import type { Source } from "../../src/archive/source.ts";

/** An archive in memory that counts what is read of it, and refuses reads that no source need understand. */
export class CountedSource implements Source {
  readonly size: number;
  /** Calls of `read`. */
  reads = 0;
  /** Bytes given out. */
  bytesRead = 0;
  readonly #bytes: (offset: number, length: number) => Bytes;

  /** Reads from `bytes`, or from a function that gives any range of an archive of `size` bytes. */
  constructor(bytes: Bytes | ((offset: number, length: number) => Bytes), size?: number) {
    if (typeof bytes === "function") this.#bytes = bytes;
    else this.#bytes = (offset, length) => bytes.slice(offset, offset + length);
    this.size = size ?? bytes.length;
  }

  async read(offset: number, length: number): Promise<Bytes> {
    if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0) {
      throw new Error(`Cannot read ${length} bytes at ${offset}`);
    }
    const bytes = this.#bytes(offset, Math.max(0, Math.min(length, this.size - offset)));
    this.reads++;
    this.bytesRead += bytes.length;
    // A turn of the microtask queue, as any real source takes at least.
    return await Promise.resolve(bytes);
  }
}

/** The bytes in pieces of one length. */
export function* inPieces(bytes: Bytes, length: number): Generator<Bytes> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.slice(at, at + length);
}

/** The bytes cut at places that a seed decides, empty pieces among them. */
export function* atRandomSplits(bytes: Bytes, seed: number): Generator<Bytes> {
  let state = seed * 2 + 1;
  for (let at = 0; at < bytes.length;) {
    state = (state * 48_271) % 0x7fff_ffff;
    const length = state % 7 === 0 ? state % 4096 : state % 64;
    yield bytes.slice(at, at + length);
    at += length;
  }
}
