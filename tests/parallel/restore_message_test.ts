import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { decodePage, encodePage, type PageEntry } from "../../src/format/page.ts";
import type { Extent } from "../../src/format/row.ts";
import type { RowMark } from "../../src/format/rows.ts";
import { type FileGoal, FilePacker, type FileShare, unpackFiles } from "../../src/parallel/restore_message.ts";
import { fileRow, pages } from "../format/arbitrary_rows.ts";

const PREFIXES = ["/proc/self/fd/7/", "/proc/self/fd/8/"];

function withoutBlock({ fileOffset, length, dataOffset, shared }: Extent) {
  return { fileOffset, length, dataOffset, ...(shared ? { shared } : {}) };
}

function lastPart(path: string): string {
  return path.split("/").at(-1) as string;
}

/** What a file is to be when it is unpacked. */
function unpacked({ row, extents, mark, goal }: FileShare) {
  const named = (folder: number, name: string) => ({ kind: "name" as const, prefix: PREFIXES[folder], name });
  return {
    row,
    extents: extents.map(withoutBlock),
    mark,
    goal: goal.kind === "name" ? named(goal.folder, goal.name) : goal,
  };
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
    assertEquals([...unpackFiles(packer.finish(PREFIXES))], expected.map(unpacked) as never);
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
  const packed = packer.finish(PREFIXES);
  assertEquals(packed.count, shares.length);
  // As it is on another thread.
  assertEquals([...unpackFiles(structuredClone(packed))], shares.map(unpacked) as never);
});
