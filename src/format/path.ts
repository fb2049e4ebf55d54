/**
 * Paths (FORMAT.md, "Paths"): which are allowed, and their order. The order is unsigned byte order of the UTF-8 text
 * with `/` taken as 0x00, which is the preorder of a walk with sorted siblings: a folder and all below it are one
 * range. JavaScript's own string order is neither (it compares UTF-16 units, and puts `a-b` before `a/b`).
 */
import { ArchiveError } from "./errors.ts";
import { MAX_PART_BYTES, MAX_PATH_BYTES } from "./limits.ts";

/** The path of the row that stands for the root itself. */
export const ROOT_PATH = ".";

/** A UTF-16 unit's rank in code point order, with `/` below all: surrogates rank above U+E000..U+FFFF. */
function rank(unit: number): number {
  if (unit === 0x2f) return 0;
  if (unit >= 0xd800) return unit <= 0xdfff ? unit + 0x2000 : unit - 0x800;
  return unit;
}

/**
 * Compares two paths in path order; negative, zero or positive. Both must be well-formed. The root's own row `.`
 * comes before all others, as a folder does before what is in it. Their first `same` units are known not to differ.
 */
export function comparePaths(a: string, b: string, same = 0): number {
  if (a === b) return 0;
  if (a === ROOT_PATH) return -1;
  if (b === ROOT_PATH) return 1;
  const length = Math.min(a.length, b.length);
  for (let i = same; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Whether `path` is `folder` or lies below it. */
export function isAtOrBelow(path: string, folder: string): boolean {
  if (folder === ROOT_PATH || path === folder) return true;
  return path.length > folder.length && path.charCodeAt(folder.length) === 0x2f && path.startsWith(folder);
}

/** UTF-8 bytes of a well-formed string, without encoding it. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    // A surrogate pair is two units and four bytes, every other unit above U+07FF one unit and three bytes.
    length += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return length;
}

/** Why a path is not allowed in an archive, as the end of a sentence; `undefined` when it is allowed. */
export function pathFault(path: string): string | undefined {
  if (path === ROOT_PATH) return undefined;
  if (path === "") return "it is empty";
  if (!path.isWellFormed()) return "it is not well-formed Unicode";
  if (path.includes("\0")) return "it holds a NUL";
  if (path.startsWith("/")) return "it is absolute";
  // A unit is at most three bytes, so most lengths need no count.
  if (path.length * 3 > MAX_PATH_BYTES && utf8Length(path) > MAX_PATH_BYTES) {
    return `it is over ${MAX_PATH_BYTES} bytes`;
  }
  for (let start = 0; start <= path.length;) {
    let end = path.indexOf("/", start);
    if (end < 0) end = path.length;
    const fault = partFault(path.slice(start, end));
    if (fault !== undefined) return fault;
    start = end + 1;
  }
  return undefined;
}

/** Why one part of a path is not allowed, as {@linkcode pathFault}. */
function partFault(part: string): string | undefined {
  if (part === "") return "it has an empty part";
  if (part === "." || part === "..") return `it has a part "${part}"`;
  if (part.length * 3 > MAX_PART_BYTES && utf8Length(part) > MAX_PART_BYTES) {
    return `it has a part over ${MAX_PART_BYTES} bytes`;
  }
  return undefined;
}

/**
 * Checks a path read from an archive.
 *
 * @throws {ArchiveError} `unsafe` when it is not allowed.
 */
export function checkPath(path: string): void {
  const fault = pathFault(path);
  if (fault !== undefined) {
    throw new ArchiveError("unsafe", `Cannot accept the path ${JSON.stringify(path)}: ${fault}`, { path });
  }
}
