import { ZSTDDecoder } from "zstddec";
import type { Bytes } from "../engine.ts";
import { isLoneZstdFrame, wholeBlocksOf } from "../zstd_frame.ts";

// zstd's reference decoder as WebAssembly, rather than one written in JavaScript: fzstd 0.1.1 loops for ever on a
// frame of 20 bytes (Huffman weights whose states take no bits), and is more than ten times slower.
//
// Engines are synchronous and WebAssembly loads asynchronously, so the module waits here. A page whose content
// security policy forbids WebAssembly ('wasm-unsafe-eval') or `data:` connections still gets everything else:
// the failure is kept and reported by the first frame that would have needed the decoder.
const decoder = new ZSTDDecoder();
const loadFailure: unknown = await decoder.init().then(() => undefined, (error: unknown) => error ?? "unknown");

/**
 * `Engine.decompress` over WebAssembly.
 *
 * @throws {Error} If the platform refused to load the decoder; never because of what `stored` holds.
 */
export function decompress(stored: Bytes, out: Bytes): boolean {
  // After this the decoder sees one complete frame that states `out.length` as its size.
  if (!isLoneZstdFrame(stored, out.length)) return false;
  if (out.length === 0) return true;
  if (loadFailure !== undefined) {
    throw new Error("Cannot decompress: the zstd decoder could not be loaded here", { cause: loadFailure });
  }
  // An error comes back as an empty array: the decoder's error codes are negative lengths.
  const content = decoder.decode(stored, out.length);
  if (content.length !== out.length) return false;
  out.set(content);
  return true;
}

/**
 * `Engine.decompressBeginning` over WebAssembly.
 *
 * @throws {Error} If the platform refused to load the decoder; never because of what `beginning` holds.
 */
export function decompressBeginning(beginning: Bytes, out: Bytes): number {
  out.fill(0);
  const frame = wholeBlocksOf(beginning, out.length);
  if (frame === undefined || out.length === 0) return 0;
  if (loadFailure !== undefined) {
    throw new Error("Cannot decompress: the zstd decoder could not be loaded here", { cause: loadFailure });
  }
  const content = decoder.decode(frame, out.length);
  if (content.length > out.length) return 0;
  out.set(content);
  return content.length;
}
