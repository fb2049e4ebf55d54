/**
 * Compressing and decompressing by the system's libzstd, whose build uses more of the processor than the runtime's; see
 * docs/adr/0015. Where the library cannot be had, or fails its trial, there is the runtime's.
 */
import type { Bytes } from "../engine.ts";
import { isLoneZstdFrame } from "../zstd_frame.ts";
import { openSystemLibrary, type SystemFunctions } from "../../foreign/system_library.ts";
import { TRIAL_TEXT, trialFrame } from "./zstd_decoder.ts";
import type { EncoderParams } from "./zstd_encoder.ts";
import { ZSTD_c_compressionLevel } from "./zstd_constants.ts";

/** The functions that are used. */
export const ZSTD_FUNCTIONS = {
  ZSTD_versionNumber: { parameters: [], result: "u32", rarely: true },
  ZSTD_createCCtx: { parameters: [], result: "pointer", rarely: true },
  ZSTD_createDCtx: { parameters: [], result: "pointer", rarely: true },
  ZSTD_CCtx_reset: { parameters: ["pointer", "i32"], result: "i32" },
  ZSTD_CCtx_setParameter: { parameters: ["pointer", "i32", "i32"], result: "i32" },
  // What a call makes is below 2^31 bytes, and errors are small negative numbers: the low half of a result says all.
  ZSTD_compress2: { parameters: ["pointer", "buffer", "usize", "buffer", "usize"], result: "i32" },
  ZSTD_decompressDCtx: { parameters: ["pointer", "buffer", "usize", "buffer", "usize"], result: "i32" },
} as const;

type Calls = SystemFunctions<typeof ZSTD_FUNCTIONS>;

const RESET_SESSION_AND_PARAMETERS = 3;
/** 1.5.4, the oldest with which it was tested that an encoder that is used again makes what a new one makes. */
const MIN_VERSION = 10_504;
const MAX_BYTES = 2 ** 30;

const LEVEL_1: EncoderParams = { [ZSTD_c_compressionLevel]: 1 };

/**
 * Compresses into `out` and returns the frame, which begins where `out` begins and states its content's size;
 * `undefined` where that did not work, which too little room is the only known reason for.
 */
export type SystemEncoder = (raw: Bytes, params: EncoderParams, out: Bytes) => Bytes | undefined;
/**
 * Decodes into a buffer what {@linkcode isLoneZstdFrame} takes for a frame of so many bytes; whether it was one, as a
 * whole, and filled the buffer.
 */
export type SystemDecoder = (frame: Bytes, out: Bytes) => boolean;

let encoder: SystemEncoder | null | undefined;
let decoder: SystemDecoder | null | undefined;

/**
 * Encoding by the library, with an encoder that is kept; `undefined` where it cannot be used. Opened and tried when it
 * is first asked for, in each thread.
 */
export function systemEncoder(): SystemEncoder | undefined {
  if (encoder === undefined) {
    const c = library();
    const context = c?.ZSTD_createCCtx() ?? null;
    const made: SystemEncoder = (raw, params, out) =>
      c === undefined || context === null ? undefined : encodeInto(c, context, raw, params, out);
    encoder = encodes(made, systemDecoder()) ? made : null;
  }
  return encoder ?? undefined;
}

/** Decoding by the library, in the same way. */
export function systemDecoder(): SystemDecoder | undefined {
  if (decoder === undefined) {
    const c = library();
    const context = c?.ZSTD_createDCtx() ?? null;
    const made: SystemDecoder = (frame, out) =>
      c !== undefined && context !== null && decodeInto(c, context, frame, out);
    decoder = decodes(made) ? made : null;
  }
  return decoder ?? undefined;
}

function library(): Calls | undefined {
  const c = openSystemLibrary("libzstd.so.1", ZSTD_FUNCTIONS);
  return c === undefined || c.ZSTD_versionNumber() < MIN_VERSION ? undefined : c;
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

/** Whether a known frame is decoded, again after errors, and what is none is noticed. */
function decodes(decode: SystemDecoder): boolean {
  const frame = trialFrame();
  const isWhole = () => isDecoded(decode, frame);
  return isWhole() && !decode(frame.subarray(0, -1), new Uint8Array(TRIAL_TEXT.length)) &&
    !decode(frame, new Uint8Array(TRIAL_TEXT.length - 1)) && isWhole();
}

/** Whether content comes back, again after errors, and too little room is noticed. */
function encodes(encode: SystemEncoder, decode: SystemDecoder | undefined): boolean {
  if (decode === undefined) return false;
  const comesBack = () => {
    const frame = encode(TRIAL_TEXT, LEVEL_1, new Uint8Array(2 * TRIAL_TEXT.length));
    return frame !== undefined && isDecoded(decode, frame);
  };
  return comesBack() && encode(TRIAL_TEXT, LEVEL_1, new Uint8Array(12)) === undefined && comesBack();
}

function isDecoded(decode: SystemDecoder, frame: Bytes): boolean {
  const back = new Uint8Array(TRIAL_TEXT.length);
  return decode(frame, back) && back.every((byte, i) => byte === TRIAL_TEXT[i]);
}
