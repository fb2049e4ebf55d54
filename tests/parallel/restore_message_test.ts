import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { decodeUtf8 } from "../../src/format/bytes.ts";
import { decodePage, encodePage, type PageEntry } from "../../src/format/page.ts";
import type { Extent } from "../../src/format/row.ts";
import type { RowMark } from "../../src/format/rows.ts";
import {
  FileCursor,
  type FileGoal,
  FilePacker,
  type FileShare,
  type PackedFiles,
} from "../../src/parallel/restore_message.ts";
import { fileRow, pages } from "../format/arbitrary_rows.ts";

const FOLDERS = [7, 8];

function withoutBlock({ fileOffset, length, dataOffset, shared }: Extent) {
  return { fileOffset, length, dataOffset, ...(shared ? { shared } : {}) };
}

function lastPart(path: string): string {
  return path.split("/").at(-1) as string;
}

/** All that is said of files, as objects and by values. */
function unpackedFrom(files: PackedFiles) {
  const found: unknown[] = [];
  const cursor = new FileCursor(files);
  while (cursor.next()) {
    const file = cursor.file();
    const { seconds, nanoseconds } = file.row.mtime;
    const name = decodeUtf8(cursor.paths.subarray(cursor.nameStart, cursor.pathEnd), "a name");
    assertEquals(cursor.paths[cursor.pathEnd], 0);
    const values = [
      cursor.mode,
      cursor.size,
      cursor.seconds,
      cursor.nanoseconds,
      cursor.ctime,
      cursor.dev,
      cursor.inode,
    ];
    const { mode, size, ctime, dev, inode, owner, changed, contentHash, path } = file.row;
    assertEquals(values, [mode, size, seconds, nanoseconds, ctime, dev, inode]);
    assertEquals([cursor.owner, cursor.isChanged, cursor.contentHash], [owner, changed, contentHash]);
    assertEquals([name, cursor.extents], [lastPart(path), file.extents.length]);
    if (file.extents.length > 0) {
      const { fileOffset, length, dataOffset } = cursor;
      const [{ shared: _shared, ...first } = {}] = file.extents;
      assertEquals({ fileOffset, length, dataOffset }, first as never);
    }
    const { goal, extents, mark } = file;
    const isPlain = goal.kind === "name" && goal.name === name && mark === undefined &&
      extents.length <= 1 && !extents.some(({ shared }) => shared);
    assertEquals(cursor.isPlain, isPlain);
    found.push(file);
  }
  return found;
}

/** What a file is to be when it is unpacked. */
function unpacked({ row, extents, mark, goal }: FileShare) {
  return { row, extents: extents.map(withoutBlock), mark, goal };
}

const isFile = ({ row }: PageEntry) => row.kind === "file";

Deno.test("FilePacker gives back every file of a page, whether it came as an entry or as a row", () => {
  let files = 0;
  fc.assert(fc.property(pages, (page) => {
    const decoded = decodePage(Uint8Array.from(encodePage(page)), page.entries.length);
    const packer = new FilePacker();
    const expected: FileShare[] = [];
    for (const [i, entry] of decoded.entries.entries()) {
      if (!isFile(entry)) continue;
      const folder = i % 2;
      const goal: FileGoal = { kind: "name", folder, name: lastPart(entry.row.path) };
      const share = { row: entry.row, extents: entry.extents, mark: undefined, goal };
      packer.addRow(decoded.rows, i, decoded.extents, folder);
      packer.add(share);
      expected.push(share, share);
    }
    files += expected.length;
    assertEquals(unpackedFrom(packer.finish(FOLDERS)), expected.map(unpacked));
  }));
  assertEquals(files > 100, true);
});

Deno.test("FilePacker makes room, and keeps names, marks and descriptors", () => {
  const block = { frame: 3, offset: 320, frameBytes: 4096 };
  const marks: readonly (RowMark | undefined)[] = [undefined, "kept", "moved"];
  const shares = Array.from({ length: 1000 }, (_, i): FileShare => ({
    row: fileRow(`${"folder/".repeat(i % 60)}ü${i}`, {
      size: i,
      owner: i % 3 === 0 ? undefined : { uid: i % 5, gid: 1, user: "", group: "" },
      contentHash: i % 7 === 0 ? new Uint8Array(32).fill(i) : undefined,
    }),
    extents: Array.from({ length: i % 4 }, (_, j) => ({
      fileOffset: 100 * j,
      length: 50,
      dataOffset: 2 * i,
      block,
      ...(j === 2 ? { shared: true as const } : {}),
    })),
    mark: marks[i % marks.length],
    goal: i % 11 === 0
      ? { kind: "descriptor", descriptor: i }
      : { kind: "name", folder: i % 2, name: i % 2 === 0 ? `ü${i}` : `another${i}` },
  }));
  const packer = new FilePacker();
  for (const share of shares) packer.add(share);
  const packed = packer.finish(FOLDERS);
  assertEquals(packed.count, shares.length);
  // As it is on another thread.
  assertEquals(unpackedFrom(structuredClone(packed)), shares.map(unpacked));
});
