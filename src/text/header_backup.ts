/** A header as text, to be kept where the archive is not: base64 between two lines that say what it is. */
import type { Bytes } from "../engine/engine.ts";
import { HEADER_PAGE_BYTES, HEADER_PAGE_COUNTS } from "../format/limits.ts";

const BEGIN = "-----BEGIN COFFER HEADER-----";
const END = "-----END COFFER HEADER-----";
const LINE_LENGTH = 64;

/** More than any backup has. */
export const MAX_BACKUP_TEXT = 2 ** 18;

/** A header copy as text. */
export function encodeHeaderBackup(header: Bytes): string {
  const lines = new Uint8Array(header).toBase64().match(new RegExp(`.{1,${LINE_LENGTH}}`, "g")) ?? [];
  return [BEGIN, ...lines, END, ""].join("\n");
}

/**
 * The header copy in a text; what stands before and behind it is passed over. Its own checksum tells a typo.
 *
 * @throws {RangeError} when there is none.
 */
export function decodeHeaderBackup(text: string): Bytes {
  const [, body] = text.split(BEGIN);
  const [base64, rest] = body?.split(END) ?? [];
  if (base64 === undefined || rest === undefined) throw new RangeError("it holds no whole header backup");
  let bytes: Bytes;
  try {
    bytes = Uint8Array.fromBase64(base64.replace(/\s/g, ""));
  } catch {
    throw new RangeError("the header backup in it is mistyped: it is not base64");
  }
  if (HEADER_PAGE_COUNTS.some((count) => count * HEADER_PAGE_BYTES === bytes.length)) return bytes;
  throw new RangeError(`the header backup in it is not whole: it has ${bytes.length} bytes`);
}
