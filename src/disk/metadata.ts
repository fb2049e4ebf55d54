/** Conversions between what the system says about an entry and what a row keeps. */
import { MAX_INODE, MAX_OWNER_NAME_BYTES } from "../format/limits.ts";
import { utf8Length } from "../format/path.ts";
import type { Owner, Time } from "../format/row.ts";
import { descriptorPath, descriptorsWork } from "./descriptors.ts";
import { libc } from "./libc.ts";
import { nodeFs } from "./node_builtins.ts";

/** Permission bits with set-id and sticky. */
const MODE_MASK = 0o7777;

/** Which file it is, whatever it is called. */
export interface Identity {
  /** Device number. */
  readonly dev: number;
  /** Inode number; 0 is 'not known'. */
  readonly inode: number;
}

/** The runtime's time as a row's. The runtime gives milliseconds for mtime and whole seconds for ctime. */
export function timeOf(date: Date | null): Time {
  return date === null ? { seconds: 0, nanoseconds: 0 } : timeOfMilliseconds(date.getTime());
}

/** Milliseconds since 1970, fractions dropped, as a row's time. */
function timeOfMilliseconds(milliseconds: number): Time {
  const seconds = Math.floor(milliseconds / 1000);
  return { seconds, nanoseconds: Math.floor(milliseconds - seconds * 1000) * 1_000_000 };
}

/** A row's time in milliseconds since 1970, rounded down. */
export function millisecondsOf(time: Time): number {
  return time.seconds * 1000 + Math.floor(time.nanoseconds / 1_000_000);
}

/** Permission bits; where the platform has none, those of an ordinary file or folder. */
export function modeOf(info: Deno.FileInfo): number {
  if (info.mode === null || Deno.build.os === "windows") return info.isDirectory ? 0o755 : 0o644;
  return info.mode & MODE_MASK;
}

/** Device and inode; an inode beyond 2^53 - 1 arrives rounded and would equal others, so it counts as not known. */
export function identityOf(info: Pick<Deno.FileInfo, "dev" | "ino">): Identity {
  const inode = info.ino !== null && info.ino <= MAX_INODE ? info.ino : 0;
  return { dev: inode === 0 ? 0 : info.dev, inode };
}

/** Whether two are the same file. */
export function isSameFile(a: Identity, b: Identity): boolean {
  return a.dev === b.dev && a.inode === b.inode;
}

/** Whole seconds of the last status change; 0 where the platform does not say. */
export function ctimeOf(info: Deno.FileInfo): number {
  return info.ctime === null ? 0 : Math.floor(info.ctime.getTime() / 1000);
}

/**
 * The status of an open descriptor. Through `/proc` it costs a quarter of `fstatSync`, which matters twice per file.
 */
export function statusOfDescriptor(descriptor: number): Deno.FileInfo {
  if (descriptorsWork()) return Deno.statSync(descriptorPath(descriptor));
  const stats = nodeFs().fstatSync(descriptor);
  return {
    isFile: stats.isFile(),
    isDirectory: stats.isDirectory(),
    isSymlink: stats.isSymbolicLink(),
    isBlockDevice: stats.isBlockDevice(),
    isCharDevice: stats.isCharacterDevice(),
    isFifo: stats.isFIFO(),
    isSocket: stats.isSocket(),
    size: stats.size,
    mtime: stats.mtime,
    atime: stats.atime,
    birthtime: stats.birthtime,
    ctime: stats.ctime,
    dev: stats.dev,
    ino: stats.ino,
    mode: stats.mode,
    nlink: stats.nlink,
    uid: stats.uid,
    gid: stats.gid,
    rdev: stats.rdev,
    blksize: stats.blksize,
    blocks: stats.blocks,
  };
}

/**
 * Seconds for `node:fs`'s time calls, which cut the fraction off after a division: half a millisecond more keeps the
 * millisecond. They refuse fractions before 1970; those are rounded down to the second.
 */
export function secondsForNode(time: Time): number | Date {
  const milliseconds = millisecondsOf(time);
  // A negative number would mean 'now' to node:fs; a Date does not.
  return milliseconds >= 0 ? (milliseconds + 0.5) / 1000 : new Date(time.seconds * 1000);
}

/** Sets a descriptor's access time to `accessed` and its modification time to `modified`, to the millisecond. */
export function setTimes(descriptor: number, accessed: Date, modified: Time): void {
  const calls = libc();
  const milliseconds = millisecondsOf(modified);
  if (calls !== undefined && milliseconds >= 0 && accessed.getTime() >= 0) {
    if (calls.setTimes(descriptor, accessed.getTime(), milliseconds) === 0) return;
  }
  // The runtime says what is wrong.
  if (calls !== undefined || (modified.seconds < 0 && modified.nanoseconds >= 1_000_000 && descriptorsWork())) {
    Deno.utimeSync(descriptorPath(descriptor), accessed, new Date(milliseconds));
  } else {
    nodeFs().futimesSync(descriptor, accessed, secondsForNode(modified));
  }
}

/** The largest id that can be set: the one above it means 'leave it' to `chown`. */
const MAX_ID = 2 ** 32 - 2;

/**
 * User and group names of this system, from `/etc/passwd` and `/etc/group`; empty where those cannot be read.
 * Directory services (LDAP and the like) are not asked: their names come out empty, and numbers are kept.
 */
export class OwnerNames {
  readonly #users: NameTable;
  readonly #groups: NameTable;
  readonly #owners = new Map<string, Owner>();
  #last: Owner | undefined;

  /** Takes the text of the two files; without it, reads them. */
  constructor(passwd: string = readIfAllowed("/etc/passwd"), group: string = readIfAllowed("/etc/group")) {
    this.#users = parseNames(passwd);
    this.#groups = parseNames(group);
  }

  /** The owner of these numbers; the same object each time, since a tree has few owners and many rows. */
  ownerOf(uid: number, gid: number): Owner {
    if (this.#last?.uid === uid && this.#last.gid === gid) return this.#last;
    const key = `${uid}:${gid}`;
    let owner = this.#owners.get(key);
    if (owner === undefined) {
      owner = { uid, gid, user: this.#users.names.get(uid) ?? "", group: this.#groups.names.get(gid) ?? "" };
      this.#owners.set(key, owner);
    }
    this.#last = owner;
    return owner;
  }

  /**
   * The numbers to set for a stored owner: a name known here counts, otherwise the stored number. A lookup that fails
   * never widens: there is no default owner. `undefined` when a number cannot be set at all.
   */
  idsOf(owner: Owner): { uid: number; gid: number } | undefined {
    const uid = (owner.user === "" ? undefined : this.#users.ids.get(owner.user)) ?? owner.uid;
    const gid = (owner.group === "" ? undefined : this.#groups.ids.get(owner.group)) ?? owner.gid;
    const settable = (id: number) => Number.isInteger(id) && id >= 0 && id <= MAX_ID;
    return settable(uid) && settable(gid) ? { uid, gid } : undefined;
  }
}

interface NameTable {
  readonly names: ReadonlyMap<number, string>;
  readonly ids: ReadonlyMap<string, number>;
}

/** Lines of `name:password:id:…`; the first line of a name or number counts, as in the C library. */
function parseNames(text: string): NameTable {
  const names = new Map<number, string>();
  const ids = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [name = "", , number = ""] = line.split(":");
    const id = /^\d{1,10}$/.test(number) ? Number(number) : -1;
    if (name === "" || name.includes("\ufffd") || utf8Length(name) > MAX_OWNER_NAME_BYTES || id < 0) continue;
    if (!names.has(id)) names.set(id, name);
    if (!ids.has(name)) ids.set(name, id);
  }
  return { names, ids };
}

function readIfAllowed(path: string): string {
  // Asked first: a terminal must not see a permission prompt for a convenience.
  if (Deno.build.os === "windows" || Deno.permissions.querySync({ name: "read", path }).state !== "granted") return "";
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}
