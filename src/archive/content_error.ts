/** Says of a block that cannot be opened whose content it was. */
import { ArchiveError } from "../format/errors.ts";
import type { Extent } from "../format/row.ts";

/**
 * The error of opening a block, with the file that it was opened for and the bytes that are missing; `also` counts
 * further files whose content was wanted from it. Anything but damage is given back as it is.
 */
export function contentError(error: unknown, path: string, extents: readonly Extent[], also = 0): unknown {
  if (!(error instanceof ArchiveError) || error.place.path !== undefined) return error;
  if (error.code !== "damaged" && error.code !== "truncated") return error;
  const [first] = extents;
  const last = extents.at(-1);
  if (first === undefined || last === undefined) return error;
  const range = `bytes ${first.fileOffset} to ${last.fileOffset + last.length - 1}`;
  const others = also === 0 ? "" : also === 1 ? ", and another file," : `, and ${also} other files,`;
  const { offset, frame } = error.place;
  const where = offset === undefined ? "" : `, at byte ${offset} of the archive`;
  const message = `Cannot read ${JSON.stringify(path)}: ${range} of it${others} lie in a damaged block${where}`;
  const place = { ...(offset === undefined ? {} : { offset }), ...(frame === undefined ? {} : { frame }), path };
  return new ArchiveError(error.code, message, place, { cause: error });
}
