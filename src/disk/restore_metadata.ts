/** Setting what a row says about an entry: owner, mode and times, through the descriptor of what this run made. */
import type { Row } from "../format/row.ts";
import type { DiskCalls } from "./disk_calls.ts";
import type { Libc } from "./libc.ts";
import { millisecondsOf, OwnerNames } from "./metadata.ts";
import { isFatal } from "./system_error.ts";

/** The bits of a mode for owner, group and others. */
export const PERMISSION_BITS = 0o777;
/** The same with set-id and sticky bits. */
export const ALL_MODE_BITS = 0o7777;

/** What to set beyond permissions and times. */
export interface MetadataOptions {
  /** Owners too. */
  readonly sameOwner?: boolean;
  /** Set-id and sticky bits too. */
  readonly samePermissions?: boolean;
  /** User and group names; default: this system's. */
  readonly owners?: OwnerNames;
}

/** Sets metadata and tells what could not be set; the entry is good without. */
export class MetadataSetter {
  /** The access time that entries get: access times are not kept. */
  readonly accessed = new Date();
  readonly #calls: DiskCalls;
  readonly #options: MetadataOptions;
  readonly #tell: (path: string, what: string, error: unknown) => void;
  #owners: OwnerNames | undefined;

  /** `tell` hears of each thing that could not be set. */
  constructor(
    calls: DiskCalls,
    options: MetadataOptions,
    tell: (path: string, what: string, error: unknown) => void,
  ) {
    this.#calls = calls;
    this.#options = options;
    this.#tell = tell;
  }

  /** Whether owners are set too. */
  get setsOwners(): boolean {
    return this.#options.sameOwner === true;
  }

  /** The bits of a mode that are set, apart from what an owner that could not be set takes away. */
  get modeBits(): number {
    return this.#options.samePermissions === true ? ALL_MODE_BITS : PERMISSION_BITS;
  }

  /** Sets the metadata of a file, folder or FIFO. */
  set(descriptor: number, row: Row, path: string): void {
    let bits = this.modeBits;
    if (this.#options.sameOwner === true && row.owner !== undefined) {
      const ids = this.idsOf(row, path);
      const owned = ids !== undefined &&
        this.#attempt(path, "its owner", () => this.#calls.setOwner(descriptor, ids.uid, ids.gid));
      // A set-id bit was meant for the stored owner; for another one it would be a gift.
      if (!owned) bits = PERMISSION_BITS;
    }
    // After the owner: changing it clears set-id bits.
    this.#attempt(path, "its mode", () => this.#calls.setMode(descriptor, row.mode & bits));
    this.#attempt(path, "its times", () => this.#calls.setTimes(descriptor, this.accessed, row.mtime));
  }

  /**
   * Does what {@linkcode set} does by the C library's calls, whoever opened the descriptor. False when something was
   * not set, and then all of it is for the runtime's calls to set, which say what is wrong.
   */
  setDirectly(calls: Libc, descriptor: number, row: Row): boolean {
    return this.canSetDirectly(row) && calls.setMode(descriptor, row.mode & this.modeBits) === 0 &&
      calls.setTimes(descriptor, this.accessed.getTime(), millisecondsOf(row.mtime)) === 0;
  }

  /** Whether there is nothing in a row that {@linkcode setDirectly} does not set. */
  canSetDirectly(row: Row): boolean {
    return !this.setsOwners && millisecondsOf(row.mtime) >= 0;
  }

  /** Sets the metadata of a symlink. */
  setLink(location: string, row: Row, path: string): void {
    const ids = this.#options.sameOwner === true ? this.idsOf(row, path) : undefined;
    const what = ids === undefined ? "its times" : "its owner or times";
    this.#attempt(path, what, () => this.#calls.setLinkMetadata(location, this.accessed, row.mtime, ids));
  }

  /** Sets a folder's times by its path, where folders cannot be opened. */
  setFolderTimes(location: string, row: Row, path: string): void {
    this.#attempt(path, "its times", () => this.#calls.setFolderTimes(location, this.accessed, row.mtime));
  }

  /** The numbers to set for a row's owner; `undefined`, and told, when they cannot be set. */
  idsOf(row: Row, path: string): { uid: number; gid: number } | undefined {
    if (row.owner === undefined) return undefined;
    this.#owners ??= this.#options.owners ?? new OwnerNames();
    const ids = this.#owners.idsOf(row.owner);
    if (ids === undefined) this.#tell(path, "its owner", new RangeError("its number is out of range"));
    return ids;
  }

  #attempt(path: string, what: string, action: () => void): boolean {
    try {
      action();
      return true;
    } catch (error) {
      if (isFatal(error)) throw error;
      this.#tell(path, what, error);
      return false;
    }
  }
}
