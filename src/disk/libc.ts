/**
 * A few calls of the C library, made directly. What the runtime offers costs several times what the kernel takes for
 * them (objects, dates, buffers for each call), and a tree has a hundred thousand files; see docs/adr/0011.
 *
 * Nothing depends on these: they are there on 64-bit Linux with the GNU C library and all permissions, when a trial
 * gives what the runtime gives; otherwise the same is done with the runtime's calls (`files.ts`).
 */
import type { Bytes } from "../engine/engine.ts";
import { openSystemLibrary, type SystemFunctions } from "../foreign/system_library.ts";
import { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } from "./open_flags.ts";
import { hasAllPermissions } from "./permissions.ts";
import { Status, STATUS_BYTES, type SystemStatus } from "./system_status.ts";

/** The functions that are used. */
export const C_FUNCTIONS = {
  statx: { parameters: ["i32", "buffer", "i32", "u32", "buffer"], result: "i32" },
  // Its third parameter is variadic in C; both architectures below pass such integers as they pass any other.
  openat: { parameters: ["i32", "buffer", "i32", "u32"], result: "i32" },
  mkdirat: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  // What a call reads or writes is below 2^31 bytes, so that the low half of the result is all of it.
  pread: { parameters: ["i32", "buffer", "usize", "i64"], result: "i32" },
  pwrite: { parameters: ["i32", "buffer", "usize", "i64"], result: "i32" },
  getdents64: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  fchmod: { parameters: ["i32", "u32"], result: "i32" },
  futimens: { parameters: ["i32", "buffer"], result: "i32" },
  fchown: { parameters: ["i32", "u32", "u32"], result: "i32", rarely: true },
  ftruncate: { parameters: ["i32", "i64"], result: "i32", rarely: true },
  fsync: { parameters: ["i32"], result: "i32", rarely: true },
  unlinkat: { parameters: ["i32", "buffer", "i32"], result: "i32", rarely: true },
  renameat: { parameters: ["i32", "buffer", "i32", "buffer"], result: "i32", rarely: true },
  linkat: { parameters: ["i32", "buffer", "i32", "buffer", "i32"], result: "i32", rarely: true },
  __errno_location: { parameters: [], result: "pointer", rarely: true },
} as const;

/** The calls. Each gives `undefined` or a negative number when it fails, and never throws for that. */
export interface Libc {
  /** The system's number for why the last call failed that did. */
  error(): number;
  /** The status of a name in an open folder, symlinks not followed; `undefined` too for numbers out of range here. */
  statusAt(folder: number, name: string): SystemStatus | undefined;
  /**
   * The same, put down for {@linkcode KeptStatuses} as the one of that number. It is given only where it is a folder's:
   * who asks for a hundred thousand of them goes on with those.
   */
  keepStatus(folder: number, name: string, into: Uint32Array, index: number): SystemStatus | undefined;
  /** The status of what a descriptor stands for. */
  statusOf(descriptor: number): SystemStatus | undefined;
  /** All names in a folder, in any order; `undefined` too when one is not plain ASCII. */
  list(folder: number): string[] | undefined;
  /** Opens with `fs.constants` flags; never kept open in a child. */
  open(path: string, flags: number, mode: number): number;
  /** The same for a name in an open folder, given by its bytes among others. */
  openBytes(folder: number, names: Bytes, start: number, end: number, flags: number, mode: number): number;
  /** The same for a name in an open folder that is there. */
  openIn(folder: number, name: string, flags: number): number;
  /** Makes a folder in an open one; 0 when it did. */
  makeFolderIn(folder: number, name: string, mode: number): number;
  close(descriptor: number): number;
  /** Bytes read at a position. */
  read(descriptor: number, into: Bytes, position: number): number;
  /** Bytes written at a position. */
  write(descriptor: number, bytes: Bytes, position: number): number;
  setMode(descriptor: number, mode: number): number;
  /** Sets access and modification time, in milliseconds since 1970 of at least 0. */
  setTimes(descriptor: number, accessed: number, modified: number): number;
  setOwner(descriptor: number, uid: number, gid: number): number;
  truncate(descriptor: number, length: number): number;
  sync(descriptor: number): number;
  /** Removes a name that is not a folder's. */
  unlink(path: string): number;
  /** Removes an empty folder. */
  removeFolder(path: string): number;
  rename(from: string, to: string): number;
  /** Gives a file a second name, not following symlinks. */
  link(from: string, to: string): number;
}

/** The calls, where they can be used. */
export function libc(): Libc | undefined {
  return found;
}

function load(): Libc | undefined {
  try {
    if (!hasAllPermissions()) return undefined;
    const functions = openSystemLibrary("libc.so.6", C_FUNCTIONS);
    const calls = functions === undefined ? undefined : new Calls(functions);
    return calls !== undefined && works(calls) ? calls : undefined;
  } catch {
    return undefined;
  }
}

/** Whether an error has its number, and an open folder its path: what all use of the calls depends on. */
function works(calls: Libc): boolean {
  if (calls.open("", O_RDONLY, 0) >= 0 || calls.error() !== ENOENT) return false;
  return inRoot(calls, (root) => {
    const [there, itself] = [Deno.lstatSync(`${FOLDER}${root}/.`), Deno.lstatSync("/")];
    return there.ino === itself.ino && there.dev === itself.dev;
  });
}

/** Whether the calls see what the runtime sees: their layouts are what this file believes. */
function seesAlike(calls: Libc): boolean {
  return inRoot(calls, (root) => {
    const names = calls.list(root);
    const theirs = Array.from(Deno.readDirSync("/"), (entry) => entry.name);
    if (names !== undefined && names.sort().join("/") !== theirs.sort().join("/")) return false;
    return [".", theirs[0] ?? "."].every((name) => {
      const ours = calls.statusAt(root, name);
      const info = Deno.lstatSync(`/${name}`);
      if (ours === undefined) return name !== ".";
      return ours.fullMode === info.mode && ours.size === info.size && ours.dev === info.dev &&
        ours.inode === info.ino && ours.uid === info.uid && ours.gid === info.gid && ours.nlink === info.nlink &&
        ours.blocks === info.blocks && ours.mtimeSeconds === Math.floor((info.mtime?.getTime() ?? 0) / 1000) &&
        ours.ctimeSeconds === Math.floor((info.ctime?.getTime() ?? 0) / 1000);
    });
  });
}

/** What a trial says that has the root folder open; false when anything fails. */
function inRoot(calls: Libc, trial: (root: number) => boolean): boolean {
  const root = calls.open("/", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK, 0);
  if (root < 0) return false;
  try {
    return trial(root);
  } catch {
    return false;
  } finally {
    calls.close(root);
  }
}

const O_CLOEXEC = 0x8_0000;
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
const AT_REMOVEDIR = 0x200;
const STATX_BASIC_STATS = 0x7ff;
const STATX_BYTES = 256;
const STATUS_WORDS = STATUS_BYTES / 4;
/** Where the mode is, in the half of a word that is read first. */
const MODE_WORD = 0x1c / 4;
const S_IFMT = 0xf000;
const S_IFDIR = 0x4000;
const LIST_BYTES = 2 ** 16;
const LONGEST_PATH = 4096;

/** What the path of a descriptor is before its number. */
const FOLDER = "/proc/self/fd/";
/** What goes wrong before the system is asked, and what the trial expects: numbers as on every Linux of today. */
const ENOENT = 2;
const EINVAL = 22;
const ENAMETOOLONG = 36;

/** The open folder that a path starts at, by its descriptor, if a name in it follows. */
function folderOf(path: string): number | undefined {
  if (!path.startsWith(FOLDER)) return undefined;
  const end = path.indexOf("/", FOLDER.length);
  const digits = path.slice(FOLDER.length, Math.max(end, 0));
  return /^[0-9]{1,9}$/.test(digits) && end + 1 < path.length && path[end + 1] !== "/" ? Number(digits) : undefined;
}

class Calls implements Libc {
  readonly #c: SystemFunctions<typeof C_FUNCTIONS>;
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder();
  readonly #path = new Uint8Array(LONGEST_PATH);
  /** A second one, for calls that take two. */
  readonly #otherPath = new Uint8Array(LONGEST_PATH);
  readonly #errno: Deno.UnsafePointerView;
  /** Why a path was not given to the system; 0 where the last one was. */
  #pathError = 0;
  readonly #nothing = new Uint8Array(1);
  readonly #statusBytes = new Uint8Array(STATX_BYTES);
  readonly #statusWords = new Uint32Array(this.#statusBytes.buffer);
  readonly #status = new Status(this.#statusBytes);
  readonly #times = new Uint8Array(32);
  readonly #timesView = new DataView(this.#times.buffer);
  #entries: Uint8Array<ArrayBuffer> | undefined;
  /** Whether it sees what the runtime sees: tried when a first status or list is asked for. */
  #sees: boolean | undefined;

  constructor(symbols: SystemFunctions<typeof C_FUNCTIONS>) {
    this.#c = symbols;
    // Each thread has its own place for it, and a thread of the runtime's stays one.
    const place = symbols.__errno_location();
    if (place === null) throw new Error("Cannot find where the C library keeps errors");
    this.#errno = new Deno.UnsafePointerView(place);
  }

  error(): number {
    return this.#pathError === 0 ? this.#errno.getInt32() : this.#pathError;
  }

  /** Puts a path where the library finds it, ended by a zero; false when it has no room, or cannot be one. */
  #setPath(path: string, into: Uint8Array<ArrayBuffer> = this.#path): boolean {
    const { length } = path;
    this.#pathError = 0;
    // Nearly all names are short and plain: a loop over them costs a tenth of a call of the encoder.
    for (let i = 0; i < LONGEST_PATH; i++) {
      if (i === length) {
        into[i] = 0;
        return true;
      }
      const unit = path.charCodeAt(i);
      if (unit === 0 || unit >= 0x80) break;
      into[i] = unit;
    }
    const { read, written } = this.#encoder.encodeInto(path, into.subarray(0, LONGEST_PATH - 1));
    this.#pathError = read < length ? ENAMETOOLONG : path.includes("\0") ? EINVAL : 0;
    into[written] = 0;
    return this.#pathError === 0;
  }

  /**
   * The same for a location, and the folder it starts at: one that is given by its descriptor is the same place without
   * the system's way through /proc, which costs a third of all that making a file takes. `undefined` when it has no
   * room.
   */
  #setLocation(path: string, into: Uint8Array<ArrayBuffer> = this.#path): number | undefined {
    const folder = folderOf(path);
    const name = folder === undefined ? path : path.slice(path.indexOf("/", FOLDER.length) + 1);
    return this.#setPath(name, into) ? folder ?? AT_FDCWD : undefined;
  }

  #canSee(): boolean {
    if (this.#sees === undefined) {
      // For the trial.
      this.#sees = true;
      this.#sees = seesAlike(this);
    }
    return this.#sees;
  }

  statusAt(folder: number, name: string): SystemStatus | undefined {
    if (!this.#canSee() || !this.#setPath(name)) return undefined;
    return this.#c.statx(folder, this.#path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, this.#statusBytes) === 0
      ? this.#status.checked()
      : undefined;
  }

  keepStatus(folder: number, name: string, into: Uint32Array, index: number): SystemStatus | undefined {
    const status = this.statusAt(folder, name);
    const words = this.#statusWords;
    const from = index * STATUS_WORDS;
    if (status === undefined) {
      // The first word says what there is.
      into[from] = 0;
      return undefined;
    }
    // A loop over so few costs less than a call.
    for (let i = 0; i < STATUS_WORDS; i++) into[from + i] = words[i] as number;
    return ((words[MODE_WORD] as number) & S_IFMT) === S_IFDIR ? status : undefined;
  }

  statusOf(descriptor: number): SystemStatus | undefined {
    return this.#canSee() &&
        this.#c.statx(descriptor, this.#nothing, AT_EMPTY_PATH, STATX_BASIC_STATS, this.#statusBytes) === 0
      ? this.#status.checked()
      : undefined;
  }

  list(folder: number): string[] | undefined {
    if (!this.#canSee()) return undefined;
    const bytes = this.#entries ??= new Uint8Array(LIST_BYTES);
    const names: string[] = [];
    while (true) {
      const filled = this.#c.getdents64(folder, bytes, BigInt(LIST_BYTES));
      if (filled === 0) return names;
      if (filled < 0) return undefined;
      // The names move to the front, each behind a zero, to be decoded at once.
      let end = 0;
      for (let at = 0; at < filled;) {
        const next = at + (bytes[at + 16] as number) + 256 * (bytes[at + 17] as number);
        const start = end;
        bytes[end++] = 0;
        for (let i = at + 19; i < next; i++) {
          const byte = bytes[i] as number;
          if (byte === 0) break;
          if (byte >= 0x80) return undefined;
          bytes[end++] = byte;
        }
        const dots = end - start <= 3 && bytes[start + 1] === 0x2e && (end - start === 2 || bytes[start + 2] === 0x2e);
        if (dots) end = start;
        at = next;
      }
      if (end > 0) { for (const name of this.#decoder.decode(bytes.subarray(1, end)).split("\0")) names.push(name); }
    }
  }

  open(path: string, flags: number, mode: number): number {
    const folder = this.#setLocation(path);
    return folder === undefined ? -1 : this.#c.openat(folder, this.#path, flags | O_CLOEXEC, mode);
  }

  openBytes(folder: number, names: Bytes, start: number, end: number, flags: number, mode: number): number {
    const path = this.#path;
    const length = end - start;
    this.#pathError = length < LONGEST_PATH ? 0 : ENAMETOOLONG;
    if (this.#pathError !== 0) return -1;
    for (let i = 0; i < length; i++) path[i] = names[start + i] as number;
    path[length] = 0;
    return this.#c.openat(folder, path, flags | O_CLOEXEC, mode);
  }

  openIn(folder: number, name: string, flags: number): number {
    return this.#setPath(name) ? this.#c.openat(folder, this.#path, flags | O_CLOEXEC, 0) : -1;
  }

  makeFolderIn(folder: number, name: string, mode: number): number {
    return this.#setPath(name) ? this.#c.mkdirat(folder, this.#path, mode) : -1;
  }

  close(descriptor: number): number {
    return this.#c.close(descriptor);
  }

  read(descriptor: number, into: Bytes, position: number): number {
    return into.length === 0 ? 0 : this.#c.pread(descriptor, into, BigInt(into.length), BigInt(position));
  }

  write(descriptor: number, bytes: Bytes, position: number): number {
    return bytes.length === 0 ? 0 : this.#c.pwrite(descriptor, bytes, BigInt(bytes.length), BigInt(position));
  }

  setMode(descriptor: number, mode: number): number {
    return this.#c.fchmod(descriptor, mode);
  }

  setTimes(descriptor: number, accessed: number, modified: number): number {
    this.#setTime(0, accessed);
    this.#setTime(16, modified);
    return this.#c.futimens(descriptor, this.#times);
  }

  setOwner(descriptor: number, uid: number, gid: number): number {
    return this.#c.fchown(descriptor, uid, gid);
  }

  truncate(descriptor: number, length: number): number {
    return this.#c.ftruncate(descriptor, BigInt(length));
  }

  sync(descriptor: number): number {
    return this.#c.fsync(descriptor);
  }

  unlink(path: string): number {
    const folder = this.#setLocation(path);
    return folder === undefined ? -1 : this.#c.unlinkat(folder, this.#path, 0);
  }

  removeFolder(path: string): number {
    const folder = this.#setLocation(path);
    return folder === undefined ? -1 : this.#c.unlinkat(folder, this.#path, AT_REMOVEDIR);
  }

  rename(from: string, to: string): number {
    const there = this.#setLocation(to, this.#otherPath);
    const here = there === undefined ? undefined : this.#setLocation(from);
    if (here === undefined || there === undefined) return -1;
    return this.#c.renameat(here, this.#path, there, this.#otherPath);
  }

  link(from: string, to: string): number {
    const there = this.#setLocation(to, this.#otherPath);
    const here = there === undefined ? undefined : this.#setLocation(from);
    if (here === undefined || there === undefined) return -1;
    return this.#c.linkat(here, this.#path, there, this.#otherPath, 0);
  }

  #setTime(at: number, milliseconds: number): void {
    const seconds = Math.floor(milliseconds / 1000);
    const view = this.#timesView;
    view.setUint32(at, seconds % 2 ** 32, true);
    view.setUint32(at + 4, Math.floor(seconds / 2 ** 32), true);
    view.setUint32(at + 8, Math.floor(milliseconds - seconds * 1000) * 1_000_000, true);
  }
}

/** Looked for when this file is loaded, and kept: there is no time at which a program is done with its C library. */
const found = load();
