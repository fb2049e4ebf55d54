/** The chunk table (FORMAT.md, "Deduplication"): which chunks the blocks of a segment hold. */
import type { Bytes } from "../engine/engine.ts";
import { BlockTable, decodePlaces } from "./block_table.ts";
import { ByteWriter } from "./bytes.ts";
import { decodeColumns, encodeColumn, endColumns, requireColumn } from "./columns.ts";
import { ArchiveError } from "./errors.ts";
import { MAX_TABLE_CHUNKS } from "./limits.ts";
import type { BlockPlace } from "./row.ts";

const COLUMN = { blocks: 1, counts: 2, lengths: 3, ids: 4 } as const;
const COLUMNS: ReadonlySet<number> = new Set(Object.values(COLUMN));

/** Bytes of a chunk's id. */
export const CHUNK_ID_BYTES = 16;
/** No chunk is longer. */
export const MAX_CHUNK_LENGTH = 16_384;

/** The chunks of one block, one behind the other from the start of its data. */
export interface ChunkedBlock {
  /** The block. */
  readonly place: BlockPlace;
  /** Bytes of each chunk. */
  readonly lengths: readonly number[] | Float64Array;
  /** The chunks' ids, one behind the other. */
  readonly ids: Bytes;
}

/** Encodes a chunk table. */
export function encodeChunkTable(blocks: readonly ChunkedBlock[]): Bytes {
  const table = new BlockTable();
  const counts = new ByteWriter(blocks.length * 2);
  const lengths = new ByteWriter(blocks.length * 1024);
  const ids = new ByteWriter(blocks.length * 8192);
  for (const block of blocks) {
    table.indexOf(block.place);
    counts.varint(block.lengths.length);
    for (const length of block.lengths) lengths.varint(length);
    ids.bytes(block.ids);
  }
  const out = new ByteWriter(ids.length + lengths.length + 64);
  encodeColumn(out, COLUMN.blocks, table.encode());
  encodeColumn(out, COLUMN.counts, counts.view());
  encodeColumn(out, COLUMN.lengths, lengths.view());
  encodeColumn(out, COLUMN.ids, ids.view());
  return out.finish();
}

/**
 * Decodes a chunk table of the segment of that number. `count` is that of the frame's head.
 *
 * @throws {ArchiveError} `malformed` or `limit`.
 */
export function decodeChunkTable(raw: Bytes, count: number, segment: number): ChunkedBlock[] {
  const what = "a chunk table";
  if (count > MAX_TABLE_CHUNKS) {
    throw new ArchiveError("limit", `Cannot decode ${what}: over ${MAX_TABLE_CHUNKS} chunks`);
  }
  const refuse = (why: string) => new ArchiveError("malformed", `Cannot decode ${what}: ${why}`);
  const columns = decodeColumns(raw, COLUMNS, what);
  const places = decodePlaces(requireColumn(columns, COLUMN.blocks, what), undefined, segment, what);
  const counts = requireColumn(columns, COLUMN.counts, what);
  const lengths = requireColumn(columns, COLUMN.lengths, what);
  const ids = requireColumn(columns, COLUMN.ids, what);
  // Nothing is allocated by a number that has no bytes behind it.
  if (count > lengths.remaining) throw refuse("its counts disagree");
  const all = new Float64Array(count);
  lengths.varints(all);
  if (all.some((length) => length < 1 || length > MAX_CHUNK_LENGTH)) throw refuse("a chunk's length is out of range");
  let left = count;
  let before = -1;
  const blocks = places.map((place): ChunkedBlock => {
    if (place.frame <= before) throw refuse("its blocks do not rise");
    before = place.frame;
    const chunks = counts.varint();
    if (chunks < 1 || chunks > left) throw refuse("its counts disagree");
    const at = count - left;
    left -= chunks;
    return { place, lengths: all.subarray(at, at + chunks), ids: ids.bytes(chunks * CHUNK_ID_BYTES) };
  });
  if (left !== 0 || blocks.length === 0) throw refuse("its counts disagree");
  endColumns(columns);
  return blocks;
}
