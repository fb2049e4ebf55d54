import { assert, assertEquals } from "@std/assert";
import { Archive } from "../../src/archive/archive.ts";
import { plannedCopies } from "../../src/archive/copy.ts";
import { appendCopy } from "../../src/archive/copy_snapshots.ts";
import { diffSnapshots } from "../../src/archive/snapshot_diff.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import type { Row } from "../../src/format/row.ts";
import { seededRandom } from "./archive_builder.ts";
import { created, itemsOf, KEYS, MemoryArchive, TIME, type Tree, treeOf, update, verify } from "./growing_archive.ts";
import { createInMemory } from "./memory_files.ts";

const LARGE = seededRandom(1)(300_000).toHex();

const TREES: readonly Tree[] = [
  { "a": undefined, "a/one": "1", "a/two": "22", "b": "bb", "large": LARGE },
  { "a": undefined, "a/one": "1", "a/three": "333", "b": "cc", "large": LARGE, "link": "=b" },
  { "a": undefined, "a/one": "1", "a/three": "333", "b": "cc", "large": LARGE, "link": "=b" },
  { "a": undefined, "a/one": "=large", "b": undefined, "b/x": "", "large": LARGE },
];

/** An archive with one snapshot for each tree; the third differs from the second in modes alone. */
async function grown(): Promise<MemoryArchive> {
  const [first, second, third, fourth] = TREES as [Tree, Tree, Tree, Tree];
  const target = await created(itemsOf(first));
  await update(target, itemsOf(second, TIME - 900), { label: "second" });
  await update(target, itemsOf(third, TIME - 900, 0o600));
  await update(target, itemsOf(fourth, TIME - 800, 0o600), { isPartial: () => true });
  return target;
}

const at = (source: MemoryArchive, number: number) =>
  Archive.open(nativeEngine, source, { ...KEYS, snapshot: { kind: "number", number } });

/** Copies snapshots by number. */
async function copyOf(source: MemoryArchive, numbers: readonly number[]): Promise<MemoryArchive> {
  const [first, ...others] = numbers as [number, ...number[]];
  let previous = await at(source, first);
  const { known } = await createInMemory(plannedCopies(previous), { blockBytes: 50_000 });
  const target = new MemoryArchive(known);
  for (const number of others) {
    const copy = await Archive.open(nativeEngine, target, KEYS);
    const next = await at(source, number);
    await appendCopy(nativeEngine, target, copy, previous, next, {});
    previous = next;
  }
  return target;
}

async function rowsOf(source: MemoryArchive, number: number): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const { row, continued } of (await at(source, number)).entries()) if (!continued) rows.push(row);
  return rows;
}

Deno.test("appendCopy() makes every snapshot what it was, rows and content, whichever of them are copied", async () => {
  const source = await grown();
  for (const numbers of [[1, 2, 3, 4], [1, 4], [2, 3], [4], [2, 4], [1, 3, 4]]) {
    const copy = await copyOf(source, numbers);
    assertEquals(await verify(copy), numbers.length);
    for (const [i, number] of numbers.entries()) {
      const options = { snapshot: { kind: "number", number: i + 1 } } as const;
      assertEquals(await treeOf(copy, options), TREES[number - 1]);
      assertEquals(await rowsOf(copy, i + 1), await rowsOf(source, number));
      if (i === 0) continue;
      const [copied, original] = [await at(copy, i + 1), await at(source, number)];
      assertEquals(copied.trailer.time, original.trailer.time);
      assertEquals(copied.trailer.label, original.trailer.label);
      assertEquals(copied.trailer.partial, original.trailer.partial);
      assertEquals(copied.trailer.totals, original.trailer.totals);
    }
  }
});

Deno.test("appendCopy() stores content once that snapshots share, and none that only a dropped snapshot had", async () => {
  const first = await created(itemsOf({ "dropped": [...LARGE].reverse().join(""), "stays": LARGE.slice(0, 1000) }));
  await update(first, itemsOf({ "stays": LARGE.slice(0, 1000), "new": LARGE }, TIME - 1000));
  await update(first, itemsOf({ "stays": LARGE.slice(0, 1000), "new": LARGE }, TIME - 1000, 0o600));
  const both = await copyOf(first, [1, 2, 3]);
  const kept = await copyOf(first, [2, 3]);
  const one = await copyOf(first, [2]);
  assert(kept.size - one.size <= 8192, `${kept.size - one.size} bytes for new rows`);
  // Hexadecimal digits take at least half their length.
  assert(both.size - kept.size > LARGE.length / 2, `${both.size - kept.size} bytes less without the first`);
});

Deno.test("appendCopy() stores a moved file no more than once, wherever the snapshots between were dropped", async () => {
  const trees: readonly Tree[] = [
    { "a": LARGE, "m": "m" },
    { "m": "m", "z": LARGE },
    { "m": LARGE },
    { "b": LARGE, "m": "new" },
  ];
  const source = await created(itemsOf(trees[0] as Tree));
  for (const tree of trees.slice(1)) await update(source, itemsOf(tree));
  const alone = (await copyOf(source, [1])).size;
  for (const numbers of [[1, 2, 3, 4], [1, 4], [1, 3, 4], [2, 3]]) {
    const copy = await copyOf(source, numbers);
    assertEquals(await verify(copy), numbers.length);
    assert(copy.size - alone <= numbers.length * 8192, `${copy.size - alone} bytes more for ${numbers}`);
    for (const [i, number] of numbers.entries()) {
      assertEquals(await treeOf(copy, { snapshot: { kind: "number", number: i + 1 } }), trees[number - 1]);
    }
  }
});

async function differences(source: MemoryArchive, before: number, after: number): Promise<string[]> {
  const found: string[] = [];
  for await (const change of diffSnapshots(await at(source, before), await at(source, after))) {
    found.push(`${change.kind} ${change.path} ${change.fields}`);
  }
  return found;
}

Deno.test("diffSnapshots() tells what differs between any two snapshots, in either direction", async () => {
  const source = await grown();
  assertEquals(await differences(source, 1, 2), [
    "metadata a/one mtime",
    "added a/three ",
    "removed a/two ",
    "content b content,mtime",
    "metadata large mtime",
    "added link ",
  ]);
  assertEquals(await differences(source, 2, 1), [
    "metadata a/one mtime",
    "removed a/three ",
    "added a/two ",
    "content b content,mtime",
    "metadata large mtime",
    "removed link ",
  ]);
  assertEquals((await differences(source, 2, 3)).filter((line) => !line.endsWith(" mode")), []);
  assertEquals(await differences(source, 4, 4), []);
  assertEquals((await differences(source, 3, 4)).filter((line) => line.startsWith("kind")), [
    "kind a/one kind",
    "kind b kind",
  ]);
});

Deno.test("diffSnapshots() reads content that was stored again, and tells it apart by its bytes alone", async () => {
  // The same content at other places: gone and come back.
  const source = await created(itemsOf({ "x": LARGE, "y": "1" }));
  await update(source, itemsOf({ "y": "2" }, TIME - 900));
  await update(source, itemsOf({ "x": LARGE, "y": "1" }));
  assertEquals(await differences(source, 1, 3), []);
  await update(source, itemsOf({ "x": `${LARGE.slice(0, -1)}x`, "y": "1" }, TIME - 800));
  assertEquals(await differences(source, 1, 4), ["content x content,mtime", "metadata y mtime"]);
});
