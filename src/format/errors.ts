/**
 * The failure classes of FORMAT.md, one code each, so that a caller can tell a wrong passphrase from an altered
 * archive, and an altered one from a cut one, without reading messages.
 */
export type ArchiveErrorCode =
  /** Nothing here looks like a Coffer archive. */
  | "not-an-archive"
  /** A Coffer archive, but it needs a newer reader. */
  | "newer-version"
  /** None of the keys given opens a key slot. */
  | "wrong-key"
  /** Bytes differ from what was sealed: a tag or a MAC does not hold, or the header's checksum. */
  | "damaged"
  /** What was sealed breaks the format: the writer was faulty or hostile. */
  | "malformed"
  /** Two sealed copies of one fact disagree, such as a block's row and the catalog's. */
  | "inconsistent"
  /** The archive is whole, but bytes follow it that do not belong to it. */
  | "trailing-data"
  /** The archive ends too early. */
  | "truncated"
  /** The archive is older than what its own header says. */
  | "rolled-back"
  /** A path or link that must not be followed. */
  | "unsafe"
  /** A number that exceeds a limit of FORMAT.md or one set by the caller. */
  | "limit";

/** Where in an archive something was found. */
export interface ArchiveErrorPlace {
  /** Byte offset from the start of the archive, where it is known. */
  readonly offset?: number;
  /** Frame number, where it is known. */
  readonly frame?: number;
  /** Entry path, where it is known. */
  readonly path?: string;
}

/**
 * A bad archive, or a key that does not open it. I/O errors are not wrapped: they pass through as they are.
 *
 * @example
 * ```ts
 * import { ArchiveError } from "./errors.ts";
 * const error = new ArchiveError("truncated", "Cannot read the archive: it ends after 12 bytes");
 * console.log(error.code); // "truncated"
 * ```
 */
export class ArchiveError extends Error {
  /** `"ArchiveError"`. */
  override readonly name = "ArchiveError";
  /** The failure class; see FORMAT.md, "Failure classes". */
  readonly code: ArchiveErrorCode;
  /** Where it was found. */
  readonly place: ArchiveErrorPlace;

  /** Creates an error of one failure class; `message` is a sentence without its full stop. */
  constructor(code: ArchiveErrorCode, message: string, place?: ArchiveErrorPlace, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.place = place ?? {};
  }
}
