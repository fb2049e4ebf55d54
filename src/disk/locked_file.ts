/** An archive on disk that is to be changed where it is: open for writing, under an exclusive lock. */
import type { AppendableSource } from "../archive/update.ts";
import type { Bytes } from "../engine/engine.ts";
import { SourceError } from "./file_source.ts";
import { type Identity, identityOf, isSameFile } from "./metadata.ts";
import { systemCode, systemReason } from "./system_error.ts";

/** Another program is changing the archive. */
export class LockError extends Error {
  /** `"LockError"`. */
  override readonly name = "LockError";
}

/** How an archive is opened for changes. */
export interface LockOptions {
  /** How long to wait for another program to let go of it, in milliseconds; 0 unless given. */
  readonly waitMs?: number | undefined;
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined;
}

/** Milliseconds between two tries to get the lock. */
const RETRY_MS = 50;

/**
 * A regular file, locked against other writers for as long as it is open. Readers are not kept out. When the system
 * refuses to write, to cut or to sync it, a {@linkcode SourceError} names the file.
 */
export class LockedFile implements AppendableSource, Disposable {
  #size: number;
  readonly #path: string;
  readonly #file: Deno.FsFile;

  private constructor(path: string, file: Deno.FsFile, size: number) {
    this.#path = path;
    this.#file = file;
    this.#size = size;
  }

  /** Bytes now. */
  get size(): number {
    return this.#size;
  }

  /** Which file it is. */
  identity(): Identity {
    return identityOf(this.#file.statSync());
  }

  /**
   * Opens and locks a file, following symlinks.
   *
   * @throws {SourceError} when it is not a regular file. @throws {LockError} when another program has locked it, or has
   * put another file in its place meanwhile. I/O errors pass through.
   */
  static async open(path: string, options: LockOptions = {}): Promise<LockedFile> {
    // Looked at first: opening a FIFO for reading and writing would not fail.
    if (!Deno.statSync(path).isFile) throw new SourceError(`Cannot change "${path}": it is not a regular file`);
    const file = Deno.openSync(path, { read: true, write: true });
    try {
      await lock(file, path, options);
      const info = file.statSync();
      if (!info.isFile || !isSameFile(identityOf(info), identityOf(Deno.statSync(path)))) {
        throw new LockError(`Cannot change "${path}": another file was put in its place meanwhile`);
      }
      return new LockedFile(path, file, info.size);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** The bytes from `offset`, `length` of them or fewer where the file ends. */
  // deno-lint-ignore require-await -- an async function, so that I/O errors reject
  async read(offset: number, length: number): Promise<Bytes> {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.size - offset)));
    this.#file.seekSync(offset, Deno.SeekMode.Start);
    let filled = 0;
    while (filled < bytes.length) {
      const count = this.#file.readSync(bytes.subarray(filled));
      if (count === null) break;
      filled += count;
    }
    return bytes.subarray(0, filled);
  }

  /** Writes all of the bytes at `offset`; never beyond the end. */
  // deno-lint-ignore require-await -- an async function, so that I/O errors reject
  async write(offset: number, bytes: Bytes): Promise<void> {
    if (offset + bytes.length > this.#size) throw new RangeError("Cannot write beyond the end of the archive");
    this.#writeAt(offset, bytes);
  }

  #writeAt(offset: number, bytes: Bytes): void {
    // Memory that workers share is not taken as it is.
    const own = bytes.buffer instanceof ArrayBuffer ? bytes as Uint8Array<ArrayBuffer> : new Uint8Array(bytes);
    try {
      this.#file.seekSync(offset, Deno.SeekMode.Start);
      for (let done = 0; done < own.length;) done += this.#file.writeSync(own.subarray(done));
    } catch (error) {
      throw this.#named(error);
    }
  }

  /** The runtime's errors about an open file do not say which one it is. */
  #named(error: unknown): unknown {
    if (systemCode(error) === undefined) return error;
    return new SourceError(`Cannot change "${this.#path}": ${systemReason(error)}`, { cause: error });
  }

  /** Writes all of the bytes at the end. */
  // deno-lint-ignore require-await -- an async function, so that I/O errors reject
  async append(bytes: Bytes): Promise<void> {
    const end = this.#size;
    // Also what a write that failed has written is to be removed again.
    this.#size = end + bytes.length;
    this.#writeAt(end, bytes);
  }

  /** Makes it shorter. */
  async truncate(length: number): Promise<void> {
    try {
      await this.#file.truncate(length);
    } catch (error) {
      throw this.#named(error);
    }
    this.#size = length;
  }

  /** Resolves when all that was written is on the disk. */
  async sync(): Promise<void> {
    try {
      await this.#file.syncData();
    } catch (error) {
      throw this.#named(error);
    }
  }

  /** Lets go of the file and of the lock. */
  close(): void {
    this.#file.close();
  }

  /** Calls {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

async function lock(file: Deno.FsFile, path: string, { waitMs = 0, signal }: LockOptions): Promise<void> {
  for (const end = performance.now() + waitMs; !(await file.tryLock(true));) {
    signal?.throwIfAborted();
    const left = end - performance.now();
    if (left <= 0) throw new LockError(`Cannot change "${path}": another program is changing it`);
    await new Promise((resolve) => setTimeout(resolve, Math.min(RETRY_MS, left)));
  }
}
