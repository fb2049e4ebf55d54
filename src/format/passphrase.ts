/** Passphrases as bytes (FORMAT.md, "Passphrases"): what is hashed is NFC and UTF-8, and nothing else is accepted. */
import type { Bytes } from "../engine/engine.ts";
import { MAX_PASSPHRASE_BYTES } from "./limits.ts";

/**
 * The bytes of a passphrase: NFC, UTF-8.
 *
 * Deliberately not trimmed and not truncated: HMAC pads short keys with zeros, so `abc` and `abc\0` would be one
 * passphrase if control characters were let through, and a second passphrase would open the archive.
 *
 * @throws {RangeError} when it is empty, over 1,024 bytes, holds a control character or is not well-formed.
 */
export function encodePassphrase(passphrase: string): Bytes {
  if (passphrase === "") throw new RangeError("Cannot use an empty passphrase");
  if (!passphrase.isWellFormed()) throw new RangeError("Cannot use the passphrase: it is not well-formed Unicode");
  // deno-lint-ignore no-control-regex -- control characters are what is looked for
  const control = /[\u0000-\u001f\u007f-\u009f]/.exec(passphrase);
  if (control !== null) {
    const code = control[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
    throw new RangeError(`Cannot use the passphrase: it holds the control character U+${code}`);
  }
  const bytes = new TextEncoder().encode(passphrase.normalize("NFC"));
  if (bytes.length > MAX_PASSPHRASE_BYTES) {
    throw new RangeError(`Cannot use the passphrase: it is over ${MAX_PASSPHRASE_BYTES} bytes`);
  }
  return bytes;
}
