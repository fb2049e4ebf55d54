/** Reading trees: every entry below some roots as a row, in path order, with the listings of one branch in memory. */
import { MAX_LINK_BYTES } from "../format/limits.ts";
import type { Glance } from "../archive/changes.ts";
import { comparePaths, pathFault, utf8Length } from "../format/path.ts";
import type { EntryKind, Owner, Row } from "../format/row.ts";
import { reach } from "./descriptors.ts";
import { hasNumber, isFolder, isLoneFile, type Look, lookFrom, type LookKind } from "./look.ts";
import { type Identity, identityOf, OwnerNames } from "./metadata.ts";
import type { Root } from "./names.ts";
import { systemCode, systemReason } from "./system_error.ts";
import type { SystemStatus } from "./system_status.ts";
import { type Reports, WalkFolder } from "./walk_folder.ts";

/** An entry that was found. */
export interface WalkEntry {
  /** The path to open it by, of any length. */
  readonly location: string;
  /** What is stored about it. A later name of a file with several is a `hardlink` to the first one's path. */
  readonly row: Row;
  /** Whether a large file takes up less than its size on disk: it has holes, or the file system compresses. */
  readonly sparse: boolean;
}

/** Something left out on purpose; the archive is complete without it. */
export interface WalkNotice {
  /** The path it would have had in the archive. */
  readonly path: string;
  /** Why. `cache` and `other-file-system` are about what is in a folder; its own row is there. */
  readonly kind: "socket" | "device" | "excluded-archive" | "cache" | "other-file-system";
  /** The same as the end of a sentence. */
  readonly message: string;
}

/** Something that should have been stored and cannot be. */
export interface WalkProblem {
  /** The path it would have had in the archive. */
  readonly path: string;
  /** Where it is. */
  readonly location: string;
  /** What is wrong, as the end of a sentence. */
  readonly reason: string;
  /** The system's error, where there was one. */
  readonly error?: unknown;
  /** Whether it is one of the roots itself: then nothing of what was asked for is there. */
  readonly root: boolean;
  /** Whether it is a folder that is stored, but could not be listed. */
  readonly listing?: boolean;
}

/** What a walk leaves out, and whom it tells. */
export interface WalkOptions {
  /** Whether to leave an entry out, with all below it. Asked for roots too, but not for `.`. */
  readonly exclude?: (path: string, isDirectory: boolean) => boolean;
  /** Stay on each root's file system: folders that others are mounted on are stored empty. */
  readonly oneFileSystem?: boolean;
  /** Of folders with a valid CACHEDIR.TAG, store only that file. */
  readonly excludeCaches?: boolean;
  /** Files never to store: the archive itself. */
  readonly skip?: readonly Identity[];
  /**
   * Whether a directory, or a regular file with one name, need not be given: it is known just as it is. Asked only
   * where looking is cheap; when it is not asked, or says no, it is given. What is in a directory is walked either way.
   * `folder` ends with `/`, or is empty.
   */
  readonly isKnown?: (folder: string, name: string, glance: Glance) => boolean;
  /** What a scout reports, of the same roots. */
  readonly reports?: Reports;
  /** User and group names; default: this system's. */
  readonly owners?: OwnerNames;
  /** Called for what is left out on purpose. */
  readonly onNotice?: (notice: WalkNotice) => void;
  /** Called for what cannot be stored. */
  readonly onProblem?: (problem: WalkProblem) => void;
}

/** Below this size holes are not worth looking for. */
const MIN_SPARSE_BYTES = 2 ** 16;
/** What {@linkcode Look.blocks} counts in. */
const DISK_BLOCK_BYTES = 512;

/**
 * Walks roots in path order, which {@linkcode planRoots} gives them. Symlinks are entries, not followed; a root whose
 * location ends with `/` is. Nothing throws for one entry's sake. Synchronous, so that a walk costs little more than
 * its system calls: yield to the event loop now and then. Descriptors are given back when the iteration ends, also by
 * `break`; a caller of `next` that stops early calls `return`.
 */
export function* walk(roots: readonly Root[], options: WalkOptions = {}): Generator<WalkEntry, void, undefined> {
  const walker = new Walker(options);
  const sorted = [...roots].sort((a, b) => comparePaths(a.stored, b.stored));
  for (const root of sorted) yield* walker.root(root);
}

/** The first name of a file with several, and how many of the others have not been met. */
interface FirstName {
  readonly path: string;
  remaining: number;
}

/** What a look at one name found. */
interface Found {
  readonly path: string;
  readonly location: string;
  /** The folder it is in, and its name there; `undefined` for a root. */
  readonly folder: WalkFolder | undefined;
  readonly name: string;
  readonly info: Look;
  readonly root: boolean;
}

class Walker {
  readonly #options: WalkOptions;
  readonly #owners: OwnerNames;
  readonly #links = new Map<string, FirstName>();
  readonly #glance = new EntryGlance();

  constructor(options: WalkOptions) {
    this.#options = options;
    this.#owners = options.owners ?? new OwnerNames();
  }

  *root(root: Root): Generator<WalkEntry, void, undefined> {
    const follow = root.location.endsWith("/");
    let info: Look;
    try {
      info = lookFrom(reach(root.location, follow ? Deno.statSync : Deno.lstatSync));
    } catch (error) {
      this.#problem(root.stored, root.location, error, true);
      return;
    }
    const { stored: path, location } = root;
    const entry = this.#entry({ path, location, folder: undefined, name: "", info, root: true });
    if (entry === undefined) return;
    yield entry;
    if (info.kind !== "directory") return;
    const stack: WalkFolder[] = [];
    try {
      this.#enter(stack, undefined, location, path, info, follow);
      yield* this.#below(stack, info.dev);
    } finally {
      for (const folder of stack) folder[Symbol.dispose]();
    }
  }

  *#below(stack: WalkFolder[], rootDev: number): Generator<WalkEntry, void, undefined> {
    const glances = this.#options.isKnown !== undefined;
    while (true) {
      const folder = stack.at(-1);
      if (folder === undefined) return;
      const at = folder.next++;
      const name = folder.names[at];
      if (name === undefined) {
        if (this.#readOn(folder)) continue;
        stack.pop()?.[Symbol.dispose]();
        continue;
      }
      const status = glances ? folder.status(name, at) : undefined;
      const isKnown = status !== undefined && this.#knows(folder.storedPrefix, name, status);
      if (isKnown && !isFolder(status)) continue;
      const found = this.#look(folder, name, status);
      if (found === undefined) continue;
      if (!isKnown) {
        const entry = this.#entry(found);
        if (entry === undefined) continue;
        yield entry;
      }
      const { path, info } = found;
      if (info.kind !== "directory") continue;
      if (this.#options.oneFileSystem === true && info.dev !== rootDev) {
        this.#notice(path, "other-file-system", "another file system begins here; what is in it was left out");
        continue;
      }
      this.#enter(stack, folder, name, path, info, false);
    }
  }

  /** Whether a name is known. What is left out comes first: the archive, and what is excluded, may well be known. */
  #knows(folder: string, name: string, status: SystemStatus): boolean {
    const { exclude, skip, isKnown } = this.#options;
    const isDirectory = isFolder(status);
    if (isKnown === undefined || !(isDirectory ? hasNumber(status) : isLoneFile(status))) return false;
    if (exclude?.(folder + name, isDirectory) === true) return false;
    const { inode } = status;
    if (skip?.some((other) => other.inode === inode && other.dev === status.dev) === true) return false;
    this.#glance.set(status, isDirectory, this.#owners.ownerOf(status.uid, status.gid));
    return isKnown(folder, name, this.#glance);
  }

  /** The status of the name that was next in a folder, or `undefined` with the problem told. */
  #look(folder: WalkFolder, name: string, status: SystemStatus | undefined): Found | undefined {
    const path = folder.storedPrefix + name;
    const location = folder.location + name;
    const foreign = name.includes("\ufffd");
    // Names that are not UTF-8 are listed with U+FFFD, and then several of them may look alike, or like another file.
    if (foreign && name === folder.names[folder.next]) {
      this.#fault(path, location, "its name is not valid UTF-8", false);
      return undefined;
    }
    try {
      const info = status === undefined ? folder.look(name) : folder.lookAgain(name, status);
      return { path, location, folder, name, info, root: false };
    } catch (error) {
      if (foreign && systemCode(error) === "ENOENT") this.#fault(path, location, "its name is not valid UTF-8", false);
      else this.#problem(path, location, error, false);
      return undefined;
    }
  }

  #enter(
    stack: WalkFolder[],
    parent: WalkFolder | undefined,
    name: string,
    stored: string,
    info: Look,
    follow: boolean,
  ): void {
    let folder: WalkFolder | undefined;
    try {
      folder = new WalkFolder(parent, name, stored, info, follow, this.#options.reports);
      folder.list();
    } catch (error) {
      folder?.[Symbol.dispose]();
      const location = parent === undefined ? name : parent.location + name;
      this.#notListed(stored, location, error, parent === undefined);
      return;
    }
    stack.push(folder);
    if (this.#options.excludeCaches === true && folder.keepOnlyCacheTag()) {
      this.#notice(stored, "cache", "it is marked as a cache; only its CACHEDIR.TAG was stored");
    }
  }

  /** Whether there are more names in a folder of which not all were known; that they are not known is told. */
  #readOn(folder: WalkFolder): boolean {
    try {
      return folder.readOn();
    } catch (error) {
      this.#notListed(folder.stored, folder.location, error, folder.isRoot);
      return false;
    }
  }

  #notListed(path: string, location: string, error: unknown, root: boolean): void {
    this.#options.onProblem?.({ path, location, reason: systemReason(error), error, root, listing: true });
  }

  /** The entry for what was found, or `undefined` when it is left out, with whoever needs to know told. */
  #entry(found: Found): WalkEntry | undefined {
    const { path, location, info, root } = found;
    if (path !== "." && this.#options.exclude?.(path, info.kind === "directory") === true) return undefined;
    const fault = pathFault(path);
    if (fault !== undefined) {
      this.#fault(path, location, fault, root);
      return undefined;
    }
    const identity = identityOf(info);
    if (
      info.kind === "file" &&
      this.#options.skip?.some((s) => s.inode === identity.inode && s.dev === identity.dev) === true
    ) {
      this.#notice(path, "excluded-archive", "it is the archive being written");
      return undefined;
    }
    let kind = this.#kindOf(path, info.kind);
    if (kind === undefined) return undefined;
    let link = "";
    if (kind === "symlink") {
      const target = this.#target(found);
      if (target === undefined) return undefined;
      link = target;
    } else if (kind === "file" && info.nlink !== null && info.nlink > 1 && identity.inode !== 0) {
      const first = this.#firstName(path, identity, info.nlink);
      if (first !== undefined) {
        kind = "hardlink";
        link = first;
      }
    }
    return {
      location,
      row: {
        path,
        kind,
        mode: info.mode,
        size: kind === "file" ? info.size : 0,
        mtime: info.mtime,
        ctime: info.ctime,
        dev: identity.dev,
        inode: identity.inode,
        owner: info.uid === null || info.gid === null ? undefined : this.#owners.ownerOf(info.uid, info.gid),
        link,
        changed: false,
        contentHash: undefined,
      },
      sparse: kind === "file" && isSparse(info),
    };
  }

  #kindOf(path: string, kind: LookKind): EntryKind | undefined {
    if (kind !== "socket" && kind !== "device") return kind;
    this.#notice(path, kind, `it is a ${kind}`);
    return undefined;
  }

  #target({ path, location, folder, name, root }: Found): string | undefined {
    let target: string;
    try {
      target = folder === undefined ? reach(location, Deno.readLinkSync) : reach(folder.reach(name), Deno.readLinkSync);
    } catch (error) {
      if (error instanceof Deno.errors.InvalidData) {
        this.#fault(path, location, "its target is not valid UTF-8", root);
      } else {
        this.#problem(path, location, error, root);
      }
      return undefined;
    }
    if (utf8Length(target) <= MAX_LINK_BYTES) return target;
    this.#fault(path, location, `its target is over ${MAX_LINK_BYTES} bytes`, root);
    return undefined;
  }

  /** The path that this file has in the archive already; `undefined`, and remembered, when this is its first. */
  #firstName(path: string, identity: Identity, names: number): string | undefined {
    const key = `${identity.dev}:${identity.inode}`;
    const first = this.#links.get(key);
    if (first === undefined) {
      this.#links.set(key, { path, remaining: names - 1 });
      return undefined;
    }
    if (--first.remaining === 0) this.#links.delete(key);
    return first.path;
  }

  #notice(path: string, kind: WalkNotice["kind"], message: string): void {
    this.#options.onNotice?.({ path, kind, message });
  }

  #problem(path: string, location: string, error: unknown, root: boolean): void {
    this.#options.onProblem?.({ path, location, reason: systemReason(error), error, root });
  }

  #fault(path: string, location: string, reason: string, root: boolean): void {
    this.#options.onProblem?.({ path, location, reason, root });
  }
}

/** One object for all that is looked at. */
class EntryGlance implements Glance {
  isDirectory = false;
  mode = 0;
  size = 0;
  mtimeSeconds = 0;
  mtimeNanoseconds = 0;
  ctime = 0;
  inode = 0;
  owner: Owner | undefined;

  set(status: SystemStatus, isDirectory: boolean, owner: Owner): void {
    const { mtimeNanoseconds } = status;
    this.isDirectory = isDirectory;
    this.mode = status.fullMode % 4096;
    this.size = isDirectory ? 0 : status.size;
    this.mtimeSeconds = status.mtimeSeconds;
    // To the millisecond, as rows are.
    this.mtimeNanoseconds = mtimeNanoseconds - mtimeNanoseconds % 1_000_000;
    this.ctime = status.ctimeSeconds;
    this.inode = status.inode;
    this.owner = owner;
  }
}

function isSparse(info: Look): boolean {
  return info.size >= MIN_SPARSE_BYTES && info.blocks !== null && info.blocks * DISK_BLOCK_BYTES < info.size;
}
