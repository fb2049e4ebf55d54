/**
 * Restoring entries: the only code that creates anything in an extraction target. What it is told comes out of an
 * archive that may be hostile, and other users may be at work in the target at the same time.
 *
 * - Nothing is created or changed through a symlink; see {@linkcode TargetFolders} for how, and where it ends.
 * - Names are created exclusively. What exists is left alone unless the caller asked for more, and two entries
 *   never share a name, whatever the file system folds together.
 * - Metadata is a write too: it goes through the descriptor of what this run made, never to what it found.
 * - A file that arrives in parts has its name only when it is complete. A target that did not exist has its name only
 *   when all of it is.
 */
import { ROOT_PATH } from "../format/path.ts";
import type { Row } from "../format/row.ts";
import { type DiskCalls, diskCalls } from "./disk_calls.ts";
import { Refusal, type RestoreProblemKind } from "./refusal.ts";
import { MetadataSetter } from "./restore_metadata.ts";
import type { Piece, RestoreOptions, RestoreProblem } from "./restore_options.ts";
import { type BatchHost, FileBatch } from "./restore_batch.ts";
import { CREATE, lengthOf, makeFile } from "./restore_file.ts";
import { PartFile, type PartHost } from "./restore_part.ts";
import { isFatal, isLinkUnsupported, isSystemError, systemCode, systemReason } from "./system_error.ts";
import { type Containment, type OpenFolder, TargetFolders } from "./target_folders.ts";
import { TargetNames } from "./target_names.ts";
import { lastPart, nameFault, parentPath } from "./target_paths.ts";
import { type Place, placeFor } from "./target_place.ts";
import { temporaryName } from "./temporary_name.ts";

export type { RestoreProblemKind } from "./refusal.ts";
export type { Piece, RestoreOptions, RestoreProblem } from "./restore_options.ts";
export type { Containment } from "./target_folders.ts";
export type { ExistingPolicy } from "./target_names.ts";

/**
 * A folder that entries are restored into. Its methods are synchronous; those that make an entry return whether it is
 * there now. When it is not, `onProblem` has heard why (unless existing files are skipped), and the next entry may be
 * fine. Conditions of the whole disk (it is full, read-only, failing) throw.
 *
 * A target that does not exist yet is filled under a temporary name beside it and gets its own name in
 * {@linkcode finish}. Disposing an unfinished target removes that, and every file that is not complete.
 *
 * @example
 * ```ts
 * import { RestoreTarget } from "./restore.ts";
 * const parent = Deno.makeTempDirSync();
 * {
 *   using target = RestoreTarget.open({ directory: `${parent}/out`, onProblem: console.error });
 *   target.makeDirectory("folder");
 *   target.finish();
 * }
 * console.log(Deno.statSync(`${parent}/out/folder`).isDirectory); // true
 * Deno.removeSync(parent, { recursive: true });
 * ```
 */
export class RestoreTarget implements Disposable {
  readonly #calls: DiskCalls;
  readonly #place: Place;
  readonly #folders: TargetFolders;
  readonly #names: TargetNames;
  readonly #metadata: MetadataSetter;
  readonly #overwrite: boolean;
  readonly #onProblem: (problem: RestoreProblem) => void;
  readonly #parts = new Set<PartFile>();
  readonly #host: PartHost & BatchHost;
  #rootFinished = false;
  #state: "open" | "renaming" | "done" = "open";

  private constructor(options: RestoreOptions, calls: DiskCalls, place: Place, folders: TargetFolders) {
    this.#calls = calls;
    this.#place = place;
    this.#folders = folders;
    this.#names = new TargetNames(calls, folders, place.fresh, options.existing ?? "refuse");
    this.#metadata = new MetadataSetter(calls, options, (path, what, error) => this.#tellMetadata(path, what, error));
    this.#overwrite = options.existing === "overwrite";
    this.#onProblem = options.onProblem;
    this.#host = {
      calls,
      folders,
      names: this.#names,
      metadata: this.#metadata,
      attempt: (path, action) => this.#attempt(path, action),
      tell: (path, error) => this.#tell(path, error),
      forget: (part) => this.#parts.delete(part),
      tellMetadata: (path, what, error) => this.#tellMetadata(path, what, error),
      parentOf: (path) => this.#parentOf(path),
    };
  }

  /**
   * Opens a target, making what does not exist.
   *
   * @throws {TargetError} when it is something else than a folder, or cannot be made.
   */
  static open(options: RestoreOptions): RestoreTarget {
    const calls = options.calls ?? diskCalls;
    const place = placeFor(options.directory);
    try {
      return new RestoreTarget(options, calls, place, new TargetFolders(calls, place.location, place.fresh));
    } catch (error) {
      place.discard();
      throw error;
    }
  }

  /** How the target is kept from leading elsewhere. */
  get containment(): Containment {
    return this.#folders.containment;
  }

  /** Where entries are now: the target, or the temporary folder that will get its name. */
  get location(): string {
    return this.#place.location;
  }

  /** Tells of an entry that the caller does not restore. */
  refuse(path: string, reason: string, kind: RestoreProblemKind = "failed"): void {
    this.#onProblem({ path, kind, reason });
  }

  /** Makes a folder and those above it; one that is there already is fine. It gets its metadata later. */
  makeDirectory(path: string): boolean {
    return this.#attempt(path, () => {
      this.#folders.ensure(path);
      return true;
    });
  }

  /**
   * Gives a folder its owner, mode and times, when nothing will be put into it any more. Makes it if it is absent.
   * Returns false for a folder that was there before this run and keeps what it has.
   */
  finishDirectory(row: Row, path: string): boolean {
    return this.#attempt(path, () => {
      const folder = this.#folders.enterAgain(path);
      if (!folder.made && !this.#overwrite) return false;
      if (!this.#folders.setDirectly(folder, this.#metadata, row)) this.#setFolder(folder, row, path);
      this.#folders.finished(path);
      if (path === ROOT_PATH) this.#rootFinished = true;
      return true;
    });
  }

  #setFolder(folder: OpenFolder, row: Row, path: string): void {
    this.#folders.withDescriptor(folder, (descriptor) => {
      if (descriptor !== undefined) this.#metadata.set(descriptor, row, path);
      else this.#metadata.setFolderTimes(folder.prefix, row, path);
    });
  }

  /**
   * Writes a file whose content is all here. Gaps between the pieces, and what is missing up to the row's size, are
   * holes. On any failure nothing of it is left.
   *
   * @throws {RangeError} when a piece ends beyond the row's size.
   */
  writeFile(row: Row, path: string, pieces: readonly Piece[]): boolean {
    const length = lengthOf(pieces);
    if (length > row.size) throw new RangeError(`Cannot write "${path}": its content exceeds its size ${row.size}`);
    return this.#attempt(path, () => {
      const { folder, name } = this.#parentOf(path);
      const written = this.#names.create(folder, name, path, (location, as) => {
        makeFile(this.#host, location, row, path, pieces, () => this.#names.discard(folder, as));
      });
      if (written) this.#names.wrote(path);
      return written;
    });
  }

  /**
   * Begins files that another thread writes; `distinct` says that none of them ever has another's path. `undefined`
   * where only this thread's checks keep the target contained.
   */
  beginBatch(distinct: boolean): FileBatch | undefined {
    if (this.containment !== "descriptor" || this.#calls !== diskCalls) return undefined;
    return new FileBatch(this.#host, distinct);
  }

  /** Begins a file that arrives in parts; `undefined` when its name is taken. The caller bounds how many are open. */
  beginFile(path: string): PartFile | undefined {
    let part: PartFile | undefined;
    this.#attempt(path, () => {
      const { folder, name } = this.#parentOf(path);
      // Not decisive, as it may change before the end, but it spares work and says so early.
      const taken = this.#calls.lookAt(this.#folders.at(folder, name)) !== undefined;
      if (taken && !this.#names.mayReplace(folder, name, path)) return false;
      const temporary = temporaryName(name);
      const held = this.#folders.hold(folder);
      try {
        const descriptor = this.#calls.open(this.#folders.at(held, temporary), CREATE, 0o600);
        part = new PartFile(this.#host, path, held, { final: name, temporary }, descriptor);
      } catch (error) {
        this.#folders.release(held);
        throw error;
      }
      this.#parts.add(part);
      return true;
    });
    return part;
  }

  /**
   * Makes `path` another name of the file at `target`. Returns false, without a problem, when that is not a regular
   * file written by this run, or the file system has no hard links: the caller then restores a copy. Linking to a file
   * that was there before would let the next write to either name change it.
   */
  hardlink(path: string, target: string): boolean {
    let available = true;
    this.#attempt(path, () => {
      const fault = nameFault(target);
      if (fault !== undefined) throw new Refusal("unsafe", `it links to ${JSON.stringify(target)}: ${fault}`);
      if (!this.#names.isOurs(target)) return available = false;
      let from: OpenFolder;
      try {
        from = this.#folders.hold(this.#folders.enter(parentPath(target)));
      } catch (error) {
        if (isFatal(error) || !(isSystemError(error) || error instanceof Refusal)) throw error;
        return available = false;
      }
      try {
        return available = this.#linkFrom(this.#folders.at(from, lastPart(target)), path);
      } finally {
        this.#folders.release(from);
      }
    });
    return available;
  }

  /** Makes the symlink of a row, to whatever it points to, with its times and, if asked for, its owner. */
  symlink(row: Row, path: string): boolean {
    return this.#attempt(path, () => {
      const { folder, name } = this.#parentOf(path);
      return this.#names.create(folder, name, path, (location) => {
        this.#calls.symlink(row.link, location);
        this.#metadata.setLink(location, row, path);
      });
    });
  }

  /** Makes the FIFO of a row. */
  fifo(row: Row, path: string): boolean {
    return this.#attempt(path, () => {
      const { folder, name } = this.#parentOf(path);
      return this.#names.create(folder, name, path, (location) => {
        this.#calls.makeFifo(location);
        const descriptor = this.#calls.openItself(location);
        try {
          if (this.#calls.status(descriptor).isFifo !== true) {
            throw new Refusal("unsafe", "it was replaced by something else meanwhile");
          }
          this.#metadata.set(descriptor, row, path);
        } finally {
          this.#calls.close(descriptor);
        }
      });
    });
  }

  /** Whether this run wrote a file of this path, and it is there. */
  wrote(path: string): boolean {
    return this.#names.isOurs(path) && this.#statusAt(path)?.isFile === true;
  }

  /** Whether anything has this path. */
  isTaken(path: string): boolean {
    return this.#statusAt(path) !== undefined;
  }

  #statusAt(path: string): ReturnType<DiskCalls["lookAt"]> {
    if (path === ROOT_PATH || nameFault(path) !== undefined) return undefined;
    try {
      return this.#calls.lookAt(this.#folders.at(this.#folders.enter(parentPath(path)), lastPart(path)));
    } catch (error) {
      if (error instanceof Refusal || systemCode(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  /** Removes a file that this run wrote, and nothing else; returns whether it did. */
  removeFile(path: string): boolean {
    return this.#attempt(path, () => {
      if (!this.#names.isOurs(path)) return false;
      let folder: OpenFolder;
      try {
        folder = this.#folders.enter(parentPath(path));
      } catch (error) {
        if (systemCode(error) === "ENOENT") return false;
        throw error;
      }
      const location = this.#folders.at(folder, lastPart(path));
      if (this.#calls.lookAt(location)?.isFile !== true) return false;
      this.#calls.unlink(location);
      return true;
    });
  }

  /**
   * Ends the work: folders that got no metadata get the ordinary mode, and a new target gets its name.
   *
   * @throws {TargetError} when something has that name by now. All is still there, at {@linkcode location}, until
   * {@linkcode abort}.
   */
  finish(): void {
    if (this.#state === "done") throw new TypeError("Cannot finish the target: it is closed");
    if (this.#state === "open") {
      for (const part of [...this.#parts]) part.abandon();
      this.#folders.settle((path, error) => this.#tellMetadata(path, "its mode", error));
      if (this.#place.fresh && !this.#rootFinished) {
        const mode = this.#folders.ordinaryMode();
        this.#folders.withDescriptor(this.#folders.root, (descriptor) => {
          if (descriptor !== undefined) this.#calls.setMode(descriptor, mode);
        });
      }
      this.#folders.close();
      this.#state = "renaming";
    }
    this.#place.commit();
    this.#state = "done";
  }

  /**
   * Gives up: removes files that are not complete, and all of a target that was new. Returns whether that worked.
   * Does nothing after {@linkcode finish}. Never throws, so that it cannot hide the error that led to it.
   */
  abort(): boolean {
    if (this.#state === "done") return true;
    const wasOpen = this.#state === "open";
    this.#state = "done";
    let clean = true;
    const attempt = (action: () => void) => {
      try {
        action();
      } catch {
        clean = false;
      }
    };
    if (wasOpen) {
      for (const part of [...this.#parts]) attempt(() => part.abandon());
      attempt(() => this.#folders.close());
    }
    attempt(() => this.#place.discard());
    return clean;
  }

  /** Calls {@linkcode abort}. */
  [Symbol.dispose](): void {
    this.abort();
  }

  /** Runs what restores one entry; what goes wrong with that entry alone is told, the rest thrown. */
  #attempt(path: string, action: () => boolean): boolean {
    if (this.#state !== "open") throw new TypeError(`Cannot restore "${path}": the target is closed`);
    const fault = nameFault(path);
    if (fault !== undefined) {
      this.refuse(path, fault, "unsafe");
      return false;
    }
    try {
      return action();
    } catch (error) {
      this.#tell(path, error);
      return false;
    }
  }

  /** Tells of an error that concerns one entry; throws any other. */
  #tell(path: string, error: unknown): void {
    if (error instanceof Refusal) {
      this.#onProblem({ path, kind: error.kind, reason: error.message });
    } else if (isFatal(error) || !isSystemError(error)) {
      throw error;
    } else {
      this.#onProblem({ path, kind: "failed", reason: systemReason(error), error });
    }
  }

  #tellMetadata(path: string, what: string, error: unknown): void {
    const why = error instanceof Refusal ? error.message : systemReason(error);
    this.#onProblem({ path, kind: "metadata", reason: `${what} could not be set: ${why}`, error });
  }

  #parentOf(path: string): { folder: OpenFolder; name: string } {
    if (path === ROOT_PATH) throw new Refusal("exists", "it is the target itself");
    return { folder: this.#folders.ensure(parentPath(path)), name: lastPart(path) };
  }

  #linkFrom(from: string, path: string): boolean {
    const first = this.#calls.lookAt(from);
    if (first?.isFile !== true) return false;
    const { folder, name } = this.#parentOf(path);
    try {
      this.#names.create(folder, name, path, (location, as) => {
        this.#calls.link(from, location);
        const second = this.#calls.lookAt(location);
        if (second?.isFile !== true || second.ino !== first.ino || second.dev !== first.dev) {
          this.#names.discard(folder, as);
          throw new Refusal("unsafe", "the file it links to was replaced meanwhile");
        }
      });
    } catch (error) {
      if (isLinkUnsupported(error)) return false;
      throw error;
    }
    return true;
  }
}
