/**
 * A few calls of the C library, made directly. What the runtime offers costs several times what the kernel takes for
 * them (objects, dates, buffers for each call), and a tree has a hundred thousand files; see docs/adr/0011.
 *
 * Nothing depends on these: they are there on 64-bit Linux with the GNU C library and all permissions, when a trial
 * gives what the runtime gives, and whoever uses them does the same with the runtime's calls otherwise, or when one
 * fails: so it is the runtime that says what is wrong.
 */
import * as fs from "node:fs";
import type { Bytes } from "../engine/engine.ts";
import { descriptorPath, descriptorsWork, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } from "./descriptors.ts";

const SYMBOLS = {
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
} as const;

/** What is known of a name or a descriptor, as the system has it; good until the next status is asked for. */
export interface SystemStatus {
  /** File type and permission bits. */
  readonly fullMode: number;
  readonly size: number;
  /** Seconds since 1970, not negative. */
  readonly mtimeSeconds: number;
  readonly mtimeNanoseconds: number;
  /** Seconds since 1970, not negative. */
  readonly ctimeSeconds: number;
  readonly dev: number;
  readonly inode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  /** Units of 512 bytes on disk. */
  readonly blocks: number;
}

/** Bytes of a status that is kept: what of it is ever asked for. */
export const STATUS_BYTES = 0x90;

/** Statuses that {@linkcode Libc.keepStatus} put down, one behind the other. */
export class KeptStatuses {
  /** Where they are. */
  readonly bytes: Bytes;
  readonly #status: Status;

  constructor(bytes: Bytes) {
    this.bytes = bytes;
    this.#status = new Status(bytes);
  }

  /** One of them, good until the next is asked for; `undefined` where there was none. */
  at(index: number): SystemStatus | undefined {
    this.#status.at = index * STATUS_BYTES;
    return this.#status.checked();
  }
}

/** The calls. Each gives `undefined` or a negative number when it fails, and never throws for that. */
export interface Libc {
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
}

/** The calls, where they can be used. */
export function libc(): Libc | undefined {
  return found;
}

function load(): Libc | undefined {
  if (Deno.build.arch !== "x86_64" && Deno.build.arch !== "aarch64") return undefined;
  try {
    const calls = new Calls(Deno.dlopen("libc.so.6", SYMBOLS).symbols);
    return agrees(calls) ? calls : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the calls see what the runtime sees: their layouts are what this file believes. */
function agrees(calls: Libc): boolean {
  const root = calls.open("/", fs.constants.O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK, 0);
  if (root < 0) return false;
  try {
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
  } finally {
    calls.close(root);
  }
}

const O_CLOEXEC = 0x8_0000;
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;
const STATX_BYTES = 256;
const STATUS_WORDS = STATUS_BYTES / 4;
/** Where the mode is, in the half of a word that is read first. */
const MODE_WORD = 0x1c / 4;
const S_IFMT = 0xf000;
const S_IFDIR = 0x4000;
const LIST_BYTES = 2 ** 16;
const LONGEST_PATH = 4096;

const FOLDER = descriptorPath(0).slice(0, -1);

/** The open folder that a path starts at, by its descriptor, if a name in it follows. */
function folderOf(path: string): number | undefined {
  if (!path.startsWith(FOLDER)) return undefined;
  const end = path.indexOf("/", FOLDER.length);
  const digits = path.slice(FOLDER.length, Math.max(end, 0));
  return /^[0-9]{1,9}$/.test(digits) && end + 1 < path.length && path[end + 1] !== "/" ? Number(digits) : undefined;
}

/** A status: its numbers where the system put them, since most looks want a few of them. */
class Status implements SystemStatus {
  readonly #view: DataView;
  /** Where it begins. */
  at = 0;

  constructor(bytes: Bytes) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Itself, unless something is missing or out of range. */
  checked(): SystemStatus | undefined {
    const view = this.#view;
    const at = this.at;
    const complete = (view.getUint32(at, true) & STATX_BASIC_STATS) === STATX_BASIC_STATS;
    // Times from 1970 to 2106; other ones are the runtime's affair.
    const plainTimes = view.getUint32(at + 0x64, true) === 0 && view.getUint32(at + 0x74, true) === 0;
    const inRange = view.getUint32(at + 0x24, true) < 2 ** 21 && view.getUint32(at + 0x2c, true) < 2 ** 21;
    return complete && plainTimes && inRange ? this : undefined;
  }

  get fullMode(): number {
    return this.#view.getUint16(this.at + 0x1c, true);
  }

  get size(): number {
    return this.#view.getUint32(this.at + 0x2c, true) * 2 ** 32 + this.#view.getUint32(this.at + 0x28, true);
  }

  get mtimeSeconds(): number {
    return this.#view.getUint32(this.at + 0x70, true);
  }

  get mtimeNanoseconds(): number {
    return this.#view.getUint32(this.at + 0x78, true);
  }

  get ctimeSeconds(): number {
    return this.#view.getUint32(this.at + 0x60, true);
  }

  get dev(): number {
    const major = this.#view.getUint32(this.at + 0x88, true);
    const minor = this.#view.getUint32(this.at + 0x8c, true);
    // As the C library's `makedev` puts it together.
    return Math.floor(major / 4096) * 2 ** 44 + Math.floor(minor / 256) * 2 ** 20 + (major % 4096) * 256 + minor % 256;
  }

  get inode(): number {
    return this.#view.getUint32(this.at + 0x24, true) * 2 ** 32 + this.#view.getUint32(this.at + 0x20, true);
  }

  get nlink(): number {
    return this.#view.getUint32(this.at + 0x10, true);
  }

  get uid(): number {
    return this.#view.getUint32(this.at + 0x14, true);
  }

  get gid(): number {
    return this.#view.getUint32(this.at + 0x18, true);
  }

  get blocks(): number {
    return this.#view.getUint32(this.at + 0x34, true) * 2 ** 32 + this.#view.getUint32(this.at + 0x30, true);
  }
}

class Calls implements Libc {
  readonly #c: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder();
  readonly #path = new Uint8Array(LONGEST_PATH);
  readonly #nothing = new Uint8Array(1);
  readonly #statusBytes = new Uint8Array(STATX_BYTES);
  readonly #statusWords = new Uint32Array(this.#statusBytes.buffer);
  readonly #status = new Status(this.#statusBytes);
  readonly #times = new Uint8Array(32);
  readonly #timesView = new DataView(this.#times.buffer);
  #entries: Uint8Array<ArrayBuffer> | undefined;

  constructor(symbols: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"]) {
    this.#c = symbols;
  }

  /** Puts a path where the library finds it, ended by a zero; false when it has no room. */
  #setPath(path: string): boolean {
    const { length } = path;
    // Three bytes a unit at most.
    if (length * 3 >= LONGEST_PATH) return false;
    // Nearly all names are short and plain: a loop over them costs a tenth of a call of the encoder.
    for (let i = 0;; i++) {
      if (i === length) {
        this.#path[i] = 0;
        return true;
      }
      const unit = path.charCodeAt(i);
      if (unit === 0 || unit >= 0x80) break;
      this.#path[i] = unit;
    }
    if (path.includes("\0")) return false;
    const { written } = this.#encoder.encodeInto(path, this.#path);
    this.#path[written] = 0;
    return true;
  }

  statusAt(folder: number, name: string): SystemStatus | undefined {
    if (!this.#setPath(name)) return undefined;
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
    return this.#c.statx(descriptor, this.#nothing, AT_EMPTY_PATH, STATX_BASIC_STATS, this.#statusBytes) === 0
      ? this.#status.checked()
      : undefined;
  }

  list(folder: number): string[] | undefined {
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
    const folder = folderOf(path);
    // The same place, without the system's way through /proc, which costs a third of all that making a file takes.
    const name = folder === undefined ? path : path.slice(path.indexOf("/", FOLDER.length) + 1);
    return this.#setPath(name) ? this.#c.openat(folder ?? AT_FDCWD, this.#path, flags | O_CLOEXEC, mode) : -1;
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
    return this.#c.pwrite(descriptor, bytes, BigInt(bytes.length), BigInt(position));
  }

  setMode(descriptor: number, mode: number): number {
    return this.#c.fchmod(descriptor, mode);
  }

  setTimes(descriptor: number, accessed: number, modified: number): number {
    this.#setTime(0, accessed);
    this.#setTime(16, modified);
    return this.#c.futimens(descriptor, this.#times);
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
const found = descriptorsWork() ? load() : undefined;
