/**
 * The system's libcrypto (OpenSSL 3): opened when it is first asked for, in each thread by itself. See docs/adr/0015;
 * what is done with it is in `libcrypto_aead.ts` and `libcrypto_hashes.ts`.
 */
import { openSystemLibrary, type SystemFunctions } from "../../foreign/system_library.ts";

/** The functions that are used. */
export const CRYPTO_FUNCTIONS = {
  OPENSSL_init_crypto: { parameters: ["u64", "pointer"], result: "i32", rarely: true },
  EVP_CIPHER_CTX_new: { parameters: [], result: "pointer", rarely: true },
  EVP_chacha20_poly1305: { parameters: [], result: "pointer", rarely: true },
  EVP_aes_256_gcm: { parameters: [], result: "pointer", rarely: true },
  EVP_CipherInit_ex: { parameters: ["pointer", "pointer", "pointer", "buffer", "buffer", "i32"], result: "i32" },
  EVP_CipherUpdate: { parameters: ["pointer", "buffer", "buffer", "buffer", "i32"], result: "i32" },
  EVP_CipherFinal_ex: { parameters: ["pointer", "buffer", "buffer"], result: "i32" },
  EVP_CIPHER_CTX_ctrl: { parameters: ["pointer", "i32", "i32", "buffer"], result: "i32" },
  EVP_MD_fetch: { parameters: ["pointer", "buffer", "pointer"], result: "pointer", rarely: true },
  EVP_MD_CTX_new: { parameters: [], result: "pointer", rarely: true },
  EVP_DigestInit_ex: { parameters: ["pointer", "pointer", "pointer"], result: "i32" },
  EVP_DigestUpdate: { parameters: ["pointer", "buffer", "usize"], result: "i32" },
  EVP_DigestFinal_ex: { parameters: ["pointer", "buffer", "pointer"], result: "i32" },
  CRYPTO_malloc: { parameters: ["usize", "pointer", "i32"], result: "pointer", rarely: true },
  CRYPTO_clear_free: { parameters: ["pointer", "usize", "pointer", "i32"], result: "void", rarely: true },
  EVP_PBE_scrypt: {
    parameters: ["pointer", "usize", "pointer", "usize", "u64", "u64", "u64", "u64", "pointer", "usize"],
    result: "i32",
    // It takes a second and more: on a thread of the runtime's, beside other work.
    nonblocking: true,
  },
} as const;

/** The same, to be called. */
export type CryptoCalls = SystemFunctions<typeof CRYPTO_FUNCTIONS>;

/** The library keeps to its defaults: what a file or the environment configures could load code of anybody's. */
const OPENSSL_INIT_NO_LOAD_CONFIG = 0x80n;
/** Other threads may still be at work while the process ends. */
const OPENSSL_INIT_NO_ATEXIT = 0x8_0000n;
const INIT_OPTIONS = OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT;

let calls: CryptoCalls | undefined;
let isLookedFor = false;

/** The library's functions; `undefined` where it cannot be had. */
export function libcrypto(): CryptoCalls | undefined {
  if (!isLookedFor) {
    isLookedFor = true;
    const opened = openSystemLibrary("libcrypto.so.3", CRYPTO_FUNCTIONS);
    calls = opened?.OPENSSL_init_crypto(INIT_OPTIONS, null) === 1 ? opened : undefined;
  }
  return calls;
}

/** The bytes that an even number of hexadecimal digits stands for: what a trial expects. */
export function bytesOf(digits: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Bytes 0, 1, 2…: what trials take for keys. */
export function countingBytes(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => i);
}
