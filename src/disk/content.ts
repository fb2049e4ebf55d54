/** File contents for the archive core: how a planned file is opened, read and asked for its status. */
import * as fs from "node:fs";
import type { ContentAccess, ContentReader, ContentStatus } from "../archive/source.ts";
import type { Bytes } from "../engine/engine.ts";
import { O_NONBLOCK, reach } from "./descriptors.ts";
import { ctimeOf, identityOf, modeOf, statusOfDescriptor, timeOf } from "./metadata.ts";
import { openItself } from "./open_itself.ts";

/**
 * Opens files on disk by their location, of any length on Linux. A name that has become a symlink since it was listed is
 * refused on opening, which never blocks; a FIFO, a device or a folder when its status is asked for.
 */
export const fileContent: ContentAccess = {
  open(location: string): ContentReader {
    return new FileReader(location, reach(location, (path) => openItself(path, O_NONBLOCK)));
  },
};

class FileReader implements ContentReader {
  readonly #location: string;
  readonly #descriptor: number;

  constructor(location: string, descriptor: number) {
    this.#location = location;
    this.#descriptor = descriptor;
  }

  read(position: number, into: Bytes): number {
    return fs.readSync(this.#descriptor, into, 0, into.length, position);
  }

  status(): ContentStatus {
    const info = statusOfDescriptor(this.#descriptor);
    // Only here, and not at opening too: a look costs as much as opening and reading a small file.
    if (!info.isFile) throw new Error("it is not a regular file any more");
    return {
      size: info.size,
      mode: modeOf(info),
      mtime: timeOf(info.mtime),
      ctime: ctimeOf(info),
      ...identityOf(info),
    };
  }

  close(): void {
    fs.closeSync(this.#descriptor);
  }
}
