import { assertEquals } from "@std/assert";
import { decodePage, encodePage, type PageEntry } from "../../src/format/page.ts";
import type { BlockPlace, EntryKind, Row } from "../../src/format/row.ts";
import { provisionalRow, type RowMark } from "../../src/format/rows.ts";
import { outcome } from "./hostile_bytes.ts";

function entry(path: string, kind: EntryKind, mark?: RowMark, block?: BlockPlace, more: Partial<Row> = {}): PageEntry {
  const extents = block === undefined ? [] : [{ fileOffset: 0, length: 5, dataOffset: 0, block }];
  const row = { ...provisionalRow(path, kind), size: block === undefined ? 0 : 5, ...more };
  return mark === undefined ? { row, provisional: false, extents } : { row, provisional: false, extents, mark };
}

const old: BlockPlace = { frame: 0, offset: 32, frameBytes: 200 };
const older: BlockPlace = { segment: 1, frame: 0, offset: 5000, frameBytes: 200 };
const own: BlockPlace = { segment: 3, frame: 0, offset: 9000, frameBytes: 200 };

const codeOf = (entries: readonly PageEntry[], segment: number, what?: string) =>
  outcome(() => decodePage(encodePage({ entries, continues: false }, segment), entries.length, what, segment));

Deno.test("decodePage() takes rows that are gone or kept, with blocks of earlier segments, behind the first segment", () => {
  const entries = [
    entry("a", "file", "kept", old),
    entry("a/b", "directory", "gone"),
    entry("b", "file", undefined, own),
    entry("c", "file", "kept", older),
    entry("d", "symlink", "kept", undefined, { link: "a" }),
  ];
  const page = { entries, continues: false };
  const decoded = decodePage(encodePage(page, 3), entries.length, undefined, 3);
  assertEquals({ entries: decoded.entries, continues: decoded.continues }, page);
  assertEquals(codeOf(entries, 3, "an orphan page"), "malformed");
});

Deno.test("decodePage() refuses marks in the first segment, and rows that contradict theirs", () => {
  assertEquals(codeOf([entry("a", "directory", "gone")], 0), "malformed");
  assertEquals(codeOf([entry("a", "directory", "kept")], 0), "malformed");
  assertEquals(codeOf([entry("a", "directory", "gone")], 1), undefined);
  assertEquals(codeOf([entry("a", "file", "gone")], 1), "malformed");
  assertEquals(codeOf([entry("a", "directory", "gone", undefined, { mode: 0o755 })], 1), "malformed");
  // Bytes of the own segment are not kept, and those of others are not new.
  assertEquals(codeOf([entry("a", "file", "kept", own)], 3), "malformed");
  assertEquals(codeOf([entry("a", "file", undefined, older)], 3), "malformed");
  // Gone rows rise with the others, and what is below a file is refused with one between them too.
  assertEquals(codeOf([entry("b", "directory", "gone"), entry("a", "directory", "gone")], 1), "unsafe");
  const below = [entry("a", "file", "kept", old), entry("a/b", "directory", "gone"), entry("a/c", "directory", "kept")];
  assertEquals(codeOf(below, 3), "unsafe");
});
