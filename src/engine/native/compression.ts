/**
 * How this engine compresses, and by what: the system's libzstd, `node:zlib`'s streams with an encoder and a decoder
 * that are kept, or its exported functions, whichever can be had. All of them make and take the same kind of frame.
 *
 * Every view may be of shared memory. What Node's functions return are `Buffer`s, sometimes windows into a shared
 * pool, whose `slice` does not copy; they never leave this file.
 */
import type { ZstdOptions } from "node:zlib";
import type { Bytes, Effort, Engine } from "../engine.ts";
import { isLoneZstdFrame, wholeBlocksOf } from "../zstd_frame.ts";
import type { SystemDecoder, SystemEncoder } from "./libzstd.ts";
import { canDecodeInto, decodeInto, DECODER_PARAMS, isMuchDecoded } from "./zstd_decoder.ts";
import { canEncode, encodeInto, type EncoderParams } from "./zstd_encoder.ts";
import { nodeZlib } from "./node_builtins.ts";
import {
  ZSTD_c_chainLog,
  ZSTD_c_compressionLevel,
  ZSTD_c_hashLog,
  ZSTD_c_minMatch,
  ZSTD_c_strategy,
  ZSTD_c_windowLog,
  ZSTD_dfast,
  ZSTD_fast,
} from "./zstd_constants.ts";

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

/** More than any frame of so much content takes: zstd's own bound (ZSTD_COMPRESSBOUND) and some room to spare. */
function maxFrameBytes(contentBytes: number): number {
  return contentBytes + Math.ceil(contentBytes / 256) + 128;
}

/** A window that holds a whole block: where it does not, looking for matches takes a quarter more time. */
const BLOCK_WINDOW = { [ZSTD_c_windowLog]: 22 };
/**
 * What is smaller has the window of its level. Of the runtime's encoders, each then is a new one: trying whether
 * one can be kept costs milliseconds, which a small archive does not win back. (Below 256 KiB zstd would also choose
 * other tables for a level, if such an encoder were told the size.)
 */
const MIN_KEPT_BYTES = 2 ** 20;
/** Levels whose encoder the runtime keeps: those above are not known to give the same each time. libzstd's are. */
const KEPT_LEVELS = [1, 2, 3, 4].map((level): EncoderParams => ({
  [ZSTD_c_compressionLevel]: level,
  ...BLOCK_WINDOW,
}));
/** What was measured to be fastest at about the size of level 3; see bench/README.md. */
const EFFORTS: Record<Exclude<Effort, number>, EncoderParams> = {
  binary: {
    [ZSTD_c_compressionLevel]: 3,
    ...BLOCK_WINDOW,
    [ZSTD_c_strategy]: ZSTD_fast,
    [ZSTD_c_hashLog]: 16,
    [ZSTD_c_minMatch]: 5,
  },
  text: {
    [ZSTD_c_compressionLevel]: 3,
    ...BLOCK_WINDOW,
    [ZSTD_c_strategy]: ZSTD_dfast,
    [ZSTD_c_hashLog]: 17,
    [ZSTD_c_chainLog]: 14,
    [ZSTD_c_minMatch]: 6,
  },
  sample: { [ZSTD_c_compressionLevel]: 1 },
};

/**
 * What an engine compresses and decompresses by: the system's library, where it can be had, and the runtime's own
 * otherwise. Equal content gives equal bytes in every thread of a run: all of them have the library, or none.
 */
export function compressionBy(
  systemEncoder: () => SystemEncoder | undefined,
  systemDecoder: () => SystemDecoder | undefined,
): { compress: NonNullable<Engine["compress"]> } & Pick<Engine, "decompress" | "decompressBeginning"> {
  return {
    compress(raw, effort, allocate = (length) => new Uint8Array(length)): Bytes {
      const kept = keptParams(raw.length, effort);
      const params = kept ?? { [ZSTD_c_compressionLevel]: effort as number };
      const encode = systemEncoder() ?? (kept !== undefined && canEncode() ? encodeInto : undefined);
      return encode?.(raw, params, allocate(maxFrameBytes(raw.length))) ?? compressOnce(raw, params);
    },
    decompress(stored, out): boolean {
      if (!isLoneZstdFrame(stored, out.length)) return false;
      if (out.length === 0) return true;
      const decode = systemDecoder();
      if (decode !== undefined) return decode(stored, out);
      return isMuchDecoded(out.length) && canDecodeInto() ? decodeInto(stored, out) : decodeOnce(stored, out);
    },
    decompressBeginning,
  };
}

/** By an encoder and a buffer made for it. */
function compressOnce(raw: Bytes, params: EncoderParams): Bytes {
  const options: CompressOptions = {
    // Without it the frame would not state its content size.
    pledgedSrcSize: raw.length,
    // Room for the whole frame in one piece: where it takes several, Deno 2.9 may append a second, empty frame.
    chunkSize: maxFrameBytes(raw.length),
    params,
  };
  const frame = nodeZlib().zstdCompressSync(raw, options);
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

/** By a decoder and a buffer made for it. */
function decodeOnce(stored: Bytes, out: Bytes): boolean {
  let result: WithInfo;
  try {
    result = nodeZlib().zstdDecompressSync(stored, {
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
    const content = nodeZlib().zstdDecompressSync(frame, {
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
