/**
 * The system's calls on files: by the C library where it can be called, otherwise by `node:fs`. A descriptor of the one
 * is none of the other's, so that whatever opens files does it here. Every call throws what the system says.
 */
import type { Bytes } from "../engine/engine.ts";
import { type Libc, libc } from "./libc.ts";
import { nodeFs } from "./node_builtins.ts";

/** The calls. */
export interface Files {
  /** Opens with flags of `open_flags.ts`; returns a descriptor. */
  open(path: string, flags: number, mode?: number): number;
  /** Gives a descriptor back. */
  close(descriptor: number): void;
  /** Reads at a byte offset; returns the bytes read, maybe fewer than there is room for, 0 at the end. */
  read(descriptor: number, into: Bytes, position: number): number;
  /** Writes at a byte offset; returns the bytes written, maybe fewer than given. */
  write(descriptor: number, bytes: Bytes, position: number): number;
  /** Sets a file's length. */
  truncate(descriptor: number, length: number): void;
  /** Returns when content and length are on the disk. */
  sync(descriptor: number): void;
  /** Sets permission bits. */
  setMode(descriptor: number, mode: number): void;
  /** Sets user and group. */
  setOwner(descriptor: number, uid: number, gid: number): void;
  /** Removes a name that is not a folder's. */
  unlink(path: string): void;
  /** Removes an empty folder. */
  removeFolder(path: string): void;
  /** Renames, replacing a file. */
  rename(from: string, to: string): void;
  /** Gives a file a second name; fails when anything has it. */
  link(from: string, to: string): void;
}

const DEFAULT_MODE = 0o666;

const throughNode: Files = {
  open: (path, flags, mode) => nodeFs().openSync(path, flags, mode),
  close: (descriptor) => nodeFs().closeSync(descriptor),
  read: (descriptor, into, position) => nodeFs().readSync(descriptor, into, 0, into.length, position),
  write: (descriptor, bytes, position) => nodeFs().writeSync(descriptor, bytes, 0, bytes.length, position),
  truncate: (descriptor, length) => nodeFs().ftruncateSync(descriptor, length),
  sync: (descriptor) => nodeFs().fsyncSync(descriptor),
  setMode: (descriptor, mode) => nodeFs().fchmodSync(descriptor, mode),
  setOwner: (descriptor, uid, gid) => nodeFs().fchownSync(descriptor, uid, gid),
  unlink: (path) => nodeFs().unlinkSync(path),
  removeFolder: (path) => nodeFs().rmdirSync(path),
  rename: (from, to) => nodeFs().renameSync(from, to),
  link: (from, to) => nodeFs().linkSync(from, to),
};

const EINTR = 4;

/** Linux's numbers for errors that files have. */
const CODES: Readonly<Record<number, string>> = {
  1: "EPERM",
  2: "ENOENT",
  4: "EINTR",
  5: "EIO",
  6: "ENXIO",
  9: "EBADF",
  11: "EAGAIN",
  12: "ENOMEM",
  13: "EACCES",
  16: "EBUSY",
  17: "EEXIST",
  18: "EXDEV",
  19: "ENODEV",
  20: "ENOTDIR",
  21: "EISDIR",
  22: "EINVAL",
  23: "ENFILE",
  24: "EMFILE",
  26: "ETXTBSY",
  27: "EFBIG",
  28: "ENOSPC",
  30: "EROFS",
  31: "EMLINK",
  32: "EPIPE",
  36: "ENAMETOOLONG",
  38: "ENOSYS",
  39: "ENOTEMPTY",
  40: "ELOOP",
  75: "EOVERFLOW",
  84: "EILSEQ",
  95: "EOPNOTSUPP",
  116: "ESTALE",
  122: "EDQUOT",
};

/** The calls by the C library. A call that a signal cut short is made again, as the runtime's own are. */
function throughLibc(calls: Libc): Files {
  /** The result of a call; its name and path are for the message. */
  const checked = (call: () => number, name: string, path?: string): number => {
    while (true) {
      const result = call();
      if (result >= 0) return result;
      const number = calls.error();
      if (number !== EINTR) throw systemError(number, name, path);
    }
  };
  const check = (call: () => number, name: string, path?: string): void => {
    checked(call, name, path);
  };
  return {
    open: (path, flags, mode = DEFAULT_MODE) => checked(() => calls.open(path, flags, mode), "open", path),
    close(descriptor) {
      // Whatever it says, the descriptor is gone, and its number may be another file's.
      if (calls.close(descriptor) < 0 && calls.error() !== EINTR) throw systemError(calls.error(), "close");
    },
    read: (descriptor, into, position) => checked(() => calls.read(descriptor, into, position), "read"),
    write: (descriptor, bytes, position) => checked(() => calls.write(descriptor, bytes, position), "write"),
    truncate: (descriptor, length) => check(() => calls.truncate(descriptor, length), "ftruncate"),
    sync: (descriptor) => check(() => calls.sync(descriptor), "fsync"),
    setMode: (descriptor, mode) => check(() => calls.setMode(descriptor, mode), "fchmod"),
    setOwner: (descriptor, uid, gid) => check(() => calls.setOwner(descriptor, uid, gid), "fchown"),
    unlink: (path) => check(() => calls.unlink(path), "unlink", path),
    removeFolder: (path) => check(() => calls.removeFolder(path), "rmdir", path),
    rename: (from, to) => check(() => calls.rename(from, to), "rename", from),
    link: (from, to) => check(() => calls.link(from, to), "link", from),
  };
}

/** As those of `node:fs` are. */
function systemError(number: number, call: string, path?: string): Error {
  const code = CODES[number] ?? `E${number}`;
  const where = path === undefined ? {} : { path };
  const error = new Error(`${code}: ${call}${path === undefined ? "" : ` '${path}'`}`);
  return Object.assign(error, { code, errno: -number, syscall: call, ...where });
}

/** The calls by the C library; by the runtime where that is not given. */
export function filesBy(calls: Libc | undefined): Files {
  return calls === undefined ? throughNode : throughLibc(calls);
}

/** The calls of this system. */
export const files: Files = filesBy(libc());
