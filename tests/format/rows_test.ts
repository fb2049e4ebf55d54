import { assert, assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import type { Bytes } from "../../src/engine/engine.ts";
import { ByteReader, ByteWriter } from "../../src/format/bytes.ts";
import { decodeColumns, encodeColumn, endColumns } from "../../src/format/columns.ts";
import {
  MAX_DECODED_STRING_BYTES,
  MAX_INODE,
  MAX_LINK_BYTES,
  MAX_OWNER_NAME_BYTES,
  MAX_PATH_BYTES,
  MAX_TIME_SECONDS,
  MIN_TIME_SECONDS,
} from "../../src/format/limits.ts";
import type { Row } from "../../src/format/row.ts";
import { decodeRowTable } from "../../src/format/row_table.ts";
import {
  type CarriedRow,
  decodePaths,
  encodeCanonicalRow,
  encodePaths,
  encodeRows,
  equalRows,
  provisionalRow,
  ROW_COLUMNS,
  rowFault,
} from "../../src/format/rows.ts";
import { carriedRows, directoryRow, documentedRows, fileRow, paths } from "./arbitrary_rows.ts";
import { testValue } from "./format_document.ts";
import { feedHostile, hex, outcome } from "./hostile_bytes.ts";

function encode(rows: readonly CarriedRow[]): Uint8Array {
  const out = new ByteWriter();
  encodeRows(rows, out);
  return Uint8Array.from(out.view());
}

function decode(bytes: Bytes, count: number): CarriedRow[] {
  const columns = decodeColumns(bytes, new Set(ROW_COLUMNS), "the test");
  const table = decodeRowTable(columns, count, "the test");
  endColumns(columns);
  return Array.from({ length: count }, (_, i) => table.carried(i));
}

/** A column set from numbers and hexadecimal digits. */
function columnSet(columns: Readonly<Record<number, string>>): Bytes {
  const out = new ByteWriter();
  for (const [number, bytes] of Object.entries(columns)) encodeColumn(out, Number(number), hex(bytes));
  return out.finish();
}

const full = (...rows: Row[]): CarriedRow[] => rows.map((row) => ({ row, provisional: false }));
const symlink = (link: string) => ({ ...fileRow("a"), kind: "symlink" as const, link });
const hardlink = (link: string) => ({ ...fileRow("a"), kind: "hardlink" as const, link });

Deno.test("encodeRows() gives FORMAT.md's columns when it has its two rows", () => {
  assertEquals(
    encode(full(...documentedRows())),
    testValue("page").subarray(0, encode(full(...documentedRows())).length),
  );
  assertEquals(decode(encode(full(...documentedRows())), 2), full(...documentedRows()));
});

Deno.test("encodeRows() leaves columns out when all their values are the default", () => {
  assertEquals(encode(full(fileRow("a"), fileRow("ab"))), hex("01 06 0001 61 01 01 62  02 02 01 01"));
});

Deno.test("decodeRowTable() gives back what was encoded when rows are arbitrary", () => {
  let decoded = 0;
  fc.assert(
    fc.property(carriedRows, (rows) => {
      for (const { row, provisional } of rows) if (!provisional) assertEquals(rowFault(row), undefined);
      assertEquals(decode(encode(rows), rows.length), rows);
      decoded += rows.length;
    }),
    { numRuns: 300 },
  );
  assert(decoded > 0);
});

Deno.test("decodeRowTable() throws nothing but ArchiveError when bytes are hostile", () => {
  for (const count of [1, 3]) {
    const valid = carriedRows.filter((rows) => rows.length >= count).map((rows): Bytes => encode(rows.slice(0, count)));
    const counts = feedHostile(valid, (bytes) => decode(bytes, count), 1000);
    assert(counts.refused > 0 && counts.taken > 0);
  }
});

Deno.test("decodeRowTable() refuses rows when paths or kinds are missing, or the count is another", () => {
  const rows = encode(full(fileRow("a"), fileRow("b")));
  assertEquals(outcome(() => decode(rows, 1)), "malformed");
  assertEquals(outcome(() => decode(rows, 3)), "malformed");
  assertEquals(outcome(() => decode(columnSet({ 1: "00 01 61" }), 1)), "malformed");
  assertEquals(outcome(() => decode(columnSet({ 2: "01" }), 1)), "malformed");
});

Deno.test("decodeRowTable() refuses a kind when it is none of the five", () => {
  const set = (kind: string) => columnSet({ 1: "00 01 61", 2: kind });
  assertEquals(outcome(() => decode(set("01"), 1)), undefined);
  for (const kind of ["00", "06", "80", "ff"]) assertEquals(outcome(() => decode(set(kind), 1)), "malformed", kind);
});

Deno.test("decodeRowTable() refuses flags when they are unknown, and provisional rows when they are no files", () => {
  const set = (kind: string, flags: string) => columnSet({ 1: "00 01 61", 2: kind, 3: flags });
  const flagsOf = (flags: string) => decode(set("01", flags), 1).map((c) => [c.row.changed, c.provisional]);
  assertEquals(flagsOf("00"), [[false, false]]);
  assertEquals(flagsOf("01"), [[true, false]]);
  assertEquals(flagsOf("02"), [[false, true]]);
  for (const flags of ["04", "80", "ff"]) assertEquals(outcome(() => decode(set("01", flags), 1)), "malformed");
  assertEquals(outcome(() => decode(set("02", "02"), 1)), "malformed");
});

Deno.test("decodeRowTable() refuses nanoseconds when their exponent is over 9 or they make a second", () => {
  const set = (column: string) => columnSet({ 1: "00 01 61", 2: "01", 7: column });
  assertEquals(decode(set("00 ff93ebdc03"), 1)[0]?.row.mtime.nanoseconds, 999_999_999);
  assertEquals(decode(set("09 00"), 1)[0]?.row.mtime.nanoseconds, 0);
  for (const column of ["0a 00", "00 8094ebdc03", "09 01", "09 ffffffffffffff0f"]) {
    assertEquals(outcome(() => decode(set(column), 1)), "malformed", column);
  }
});

Deno.test("encodeRows() tells trailing zeros of nanoseconds once when all rows have them", () => {
  const rows = [250_000_000, 1_000_000, 0].map((nanoseconds, i) =>
    fileRow(`${i}`, { mtime: { seconds: 0, nanoseconds } })
  );
  const columns = decodeColumns(encode(full(...rows)), new Set(ROW_COLUMNS), "the test");
  assertEquals(columns.get(7)?.bytes(5).toHex(), "06fa010100");
});

Deno.test("decodeRowTable() refuses an owner when the table does not have it", () => {
  const set = (table: string, owner: string) => columnSet({ 1: "00 01 61", 2: "01", 11: table, 12: owner });
  const table = "01 05 06 01 75 01 67";
  assertEquals(decode(set(table, "00"), 1)[0]?.row.owner, undefined);
  assertEquals(decode(set(table, "01"), 1)[0]?.row.owner, { uid: 5, gid: 6, user: "u", group: "g" });
  assertEquals(outcome(() => decode(set(table, "02"), 1)), "malformed");
  // A count that its bytes cannot hold.
  assertEquals(outcome(() => decode(set("ffffff7f 05 06 00 00", "00"), 1)), "malformed");
});

Deno.test("decodeRowTable() keeps owners apart when their names would be equal joined by colons", () => {
  const owners = [["a:b", "c"], ["a", "b:c"]].map(([user = "", group = ""]) => ({ uid: 1, gid: 2, user, group }));
  const rows = full(...owners.map((owner, i) => fileRow(`${i}`, { owner })));
  assertEquals(decode(encode(rows), 2), rows);
});

Deno.test("decodeRowTable() refuses an owner table when it has more owners than there are rows", () => {
  const set = (table: string) => columnSet({ 1: "00 01 61  00 01 62", 2: "01 01", 11: table, 12: "01 02" });
  assertEquals(outcome(() => decode(set("02 01010000 02020000"), 2)), undefined);
  assertEquals(outcome(() => decode(set("03 01010000 02020000 03030000"), 2)), "malformed");
});

Deno.test("decodeRowTable() refuses a provisional row when it says more than its path", () => {
  const set = (columns: Readonly<Record<number, string>>) => columnSet({ 1: "00 01 61", 2: "01", 3: "02", ...columns });
  assertEquals(outcome(() => decode(set({}), 1)), undefined);
  const fields = [{ 3: "03" }, { 4: "01" }, { 5: "01" }, { 6: "02" }, { 7: "00 01" }, { 8: "02" }, { 9: "01" }, {
    10: "02",
  }];
  const others = [{ 11: "01 00000000", 12: "01" }, { 13: "01 62" }, { 14: `01 ${"ab".repeat(32)}` }];
  for (const columns of [...fields, ...others]) assertEquals(outcome(() => decode(set(columns), 1)), "malformed");
  assertEquals(outcome(() => decode(set({ 1: "00 01 2e" }), 1)), "malformed");
});

Deno.test("decodeRowTable() refuses a content hash when its mark is unknown or bytes are missing", () => {
  const set = (column: string) => columnSet({ 1: "00 01 61", 2: "01", 14: column });
  const hash = "ab".repeat(32);
  assertEquals(decode(set(`01 ${hash}`), 1)[0]?.row.contentHash?.toHex(), hash);
  assertEquals(decode(set("00"), 1)[0]?.row.contentHash, undefined);
  for (const column of [`02 ${hash}`, `01 ${hash.slice(2)}`, "01", `00 ${hash}`]) {
    assertEquals(outcome(() => decode(set(column), 1)), "malformed");
  }
});

Deno.test("decodeRowTable() gives unsafe when a hardlink's target is no allowed path, and malformed for other faults", () => {
  const link = (kind: string, target: string) => {
    const text = new TextEncoder().encode(target).toHex();
    return columnSet({ 1: "00 01 61", 2: kind, 13: `${(text.length / 2).toString(16).padStart(2, "0")} ${text}` });
  };
  assertEquals(outcome(() => decode(link("04", "b/c"), 1)), undefined);
  for (const target of ["../b", "/b", "b//c", "", "a", "."]) {
    assertEquals(outcome(() => decode(link("04", target), 1)), "unsafe", target);
  }
  const setId = columnSet({ 1: "00 01 61", 2: "04", 4: "808001", 13: "01 62" });
  assertEquals(outcome(() => decode(setId, 1)), "malformed");
  assertEquals(outcome(() => decode(link("03", "../../etc"), 1)), undefined);
  assertEquals(outcome(() => decode(link("03", ""), 1)), "malformed");
  assertEquals(outcome(() => decode(link("01", "b"), 1)), "malformed");
});

Deno.test("rowFault() refuses a value when it is beyond its limit, and allows it at the limit", () => {
  const name = "x".repeat(MAX_OWNER_NAME_BYTES);
  const owner = { uid: 0, gid: 0, user: "", group: "" };
  const most = Number.MAX_SAFE_INTEGER;
  const time = (seconds: number, nanoseconds = 0) => fileRow("a", { mtime: { seconds, nanoseconds } });
  const cases: readonly (readonly [allowed: Row, refused: Row, fault: string])[] = [
    [fileRow("a", { mode: 0o7777 }), fileRow("a", { mode: 0o10000 }), "mode"],
    [fileRow("a", { mode: 0 }), fileRow("a", { mode: -1 }), "mode"],
    [fileRow("a", { size: most }), fileRow("a", { size: most + 1 }), "size"],
    [fileRow("a", { size: 0 }), fileRow("a", { size: -1 }), "size"],
    [directoryRow("a"), directoryRow("a", { size: 1 }), "only files have a size"],
    [time(MAX_TIME_SECONDS), time(MAX_TIME_SECONDS + 1), "time"],
    [time(MIN_TIME_SECONDS), time(MIN_TIME_SECONDS - 1), "time"],
    [time(0, 999_999_999), time(0, 1_000_000_000), "time"],
    [time(0, 0), time(0, -1), "time"],
    [time(1), time(1.5), "time"],
    [fileRow("a", { ctime: MAX_TIME_SECONDS }), fileRow("a", { ctime: MAX_TIME_SECONDS + 1 }), "time"],
    [fileRow("a", { dev: most }), fileRow("a", { dev: most + 1 }), "number"],
    [fileRow("a", { inode: 0 }), fileRow("a", { inode: -1 }), "number"],
    [fileRow("a", { inode: MAX_INODE }), fileRow("a", { inode: MAX_INODE + 1 }), "number"],
    [directoryRow("."), fileRow("."), "the root"],
    [hardlink("..."), hardlink("."), "the root"],
    [fileRow("a", { owner: { ...owner, uid: most } }), fileRow("a", { owner: { ...owner, uid: -1 } }), "number"],
    [fileRow("a", { owner: { ...owner, gid: most } }), fileRow("a", { owner: { ...owner, gid: 0.5 } }), "number"],
    [
      fileRow("a", { owner: { ...owner, user: name } }),
      fileRow("a", { owner: { ...owner, user: `${name}x` } }),
      "owner's name",
    ],
    [
      fileRow("a", { owner: { ...owner, group: name } }),
      fileRow("a", { owner: { ...owner, group: "é".repeat(128) } }),
      "owner's name",
    ],
    [
      fileRow("a", { owner: { ...owner, user: "é" } }),
      fileRow("a", { owner: { ...owner, user: "\ud800" } }),
      "owner's name",
    ],
    [
      fileRow("a", { contentHash: new Uint8Array(32) }),
      fileRow("a", { contentHash: new Uint8Array(31) }),
      "32 bytes",
    ],
    [symlink("x".repeat(MAX_LINK_BYTES)), symlink("x".repeat(MAX_LINK_BYTES + 1)), "over 4096 bytes"],
    [symlink("/"), symlink(""), "empty"],
    [symlink("\n"), symlink("a\0b"), "not allowed"],
    [symlink("é"), symlink("\udc00"), "not allowed"],
    [hardlink("b"), hardlink("a"), "its own path"],
    [hardlink("b/c"), hardlink("b/../c"), 'a part ".."'],
    [fileRow("a"), fileRow("a", { link: "b" }), "only links have a target"],
  ];
  for (const [allowed, refused, fault] of cases) {
    assertEquals(rowFault(allowed), undefined, fault);
    assert(rowFault(refused)?.includes(fault), `${fault}: ${rowFault(refused)}`);
  }
});

function pathBytes(list: readonly string[]): Uint8Array {
  const out = new ByteWriter();
  encodePaths(list, out);
  return Uint8Array.from(out.view());
}

const decodeList = (bytes: Bytes, count: number) => {
  const reader = new ByteReader(bytes, "the test");
  const list = decodePaths(reader, count);
  reader.end();
  return list;
};

Deno.test("encodePaths() shares bytes with the path before when they begin alike, inside a character too", () => {
  // U+00E9 and U+00E8 are C3 A9 and C3 A8.
  assertEquals(pathBytes(["a/é", "a/è", "b"]), hex("00 04 61 2f c3a9  03 01 a8  00 01 62"));
  assertEquals(decodeList(hex("00 04 61 2f c3a9  03 01 a8  00 01 62"), 3), ["a/é", "a/è", "b"]);
});

Deno.test("decodePaths() gives back what was encoded when paths are arbitrary", () => {
  fc.assert(fc.property(fc.array(paths), (list) => assertEquals(decodeList(pathBytes(list), list.length), list)));
});

Deno.test("decodePaths() refuses a path when its shared part is longer than the one before", () => {
  assertEquals(decodeList(hex("00 01 61  01 01 62"), 2), ["a", "ab"]);
  assertEquals(outcome(() => decodeList(hex("00 01 61  02 01 62"), 2)), "malformed");
  assertEquals(outcome(() => decodeList(hex("01 01 61"), 1)), "malformed");
});

Deno.test("decodePaths() refuses a path when it is not well-formed or not allowed", () => {
  assertEquals(outcome(() => decodeList(hex("00 01 c3"), 1)), "malformed");
  // What is shared ends inside a character, and the rest does not complete it.
  assertEquals(outcome(() => decodeList(hex("00 02 c3a9  01 01 61"), 2)), "malformed");
  for (const path of ["00 00", "00 01 2f", "00 02 2e2e", "00 03 61 00 62", "00 04 612f2e2e", "00 02 612f"]) {
    assertEquals(outcome(() => decodeList(hex(path), 1)), "unsafe", path);
  }
  assertEquals(decodeList(hex("00 01 2e"), 1), ["."]);
});

/** A path of exactly so many bytes. */
function longPath(bytes: number): string {
  return `${"x".repeat(199)}/`.repeat(Math.ceil(bytes / 200)).slice(0, bytes - 1) + "y";
}

Deno.test("decodePaths() refuses a path when it is over 4,096 bytes, shared ones included", () => {
  const most = longPath(MAX_PATH_BYTES);
  assertEquals(most.length, 4096);
  assertEquals(decodeList(pathBytes([most]), 1), [most]);
  assertEquals(outcome(() => decodeList(pathBytes([`${most}z`]), 1)), "malformed");
  const longer = new ByteWriter();
  encodePaths([most], longer);
  longer.varint(4096);
  longer.string("z");
  assertEquals(outcome(() => decodeList(longer.finish(), 2)), "malformed");
});

Deno.test("decodePaths() refuses paths when they decode to over 16 MiB", () => {
  const most = longPath(MAX_PATH_BYTES);
  const count = MAX_DECODED_STRING_BYTES / MAX_PATH_BYTES;
  // Each row after the first takes three bytes: 4096 shared, none of its own.
  const out = new ByteWriter();
  encodePaths(Array.from({ length: count }, () => most), out);
  assertEquals(out.length, 2 + 1 + 4096 + (count - 1) * 3);
  assertEquals(decodeList(out.finish(), count).length, count);
  out.varint(1);
  out.sizedBytes(hex(""));
  assertEquals(outcome(() => decodeList(out.finish(), count + 1)), "limit");
});

function canonical(row: Row): string {
  const out = new ByteWriter();
  encodeCanonicalRow(row, out);
  return out.finish().toHex();
}

Deno.test("encodeCanonicalRow() puts every part where FORMAT.md has it when a row has all of them", () => {
  const owner = { uid: 1, gid: 2, user: "u", group: "g" };
  const row: Row = {
    path: "a",
    kind: "symlink",
    changed: true,
    mode: 0o777,
    size: 0,
    mtime: { seconds: -1, nanoseconds: 5 },
    ctime: 3,
    dev: 4,
    inode: 200,
    owner,
    link: "xy",
    contentHash: new Uint8Array(32).fill(0xee),
  };
  assertEquals(
    canonical(row),
    hex(`01 61 03 01 ff03 00 01 05 06 04 c801 01 01 02 01 75 01 67 02 7879 01 ${"ee".repeat(32)}`).toHex(),
  );
  assertEquals(canonical(fileRow("a")), hex("01 61 01 00 00 00 00 00 00 00 00 00 00 00").toHex());
});

Deno.test("encodeCanonicalRow() gives other bytes when any field differs", () => {
  const owner = { uid: 1, gid: 2, user: "a:b", group: "c" };
  const variants: Row[] = [
    fileRow("a"),
    fileRow("b"),
    directoryRow("a"),
    { ...fileRow("a"), kind: "fifo" },
    symlink("b"),
    symlink("c"),
    hardlink("b"),
    fileRow("a", { changed: true }),
    fileRow("a", { mode: 1 }),
    fileRow("a", { size: 1 }),
    fileRow("a", { mtime: { seconds: 1, nanoseconds: 0 } }),
    fileRow("a", { mtime: { seconds: 0, nanoseconds: 1 } }),
    fileRow("a", { ctime: 1 }),
    fileRow("a", { dev: 1 }),
    fileRow("a", { inode: 1 }),
    fileRow("a", { owner: { uid: 0, gid: 0, user: "", group: "" } }),
    fileRow("a", { owner }),
    fileRow("a", { owner: { ...owner, user: "a", group: "b:c" } }),
    fileRow("a", { contentHash: new Uint8Array(32) }),
  ];
  assertEquals(new Set(variants.map(canonical)).size, variants.length);
});

Deno.test("encodeCanonicalRow() gives one value when a row comes out of different sets", () => {
  fc.assert(
    fc.property(carriedRows, (rows) => {
      const together = decode(encode(rows), rows.length);
      for (const [i, carried] of rows.entries()) {
        const [alone] = decode(encode([carried]), 1);
        assertEquals(canonical((together[i] as CarriedRow).row), canonical((alone as CarriedRow).row));
      }
    }),
    { numRuns: 50 },
  );
});

Deno.test("provisionalRow() knows path and kind when nothing else is known", () => {
  const row = provisionalRow("a", "file");
  assertEquals([row.path, row.kind, rowFault(row)], ["a", "file", undefined]);
  assertNotEquals(row, provisionalRow("b", "file"));
});

Deno.test("equals() says of a row of a table what equalRows() says of two objects", () => {
  let equal = 0;
  let different = 0;
  fc.assert(
    fc.property(carriedRows, carriedRows, fc.nat(20), (rows, others, field) => {
      const bytes = encode(rows);
      const table = decodeRowTable(decodeColumns(bytes, new Set(ROW_COLUMNS), "the test"), rows.length, "the test");
      rows.forEach(({ row }, i) => {
        assert(table.equals(i, row));
        const other = others[i % others.length]?.row as Row;
        const key = Object.keys(row)[field % Object.keys(row).length] as keyof Row;
        for (const changed of [other, { ...row, [key]: other[key] }]) {
          assertEquals(table.equals(i, changed), equalRows(row, changed), key);
          if (equalRows(row, changed)) equal++;
          else different++;
        }
      });
    }),
  );
  assert(equal > 20 && different > 100);
});
