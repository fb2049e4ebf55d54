/**
 * Compressing large pieces by an encoder that is kept. What `node:zlib` exports makes an encoder with its tables and a
 * buffer as large as the content for each call: fresh pages of memory, filled with zeros, which took a seventh of the
 * time for text and three quarters of it for what does not compress. The handle under its streams goes on with the same
 * encoder, and takes the buffer it is given.
 *
 * Nothing depends on that handle: a trial says whether it does what this file believes, and where it does not, the
 * exported function is used. What an encoder makes does not depend on what it made before: tables of these strategies
 * are looked at from the beginning of the content on only, and a test compares. Others are not asked for here.
 */
import type { ZstdOptions } from "node:zlib";
import type { Bytes } from "../engine.ts";
import { isLoneZstdFrame } from "../zstd_frame.ts";
import type { ZstdStream } from "./zstd_stream.ts";
import { nodeZlib } from "./node_builtins.ts";
import { ZSTD_c_compressionLevel, ZSTD_e_end } from "./zstd_constants.ts";
import { TRIAL_TEXT } from "./zstd_decoder.ts";

/** How an encoder works; see zstd's manual. */
export type EncoderParams = NonNullable<ZstdOptions["params"]>;

/** zlib takes no smaller chunks than this. */
const MIN_CHUNK_BYTES = 64;
/** A frame header that states no size: magic, descriptor, window. */
const BARE_HEADER_BYTES = 6;
/** Bytes of the content's size, which the header gets. */
const SIZE_BYTES = 4;
const DESCRIPTOR_AT = 4;
/** In the descriptor: four bytes of content size follow the window. */
const HAS_SIZE = 0x80;

const encoders = new Map<EncoderParams, ZstdStream>();
/** Whether they can be used; `undefined` before the first use. Each thread has its own. */
let works: boolean | undefined;

/** Whether {@linkcode encodeInto} does here what it says. */
export function canEncode(): boolean {
  works ??= passes();
  return works;
}

/**
 * Compresses into `out`, which has room for what zstd may need at most and a few bytes, and returns the frame, which
 * lies in it; `undefined` where that did not work. Equal `params` have to be the same object. Only where it can be
 * used.
 */
export function encodeInto(raw: Bytes, params: EncoderParams, out: Bytes): Bytes | undefined {
  let encoder = encoders.get(params);
  if (encoder === undefined) encoders.set(params, encoder = start(params));
  const { _handle: handle, _writeState: left } = encoder;
  const room = out.subarray(SIZE_BYTES);
  left.fill(0);
  try {
    handle.reset();
    handle.writeSync(ZSTD_e_end, raw, 0, raw.length, room, 0, room.length);
  } catch {
    left.fill(0);
  }
  const [unused, unread] = left as unknown as readonly [number, number];
  if (unread === 0 && unused > 0) {
    const length = room.length - unused;
    const frame = withSize(out.subarray(0, SIZE_BYTES + length), raw.length);
    if (isLoneZstdFrame(frame, raw.length)) return frame;
  }
  // One that has met an error, or has more to say, is of no more use.
  encoder.destroy();
  encoders.delete(params);
  return undefined;
}

/**
 * Has the header of a frame, behind some free bytes, state the content's size: an encoder that is kept would state the
 * size it was made for, or none. The frame as it is, where its header does.
 */
function withSize(bytes: Bytes, contentBytes: number): Bytes {
  const frame = bytes.subarray(SIZE_BYTES);
  if (frame[DESCRIPTOR_AT] !== 0) return frame;
  bytes.set(frame.slice(0, BARE_HEADER_BYTES));
  bytes[DESCRIPTOR_AT] = HAS_SIZE;
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(BARE_HEADER_BYTES, contentBytes, true);
  return bytes;
}

function start(params: EncoderParams): ZstdStream {
  const started: unknown = nodeZlib().createZstdCompress({ chunkSize: MIN_CHUNK_BYTES, params });
  // An error is thrown, or told by what is left. Told as an event that nobody hears, it would end the program.
  (started as ZstdStream).on("error", () => {});
  return started as ZstdStream;
}

/** Whether content comes back, twice by one encoder, and too little room is noticed. */
function passes(): boolean {
  const params = { [ZSTD_c_compressionLevel]: 1 };
  const comesBack = () => {
    const frame = encodeInto(TRIAL_TEXT, params, new Uint8Array(2 * TRIAL_TEXT.length));
    return frame !== undefined && nodeZlib().zstdDecompressSync(frame).every((byte, i) => byte === TRIAL_TEXT[i]);
  };
  try {
    return comesBack() && comesBack() && encodeInto(TRIAL_TEXT, params, new Uint8Array(12)) === undefined &&
      comesBack();
  } catch {
    return false;
  } finally {
    encoders.get(params)?.destroy();
    encoders.delete(params);
  }
}
