/** Rows, blocks and pages as an archive may hold them, for property tests. */

import fc from "fast-check";
import type { BlockEntry } from "../../src/format/block.ts";
import { MAX_FRAME_BYTES, MAX_INODE, MAX_TIME_SECONDS, MIN_TIME_SECONDS } from "../../src/format/limits.ts";
import type { Page, PageEntry } from "../../src/format/page.ts";
import { comparePaths, isAtOrBelow, pathFault, ROOT_PATH } from "../../src/format/path.ts";
import { type BlockPlace, ENTRY_KINDS, type Extent, type Row, type Slice } from "../../src/format/row.ts";
import { type CarriedRow, provisionalRow } from "../../src/format/rows.ts";

/** A regular file's row with nothing known but its path. */
export function fileRow(path: string, fields: Partial<Row> = {}): Row {
  return { ...provisionalRow(path, "file"), ...fields };
}

/** A directory's row with nothing known but its path. */
export function directoryRow(path: string, fields: Partial<Row> = {}): Row {
  return { ...provisionalRow(path, "directory"), ...fields };
}

/** The two rows of FORMAT.md's test values. */
export function documentedRows(): readonly [directory: Row, file: Row] {
  const owner = { uid: 1000, gid: 100, user: "ada", group: "users" };
  const seconds = 1_700_000_000;
  return [
    directoryRow("a", { mode: 0o755, mtime: { seconds, nanoseconds: 0 }, owner }),
    fileRow("a/b", { mode: 0o644, size: 5, mtime: { seconds: seconds + 1, nanoseconds: 250_000_000 }, owner }),
  ];
}

/** Allowed paths, many of which share beginnings. */
export const paths: fc.Arbitrary<string> = fc
  .array(fc.string({ unit: fc.constantFrom("a", "b", "-", ".", "\n", "é", "～", "😀"), minLength: 1, maxLength: 5 }), {
    minLength: 1,
    maxLength: 4,
  })
  .map((parts) => parts.join("/"))
  .filter((path) => pathFault(path) === undefined);

const seconds = fc.oneof(
  fc.constantFrom(0, -1, MIN_TIME_SECONDS, MAX_TIME_SECONDS),
  fc.integer({ min: MIN_TIME_SECONDS, max: MAX_TIME_SECONDS }),
);
const nanoseconds = fc.oneof(
  fc.constantFrom(0, 1, 999_999_999, 250_000_000),
  fc.nat(999).map((milliseconds) => milliseconds * 1_000_000),
);
const names = fc.constantFrom("", "root", "a:b", "日本", "x".repeat(255));
const large = (most: number) => fc.oneof(fc.nat(3), fc.integer({ min: 0, max: most }), fc.constant(most));

/** Rows that pass every check, with a path given by the caller. */
export function rowsAt(path: string): fc.Arbitrary<Row> {
  const common = fc.record({
    kind: path === ROOT_PATH ? fc.constant("directory" as const) : fc.constantFrom(...ENTRY_KINDS),
    mode: fc.nat(0o7777),
    size: large(2 ** 50),
    mtime: fc.record({ seconds, nanoseconds }),
    ctime: seconds,
    dev: large(Number.MAX_SAFE_INTEGER),
    inode: large(MAX_INODE),
    owner: fc.option(
      fc.record({ uid: large(2 ** 32), gid: large(2 ** 32), user: names, group: names }),
      { nil: undefined },
    ),
    target: paths,
    changed: fc.boolean(),
    contentHash: fc.option(fc.uint8Array({ minLength: 32, maxLength: 32 }), { nil: undefined }),
  });
  return common.map(({ target, ...fields }): Row => {
    const { kind } = fields;
    const link = kind === "symlink" ? `../${target}\n` : kind === "hardlink" ? differentFrom(path, target) : "";
    return { ...fields, path, link, size: kind === "file" ? fields.size : 0 };
  });
}

function differentFrom(path: string, target: string): string {
  return target === path || target === ROOT_PATH ? "other" : target;
}

/** Sets of full and provisional rows, in any order. */
export const carriedRows: fc.Arbitrary<CarriedRow[]> = fc
  .array(paths.chain((path) => fc.tuple(rowsAt(path), fc.nat(4))), { minLength: 1, maxLength: 12 })
  .map((rows) =>
    rows.map(([row, chance]) =>
      chance === 0 && row.kind === "file"
        ? { row: provisionalRow(row.path, "file"), provisional: true }
        : { row, provisional: false }
    )
  );

/** Splits `length` into gaps and runs: pairs of an offset and a length, rising, none empty. */
function runs(most: number): fc.Arbitrary<{ fileOffset: number; length: number }[]> {
  return fc.array(fc.tuple(fc.nat(most), fc.integer({ min: 1, max: 9 })), { maxLength: 4 }).map((pairs) => {
    let end = 0;
    return pairs.map(([gap, length]) => {
      const fileOffset = end + gap;
      end = fileOffset + length;
      return { fileOffset, length };
    });
  });
}

/** A row whose size has room for the runs, where it has a size that means something. */
function withRoom(carried: CarriedRow, end: number): CarriedRow {
  if (carried.provisional) return carried;
  return { ...carried, row: { ...carried.row, size: Math.max(carried.row.size, end) } };
}

/** Entries of a block, and how many bytes of data they need. */
export const blockEntries: fc.Arbitrary<{ entries: BlockEntry[]; dataLength: number }> = carriedRows
  .map((rows) => [...new Map(rows.map((carried) => [carried.row.path, carried])).values()])
  .chain((rows) => fc.tuple(fc.constant(rows), ...rows.map(() => runs(5000))))
  .map(([rows, ...all]) => {
    let dataOffset = 0;
    const entries = rows.map((carried, i): BlockEntry => {
      if (carried.row.kind !== "file") return { ...carried, slices: [] };
      const slices = (all[i] ?? []).map((run): Slice => {
        const slice = { ...run, dataOffset };
        dataOffset += run.length;
        return slice;
      });
      return { ...withRoom(carried, endOf(slices)), slices };
    });
    return { entries, dataLength: dataOffset };
  });

function endOf(list: readonly { fileOffset: number; length: number }[]): number {
  const last = list.at(-1);
  return last === undefined ? 0 : last.fileOffset + last.length;
}

const blocks: fc.Arbitrary<BlockPlace[]> = fc.uniqueArray(
  fc.record({ frame: large(2 ** 32 - 1), offset: large(2 ** 40), frameBytes: fc.nat(2 ** 24) }),
  { selector: (place) => place.frame, minLength: 1, maxLength: 5 },
);

/** Pages in path order, with extents that jump between blocks. */
export const pages: fc.Arbitrary<Page> = fc
  .tuple(carriedRows.map(inOrder), blocks, fc.boolean())
  .chain(([rows, places, continues]) =>
    fc.tuple(
      fc.constant({ rows, continues }),
      ...rows.map(() =>
        fc.tuple(
          runs(2 ** 40),
          fc.array(fc.tuple(fc.constantFrom(...places), fc.nat(MAX_FRAME_BYTES - 9)), { minLength: 4, maxLength: 4 }),
        )
      ),
    )
  )
  .map(([{ rows, continues }, ...all]) => {
    const entries = rows.map((carried, i): PageEntry => {
      const [list, where] = all[i] ?? [[], []];
      if (carried.row.kind !== "file") return { ...carried, extents: [] };
      const extents = list.map((run, at): Extent => {
        const [block, dataOffset] = where[at] as [BlockPlace, number];
        return { ...run, dataOffset, block };
      });
      return { ...withRoom(carried, endOf(extents)), extents };
    });
    return { entries, continues };
  });

/** Rows in path order, without those that could not stand beside the others. */
function inOrder(rows: readonly CarriedRow[]): CarriedRow[] {
  const sorted = [...rows].sort((a, b) => comparePaths(a.row.path, b.row.path));
  const kept: CarriedRow[] = [];
  for (const carried of sorted) {
    const last = kept.at(-1)?.row;
    if (last?.path === carried.row.path) continue;
    if (last !== undefined && last.kind !== "directory" && isAtOrBelow(carried.row.path, last.path)) continue;
    kept.push(carried);
  }
  return kept;
}
