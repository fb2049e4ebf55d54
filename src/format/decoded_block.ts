/** Decoding blocks (FORMAT.md, "Blocks"). */
import type { Bytes } from "../engine/engine.ts";
import { type Block, BLOCK_COLUMN, BLOCK_ROWS_LENGTH_BYTES, type BlockEntry } from "./block.ts";
import { decodeColumns, endColumns } from "./columns.ts";
import { ArchiveError } from "./errors.ts";
import { MAX_BLOCK_ROWS } from "./limits.ts";
import { decodeRowTable, RowTable } from "./row_table.ts";
import { ROW_COLUMNS } from "./rows.ts";
import { decodeSliceTable, SliceTable } from "./slice_table.ts";

const BLOCK_COLUMNS: ReadonlySet<number> = new Set([...ROW_COLUMNS, ...Object.values(BLOCK_COLUMN)]);
const WHAT = "a block";

/** A block as it is decoded: its entries are made when they are asked for, one by one or all. */
export class DecodedBlock implements Block {
  readonly rows: RowTable;
  readonly slices: SliceTable;
  readonly data: Bytes;
  #entries: BlockEntry[] | undefined;

  constructor(rows: RowTable, slices: SliceTable, data: Bytes) {
    this.rows = rows;
    this.slices = slices;
    this.data = data;
  }

  /** One of its entries. */
  entry(index: number): BlockEntry {
    const { rows } = this;
    return {
      row: rows.row(index),
      provisional: rows.isProvisional(index),
      slices: this.slices.of(index),
    };
  }

  get entries(): readonly BlockEntry[] {
    return this.#entries ??= Array.from({ length: this.rows.count }, (_, i) => this.entry(i));
  }
}

/**
 * Decodes a block's raw bytes. `count` is the row count of the frame's head.
 *
 * @throws {ArchiveError} `malformed`, `unsafe` or `limit`.
 */
export function decodeBlock(raw: Bytes, count: number): DecodedBlock {
  if (count > MAX_BLOCK_ROWS) throw new ArchiveError("limit", `Cannot decode ${WHAT}: over ${MAX_BLOCK_ROWS} rows`);
  if (raw.length < BLOCK_ROWS_LENGTH_BYTES) {
    throw new ArchiveError("malformed", `Cannot decode ${WHAT}: it is too short`);
  }
  const length = new DataView(raw.buffer, raw.byteOffset).getUint32(0);
  const dataStart = BLOCK_ROWS_LENGTH_BYTES + length;
  if (dataStart > raw.length) throw new ArchiveError("malformed", `Cannot decode ${WHAT}: its rows are longer than it`);
  const data = raw.subarray(dataStart);
  if (count === 0) {
    if (length > 0 || data.length > 0) {
      throw new ArchiveError("malformed", `Cannot decode ${WHAT}: it has bytes but no rows`);
    }
    return new DecodedBlock(RowTable.EMPTY, SliceTable.EMPTY, data);
  }
  const columns = decodeColumns(raw.subarray(BLOCK_ROWS_LENGTH_BYTES, dataStart), BLOCK_COLUMNS, WHAT);
  const rows = decodeRowTable(columns, count, WHAT);
  checkDifferent(rows);
  const places = { counts: columns.get(BLOCK_COLUMN.sliceCounts), slices: columns.get(BLOCK_COLUMN.slices) };
  const slices = decodeSliceTable(places, rows, data.length, WHAT);
  endColumns(columns);
  return new DecodedBlock(rows, slices, data);
}

/** Paths of a block come in any order, but most come in that of the catalog, and then none stands twice. */
function checkDifferent({ paths }: RowTable): void {
  if (paths.firstFall() === undefined) return;
  const seen = new Set<string>();
  for (let i = 0; i < paths.count; i++) {
    const path = paths.text(i);
    if (seen.has(path)) throw new ArchiveError("malformed", `Cannot accept ${WHAT}: a path stands twice`, { path });
    seen.add(path);
  }
}
