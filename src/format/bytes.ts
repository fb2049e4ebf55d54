/** Reading and writing the format's integers and strings (FORMAT.md, "Conventions"). */
import type { Bytes } from "../engine/engine.ts";
import { ArchiveError } from "./errors.ts";
import { MAX_VARINT } from "./limits.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function malformed(what: string): ArchiveError {
  return new ArchiveError("malformed", `Cannot decode ${what}`);
}

/** A growing buffer to which values are appended. Fixed-width integers are big-endian. */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #length = 0;

  /** Creates a writer with room for `capacity` bytes; it grows when needed. */
  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** Forgets what was written and keeps the memory. */
  reset(): void {
    this.#length = 0;
  }

  /** A view of what was written, good until the next write. */
  view(): Bytes {
    return this.#bytes.subarray(0, this.#length);
  }

  /** A copy of what was written. */
  finish(): Bytes {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(extra: number): number {
    const at = this.#length;
    const needed = at + extra;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#length = needed;
    return at;
  }

  /** One byte. */
  u8(value: number): void {
    const at = this.#reserve(1);
    this.#bytes[at] = value;
  }

  /** Two bytes. */
  u16(value: number): void {
    const at = this.#reserve(2);
    this.#view.setUint16(at, value);
  }

  /** Four bytes. */
  u32(value: number): void {
    const at = this.#reserve(4);
    this.#view.setUint32(at, value);
  }

  /** Eight bytes; the value is a safe integer of at least 0. */
  u64(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`Cannot encode ${value}: not a safe integer`);
    const at = this.#reserve(8);
    this.#view.setUint32(at, Math.floor(value / 2 ** 32));
    this.#view.setUint32(at + 4, value % 2 ** 32);
  }

  /** A variable-length integer: base 128, least significant group first, at most 8 bytes. */
  varint(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`Cannot encode ${value}: not a safe integer`);
    let at = this.#reserve(8);
    const bytes = this.#bytes;
    while (value >= 0x80) {
      bytes[at++] = 0x80 + (value % 0x80);
      value = Math.floor(value / 0x80);
    }
    bytes[at++] = value;
    this.#length = at;
  }

  /** A signed variable-length integer: 0, -1, 1, -2, 2 … become 0, 1, 2, 3, 4 …; magnitude below 2^52. */
  zigzag(value: number): void {
    this.varint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  /** Bytes as they are. */
  bytes(value: Bytes): void {
    const at = this.#reserve(value.length);
    this.#bytes.set(value, at);
  }

  /** Zero bytes. */
  zeros(count: number): void {
    const at = this.#reserve(count);
    this.#bytes.fill(0, at, at + count);
  }

  /** A string as UTF-8 behind its byte length. */
  string(value: string): void {
    const { length } = value;
    // Most strings are short and plain: a loop over them costs a tenth of a call of the encoder.
    if (length < 0x80 && this.#plain(value)) return;
    this.sizedBytes(encoder.encode(value));
  }

  /** Appends a string of under 128 ASCII characters; returns false, with nothing appended, for any other. */
  #plain(value: string): boolean {
    const start = this.#reserve(1 + value.length);
    const bytes = this.#bytes;
    bytes[start] = value.length;
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i);
      if (unit >= 0x80) {
        this.#length = start;
        return false;
      }
      bytes[start + 1 + i] = unit;
    }
    return true;
  }

  /** Bytes behind their length. */
  sizedBytes(value: Bytes): void {
    this.varint(value.length);
    this.bytes(value);
  }

  /**
   * Bytes `start` to `end` of others, behind their length. For few of them: a view would cost more than copying does.
   */
  sizedRange(value: Bytes, start: number, end: number): void {
    this.varint(end - start);
    const at = this.#reserve(end - start) - start;
    const bytes = this.#bytes;
    for (let i = start; i < end; i++) bytes[at + i] = value[i] as number;
  }
}

/**
 * Takes values off a byte string. Whatever the bytes are, it either gives a value of the stated range or throws
 * `malformed`, and it never allocates by a number it has read without having as many bytes.
 */
export class ByteReader {
  readonly #bytes: Bytes;
  readonly #view: DataView;
  #at = 0;

  /** Reads `bytes`; `what` names them in errors. */
  constructor(bytes: Bytes, readonly what: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes left. */
  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  #take(count: number): number {
    const at = this.#at;
    if (count > this.#bytes.length - at) throw malformed(`${this.what}: it ends too early`);
    this.#at = at + count;
    return at;
  }

  /** One byte. */
  u8(): number {
    const at = this.#take(1);
    return this.#bytes[at] as number;
  }

  /** Two bytes. */
  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  /** Four bytes. */
  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  /** Eight bytes, refused from 2^53 on. */
  u64(): number {
    const at = this.#take(8);
    const value = this.#view.getUint32(at) * 2 ** 32 + this.#view.getUint32(at + 4);
    if (value > Number.MAX_SAFE_INTEGER) throw malformed(`${this.what}: a number is too large`);
    return value;
  }

  /** A variable-length integer: at most 8 bytes, below 2^53, in its shortest form. */
  varint(): number {
    const bytes = this.#bytes;
    let value = 0;
    let scale = 1;
    for (let count = 1; count <= 8; count++) {
      const byte = bytes[this.#at];
      if (byte === undefined) throw malformed(`${this.what}: it ends too early`);
      this.#at++;
      if (byte < 0x80) {
        if (byte === 0 && count > 1) throw malformed(`${this.what}: a number is not in its shortest form`);
        value += byte * scale;
        if (value > MAX_VARINT) break;
        return value;
      }
      value += (byte - 0x80) * scale;
      scale *= 0x80;
    }
    throw malformed(`${this.what}: a number is too large`);
  }

  /** As {@linkcode varint}, for one of many: most have a byte or two. */
  #next(): number {
    const low = this.#bytes[this.#at] ?? 0xff;
    if (low < 0x80) {
      this.#at++;
      return low;
    }
    const high = this.#bytes[this.#at + 1] ?? 0;
    if (high === 0 || high >= 0x80) return this.varint();
    this.#at += 2;
    return low - 0x80 + high * 0x80;
  }

  /** A signed variable-length integer. */
  zigzag(): number {
    return signed(this.varint());
  }

  /** A variable-length integer for each place of `into`, multiplied by `unit`. */
  varints(into: Float64Array, unit = 1): void {
    for (let i = 0; i < into.length; i++) into[i] = this.#next() * unit;
  }

  /** A signed variable-length integer for each place of `into`, which is the difference from the one before. */
  deltas(into: Float64Array): void {
    let value = 0;
    for (let i = 0; i < into.length; i++) into[i] = value += signed(this.#next());
  }

  /** A count of items that take at least `itemBytes` bytes each of what is left. */
  count(itemBytes = 1): number {
    const value = this.varint();
    if (value * itemBytes > this.remaining) throw malformed(`${this.what}: a count exceeds its bytes`);
    return value;
  }

  /** The next `count` bytes, as a view. */
  bytes(count: number): Bytes {
    const at = this.#take(count);
    return this.#bytes.subarray(at, at + count);
  }

  /** Bytes behind their length, as a view. */
  sizedBytes(limit: number): Bytes {
    const length = this.varint();
    if (length > limit) throw malformed(`${this.what}: a string is over ${limit} bytes`);
    return this.bytes(length);
  }

  /** A UTF-8 string behind its byte length. */
  string(limit: number): string {
    return decodeUtf8(this.sizedBytes(limit), this.what);
  }

  /** Takes `count` bytes that must be zero. */
  zeros(count: number): void {
    const at = this.#take(count);
    if (!isZero(this.#bytes.subarray(at, at + count))) throw malformed(`${this.what}: a reserved byte is not zero`);
  }

  /** Says that nothing may be left. */
  end(): void {
    if (this.remaining !== 0) throw malformed(`${this.what}: ${this.remaining} bytes are left over`);
  }
}

/** What a zigzag number stands for. */
export function signed(value: number): number {
  // Most are 0, and telling odd from even takes long where numbers may be large.
  return value === 0 ? 0 : value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

/** Adds up numbers that must not grow too large. */
export function addTo(value: number, more: number, what: string): number {
  const sum = value + more;
  if (!Number.isSafeInteger(sum)) throw malformed(`${what}: a number is too large`);
  return sum;
}

/** Strict UTF-8 to string; a byte order mark is a character like any other. `what` names the bytes in errors. */
export function decodeUtf8(bytes: Bytes, what: string): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw malformed(`${what}: a string is not UTF-8`);
  }
}

/** A string's UTF-8 bytes. */
export function encodeUtf8(text: string): Bytes {
  return encoder.encode(text);
}

/** Whether all bytes are zero. */
export function isZero(bytes: Bytes): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** Whether two byte strings are equal; for what is no secret. */
export function equalBytes(a: Bytes, b: Bytes): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
