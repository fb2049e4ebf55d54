/**
 * Compressing and decompressing by the system's libzstd, whose build uses more of the processor than the runtime's; see
 * docs/adr/0015. Where the library cannot be had, or fails its trial, there is the runtime's.
 */
import { constants } from "node:zlib";
import type { Bytes } from "../engine.ts";
import { isLoneZstdFrame } from "../zstd_frame.ts";
import { openSystemLibrary } from "./system_library.ts";
import type { EncoderParams } from "./zstd_encoder.ts";

const SYMBOLS = {
  ZSTD_versionNumber: { parameters: [], result: "u32" },
  ZSTD_createCCtx: { parameters: [], result: "pointer" },
  ZSTD_createDCtx: { parameters: [], result: "pointer" },
  ZSTD_CCtx_reset: { parameters: ["pointer", "i32"], result: "i32" },
  ZSTD_CCtx_setParameter: { parameters: ["pointer", "i32", "i32"], result: "i32" },
  // What a call makes is below 2^31 bytes, and errors are small negative numbers: the low half of a result says all.
  ZSTD_compress2: { parameters: ["pointer", "buffer", "usize", "buffer", "usize"], result: "i32" },
  ZSTD_decompressDCtx: { parameters: ["pointer", "buffer", "usize", "buffer", "usize"], result: "i32" },
} as const;

type Calls = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

const RESET_SESSION_AND_PARAMETERS = 3;
/** 1.5.4, the oldest with which it was tested that an encoder that is used again makes what a new one makes. */
const MIN_VERSION = 10_504;
const MAX_BYTES = 2 ** 30;

const LEVEL_1: EncoderParams = { [constants.ZSTD_c_compressionLevel]: 1 };

/** The library, with one encoder and one decoder that are kept. */
export interface SystemZstd {
  /**
   * Compresses into `out` and returns the frame, which begins where `out` begins and states its content's size;
   * `undefined` where that did not work, which too little room is the only known reason for.
   */
  encodeInto(this: void, raw: Bytes, params: EncoderParams, out: Bytes): Bytes | undefined;
  /**
   * Decodes into a buffer what {@linkcode isLoneZstdFrame} takes for a frame of so many bytes; whether it was one, as a
   * whole, and filled the buffer.
   */
  decodeInto(this: void, frame: Bytes, out: Bytes): boolean;
}

let zstd: SystemZstd | undefined;
let isLookedFor = false;

/** The library, opened when it is first asked for; `undefined` where it cannot be used. Each thread has its own. */
export function systemZstd(): SystemZstd | undefined {
  if (!isLookedFor) {
    isLookedFor = true;
    zstd = load();
  }
  return zstd;
}

function load(): SystemZstd | undefined {
  const c = openSystemLibrary("libzstd.so.1", SYMBOLS);
  if (c === undefined || c.ZSTD_versionNumber() < MIN_VERSION) return undefined;
  const encoder = c.ZSTD_createCCtx();
  const decoder = c.ZSTD_createDCtx();
  if (encoder === null || decoder === null) return undefined;
  const loaded: SystemZstd = {
    encodeInto: (raw, params, out) => encodeInto(c, encoder, raw, params, out),
    decodeInto: (frame, out) => decodeInto(c, decoder, frame, out),
  };
  return passes(loaded) ? loaded : undefined;
}

function encodeInto(
  c: Calls,
  encoder: Deno.PointerObject,
  raw: Bytes,
  params: EncoderParams,
  out: Bytes,
): Bytes | undefined {
  if (raw.length > MAX_BYTES || out.length > 2 * MAX_BYTES - 1) return undefined;
  let isReady = c.ZSTD_CCtx_reset(encoder, RESET_SESSION_AND_PARAMETERS) >= 0;
  for (const parameter in params) {
    isReady &&= c.ZSTD_CCtx_setParameter(encoder, Number(parameter), Number(params[parameter])) >= 0;
  }
  const length = isReady ? c.ZSTD_compress2(encoder, out, BigInt(out.length), raw, BigInt(raw.length)) : -1;
  const frame = out.subarray(0, Math.max(length, 0));
  // Cheap, and what is written here is sealed for good.
  return isLoneZstdFrame(frame, raw.length) ? frame : undefined;
}

function decodeInto(c: Calls, decoder: Deno.PointerObject, frame: Bytes, out: Bytes): boolean {
  const { length } = out;
  return length <= MAX_BYTES && frame.length <= MAX_BYTES &&
    c.ZSTD_decompressDCtx(decoder, out, BigInt(length), frame, BigInt(frame.length)) === length;
}

/** Whether content comes back, again after errors, and too little room is noticed. */
function passes({ encodeInto, decodeInto }: SystemZstd): boolean {
  const text = new TextEncoder().encode("coffer ".repeat(40));
  const { length } = text;
  const comesBack = () => {
    const frame = encodeInto(text, LEVEL_1, new Uint8Array(2 * length));
    const back = new Uint8Array(length);
    return frame !== undefined && !decodeInto(frame.subarray(0, -1), back) && !decodeInto(frame, back.subarray(1)) &&
      decodeInto(frame, back) && back.every((byte, i) => byte === text[i]);
  };
  return comesBack() && encodeInto(text, LEVEL_1, new Uint8Array(12)) === undefined && comesBack();
}
