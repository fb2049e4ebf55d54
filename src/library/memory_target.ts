/** An archive in memory that can be changed and grow. */
import type { AppendableSource } from "../archive/update.ts";
import type { Bytes } from "../engine/engine.ts";

/**
 * An archive in memory that can be changed and grow, for {@linkcode updateArchive} and the others where there is no
 * file, such as in a browser.
 */
export class ArchiveBuffer implements AppendableSource {
  #memory: Uint8Array<ArrayBuffer>;
  #size: number;

  /** Takes a copy of an archive; without one it is empty, to be filled by {@linkcode copyArchive}. */
  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.#memory = new Uint8Array(bytes);
    this.#size = bytes.length;
  }

  /** Bytes now. */
  get size(): number {
    return this.#size;
  }

  /** The archive as it is now: a copy. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.#memory.slice(0, this.#size);
  }

  /** The bytes from `offset`, `length` of them or fewer where it ends. */
  read(offset: number, length: number): Promise<Bytes> {
    return Promise.resolve(this.#memory.slice(offset, Math.min(offset + length, this.#size)));
  }

  /** Writes all of the bytes at `offset`; rejects with a `RangeError` beyond the end. */
  // deno-lint-ignore require-await -- an async function, so that errors reject
  async write(offset: number, bytes: Bytes): Promise<void> {
    if (offset + bytes.length > this.#size) throw new RangeError("Cannot write beyond the end of the archive");
    this.#memory.set(bytes, offset);
  }

  /** Writes all of the bytes at the end. */
  // deno-lint-ignore require-await -- an async function, so that errors reject
  async append(bytes: Bytes): Promise<void> {
    const end = this.#size + bytes.length;
    if (end > this.#memory.length) {
      const grown = new Uint8Array(Math.max(end, 2 * this.#memory.length));
      grown.set(this.#memory.subarray(0, this.#size));
      this.#memory = grown;
    }
    this.#memory.set(bytes, this.#size);
    this.#size = end;
  }

  /** Makes it shorter. */
  truncate(length: number): Promise<void> {
    this.#size = Math.min(this.#size, length);
    return Promise.resolve();
  }

  /** Does nothing: memory is what it is. */
  sync(): Promise<void> {
    return Promise.resolve();
  }
}
