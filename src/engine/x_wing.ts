/**
 * X-Wing, the hybrid of X25519 and ML-KEM-768 (draft-connolly-cfrg-xwing-kem), by noble. No runtime has it as a whole,
 * and putting it together from parts is what must not be done twice; so it is one file for every engine.
 *
 * @module
 */
// By its full name: mod.ts is also imported from a checkout by programs that have an import map of their own.
import { ml_kem768_x25519 } from "npm:@noble/post-quantum@0.7.1/hybrid.js";
import type { Bytes, HybridKem } from "./engine.ts";

/** Bytes of a public key. */
const PUBLIC_KEY_BYTES = 1216;
/** Bytes of randomness for one encapsulation. */
const COINS_BYTES = 64;

/** noble takes no views of shared memory. */
function own(bytes: Bytes): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}

/** The one hybrid key encapsulation. */
export const xWing: HybridKem = {
  publicKey(identity: Bytes): Bytes {
    return ml_kem768_x25519.getPublicKey(own(identity));
  },
  encapsulate(publicKey: Bytes, coins: Bytes): { readonly encapsulated: Bytes; readonly sharedSecret: Bytes } {
    if (publicKey.length !== PUBLIC_KEY_BYTES) {
      throw new RangeError(`Cannot use a recipient's key of ${publicKey.length} bytes: it has ${PUBLIC_KEY_BYTES}`);
    }
    // Without them noble would draw its own, and a shorter array would be a mistake that nobody sees.
    if (coins.length !== COINS_BYTES) throw new RangeError(`Cannot encapsulate with ${coins.length} random bytes`);
    let result: { readonly cipherText: Bytes; readonly sharedSecret: Bytes };
    try {
      result = ml_kem768_x25519.encapsulate(own(publicKey), own(coins));
    } catch (cause) {
      throw new RangeError("Cannot use the recipient's key: it is no public key", { cause });
    }
    return { encapsulated: result.cipherText, sharedSecret: result.sharedSecret };
  },
  decapsulate(encapsulated: Bytes, identity: Bytes): Bytes | undefined {
    try {
      return ml_kem768_x25519.decapsulate(own(encapsulated), own(identity));
    } catch {
      // X25519 refuses points of low order; nobody honest encapsulates to one.
      return undefined;
    }
  },
};
