/** What the system's `statx` says of a name or a descriptor, read where the system put it. */
import type { Bytes } from "../engine/engine.ts";

/** What is known of a name or a descriptor, as the system has it; good until the next status is asked for. */
export interface SystemStatus {
  /** File type and permission bits. */
  readonly fullMode: number;
  readonly size: number;
  /** Seconds since 1970, not negative. */
  readonly mtimeSeconds: number;
  readonly mtimeNanoseconds: number;
  /** Seconds since 1970, not negative. */
  readonly ctimeSeconds: number;
  readonly dev: number;
  readonly inode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  /** Units of 512 bytes on disk. */
  readonly blocks: number;
}

/** Bytes of a status that is kept: what of it is ever asked for. */
export const STATUS_BYTES = 0x90;

/** Statuses that `Libc.keepStatus` put down, one behind the other. */
export class KeptStatuses {
  /** Where they are. */
  readonly bytes: Bytes;
  readonly #status: Status;

  constructor(bytes: Bytes) {
    this.bytes = bytes;
    this.#status = new Status(bytes);
  }

  /** One of them, good until the next is asked for; `undefined` where there was none. */
  at(index: number): SystemStatus | undefined {
    this.#status.at = index * STATUS_BYTES;
    return this.#status.checked();
  }
}

const STATX_BASIC_STATS = 0x7ff;

/** A status: its numbers where the system put them, since most looks want a few of them. */
export class Status implements SystemStatus {
  readonly #view: DataView;
  /** Where it begins. */
  at = 0;

  constructor(bytes: Bytes) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Itself, unless something is missing or out of range. */
  checked(): SystemStatus | undefined {
    const view = this.#view;
    const at = this.at;
    const complete = (view.getUint32(at, true) & STATX_BASIC_STATS) === STATX_BASIC_STATS;
    // Times from 1970 to 2106; other ones are the runtime's affair.
    const plainTimes = view.getUint32(at + 0x64, true) === 0 && view.getUint32(at + 0x74, true) === 0;
    const inRange = view.getUint32(at + 0x24, true) < 2 ** 21 && view.getUint32(at + 0x2c, true) < 2 ** 21;
    return complete && plainTimes && inRange ? this : undefined;
  }

  get fullMode(): number {
    return this.#view.getUint16(this.at + 0x1c, true);
  }

  get size(): number {
    return this.#view.getUint32(this.at + 0x2c, true) * 2 ** 32 + this.#view.getUint32(this.at + 0x28, true);
  }

  get mtimeSeconds(): number {
    return this.#view.getUint32(this.at + 0x70, true);
  }

  get mtimeNanoseconds(): number {
    return this.#view.getUint32(this.at + 0x78, true);
  }

  get ctimeSeconds(): number {
    return this.#view.getUint32(this.at + 0x60, true);
  }

  get dev(): number {
    const major = this.#view.getUint32(this.at + 0x88, true);
    const minor = this.#view.getUint32(this.at + 0x8c, true);
    // As the C library's `makedev` puts it together.
    return Math.floor(major / 4096) * 2 ** 44 + Math.floor(minor / 256) * 2 ** 20 + (major % 4096) * 256 + minor % 256;
  }

  get inode(): number {
    return this.#view.getUint32(this.at + 0x24, true) * 2 ** 32 + this.#view.getUint32(this.at + 0x20, true);
  }

  get nlink(): number {
    return this.#view.getUint32(this.at + 0x10, true);
  }

  get uid(): number {
    return this.#view.getUint32(this.at + 0x14, true);
  }

  get gid(): number {
    return this.#view.getUint32(this.at + 0x18, true);
  }

  get blocks(): number {
    return this.#view.getUint32(this.at + 0x34, true) * 2 ** 32 + this.#view.getUint32(this.at + 0x30, true);
  }
}
