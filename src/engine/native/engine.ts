/**
 * The engines over native code: `node:crypto` and `node:zlib`, which Deno, Node.js and Bun have, and the system's
 * libraries.
 *
 * Every view may be of shared memory. What Node's functions return are `Buffer`s, sometimes windows into a shared
 * pool, whose `slice` does not copy; they never leave this file.
 *
 * @module
 */

import {
  createHash,
  createHmac,
  hash as hashOnce,
  hkdfSync,
  randomFillSync,
  scrypt,
  timingSafeEqual,
} from "node:crypto";
import { crc32 } from "node:zlib";
import type { Aead, Bytes, Engine, HybridKem, ScryptCost, SuiteId } from "../engine.ts";
import { compressionBy } from "./compression.ts";
import { systemAead } from "./libcrypto.ts";
import { systemZstd } from "./libzstd.ts";
import { nodeAead } from "./node_aead.ts";
import { BYTES_BEFORE_LIBRARY } from "./system_library.ts";

/** Keyed hashes between two collections: some 7 MB of what they leave. */
const HMACS_PER_COLLECTION = 2 ** 14;
/** Memory outside its heap for which V8 begins a collection. It is never touched, so no page of it is ever there. */
const COLLECTED_BYTES = 2 ** 26;

let hmacs = 0;

/**
 * Has the collector come round. The states of a keyed hash, some 450 bytes, wait for it outside its heap, where it does
 * not count them: a thread that took one of each chunk of content grew by 180 MiB before it came by itself.
 */
function collect(): void {
  try {
    new ArrayBuffer(COLLECTED_BYTES);
  } catch {
    // Where there is not even so much to be had, it comes by itself.
  }
}

/** The engine over the runtime's own `node:crypto` and `node:zlib`, and nothing else. */
export const runtimeEngine: Engine = {
  name: "runtime",
  aead: nodeAead,
  sha256(...parts: readonly Bytes[]): Bytes {
    const [only] = parts;
    // Without an object for the state, which costs more than hashing a row does.
    if (only !== undefined && parts.length === 1) return new Uint8Array(hashOnce("sha256", only, "buffer"));
    const hash = createHash("sha256");
    for (const part of parts) hash.update(part);
    return new Uint8Array(hash.digest());
  },
  hmacSha256(key: Bytes, ...parts: readonly Bytes[]): Bytes {
    const hmac = createHmac("sha256", key);
    for (const part of parts) hmac.update(part);
    if (++hmacs % HMACS_PER_COLLECTION === 0) collect();
    return new Uint8Array(hmac.digest());
  },
  hkdfSha256(ikm: Bytes, salt: Bytes, info: Bytes, length: number): Bytes {
    return new Uint8Array(hkdfSync("sha256", ikm, salt, info, length));
  },
  scrypt(passphrase: Bytes, salt: Bytes, cost: ScryptCost, length: number): Promise<Bytes> {
    const { logN, r, p } = cost;
    const N = 2 ** logN;
    // The asynchronous form, so that it runs beside other work. It refuses shared memory, hence the copies; and the
    // default limit of 32 MiB: what OpenSSL counts is N + p blocks and two for scratch.
    const options = { N, r, p, maxmem: 128 * r * (N + p + 2) };
    return new Promise((resolve, reject) => {
      scrypt(new Uint8Array(passphrase), new Uint8Array(salt), length, options, (error, key) => {
        if (error) reject(error);
        else resolve(new Uint8Array(key));
      });
    });
  },
  async hybridKem(): Promise<HybridKem> {
    return (await import("../x_wing.ts")).xWing;
  },
  crc32(data: Bytes): number {
    return crc32(data);
  },
  ...compressionBy(() => undefined, Infinity),
  randomBytes(length: number): Bytes {
    return randomFillSync(new Uint8Array(length));
  },
  equal(a: Bytes, b: Bytes): boolean {
    return a.length === b.length && timingSafeEqual(a, b);
  },
};

/** The engine that turns to the system's libraries once a thread has ciphered or decoded so many bytes. */
export function engineWithLibraries(name: string, bytesBefore: number): Engine {
  let ciphered = 0;
  const aead = (suite: SuiteId, givenKey: Bytes): Aead => {
    const node = nodeAead(suite, givenKey);
    // A copy, as the other one's: this key is used later.
    const key = new Uint8Array(givenKey);
    let system: Aead | undefined;
    const cipherFor = (bytes: number): Aead => {
      if (ciphered >= bytesBefore) return system ??= systemAead(suite, key) ?? node;
      ciphered += bytes;
      return node;
    };
    return {
      seal: (nonce, plaintext, out) => cipherFor(plaintext.length).seal(nonce, plaintext, out),
      open: (nonce, sealed, out) => cipherFor(sealed.length).open(nonce, sealed, out),
    };
  };
  return { ...runtimeEngine, name, aead, ...compressionBy(systemZstd, bytesBefore) };
}

/**
 * The engine of `mod.ts` and the command line: where there is much to cipher and to compress, the system's libraries do
 * it if they can be had (docs/adr/0015), and the runtime's own do the rest.
 */
export const nativeEngine: Engine = engineWithLibraries("native", BYTES_BEFORE_LIBRARY);
