/** File contents for the archive core: how a planned file is opened, read and asked for its status. */
import * as fs from "node:fs";
import type { ContentAccess, ContentReader, ContentStatus } from "../archive/source.ts";
import { isUnchanged } from "../archive/whole_files.ts";
import type { Bytes } from "../engine/engine.ts";
import { O_NOFOLLOW, O_NONBLOCK, reach } from "./descriptors.ts";
import { type Libc, libc } from "./libc.ts";
import { type Look, lookAtDescriptor, lookThrough } from "./look.ts";
import { identityOf } from "./metadata.ts";
import { openItself } from "./open_itself.ts";

/**
 * Opens files on disk by their location, of any length on Linux. A name that has become a symlink since it was listed
 * is refused on opening, which never blocks; a FIFO, a device or a folder when its status is asked for.
 */
export const fileContent: ContentAccess = {
  open(location: string): ContentReader {
    const calls = libc();
    const descriptor = calls?.open(location, fs.constants.O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0) ?? -1;
    return calls === undefined || descriptor < 0
      ? new FileReader(openAt(location))
      : new DirectReader(calls, location, descriptor);
  },
  ...(libc() === undefined ? {} : { readUnchanged }),
};

/** Four calls and hardly an object, which is what a small file costs in any program. */
function readUnchanged(location: string, into: Bytes, planned: Float64Array, at: number): boolean {
  const calls = libc() as Libc;
  const descriptor = calls.open(location, fs.constants.O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
  if (descriptor < 0) return false;
  try {
    if (into.length > 0 && calls.read(descriptor, into, 0) !== into.length) return false;
    const look = lookThrough(calls, descriptor);
    return look?.kind === "file" && isUnchanged(statusFrom(look), planned, at);
  } finally {
    calls.close(descriptor);
  }
}

function openAt(location: string): number {
  return reach(location, (path) => openItself(path, O_NONBLOCK));
}

class FileReader implements ContentReader {
  readonly #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  read(position: number, into: Bytes): number {
    return fs.readSync(this.#descriptor, into, 0, into.length, position);
  }

  status(): ContentStatus {
    return statusFrom(lookAtDescriptor(this.#descriptor));
  }

  close(): void {
    fs.closeSync(this.#descriptor);
  }
}

/** Reads by the C library's calls; by the runtime's, from the first one on that fails. */
class DirectReader implements ContentReader {
  readonly #calls: Libc;
  readonly #location: string;
  readonly #descriptor: number;
  #other: FileReader | undefined;

  constructor(calls: Libc, location: string, descriptor: number) {
    this.#calls = calls;
    this.#location = location;
    this.#descriptor = descriptor;
  }

  read(position: number, into: Bytes): number {
    if (this.#other !== undefined) return this.#other.read(position, into);
    const count = this.#calls.read(this.#descriptor, into, position);
    return count < 0 ? this.#instead().read(position, into) : count;
  }

  status(): ContentStatus {
    const look = this.#other === undefined ? lookThrough(this.#calls, this.#descriptor) : undefined;
    return look === undefined ? this.#instead().status() : statusFrom(look);
  }

  /** The same file, opened in the other way. */
  #instead(): FileReader {
    if (this.#other !== undefined) return this.#other;
    const descriptor = openAt(this.#location);
    const before = this.#calls.statusOf(this.#descriptor);
    const after = this.#calls.statusOf(descriptor);
    if (before?.inode !== after?.inode || before?.dev !== after?.dev) {
      fs.closeSync(descriptor);
      throw new TypeError("it was replaced by another file meanwhile");
    }
    return this.#other = new FileReader(descriptor);
  }

  close(): void {
    this.#calls.close(this.#descriptor);
    this.#other?.close();
  }
}

function statusFrom(look: Look): ContentStatus {
  // Only here, and not at opening too: a look costs as much as opening and reading a small file.
  if (look.kind !== "file") throw new TypeError("it is not a regular file any more");
  const { size, mode, mtime, ctime } = look;
  return { size, mode, mtime, ctime, ...identityOf(look) };
}
