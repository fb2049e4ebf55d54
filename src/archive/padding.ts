/** How far lengths are rounded up when the user asks for it, and the frames that fill them. */
import { frameLength, storedForFrameLength } from "../format/frame.ts";
import { MAX_FRAME_BYTES } from "../format/limits.ts";

/**
 * The next length that Padmé allows (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and
 * Communication with PURBs", PoPETS 2019, §4): as many of the low bits are zero as the exponent has more than its own
 * length, which costs at most 12 % and leaves O(log log) different lengths.
 */
export function padmeLength(length: number): number {
  if (length < 2) return length;
  const exponent = Math.floor(Math.log2(length));
  const kept = Math.floor(Math.log2(exponent)) + 1;
  const step = 2 ** Math.max(0, exponent - kept);
  return Math.ceil(length / step) * step;
}

/** Stored lengths of padding frames that fill `room` bytes exactly, or `undefined` when none do. */
export function splitPadding(room: number): number[] | undefined {
  const largest = frameLength(MAX_FRAME_BYTES);
  const lengths: number[] = [];
  while (room > 2 * largest) {
    lengths.push(MAX_FRAME_BYTES);
    room -= largest;
  }
  const halves = room > largest ? [Math.floor(room / 32) * 16, room - Math.floor(room / 32) * 16] : [room];
  for (const half of halves) {
    const stored = storedForFrameLength(half);
    if (stored === undefined) return undefined;
    lengths.push(stored);
  }
  return lengths;
}
