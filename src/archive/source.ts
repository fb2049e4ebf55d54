/** Where an archive's bytes come from and where an entry's bytes come from: what the core asks of its surroundings. */
import type { Bytes } from "../engine/engine.ts";
import type { Time } from "../format/row.ts";

/**
 * Random access to an archive. One call per batch (a header, a run of pages, a block), never one per chunk.
 *
 * @example
 * ```ts
 * import type { Source } from "./source.ts";
 * const bytes = new Uint8Array(100);
 * const source: Source = {
 *   size: bytes.length,
 *   read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
 * };
 * ```
 */
export interface Source {
  /** Total bytes. */
  readonly size: number;
  /** The bytes from `offset`, `length` of them or fewer where the source ends. I/O errors reject. */
  read(offset: number, length: number): Promise<Bytes>;
}

/** What a file's status says that rows keep. */
export interface ContentStatus {
  /** Bytes. */
  readonly size: number;
  /** Permission bits, 0 to 0o7777. */
  readonly mode: number;
  /** Time of last modification. */
  readonly mtime: Time;
  /** Whole seconds of the last status change; 0 is 'not known'. */
  readonly ctime: number;
  /** Device number; 0 is 'not known'. */
  readonly dev: number;
  /** Inode number; 0 is 'not known' (or beyond 2^53). */
  readonly inode: number;
}

/** An opened regular file. Synchronous, because one block is one uninterrupted call. */
export interface ContentReader {
  /** Reads at `position` into `into`; returns the bytes read, 0 at the end. */
  read(position: number, into: Bytes): number;
  /** The status now, not at opening. Throws when it is no regular file; to be asked before what was read is used. */
  status(): ContentStatus;
  /** Gives the file back. */
  close(): void;
}

/** Opens the files that a plan names. */
export interface ContentAccess {
  /**
   * Opens a regular file for reading, without following a symlink in its last part and without blocking on a FIFO.
   * Throws what the system says; that it is a regular file is only sure when {@linkcode ContentReader.status} says so.
   */
  open(location: string): ContentReader;
  /**
   * Fills `into` with a small file, in the cheapest way there is, and says whether it was filled and the file's status
   * is still the planned one, whose numbers (`FILE_NUMBERS`) begin at `at`. Anything else is false, and nothing is
   * thrown.
   */
  readUnchanged?(location: string, into: Bytes, planned: Float64Array, at: number): boolean;
}
