/** Reading a planned file, and what its status says when it has been read. */
import type { Bytes } from "../engine/engine.ts";
import type { Row } from "../format/row.ts";
import { rowFault } from "../format/rows.ts";
import type { ContentReader, ContentStatus } from "./source.ts";

/** Reads until the bytes are full or the file ends; returns how many there are. */
export function readFully(reader: ContentReader, offset: number, into: Bytes): number {
  let done = 0;
  while (done < into.length) {
    const count = reader.read(offset + done, into.subarray(done));
    if (count === 0) break;
    done += count;
  }
  return done;
}

/**
 * The row from a second look, taken after the bytes were read. The size is what was read up to: a file that grew is
 * kept up to its planned size. One that shrank ends where the bytes of its last slice ended: other slices may be built
 * elsewhere at the same time, so what has gone from the middle of a large file reads as zeros. The row says it changed.
 */
export function finalRow(planned: Row, size: number, status: ContentStatus): Row {
  const changed = status.size !== planned.size || size !== planned.size || status.ctime !== planned.ctime ||
    status.inode !== planned.inode || status.dev !== planned.dev ||
    status.mtime.seconds !== planned.mtime.seconds || status.mtime.nanoseconds !== planned.mtime.nanoseconds;
  // The row itself says that nothing is new, which is all that a worker has to send back then.
  if (!changed && status.mode === planned.mode) return planned.changed ? { ...planned, changed } : planned;
  const { mode, mtime, ctime, dev, inode } = status;
  const row = { ...planned, size, mode, mtime, ctime, dev, inode, changed };
  const fault = rowFault(row);
  if (fault !== undefined) throw new Error(fault);
  return row;
}
