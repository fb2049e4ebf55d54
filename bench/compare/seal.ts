/** Sealing for the clock. */
import { nativeEngine } from "../../src/engine/native/engine.ts";

const RECORD_BYTES = 65_536;

/** How many bytes a thread is to seal; `undefined` only asks whether it is there. */
export type SealTask = number | undefined;

/** Seals `bytes` bytes of zeros on this thread, in records, with the cipher that is the default. */
export function seal(bytes: number): void {
  const aead = nativeEngine.aead(1, new Uint8Array(32));
  const record = new Uint8Array(RECORD_BYTES);
  const sealed = new Uint8Array(RECORD_BYTES + 16);
  const nonce = new Uint8Array(12);
  for (let left = bytes; left > 0; left -= RECORD_BYTES) aead.seal(nonce, record, sealed);
}
