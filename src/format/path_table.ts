/**
 * Many paths as bytes, one behind the other (FORMAT.md, "Paths"). They are checked as they are decoded, without a
 * string for each: whoever verifies or lists an archive has thousands of them for each that it needs as text.
 */
import type { Bytes } from "../engine/engine.ts";
import { type ByteReader, decodeUtf8, encodeUtf8 } from "./bytes.ts";
import { ArchiveError } from "./errors.ts";
import { MAX_DECODED_STRING_BYTES, MAX_PART_BYTES, MAX_PATH_BYTES } from "./limits.ts";
import { checkPath } from "./path.ts";

const SLASH = 0x2f;
const DOT = 0x2e;

/** How a path stands to the one before it. */
export const ORDER = { falls: 0, rises: 1, isBelow: 2 } as const;

/** Paths that are made text one by one; of more than these, all are at once. */
const FEW = 8;

/** Paths that have been checked. */
export class PathTable {
  /** How many there are. */
  readonly count: number;
  /** All their bytes. */
  readonly bytes: Bytes;
  /** Where each begins; one more says where the last ends. */
  readonly starts: Uint32Array<ArrayBuffer>;
  /** How each stands to the one before it, one of {@linkcode ORDER}; below it is also behind it. */
  readonly orders: Uint8Array<ArrayBuffer>;
  /** How many bytes at its front each has from the one before it, at the least. */
  readonly shared: Uint16Array<ArrayBuffer>;
  /** Whether every byte of all of them is a character. */
  readonly #isPlain: boolean;
  #asked = 0;
  #text: string | undefined;

  constructor(
    bytes: Bytes,
    starts: Uint32Array<ArrayBuffer>,
    orders: Uint8Array<ArrayBuffer>,
    shared: Uint16Array<ArrayBuffer>,
    isPlain: boolean,
  ) {
    this.count = orders.length;
    this.bytes = bytes;
    this.starts = starts;
    this.orders = orders;
    this.shared = shared;
    this.#isPlain = isPlain;
  }

  /** One path by itself. */
  static of(path: string): PathTable {
    const bytes = encodeUtf8(path);
    const starts = Uint32Array.of(0, bytes.length);
    return new PathTable(bytes, starts, Uint8Array.of(ORDER.rises), Uint16Array.of(0), bytes.length === path.length);
  }

  /** How one of them stands to one of others, as `comparePaths` says it: negative, zero or positive. */
  compare(index: number, others: PathTable, at: number): number {
    const { bytes } = this;
    const other = others.bytes;
    const start = this.starts[index] as number;
    const length = (this.starts[index + 1] as number) - start;
    const otherStart = others.starts[at] as number;
    const otherLength = (others.starts[at + 1] as number) - otherStart;
    const both = Math.min(length, otherLength);
    let i = 0;
    while (i < both && bytes[start + i] === other[otherStart + i]) i++;
    if (i === length && i === otherLength) return 0;
    if (length === 1 && bytes[start] === DOT) return -1;
    if (otherLength === 1 && other[otherStart] === DOT) return 1;
    return i === both ? length - otherLength : rank(bytes[start + i] as number) - rank(other[otherStart + i] as number);
  }

  /** Whether one of them may lie below one of others; no, when it does not begin with that. */
  mayBeBelow(index: number, others: PathTable, at: number): boolean {
    const start = this.starts[index] as number;
    const otherStart = others.starts[at] as number;
    const otherLength = (others.starts[at + 1] as number) - otherStart;
    if (otherLength === 1 && others.bytes[otherStart] === DOT) return true;
    if ((this.starts[index + 1] as number) - start < otherLength) return false;
    // From the end, where they differ.
    for (let i = otherLength - 1; i >= 0; i--) {
      if (this.bytes[start + i] !== others.bytes[otherStart + i]) return false;
    }
    return true;
  }

  /** The first from `from` on that does not come before one of others; how many there are, when all do. They rise. */
  firstFrom(from: number, others: PathTable, at: number): number {
    let low = from;
    let step = 1;
    // What is looked for is more often near than far.
    while (low + step < this.count && this.compare(low + step, others, at) < 0) {
      low += step;
      step *= 2;
    }
    let high = Math.min(this.count, low + step);
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.compare(middle, others, at) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Whether one of them is this path: without a string for it, where its bytes are characters. */
  is(index: number, path: string): boolean {
    if (!this.#isPlain) return this.text(index) === path;
    const { bytes } = this;
    const start = this.starts[index] as number;
    let i = (this.starts[index + 1] as number) - start;
    if (i !== path.length) return false;
    // Neighbours differ at their ends.
    while (i > 0 && bytes[start + i - 1] === path.charCodeAt(i - 1)) i--;
    return i === 0;
  }

  /** Whether one of them has these bytes of others, which are UTF-8. */
  hasBytes(index: number, others: Bytes, from: number, to: number): boolean {
    const { bytes } = this;
    const start = this.starts[index] as number;
    let i = (this.starts[index + 1] as number) - start;
    if (i !== to - from) return false;
    // Neighbours differ at their ends.
    while (i > 0 && bytes[start + i - 1] === others[from + i - 1]) i--;
    return i === 0;
  }

  /** How many bytes the path of the folder has that one of them lies in; -1 for what lies in the root. */
  folderBytes(index: number): number {
    const start = this.starts[index] as number;
    let end = this.starts[index + 1] as number;
    while (end > start && this.bytes[end - 1] !== SLASH) end--;
    return end - 1 - start;
  }

  /** Whether one of them lies in the folder of the one before, whose path has so many bytes; false may mean unknown. */
  isBeside(index: number, folderBytes: number): boolean {
    if ((this.shared[index] as number) <= folderBytes) return false;
    const start = this.starts[index] as number;
    // The separator behind the folder is shared, too.
    for (let i = (this.starts[index + 1] as number) - 1; i > start + folderBytes; i--) {
      if (this.bytes[i] === SLASH) return false;
    }
    return true;
  }

  /** One of them as text. */
  text(index: number): string {
    const start = this.starts[index] as number;
    const end = this.starts[index + 1] as number;
    if (!this.#isPlain || this.#asked++ < FEW) return decodeUtf8(this.bytes.subarray(start, end), "a path");
    this.#text ??= decodeUtf8(this.bytes.subarray(0, this.starts[this.count]), "paths");
    return this.#text.slice(start, end);
  }

  /** The first that does not come behind the one before it. */
  firstFall(): number | undefined {
    const first = this.orders.indexOf(ORDER.falls);
    return first < 0 ? undefined : first;
  }
}

/**
 * Takes `count` front-coded paths, each checked, and nothing may be left. Lengths are summed before anything is made of
 * them: front coding is a bomb too, 3 bytes a row for paths of 4 KiB.
 *
 * @throws {ArchiveError} `malformed`, `unsafe` for a path that is not allowed, `limit` for too many bytes of them.
 */
export function decodePathTable(reader: ByteReader, count: number): PathTable {
  const { what } = reader;
  // Each takes at least two bytes: nothing is allocated by a number that has no bytes behind it.
  if (2 * count > reader.remaining) throw new ArchiveError("malformed", `Cannot decode ${what}: it ends too early`);
  const coded = reader.bytes(reader.remaining);
  const bytes: Bytes = new Uint8Array(decodedLength(coded, count, what));
  const lengths = new FrontCoding(coded, what);
  const starts = new Uint32Array(count + 1);
  const orders = new Uint8Array(count);
  const shared = new Uint16Array(count);
  let isPlain = true;
  let previous = 0;
  let start = 0;
  for (let i = 0; i < count; i++) {
    const end = start + lengths.next();
    lengths.copy(bytes, previous, start);
    if (!isSurelyAllowed(bytes, start, end, start + lengths.shared)) {
      const path = decodeUtf8(bytes.subarray(start, end), what);
      checkPath(path);
      isPlain &&= path.length === end - start;
    }
    orders[i] = i === 0 ? ORDER.rises : orderOf(bytes, previous, start, end, lengths.shared);
    shared[i] = lengths.shared;
    previous = start;
    start = end;
    starts[i + 1] = end;
  }
  lengths.end();
  return new PathTable(bytes, starts, orders, shared, isPlain);
}

/** How many bytes all paths have. Making room for them at once costs less than making more of it again and again. */
function decodedLength(coded: Bytes, count: number, what: string): number {
  const lengths = new FrontCoding(coded, what);
  let total = 0;
  for (let i = 0; i < count; i++) {
    total += lengths.next();
    if (total > MAX_DECODED_STRING_BYTES) {
      throw new ArchiveError("limit", `Cannot decode ${what}: its paths are over ${MAX_DECODED_STRING_BYTES} bytes`);
    }
    lengths.pass();
  }
  return total;
}

/** Takes front-coded paths apart. A reader's own methods would make a view for each, which costs more than the rest. */
class FrontCoding {
  readonly #bytes: Bytes;
  readonly #what: string;
  #at = 0;
  #length = 0;
  #rest = 0;
  /** Bytes that the path at hand shares with the one before. */
  shared = 0;

  constructor(bytes: Bytes, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  /** The length of the next path. */
  next(): number {
    const shared = this.#number();
    if (shared > this.#length) throw this.#malformed("a shared prefix is too long");
    const rest = this.#number();
    if (shared + rest > MAX_PATH_BYTES) throw this.#malformed(`a string is over ${MAX_PATH_BYTES - shared} bytes`);
    if (rest > this.#bytes.length - this.#at) throw this.#malformed("it ends too early");
    this.shared = shared;
    this.#rest = rest;
    this.#length = shared + rest;
    return this.#length;
  }

  /** Puts the path to `start`, behind the one before, which begins at `previous`. */
  copy(into: Bytes, previous: number, start: number): void {
    const { shared } = this;
    // Most are short: a loop costs less than a call.
    for (let i = 0; i < shared; i++) into[start + i] = into[previous + i] as number;
    const from = this.#at;
    const rest = this.#rest;
    for (let i = 0; i < rest; i++) into[start + shared + i] = this.#bytes[from + i] as number;
    this.#at = from + rest;
  }

  /** Goes on behind the path. */
  pass(): void {
    this.#at += this.#rest;
  }

  /** A variable-length integer; from 2^14 on it is too large for all that it can be. */
  #number(): number {
    const low = this.#bytes[this.#at++];
    if (low === undefined) throw this.#malformed("it ends too early");
    if (low < 0x80) return low;
    const high = this.#bytes[this.#at++];
    if (high === undefined) throw this.#malformed("it ends too early");
    if (high === 0) throw this.#malformed("a number is not in its shortest form");
    if (high >= 0x80) throw this.#malformed("a number is too large");
    return low - 0x80 + high * 0x80;
  }

  /** Says that nothing may be left. */
  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left > 0) throw this.#malformed(`${left} bytes are left over`);
  }

  #malformed(why: string): ArchiveError {
    return new ArchiveError("malformed", `Cannot decode ${this.#what}: ${why}`);
  }
}

/**
 * Whether a path is allowed, by its bytes; false may also mean that it takes a closer look. Bytes before `from` are
 * those of another path, up to there, which is allowed.
 */
function isSurelyAllowed(bytes: Bytes, start: number, end: number, from: number): boolean {
  if (end === start) return false;
  let part = from;
  while (part > start && bytes[part - 1] !== SLASH) part--;
  // What is shared may have characters of several bytes: then the part at hand does not tell.
  for (let i = part; i < end; i++) {
    const byte = bytes[i] as number;
    if (byte === SLASH) {
      if (!isSurelyPart(bytes, part, i)) return false;
      part = i + 1;
    } else if (byte === 0 || byte >= 0x80) return false;
  }
  return isSurelyPart(bytes, part, end);
}

function isSurelyPart(bytes: Bytes, start: number, end: number): boolean {
  const length = end - start;
  if (length === 0 || length > MAX_PART_BYTES) return false;
  return bytes[start] !== DOT || length > 2 || (length === 2 && bytes[start + 1] !== DOT);
}

/** How a path stands to the one before it, which begins at `previous` and ends at `start`; both share some bytes. */
function orderOf(bytes: Bytes, previous: number, start: number, end: number, shared: number): number {
  const before = start - previous;
  const length = end - start;
  let i = shared;
  while (i < before && i < length && bytes[previous + i] === bytes[start + i]) i++;
  if (i === length) return ORDER.falls;
  // The root comes before all others.
  if (length === 1 && bytes[start] === DOT) return ORDER.falls;
  if (before === 1 && bytes[previous] === DOT) return ORDER.rises;
  if (i === before) return bytes[start + i] === SLASH ? ORDER.isBelow : ORDER.rises;
  const x = bytes[previous + i] as number;
  const y = bytes[start + i] as number;
  return rank(x) < rank(y) ? ORDER.rises : ORDER.falls;
}

/** A byte's place in path order. */
function rank(byte: number): number {
  return byte === SLASH ? 0 : byte;
}
