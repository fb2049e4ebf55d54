import type { Bytes } from "./engine.ts";

/** Length of an AEAD tag, which follows the ciphertext. */
export const TAG_BYTES = 16;

const KEY_BYTES = 32;
const NONCE_BYTES = 12;

/**
 * Checks a key's length. OpenSSL takes the same care, but a wrong length is the caller's bug on every platform, so it
 * has to look the same on every platform.
 *
 * @throws {RangeError} Unless the key is 32 bytes long.
 */
export function checkKey(key: Bytes): void {
  if (key.length !== KEY_BYTES) {
    throw new RangeError(`Cannot use the key: it has ${key.length} bytes, not ${KEY_BYTES}`);
  }
}

/**
 * Checks a nonce's length: OpenSSL accepts shorter and longer ones and pads or hashes them, and two different nonces
 * could become one.
 *
 * @throws {RangeError} Unless the nonce is 12 bytes long.
 */
export function checkNonce(nonce: Bytes): void {
  if (nonce.length !== NONCE_BYTES) {
    throw new RangeError(`Cannot use the nonce: it has ${nonce.length} bytes, not ${NONCE_BYTES}`);
  }
}

/**
 * The first `length` bytes of `out`.
 *
 * @throws {RangeError} If `out` is shorter than that: a message is never written in part.
 */
export function roomFor(out: Bytes, length: number): Bytes {
  if (out.length < length) {
    throw new RangeError(`Cannot write ${length} bytes: the output has room for ${out.length}`);
  }
  return out.subarray(0, length);
}
