/** Writing a file so that its name never stands for half of it. */
import type { Bytes } from "../engine/engine.ts";
import { diskFiles, type FileLayer, type PathStatus, type WritableFile } from "./file_layer.ts";
import type { Identity } from "./metadata.ts";
import { isLinkUnsupported, systemCode, systemReason } from "./system_error.ts";
import { splitLocation, temporaryName } from "./temporary_name.ts";

/** How an {@linkcode AtomicFile} treats what has its name already. */
export interface AtomicFileOptions {
  /** Whether a regular file of that name may be replaced; default: nothing is. */
  readonly overwrite?: boolean;
  /** The file operations; default: the disk's. */
  readonly files?: FileLayer;
}

/** The target of an {@linkcode AtomicFile} is there already, or is something that must not be replaced. */
export class TargetError extends Error {
  /** `"TargetError"`. */
  override readonly name = "TargetError";
  /** Whether `overwrite` would have allowed it. */
  readonly replaceable: boolean;

  /** Creates an error; `message` is a sentence without its full stop. */
  constructor(message: string, replaceable: boolean, options?: ErrorOptions) {
    super(message, options);
    this.replaceable = replaceable;
  }
}

/**
 * A file that is written under a temporary name (`.NAME.RANDOM.coffer-tmp`, mode 0600) beside its target, and gets
 * its own name only when it is complete and on the disk. Disposing an uncommitted one removes it.
 *
 * Without `overwrite` nothing is ever replaced, not even what appears while the file is written. With it, a regular
 * file is replaced, nothing else. A symlink to a regular file counts as that file, as it does for a shell's `>`: the
 * file it leads to is replaced, there, and the symlink stays.
 *
 * @example
 * ```ts
 * import { AtomicFile } from "./atomic_file.ts";
 * const folder = Deno.makeTempDirSync();
 * {
 *   using file = AtomicFile.create(`${folder}/greeting`);
 *   file.write(new TextEncoder().encode("hello"));
 *   file.commit();
 * }
 * console.log(Deno.readTextFileSync(`${folder}/greeting`)); // "hello"
 * Deno.removeSync(folder, { recursive: true });
 * ```
 */
export class AtomicFile implements Disposable {
  /** Where it will be; for a symlink, where that leads. */
  readonly targetPath: string;
  readonly #asked: string;
  readonly #folder: string;
  readonly #overwrite: boolean;
  readonly #files: FileLayer;
  #file: WritableFile | undefined;
  #temporaryPath: string;
  #isKept: boolean;
  #done = false;
  #position = 0;

  private constructor(asked: string, target: string, options: AtomicFileOptions, kept?: string) {
    const { folder, name } = splitLocation(target);
    this.#asked = asked;
    this.#folder = folder === "" ? "." : folder;
    this.#overwrite = options.overwrite ?? false;
    this.#files = options.files ?? diskFiles;
    this.targetPath = target;
    this.#temporaryPath = kept ?? folder + temporaryName(name);
    this.#isKept = kept !== undefined;
    if (kept !== undefined) return;
    try {
      this.#file = this.#files.createExclusive(this.#temporaryPath, 0o600);
    } catch (error) {
      // The temporary name means nothing to whoever named the target.
      const reason = systemCode(error) === "ENOENT" ? "its folder does not exist" : systemReason(error);
      throw new TargetError(`Cannot write "${asked}": ${reason}`, false, { cause: error });
    }
  }

  /**
   * Makes the temporary file, after a first look at the target: an hour's work should not end in "it exists already".
   *
   * @throws {TargetError} when the target is there or must not be replaced. I/O errors pass through.
   */
  static create(target: string, options: AtomicFileOptions = {}): AtomicFile {
    if (splitLocation(target).name === "") throw new TargetError(`Cannot write "${target}": it names a folder`, false);
    const files = options.files ?? diskFiles;
    return new AtomicFile(target, checkTarget(files, target, options.overwrite ?? false), options);
  }

  /**
   * Takes up what {@linkcode keepAs} has kept of an earlier attempt, only to give it the target's name: it is changed
   * by other means, and synced by them.
   *
   * @throws as {@linkcode create}.
   */
  static takeUp(target: string, kept: string, options: AtomicFileOptions = {}): AtomicFile {
    const files = options.files ?? diskFiles;
    return new AtomicFile(target, checkTarget(files, target, options.overwrite ?? false), options, kept);
  }

  /** Where it is until the commit. */
  get temporaryPath(): string {
    return this.#temporaryPath;
  }

  /** Whether it stays when it is not committed. */
  get isKept(): boolean {
    return this.#isKept;
  }

  /** Bytes written by {@linkcode write}. */
  get position(): number {
    return this.#position;
  }

  /** Which file it is, so that the temporary file is never archived itself. */
  identity(): Identity {
    return this.#open().identity();
  }

  /** Which file has the target's name now; `undefined` when none has. */
  targetIdentity(): Identity | undefined {
    return this.#files.inspect(this.targetPath);
  }

  /** Writes all of `bytes` behind what was written before. */
  write(bytes: Bytes): void {
    const file = this.#open();
    this.#writing(() => {
      for (let done = 0; done < bytes.length;) done += taken(file.write(done === 0 ? bytes : bytes.subarray(done)));
    });
    this.#position += bytes.length;
  }

  /** Writes all of `bytes` at `position`, for what is known only at the end, such as a header. */
  writeAt(position: number, bytes: Bytes): void {
    const file = this.#open();
    this.#writing(() => {
      for (let done = 0; done < bytes.length;) {
        done += taken(file.writeAt(position + done, done === 0 ? bytes : bytes.subarray(done)));
      }
    });
  }

  /** Errors name what the user named, not the temporary file. */
  #writing(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (systemCode(error) === undefined) throw error;
      throw new TargetError(`Cannot write "${this.#asked}": ${systemReason(error)}`, false, { cause: error });
    }
  }

  /**
   * Gives the file a lasting name, under which it stays when it is not committed: content to the disk, then the name,
   * then the folder to the disk.
   *
   * @param replace Whether a regular file of that name is replaced.
   * @throws {TargetError} when the name is taken.
   */
  keepAs(path: string, replace: boolean): void {
    const file = this.#open();
    this.#writing(() => file.sync());
    const there = this.#files.inspect(path);
    if (there !== undefined && !(replace && there.kind === "file")) throw existsError(path, false);
    if (there === undefined) this.#nameWithoutReplacing(path, path);
    else this.#files.rename(this.#temporaryPath, path);
    this.#temporaryPath = path;
    this.#isKept = true;
    this.#files.syncDirectory(this.#folder);
  }

  /**
   * Gives the file its name: content to the disk, then the name, then the folder to the disk. After a crash at any
   * moment the name stands for the whole new file, or for what it stood for before.
   *
   * @throws {TargetError} when something has appeared under the name meanwhile; the temporary file then still exists
   * until {@linkcode abort}.
   */
  commit(): void {
    const file = this.#file;
    if (file === undefined && !this.#isKept) this.#open();
    this.#writing(() => file?.sync());
    if (this.#overwrite) {
      if (checkTarget(this.#files, this.#asked, true) !== this.targetPath) {
        throw new TargetError(`Cannot write "${this.#asked}": it has become another file meanwhile`, false);
      }
      this.#close();
      this.#files.rename(this.#temporaryPath, this.targetPath);
    } else {
      // Closed first: some systems cannot rename an open file.
      this.#close();
      this.#nameWithoutReplacing(this.targetPath, this.#asked);
    }
    this.#done = true;
    this.#files.syncDirectory(this.#folder);
  }

  #nameWithoutReplacing(path: string, asked: string): void {
    try {
      // Unlike a rename, a hard link fails when the name is taken, in one step.
      this.#files.link(this.#temporaryPath, path);
    } catch (error) {
      if (systemCode(error) === "EEXIST") throw existsError(asked);
      if (!isLinkUnsupported(error)) throw error;
      if (this.#files.inspect(path) !== undefined) throw existsError(asked);
      this.#files.rename(this.#temporaryPath, path);
      return;
    }
    this.#files.remove(this.#temporaryPath);
  }

  /**
   * Removes an uncommitted file unless it is kept; returns whether nothing of it is left. Does nothing after a commit.
   * Never throws, so that it cannot hide the error that led to it.
   */
  abort(): boolean {
    if (this.#done) return true;
    this.#done = true;
    try {
      this.#close();
    } catch {
      // The content no longer matters.
    }
    if (this.#isKept) return true;
    try {
      this.#files.remove(this.#temporaryPath);
      return true;
    } catch (error) {
      return systemCode(error) === "ENOENT";
    }
  }

  /** Calls {@linkcode abort}. */
  [Symbol.dispose](): void {
    this.abort();
  }

  #open(): WritableFile {
    if (this.#file === undefined || this.#done) throw new TypeError(`Cannot use "${this.#asked}": it is closed`);
    return this.#file;
  }

  #close(): void {
    const file = this.#file;
    this.#file = undefined;
    file?.close();
  }
}

/** Bytes taken by a write; a system that takes none would keep the loop going for ever. */
function taken(written: number): number {
  if (written <= 0) throw Object.assign(new Error("the system took no bytes"), { code: "EIO" });
  return written;
}

function existsError(path: string, replaceable = true): TargetError {
  return new TargetError(`Cannot write "${path}": it exists already`, replaceable);
}

/** Checks what has the target's name and returns the path to write to. */
function checkTarget(files: FileLayer, path: string, overwrite: boolean): string {
  const status = files.inspect(path);
  if (status === undefined) return path;
  if (status.kind !== "symlink") return checkReplaceable(path, status, path, overwrite);
  let destination: string;
  let there: PathStatus | undefined;
  try {
    destination = files.resolve(path);
    there = files.inspect(destination);
  } catch (error) {
    throw new TargetError(`Cannot write "${path}": it is a symlink that leads nowhere`, false, { cause: error });
  }
  if (there === undefined) throw new TargetError(`Cannot write "${path}": it is a symlink that leads nowhere`, false);
  return checkReplaceable(path, there, destination, overwrite);
}

function checkReplaceable(asked: string, status: PathStatus, path: string, overwrite: boolean): string {
  if (status.kind === "file") {
    if (overwrite) return path;
    throw existsError(asked);
  }
  const what = status.kind === "directory" ? "a folder" : "not a regular file";
  throw new TargetError(`Cannot write "${asked}": it is ${what}`, false);
}
