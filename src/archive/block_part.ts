/** What blocks are planned of: shares of entries. */
import type { Bytes } from "../engine/engine.ts";
import type { Row } from "../format/row.ts";

/** Where the bytes of one part come from: a file to open, or memory. Entries that are no files have none. */
export type PartContent =
  | { readonly kind: "none" }
  | { readonly kind: "bytes"; readonly bytes: Bytes }
  | {
    readonly kind: "file";
    /** What {@linkcode ContentAccess} opens. */
    readonly location: string;
    /** The file has fewer blocks on disk than bytes: runs of zeros are holes. */
    readonly sparse: boolean;
  };

/** One entry's share of a block. */
export interface BlockPart {
  /** The row as it was planned. */
  readonly row: Row;
  /** Byte offset in the file of the slice to take. */
  readonly offset: number;
  /** Bytes of the slice. */
  readonly length: number;
  /** This slice ends the file, so the full row is stored with it. */
  readonly last: boolean;
  /** Where the bytes come from. */
  readonly content: PartContent;
}

/** A part that could not be stored. */
export interface FailedPart {
  readonly ok: false;
  /** The row as it was planned. */
  readonly row: Row;
  /** Whether it was the file's last slice. */
  readonly last: boolean;
  /** What was thrown. */
  readonly problem: unknown;
}
