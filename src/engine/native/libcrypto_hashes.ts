/**
 * Hashing, keyed hashing and the passphrase function by the system's libcrypto (OpenSSL 3): no object is made for a
 * hash and nothing waits for a collector, so that short input takes a third of the time the runtime's own does. See
 * docs/adr/0015.
 */
import type { Bytes, Engine, ScryptCost } from "../engine.ts";
import { bytesOf, countingBytes, type CryptoCalls, libcrypto } from "./libcrypto.ts";

const HASH_BYTES = 32;
/** RFC 2104: what SHA-256 takes at once, and what a key is combined with. */
const BLOCK_BYTES = 64;
const INNER = 0x36;
const OUTER = 0x5c;
/** RFC 5869: a byte counts the pieces. */
const MAX_PIECES = 255;

/** What {@linkcode systemHashes} offers of an engine. */
export interface Hashes extends Pick<Engine, "sha256" | "hmacSha256" | "hkdfSha256" | "scrypt"> {
  /** Whether the passphrase function can be used: tried only when somebody asks, which no worker does. */
  hasScrypt(): Promise<boolean>;
}

class SystemHashes implements Hashes {
  readonly #c: CryptoCalls;
  readonly #sha256: Deno.PointerValue;
  readonly #hash: Deno.PointerValue;
  readonly #pad = new Uint8Array(BLOCK_BYTES);
  #scryptWorks: Promise<boolean> | undefined;

  constructor(c: CryptoCalls) {
    this.#c = c;
    this.#sha256 = c.EVP_MD_fetch(null, new TextEncoder().encode("SHA256\0"), null);
    this.#hash = c.EVP_MD_CTX_new();
    if (this.#sha256 === null || this.#hash === null) {
      throw new Error("Cannot use libcrypto: it has no SHA-256");
    }
  }

  sha256(...parts: readonly Bytes[]): Bytes {
    const sum = new Uint8Array(HASH_BYTES);
    if (!(this.#begin() && this.#update(parts) && this.#end(sum))) throw new Error("Cannot hash: libcrypto has failed");
    return sum;
  }

  /**
   * RFC 2104, by two hashes: the library's own would be five more functions to compile, and keep the key until somebody
   * takes it away.
   */
  hmacSha256(key: Bytes, ...parts: readonly Bytes[]): Bytes {
    const pad = this.#pad;
    const sum = new Uint8Array(HASH_BYTES);
    const short = key.length > BLOCK_BYTES ? this.sha256(key) : key;
    pad.fill(INNER);
    for (let i = 0; i < short.length; i++) pad[i] = short[i]! ^ INNER;
    let works = this.#begin() && this.#updateOne(pad) && this.#update(parts) && this.#end(sum);
    for (let i = 0; i < BLOCK_BYTES; i++) pad[i] = pad[i]! ^ INNER ^ OUTER;
    works &&= this.#begin() && this.#updateOne(pad) && this.#updateOne(sum) && this.#end(sum);
    pad.fill(0);
    if (!works) throw new Error("Cannot hash with a key: libcrypto has failed");
    return sum;
  }

  #begin(): boolean {
    return this.#c.EVP_DigestInit_ex(this.#hash, this.#sha256, null) === 1;
  }

  #updateOne(part: Bytes): boolean {
    return this.#c.EVP_DigestUpdate(this.#hash, part, BigInt(part.length)) === 1;
  }

  #update(parts: readonly Bytes[]): boolean {
    for (const part of parts) if (!this.#updateOne(part)) return false;
    return true;
  }

  /** What the context then holds of the content is the hash, and it clears the rest. */
  #end(sum: Bytes): boolean {
    return this.#c.EVP_DigestFinal_ex(this.#hash, sum, null) === 1;
  }

  hkdfSha256(ikm: Bytes, salt: Bytes, info: Bytes, length: number): Bytes {
    const pieces = Math.ceil(length / HASH_BYTES);
    if (pieces > MAX_PIECES) {
      throw new RangeError(`Cannot derive ${length} bytes: there are ${MAX_PIECES * HASH_BYTES}`);
    }
    const extracted = this.hmacSha256(salt, ikm);
    const out = new Uint8Array(length);
    let piece: Bytes = new Uint8Array();
    for (let i = 0; i < pieces; i++) {
      const next = this.hmacSha256(extracted, piece, info, Uint8Array.of(i + 1));
      piece.fill(0);
      piece = next;
      const at = i * HASH_BYTES;
      out.set(piece.subarray(0, length - at), at);
    }
    piece.fill(0);
    extracted.fill(0);
    return out;
  }

  hasScrypt(): Promise<boolean> {
    return this.#scryptWorks ??= this.#tryScrypt();
  }

  async scrypt(passphrase: Bytes, salt: Bytes, { logN, r, p }: ScryptCost, length: number): Promise<Bytes> {
    const c = this.#c;
    const N = 2 ** logN;
    // What OpenSSL counts is N + p blocks and two for scratch.
    const maxBytes = 128 * r * (N + p + 2);
    // Memory of the library's, since the call goes on beside this thread, even when a worker is ended meanwhile.
    const saltAt = passphrase.length;
    const outAt = saltAt + salt.length;
    const size = outAt + length;
    const memory = c.CRYPTO_malloc(BigInt(size), null, 0);
    if (memory === null) throw new Error(`Cannot derive a key by scrypt: there is no memory for ${size} bytes`);
    try {
      const bytes = new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(memory, size));
      bytes.set(passphrase);
      bytes.set(salt, saltAt);
      const result = await c.EVP_PBE_scrypt(
        memory,
        BigInt(passphrase.length),
        Deno.UnsafePointer.offset(memory, saltAt),
        BigInt(salt.length),
        BigInt(N),
        BigInt(r),
        BigInt(p),
        BigInt(maxBytes),
        Deno.UnsafePointer.offset(memory, outAt),
        BigInt(length),
      );
      if (result !== 1) throw new Error(`Cannot derive a key by scrypt: libcrypto refuses N ${N}, r ${r}, p ${p}`);
      return bytes.slice(outAt);
    } finally {
      c.CRYPTO_clear_free(memory, BigInt(size), null, 0);
    }
  }

  async #tryScrypt(): Promise<boolean> {
    try {
      const key = await this.scrypt(TRIAL_TEXT, countingBytes(HASH_BYTES), { logN: 4, r: 1, p: 1 }, HASH_BYTES);
      return isSame(key, TRIALS.scrypt);
    } catch {
      return false;
    }
  }
}

const TRIAL_TEXT = new TextEncoder().encode("coffer");

/** `coffer` hashed, under a key or salt of bytes 0, 1, 2…; a test compares. */
const TRIALS = {
  sha256: "48ed5fade657faa76151391250b189412721d463aacb1fad7108e5c1b8120b59",
  hmac: "f705eae0a0e783943a165fdc3b05d0ed3be95fb038959bf4d9b301230f47b5d5",
  scrypt: "12cafb21760595f64780da631bc0018b040736ccad90e90cf8a3f0796d05c912",
} as const;

function isSame(bytes: Bytes, digits: string): boolean {
  const expected = bytesOf(digits);
  return bytes.length === expected.length && bytes.every((byte, i) => byte === expected[i]);
}

/** Whether it hashes as it should, again after another key. */
function passes(hashes: Hashes): boolean {
  const key = countingBytes(HASH_BYTES);
  const parts = [TRIAL_TEXT.subarray(0, 2), TRIAL_TEXT.subarray(2)];
  const isHashed = () =>
    isSame(hashes.sha256(TRIAL_TEXT), TRIALS.sha256) && isSame(hashes.sha256(...parts), TRIALS.sha256);
  const isKeyed = () => isSame(hashes.hmacSha256(key, ...parts), TRIALS.hmac);
  return isHashed() && isKeyed() && !isSame(hashes.hmacSha256(key.with(0, 1), TRIAL_TEXT), TRIALS.hmac) && isKeyed() &&
    isHashed();
}

let hashes: Hashes | undefined;
let isLookedFor = false;

/** Hashing by the library, which is opened when it is first asked for; `undefined` where it cannot be used. */
export function systemHashes(): Hashes | undefined {
  if (!isLookedFor) {
    isLookedFor = true;
    hashes = load();
  }
  return hashes;
}

function load(): Hashes | undefined {
  const c = libcrypto();
  if (c === undefined) return undefined;
  try {
    const loaded = new SystemHashes(c);
    return passes(loaded) ? loaded : undefined;
  } catch {
    return undefined;
  }
}
