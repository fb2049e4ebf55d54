/**
 * Blocks (FORMAT.md, "Blocks"): rows with the places of their bytes beside them, which are slices of the block's own
 * data, in order.
 */
import type { Bytes } from "../engine/engine.ts";
import { ByteWriter } from "./bytes.ts";
import { encodeColumn } from "./columns.ts";
import type { Row, Slice } from "./row.ts";
import { type CarriedRow, encodeRows } from "./rows.ts";

/** Column numbers of blocks alone. */
export const BLOCK_COLUMN = { sliceCounts: 20, slices: 21 } as const;

/** One entry of a block: its row and the slices of it that this block holds. */
export interface BlockEntry extends CarriedRow {
  /** Slices of the block's data, in file order. */
  readonly slices: readonly Slice[];
}

/** A block, decoded. */
export interface Block {
  /** Its entries, in the order in which their bytes lie. */
  readonly entries: readonly BlockEntry[];
  /** The data the slices point into. */
  readonly data: Bytes;
}

/** Bytes of the length field before a block's rows. */
export const BLOCK_ROWS_LENGTH_BYTES = 4;

/** A block's rows, encoded. */
export interface EncodedRows {
  /** All of them, as {@linkcode encodeBlockRows} gives them. */
  readonly bytes: Bytes;
  /** The columns among them that say nothing about places, and stand in a page as well. */
  readonly columns: Bytes;
}

/** Encodes the rows of a block of whole files without holes, and of entries that have no bytes. */
export function encodeWholeRows(rows: readonly { readonly row: Row }[]): EncodedRows {
  const out = new ByteWriter(rows.length * 64 + 64);
  out.u32(0);
  encodeRows(rows.map(({ row }) => ({ row, provisional: false })), out);
  const end = out.length;
  const { counts, places } = encodeWholePlaces(rows, 0);
  const bytes = finishRows(out, counts, places);
  return { bytes, columns: bytes.subarray(BLOCK_ROWS_LENGTH_BYTES, end) };
}

/**
 * Encodes where the bytes of whole files are: each from its start, in one piece, and with as many `zeros` behind it as
 * say that the piece lies where it is expected.
 */
export function encodeWholePlaces(
  rows: readonly { readonly row: Row }[],
  zeros: number,
): { readonly counts: ByteWriter; readonly places: ByteWriter } {
  const counts = new ByteWriter(rows.length);
  const places = new ByteWriter(rows.length * (4 + zeros));
  for (const { row: { size } } of rows) {
    counts.u8(size > 0 ? 1 : 0);
    if (size === 0) continue;
    places.u8(0);
    places.varint(size);
    places.zeros(zeros);
  }
  return { counts, places };
}

/** Encodes a block's rows: what stands before the data, length field included. */
export function encodeBlockRows(entries: readonly BlockEntry[]): Bytes {
  const out = new ByteWriter(entries.length * 64 + 64);
  out.u32(0);
  encodeRows(entries, out);
  const counts = new ByteWriter(entries.length);
  const slices = new ByteWriter(entries.length * 4);
  for (const entry of entries) {
    counts.varint(entry.slices.length);
    let end = 0;
    for (const slice of entry.slices) {
      slices.varint(slice.fileOffset - end);
      slices.varint(slice.length);
      end = slice.fileOffset + slice.length;
    }
  }
  return finishRows(out, counts, slices);
}

function finishRows(out: ByteWriter, counts: ByteWriter, slices: ByteWriter): Bytes {
  if (slices.length > 0) {
    encodeColumn(out, BLOCK_COLUMN.sliceCounts, counts.view());
    encodeColumn(out, BLOCK_COLUMN.slices, slices.view());
  }
  const bytes = out.finish();
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, bytes.length - BLOCK_ROWS_LENGTH_BYTES);
  return bytes;
}
