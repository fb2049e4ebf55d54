/**
 * The most common block: many small files, whole, and entries without content. Its rows are encoded once, when it is
 * planned. What builds it finds out whether they hold, with nothing made for each file, and the catalog takes them
 * over.
 */
import type { Bytes } from "../engine/engine.ts";
import { type EncodedRows, encodeWholeRows } from "../format/block.ts";
import type { BlockPart } from "./block_part.ts";
import { readFully } from "./file_reading.ts";
import type { ContentAccess, ContentStatus } from "./source.ts";

/** Blocks of fewer rows hold larger files, whose rows cost nothing beside their bytes; their rows gather in pages. */
const MIN_ROWS = 256;

/** The files of a block, as they were planned. */
export interface WholeFiles {
  /** {@linkcode FILE_NUMBERS} for each. */
  readonly numbers: Float64Array<ArrayBuffer>;
  /** What {@linkcode ContentAccess} opens, for each. */
  readonly locations: readonly string[];
}

/** Numbers for each file: size, seconds and nanoseconds of mtime, ctime, dev, inode, mode. */
export const FILE_NUMBERS = 7;

/**
 * The rows of a block as they are if every part is stored as it was planned; `undefined` where they are not made so.
 */
export function rowsOfWhole(parts: readonly BlockPart[]): EncodedRows | undefined {
  if (parts.length < MIN_ROWS) return undefined;
  for (const { row, offset, length, last, content } of parts) {
    if (offset !== 0 || !last || length !== row.size || row.changed) return undefined;
    if (content.kind === "bytes" || (content.kind === "file" && content.sparse)) return undefined;
  }
  return encodeWholeRows(parts);
}

/** What is to be read of such a block, and what it has to be like. */
export function filesOf(parts: readonly BlockPart[]): WholeFiles {
  const locations: string[] = [];
  const numbers = new Float64Array(parts.length * FILE_NUMBERS);
  let at = 0;
  for (const { row, content } of parts) {
    if (content.kind !== "file") continue;
    locations.push(content.location);
    numbers[at] = row.size;
    numbers[at + 1] = row.mtime.seconds;
    numbers[at + 2] = row.mtime.nanoseconds;
    numbers[at + 3] = row.ctime;
    numbers[at + 4] = row.dev;
    numbers[at + 5] = row.inode;
    numbers[at + 6] = row.mode;
    at += FILE_NUMBERS;
  }
  return { numbers: numbers.subarray(0, at), locations };
}

/**
 * Reads files one behind the other into `into`, which has their planned size. Returns false when one is not what was
 * planned, or cannot be read: then the block has to be built part by part, and what was read is worth nothing.
 */
export function readWhole({ numbers, locations }: WholeFiles, into: Bytes, access: ContentAccess): boolean {
  const readUnchanged = access.readUnchanged ?? ((location, into, planned, at) => {
    try {
      const reader = access.open(location);
      try {
        return readFully(reader, 0, into) === into.length && isUnchanged(reader.status(), planned, at);
      } finally {
        reader.close();
      }
    } catch {
      // Whoever builds the block part by part meets it again, and says so.
      return false;
    }
  });
  let end = 0;
  for (let i = 0; i < locations.length; i++) {
    const at = i * FILE_NUMBERS;
    const start = end;
    end += numbers[at] as number;
    if (!readUnchanged(locations[i] as string, into.subarray(start, end), numbers, at)) return false;
  }
  return true;
}

/** Whether a status is the planned one, whose numbers begin at `at`. */
export function isUnchanged(
  { size, mtime, ctime, dev, inode, mode }: ContentStatus,
  planned: Float64Array,
  at: number,
): boolean {
  return size === planned[at] && mtime.seconds === planned[at + 1] && mtime.nanoseconds === planned[at + 2] &&
    ctime === planned[at + 3] && dev === planned[at + 4] && inode === planned[at + 5] && mode === planned[at + 6];
}
