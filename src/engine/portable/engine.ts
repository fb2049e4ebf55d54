/**
 * The engine for browsers and every other place without `node:` modules: noble for the cryptography, zstd's own decoder
 * compiled to WebAssembly, `crypto.getRandomValues` for randomness. It cannot compress, so archives made with it are
 * stored.
 *
 * @module
 */

import { gcm } from "@noble/ciphers/aes.js";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { equalBytes } from "@noble/ciphers/utils.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { scryptAsync } from "@noble/hashes/scrypt.js";
import { sha256 } from "@noble/hashes/sha2.js";
import CRC32 from "crc-32";
import { checkKey, checkNonce, roomFor, TAG_BYTES } from "../aead_arguments.ts";
import type { Aead, Bytes, Engine, HybridKem, ScryptCost, SuiteId } from "../engine.ts";
import { decompress, decompressBeginning } from "./zstd.ts";

/** `crypto.getRandomValues` gives no more at once. */
const MAX_RANDOM_BYTES = 65_536;

/** What this file uses of one of noble's ciphers. */
interface NobleCipher {
  encrypt(plaintext: Bytes): Bytes;
  decrypt(sealed: Bytes): Bytes;
}

function bind(suite: SuiteId, key: Bytes, nonce: Bytes): NobleCipher {
  switch (suite) {
    case 1:
      return chacha20poly1305(key, nonce);
    case 2:
      return gcm(key, nonce);
  }
}

function portableAead(suite: SuiteId, givenKey: Bytes): Aead {
  checkKey(givenKey);
  // A copy, as noble keeps the view it is given: clearing the caller's buffer must not change the key.
  const key = new Uint8Array(givenKey);
  return {
    seal(nonce: Bytes, plaintext: Bytes, out: Bytes): void {
      checkNonce(nonce);
      const room = roomFor(out, plaintext.length + TAG_BYTES);
      room.set(bind(suite, key, nonce).encrypt(plaintext));
    },
    open(nonce: Bytes, sealed: Bytes, out: Bytes): boolean {
      checkNonce(nonce);
      if (sealed.length < TAG_BYTES) return false;
      const room = roomFor(out, sealed.length - TAG_BYTES);
      const cipher = bind(suite, key, nonce);
      let plaintext: Bytes;
      try {
        plaintext = cipher.decrypt(sealed);
      } catch {
        // The lengths have been checked: what is left for noble to object to is the tag.
        room.fill(0);
        return false;
      }
      room.set(plaintext);
      return true;
    },
  };
}

/** The engine of `browser.ts`: JavaScript and WebAssembly only. */
export const portableEngine: Engine = {
  name: "portable",
  aead: portableAead,
  sha256(...parts: readonly Bytes[]): Bytes {
    const hash = sha256.create();
    for (const part of parts) hash.update(part);
    return hash.digest();
  },
  hmacSha256(key: Bytes, ...parts: readonly Bytes[]): Bytes {
    const mac = hmac.create(sha256, key);
    for (const part of parts) mac.update(part);
    return mac.digest();
  },
  hkdfSha256(ikm: Bytes, salt: Bytes, info: Bytes, length: number): Bytes {
    return hkdf(sha256, ikm, salt, info, length);
  },
  scrypt(passphrase: Bytes, salt: Bytes, cost: ScryptCost, length: number): Promise<Bytes> {
    const { logN, r, p } = cost;
    const N = 2 ** logN;
    // noble's own default limit is 1 GiB; it counts N + p blocks and one for scratch.
    return scryptAsync(passphrase, salt, { N, r, p, dkLen: length, maxmem: 128 * r * (N + p + 1) });
  },
  async hybridKem(): Promise<HybridKem> {
    return (await import("../x_wing.ts")).xWing;
  },
  crc32(data: Bytes): number {
    // The library gives a signed number.
    return CRC32.buf(data) >>> 0;
  },
  compress: undefined,
  decompress,
  decompressBeginning,
  randomBytes(length: number): Bytes {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += MAX_RANDOM_BYTES) {
      globalThis.crypto.getRandomValues(bytes.subarray(at, at + MAX_RANDOM_BYTES));
    }
    return bytes;
  },
  equal: equalBytes,
};
