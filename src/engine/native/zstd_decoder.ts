/**
 * Decompressing zstd straight into memory that is there. What `node:zlib` exports makes a decoder and a buffer as large
 * as the content for each call, fills it with zeros, and copies out of it: two fifths of the time, and garbage of four
 * megabytes a block that no collector hurries to take. The handle under its streams takes the buffer it is given.
 *
 * Nothing depends on that handle: a trial says whether it does what this file believes, and where it does not, the
 * exported function is used.
 */
import type { ZstdOptions } from "node:zlib";
import type { Bytes } from "../engine.ts";
import { MAX_WINDOW_BYTES } from "../zstd_frame.ts";
import type { ZstdStream } from "./zstd_stream.ts";
import { nodeZlib } from "./node_builtins.ts";
import { ZSTD_d_windowLogMax, ZSTD_e_end } from "./zstd_constants.ts";

/** zlib takes no smaller chunks than this. */
const MIN_CHUNK_BYTES = 64;

/** How frames are decoded, whichever way. */
export const DECODER_PARAMS: NonNullable<ZstdOptions["params"]> = {
  [ZSTD_d_windowLogMax]: Math.log2(MAX_WINDOW_BYTES),
};

const TRIAL_FRAME = "28b52ffd60180075000038636f666665722001000e528b11";
/** What a trial decodes. */
export const TRIAL_TEXT: Bytes = new TextEncoder().encode("coffer ".repeat(40));

/** {@linkcode TRIAL_TEXT} as a frame. */
export function trialFrame(): Bytes {
  return Uint8Array.from(TRIAL_FRAME.match(/../g) ?? [], (digits) => parseInt(digits, 16));
}

let stream: ZstdStream | undefined;
/** Whether it can be used; `undefined` before the first use. Each thread has its own. */
let works: boolean | undefined;

/** What the trial takes is won back by decoding so much. */
const BYTES_BEFORE_TRIAL = 2 ** 20;

let bytesAsked = 0;

/**
 * Whether there is enough to decode for the trial to pay, with so many bytes more: reading one small archive it is not.
 */
export function isMuchDecoded(more: number): boolean {
  bytesAsked += more;
  return bytesAsked > BYTES_BEFORE_TRIAL;
}

/** Whether {@linkcode decodeInto} does here what it says. */
export function canDecodeInto(): boolean {
  works ??= passes();
  return works;
}

/** Decodes a frame into a buffer; whether it was taken as a whole and filled the buffer. Only where it can be used. */
export function decodeInto(frame: Bytes, out: Bytes): boolean {
  stream ??= start();
  const { _handle: handle, _writeState: left } = stream;
  left.fill(1);
  try {
    handle.reset();
    handle.writeSync(ZSTD_e_end, frame, 0, frame.length, out, 0, out.length);
  } catch {
    left.fill(1);
  }
  if (left[0] === 0 && left[1] === 0) return true;
  // One that has met an error is of no more use.
  stream.destroy();
  stream = undefined;
  return false;
}

function start(): ZstdStream {
  const started: unknown = nodeZlib().createZstdDecompress({ chunkSize: MIN_CHUNK_BYTES, params: DECODER_PARAMS });
  // An error is thrown, or told by what is left. Told as an event that nobody hears, it would end the program.
  (started as ZstdStream).on("error", () => {});
  return started as ZstdStream;
}

/** Whether whole frames are decoded, and anything else is noticed. */
function passes(): boolean {
  const frame = trialFrame();
  const { length } = TRIAL_TEXT;
  const takes = (bytes: Bytes, size: number) => decodeInto(bytes, new Uint8Array(size));
  const isWhole = () => {
    const out = new Uint8Array(length);
    return decodeInto(frame, out) && out.every((byte, i) => byte === TRIAL_TEXT[i]);
  };
  try {
    return isWhole() && !takes(frame.subarray(0, -1), length) && !takes(frame, length - 1) &&
      !takes(frame, length + 1) && !takes(new Uint8Array([...frame, ...frame]), length) &&
      !takes(frame.subarray(1), length) && isWhole();
  } catch {
    stream = undefined;
    return false;
  }
}
