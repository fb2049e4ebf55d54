/**
 * The engines over native code: the system's libraries, and `node:crypto` and `node:zlib`, which Deno, Node.js and Bun
 * have.
 *
 * Every view may be of shared memory. What Node's functions return are `Buffer`s, sometimes windows into a shared
 * pool, whose `slice` does not copy; they never leave this file.
 *
 * @module
 */

import type { Bytes, Engine, HybridKem, ScryptCost } from "../engine.ts";
import { compressionBy } from "./compression.ts";
import { systemAead } from "./libcrypto_aead.ts";
import { systemHashes } from "./libcrypto_hashes.ts";
import { systemCrc32 } from "./libz.ts";
import { systemDecoder, systemEncoder } from "./libzstd.ts";
import { nodeAead } from "./node_aead.ts";
import { nodeCrypto, nodeZlib } from "./node_builtins.ts";

/** Keyed hashes between two collections: some 7 MB of what they leave. */
const HMACS_PER_COLLECTION = 2 ** 14;
/** Memory outside its heap for which V8 begins a collection. It is never touched, so no page of it is ever there. */
const COLLECTED_BYTES = 2 ** 26;

/** WebCrypto gives no more at once. */
const MAX_RANDOM_BYTES = 65_536;

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
    if (only !== undefined && parts.length === 1) return new Uint8Array(nodeCrypto().hash("sha256", only, "buffer"));
    const hash = nodeCrypto().createHash("sha256");
    for (const part of parts) hash.update(part);
    return new Uint8Array(hash.digest());
  },
  hmacSha256(key: Bytes, ...parts: readonly Bytes[]): Bytes {
    const hmac = nodeCrypto().createHmac("sha256", key);
    for (const part of parts) hmac.update(part);
    if (++hmacs % HMACS_PER_COLLECTION === 0) collect();
    return new Uint8Array(hmac.digest());
  },
  hkdfSha256(ikm: Bytes, salt: Bytes, info: Bytes, length: number): Bytes {
    return new Uint8Array(nodeCrypto().hkdfSync("sha256", ikm, salt, info, length));
  },
  scrypt(passphrase: Bytes, salt: Bytes, cost: ScryptCost, length: number): Promise<Bytes> {
    const { logN, r, p } = cost;
    const N = 2 ** logN;
    // The asynchronous form, so that it runs beside other work. It refuses shared memory, hence the copies; and the
    // default limit of 32 MiB: what OpenSSL counts is N + p blocks and two for scratch.
    const options = { N, r, p, maxmem: 128 * r * (N + p + 2) };
    return new Promise((resolve, reject) => {
      nodeCrypto().scrypt(new Uint8Array(passphrase), new Uint8Array(salt), length, options, (error, key) => {
        if (error) reject(error);
        else resolve(new Uint8Array(key));
      });
    });
  },
  async hybridKem(): Promise<HybridKem> {
    return (await import("../x_wing.ts")).xWing;
  },
  crc32(data: Bytes): number {
    return nodeZlib().crc32(data);
  },
  ...compressionBy(() => undefined, () => undefined),
  randomBytes(length: number): Bytes {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += MAX_RANDOM_BYTES) {
      crypto.getRandomValues(bytes.subarray(at, at + MAX_RANDOM_BYTES));
    }
    return bytes;
  },
  equal(a: Bytes, b: Bytes): boolean {
    return a.length === b.length && nodeCrypto().timingSafeEqual(a, b);
  },
};

/**
 * The bytes that a thread has the system's library sum. `node:zlib` does it twenty times faster, but takes longer to
 * load than so many bytes take there.
 */
const BYTES_BEFORE_ZLIB = 2 ** 23;

let summed = 0;

/** Loads what sums many bytes, in a thread that has nothing to do until it will have to. */
export function prepareToSum(): void {
  summed = BYTES_BEFORE_ZLIB;
  nodeZlib();
}

/**
 * The engine of `mod.ts` and the command line: the system's libraries, where they can be had (docs/adr/0015), and the
 * runtime's own do the rest. Where everything can be had, a thread that has little to do loads none of the runtime's.
 */
export const nativeEngine: Engine = {
  ...runtimeEngine,
  name: "native",
  aead: (suite, key) => systemAead(suite, key) ?? nodeAead(suite, key),
  sha256: (...parts) => hashes().sha256(...parts),
  hmacSha256: (key, ...parts) => hashes().hmacSha256(key, ...parts),
  hkdfSha256: (ikm, salt, info, length) => hashes().hkdfSha256(ikm, salt, info, length),
  async scrypt(passphrase, salt, cost, length) {
    const system = systemHashes();
    const by = system !== undefined && await system.hasScrypt() ? system : runtimeEngine;
    return await by.scrypt(passphrase, salt, cost, length);
  },
  crc32(data: Bytes): number {
    const system = summed < BYTES_BEFORE_ZLIB ? systemCrc32() : undefined;
    if (system === undefined) return nodeZlib().crc32(data);
    summed += data.length;
    return system(data);
  },
  ...compressionBy(systemEncoder, systemDecoder),
  equal(a, b): boolean {
    if (a.length !== b.length) return false;
    // All of it in any case: how long this takes must not say where they differ.
    let difference = 0;
    for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
    return difference === 0;
  },
};

function hashes(): Pick<Engine, "sha256" | "hmacSha256" | "hkdfSha256"> {
  return systemHashes() ?? runtimeEngine;
}
