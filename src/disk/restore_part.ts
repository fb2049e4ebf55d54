/** A file of an extraction target that arrives in parts. */
import type { Bytes } from "../engine/engine.ts";
import type { Row } from "../format/row.ts";
import { type DiskCalls, writeFully } from "./disk_calls.ts";
import type { MetadataSetter } from "./restore_metadata.ts";
import type { OpenFolder, TargetFolders } from "./target_folders.ts";
import type { TargetNames } from "./target_names.ts";

/** What the target does for its parts. */
export interface PartHost {
  /** The system calls. */
  readonly calls: DiskCalls;
  /** The target's folders. */
  readonly folders: TargetFolders;
  /** The target's names. */
  readonly names: TargetNames;
  /** What sets metadata. */
  readonly metadata: MetadataSetter;
  /** Runs what restores an entry; what goes wrong with that entry alone is told, the rest thrown. */
  attempt(path: string, action: () => boolean): boolean;
  /** Tells of an error that concerns one entry; throws any other. */
  tell(path: string, error: unknown): void;
  /** Hears that a part is finished or dropped. */
  forget(part: PartFile): void;
}

/**
 * A file being written under a temporary name in its own folder; its name stands for it only after
 * {@linkcode finish}. An error of the file itself (too large for the file system, say) is told once and makes the
 * rest do nothing; an error of the disk (it is full) throws.
 */
export class PartFile {
  /** Its path in the target. */
  readonly path: string;
  readonly #host: PartHost;
  /** The folder, held for this file alone. */
  readonly #folder: OpenFolder;
  readonly #name: string;
  readonly #temporary: string;
  readonly #descriptor: number;
  #length = 0;
  #state: "open" | "failed" | "closed" = "open";

  /** Made by the target only, which hands over the folder and the open file of a temporary name in it. */
  constructor(
    host: PartHost,
    path: string,
    folder: OpenFolder,
    names: { readonly final: string; readonly temporary: string },
    descriptor: number,
  ) {
    this.#host = host;
    this.path = path;
    this.#folder = folder;
    this.#name = names.final;
    this.#temporary = names.temporary;
    this.#descriptor = descriptor;
  }

  /** Its open file, for another thread to write to by position; `undefined` when it has failed. */
  get descriptor(): number | undefined {
    return this.#state === "open" ? this.#descriptor : undefined;
  }

  /** Another thread has written to {@linkcode descriptor} up to a byte offset. */
  wrote(end: number): void {
    this.#length = Math.max(this.#length, end);
  }

  /** Another thread could not write; what follows is as in {@linkcode writeAt}. */
  failed(error: unknown): void {
    if (this.#state !== "open") return;
    this.#state = "failed";
    this.#drop();
    this.#host.tell(this.path, error);
  }

  /** Writes all of `bytes` at a byte offset of the file. What is never written is a hole and reads as zeros. */
  writeAt(fileOffset: number, bytes: Bytes): void {
    if (this.#state === "failed") return;
    if (this.#state === "closed") throw new TypeError(`Cannot write "${this.path}": it is closed`);
    try {
      writeFully(this.#host.calls, this.#descriptor, bytes, fileOffset);
      this.#length = Math.max(this.#length, fileOffset + bytes.length);
    } catch (error) {
      this.failed(error);
    }
  }

  /**
   * Sets the row's size and metadata and gives the file its name. Returns whether it is there now; when it is not,
   * the reason was told, unless existing files are skipped.
   */
  finish(row: Row): boolean {
    if (this.#state === "failed") return false;
    if (this.#state === "closed") throw new TypeError(`Cannot finish "${this.path}": it is closed`);
    this.#state = "closed";
    this.#host.forget(this);
    const { calls, folders, names, metadata } = this.#host;
    let closed = false;
    let placed = false;
    try {
      return this.#host.attempt(this.path, () => {
        if (this.#length !== row.size) calls.truncate(this.#descriptor, row.size);
        metadata.set(this.#descriptor, row, this.path);
        closed = true;
        calls.close(this.#descriptor);
        placed = names.moveIntoPlace(this.#folder, this.#temporary, this.#name, this.path);
        if (placed) names.wrote(this.path);
        return placed;
      });
    } finally {
      if (!placed) names.discard(this.#folder, this.#temporary);
      if (!closed) calls.close(this.#descriptor);
      folders.release(this.#folder);
    }
  }

  /** Removes it; does nothing when it is finished or has failed. */
  abandon(): void {
    if (this.#state !== "open") return;
    this.#state = "closed";
    this.#drop();
  }

  #drop(): void {
    this.#host.forget(this);
    this.#host.names.discard(this.#folder, this.#temporary);
    try {
      this.#host.calls.close(this.#descriptor);
    } finally {
      this.#host.folders.release(this.#folder);
    }
  }
}
