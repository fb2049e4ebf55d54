/**
 * The engine over `node:crypto` and `node:zlib`, which are native code in Deno, Node.js and Bun.
 *
 * Every view may be of shared memory. What Node's functions return are `Buffer`s, sometimes windows into a shared
 * pool, whose `slice` does not copy; they never leave this file.
 *
 * @module
 */

import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  hash as hashOnce,
  hkdfSync,
  randomFillSync,
  scrypt,
  timingSafeEqual,
} from "node:crypto";
import { constants, crc32, zstdCompressSync, zstdDecompressSync, type ZstdOptions } from "node:zlib";
import { checkKey, checkNonce, roomFor, TAG_BYTES } from "../aead_arguments.ts";
import type { Aead, Bytes, Effort, Engine, HybridKem, ScryptCost, SuiteId } from "../engine.ts";
import { isLoneZstdFrame, wholeBlocksOf } from "../zstd_frame.ts";
import { canDecodeInto, decodeInto, DECODER_PARAMS, isMuchDecoded } from "./zstd_decoder.ts";
import { canEncode, encodeInto, type EncoderParams } from "./zstd_encoder.ts";

/** Node's typings know one authenticated cipher's name per overload; both suites behave alike. */
type AeadName = "chacha20-poly1305";

const CIPHER_NAMES: Record<SuiteId, AeadName> = {
  1: "chacha20-poly1305",
  2: "aes-256-gcm" as AeadName,
};

const CIPHER_OPTIONS = { authTagLength: TAG_BYTES };

const MIN_LEVEL = 1;
/** The last level before the ones that need windows over 16 MiB. */
const MAX_LEVEL = 19;

/** Node's typings leave this option out. */
interface CompressOptions extends ZstdOptions {
  readonly pledgedSrcSize: number;
}

/** What zlib's functions return when asked for `info`; Node's typings leave that out too. */
interface WithInfo {
  readonly buffer: Bytes;
  readonly engine: { readonly bytesWritten: number };
}

/** zlib takes no smaller chunks than this. */
const MIN_CHUNK_BYTES = 64;

/**
 * Gives back the memory of what a cipher returned, which is copied by now. It is of a chunk's length each time, and a
 * collector that has not come round yet would leave it where the next ones find no room: new pages for each, and
 * hundreds of megabytes of them when it is kept from running.
 */
function letGo({ buffer, length }: Bytes): void {
  // Of a pool, others have the rest.
  if (buffer instanceof ArrayBuffer && buffer.byteLength === length) buffer.transfer(0);
}

function nativeAead(suite: SuiteId, givenKey: Bytes): Aead {
  checkKey(givenKey);
  const name = CIPHER_NAMES[suite];
  // A copy: an AEAD that changes when the caller clears or reuses the key's buffer would seal under the wrong key.
  const key = new Uint8Array(givenKey);
  return {
    seal(nonce: Bytes, plaintext: Bytes, out: Bytes): void {
      checkNonce(nonce);
      const room = roomFor(out, plaintext.length + TAG_BYTES);
      const cipher = createCipheriv(name, key, nonce, CIPHER_OPTIONS);
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
      const decipher = createDecipheriv(name, key, nonce, CIPHER_OPTIONS);
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

/** More than any frame of so much content takes: zstd's own bound (ZSTD_COMPRESSBOUND) and some room to spare. */
function maxFrameBytes(contentBytes: number): number {
  return contentBytes + Math.ceil(contentBytes / 256) + 128;
}

/** A window that holds a whole block: where it does not, looking for matches takes a quarter more time. */
const BLOCK_WINDOW = { [constants.ZSTD_c_windowLog]: 22 };
/**
 * What is smaller has an encoder of its own: trying whether one can be kept costs milliseconds, which a small archive
 * does not win back. (Below 256 KiB zstd would also choose other tables for a level, if the encoder were told the
 * size.)
 */
const MIN_KEPT_BYTES = 2 ** 20;
/** Levels whose encoder is kept: the strategies of those above are not known to give the same each time. */
const KEPT_LEVELS = [1, 2, 3, 4].map((level): EncoderParams => ({
  [constants.ZSTD_c_compressionLevel]: level,
  ...BLOCK_WINDOW,
}));
/** What was measured to be fastest at about the size of level 3; see bench/README.md. */
const EFFORTS: Record<Exclude<Effort, number>, EncoderParams> = {
  binary: {
    [constants.ZSTD_c_compressionLevel]: 3,
    ...BLOCK_WINDOW,
    [constants.ZSTD_c_strategy]: constants.ZSTD_fast,
    [constants.ZSTD_c_hashLog]: 16,
    [constants.ZSTD_c_minMatch]: 5,
  },
  text: {
    [constants.ZSTD_c_compressionLevel]: 3,
    ...BLOCK_WINDOW,
    [constants.ZSTD_c_strategy]: constants.ZSTD_dfast,
    [constants.ZSTD_c_hashLog]: 17,
    [constants.ZSTD_c_chainLog]: 14,
    [constants.ZSTD_c_minMatch]: 6,
  },
  sample: { [constants.ZSTD_c_compressionLevel]: 1 },
};

function compress(
  raw: Bytes,
  effort: Effort,
  allocate: (length: number) => Bytes = (length) => new Uint8Array(length),
): Bytes {
  const params = keptParams(raw.length, effort);
  if (params !== undefined && canEncode()) {
    const frame = encodeInto(raw, params, allocate(maxFrameBytes(raw.length)));
    if (frame !== undefined) return frame;
  }
  const options: CompressOptions = {
    // Without it the frame would not state its content size.
    pledgedSrcSize: raw.length,
    // Room for the whole frame in one piece: where it takes several, Deno 2.9 may append a second, empty frame.
    chunkSize: maxFrameBytes(raw.length),
    params: params ?? { [constants.ZSTD_c_compressionLevel]: effort as number },
  };
  const frame = zstdCompressSync(raw, options);
  // Cheap, and what is written here is sealed for good.
  if (!isLoneZstdFrame(frame, raw.length)) {
    throw new Error(`Cannot compress ${raw.length} bytes: zlib returned something other than one frame`);
  }
  return new Uint8Array(frame.buffer, frame.byteOffset, frame.length);
}

/** How the encoder works that is kept for an effort; `undefined` where each piece has one of its own. */
function keptParams(length: number, effort: Effort): EncoderParams | undefined {
  if (typeof effort !== "number") return EFFORTS[effort];
  if (!Number.isInteger(effort) || effort < MIN_LEVEL || effort > MAX_LEVEL) {
    throw new RangeError(`Cannot compress at level ${effort}: levels are ${MIN_LEVEL} to ${MAX_LEVEL}`);
  }
  return length >= MIN_KEPT_BYTES ? KEPT_LEVELS[effort - 1] : undefined;
}

function decompress(stored: Bytes, out: Bytes): boolean {
  if (!isLoneZstdFrame(stored, out.length)) return false;
  if (out.length === 0) return true;
  if (isMuchDecoded(out.length) && canDecodeInto()) return decodeInto(stored, out);
  let result: WithInfo;
  try {
    result = zstdDecompressSync(stored, {
      info: true,
      maxOutputLength: out.length,
      // One piece of output: gathering it from smaller ones costs a quarter of the speed.
      chunkSize: Math.max(out.length, MIN_CHUNK_BYTES),
      params: DECODER_PARAMS,
    }) as unknown as WithInfo;
  } catch {
    return false;
  }
  // zlib reports neither input left over nor output missing.
  if (result.engine.bytesWritten !== stored.length || result.buffer.length !== out.length) return false;
  out.set(result.buffer);
  return true;
}

function decompressBeginning(beginning: Bytes, out: Bytes): number {
  out.fill(0);
  const frame = wholeBlocksOf(beginning, out.length);
  if (frame === undefined || out.length === 0) return 0;
  try {
    const content = zstdDecompressSync(frame, {
      maxOutputLength: out.length,
      chunkSize: Math.max(out.length, MIN_CHUNK_BYTES),
      params: DECODER_PARAMS,
    });
    out.set(content);
    return content.length;
  } catch {
    return 0;
  }
}

/** The engine of `mod.ts` and the command line: `node:crypto` and `node:zlib`. */
export const nativeEngine: Engine = {
  name: "native",
  aead: nativeAead,
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
  compress,
  decompress,
  decompressBeginning,
  randomBytes(length: number): Bytes {
    return randomFillSync(new Uint8Array(length));
  },
  equal(a: Bytes, b: Bytes): boolean {
    return a.length === b.length && timingSafeEqual(a, b);
  },
};
