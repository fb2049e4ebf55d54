/** Checksums by the system's zlib: not as fast as the runtime's own, which takes 20 ms to load; see docs/adr/0015. */
import { openSystemLibrary } from "../../foreign/system_library.ts";
import type { Bytes } from "../engine.ts";

/** The functions that are used. */
export const Z_FUNCTIONS = {
  // Its result has 64 bits, of which the upper half is zero.
  crc32_z: { parameters: ["usize", "buffer", "usize"], result: "u32" },
} as const;

/** What every CRC-32 is tried with, and its value (ISO-HDLC). */
const TRIAL_TEXT = new TextEncoder().encode("123456789");
const TRIAL_SUM = 0xcbf4_3926;

let found: ((data: Bytes) => number) | null | undefined;

/**
 * CRC-32 by the library, which is opened and tried when it is first asked for; `undefined` where it cannot be used.
 * Each thread has its own.
 */
export function systemCrc32(): ((data: Bytes) => number) | undefined {
  if (found === undefined) {
    const c = openSystemLibrary("libz.so.1", Z_FUNCTIONS);
    // In place of no bytes there may be no pointer, which asks for the value to begin with: the same, zero.
    const sum = (data: Bytes) => c === undefined ? 0 : c.crc32_z(0n, data, BigInt(data.length));
    found = sum(TRIAL_TEXT) === TRIAL_SUM && sum(TRIAL_TEXT.subarray(0, 0)) === 0 ? sum : null;
  }
  return found ?? undefined;
}
