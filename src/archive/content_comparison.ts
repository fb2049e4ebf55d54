/** Whether something still has the content that an archive has for it. */
import type { Bytes } from "../engine/engine.ts";
import { isZero } from "../format/bytes.ts";
import type { PageEntry } from "../format/page.ts";
import type { Row } from "../format/row.ts";
import type { Archive } from "./archive.ts";
import { pauseEvery } from "./pause.ts";
import type { ContentAccess, ContentReader } from "./source.ts";

const BUFFER_BYTES = 2 ** 16;

/**
 * Compares a file with an entry's content, holes as zeros. A file that is not what its row says when it has been read
 * is another one, and so is one that cannot be read: whoever stores it will meet the reason.
 *
 * @throws {ArchiveError} when the archive's own content is bad.
 */
export async function hasContent(
  archive: Archive,
  entry: PageEntry,
  access: ContentAccess,
  location: string,
  row: Row,
): Promise<boolean> {
  let reader: ContentReader;
  try {
    reader = access.open(location);
  } catch {
    return false;
  }
  try {
    return await compare(archive, entry, reader) && isStill(reader, row);
  } finally {
    reader.close();
  }
}

function isStill(reader: ContentReader, row: Row): boolean {
  try {
    const { size, mtime, ctime, inode } = reader.status();
    return size === row.size && mtime.seconds === row.mtime.seconds && mtime.nanoseconds === row.mtime.nanoseconds &&
      ctime === row.ctime && inode === row.inode;
  } catch {
    return false;
  }
}

async function compare(archive: Archive, entry: PageEntry, reader: ContentReader): Promise<boolean> {
  const buffer = new Uint8Array(BUFFER_BYTES);
  const pause = pauseEvery();
  let position = 0;
  /** Whether the file's next bytes are these, or zeros up to `end`. */
  const next = async (end: number, bytes?: Uint8Array): Promise<boolean> => {
    for (const start = position; position < end;) {
      await pause();
      const wanted = Math.min(buffer.length, end - position);
      let count: number;
      try {
        count = reader.read(position, buffer.subarray(0, wanted));
      } catch {
        return false;
      }
      if (count === 0) return false;
      const read = buffer.subarray(0, count);
      if (bytes === undefined ? !isZero(read) : !isEqual(read, bytes, position - start)) return false;
      position += count;
    }
    return true;
  };
  for await (const { fileOffset, bytes } of archive.read(entry)) {
    if (!await next(fileOffset) || !await next(fileOffset + bytes.length, bytes)) return false;
  }
  return await next(entry.row.size);
}

function isEqual(read: Uint8Array, bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < read.length; i++) if (read[i] !== bytes[at + i]) return false;
  return true;
}

/** Whether two streams of bytes are the same, however they are cut. Neither is read further than it takes to tell. */
export async function sameBytes(
  some: AsyncIterable<Bytes> | Iterable<Bytes>,
  others: AsyncIterable<Bytes> | Iterable<Bytes>,
): Promise<boolean> {
  const pause = pauseEvery();
  const other = Symbol.asyncIterator in others ? others[Symbol.asyncIterator]() : others[Symbol.iterator]();
  try {
    let held: Bytes = new Uint8Array(0);
    for await (const piece of some) {
      for (let at = 0; at < piece.length;) {
        await pause();
        if (held.length === 0) {
          const { value, done } = await other.next();
          if (done === true) return false;
          held = value;
          continue;
        }
        const count = Math.min(held.length, piece.length - at);
        if (!isEqual(piece.subarray(at, at + count), held, 0)) return false;
        held = held.subarray(count);
        at += count;
      }
    }
    while (held.length === 0) {
      const { value, done } = await other.next();
      if (done === true) return true;
      held = value;
    }
    return false;
  } finally {
    await other.return?.();
  }
}
