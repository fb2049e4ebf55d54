/** Salvage of archives of several snapshots. */
import { assert, assertEquals, equal } from "@std/assert";
import { Archive } from "../../src/archive/archive.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import {
  catalogRanges,
  checkVersions,
  FIRST,
  first,
  grow,
  KEYS,
  noise,
  PAGE,
  SECOND,
  second,
  THIRD,
  third,
} from "./grown_tree.ts";
import { asFiles, createInMemory, MemoryFiles } from "./memory_files.ts";
import { directory } from "./sample_tree.ts";
import { checkTrue, isWhole, salvage, type Salvaged } from "./salvaging.ts";
import { CountedSource } from "./sources.ts";

const BY_PATH = new Map(SECOND.map((item) => [item.row.path, item]));
const FILES = SECOND.filter(({ content }) => content !== undefined).map(({ row }) => row.path);

function said({ files, lost, summary }: Salvaged): boolean {
  return lost.size > 0 || summary.mayLackMore || [...files.values()].some(({ lost }) => lost.length > 0);
}

Deno.test("salvage gives the newest of several snapshots, and nothing that it does not have", async () => {
  const got = await salvage(second);
  checkTrue(got, BY_PATH);
  assertEquals([...got.files.keys()].sort(), FILES.toSorted());
  assert(FILES.every((path) => isWhole(got, path)) && !said(got));
  assertEquals([...got.others.keys()].sort(), ["d", "soft"]);
  assertEquals(got.summary.damage, []);
});

Deno.test("salvage gives an earlier snapshot when asked to", async () => {
  const got = await salvage(second, { keys: KEYS, snapshot: { kind: "number", number: 1 } });
  checkTrue(got, new Map(FIRST.map((item) => [item.row.path, item])));
  assert(isWhole(got, "gone") && !said(got));
});

Deno.test("salvage of several snapshots calls nothing whole that is not, whichever page is zeroed", async () => {
  const places = new Map<string, { from: number; to: number }[]>();
  const archive = await Archive.open(nativeEngine, new CountedSource(second), { keys: KEYS });
  for await (const { row, extents } of archive.entries()) {
    const list = extents.map(({ block: { offset, frameBytes } }) => ({
      from: 8192 + offset,
      to: 8192 + offset + frameBytes,
    }));
    places.set(row.path, [...places.get(row.path) ?? [], ...list]);
  }
  for (let at = 0; at < second.length; at += PAGE) {
    const got = await salvage(second.slice().fill(0, at, at + PAGE));
    checkVersions(got, [FIRST, SECOND]);
    const isTouched = (path: string) => places.get(path)?.some(({ from, to }) => from < at + PAGE && to > at) ?? false;
    for (const path of FILES) {
      if (!isTouched(path)) assert(isWhole(got, path), `"${path}" should be whole, page ${at / PAGE}`);
    }
    // Where a part of the catalog is lost, that is said, and what was deleted may come out.
    if (got.summary.mayLackMore) continue;
    checkTrue(got, BY_PATH);
    assertEquals(FILES.every((path) => isWhole(got, path)), !said(got));
  }
});

Deno.test("salvage takes what is left before a cut, of the later snapshot as well, and says that there was more", async () => {
  const later = SECOND.filter(({ row }) => ["d/02", "new"].includes(row.path));
  const archive = await Archive.open(nativeEngine, new CountedSource(second), { keys: KEYS });
  let blocksEnd = 0;
  for await (const { extents } of archive.entries()) {
    for (const { block } of extents) blocksEnd = Math.max(blocksEnd, 8192 + block.offset + block.frameBytes);
  }
  for (let end = first.length; end < second.length; end += PAGE) {
    const got = await salvage(second.slice(0, end));
    checkVersions(got, [FIRST, SECOND]);
    // What was not changed comes from the first snapshot, whatever is left of the second.
    for (const path of ["d/00", "d/11", "large"]) assert(isWhole(got, path), path);
    if (got.summary.mayLackMore) assert(isWhole(got, "gone"));
    else checkTrue(got, BY_PATH);
    const isThere = later.every(({ row, content }) =>
      isWhole(got, row.path) && equal(got.files.get(row.path)?.content, content)
    );
    assertEquals(isThere, end >= blocksEnd);
  }
});

Deno.test("salvage does without the last locator, and without the header", async () => {
  const noLocator = await salvage(second.slice().fill(0, second.length - 256));
  checkTrue(noLocator, BY_PATH);
  assert(FILES.every((path) => isWhole(noLocator, path)));
  const noHeader = await salvage(second.slice().fill(0, 0, 8192));
  checkTrue(noHeader, BY_PATH);
  assert(FILES.every((path) => isWhole(noHeader, path)));
});

Deno.test("salvage without any catalog takes the newest of what blocks hold of each path, of every segment", async () => {
  const bad = third.slice();
  for (const { from, to } of await catalogRanges(third)) bad.fill(0, from, to);
  const got = await salvage(bad);
  checkVersions(got, [FIRST, SECOND, THIRD]);
  const newest = new Map([...FIRST, ...SECOND, ...THIRD].map((item) => [item.row.path, item]));
  // The state in the header opens the last one; the locators of the others are gone with their catalogs.
  for (const path of ["d/00", "large", "gone", "new", "third"]) {
    assert(isWhole(got, path), path);
    assertEquals(got.files.get(path)?.content, newest.get(path)?.content, path);
  }
  assert(got.summary.mayLackMore && got.others.has("soft") && got.others.has("d"));
});

Deno.test("salvage finds a segment whose locator is lost by the table of the next one, or by its place behind another", async () => {
  const ranges = await catalogRanges(third);
  const [, two, three] = ranges as [unknown, { from: number; to: number }, { from: number; to: number }];
  // The end of the second is gone, and so is that of the third: then it is known by what is before it.
  const bad = third.slice().fill(0, two.to - 256, two.to).fill(0, three.from, three.to);
  const got = await salvage(bad);
  checkVersions(got, [FIRST, SECOND, THIRD]);
  for (const path of ["d/00", "large", "gone", "new", "third"]) assert(isWhole(got, path), path);
  assertEquals(got.files.get("new")?.content, THIRD.find(({ row }) => row.path === "new")?.content);
  assertEquals(got.files.get("d/02")?.content, THIRD.find(({ row }) => row.path === "d/02")?.content);
  // With the table of the third whole, its index alone being lost, the snapshot before it opens.
  const { newest } = await Archive.open(nativeEngine, new CountedSource(third), { keys: KEYS });
  const index = 8192 + newest.locator.index.offset;
  const some = await salvage(third.slice().fill(0, index + 60, index + 70));
  checkVersions(some, [SECOND, THIRD]);
  for (const path of ["d/00", "large", "new", "third"]) assert(isWhole(some, path), path);
  assertEquals(some.files.get("third")?.content, THIRD.find(({ row }) => row.path === "third")?.content);
  assert(!some.files.has("gone"));
});

Deno.test("salvage puts no older file where a newer folder is, nor into what is a file now", async () => {
  const before = [directory("a"), noise("a/x", 80, 3000), noise("b", 81, 3000), noise("c", 82, 3000)];
  const after = [noise("a", 83, 4000, 1_500_000_100), directory("b"), noise("b/y", 84, 4000), noise("c", 82, 3000)];
  const old = (await createInMemory(asFiles(before), { access: new MemoryFiles(before), blockBytes: 8192 })).known;
  const bad = await grow(old, after);
  for (const { from, to } of await catalogRanges(bad)) bad.fill(0, from, to);
  const got = await salvage(bad);
  checkVersions(got, [before, after]);
  assertEquals([...got.files.keys()].sort(), ["a", "b/y", "c"]);
  assertEquals([...got.others.keys()].sort(), ["b"]);
});
