/** Making one regular file of an extraction target: the same on every thread. */
import type { Row } from "../format/row.ts";
import { type DiskCalls, diskCalls, writeFully } from "./disk_calls.ts";
import { libc } from "./libc.ts";
import { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } from "./open_flags.ts";
import type { MetadataSetter } from "./restore_metadata.ts";
import type { Piece } from "./restore_options.ts";

/** Flags that make a file exclusively, never through a symlink. */
export const CREATE: number = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;

/** What making a file takes besides its content. */
export interface FileTools {
  /** The system calls. */
  readonly calls: DiskCalls;
  /** What sets metadata. */
  readonly metadata: MetadataSetter;
}

/** The end of the farthest piece. */
export function lengthOf(pieces: readonly Piece[]): number {
  let length = 0;
  for (const piece of pieces) length = Math.max(length, piece.fileOffset + piece.bytes.length);
  return length;
}

/**
 * Makes a file at `location` exclusively, writes the pieces and sets the row's size and metadata. When that fails
 * after the file was made, `discard` is called to remove it.
 */
export function makeFile(
  { calls, metadata }: FileTools,
  location: string,
  row: Row,
  path: string,
  pieces: readonly Piece[],
  discard: () => void,
): void {
  if (calls === diskCalls && makeDirectly(metadata, location, row, pieces, discard)) return;
  const descriptor = calls.open(location, CREATE, 0o600);
  try {
    try {
      for (const piece of pieces) writeFully(calls, descriptor, piece.bytes, piece.fileOffset);
      if (lengthOf(pieces) !== row.size) calls.truncate(descriptor, row.size);
      metadata.set(descriptor, row, path);
    } finally {
      calls.close(descriptor);
    }
  } catch (error) {
    discard();
    throw error;
  }
}

/**
 * The same by the C library's calls, which cost a third. When one of them fails, nothing is left of the file, and
 * all of it is tried again, to say what is wrong.
 */
function makeDirectly(
  metadata: MetadataSetter,
  location: string,
  row: Row,
  pieces: readonly Piece[],
  discard: () => void,
): boolean {
  const calls = libc();
  if (calls === undefined || !metadata.canSetDirectly(row) || lengthOf(pieces) !== row.size) return false;
  const descriptor = calls.open(location, CREATE, 0o600);
  if (descriptor < 0) return false;
  let made = false;
  try {
    made = pieces.every(({ fileOffset, bytes }) => calls.write(descriptor, bytes, fileOffset) === bytes.length) &&
      metadata.setDirectly(calls, descriptor, row);
  } finally {
    calls.close(descriptor);
    if (!made) discard();
  }
  return made;
}
