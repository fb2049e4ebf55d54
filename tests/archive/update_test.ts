import { assert, assertEquals, assertRejects } from "@std/assert";
import { Archive, type OpenOptions } from "../../src/archive/archive.ts";
import { ChangeFinder } from "../../src/archive/changes.ts";
import { BLOCK_BYTES, type PlannedEntry } from "../../src/archive/planner.ts";
import { ArchiveStream, SeveralSnapshotsError } from "../../src/archive/stream_reader.ts";
import { updateArchive } from "../../src/archive/update.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { ArchiveError } from "../../src/format/errors.ts";
import { RECORD_BYTES } from "../../src/format/locator.ts";
import { PAGE_COLUMN } from "../../src/format/page.ts";
import { provisionalRow } from "../../src/format/rows.ts";
import { draftOf, type Item, sealDraft } from "./archive_draft.ts";
import {
  created as createdFrom,
  itemsOf,
  KEYS,
  MemoryArchive,
  TIME,
  type Tree,
  treeOf as treeIn,
  update,
  verify,
} from "./growing_archive.ts";
import { asFiles, createInMemory, MemoryFiles } from "./memory_files.ts";
import { editColumns, setColumn, varints } from "./raw_columns.ts";

/** An archive of one snapshot. */
const created = (tree: Tree): Promise<MemoryArchive> => createdFrom(itemsOf(tree));

/** The tree that a snapshot holds; directories are `/`. */
async function treeOf(target: MemoryArchive, options: Partial<OpenOptions> = {}): Promise<Record<string, string>> {
  const tree = await treeIn(target, options);
  return Object.fromEntries(Object.entries(tree).map(([path, text]) => [path, text ?? "/"]));
}

const FIRST = { "a": undefined, "a/one": "1", "a/two": "22", "b": "bb" };

Deno.test("updateArchive() appends what changed, and every snapshot stays what it was, when files come, go and change", async () => {
  const target = await created(FIRST);
  const before = target.bytes.slice();
  const written = await update(target, itemsOf({ "a": undefined, "a/one": "1", "a/three": "333", "b": "bbb" }));
  assertEquals(written?.number, 2);
  assertEquals(written?.totals.entries, 4);
  assertEquals(await treeOf(target), { "a": "/", "a/one": "1", "a/three": "333", "b": "bbb" });
  const first = { "a": "/", "a/one": "1", "a/two": "22", "b": "bb" };
  assertEquals(await treeOf(target, { snapshot: { kind: "first" } }), first);
  assertEquals(await treeOf(target, { snapshot: { kind: "number", number: 1 } }), first);
  assert((await verify(target)) > 0);
  // Nothing behind the header is touched.
  assertEquals(target.bytes.slice(8192, before.length), before.slice(8192));
});

Deno.test("updateArchive() writes nothing when nothing has changed, unless always", async () => {
  const target = await created(FIRST);
  const before = target.bytes.slice();
  assertEquals(await update(target, itemsOf(FIRST)), undefined);
  assertEquals(target.bytes, before);
  assertEquals((await update(target, itemsOf(FIRST), { always: true }))?.number, 2);
  assertEquals(await treeOf(target), { "a": "/", "a/one": "1", "a/two": "22", "b": "bb" });
  await verify(target);
});

Deno.test("updateArchive() stores only the row when times or modes change and the content does not", async () => {
  const target = await created({ "big": "x".repeat(100_000) });
  const items = itemsOf({ "big": "x".repeat(100_000) }, TIME - 500);
  const written = await update(target, items);
  assertEquals(written?.addedBytes, 4096);
  assertEquals((await treeOf(target))["big"], "x".repeat(100_000));
  await verify(target);
});

Deno.test("updateArchive() compares by content what is as new as the snapshot, or when told to", async () => {
  for (const [seconds, checksum] of [[TIME, undefined], [TIME - 1000, true]] as const) {
    const items = itemsOf({ "f": "old" }, seconds);
    const { known } = await createInMemory(asFiles(items), { access: new MemoryFiles(items) });
    const target = new MemoryArchive(known);
    const written = await update(target, itemsOf({ "f": "new" }, seconds), { ...(checksum ? { checksum } : {}) });
    assertEquals(written?.number, 2);
    assertEquals(await treeOf(target), { "f": "new" });
  }
  // Same times, older than the snapshot: what the times say is believed.
  const target = await created({ "f": "old" });
  assertEquals(await update(target, itemsOf({ "f": "new" })), undefined);
});

Deno.test("updateArchive() leaves a file as it is whose places fill several pages, when it is found unchanged", async () => {
  const content = new Uint8Array(7000 * 8192);
  for (let at = 0; at < content.length; at += 8192) content[at] = 1;
  const [big, after] = itemsOf({ big: "", z: "z" }) as [Item, Item];
  const items = [{ row: { ...big.row, size: content.length }, content }, after];
  const access = new MemoryFiles(items);
  const { known } = await createInMemory(asFiles(items, true), { access });
  const target = new MemoryArchive(known);
  const archive = await Archive.open(nativeEngine, target, KEYS);
  let pieces = 0;
  for await (const entry of archive.entries()) if (entry.row.path === "big") pieces++;
  assert(pieces > 1, "it does not fill several pages");
  const finder = new ChangeFinder(nativeEngine, archive, { isGone: () => true, access });
  function* found() {
    for (const { row } of items) {
      const { seconds: mtimeSeconds, nanoseconds: mtimeNanoseconds } = row.mtime;
      if (!finder.isKnown("", row.path, { ...row, isDirectory: false, mtimeSeconds, mtimeNanoseconds })) {
        yield asFiles(items)[
          items.findIndex((item) => item.row === row)
        ] as PlannedEntry;
      }
    }
  }
  for await (const entry of finder.changes(found())) throw new Error(`"${entry.row.path}" would be stored`);
  assertEquals(finder.counts, { stored: 0, kept: 0, moved: 0, gone: 0 });
});

Deno.test("updateArchive() stores a folder that comes back, though it looks like the row that says that it is gone", async () => {
  // So many that the run of the second snapshot is not merged with that of the first.
  const others: Tree = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`a${i}`, `${i}`]));
  const target = await created({ ...others, z: undefined });
  await update(target, itemsOf(others));
  const back = { row: provisionalRow("z", "directory") } as Item;
  assertEquals((await update(target, [...itemsOf(others), back]))?.totals.directories, 1);
  assertEquals((await treeOf(target)).z, "/");
  assertEquals(await update(target, [...itemsOf(others), back]), undefined);
});

Deno.test("updateArchive() does the same however many pages of the catalog are read before their turn", async () => {
  const before: Tree = Object.fromEntries(Array.from({ length: 7000 }, (_, i) => [`f${i}`, ""]));
  const { f6999: _gone, ...kept } = before;
  const after: Tree = { ...kept, f1: "1", f4500: "4500", f9: undefined };
  const { bytes } = await created(before);
  const [none, ...others] = await Promise.all([0, 1, 2, 9].map(async (pagesAhead) => {
    const target = new MemoryArchive(bytes.slice());
    await update(target, itemsOf(after), { pagesAhead });
    const written = await update(target, itemsOf(before), { pagesAhead });
    return {
      totals: written?.totals,
      tree: await treeOf(target),
      between: await treeOf(target, { snapshot: { kind: "number", number: 2 } }),
    };
  }));
  assertEquals(none?.between, { ...after, f9: "/" });
  for (const other of others) assertEquals(other, none);
});

Deno.test("updateArchive() replaces folders by files and back", async () => {
  const target = await created({ "d": undefined, "d/x": "1", "d/y": undefined, "d/y/z": "2" });
  await update(target, itemsOf({ "d": "file now" }));
  assertEquals(await treeOf(target), { "d": "file now" });
  await update(target, itemsOf({ "d": undefined, "d/y": undefined, "d/y/new": "3" }));
  assertEquals(await treeOf(target), { "d": "/", "d/y": "/", "d/y/new": "3" });
  assertEquals(await treeOf(target, { snapshot: { kind: "number", number: 2 } }), { "d": "file now" });
  await verify(target);
});

Deno.test("updateArchive() keeps every snapshot readable, and the stack low, over hundreds of updates", async () => {
  const tree: Record<string, string | undefined> = {};
  for (let i = 0; i < 300; i++) tree[`f${String(i).padStart(3, "0")}`] = `content ${i}`;
  const target = await created(tree);
  const states: Record<string, string>[] = [{ ...tree } as Record<string, string>];
  for (let day = 1; day <= 270; day++) {
    const name = `f${String(day % 300).padStart(3, "0")}`;
    if (day % 7 === 0) delete tree[name];
    else tree[name] = `day ${day}`.padEnd(day + 20, ".");
    const sorted = Object.fromEntries(Object.entries(tree).sort(([a], [b]) => a < b ? -1 : 1));
    const written = await update(target, itemsOf(sorted));
    assertEquals(written?.number, day + 1);
    states.push({ ...sorted } as Record<string, string>);
    if (day % 45 === 0 || day > 250 && day < 262) {
      const archive = await Archive.open(nativeEngine, target, KEYS);
      assert(archive.runs.length <= 8, `${archive.runs.length} runs`);
    }
  }
  for (const number of [1, 2, 100, 255, 256, 257, 258, 259, 271]) {
    assertEquals(await treeOf(target, { snapshot: { kind: "number", number } }), states[number - 1]);
  }
  const archive = await Archive.open(nativeEngine, target, KEYS);
  const snapshots = [];
  for await (const snapshot of archive.snapshots()) snapshots.push(snapshot);
  assertEquals(snapshots.map(({ number }) => number), states.map((_, i) => i + 1));
  assertEquals(snapshots.map(({ totals }) => totals.entries), states.map((state) => Object.keys(state).length));
  const { id } = snapshots[99] as typeof snapshots[number];
  const digits = Array.from(id, (byte) => byte.toString(16).padStart(2, "0")).join("").slice(0, 12);
  assertEquals((await Archive.open(nativeEngine, target, { ...KEYS, snapshot: { kind: "id", digits } })).number, 100);
  await verify(target);
});

Deno.test("Archive.cursor() leaps over stretches of rows that come one after the other, whatever runs they are in", async () => {
  const tree: Record<string, string | undefined> = {};
  for (let i = 0; i < 60; i++) tree[`f${String(i).padStart(2, "0")}`] = `content ${i}`;
  const target = await created(tree);
  let leapt = 0;
  let runs = 0;
  for (let day = 0; day < 12; day++) {
    const name = `f${String(day * 17 % 60).padStart(2, "0")}`;
    if (day % 3 === 2) delete tree[name];
    else tree[name] = `day ${day}`;
    tree[`f${String(day * 5).padStart(2, "0")}x`] = "new";
    const sorted = Object.fromEntries(Object.entries(tree).sort(([a], [b]) => a < b ? -1 : 1));
    await update(target, itemsOf(sorted));
    const archive = await Archive.open(nativeEngine, target, KEYS);
    runs = Math.max(runs, archive.runs.length);
    const cursor = archive.cursor();
    const paths: string[] = [];
    for (await cursor.advance(); cursor.paths !== undefined; await cursor.advance()) {
      if (cursor.kind === undefined) continue;
      const { at } = cursor;
      const behind = cursor.stretchEnd();
      for (let i = at; i < behind; i++) paths.push(cursor.paths.text(i));
      if (behind === at + 1) continue;
      cursor.leap(behind - 1);
      assertEquals(cursor.path, paths.at(-1));
      leapt++;
    }
    assertEquals(paths, Object.keys(sorted));
  }
  assert(leapt > 12 && runs > 1, `${leapt} leaps, ${runs} runs`);
});

Deno.test("updateArchive() stores links anew when the name they point to is gone", async () => {
  const items = itemsOf({ "in": undefined, "in/first": "shared" });
  const link = {
    row: { ...(items[1] as Item).row, path: "out", kind: "hardlink" as const, link: "in/first", size: 0 },
  };
  const other = { row: { ...link.row, path: "out2" } };
  const { known } = await createInMemory(asFiles([...items, link, other]), { access: new MemoryFiles(items) });
  const target = new MemoryArchive(known);
  await update(target, itemsOf({ "in": undefined }), { keep: (path) => !path.startsWith("in") });
  assertEquals(await treeOf(target), { "in": "/", "out": "shared", "out2": "=out" });
  await verify(target);
});

Deno.test("updateArchive() keeps what the snapshot has when a file cannot be read", async () => {
  const target = await created({ "f": "good", "g": "g" });
  const items = itemsOf({ "f": "changed", "g": "changed" });
  const archive = await Archive.open(nativeEngine, target, KEYS);
  const access = new MemoryFiles(items, { "f": { failsAt: "all" } });
  const finder = new ChangeFinder(nativeEngine, archive, { isGone: () => true, access });
  const problems: string[] = [];
  await updateArchive(nativeEngine, target, archive, finder, asFiles(items), {
    access,
    onProblem: ({ path }) => problems.push(path),
  });
  assertEquals(problems, ["f"]);
  assertEquals(finder.counts, { stored: 1, kept: 0, moved: 0, gone: 0 });
  assertEquals(await treeOf(target), { "f": "good", "g": "changed" });
  assert((await Archive.open(nativeEngine, target, KEYS)).trailer.partial);
  await verify(target);
});

Deno.test("updateArchive() leaves a hard link out with its file when that may have been moved, and cannot be read", async () => {
  const target = await created({ "old": "same" });
  const [file] = itemsOf({ "a": "same" }) as [Item];
  const link = { row: { ...file.row, path: "b", kind: "hardlink" as const, link: "a", size: 0 } };
  for (const failsAt of ["all", undefined] as const) {
    const access = new MemoryFiles([file], failsAt === undefined ? {} : { "a": { failsAt } });
    const archive = await Archive.open(nativeEngine, target, KEYS);
    const finder = new ChangeFinder(nativeEngine, archive, { isGone: () => true, access });
    const problems: string[] = [];
    const written = await updateArchive(nativeEngine, target, archive, finder, asFiles([file, link]), {
      access,
      onProblem: ({ path }) => problems.push(path),
    });
    if (failsAt === undefined) {
      assert(written !== undefined);
      assertEquals(problems, []);
      assertEquals(await treeOf(target), { "a": "same", "b": "=a" });
    } else {
      assert(problems.includes("a"), problems.join());
      for (const path of Object.keys(await treeOf(target))) assert(path !== "a" && path !== "b", path);
    }
    await verify(target);
  }
});

for (const [what, failsAt] of [["read", "all"], ["read to its end", BLOCK_BYTES]] as const) {
  for (const recovery of [0, 5]) {
    const how = `cannot be ${what} and nothing else has changed (${recovery} %)`;
    Deno.test(`updateArchive() appends nothing when a file ${how}`, async () => {
      const before = itemsOf({ "f": "good", "g": "g" });
      const stored = { access: new MemoryFiles(before), ...(recovery === 0 ? {} : { recovery }) };
      const { known } = await createInMemory(asFiles(before), stored);
      const target = new MemoryArchive(known);
      const bytes = target.bytes.slice();
      const items = itemsOf({ "f": "changed".padEnd(2 * BLOCK_BYTES), "g": "g", "new": "n".padEnd(2 * BLOCK_BYTES) });
      const archive = await Archive.open(nativeEngine, target, KEYS);
      const access = new MemoryFiles(items, { "f": { failsAt }, "new": { failsAt } });
      const finder = new ChangeFinder(nativeEngine, archive, { isGone: () => true, access });
      const problems: string[] = [];
      const written = await updateArchive(nativeEngine, target, archive, finder, asFiles(items), {
        access,
        onProblem: ({ path }) => problems.push(path),
        isPartial: () => true,
      });
      assertEquals(written, undefined);
      assertEquals(problems, ["f", "new"]);
      assertEquals(finder.counts, { stored: 0, kept: 0, moved: 0, gone: 0 });
      assertEquals(target.bytes, bytes);
    });
  }
}

Deno.test("Archive.open() refuses an archive that was cut to an earlier snapshot, unless that is accepted", async () => {
  const target = await created(FIRST);
  const first = target.size;
  await update(target, itemsOf({ "b": "other" }));
  const cut = new MemoryArchive(target.bytes.slice(0, first));
  const error = await assertRejects(() => Archive.open(nativeEngine, cut, KEYS), ArchiveError);
  assertEquals(error.code, "truncated");
  assertEquals(Object.keys(await treeOf(cut, { acceptRollback: true })), ["a", "a/one", "a/two", "b"]);
  const half = new MemoryArchive(target.bytes.slice(0, target.size - 300));
  assertEquals(Object.keys(await treeOf(half, { acceptRollback: true })), ["a", "a/one", "a/two", "b"]);
});

Deno.test("Archive.open() names coffer repair when a whole update has a bad locator, and takes an update without its header", async () => {
  const target = await created(FIRST);
  const header = target.bytes.slice(0, 8192);
  await update(target, itemsOf({ "b": "other" }));
  target.bytes.set(header);
  assertEquals(await treeOf(target), { "b": "other" });
  const bad = new MemoryArchive(target.bytes);
  bad.bytes[bad.size - RECORD_BYTES + 40] = (bad.bytes[bad.size - RECORD_BYTES + 40] as number) ^ 1;
  const error = await assertRejects(() => Archive.open(nativeEngine, bad, KEYS), ArchiveError, "coffer repair");
  assertEquals(error.code, "damaged");
  // The next update brings the header up to date first.
  await update(target, itemsOf({ "b": "the third" }));
  assertEquals((await Archive.open(nativeEngine, target, KEYS)).number, 3);
  await verify(target);
});

Deno.test("Archive.open() says rolled-back when another snapshot is expected", async () => {
  const target = await created(FIRST);
  const { id } = await Archive.open(nativeEngine, target, KEYS);
  await Archive.open(nativeEngine, target, { ...KEYS, expect: id });
  await update(target, itemsOf({ "b": "other" }));
  const error = await assertRejects(() => Archive.open(nativeEngine, target, { ...KEYS, expect: id }), ArchiveError);
  assertEquals(error.code, "rolled-back");
});

Deno.test("ArchiveStream reads one snapshot in one pass, the first of several when asked to, and all to check them", async () => {
  const target = await created(FIRST);
  await update(target, itemsOf({ "b": "other" }));
  await assertRejects(() => ArchiveStream.open(nativeEngine, [target.bytes], KEYS), SeveralSnapshotsError);
  const stream = await ArchiveStream.open(nativeEngine, [target.bytes], { ...KEYS, segments: "first" });
  const paths: string[] = [];
  for await (const event of stream.events()) {
    if (event.kind === "page") paths.push(...event.page.entries.map(({ row }) => row.path));
  }
  assertEquals(paths, ["a", "a/one", "a/two", "b"]);
});

Deno.test("updateArchive() leaves the archive as it was when nothing more can be written", async () => {
  const target = await created(FIRST);
  const before = target.bytes.slice();
  const entries: PlannedEntry[] = asFiles(itemsOf({ "b": "other" }));
  for (const nth of [1, 2, 3, 5]) {
    let left = nth;
    const full = new Proxy(target, {
      get(inner, name) {
        if (name === "append" && --left <= 0) return () => Promise.reject(new Error("the disk is full"));
        const value = Reflect.get(inner, name, inner);
        return typeof value === "function" ? value.bind(inner) : value;
      },
    });
    const archive = await Archive.open(nativeEngine, full, KEYS);
    const access = new MemoryFiles(itemsOf({ "b": "other" }));
    const finder = new ChangeFinder(nativeEngine, archive, { isGone: () => true, access });
    await assertRejects(() => updateArchive(nativeEngine, full, archive, finder, entries, { access }), Error, "full");
    assertEquals(target.bytes, before);
  }
});

Deno.test("updateArchive() refuses a catalog when it has bad extents and one of their rows is to be kept", async () => {
  const [before, after] = [TIME - 1000, TIME - 500].map((seconds) => itemsOf({ "a": "1", "b": "22" }, seconds));
  const honest = new MemoryArchive(sealDraft(draftOf(before as Item[])).bytes);
  assertEquals((await update(honest, after as Item[]))?.totals.entries, 2);
  const draft = draftOf(before as Item[]);
  const extents = varints(0, 2, 0, 0, 0, 2, 0, 0);
  draft.onFrame = (frame, name) => {
    if (name !== "page") return frame;
    return { ...frame, raw: editColumns(frame.raw, (columns) => setColumn(columns, PAGE_COLUMN.extents, extents)) };
  };
  const target = new MemoryArchive(sealDraft(draft).bytes);
  const bytes = target.bytes.slice();
  const error = await assertRejects(
    () => update(target, after as Item[]),
    ArchiveError,
    "it has bytes beyond its size",
  );
  assertEquals(error.code, "malformed");
  assertEquals(target.bytes, bytes);
});

Deno.test("updateArchive() does the same whether files that are known are passed over or found like others", async () => {
  /** Files that change in every way that a look can see, and some that do not, over several snapshots and runs. */
  const itemsAt = (round: number): Item[] => {
    const names = Array.from({ length: 600 }, (_, i) => `d${i % 7}/f${i}`);
    const tree: Record<string, string | undefined> = {};
    for (let i = 0; i < 7; i++) tree[`d${i}`] = undefined;
    names.forEach((name, i) => {
      if (i >= 80) tree[name] = name;
      else if ((i + round) % 11 !== 0) tree[name] = i % 13 === round ? `${name} in round ${round}` : name;
    });
    tree["é"] = "beyond ASCII";
    return itemsOf(tree).map((item): Item => {
      const { row } = item;
      const i = Number(row.path.split("f")[1] ?? 600);
      if (row.kind !== "file" || i >= 80) return item;
      const owner = { uid: i % 3, gid: 0, user: "", group: i % 17 === round ? "new" : "old" };
      const changed = { mode: i % 19 === round ? 0o600 : row.mode, inode: i % 23 === round ? 8 : row.inode };
      const ctime = i % 29 === round ? row.ctime + 1 : row.ctime;
      const nanoseconds = i % 31 === round ? 5_000_000 : 0;
      return { ...item, row: { ...row, ...changed, owner, ctime, mtime: { ...row.mtime, nanoseconds } } };
    });
  };
  const first = await createdFrom(itemsAt(0));
  const [passing, finding] = [first, new MemoryArchive(first.bytes)];
  for (let round = 1; round <= 6; round++) {
    const one = await update(passing, itemsAt(round));
    const other = await update(finding, itemsAt(round), { glances: false });
    assert(one !== undefined && other !== undefined);
    assertEquals([one.totals, one.addedBytes], [other.totals, other.addedBytes]);
    assertEquals(await treeOf(passing), await treeOf(finding));
    assertEquals(await update(passing, itemsAt(round)), undefined);
  }
  const { runs } = await Archive.open(nativeEngine, passing, KEYS);
  assert(runs.length > 1);
  await verify(passing);
});
