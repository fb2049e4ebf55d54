/** What a zstd frame's own header says (RFC 8878 §3.1.1), checked before any decoder sees it. */
import type { Bytes } from "../engine/engine.ts";
import { MAX_WINDOW_BYTES } from "./limits.ts";

const MAGIC = 0xfd2fb528;
const SINGLE_SEGMENT = 0x20;
const RESERVED_OR_CHECKSUM = 0x0c;
const DICTIONARY = 0x03;

/**
 * Why a zstd frame is not one that Coffer takes, as the end of a sentence; `undefined` when it is: a plain frame
 * with its content size, which is `raw`, a window of at most 16 MiB, and neither dictionary nor checksum.
 */
export function zstdFault(stored: Bytes, raw: number): string | undefined {
  if (stored.length < 6) return "its zstd frame is too short";
  const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength);
  if (view.getUint32(0, true) !== MAGIC) return "it is no zstd frame";
  const descriptor = view.getUint8(4);
  if ((descriptor & RESERVED_OR_CHECKSUM) !== 0) return "its zstd frame has an unknown field";
  if ((descriptor & DICTIONARY) !== 0) return "its zstd frame names a dictionary";
  const single = (descriptor & SINGLE_SEGMENT) !== 0;
  let at = 5;
  if (!single) {
    const window = view.getUint8(at++);
    const base = 2 ** (10 + (window >> 3));
    if (base + (base / 8) * (window & 7) > MAX_WINDOW_BYTES) return "its zstd window is over 16 MiB";
  }
  const sizeBytes = [single ? 1 : 0, 2, 4, 8][descriptor >> 6] as number;
  if (sizeBytes === 0) return "its zstd frame has no content size";
  if (stored.length < at + sizeBytes) return "its zstd frame is too short";
  let size = 0;
  for (let i = sizeBytes - 1; i >= 0; i--) size = size * 256 + view.getUint8(at + i);
  if (sizeBytes === 2) size += 256;
  return size === raw ? undefined : "its zstd frame has another content size";
}
