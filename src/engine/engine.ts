/**
 * What the archive core needs from a platform. Engines are always arguments: nothing in `src/format` or
 * `src/archive` knows which one it runs on. All of it is synchronous but the passphrase function, so that one
 * block is one uninterrupted call whether it runs on the main thread or in a worker.
 */

/**
 * Bytes, wherever they live. Engines must take views of shared memory too: a worker fills slots of a
 * `SharedArrayBuffer`.
 */
export type Bytes = Uint8Array<ArrayBufferLike>;

/** The cipher suites of FORMAT.md: 1 is ChaCha20-Poly1305 (RFC 8439), 2 is AES-256-GCM (NIST SP 800-38D). */
export type SuiteId = 1 | 2;

/** scrypt's cost (RFC 7914): N is `2 ** logN`; the memory needed is `128 * N * r` bytes. */
export interface ScryptCost {
  /** Base-2 logarithm of N. */
  readonly logN: number;
  /** Block size factor. */
  readonly r: number;
  /** Parallelisation factor. */
  readonly p: number;
}

/** An AEAD bound to one 32-byte key: 12-byte nonces, 16-byte tags, no associated data. */
export interface Aead {
  /**
   * Seals `plaintext` into the first `plaintext.length + 16` bytes of `out` (ciphertext, then tag).
   * `out` must not overlap `plaintext`.
   */
  seal(nonce: Bytes, plaintext: Bytes, out: Bytes): void;
  /**
   * Opens `sealed` (ciphertext, then tag) into the first `sealed.length - 16` bytes of `out`.
   * Returns whether the tag held; when it did not, those bytes of `out` are all zero: unauthenticated plaintext
   * never leaves an engine.
   */
  open(nonce: Bytes, sealed: Bytes, out: Bytes): boolean;
}

/**
 * A key encapsulation that holds as long as either of X25519 and ML-KEM-768 does: X-Wing
 * (draft-connolly-cfrg-xwing-kem).
 */
export interface HybridKem {
  /** The public key of an identity's 32 secret bytes; 1,216 bytes. */
  publicKey(identity: Bytes): Bytes;
  /**
   * A fresh secret for who has the public key's identity: its 32 bytes, and the 1,120 bytes from which the identity
   * makes it. `coins` are 64 random bytes that are used for nothing else.
   *
   * @throws {RangeError} when the public key is none.
   */
  encapsulate(publicKey: Bytes, coins: Bytes): { readonly encapsulated: Bytes; readonly sharedSecret: Bytes };
  /**
   * The secret that was encapsulated; another one when it was encapsulated for somebody else, and `undefined` when
   * the bytes cannot have come from an encapsulation.
   */
  decapsulate(encapsulated: Bytes, identity: Bytes): Bytes | undefined;
}

/**
 * How hard to compress: a level of zstd's, or about as small as its level 3 in less time, which depends on what the
 * content is: `binary`, or `text` of megabytes. `sample` is what tells fastest whether anything compresses.
 */
export type Effort = number | "binary" | "text" | "sample";

/** The primitives of one platform. */
export interface Engine {
  /** A short name for reports, such as `native`. */
  readonly name: string;
  /** Binds the suite's AEAD to a 32-byte key. */
  aead(suite: SuiteId, key: Bytes): Aead;
  /** SHA-256 of the parts, one after the other (FIPS 180-4); 32 bytes. */
  sha256(...parts: readonly Bytes[]): Bytes;
  /** HMAC-SHA-256 over the parts, one after the other (RFC 2104); 32 bytes. */
  hmacSha256(key: Bytes, ...parts: readonly Bytes[]): Bytes;
  /** HKDF-SHA-256, extract then expand (RFC 5869). An empty salt means 32 zero bytes. */
  hkdfSha256(ikm: Bytes, salt: Bytes, info: Bytes, length: number): Bytes;
  /** scrypt (RFC 7914). The cost has been checked against its limits by the caller. */
  scrypt(passphrase: Bytes, salt: Bytes, cost: ScryptCost, length: number): Promise<Bytes>;
  /** The hybrid key encapsulation, loaded when it is first asked for. */
  hybridKem(): Promise<HybridKem>;
  /** CRC-32 (ISO-HDLC: reflected polynomial EDB88320, as in zip and gzip), as an unsigned number. */
  crc32(data: Bytes): number;
  /**
   * One zstd frame (RFC 8878) of `raw` with its content size in the frame header, without checksum or dictionary and
   * with a window of at most 16 MiB; in what `allocate` gives, where that is given and called. Equal `raw` and `effort`
   * give equal frames, whatever was compressed before. `undefined` on engines that cannot compress: they store.
   */
  readonly compress: ((raw: Bytes, effort: Effort, allocate?: (length: number) => Bytes) => Bytes) | undefined;
  /**
   * Decodes `stored`, which must be exactly one zstd frame whose content is exactly `out.length` bytes, into `out`.
   * Returns false on anything else (truncated, longer, a second frame, trailing bytes, over-large window); never throws
   * for bad input and never allocates by a number found in it. What `out` then holds is unspecified.
   */
  decompress(stored: Bytes, out: Bytes): boolean;
  /**
   * Decodes what it can of the beginning of a zstd frame whose content was `out.length` bytes, as far as its blocks
   * are whole, and returns how many bytes of `out` that gave; the rest of `out` is zero. Refuses the same frames as
   * `decompress`, by giving 0 bytes. What comes out is as authentic as what went in, but nobody has seen the rest.
   */
  decompressBeginning(beginning: Bytes, out: Bytes): number;
  /** Bytes from the platform's cryptographic generator. */
  randomBytes(length: number): Bytes;
  /** Whether two byte strings are equal, in time that depends on their lengths alone. */
  equal(a: Bytes, b: Bytes): boolean;
}
