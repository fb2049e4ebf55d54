/** The catalog index (FORMAT.md, "Index"): where each page of a run is, and the first path in it. */
import type { Bytes } from "../engine/engine.ts";
import { ByteWriter } from "./bytes.ts";
import { decodeColumns, encodeColumn, endColumns, requireColumn } from "./columns.ts";
import { ArchiveError } from "./errors.ts";
import { MAX_BODY_BYTES, MAX_FRAMES, MAX_PAGE_ROWS } from "./limits.ts";
import { frameLength } from "./frame.ts";
import type { FramePlace } from "./locator.ts";
import { comparePaths } from "./path.ts";
import type { BlockPlace } from "./row.ts";
import { decodePaths, encodePaths } from "./rows.ts";

const COLUMN = { firstPaths: 1, start: 2, frameBytes: 3, rowCounts: 4 } as const;
const COLUMNS: ReadonlySet<number> = new Set(Object.values(COLUMN));

/** One page of the catalog, as the index knows it. */
export interface PagePlace extends BlockPlace {
  /** Path of the page's first row. */
  readonly firstPath: string;
  /** Rows of the page. */
  readonly rows: number;
}

/** Encodes the index of pages that lie together, one frame after the other. The count goes into the frame's head. */
export function encodeIndex(pages: readonly PagePlace[]): Bytes {
  const out = new ByteWriter(pages.length * 32 + 16);
  const [first] = pages;
  if (first === undefined) return out.finish();
  const columns = {
    firstPaths: new ByteWriter(pages.length * 24),
    start: new ByteWriter(16),
    frameBytes: new ByteWriter(pages.length * 3),
    rowCounts: new ByteWriter(pages.length * 2),
  };
  encodePaths(pages.map((page) => page.firstPath), columns.firstPaths);
  columns.start.varint(first.frame);
  columns.start.varint(first.offset);
  for (const page of pages) {
    columns.frameBytes.varint(page.frameBytes);
    columns.rowCounts.varint(page.rows);
  }
  encodeColumn(out, COLUMN.firstPaths, columns.firstPaths.view());
  encodeColumn(out, COLUMN.start, columns.start.view());
  encodeColumn(out, COLUMN.frameBytes, columns.frameBytes.view());
  encodeColumn(out, COLUMN.rowCounts, columns.rowCounts.view());
  return out.finish();
}

/** Bytes of the smallest frame that a page can have. */
const MIN_PAGE_FRAME_BYTES = frameLength(1);

/**
 * Checks that the pages of an index lie before it: nothing else is looked for there.
 *
 * @throws {ArchiveError} `malformed`.
 */
export function checkPagesBefore(pages: readonly PagePlace[], index: FramePlace): void {
  const last = pages[pages.length - 1];
  if (last === undefined || (last.frame < index.frame && last.offset + last.frameBytes <= index.offset)) return;
  throw new ArchiveError("malformed", "Cannot accept the catalog index: it places a page behind itself", index);
}

/**
 * Decodes an index of `count` pages. They lie before `end`, the index itself: an archive has no more pages than bytes
 * for them, so that a short index cannot ask for much memory.
 *
 * @throws {ArchiveError} `malformed`, `unsafe` or `limit`.
 */
export function decodeIndex(raw: Bytes, count: number, end: number = MAX_BODY_BYTES): PagePlace[] {
  const what = "the catalog index";
  if (count > raw.length) throw new ArchiveError("malformed", `Cannot decode ${what}: its count exceeds its bytes`);
  if (count * MIN_PAGE_FRAME_BYTES > end) {
    throw new ArchiveError("malformed", `Cannot accept ${what}: it has more pages than the archive has room for`);
  }
  const columns = decodeColumns(raw, COLUMNS, what);
  if (count === 0) {
    endColumns(columns);
    return [];
  }
  const paths = decodePaths(requireColumn(columns, COLUMN.firstPaths, what), count);
  const start = requireColumn(columns, COLUMN.start, what);
  const frameBytes = requireColumn(columns, COLUMN.frameBytes, what);
  const rowCounts = requireColumn(columns, COLUMN.rowCounts, what);
  let frame = start.varint();
  let offset = start.varint();
  const pages = paths.map((firstPath, i): PagePlace => {
    const page: PagePlace = { firstPath, frame, offset, frameBytes: frameBytes.varint(), rows: rowCounts.varint() };
    frame += 1;
    offset += page.frameBytes;
    // Equal first paths are right where one row's extents fill several pages.
    const sound = page.rows > 0 && page.rows <= MAX_PAGE_ROWS && frame <= MAX_FRAMES && offset <= MAX_BODY_BYTES &&
      (i === 0 || comparePaths(paths[i - 1] as string, firstPath) <= 0);
    if (!sound) throw new ArchiveError("malformed", `Cannot accept ${what}: page ${i} is out of range or order`);
    return page;
  });
  endColumns(columns);
  return pages;
}
