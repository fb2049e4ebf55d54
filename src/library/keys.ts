/** What locks an archive and what opens it. */
import type { OpenOptions as CoreOpenOptions } from "../archive/archive.ts";
import type { NewKey } from "../archive/key_slots.ts";
import type { Key } from "../archive/unlock.ts";
import type { Bytes, Engine } from "../engine/engine.ts";
import { KEY_BYTES } from "../format/keys.ts";
import { DEFAULT_KDF_MEMORY, DEFAULT_KDF_WORK } from "../format/limits.ts";
import { encodePassphrase } from "../format/passphrase.ts";
import { decodeKeyText, encodeKeyText } from "../text/key_text.ts";

/** A key file: 32 secret bytes that open what was made for them. */
export class KeyFile {
  readonly #key: Bytes;

  private constructor(key: Bytes) {
    this.#key = key;
  }

  /** A new one, of random bytes from the system. */
  static generate(): KeyFile {
    return new KeyFile(crypto.getRandomValues(new Uint8Array(KEY_BYTES)));
  }

  /**
   * The one that {@linkcode KeyFile.toText} wrote.
   *
   * @throws {KeyTextError} when the text is none: whether it was mistyped or is something else.
   */
  static parse(text: string): KeyFile {
    return new KeyFile(decodeKeyText("key-file", text));
  }

  /** One line of text, `COFFER-KEY-1…`, without a line feed. It is the secret. */
  toText(): string {
    return encodeKeyText("key-file", this.#key);
  }

  /** Its bytes, for the core. A static method, so that they do not show when it is logged. */
  static bytesOf(keyFile: KeyFile): Bytes {
    return keyFile.#key;
  }
}

/** The secret half of a recipient: opens what was made for its public half. X25519 and ML-KEM-768 together (X-Wing). */
export class Identity {
  readonly #key: Bytes;

  private constructor(key: Bytes) {
    this.#key = key;
  }

  /** A new one, of random bytes from the system. */
  static generate(): Identity {
    return new Identity(crypto.getRandomValues(new Uint8Array(KEY_BYTES)));
  }

  /**
   * The one that {@linkcode Identity.toText} wrote.
   *
   * @throws {KeyTextError} when the text is none.
   */
  static parse(text: string): Identity {
    return new Identity(decodeKeyText("identity", text));
  }

  /** One line of text, `COFFER-IDENTITY-1…`, without a line feed. It is the secret. */
  toText(): string {
    return encodeKeyText("identity", this.#key);
  }

  /** Its bytes, for the core. A static method, so that they do not show when it is logged. */
  static bytesOf(identity: Identity): Bytes {
    return identity.#key;
  }
}

/** Somebody whom an archive is made for: the public half of an {@linkcode Identity}. */
export class Recipient {
  /** The public key; 1,216 bytes. */
  readonly #key: Bytes;

  private constructor(key: Bytes) {
    this.#key = key;
  }

  /**
   * The one that {@linkcode Recipient.toText} wrote.
   *
   * @throws {KeyTextError} when the text is none.
   */
  static parse(text: string): Recipient {
    return new Recipient(decodeKeyText("recipient", text));
  }

  /** One line of text, `coffer1…`, of about 2,000 characters. It may be known to everybody. */
  toText(): string {
    return encodeKeyText("recipient", this.#key);
  }

  /** The recipient of a public key. */
  static of(publicKey: Bytes): Recipient {
    return new Recipient(publicKey);
  }

  /** Its bytes, for the core. A static method, so that they do not show when it is logged. */
  static bytesOf(recipient: Recipient): Bytes {
    return recipient.#key;
  }
}

/** The public half of an identity, with the given engine; see `mod.ts`. */
export async function recipientOf(engine: Engine, identity: Identity): Promise<Recipient> {
  return Recipient.of((await engine.hybridKem()).publicKey(Identity.bytesOf(identity)));
}

/** One or several. */
export type OneOrMore<T> = T | readonly T[];

/** A key that a slot is made for. */
export type NewKeySlot =
  /** A passphrase. With a key file, both are needed. */
  | { readonly passphrase: string; readonly keyFile?: KeyFile | undefined }
  | { readonly keyFile: KeyFile }
  | { readonly recipient: Recipient };

/** What opens an archive: whatever the user has. Each is tried where it may fit. */
export interface KeyOptions {
  /**
   * A passphrase: not empty, at most 1,024 bytes, without control characters. Composed and decomposed forms of a
   * character are the same (NFC).
   */
  readonly passphrase?: OneOrMore<string> | undefined;
  /** A key file. It also completes a passphrase that is good only together with it. */
  readonly keyFile?: OneOrMore<KeyFile> | undefined;
  /** A recipient's secret half. */
  readonly identity?: OneOrMore<Identity> | undefined;
  /** The archive key itself: 32 bytes, which open everything for ever. */
  readonly archiveKey?: Uint8Array | undefined;
}

/** What locks a new archive: at least one of them, and any of them opens it. */
export interface NewKeyOptions {
  /** A passphrase, as for opening. */
  readonly passphrase?: OneOrMore<string> | undefined;
  /** A key file. */
  readonly keyFile?: OneOrMore<KeyFile> | undefined;
  /** Somebody who can open it with an identity. Archives for recipients are not signed: anyone can make one. */
  readonly recipient?: OneOrMore<Recipient> | undefined;
  /** Keys one by one; the only way to ask for a passphrase that needs a key file besides. */
  readonly keys?: readonly NewKeySlot[] | undefined;
  /**
   * The archive key itself: 32 random bytes that are used for this archive alone; then no other key is needed, and no
   * time is spent on deriving one from a passphrase.
   */
  readonly archiveKey?: Uint8Array | undefined;
}

/** How an archive is opened. */
export interface OpenOptions extends KeyOptions {
  /** scrypt work that the archive may ask for: N·r·p, summed over the key slots tried; 2^25 unless given. */
  readonly maxKdfWork?: number | undefined;
  /** Bytes of memory that one key slot may ask for: 128·N·r; 2^30 unless given. */
  readonly maxKdfMemory?: number | undefined;
  /**
   * Called with a sentence about what is wrong with an archive that opens all the same: a damaged copy of its header.
   */
  readonly onWarning?: ((warning: string) => void) | undefined;
  /**
   * Whether an archive opens whose header is lost, when `archiveKey` is given; `false` unless given. Only of an archive
   * with random access. What a header guards against besides, such as a file that was put back as it was earlier, goes
   * unnoticed then.
   */
  readonly goWithoutHeader?: boolean | undefined;
  /**
   * The newest snapshot's id, 64 hexadecimal digits, kept elsewhere: an archive whose newest snapshot is another is
   * `rolled-back`, because it was put back to an earlier state, changed, or is another one.
   */
  readonly expect?: string | undefined;
  /**
   * Whether an archive opens that is older than its own header says, because it was cut: at its last whole snapshot.
   * Unless this is true it is `truncated`. Only of an archive with random access.
   */
  readonly acceptRollback?: boolean | undefined;
  /** Ends what is under way, and every later use of what was opened: it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

function all<T>(values: OneOrMore<T> | undefined): readonly T[] {
  return values === undefined ? [] : Array.isArray(values) ? values : [values as T];
}

function checkedId(digits: string): Bytes {
  if (!/^[0-9a-f]{64}$/i.test(digits)) throw new RangeError("Cannot use the id: it has not 64 hexadecimal digits");
  return Uint8Array.from({ length: 32 }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

function checkedArchiveKey(archiveKey: Uint8Array): Bytes {
  if (archiveKey.length === KEY_BYTES) return archiveKey.slice();
  throw new RangeError(`Cannot use an archive key of ${archiveKey.length} bytes: it has ${KEY_BYTES}`);
}

function checkedPassphrase(passphrase: string): string {
  encodePassphrase(passphrase).fill(0);
  return passphrase;
}

/**
 * Checks keys before anything is done with them.
 *
 * @throws {TypeError} without a key.
 * @throws {RangeError} for a passphrase that is not allowed, or an archive key that has not 32 bytes.
 */
export function keysOf({ passphrase, keyFile, identity, archiveKey }: KeyOptions): readonly Key[] {
  const keys: Key[] = [];
  if (archiveKey !== undefined) keys.push({ kind: "archive-key", archiveKey: checkedArchiveKey(archiveKey) });
  for (const one of all(passphrase)) keys.push({ kind: "passphrase", passphrase: checkedPassphrase(one) });
  for (const one of all(keyFile)) keys.push({ kind: "key-file", keyFile: KeyFile.bytesOf(one) });
  for (const one of all(identity)) keys.push({ kind: "identity", identity: Identity.bytesOf(one) });
  if (keys.length === 0) throw new TypeError("Cannot work on an archive without a key");
  return keys;
}

/**
 * A key for a slot, as the core takes it.
 *
 * @throws {TypeError} when it is none. @throws {RangeError} for a passphrase that is not allowed.
 */
export function newKeyOf(key: NewKeySlot): NewKey {
  if ("passphrase" in key) {
    const passphrase = checkedPassphrase(key.passphrase);
    const { keyFile } = key;
    return { kind: "passphrase", passphrase, ...(keyFile === undefined ? {} : { keyFile: KeyFile.bytesOf(keyFile) }) };
  }
  if ("recipient" in key) return { kind: "recipient", publicKey: Recipient.bytesOf(key.recipient) };
  if ("keyFile" in key) return { kind: "key-file", keyFile: KeyFile.bytesOf(key.keyFile) };
  throw new TypeError("Cannot make a key slot: it is for no passphrase, key file or recipient");
}

/** What a new archive is locked with. */
export type NewArchiveKeys = readonly (NewKey | { readonly kind: "archive-key"; readonly archiveKey: Bytes })[];

/**
 * Keys for a new archive, checked.
 *
 * @throws as {@linkcode keysOf} and {@linkcode newKeyOf}.
 */
export function newKeysOf(options: NewKeyOptions): NewArchiveKeys {
  const { archiveKey } = options;
  const slots: NewKeySlot[] = [
    ...all(options.passphrase).map((passphrase) => ({ passphrase })),
    ...all(options.keyFile).map((keyFile) => ({ keyFile })),
    ...all(options.recipient).map((recipient) => ({ recipient })),
    ...options.keys ?? [],
  ];
  if (slots.length === 0 && archiveKey === undefined) {
    throw new TypeError("Cannot create an archive without a key");
  }
  const own = archiveKey === undefined
    ? []
    : [{ kind: "archive-key", archiveKey: checkedArchiveKey(archiveKey) }] as const;
  return [...own, ...slots.map(newKeyOf)];
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
    goWithoutHeader: options.goWithoutHeader ?? false,
    acceptRollback: options.acceptRollback ?? false,
    ...(options.expect === undefined ? {} : { expect: checkedId(options.expect) }),
  };
}
