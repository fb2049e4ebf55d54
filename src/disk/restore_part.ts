/** A file of an extraction target that arrives in parts. */
import type { Bytes } from "../engine/engine.ts";
import type { Row } from "../format/row.ts";
import type { DiskCalls } from "./disk_calls.ts";
import { isFatal } from "./system_error.ts";
import type { OpenFolder } from "./target_folders.ts";

/** Writes all of `bytes` at a byte offset. */
export function writeFully(calls: DiskCalls, descriptor: number, bytes: Bytes, position: number): void {
  for (let done = 0; done < bytes.length;) {
    const written = calls.write(descriptor, done === 0 ? bytes : bytes.subarray(done), position + done);
    if (written <= 0) throw Object.assign(new Error("the system took no bytes"), { code: "EIO" });
    done += written;
  }
}

/** What the target does for its parts. */
export interface PartHost {
  /** The system calls. */
  readonly calls: DiskCalls;
  /** Sets metadata, moves the file into place, and says whether it is there now. Never leaves the temporary file. */
  completePart(part: PartFile, row: Row): boolean;
  /** Removes the temporary file. */
  dropPart(part: PartFile): void;
  /** Tells of an entry that failed. */
  failPart(part: PartFile, error: unknown): void;
}

/**
 * A file being written under a temporary name in its own folder; its name stands for it only after
 * {@linkcode finish}. An error of the file itself (too large for the file system, say) is told once and makes the
 * rest do nothing; an error of the disk (it is full) throws.
 */
export class PartFile {
  /** Its path in the target. */
  readonly path: string;
  /** The folder, held for this file alone. */
  readonly folder: OpenFolder;
  /** Its temporary name in the folder. */
  readonly temporary: string;
  /** Open for writing until it is finished or dropped. */
  readonly descriptor: number;
  /** The length so far: the end of the farthest byte written. */
  length = 0;
  readonly #host: PartHost;
  #state: "open" | "failed" | "closed" = "open";

  /** Made by the target only. */
  constructor(host: PartHost, path: string, folder: OpenFolder, temporary: string, descriptor: number) {
    this.#host = host;
    this.path = path;
    this.folder = folder;
    this.temporary = temporary;
    this.descriptor = descriptor;
  }

  /** Writes all of `bytes` at a byte offset of the file. What is never written is a hole and reads as zeros. */
  writeAt(fileOffset: number, bytes: Bytes): void {
    if (this.#state === "failed") return;
    if (this.#state === "closed") throw new TypeError(`Cannot write "${this.path}": it is closed`);
    try {
      writeFully(this.#host.calls, this.descriptor, bytes, fileOffset);
      this.length = Math.max(this.length, fileOffset + bytes.length);
    } catch (error) {
      this.#state = "failed";
      this.#host.dropPart(this);
      if (isFatal(error)) throw error;
      this.#host.failPart(this, error);
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
    return this.#host.completePart(this, row);
  }

  /** Removes it; does nothing when it is finished or has failed. */
  abandon(): void {
    if (this.#state !== "open") return;
    this.#state = "closed";
    this.#host.dropPart(this);
  }
}
