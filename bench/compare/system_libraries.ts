/**
 * The system's libcrypto and libzstd by bare calls: the fastest way that a program on this runtime has to decipher and
 * decompress. For floors, which load nothing else; the program has its own, which try first what they call.
 */

const EVP_CTRL_AEAD_SET_TAG = 0x11;
const TAG_BYTES = 16;
const OPEN = 0;

const CRYPTO = {
  EVP_CIPHER_CTX_new: { parameters: [], result: "pointer" },
  EVP_chacha20_poly1305: { parameters: [], result: "pointer" },
  EVP_CipherInit_ex: { parameters: ["pointer", "pointer", "pointer", "buffer", "buffer", "i32"], result: "i32" },
  EVP_CipherUpdate: { parameters: ["pointer", "buffer", "buffer", "buffer", "i32"], result: "i32" },
  EVP_CipherFinal_ex: { parameters: ["pointer", "buffer", "buffer"], result: "i32" },
  EVP_CIPHER_CTX_ctrl: { parameters: ["pointer", "i32", "i32", "buffer"], result: "i32" },
} as const;

const ZSTD = {
  ZSTD_createDCtx: { parameters: [], result: "pointer" },
  ZSTD_decompressDCtx: { parameters: ["pointer", "buffer", "usize", "buffer", "usize"], result: "i32" },
} as const;

/** What opens messages of ChaCha20-Poly1305 under a key; it throws when a tag does not hold. */
export function decipherer(
  key: Uint8Array<ArrayBuffer>,
): (nonce: Uint8Array<ArrayBuffer>, sealed: Uint8Array<ArrayBuffer>, out: Uint8Array<ArrayBuffer>) => void {
  const c = Deno.dlopen("libcrypto.so.3", CRYPTO).symbols;
  const context = c.EVP_CIPHER_CTX_new();
  const written = new Uint8Array(4);
  const nothing = new Uint8Array(TAG_BYTES);
  c.EVP_CipherInit_ex(context, c.EVP_chacha20_poly1305(), null, null, null, OPEN);
  return (nonce, sealed, out) => {
    const length = sealed.length - TAG_BYTES;
    c.EVP_CipherInit_ex(context, null, null, key, nonce, OPEN);
    c.EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, sealed.subarray(length));
    c.EVP_CipherUpdate(context, out, written, sealed, length);
    if (c.EVP_CipherFinal_ex(context, nothing, written) !== 1) {
      throw new Error("Cannot open a message: its tag differs");
    }
  };
}

/** What decompresses a whole frame of zstd; it throws when that does not fill `out`. */
export function decompressor(): (frame: Uint8Array<ArrayBuffer>, out: Uint8Array<ArrayBuffer>) => void {
  const c = Deno.dlopen("libzstd.so.1", ZSTD).symbols;
  const context = c.ZSTD_createDCtx();
  return (frame, out) => {
    const length = c.ZSTD_decompressDCtx(context, out, BigInt(out.length), frame, BigInt(frame.length));
    if (length !== out.length) throw new Error(`Cannot decompress a frame: it gives ${length} bytes`);
  };
}
