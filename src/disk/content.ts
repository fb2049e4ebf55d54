/** File contents for the archive core: how a planned file is opened, read and asked for its status. */
import type { ContentAccess, ContentReader, ContentStatus } from "../archive/source.ts";
import { isUnchanged } from "../archive/whole_files.ts";
import type { Bytes } from "../engine/engine.ts";
import { reach } from "./descriptors.ts";
import { files } from "./files.ts";
import { type Libc, libc } from "./libc.ts";
import { type Look, lookAtDescriptor, lookThrough } from "./look.ts";
import { identityOf } from "./metadata.ts";
import { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } from "./open_flags.ts";
import { openItself } from "./open_itself.ts";

/**
 * Opens files on disk by their location, of any length on Linux. A name that has become a symlink since it was listed
 * is refused on opening, which never blocks; a FIFO, a device or a folder when its status is asked for.
 */
export const fileContent: ContentAccess = {
  open: (location: string): ContentReader => new FileReader(openAt(location)),
  ...(libc() === undefined ? {} : { readUnchanged }),
};

/** Four calls and hardly an object, which is what a small file costs in any program. */
function readUnchanged(location: string, into: Bytes, planned: Float64Array, at: number): boolean {
  const calls = libc() as Libc;
  const descriptor = calls.open(location, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
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
    return files.read(this.#descriptor, into, position);
  }

  status(): ContentStatus {
    return statusFrom(lookAtDescriptor(this.#descriptor));
  }

  close(): void {
    files.close(this.#descriptor);
  }
}

function statusFrom(look: Look): ContentStatus {
  // Only here, and not at opening too: a look costs as much as opening and reading a small file.
  if (look.kind !== "file") throw new TypeError("it is not a regular file any more");
  const { size, mode, mtime, ctime } = look;
  return { size, mode, mtime, ctime, ...identityOf(look) };
}
