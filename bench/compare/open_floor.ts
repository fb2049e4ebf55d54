/**
 * Prints how many seconds it takes to read all blocks of an archive, decipher and decompress them, one after the other:
 * nothing is decoded or checked beyond the tags. Where the blocks are, and their key, is in a file.
 *
 *     deno run -A bench/compare/open_floor.ts BLOCKS.json
 *
 * @module
 */
import { decipherer, decompressor } from "./system_libraries.ts";

/** All blocks of an archive, with what it takes to open them. */
export interface PlacedBlocks {
  readonly archive: string;
  /** The segment's key; 32 bytes. */
  readonly key: readonly number[];
  readonly blocks: readonly {
    /** The frame's number. */
    readonly frame: number;
    /** Where its chunks begin in the archive. */
    readonly offset: number;
    /** Bytes in them, without what fills them up, and out of them. */
    readonly stored: number;
    readonly raw: number;
    readonly compressed: boolean;
  }[];
}

// As FORMAT.md has it.
const CHUNK_BYTES = 65_520;
const TAG_BYTES = 16;
const LAST = 1;

function openAll({ archive, key, blocks }: PlacedBlocks): void {
  const decipher = decipherer(Uint8Array.from(key));
  const decompress = decompressor();
  const nonce = new Uint8Array(12);
  const fields = new DataView(nonce.buffer);
  let [sealed, stored, raw] = [new Uint8Array(0), new Uint8Array(0), new Uint8Array(0)];
  using file = Deno.openSync(archive);
  for (const block of blocks) {
    const padded = Math.ceil(block.stored / 16) * 16;
    const chunks = Math.ceil(padded / CHUNK_BYTES);
    const length = padded + chunks * TAG_BYTES;
    if (sealed.length < length) sealed = new Uint8Array(length);
    if (stored.length < padded) stored = new Uint8Array(padded);
    file.seekSync(block.offset, Deno.SeekMode.Start);
    for (let at = 0; at < length;) at += file.readSync(sealed.subarray(at, length)) ?? length;
    fields.setUint32(3, block.frame);
    for (let chunk = 0; chunk < chunks; chunk++) {
      const start = chunk * CHUNK_BYTES;
      const end = Math.min(start + CHUNK_BYTES, padded);
      fields.setUint32(7, chunk);
      fields.setUint8(11, chunk === chunks - 1 ? LAST : 0);
      const at = start + chunk * TAG_BYTES;
      decipher(nonce, sealed.subarray(at, at + end - start + TAG_BYTES), stored.subarray(start, end));
    }
    if (!block.compressed) continue;
    if (raw.length < block.raw) raw = new Uint8Array(block.raw);
    decompress(stored.subarray(0, block.stored), raw.subarray(0, block.raw));
  }
}

if (import.meta.main) {
  const placed: PlacedBlocks = JSON.parse(Deno.readTextFileSync(Deno.args[0] ?? ""));
  const start = performance.now();
  openAll(placed);
  console.log((performance.now() - start) / 1000);
}
