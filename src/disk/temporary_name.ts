/** Names of files and folders that are being made: unpredictable, hidden, and telling what they will become. */
import { MAX_PART_BYTES } from "../format/limits.ts";
import { utf8Length } from "../format/path.ts";

/** How every temporary name ends. */
export const TEMPORARY_SUFFIX = ".coffer-tmp";

/** Random characters of a temporary name: 12 of 32, which is 60 bits. */
const RANDOM_CHARACTERS = 12;
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

/**
 * A temporary name for what will be called `name`: `.NAME.RANDOM.coffer-tmp`, with the end of `name` left out where
 * the whole would exceed 255 bytes. A predictable name could be taken, or made a symlink, by somebody else.
 */
export function temporaryName(name: string): string {
  const random = crypto.getRandomValues(new Uint8Array(RANDOM_CHARACTERS));
  let tail = ".";
  for (const byte of random) tail += ALPHABET[byte % ALPHABET.length];
  tail += TEMPORARY_SUFFIX;
  let kept = name;
  if (name.length * 3 + 1 + tail.length > MAX_PART_BYTES) {
    const characters = [...name];
    while (utf8Length(characters.join("")) + 1 + tail.length > MAX_PART_BYTES) characters.pop();
    kept = characters.join("");
  }
  return `.${kept}${tail}`;
}

/** Splits a path at its last separator: the folder with the separator (empty for a bare name), and the name. */
export function splitLocation(location: string): { folder: string; name: string } {
  const windows = Deno.build.os === "windows";
  const cut = windows
    ? Math.max(location.lastIndexOf("/"), location.lastIndexOf("\\"), location.lastIndexOf(":"))
    : location.lastIndexOf("/");
  return { folder: location.slice(0, cut + 1), name: location.slice(cut + 1) };
}
