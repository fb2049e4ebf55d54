/**
 * A row: one entry's metadata (FORMAT.md, "Rows"). What is stored about an entry is all here; where its bytes lie is
 * not, so that equal rows are equal wherever they stand.
 */
import type { Bytes } from "../engine/engine.ts";

/** What an entry is. */
export type EntryKind = "file" | "directory" | "symlink" | "hardlink" | "fifo";

/** The kinds by their number in the format, less one. */
export const ENTRY_KINDS: readonly EntryKind[] = ["file", "directory", "symlink", "hardlink", "fifo"];

/** A moment: whole seconds since 1970-01-01T00:00:00Z, rounded down, and the nanoseconds after them. */
export interface Time {
  /** Seconds, negative before 1970. */
  readonly seconds: number;
  /** Nanoseconds, 0 to 999,999,999. */
  readonly nanoseconds: number;
}

/** Who owns an entry: numbers, and names where the system knew them. */
export interface Owner {
  /** User id. */
  readonly uid: number;
  /** Group id. */
  readonly gid: number;
  /** User name, or empty. */
  readonly user: string;
  /** Group name, or empty. */
  readonly group: string;
}

/** One entry's metadata. */
export interface Row {
  /** Relative path, parts joined by `/`; `.` is the root's own row. */
  readonly path: string;
  /** What it is. */
  readonly kind: EntryKind;
  /** Permission bits with set-id and sticky, 0 to 0o7777. */
  readonly mode: number;
  /** Bytes of content; 0 for all but regular files. */
  readonly size: number;
  /** Time of last modification. */
  readonly mtime: Time;
  /** Whole seconds of the last status change; 0 is 'not known'. Kept for updates, never restored. */
  readonly ctime: number;
  /** Device number where it was read; 0 is 'not known'. Kept for updates, never restored. */
  readonly dev: number;
  /** Inode number where it was read; 0 is 'not known'. Kept for updates, never restored. */
  readonly inode: number;
  /** Owner, where it is known. */
  readonly owner: Owner | undefined;
  /** A symlink's target as it was, a hardlink's target path in this archive, otherwise empty. */
  readonly link: string;
  /** The content changed while it was read: what is stored may mix two states. */
  readonly changed: boolean;
  /** Keyed hash of the content, where it was taken (32 bytes). */
  readonly contentHash: Bytes | undefined;
}

/** A range of one file whose bytes lie in a block. */
export interface Slice {
  /** Byte offset in the file. */
  readonly fileOffset: number;
  /** Bytes; at least 1. */
  readonly length: number;
  /** Byte offset in the block's data. */
  readonly dataOffset: number;
}

/** Where a block is. */
export interface BlockPlace {
  /** Number of its segment; absent for the first one's. */
  readonly segment?: number;
  /** Its frame number. */
  readonly frame: number;
  /** Byte offset of its frame from the body's start. */
  readonly offset: number;
  /** Bytes of its whole frame. */
  readonly frameBytes: number;
}

/** A range of a file and the block that its bytes lie in. */
export interface Extent extends Slice {
  /** The block. */
  readonly block: BlockPlace;
  /** The bytes are stored for several places; absent where they are a slice of the file's own. */
  readonly shared?: true;
}
