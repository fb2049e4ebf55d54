/** File contents for the archive core: how a planned file is opened, read and asked for its status. */
import * as fs from "node:fs";
import type { ContentAccess, ContentReader, ContentStatus } from "../archive/source.ts";
import type { Bytes } from "../engine/engine.ts";
import { O_NONBLOCK, reach } from "./descriptors.ts";
import { ctimeOf, identityOf, modeOf, statusOfDescriptor, timeOf } from "./metadata.ts";
import { openItself } from "./open_itself.ts";

/**
 * Opens files on disk by their location, of any length on Linux. A name that has become a symlink, a FIFO, a device or
 * a folder since it was listed is refused; opening never blocks.
 */
export const fileContent: ContentAccess = {
  open(location: string): ContentReader {
    const descriptor = reach(location, (path) => openItself(path, O_NONBLOCK));
    try {
      if (!statusOfDescriptor(descriptor).isFile) {
        throw new TypeError(`Cannot read "${location}": it is not a regular file any more`);
      }
    } catch (error) {
      fs.closeSync(descriptor);
      throw error;
    }
    return new FileReader(descriptor);
  },
};

class FileReader implements ContentReader {
  readonly #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  read(position: number, into: Bytes): number {
    return fs.readSync(this.#descriptor, into, 0, into.length, position);
  }

  status(): ContentStatus {
    const info = statusOfDescriptor(this.#descriptor);
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
