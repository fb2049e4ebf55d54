/** What locks an archive and what opens it. */
import type { OpenOptions as CoreOpenOptions } from "../archive/archive.ts";
import type { Key } from "../archive/unlock.ts";
import { KEY_BYTES } from "../format/keys.ts";
import { DEFAULT_KDF_MEMORY, DEFAULT_KDF_WORK } from "../format/limits.ts";
import { encodePassphrase } from "../format/passphrase.ts";

/** Keys of an archive: at least one of them. With both, either opens it. */
export interface KeyOptions {
  /**
   * A passphrase: not empty, at most 1,024 bytes, without control characters. Composed and decomposed forms of a
   * character are the same (NFC).
   */
  readonly passphrase?: string | undefined;
  /**
   * The archive key itself: 32 bytes. For creating, random ones that are used for this archive alone; then no
   * passphrase is needed, and no time is spent on deriving a key from one.
   */
  readonly archiveKey?: Uint8Array | undefined;
}

/** How an archive is opened. */
export interface OpenOptions extends KeyOptions {
  /** scrypt work that the archive may ask for: N·r·p, summed over the key slots tried; 2^25 unless given. */
  readonly maxKdfWork?: number | undefined;
  /** Bytes of memory that one key slot may ask for: 128·N·r; 2^30 unless given. */
  readonly maxKdfMemory?: number | undefined;
  /** Called with a sentence about what is wrong with an archive that opens all the same: a damaged copy of its header. */
  readonly onWarning?: ((warning: string) => void) | undefined;
  /** Ends what is under way, and every later use of what was opened: it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Checks keys before anything is done with them.
 *
 * @throws {TypeError} without a key.
 * @throws {RangeError} for a passphrase that is not allowed, or an archive key that has not 32 bytes.
 */
export function keysOf({ passphrase, archiveKey }: KeyOptions): readonly Key[] {
  const keys: Key[] = [];
  if (archiveKey !== undefined) {
    if (archiveKey.length !== KEY_BYTES) {
      throw new RangeError(`Cannot use an archive key of ${archiveKey.length} bytes: it has ${KEY_BYTES}`);
    }
    keys.push({ kind: "archive-key", archiveKey: archiveKey.slice() });
  }
  if (passphrase !== undefined) {
    encodePassphrase(passphrase).fill(0);
    keys.push({ kind: "passphrase", passphrase });
  }
  if (keys.length === 0) throw new TypeError("Cannot work on an archive without a passphrase or an archive key");
  return keys;
}

/**
 * Options for the core.
 *
 * @throws as {@linkcode keysOf}.
 */
export function coreOpenOptions(options: OpenOptions): CoreOpenOptions {
  return {
    keys: keysOf(options),
    kdfLimits: {
      work: options.maxKdfWork ?? DEFAULT_KDF_WORK,
      memory: options.maxKdfMemory ?? DEFAULT_KDF_MEMORY,
    },
    onWarning: (warning) => options.onWarning?.(warning),
  };
}
