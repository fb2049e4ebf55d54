import { assertEquals } from "@std/assert";
import type { Bytes } from "../../src/engine/engine.ts";
import { MAX_SEGMENTS, TABLE_PAGE_ROWS } from "../../src/format/limits.ts";
import {
  decodeSegmentTable,
  encodeSegmentTable,
  firstListed,
  type ListedSegment,
  type SegmentTable,
} from "../../src/format/segment_table.ts";
import { decodeSnapshotTable, encodeSnapshotTable, type SnapshotTable } from "../../src/format/snapshot_table.ts";
import { outcome } from "./hostile_bytes.ts";

const bytes32 = (value: number): Bytes => new Uint8Array(32).fill(value);

/** Rows of segments from `start` on, one page of 4096 bytes each. */
function rowsFrom(start: number, count: number): ListedSegment[] {
  return Array.from({ length: count }, (_, i): ListedSegment => {
    const number = start + i;
    const offset = number * 4096;
    return {
      locator: {
        generation: 1 + number,
        segment: { number, salt: bytes32(number % 200), link: number === 0 ? bytes32(0) : bytes32((number - 1) % 251) },
        offset,
        length: 4096,
        index: { offset: offset + 100, frame: 2 },
        trailer: { offset: offset + 300, frame: 5 },
        trailerBytes: 80,
        snapshots: number + 1,
      },
      id: bytes32(number % 251),
    };
  });
}

function tableOf(number: number): SegmentTable {
  const start = firstListed(number);
  const pages = Array.from({ length: start / TABLE_PAGE_ROWS }, (_, i) => ({
    salt: bytes32(i),
    link: bytes32(i + 1),
    place: { offset: 4096 * TABLE_PAGE_ROWS * (i + 1), frame: 7, frameBytes: 500 },
  }));
  return { pages, rows: rowsFrom(start, number - start) };
}

const ownOf = (number: number) => ({
  segment: { number, salt: bytes32(1), link: number === 0 ? bytes32(0) : bytes32((number - 1) % 251) },
  offset: number * 4096,
});

Deno.test("decodeSegmentTable() gives back what was encoded, on each side of a page's end", () => {
  for (const number of [0, 1, 2, TABLE_PAGE_ROWS, TABLE_PAGE_ROWS + 1, 3 * TABLE_PAGE_ROWS + 5, MAX_SEGMENTS - 1]) {
    const table = tableOf(number);
    assertEquals(table.rows.length <= TABLE_PAGE_ROWS, true);
    assertEquals(decodeSegmentTable(encodeSegmentTable(table), table.rows.length, ownOf(number)), table, `${number}`);
  }
});

Deno.test("decodeSegmentTable() refuses more segments than an archive may have, and another count of rows", () => {
  const last = tableOf(MAX_SEGMENTS);
  const code = (table: SegmentTable, count: number, number: number) =>
    outcome(() => decodeSegmentTable(encodeSegmentTable(table), count, ownOf(number)));
  assertEquals(code(last, last.rows.length, MAX_SEGMENTS), "malformed");
  assertEquals(code(tableOf(5), 4, 5), "malformed");
  assertEquals(code(tableOf(5), 5, 6), "malformed");
  assertEquals(code(tableOf(TABLE_PAGE_ROWS + 1), 1, TABLE_PAGE_ROWS + 1), undefined);
  // A row too many: the page is full.
  const over = { pages: [], rows: rowsFrom(0, TABLE_PAGE_ROWS + 1) };
  assertEquals(code(over, TABLE_PAGE_ROWS + 1, TABLE_PAGE_ROWS + 1), "malformed");
  assertEquals(outcome(() => decodeSegmentTable(Uint8Array.of(0), 0, ownOf(0))), "malformed");
});

Deno.test("decodeSegmentTable() refuses rows that do not lead up to their segment", () => {
  const raw = encodeSegmentTable(tableOf(3));
  const code = (own: Parameters<typeof decodeSegmentTable>[2]) => outcome(() => decodeSegmentTable(raw, 3, own));
  assertEquals(code(ownOf(3)), undefined);
  assertEquals(code({ ...ownOf(3), offset: 4 * 4096 }), "inconsistent");
  assertEquals(code({ ...ownOf(3), segment: { ...ownOf(3).segment, link: bytes32(9) } }), "inconsistent");
  const [first, ...rest] = tableOf(3).rows as [ListedSegment, ...ListedSegment[]];
  const moved = { ...first, locator: { ...first.locator, segment: { ...first.locator.segment, link: bytes32(1) } } };
  const table = { pages: [], rows: [moved, ...rest] };
  assertEquals(outcome(() => decodeSegmentTable(encodeSegmentTable(table), 3, ownOf(3))), "malformed");
});

Deno.test("decodeSnapshotTable() gives back what was encoded, and refuses another count, time or flag", () => {
  const totals = { entries: 10, files: 4, directories: 3, symlinks: 2, hardlinks: 1, fifos: 0, bytes: 99 };
  const rows = [
    { time: { seconds: -5, nanoseconds: 7 }, label: "né", totals, partial: true },
    { time: { seconds: 1_700_000_000, nanoseconds: 0 }, label: "", totals, partial: false },
  ];
  const table: SnapshotTable = { pages: [], rows };
  const raw = encodeSnapshotTable(table);
  assertEquals(decodeSnapshotTable(raw, 2, 2, 8192), table);
  assertEquals(outcome(() => decodeSnapshotTable(raw, 1, 2, 8192)), "malformed");
  const late = {
    ...rows[0] as typeof rows[0],
    time: { seconds: 1, nanoseconds: 1e9 },
  } as SnapshotTable["rows"][number];
  assertEquals(
    outcome(() => decodeSnapshotTable(encodeSnapshotTable({ pages: [], rows: [late] }), 1, 1, 4096)),
    "malformed",
  );
  const paged = { pages: [{ offset: 4096, frame: 3, frameBytes: 100 }], rows: rows.slice(1) };
  const number = TABLE_PAGE_ROWS + 1;
  assertEquals(decodeSnapshotTable(encodeSnapshotTable(paged), 1, number, 8192), paged);
  assertEquals(outcome(() => decodeSnapshotTable(encodeSnapshotTable(paged), 1, number, 4100)), "malformed");
});
