import { assert, assertEquals, assertRejects } from "@std/assert";
import { Archive } from "../../src/archive/archive.ts";
import { ChangeFinder } from "../../src/archive/changes.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { ArchiveError } from "../../src/format/errors.ts";
import type { Item } from "./archive_draft.ts";
import { seededRandom } from "./archive_builder.ts";
import {
  created,
  itemsOf,
  KEYS,
  type MemoryArchive,
  TIME,
  type Tree,
  treeOf,
  update,
  verify,
} from "./growing_archive.ts";
import { asFiles, MemoryFiles } from "./memory_files.ts";

const LARGE = seededRandom(1)(100_000).toHex();
/** What a segment of a few rows takes. */
const FEW_BYTES = 8192;

/** What a finder finds, without writing it. */
async function findings(target: MemoryArchive, items: readonly Item[]): Promise<string[]> {
  const archive = await Archive.open(nativeEngine, target, KEYS);
  const found: string[] = [];
  const finder = new ChangeFinder(nativeEngine, archive, {
    isGone: () => true,
    access: new MemoryFiles(items),
    onMoved: (row, from) => found.push(`${from} -> ${row.path}`),
  });
  for await (const { row } of finder.changes(asFiles(items))) found.push(`store ${row.path}`);
  return found;
}

Deno.test("updateArchive() adds no content when a file was renamed, forwards or backwards in path order", async () => {
  for (const [from, to] of [["a", "z"], ["z", "a"], ["d/x", "e/f/x"]] as const) {
    const folders = { "d": undefined, "e": undefined, "e/f": undefined };
    const target = await created(itemsOf({ ...folders, [from]: LARGE, "m": "m" }));
    const after: Tree = { ...folders, [to]: LARGE, "m": "m" };
    const written = await update(target, itemsOf(after));
    assert((written?.addedBytes ?? Infinity) <= FEW_BYTES, `${written?.addedBytes}`);
    assertEquals(written?.totals.files, 2);
    assertEquals(written?.totals.bytes, LARGE.length + 1);
    assertEquals(await treeOf(target), after);
    assertEquals(await treeOf(target, { snapshot: { kind: "first" } }), { ...folders, [from]: LARGE, "m": "m" });
    assertEquals(await verify(target), 2);
  }
});

Deno.test("updateArchive() keeps a moved file where it is when it is changed, moved again and gone later", async () => {
  const target = await created(itemsOf({ "a": LARGE, "b": "b" }));
  const steps: [Tree, number][] = [
    [{ "b": "b", "c": LARGE }, 0o644],
    [{ "b": "b", "c": LARGE }, 0o600],
    [{ "a": LARGE, "b": "b" }, 0o600],
    [{ "b": LARGE }, 0o600],
    [{ "x": "x" }, 0o600],
  ];
  for (const [tree, mode] of steps) {
    const written = await update(target, itemsOf(tree, TIME - 1000, mode));
    assert((written?.addedBytes ?? Infinity) <= FEW_BYTES, `${written?.addedBytes} for ${Object.keys(tree)}`);
    assertEquals(await treeOf(target), tree);
  }
  for (const [i, [tree]] of steps.entries()) {
    assertEquals(await treeOf(target, { snapshot: { kind: "number", number: i + 2 } }), tree);
  }
  assertEquals(await verify(target), 6);
});

Deno.test("updateArchive() takes a rotated log as moved, and stores the new one", async () => {
  const target = await created(itemsOf({ "log": LARGE, "log.1": LARGE.slice(1) }));
  const after = [
    ...itemsOf({ "log": "new" }, TIME - 10),
    ...itemsOf({ "log.1": LARGE, "log.2": LARGE.slice(1) }),
  ];
  assertEquals((await findings(target, after)).sort(), ["log -> log.1", "log.1 -> log.2", "store log"]);
  const written = await update(target, after);
  assert((written?.addedBytes ?? Infinity) <= FEW_BYTES);
  assertEquals(await treeOf(target), { "log": "new", "log.1": LARGE, "log.2": LARGE.slice(1) });
});

Deno.test("ChangeFinder takes nothing as moved when its content, size or time is another, or the old file is there still", async () => {
  const target = await created(itemsOf({ "a": LARGE, "empty": "" }));
  const other = `${LARGE.slice(0, -1)}x`;
  assertEquals(await findings(target, itemsOf({ "b": other })), ["store b"]);
  assertEquals(await findings(target, itemsOf({ "b": LARGE.slice(1) })), ["store b"]);
  assertEquals(await findings(target, itemsOf({ "b": LARGE }, TIME - 999)), ["store b"]);
  assertEquals(await findings(target, itemsOf({ "a": LARGE, "b": LARGE })), ["store b"]);
  assertEquals(await findings(target, itemsOf({ "nothing": "" })), ["store nothing"]);
  assertEquals(await findings(target, itemsOf({ "b": LARGE })), ["a -> b"]);
});

Deno.test("ChangeFinder holds nothing back as moved when it was written since the snapshot", async () => {
  const target = await created(itemsOf({ "a": "new", "b": LARGE }, TIME + 3600));
  // Held back, it would come behind what follows it.
  const after = itemsOf({ "a.old": LARGE, "c": "" }, TIME + 3600);
  assertEquals(await findings(target, after), ["store a.old", "store c"]);
});

Deno.test("updateArchive() makes a hard link the file without storing it when the first name is gone", async () => {
  const target = await created(itemsOf({ "a": LARGE, "b": "=a", "c": "=a" }));
  const written = await update(target, [], { keep: (path) => path !== "a" });
  assert((written?.addedBytes ?? Infinity) <= FEW_BYTES, `${written?.addedBytes}`);
  assertEquals(await treeOf(target), { "b": LARGE, "c": "=b" });
  assertEquals(await verify(target), 2);
});

Deno.test("read() refuses a moved row when its extents are no slices of the block", async () => {
  const target = await created(itemsOf({ "a": "12345", "b": "678" }));
  await update(target, itemsOf({ "b": "678", "c": "12345" }));
  const archive = await Archive.open(nativeEngine, target, KEYS);
  for await (const entry of archive.find("c")) {
    assertEquals(entry.mark, "moved");
    const [extent] = entry.extents;
    assert(extent !== undefined);
    for (const change of [{ length: 4 }, { dataOffset: extent.dataOffset + 1 }, { fileOffset: 1 }, { dataOffset: 8 }]) {
      const read = archive.read({ ...entry, extents: [{ ...extent, ...change }] });
      const error = await assertRejects(() => read.next(), ArchiveError);
      assertEquals(error.code, "inconsistent");
    }
  }
});
