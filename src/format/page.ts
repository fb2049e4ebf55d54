/**
 * Catalog and orphan pages (FORMAT.md, "Pages"): rows with the places of their bytes beside them, which are extents in
 * blocks.
 */
import type { Bytes } from "../engine/engine.ts";
import { encodeWholePlaces } from "./block.ts";
import { BlockTable, decodePlaces } from "./block_table.ts";
import { ByteWriter } from "./bytes.ts";
import { decodeColumns, encodeColumn, endColumns } from "./columns.ts";
import { ArchiveError } from "./errors.ts";
import { decodeExtentTable, ExtentCursor, type ExtentTable } from "./extent_table.ts";
import { MAX_PAGE_BYTES, MAX_PAGE_ROWS } from "./limits.ts";
import { comparePaths, isAtOrBelow } from "./path.ts";
import { ORDER } from "./path_table.ts";
import type { BlockPlace, Extent, Row } from "./row.ts";
import { decodeRowTable, type RowTable } from "./row_table.ts";
import { type CarriedRow, encodeRows, ROW_COLUMNS } from "./rows.ts";

/** Column numbers that pages use besides those of rows. */
export const PAGE_COLUMN = {
  pageBlocks: 24,
  extentCounts: 25,
  extents: 26,
  continues: 27,
  blockSegments: 28,
  shared: 29,
} as const;

const PAGE_ROW_COLUMNS: readonly number[] = [...ROW_COLUMNS, PAGE_COLUMN.continues];
const EXTENT_COLUMNS = Object.values(PAGE_COLUMN).filter((number) => number !== PAGE_COLUMN.continues);
const PAGE_COLUMNS: ReadonlySet<number> = new Set([...PAGE_ROW_COLUMNS, ...EXTENT_COLUMNS]);

const CATALOG_PAGE = "a catalog page";

/** One entry of a catalog or orphan page. */
export interface PageEntry extends CarriedRow {
  /**
   * Where its bytes lie, in file order; what lies between them is zeros. A row that goes on in the next page has more
   * there.
   */
  readonly extents: readonly Extent[];
}

/** A page, decoded. */
export interface Page {
  /** Its entries, in rising path order. */
  readonly entries: readonly PageEntry[];
  /** Whether the first entry is the last one of the page before, with more extents. */
  readonly continues: boolean;
}

/** A page as it is decoded: its entries are made when they are asked for, one by one or all. */
export class DecodedPage implements Page {
  readonly rows: RowTable;
  readonly continues: boolean;
  readonly #locate: () => ExtentTable;
  #extents: ExtentTable | undefined;
  #entries: PageEntry[] | undefined;

  constructor(rows: RowTable, continues: boolean, locate: () => ExtentTable) {
    this.rows = rows;
    this.continues = continues;
    this.#locate = locate;
  }

  /**
   * The extents of its rows.
   *
   * @throws {ArchiveError} `malformed`, when {@linkcode decodePageRows} gave it.
   */
  get extents(): ExtentTable {
    return this.#extents ??= this.#locate();
  }

  /** One of its entries. */
  entry(index: number): PageEntry {
    return { ...this.rows.carried(index), extents: this.extents.of(index) };
  }

  get entries(): readonly PageEntry[] {
    return this.#entries ??= Array.from({ length: this.rows.count }, (_, i) => this.entry(i));
  }
}

/** Encodes a page of the segment of that number: its raw bytes. */
export function encodePage(page: Page, segment = 0): Bytes {
  const { entries } = page;
  const out = new ByteWriter(entries.length * 64 + 64);
  encodeRows(entries, out);
  const blocks = new BlockTable();
  let blockSegments: Bytes | undefined;
  const counts = new ByteWriter(entries.length);
  const extents = new ByteWriter(entries.length * 6);
  const shared = new ByteWriter(entries.length);
  let isSharing = false;
  const at = new ExtentCursor();
  for (const entry of entries) {
    counts.varint(entry.extents.length);
    let end = 0;
    for (const extent of entry.extents) {
      const index = blocks.indexOf(extent.block);
      extents.varint(extent.fileOffset - end);
      extents.varint(extent.length);
      extents.zigzag(index - at.block);
      extents.zigzag(extent.dataOffset - at.expectedIn(index));
      at.move(index, extent.dataOffset + extent.length);
      end = extent.fileOffset + extent.length;
      shared.u8(extent.shared ? 1 : 0);
      isSharing ||= extent.shared === true;
    }
  }
  if (extents.length > 0) {
    encodeColumn(out, PAGE_COLUMN.pageBlocks, blocks.encode());
    const segments = blocks.encodeSegments(segment);
    if (segments !== undefined) blockSegments = segments;
    encodeColumn(out, PAGE_COLUMN.extentCounts, counts.view());
    encodeColumn(out, PAGE_COLUMN.extents, extents.view());
  }
  if (page.continues) encodeColumn(out, PAGE_COLUMN.continues, Uint8Array.of(1));
  if (blockSegments !== undefined) encodeColumn(out, PAGE_COLUMN.blockSegments, blockSegments);
  if (isSharing) encodeColumn(out, PAGE_COLUMN.shared, shared.view());
  return out.finish();
}

/**
 * Encodes a page of the segment in which its one block lies: the rows that {@linkcode encodeWholeRows} encoded, and
 * where their bytes are. It is what {@linkcode encodePage} gives for the same entries.
 */
export function encodeWholePage(rows: readonly { readonly row: Row }[], columns: Bytes, block: BlockPlace): Bytes {
  const out = new ByteWriter(columns.length + rows.length * 6 + 64);
  out.bytes(columns);
  // Each in the same block as the one before, right behind it.
  const { counts, places: extents } = encodeWholePlaces(rows, 2);
  if (extents.length > 0) {
    const blocks = new BlockTable();
    blocks.indexOf(block);
    encodeColumn(out, PAGE_COLUMN.pageBlocks, blocks.encode());
    encodeColumn(out, PAGE_COLUMN.extentCounts, counts.view());
    encodeColumn(out, PAGE_COLUMN.extents, extents.view());
  }
  return out.finish();
}

/**
 * Decodes a page's raw bytes. `count` is the row count of the frame's head. Rows must rise in path order and a row
 * that is above the next must be a directory, so that no name stands twice and nothing is stored below a link. Rows
 * of catalog pages may be marked when their segment, whose number is given, is not the first. Extents are shared only
 * in an archive that is `deduplicated`.
 *
 * @throws {ArchiveError} `malformed`, `unsafe` or `limit`.
 */
export function decodePage(
  raw: Bytes,
  count: number,
  what: string = CATALOG_PAGE,
  segment = 0,
  deduplicated = true,
): DecodedPage {
  const { rows, continues, extents } = decodePageRows(raw, count, what, segment, deduplicated);
  return new DecodedPage(rows, continues, () => extents);
}

/**
 * As {@linkcode decodePage}, except that extents are decoded and checked, all of them, when the first is asked for: who
 * finds nothing changed in a tree asks for none. The raw bytes must stay as they are.
 *
 * @throws {ArchiveError} `malformed`, `unsafe` or `limit`.
 */
export function decodePageRows(
  raw: Bytes,
  count: number,
  what: string = CATALOG_PAGE,
  segment = 0,
  deduplicated = true,
): DecodedPage {
  if (count > MAX_PAGE_ROWS) throw new ArchiveError("limit", `Cannot decode ${what}: over ${MAX_PAGE_ROWS} rows`);
  if (raw.length > MAX_PAGE_BYTES) {
    throw new ArchiveError("limit", `Cannot decode ${what}: over ${MAX_PAGE_BYTES} bytes`);
  }
  if (count === 0) throw new ArchiveError("malformed", `Cannot decode ${what}: it has no rows`);
  const columns = decodeColumns(raw, PAGE_COLUMNS, what);
  const rows = decodeRowTable(columns, count, what, segment > 0 && what === CATALOG_PAGE);
  checkOrder(rows);
  if (columns.has(PAGE_COLUMN.shared) && (!deduplicated || what !== CATALOG_PAGE)) {
    throw new ArchiveError("malformed", `Cannot decode ${what}: it has shared content where there must be none`);
  }
  const continues = columns.get(PAGE_COLUMN.continues)?.u8();
  if (continues !== undefined && continues !== 1) {
    throw new ArchiveError("malformed", `Cannot decode ${what}: unknown mark`);
  }
  endColumns(columns, PAGE_ROW_COLUMNS);
  return new DecodedPage(rows, continues === 1, () => decodeExtents(raw, rows, segment, what));
}

/** Splits the columns anew: after a failure, too, they are read from their start. */
function decodeExtents(raw: Bytes, rows: RowTable, segment: number, what: string): ExtentTable {
  const columns = decodeColumns(raw, PAGE_COLUMNS, what);
  const column = (number: number) => columns.get(number);
  const blocks = decodePlaces(column(PAGE_COLUMN.pageBlocks), column(PAGE_COLUMN.blockSegments), segment, what);
  const located = {
    counts: column(PAGE_COLUMN.extentCounts),
    extents: column(PAGE_COLUMN.extents),
    shared: column(PAGE_COLUMN.shared),
  };
  const extents = decodeExtentTable(located, rows, blocks, segment, what);
  endColumns(columns, EXTENT_COLUMNS);
  return extents;
}

/** Rows of paths that are gone rise with the others, and nothing else is asked of them. */
function checkOrder(rows: RowTable): void {
  const { paths } = rows;
  const fall = paths.firstFall();
  if (fall !== undefined) checkRising(paths.text(fall - 1), paths.text(fall));
  // Without marks nothing lies below another than the row before it.
  if (rows.flags === undefined) {
    const { orders } = paths;
    for (let i = orders.indexOf(ORDER.isBelow); i > 0; i = orders.indexOf(ORDER.isBelow, i + 1)) {
      if (!rows.isDirectory(i - 1)) checkRowOrder(rows.row(i - 1), rows.row(i));
    }
    return;
  }
  let above: number | undefined;
  for (let i = 0; i < rows.count; i++) {
    if (rows.mark(i) === "gone") continue;
    // What lies between two rows that are there is gone, so that the second need not be the first one's neighbour.
    const isBelow = above === i - 1
      ? paths.orders[i] === ORDER.isBelow
      : above !== undefined && isAtOrBelow(paths.text(i), paths.text(above));
    if (isBelow && !rows.isDirectory(above as number)) checkRowOrder(rows.row(above as number), rows.row(i));
    above = i;
  }
}

/**
 * Checks that one path comes before another.
 *
 * @throws {ArchiveError} `unsafe`.
 */
export function checkRising(before: string, path: string): void {
  if (comparePaths(before, path) < 0) return;
  const say = before === path ? "stands twice" : "is out of order";
  throw new ArchiveError("unsafe", `Cannot accept the catalog: the path ${JSON.stringify(path)} ${say}`, { path });
}

/**
 * Checks two neighbouring rows of a catalog.
 *
 * @throws {ArchiveError} `unsafe` when they do not rise, or when the second lies below something that is no directory.
 */
export function checkRowOrder(before: Pick<Row, "path" | "kind">, row: Pick<Row, "path" | "kind">): void {
  const { path } = row;
  checkRising(before.path, path);
  if (before.kind !== "directory" && isAtOrBelow(path, before.path)) {
    throw new ArchiveError(
      "unsafe",
      `Cannot accept the catalog: the path ${JSON.stringify(path)} lies below a ${before.kind}`,
      { path },
    );
  }
}
