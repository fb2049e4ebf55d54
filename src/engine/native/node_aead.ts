/**
 * Sealing and opening by `node:crypto`. What its functions return are `Buffer`s, sometimes windows into a shared pool,
 * whose `slice` does not copy; they never leave this file.
 */
import { checkKey, checkNonce, roomFor, TAG_BYTES } from "../aead_arguments.ts";
import type { Aead, Bytes, SuiteId } from "../engine.ts";
import { nodeCrypto } from "./node_builtins.ts";

/** Node's typings know one authenticated cipher's name per overload; both suites behave alike. */
type AeadName = "chacha20-poly1305";

const CIPHER_NAMES: Record<SuiteId, AeadName> = {
  1: "chacha20-poly1305",
  2: "aes-256-gcm" as AeadName,
};

const CIPHER_OPTIONS = { authTagLength: TAG_BYTES };

/**
 * Gives back the memory of what a cipher returned, which is copied by now. It is of a chunk's length each time, and a
 * collector that has not come round yet would leave it where the next ones find no room: new pages for each, and
 * hundreds of megabytes of them when it is kept from running.
 */
function letGo({ buffer, length }: Bytes): void {
  // Of a pool, others have the rest.
  if (buffer instanceof ArrayBuffer && buffer.byteLength === length) buffer.transfer(0);
}

/** Binds the suite's AEAD to a 32-byte key. */
export function nodeAead(suite: SuiteId, givenKey: Bytes): Aead {
  checkKey(givenKey);
  const name = CIPHER_NAMES[suite];
  // A copy: an AEAD that changes when the caller clears or reuses the key's buffer would seal under the wrong key.
  const key = new Uint8Array(givenKey);
  return {
    seal(nonce: Bytes, plaintext: Bytes, out: Bytes): void {
      checkNonce(nonce);
      const room = roomFor(out, plaintext.length + TAG_BYTES);
      const cipher = nodeCrypto().createCipheriv(name, key, nonce, CIPHER_OPTIONS);
      const sealed = cipher.update(plaintext);
      room.set(sealed);
      letGo(sealed);
      cipher.final();
      room.set(cipher.getAuthTag(), plaintext.length);
    },
    open(nonce: Bytes, sealed: Bytes, out: Bytes): boolean {
      checkNonce(nonce);
      if (sealed.length < TAG_BYTES) return false;
      const length = sealed.length - TAG_BYTES;
      const room = roomFor(out, length);
      const decipher = nodeCrypto().createDecipheriv(name, key, nonce, CIPHER_OPTIONS);
      decipher.setAuthTag(sealed.subarray(length));
      const unproven = decipher.update(sealed.subarray(0, length));
      try {
        decipher.final();
      } catch {
        // All that `final` has left to do is to compare the tag.
        unproven.fill(0);
        room.fill(0);
        return false;
      }
      room.set(unproven);
      letGo(unproven);
      return true;
    },
  };
}
