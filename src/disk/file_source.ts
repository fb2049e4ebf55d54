/** An archive on disk as a {@linkcode Source}. */
import type { Source } from "../archive/source.ts";
import type { Bytes } from "../engine/engine.ts";
import { reach } from "./descriptors.ts";
import { files } from "./files.ts";
import { type Identity, identityOf, statusOfDescriptor } from "./metadata.ts";
import { O_NONBLOCK, O_RDONLY } from "./open_flags.ts";

/** What was named as an archive cannot be read as one: it is a folder, or no regular file. */
export class SourceError extends Error {
  /** `"SourceError"`. */
  override readonly name = "SourceError";
}

/**
 * Random access to a regular file. Reads are positional and synchronous underneath: on a local disk that is several
 * times faster than one trip to a thread pool for each.
 *
 * @example
 * ```ts
 * import { FileSource } from "./file_source.ts";
 * const path = Deno.makeTempFileSync();
 * Deno.writeTextFileSync(path, "hello");
 * {
 *   using source = FileSource.open(path);
 *   console.log(source.size, await source.read(1, 3)); // 5, the bytes of "ell"
 * }
 * Deno.removeSync(path);
 * ```
 */
export class FileSource implements Source, Disposable {
  /** Bytes when it was opened. */
  readonly size: number;
  /** Calls of {@linkcode read} so far. */
  reads = 0;
  /** Bytes read so far. */
  bytesRead = 0;
  readonly #path: string;
  readonly #identity: Identity;
  #descriptor: number | undefined;

  private constructor(path: string, descriptor: number, info: Deno.FileInfo) {
    this.#path = path;
    this.#descriptor = descriptor;
    this.#identity = identityOf(info);
    this.size = info.size;
  }

  /**
   * Opens a file, following symlinks.
   *
   * @throws {SourceError} when it is not a regular file. I/O errors pass through.
   */
  static open(path: string): FileSource {
    // Without O_NONBLOCK, opening a FIFO would wait for a writer.
    const descriptor = reach(path, (there) => files.open(there, O_RDONLY | O_NONBLOCK));
    try {
      const info = statusOfDescriptor(descriptor);
      if (info.isDirectory) throw new SourceError(`Cannot read "${path}": it is a folder`);
      if (!info.isFile) {
        throw new SourceError(`Cannot read "${path}": it is not a regular file; use "-" to read a pipe`);
      }
      return new FileSource(path, descriptor, info);
    } catch (error) {
      files.close(descriptor);
      throw error;
    }
  }

  /** Takes over a descriptor that is open for reading; `name` is for messages. */
  static adopt(name: string, descriptor: number): FileSource {
    return new FileSource(name, descriptor, statusOfDescriptor(descriptor));
  }

  /** Its descriptor, which other threads may read by position, while it is open. */
  get descriptor(): number {
    if (this.#descriptor === undefined) throw new TypeError(`Cannot read "${this.#path}": it is closed`);
    return this.#descriptor;
  }

  /** Which file it is. */
  identity(): Identity {
    return this.#identity;
  }

  /** The bytes from `offset`, `length` of them or fewer where the file ends; each call returns fresh memory. */
  // deno-lint-ignore require-await -- an async function, so that I/O errors reject
  async read(offset: number, length: number): Promise<Bytes> {
    return this.readInto(offset, new Uint8Array(Math.max(0, Math.min(length, this.size - offset))));
  }

  /** Fills memory with the bytes from `offset`, and returns what of it was filled: less where the file ends. */
  readInto(offset: number, bytes: Bytes): Bytes {
    if (this.#descriptor === undefined) throw new TypeError(`Cannot read "${this.#path}": it is closed`);
    let filled = 0;
    while (filled < bytes.length) {
      const read = files.read(this.#descriptor, filled === 0 ? bytes : bytes.subarray(filled), offset + filled);
      if (read === 0) break;
      filled += read;
    }
    this.reads++;
    this.bytesRead += filled;
    return filled === bytes.length ? bytes : bytes.subarray(0, filled);
  }

  /** Gives the file back. */
  close(): void {
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    if (descriptor !== undefined) files.close(descriptor);
  }

  /** Calls {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}
