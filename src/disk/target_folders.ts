/**
 * The folders of an extraction target. Nothing is ever created through a symlink: each folder is entered from the one
 * above it, starting at the target, and refused when it is anything but a folder.
 *
 * With descriptors, what was entered stays entered: swapping a folder for a symlink afterwards changes nothing.
 * Without them, every folder on the way is looked at before every single use, and the last one must be the one that
 * was entered; a local attacker who is faster than that is not stopped, which `containment` says.
 */
import { ROOT_PATH } from "../format/path.ts";
import type { Row } from "../format/row.ts";
import { descriptorPath, descriptorsWork, reach } from "./descriptors.ts";
import { type DiskCalls, diskCalls } from "./disk_calls.ts";
import { type Libc, libc } from "./libc.ts";
import { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from "./open_flags.ts";
import { PathHasher } from "./path_hashes.ts";
import { Refusal } from "./refusal.ts";
import type { MetadataSetter } from "./restore_metadata.ts";
import { isFatal, systemCode } from "./system_error.ts";
import { temporaryName } from "./temporary_name.ts";

/** How a target is kept from leading elsewhere: by open descriptors, or by looking before every step. */
export type Containment = "descriptor" | "checked";

/** A folder that was entered. */
export interface OpenFolder {
  /** Its path in the archive; `.` is the target itself. */
  readonly path: string;
  /** The path of an entry in it is this and the name. */
  readonly prefix: string;
  /** Its descriptor, where {@linkcode Containment} is `descriptor`. */
  readonly descriptor: number | undefined;
  /** Device number. */
  readonly dev: number;
  /** Inode number, where it is known exactly. */
  readonly inode: number | undefined;
  /** Whether this run made it. */
  readonly made: boolean;
}

/** Folders kept open; the ones above the current one, and those of a few other branches. */
const MAX_OPEN_FOLDERS = 64;
/** Folders that wait for their final mode; beyond, the oldest gets the ordinary one early. */
const MAX_UNFINISHED = 65_536;
const ENTER = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

/** The folders of one target. */
export class TargetFolders {
  /** How the target is contained. */
  readonly containment: Containment;
  /** The target itself. */
  readonly root: OpenFolder;
  readonly #calls: DiskCalls;
  /** The C library's calls, where nothing else is put in their place. */
  readonly #direct: Libc | undefined;
  readonly #fresh: boolean;
  readonly #open = new Map<string, OpenFolder>();
  readonly #hasher = new PathHasher();
  /** By inode (by device and inode for other devices): twice the hash of its path, plus one if this run made it. */
  readonly #known = new Map<number | string, number>();
  readonly #unfinished = new Set<string>();
  #ordinaryMode: number | undefined;

  /**
   * Enters the target, an existing folder at `location`; symlinks on the way to it are followed. `fresh` says that it
   * was made for this run, for its user alone: then all in it is ours, and nobody else can look in.
   */
  constructor(calls: DiskCalls, location: string, fresh: boolean) {
    this.#calls = calls;
    this.#fresh = fresh;
    this.containment = descriptorsWork() ? "descriptor" : "checked";
    this.#direct = calls === diskCalls && this.containment === "descriptor" ? libc() : undefined;
    this.root = this.containment === "descriptor" ? this.#openRoot(location) : this.#lookAtRoot(location);
    const key = this.#key(this.root.dev, this.root.inode, this.root.prefix);
    if (key !== undefined) this.#known.set(key, this.#hasher.hash(ROOT_PATH) * 2 + (fresh ? 1 : 0));
  }

  #openRoot(location: string): OpenFolder {
    const descriptor = reach(location, (there) => this.#calls.open(there, O_RDONLY | O_DIRECTORY));
    try {
      const info = this.#calls.status(descriptor);
      return {
        path: ROOT_PATH,
        prefix: `${descriptorPath(descriptor)}/`,
        descriptor,
        ...known(info),
        made: this.#fresh,
      };
    } catch (error) {
      this.#calls.close(descriptor);
      throw error;
    }
  }

  #lookAtRoot(location: string): OpenFolder {
    const real = Deno.realPathSync(location);
    const info = this.#calls.lookAt(real);
    if (info === undefined) throw Object.assign(new Error(`ENOENT: no folder "${location}"`), { code: "ENOENT" });
    const prefix = real.endsWith("/") ? real : `${real}/`;
    return { path: ROOT_PATH, prefix, descriptor: undefined, ...known(info), made: this.#fresh };
  }

  /** A path for the system to `name` in a folder, checked as far as this platform can. */
  at(folder: OpenFolder, name: string): string {
    if (folder.descriptor === undefined) this.#verify(folder);
    return folder.prefix + name;
  }

  /**
   * Enters a folder that exists.
   *
   * @throws {Refusal} when a part of its path is no folder, or falls together with another path.
   */
  enter(path: string): OpenFolder {
    return this.#descend(path, false);
  }

  /**
   * Enters a folder and makes it and those above it where they are absent; throws as {@linkcode enter}. What it
   * returns is good until the next folder is entered.
   */
  ensure(path: string): OpenFolder {
    // Before the descent, which must not lose the folders it is coming through.
    if (this.#unfinished.size > MAX_UNFINISHED) {
      const [oldest = path] = this.#unfinished;
      this.#unfinished.delete(oldest);
      this.#settleOne(oldest, () => {});
    }
    return this.#descend(path, true);
  }

  /**
   * Does what {@linkcode ensure} does for a folder that is likely to be there: to have the system say that it is, as an
   * error, costs several times what entering it does.
   */
  enterAgain(path: string): OpenFolder {
    try {
      return this.enter(path);
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw error;
      return this.ensure(path);
    }
  }

  /** A second hold on a folder that outlives its place among the open ones; give it to {@linkcode release}. */
  hold(folder: OpenFolder): OpenFolder {
    if (folder.descriptor === undefined) return folder;
    const descriptor = this.#calls.open(`${folder.prefix}.`, ENTER);
    return { ...folder, descriptor, prefix: `${descriptorPath(descriptor)}/` };
  }

  /** Ends a {@linkcode hold}. */
  release({ descriptor }: OpenFolder): void {
    if (descriptor !== undefined) this.#calls.close(descriptor);
  }

  /** Sets what a row says of a folder by the C library's calls; false where that is for others to do. */
  setDirectly({ descriptor }: OpenFolder, metadata: MetadataSetter, row: Row): boolean {
    return descriptor !== undefined && this.#direct !== undefined &&
      metadata.setDirectly(this.#direct, descriptor, row);
  }

  /** Calls `use` with a descriptor of the folder; `undefined` on systems that cannot open folders. */
  withDescriptor(folder: OpenFolder, use: (descriptor: number | undefined) => void): void {
    if (folder.descriptor !== undefined) return use(folder.descriptor);
    this.#verify(folder);
    if (Deno.build.os === "windows") return use(undefined);
    const descriptor = this.#calls.open(folder.prefix, ENTER);
    try {
      const info = this.#calls.status(descriptor);
      if (!isSame(folder, info)) throw new Refusal("unsafe", "it was replaced by another folder meanwhile");
      use(descriptor);
    } finally {
      this.#calls.close(descriptor);
    }
  }

  /** Says that a folder has got its final mode. */
  finished(path: string): void {
    this.#unfinished.delete(path);
  }

  /** Gives the folders that never got a final mode the ordinary one; `onError` hears of those that refuse. */
  settle(onError: (path: string, error: unknown) => void): void {
    for (const path of this.#unfinished) this.#settleOne(path, onError);
    this.#unfinished.clear();
  }

  /** The mode that a new folder gets here: 0777 less the umask, which Deno tells only with a permission of its own. */
  ordinaryMode(): number {
    if (this.#ordinaryMode === undefined) {
      const probe = this.at(this.root, temporaryName("mode"));
      this.#calls.makeDirectory(probe, 0o777);
      const info = this.#calls.lookAt(probe);
      this.#calls.removeDirectory(probe);
      this.#ordinaryMode = (info?.mode ?? 0o755) & 0o777;
    }
    return this.#ordinaryMode;
  }

  /** Gives all descriptors back. */
  close(): void {
    for (const folder of this.#open.values()) this.release(folder);
    this.#open.clear();
    this.release(this.root);
  }

  #descend(path: string, make: boolean): OpenFolder {
    if (path === ROOT_PATH) return this.root;
    const open = this.#open.get(path);
    if (open !== undefined) {
      // Most recently used last: the first is the one to give back.
      this.#open.delete(path);
      this.#open.set(path, open);
      return open;
    }
    let cut = path.lastIndexOf("/");
    let folder: OpenFolder | undefined;
    while (cut > 0 && (folder = this.#open.get(path.slice(0, cut))) === undefined) cut = path.lastIndexOf("/", cut - 1);
    folder ??= this.root;
    for (let start = cut < 0 ? 0 : cut + 1; start < path.length;) {
      let end = path.indexOf("/", start);
      if (end < 0) end = path.length;
      folder = this.#step(folder, path.slice(start, end), path.slice(0, end), make);
      start = end + 1;
    }
    return folder;
  }

  #step(parent: OpenFolder, name: string, path: string, make: boolean): OpenFolder {
    const location = this.at(parent, name);
    const madeDirectly = make && this.#makeDirectly(parent, name, path);
    const opened = this.#openDirectly(parent, name, path, madeDirectly, location);
    if (opened !== undefined) {
      this.#keep(opened);
      return opened;
    }
    const made = madeDirectly || (make && this.#make(location, path));
    let folder: OpenFolder;
    if (this.containment === "descriptor") {
      const descriptor = this.#openFolder(location, path);
      try {
        const info = this.#calls.status(descriptor);
        const ours = this.#admit(known(info), path, made, location);
        const prefix = `${descriptorPath(descriptor)}/`;
        folder = { path, prefix, descriptor, ...known(info), made: ours };
      } catch (error) {
        this.#calls.close(descriptor);
        throw error;
      }
    } else {
      const info = this.#calls.lookAt(location);
      if (info === undefined) throw Object.assign(new Error(`ENOENT: no folder "${path}"`), { code: "ENOENT" });
      if (!info.isDirectory) throw notAFolder(path, info);
      const ours = this.#admit(known(info), path, made, location);
      folder = { path, prefix: `${location}/`, descriptor: undefined, ...known(info), made: ours };
    }
    this.#keep(folder);
    return folder;
  }

  /** Of a new folder: in a fresh target nobody else can look in; elsewhere nobody may before it has its own mode. */
  get #newMode(): number {
    return this.#fresh ? 0o777 : 0o700;
  }

  /** Makes a folder by the C library's call; why it did not, or what stands there, is for {@linkcode #make} to say. */
  #makeDirectly({ descriptor }: OpenFolder, name: string, path: string): boolean {
    const calls = this.#direct;
    if (calls === undefined || descriptor === undefined) return false;
    if (calls.makeFolderIn(descriptor, name, this.#newMode) !== 0) return false;
    if (!this.#fresh) this.#unfinished.add(path);
    return true;
  }

  /** Enters a folder by the C library's calls; `undefined` where it is for the runtime's to say why that fails. */
  #openDirectly(
    parent: OpenFolder,
    name: string,
    path: string,
    made: boolean,
    location: string,
  ): OpenFolder | undefined {
    const calls = this.#direct;
    if (calls === undefined || parent.descriptor === undefined) return undefined;
    const descriptor = calls.openIn(parent.descriptor, name, ENTER);
    if (descriptor < 0) return undefined;
    let entered: OpenFolder | undefined;
    try {
      const status = calls.statusOf(descriptor);
      if (status === undefined) return undefined;
      const { dev, inode } = status;
      const ours = this.#admit({ dev, inode }, path, made, location);
      const prefix = `${descriptorPath(descriptor)}/`;
      entered = { path, prefix, descriptor, dev, inode, made: ours };
      return entered;
    } finally {
      if (entered === undefined) calls.close(descriptor);
    }
  }

  /** Makes a folder unless the name is taken; returns whether it did. */
  #make(location: string, path: string): boolean {
    try {
      this.#calls.makeDirectory(location, this.#newMode);
    } catch (error) {
      if (systemCode(error) === "EEXIST") return false;
      throw error;
    }
    if (!this.#fresh) this.#unfinished.add(path);
    return true;
  }

  #openFolder(location: string, path: string): number {
    try {
      return this.#calls.open(location, ENTER);
    } catch (error) {
      const code = systemCode(error);
      if (code !== "ENOTDIR" && code !== "ELOOP") throw error;
      const info = this.#calls.lookAt(location);
      throw info === undefined ? error : notAFolder(path, info);
    }
  }

  /** Remembers which folder a path leads to, and refuses a second path to it; returns whether this run made it. */
  #admit(
    { dev, inode }: { readonly dev: number; readonly inode: number | undefined },
    path: string,
    made: boolean,
    location: string,
  ): boolean {
    const key = this.#key(dev, inode, location);
    if (key === undefined) return made;
    const hash = this.#hasher.hash(path);
    const seen = this.#known.get(key);
    // What was just made is new, whatever had this inode before.
    if (made || seen === undefined) {
      this.#known.set(key, hash * 2 + (made ? 1 : 0));
      return made;
    }
    if (Math.floor(seen / 2) !== hash) {
      throw new Refusal("collision", `the folder "${path}" is the same as another one on this file system`);
    }
    return seen % 2 === 1;
  }

  #key(dev: number, inode: number | undefined, location: string): number | string | undefined {
    if (inode === 0) return undefined;
    if (inode === undefined) return `${dev}:${this.#calls.exactInode(location)}`;
    return dev === this.root.dev ? inode : `${dev}:${inode}`;
  }

  #keep(folder: OpenFolder): void {
    this.#open.set(folder.path, folder);
    if (this.#open.size <= MAX_OPEN_FOLDERS) return;
    const [oldest] = this.#open.values();
    if (oldest === undefined) return;
    this.#open.delete(oldest.path);
    this.release(oldest);
  }

  /** Without descriptors: every folder from the target down must still be a folder, and the last one the same. */
  #verify(folder: OpenFolder): void {
    this.#verifyOne(this.root.prefix, this.root);
    if (folder === this.root) return;
    const first = this.root.prefix.length;
    for (let cut = folder.prefix.indexOf("/", first); cut > 0; cut = folder.prefix.indexOf("/", cut + 1)) {
      this.#verifyOne(folder.prefix.slice(0, cut), cut === folder.prefix.length - 1 ? folder : undefined);
    }
  }

  #verifyOne(location: string, expected: OpenFolder | undefined): void {
    // A separator at the end would make the system follow a symlink.
    const info = this.#calls.lookAt(location.length > 1 && location.endsWith("/") ? location.slice(0, -1) : location);
    if (info?.isDirectory !== true || (expected !== undefined && !isSame(expected, info))) {
      throw new Refusal("unsafe", `the folder "${location}" was replaced meanwhile`);
    }
  }

  #settleOne(path: string, onError: (path: string, error: unknown) => void): void {
    try {
      const mode = this.ordinaryMode();
      this.withDescriptor(this.enter(path), (descriptor) => {
        if (descriptor !== undefined) this.#calls.setMode(descriptor, mode);
      });
    } catch (error) {
      if (isFatal(error)) throw error;
      onError(path, error);
    }
  }
}

/** Device and inode; an inode that arrives rounded is left out. */
function known(info: Deno.FileInfo): { dev: number; inode: number | undefined } {
  return { dev: info.dev, inode: info.ino !== null && Number.isSafeInteger(info.ino) ? info.ino : undefined };
}

function isSame(folder: OpenFolder, info: Deno.FileInfo): boolean {
  const { dev, inode } = known(info);
  return dev === folder.dev && inode === folder.inode;
}

function notAFolder(path: string, info: Deno.FileInfo): Refusal {
  return info.isSymlink
    ? new Refusal("unsafe", `"${path}" is a symlink, and nothing is written through one`)
    : new Refusal("exists", `"${path}" exists already and is not a folder`);
}
