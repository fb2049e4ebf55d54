/**
 * Sealing and opening by the system's libcrypto (OpenSSL 3), straight from memory into memory that is there, which is
 * twice as fast as the runtime's own ciphers; see docs/adr/0015. Where the library cannot be had, or fails its trial,
 * there are those.
 */
import { checkKey, checkNonce, roomFor, TAG_BYTES } from "../aead_arguments.ts";
import type { Aead, Bytes, SuiteId } from "../engine.ts";
import { bytesOf, countingBytes, type CryptoCalls, libcrypto } from "./libcrypto.ts";

const EVP_CTRL_AEAD_GET_TAG = 0x10;
const EVP_CTRL_AEAD_SET_TAG = 0x11;
const SEAL = 1;
const OPEN = 0;

/** One suite's cipher. All keys of a thread take turns with it, so that nothing has to be freed. */
class Cipher {
  readonly #c: CryptoCalls;
  readonly #context: Deno.PointerValue;
  readonly #written = new Uint8Array(4);
  /** Where a last piece would go: these ciphers have none. */
  readonly #nothing = new Uint8Array(TAG_BYTES);

  constructor(c: CryptoCalls, suite: SuiteId) {
    this.#c = c;
    this.#context = c.EVP_CIPHER_CTX_new();
    const cipher = suite === 1 ? c.EVP_chacha20_poly1305() : c.EVP_aes_256_gcm();
    const isReady = this.#context !== null && cipher !== null &&
      c.EVP_CipherInit_ex(this.#context, cipher, null, null, null, SEAL) === 1;
    if (!isReady) throw new Error(`Cannot use libcrypto: it has no cipher for suite ${suite}`);
  }

  /** Enciphers `plaintext` into as many bytes of `out`, with the tag behind it. */
  seal(key: Bytes, nonce: Bytes, plaintext: Bytes, out: Bytes): boolean {
    const context = this.#context;
    return this.#c.EVP_CipherInit_ex(context, null, null, key, nonce, SEAL) === 1 &&
      this.#update(plaintext, out.subarray(0, plaintext.length)) &&
      this.#c.EVP_CipherFinal_ex(context, this.#nothing, this.#written) === 1 &&
      this.#c.EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, out.subarray(plaintext.length)) === 1;
  }

  /** Deciphers into `out`, which is as long as the message, and says whether the tag holds. */
  open(key: Bytes, nonce: Bytes, sealed: Bytes, out: Bytes): boolean {
    const context = this.#context;
    return this.#c.EVP_CipherInit_ex(context, null, null, key, nonce, OPEN) === 1 &&
      this.#c.EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, sealed.subarray(out.length)) === 1 &&
      this.#update(sealed.subarray(0, out.length), out) &&
      this.#c.EVP_CipherFinal_ex(context, this.#nothing, this.#written) === 1;
  }

  /** From one place into another of the same length. */
  #update(from: Bytes, to: Bytes): boolean {
    return from.length === 0 || this.#c.EVP_CipherUpdate(this.#context, to, this.#written, from, from.length) === 1;
  }
}

/** Each thread has its own, tried when it is first asked for; `null` where it cannot be used. */
const ciphers: Partial<Record<SuiteId, Cipher | null>> = {};

/**
 * Binds the suite's AEAD to a 32-byte key; `undefined` where the library, which is opened when it is first asked for,
 * cannot be used.
 */
export function systemAead(suite: SuiteId, givenKey: Bytes): Aead | undefined {
  let cipher = ciphers[suite];
  if (cipher === undefined) cipher = ciphers[suite] = load(suite);
  if (cipher === null) return undefined;
  checkKey(givenKey);
  // A copy: an AEAD that changes when the caller clears or reuses the key's buffer would seal under the wrong key.
  const key = new Uint8Array(givenKey);
  return {
    seal(nonce: Bytes, plaintext: Bytes, out: Bytes): void {
      checkNonce(nonce);
      const room = roomFor(out, plaintext.length + TAG_BYTES);
      if (!cipher.seal(key, nonce, plaintext, room)) {
        room.fill(0);
        throw new Error(`Cannot seal ${plaintext.length} bytes: libcrypto has failed`);
      }
    },
    open(nonce: Bytes, sealed: Bytes, out: Bytes): boolean {
      checkNonce(nonce);
      if (sealed.length < TAG_BYTES) return false;
      const room = roomFor(out, sealed.length - TAG_BYTES);
      const holds = cipher.open(key, nonce, sealed, room);
      if (!holds) room.fill(0);
      return holds;
    },
  };
}

function load(suite: SuiteId): Cipher | null {
  const c = libcrypto();
  if (c === undefined) return null;
  try {
    const cipher = new Cipher(c, suite);
    return passes(cipher, suite) ? cipher : null;
  } catch {
    // A build without it, or a policy against it.
    return null;
  }
}

/** `coffer` under the key and the nonce of bytes 0, 1, 2…, as the runtime and others seal it; a test compares. */
const TRIALS: Record<SuiteId, string> = {
  1: "ea946e664c65f7c62f6b97f94681443a335a9cc76b4c",
  2: "246db07da097519db50ad4178d695acd8b80d01dc174",
};

/** Whether a message is sealed as it should be, opened, and refused when it was altered. */
function passes(cipher: Cipher, suite: SuiteId): boolean {
  const key = countingBytes(32);
  const nonce = key.subarray(0, 12);
  const plaintext = new TextEncoder().encode("coffer");
  const expected = bytesOf(TRIALS[suite]);
  const isSealed = () => {
    const sealed = new Uint8Array(expected.length);
    return cipher.seal(key, nonce, plaintext, sealed) && sealed.every((byte, i) => byte === expected[i]);
  };
  const opened = new Uint8Array(plaintext.length);
  return isSealed() && !cipher.open(key, nonce, expected.with(0, 0), opened) &&
    cipher.open(key, nonce, expected, opened) && opened.every((byte, i) => byte === plaintext[i]) && isSealed();
}
