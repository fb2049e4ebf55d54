/** Which names of an extraction target are taken, by whom, and how one is taken over. */
import type { PathTable } from "../format/path_table.ts";
import type { SomeRows } from "../format/row_table.ts";
import type { DiskCalls } from "./disk_calls.ts";
import { HashSet, PathHasher } from "./path_hashes.ts";
import { Refusal } from "./refusal.ts";
import { isLinkUnsupported, systemCode } from "./system_error.ts";
import type { OpenFolder, TargetFolders } from "./target_folders.ts";
import { temporaryName } from "./temporary_name.ts";

/** What to do about an entry whose name is taken. */
export type ExistingPolicy = "refuse" | "skip" | "overwrite";

/** Paths of a table that lie together. */
interface SomePaths {
  readonly paths: PathTable;
  readonly from: number;
  readonly to: number;
}

/** Bytes of the tables whose paths wait to be hashed: most of them for good. */
const WAITING_BYTES = 2 ** 23;

/** The names of one target. */
export class TargetNames {
  readonly #calls: DiskCalls;
  readonly #folders: TargetFolders;
  readonly #fresh: boolean;
  readonly #policy: ExistingPolicy;
  readonly #hasher = new PathHasher();
  /** Paths of files that this run wrote; only kept where there may be others. */
  readonly #written = new HashSet();
  /**
   * Paths of files that this run wrote too, which are only hashed when somebody asks, or when there are too many. That
   * takes longer than all else that is remembered of a file, and in most runs nobody asks.
   */
  #waiting: SomePaths[] = [];
  #waitingBytes = 0;
  /** Paths of files that other threads have been told to make. */
  readonly #claimed = new HashSet();
  #listing: { readonly folder: string; readonly names: ReadonlySet<string> } | undefined;

  /** `fresh` says that all in the target is from this run. */
  constructor(calls: DiskCalls, folders: TargetFolders, fresh: boolean, policy: ExistingPolicy) {
    this.#calls = calls;
    this.#folders = folders;
    this.#fresh = fresh;
    this.#policy = policy;
  }

  /** Remembers that this run wrote a file. */
  wrote(path: string): void {
    if (!this.#fresh) this.#written.add(this.#hasher.hash(path));
  }

  /** The same of files that have the paths of rows. */
  wroteRows({ table: { paths }, from, to }: SomeRows): void {
    if (this.#fresh) return;
    // All of a table stays in memory with one of its paths.
    if (this.#waiting.at(-1)?.paths !== paths) this.#waitingBytes += paths.bytes.length;
    this.#waiting.push({ paths, from, to });
    if (this.#waitingBytes > WAITING_BYTES) this.#hashWaiting();
  }

  #hashWaiting(): void {
    for (const { paths, from, to } of this.#waiting) {
      for (let i = from; i < to; i++) this.#written.add(this.#hasher.hash(paths.text(i)));
    }
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #hasWritten(hash: number): boolean {
    if (this.#waiting.length > 0) this.#hashWaiting();
    return this.#written.has(hash);
  }

  /** Takes a path for an entry whose file another thread makes; returns false when an earlier entry has it. */
  claim(path: string): boolean {
    const hash = this.#hasher.hash(path);
    if (this.#claimed.has(hash) || (!this.#fresh && this.#hasWritten(hash))) return false;
    this.#claimed.add(hash);
    return true;
  }

  /** Whether this run wrote the file that has this path, if any has. */
  isOurs(path: string): boolean {
    return this.#fresh || this.#hasWritten(this.#hasher.hash(path));
  }

  /**
   * Calls `make` to create something exclusively under its final name, or, when that is taken and may be replaced,
   * under a temporary one that is then renamed. Returns false when the name is taken and that is to be skipped.
   *
   * @throws {Refusal} when the name is taken.
   */
  create(folder: OpenFolder, name: string, path: string, make: (location: string, name: string) => void): boolean {
    const location = this.#folders.at(folder, name);
    try {
      make(location, name);
      return true;
    } catch (error) {
      if (systemCode(error) !== "EEXIST") throw error;
    }
    if (!this.mayReplace(folder, name, path)) return false;
    const temporary = temporaryName(name);
    try {
      make(this.#folders.at(folder, temporary), temporary);
    } catch (error) {
      this.discard(folder, temporary);
      throw error;
    }
    this.#replace(folder, temporary, name);
    return true;
  }

  /**
   * Gives a complete file with a temporary name its final one. Returns false when that is taken and to be skipped.
   * Unless it returns true, the caller discards the file.
   *
   * @throws {Refusal} when the name is taken.
   */
  moveIntoPlace(folder: OpenFolder, temporary: string, name: string, path: string): boolean {
    const location = this.#folders.at(folder, name);
    try {
      // Unlike a rename, a hard link fails when the name is taken, in one step.
      this.#calls.link(folder.prefix + temporary, location);
      this.#calls.unlink(folder.prefix + temporary);
      return true;
    } catch (error) {
      if (systemCode(error) !== "EEXIST") {
        if (!isLinkUnsupported(error)) throw error;
        if (this.#calls.lookAt(location) === undefined) {
          this.#calls.rename(folder.prefix + temporary, location);
          return true;
        }
      }
    }
    if (!this.mayReplace(folder, name, path)) return false;
    this.#replace(folder, temporary, name);
    return true;
  }

  /**
   * Whether what has a name may be replaced; false when the entry is to be skipped.
   *
   * @throws {Refusal} when it may not.
   */
  mayReplace(folder: OpenFolder, name: string, path: string): boolean {
    if (this.isOurs(path)) {
      throw new Refusal("collision", "another entry has the same name on this file system");
    }
    if (this.#policy === "refuse") throw new Refusal("exists", "it exists already");
    // Another spelling of the name is another file to whoever made it, even where the file system takes them for one.
    if (!this.#namesIn(folder).has(name)) {
      throw new Refusal("collision", "a name that differs only in case or normalisation exists already");
    }
    if (this.#policy === "skip") return false;
    if (this.#calls.lookAt(this.#folders.at(folder, name))?.isDirectory === true) throw folderInPlace();
    return true;
  }

  /** Removes a file of this run that is not complete; never throws. */
  discard(folder: OpenFolder, name: string): void {
    try {
      this.#calls.unlink(this.#folders.at(folder, name));
    } catch {
      // What led here matters more, and is on its way.
    }
  }

  #replace(folder: OpenFolder, temporary: string, name: string): void {
    const from = this.#folders.at(folder, temporary);
    try {
      this.#calls.rename(from, folder.prefix + name);
    } catch (error) {
      this.discard(folder, temporary);
      const code = systemCode(error);
      throw code === "EISDIR" || code === "ENOTEMPTY" || code === "EEXIST" ? folderInPlace() : error;
    }
    // Renaming a hard link onto another one of the same file does nothing.
    if (this.#calls.lookAt(from) !== undefined) this.discard(folder, temporary);
  }

  /** Names in a folder at some moment of this run; one listing is kept, for the many entries of one folder. */
  #namesIn(folder: OpenFolder): ReadonlySet<string> {
    if (this.#listing?.folder !== folder.path) {
      this.#listing = { folder: folder.path, names: new Set(this.#calls.list(this.#folders.at(folder, "."))) };
    }
    return this.#listing.names;
  }
}

function folderInPlace(): Refusal {
  return new Refusal("exists", "a folder has its name already");
}
