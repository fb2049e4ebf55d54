/** What a look at a name or a descriptor found, as rows need it. */
import { MAX_INODE } from "../format/limits.ts";
import type { Time } from "../format/row.ts";
import { descriptorPath } from "./descriptors.ts";
import { type Libc, libc } from "./libc.ts";
import { ctimeOf, modeOf, statusOfDescriptor, timeOf } from "./metadata.ts";
import type { SystemStatus } from "./system_status.ts";

/** What kind of thing it is. */
export type LookKind = "file" | "directory" | "symlink" | "fifo" | "socket" | "device";

/** The status of one name or descriptor. */
export interface Look {
  readonly kind: LookKind;
  /** Permission bits, 0 to 0o7777. */
  readonly mode: number;
  /** Bytes. */
  readonly size: number;
  /** Time of last modification, to the millisecond. */
  readonly mtime: Time;
  /** Whole seconds of the last status change; 0 where the platform does not say. */
  readonly ctime: number;
  readonly dev: number;
  /** Inode number, rounded beyond 2^53 - 1; `null` where the platform has none. */
  readonly ino: number | null;
  readonly nlink: number | null;
  readonly uid: number | null;
  readonly gid: number | null;
  /** Units of 512 bytes on disk. */
  readonly blocks: number | null;
}

/** The runtime's answer as a look. */
export function lookFrom(info: Deno.FileInfo): Look {
  return {
    kind: kindOf(info),
    mode: modeOf(info),
    size: info.size,
    mtime: timeOf(info.mtime),
    ctime: ctimeOf(info),
    dev: info.dev,
    ino: info.ino,
    nlink: info.nlink,
    uid: info.uid,
    gid: info.gid,
    blocks: info.blocks,
  };
}

function kindOf(info: Deno.FileInfo): LookKind {
  if (info.isFile) return "file";
  if (info.isDirectory) return "directory";
  if (info.isSymlink) return "symlink";
  if (info.isFifo === true) return "fifo";
  return info.isSocket === true ? "socket" : "device";
}

/** The status of a name in a folder that is open, symlinks not followed. */
export function lookIn(folder: number, name: string): Look {
  const status = libc()?.statusAt(folder, name);
  return status === undefined ? lookFrom(Deno.lstatSync(`${descriptorPath(folder)}/${name}`)) : systemLook(status);
}

const S_IFREG = 0x8000;
const S_IFDIR = 0x4000;

/** Whether it is a folder. */
export function isFolder({ fullMode }: SystemStatus): boolean {
  return fullMode >= S_IFDIR && fullMode < S_IFDIR + 4096;
}

/** Whether it is a regular file with one name and a number of its own. */
export function isLoneFile(status: SystemStatus): boolean {
  const { fullMode } = status;
  return fullMode >= S_IFREG && fullMode < S_IFREG + 4096 && status.nlink === 1 && hasNumber(status);
}

/** Whether it has a number of its own, which a row can have. */
export function hasNumber({ inode }: SystemStatus): boolean {
  return inode !== 0 && inode <= MAX_INODE;
}

/** The status of a descriptor of the runtime's. */
export function lookAtDescriptor(descriptor: number): Look {
  const status = libc()?.statusOf(descriptor);
  return status === undefined ? lookFrom(statusOfDescriptor(descriptor)) : systemLook(status);
}

/** The status of a descriptor that was opened by `calls`; `undefined` when it has to be asked for in another way. */
export function lookThrough(calls: Libc, descriptor: number): Look | undefined {
  const status = calls.statusOf(descriptor);
  return status === undefined ? undefined : systemLook(status);
}

/** The bits of a mode that say what kind of thing it is, as POSIX systems have them. */
const KINDS: readonly (LookKind | undefined)[] = Object.assign(new Array(16).fill(undefined), {
  1: "fifo",
  4: "directory",
  8: "file",
  10: "symlink",
  12: "socket",
});

/** What the system said, as a look. */
export function systemLook(status: SystemStatus): Look {
  const { fullMode, mtimeNanoseconds, inode } = status;
  return {
    kind: KINDS[Math.floor(fullMode / 4096)] ?? "device",
    mode: fullMode % 4096,
    size: status.size,
    mtime: { seconds: status.mtimeSeconds, nanoseconds: mtimeNanoseconds - mtimeNanoseconds % 1_000_000 },
    ctime: status.ctimeSeconds,
    dev: status.dev,
    ino: inode,
    nlink: status.nlink,
    uid: status.uid,
    gid: status.gid,
    blocks: status.blocks,
  };
}
