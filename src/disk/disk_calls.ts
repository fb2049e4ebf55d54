/**
 * The system calls that restoring makes, as an interface: tests put full disks, failing devices and file systems that
 * fold case under it. Everything that a descriptor can do is done through one.
 */
import type { Bytes } from "../engine/engine.ts";
import type { Time } from "../format/row.ts";
import { descriptorPath, descriptorsWork } from "./descriptors.ts";
import { files } from "./files.ts";
import { millisecondsOf, secondsForNode, setTimes, statusOfDescriptor } from "./metadata.ts";
import { nodeFs } from "./node_builtins.ts";
import { O_NOFOLLOW, O_NONBLOCK, O_PATH } from "./open_flags.ts";
import { openItself } from "./open_itself.ts";
import { Refusal } from "./refusal.ts";
import { systemCode } from "./system_error.ts";

/** The calls; each throws what the system says unless it says otherwise. */
export interface DiskCalls {
  /**
   * Opens with flags of `open_flags.ts`; returns a descriptor. `O_NOFOLLOW` is only sure to work together with
   * `O_EXCL`, or where descriptors have paths: otherwise Deno may have resolved a symlink before, see
   * {@linkcode openItself}.
   */
  open(path: string, flags: number, mode?: number): number;
  /** Opens what exists under a name, without waiting, and never through a symlink; for reading. */
  openItself(path: string): number;
  /** Gives a descriptor back. */
  close(descriptor: number): void;
  /** Writes at a byte offset; returns the bytes written, maybe fewer than given. */
  write(descriptor: number, bytes: Bytes, position: number): number;
  /** Sets a file's length. */
  truncate(descriptor: number, length: number): void;
  /** The status of what a descriptor stands for. */
  status(descriptor: number): Deno.FileInfo;
  /** The status of a name, symlinks not followed; `undefined` when it does not exist. */
  lookAt(path: string): Deno.FileInfo | undefined;
  /** The names in a folder. */
  list(path: string): string[];
  /** Makes a folder. */
  makeDirectory(path: string, mode: number): void;
  /** Removes an empty folder. */
  removeDirectory(path: string): void;
  /** Removes a name that is not a folder's. */
  unlink(path: string): void;
  /** Gives a file a second name; fails when anything has it. */
  link(from: string, to: string): void;
  /** Makes a symlink; fails when anything has the name. */
  symlink(target: string, path: string): void;
  /** Makes a FIFO, readable and writable for the user alone; fails when anything has the name. */
  makeFifo(path: string): void;
  /** Renames, replacing a file. */
  rename(from: string, to: string): void;
  /** Sets permission bits. */
  setMode(descriptor: number, mode: number): void;
  /** Sets user and group. */
  setOwner(descriptor: number, uid: number, gid: number): void;
  /** Sets access and modification time. */
  setTimes(descriptor: number, accessed: Date, modified: Time): void;
  /** Sets a folder's times by its path: for Windows, where folders cannot be opened. */
  setFolderTimes(path: string, accessed: Date, modified: Time): void;
  /** The inode number in decimal, however large, symlinks not followed. */
  exactInode(path: string): string;
  /** Sets times, and user and group where given, of a name itself if it is a symlink. */
  setLinkMetadata(
    path: string,
    accessed: Date,
    modified: Time,
    owner: { readonly uid: number; readonly gid: number } | undefined,
  ): void;
}

/** The system. */
export const diskCalls: DiskCalls = {
  open: files.open,
  openItself: (path) => openItself(path, O_NONBLOCK),
  close: files.close,
  write: files.write,
  truncate: files.truncate,
  status: statusOfDescriptor,
  lookAt(path) {
    try {
      return Deno.lstatSync(path);
    } catch (error) {
      if (systemCode(error) === "ENOENT") return undefined;
      throw error;
    }
  },
  list: (path) => Array.from(Deno.readDirSync(path), (entry) => entry.name),
  makeDirectory: (path, mode) => Deno.mkdirSync(path, { mode }),
  removeDirectory: files.removeFolder,
  unlink: files.unlink,
  link: files.link,
  symlink: (target, path) => Deno.symlinkSync(target, path),
  makeFifo,
  rename: files.rename,
  setMode: files.setMode,
  setOwner: files.setOwner,
  setTimes,
  setFolderTimes: (path, accessed, modified) => Deno.utimeSync(path, accessed, new Date(millisecondsOf(modified))),
  exactInode: (path) => String(nodeFs().lstatSync(path, { bigint: true }).ino),
  setLinkMetadata(path, accessed, modified, owner) {
    if (!descriptorsWork()) {
      if (owner !== undefined) nodeFs().lchownSync(path, owner.uid, owner.gid);
      nodeFs().lutimesSync(path, accessed, secondsForNode(modified));
      return;
    }
    // A handle to the symlink itself: what it was cannot be swapped between the two calls, and the runtime's times
    // by path, unlike lutimes, take fractions before 1970.
    const descriptor = files.open(path, O_PATH | O_NOFOLLOW);
    try {
      const itself = descriptorPath(descriptor);
      if (!Deno.statSync(itself).isSymlink) throw new Refusal("unsafe", "it was replaced by something else meanwhile");
      if (owner !== undefined) Deno.chownSync(itself, owner.uid, owner.gid);
      Deno.utimeSync(itself, accessed, new Date(millisecondsOf(modified)));
    } finally {
      files.close(descriptor);
    }
  },
};

/** Neither Deno nor node:fs can make a FIFO; the program that POSIX has for it can. */
function makeFifo(path: string): void {
  // `self` would be the child.
  const seen = path.replace(/^\/proc\/self\//, `/proc/${Deno.pid}/`);
  if (Deno.permissions.querySync({ name: "run", command: "mkfifo" }).state !== "granted") {
    throw new Deno.errors.NotCapable("Deno was not given the permission to run mkfifo");
  }
  const { success, stderr } = new Deno.Command("mkfifo", {
    args: ["-m", "600", "--", seen],
    env: { LC_ALL: "C" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).outputSync();
  if (success) return;
  const message = new TextDecoder().decode(stderr).trim();
  if (message.endsWith("File exists")) {
    throw Object.assign(new Error(`mkfifo: ${message}`), { code: "EEXIST" });
  }
  throw new Refusal("failed", message === "" ? "mkfifo failed" : message);
}

/** Writes all of `bytes` at a byte offset. */
export function writeFully(calls: DiskCalls, descriptor: number, bytes: Bytes, position: number): void {
  for (let done = 0; done < bytes.length;) {
    const written = calls.write(descriptor, done === 0 ? bytes : bytes.subarray(done), position + done);
    if (written <= 0) throw Object.assign(new Error("the system took no bytes"), { code: "EIO" });
    done += written;
  }
}
