/** Snapshots appended, compared and copied through the library, with both engines. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Archive } from "../../src/archive/archive.ts";
import { Additions } from "../../src/archive/checkpoints.ts";
import type { PlannedEntry } from "../../src/archive/planner.ts";
import { updateArchive as updateCore } from "../../src/archive/update.ts";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { provisionalRow } from "../../src/format/rows.ts";
import * as browser from "../../browser.ts";
import * as mod from "../../mod.ts";
import { ArchiveBuffer, ArchiveError, comparePaths, type Entry, SnapshotError } from "../../mod.ts";

const KEY = { archiveKey: Uint8Array.from({ length: 32 }, (_, i) => i) };
const TIME = new Date("2024-05-01T12:00:00Z");
const LATER = new Date("2024-05-02T12:00:00Z");

const LIBRARIES = { mod, browser };

/** A test for each of the two libraries. */
function testBoth(name: string, test: (library: typeof mod | typeof browser) => Promise<void>): void {
  for (const [which, library] of Object.entries(LIBRARIES)) Deno.test(`${name} (${which}.ts)`, () => test(library));
}

async function archiveOf(library: typeof mod | typeof browser, entries: Iterable<Entry>): Promise<ArchiveBuffer> {
  const { readable, result } = library.createArchive(entries, { ...KEY, time: TIME });
  const archive = new ArchiveBuffer(await new Response(readable).bytes());
  await archive.write(0, (await result).header);
  return archive;
}

/** Paths and contents, of one snapshot. */
async function contents(
  library: typeof mod | typeof browser,
  archive: ArchiveBuffer,
  snapshot?: number,
  key: mod.KeyOptions = KEY,
): Promise<Record<string, string>> {
  const opened = await library.openArchive(archive, { ...key, snapshot });
  const found: Record<string, string> = {};
  for await (const entry of opened.list()) {
    found[entry.path] = entry.kind === "file" ? await new Response(opened.read(entry)).text() : `(${entry.kind})`;
  }
  return found;
}

const TREE: readonly Entry[] = [
  { path: "a", content: "1" },
  { path: "b", kind: "directory" },
  { path: "b/c", content: "2" },
  { path: "b/d/e", content: "3" },
  { path: "z", kind: "symlink", link: "a" },
];

// deno-lint-ignore require-yield -- it fails before
function* failing(): Generator<Bytes> {
  throw new Error("out of reach");
}

testBoth("a checkpoint is not the latest snapshot, is gone on with, and is left out of copies", async (library) => {
  const archive = await archiveOf(library, TREE);
  const core = await Archive.open(nativeEngine, archive, { keys: [{ kind: "archive-key", ...KEY }] });
  const more = Array.from({ length: 40 }, (_, i) => ({ path: `m${10 + i}`, text: `${i}`.repeat(9000) }));
  const entries = more.map(({ path, text }): PlannedEntry => ({
    row: { ...provisionalRow(path, "file"), mode: 0o644 },
    content: { kind: "bytes", bytes: path === "m49" ? failing() : [new TextEncoder().encode(text)] },
  }));
  await assertRejects(
    () =>
      updateCore(nativeEngine, archive, core, new Additions(nativeEngine, core), entries, {
        level: "store",
        blockBytes: 65_536,
        checkpointBytes: 100_000,
      }),
    Error,
    "out of reach",
  );
  const opened = await library.openArchive(archive, KEY);
  const flags: boolean[] = [];
  for await (const { checkpoint } of opened.snapshots()) flags.push(checkpoint);
  assert(flags.length > 2 && flags[0] === false && flags.slice(1).every((flag) => flag));
  assertEquals(await contents(library, archive), await contents(library, archive, 1));
  const copied = new ArchiveBuffer();
  const all = await library.copyArchive(archive, copied, KEY, { archiveKey: KEY.archiveKey });
  assertEquals(all.snapshots, 1);
  const written = await library.updateArchive(archive, [{ path: "n", content: "new" }], KEY);
  assertEquals([written.appended, written.number], [true, flags.length + 1]);
  const found = await contents(library, archive);
  assertEquals([found["n"], found["m10"], found["a"]], ["new", "0".repeat(9000), "1"]);
});

testBoth("updateArchive() keeps what is not named, and takes away what is", async (library) => {
  const archive = await archiveOf(library, TREE);
  const second = await library.updateArchive(archive, [
    { path: "b/c", content: "two" },
    { path: "f", content: "4" },
  ], { ...KEY, remove: ["b/d", "not/there"], label: "second", time: LATER });
  assertEquals(second.changes, { stored: 2, kept: 0, gone: 1 });
  assertEquals([second.appended, second.number, second.length], [true, 2, archive.size]);
  assertEquals([second.totals.files, second.totals.bytes], [3, 5]);
  const now = { "a": "1", "b": "(directory)", "b/c": "two", "f": "4", "z": "(symlink)" };
  assertEquals(await contents(library, archive), now);
  // An entry that is no folder takes the place of one, and of all below it.
  const third = await library.updateArchive(archive, [{ path: "b", content: "file" }], KEY);
  assertEquals(third.changes.gone, 1);
  assertEquals(await contents(library, archive), { "a": "1", "b": "file", "f": "4", "z": "(symlink)" });
  // The other way round, the folder has to be named.
  const below = [{ path: "a", kind: "directory" }, { path: "a/b", content: "5" }] as const;
  await library.updateArchive(archive, below, { ...KEY, replace: true });
  assertEquals(await contents(library, archive), { "a": "(directory)", "a/b": "5" });
  assertEquals(await contents(library, archive, 2), now);
  const opened = await library.openArchive(archive, KEY);
  const listed = await Array.fromAsync(opened.snapshots(), ({ number, label, time }) => [number, label, time]);
  assertEquals(listed.slice(0, 2), [[1, "", TIME], [2, "second", LATER]]);
  assertEquals((await library.verifyArchive(archive, KEY)).totals.files, 1);
});

testBoth("updateArchive() stores content only when it differs, but for what can be read once", async (library) => {
  const mtime = TIME;
  const text = "x".repeat(100_000);
  const archive = await archiveOf(library, [
    { path: "a", content: text, mtime },
    { path: "b", content: new TextEncoder().encode(text), mtime },
    { path: "c", content: new Blob([text]), mtime },
    { path: "d", content: [new TextEncoder().encode(text)], mtime },
    { path: "e", content: "", mtime },
  ]);
  const before = archive.bytes();
  const same: Entry[] = [
    { path: "a", content: new Blob([text]), mtime },
    { path: "b", content: text, mtime },
    { path: "c", content: new TextEncoder().encode(text), mtime },
    { path: "e", content: "", mtime },
  ];
  const nothing = await library.updateArchive(archive, same, KEY);
  assertEquals([nothing.appended, nothing.number, nothing.addedBytes], [false, 1, 0]);
  assertEquals(archive.bytes(), before);
  const always = await library.updateArchive(archive, same, { ...KEY, always: true });
  assertEquals([always.appended, always.changes], [true, { stored: 0, kept: 0, gone: 0 }]);
  const other = `${text.slice(1)}y`;
  const changed = await library.updateArchive(archive, [
    { path: "a", content: text, mtime: LATER },
    { path: "b", content: new Blob([other]), mtime },
    { path: "d", content: new Blob([text]).stream(), mtime },
    { path: "e", content: "!", mtime },
  ], KEY);
  assertEquals(changed.changes, { stored: 3, kept: 1, gone: 0 });
  const now = await contents(library, archive);
  assertEquals(Object.values(now).map((content) => content === text), [true, false, true, true, false]);
  assertEquals([now["b"], now["e"]], [other, "!"]);
});

testBoth("updateArchive() refuses what does not fit, and leaves the archive as it was", async (library) => {
  const archive = await archiveOf(library, TREE);
  const before = archive.bytes();
  async function* failing(): AsyncGenerator<Entry> {
    yield { path: "a", content: "new" };
    await Promise.resolve();
    throw new Error("no more");
  }
  const file = { content: "x" };
  const refusals: readonly (readonly [entries: Iterable<Entry> | AsyncIterable<Entry>, message: string])[] = [
    [[{ path: "b", ...file }, { path: "a", ...file }], 'it comes behind "b"'],
    [[{ path: "b-c", ...file }, { path: "b/c", ...file }], 'it comes behind "b-c"'],
    [[{ path: "c", ...file }, { path: "c", ...file }], "it comes twice"],
    [[{ path: "a/b", ...file }], 'there is a file called "a"'],
    [[{ path: "z/y/x", ...file }], 'there is a symlink called "z"'],
    [[{ path: "n", ...file }, { path: "n/o", ...file }], 'called "n"'],
    [[{ path: "../n", ...file }], 'a part ".."'],
    [[{ path: "n" }], "a file needs content"],
    [[{ path: "n", kind: "hardlink", link: "nowhere" }], "no file has that path"],
    [failing(), "no more"],
  ];
  for (const [entries, message] of refusals) {
    await assertRejects(() => library.updateArchive(archive, entries, KEY), Error, message);
    assertEquals(archive.bytes(), before, message);
  }
  const stop = new AbortController();
  async function* stopping(): AsyncGenerator<Entry> {
    yield { path: "a", content: "new" };
    stop.abort(new Error("enough"));
    yield { path: "c", content: await Promise.resolve("new") };
  }
  const { signal } = stop;
  await assertRejects(() => library.updateArchive(archive, stopping(), { ...KEY, signal }), Error, "enough");
  await assertRejects(() => library.updateArchive(archive, [], { ...KEY, remove: ["/a"] }), TypeError, "absolute");
  const expect = "0".repeat(64);
  const error = await assertRejects(() => library.updateArchive(archive, [], { ...KEY, expect }), ArchiveError);
  assertEquals(error.code, "rolled-back");
  assertEquals(archive.bytes(), before);
});

testBoth("Archive.diff() tells what became of each entry", async (library) => {
  const archive = await archiveOf(library, TREE);
  await library.updateArchive(archive, [
    { path: "a", content: "9", mtime: TIME },
    { path: "b", kind: "directory", mode: 0o700, mtime: TIME },
    { path: "b/c", content: "2", mtime: LATER },
    { path: "b/d/e", kind: "fifo", mtime: TIME },
    { path: "n", content: "new", mtime: TIME },
  ], { ...KEY, remove: ["z"] });
  const opened = await library.openArchive(archive, KEY);
  const changes = await Array.fromAsync(opened.diff(1));
  assertEquals(changes.map(({ path, kind, fields }) => [path, kind, ...fields]), [
    ["a", "content", "content"],
    ["b", "metadata", "mode"],
    ["b/c", "metadata", "mtime"],
    ["b/d/e", "kind", "kind"],
    ["n", "added"],
    ["z", "removed"],
  ]);
  const [a, , , , n, z] = changes;
  assertEquals([a?.before?.size, n?.before, z?.after, z?.before?.link], [1, undefined, undefined, "a"]);
  assert(a?.after !== undefined);
  assertEquals(await new Response(opened.read(a.after)).text(), "9");
  assertEquals(await Array.fromAsync(opened.diff(2)), []);
  const first = await library.openArchive(archive, { ...KEY, snapshot: 1 });
  const back = await Array.fromAsync(first.diff(opened.id), ({ path, kind }) => [path, kind]);
  assertEquals(back.filter(([, kind]) => kind === "added" || kind === "removed"), [["n", "removed"], ["z", "added"]]);
  await assertRejects(() => opened.diff(3).next(), SnapshotError);
});

testBoth("a snapshot is named by its number or its id", async (library) => {
  const archive = await archiveOf(library, TREE);
  const { id } = await library.updateArchive(archive, [{ path: "n", content: "new" }], KEY);
  for (const snapshot of [2, id, id.slice(0, 12).toUpperCase()]) {
    assertEquals((await library.openArchive(archive, { ...KEY, snapshot })).id, id);
  }
  await assertRejects(() => library.openArchive(archive, { ...KEY, snapshot: "abc" }), RangeError, "4 to 64");
  await assertRejects(() => library.openArchive(archive, { ...KEY, snapshot: 0 }), SnapshotError);
});

testBoth("acceptRollback opens what was cut, at its last whole snapshot", async (library) => {
  const archive = await archiveOf(library, TREE);
  const first = archive.bytes();
  await library.updateArchive(archive, [{ path: "n", content: "new" }], KEY);
  const cut = archive.bytes().subarray(0, first.length);
  const error = await assertRejects(() => library.openArchive(cut, KEY), ArchiveError);
  assertEquals(error.code, "truncated");
  const warnings: string[] = [];
  const onWarning = (warning: string) => void warnings.push(warning);
  const opened = await library.openArchive(cut, { ...KEY, acceptRollback: true, onWarning });
  assertEquals(await opened.get("n"), undefined);
  assertEquals(warnings.length, 1);
});

testBoth("readArchive() reads the first of several snapshots when it is asked to", async (library) => {
  const archive = await archiveOf(library, TREE);
  await library.updateArchive(archive, [{ path: "a", content: "new" }], KEY);
  const files: Record<string, string> = {};
  let end = 0;
  for await (const item of library.readArchive(archive, { ...KEY, first: true })) {
    if (item.type === "entry" && item.kind === "file") files[item.path] = await new Response(item.content).text();
    if (item.type === "end") end = item.summary.totals.files;
  }
  assertEquals([files, end], [{ "a": "1", "b/c": "2", "b/d/e": "3" }, 3]);
});

testBoth("copyArchive() copies all snapshots, or some, and nothing that they do not need", async (library) => {
  const noise = crypto.getRandomValues(new Uint8Array(60_000));
  const archive = await archiveOf(library, [...TREE, { path: "zz", content: noise }]);
  await library.updateArchive(archive, [], { ...KEY, remove: ["zz"], label: "without" });
  await library.updateArchive(archive, [{ path: "a", content: "third" }], { ...KEY, time: LATER });
  const to = { keyFile: mod.KeyFile.generate() };
  const all = new ArchiveBuffer();
  const copied = await library.copyArchive(archive, all, KEY, to);
  assertEquals([copied.snapshots, copied.length], [3, all.size]);
  const opened = await library.openArchive(all, to);
  assertEquals([opened.id, opened.time], [copied.id, LATER]);
  const listed = await Array.fromAsync(opened.snapshots(), ({ label, totals }) => [label, totals.files]);
  assertEquals(listed, [["", 4], ["without", 3], ["", 3]]);
  const firstOf = await library.openArchive(all, { ...to, snapshot: 1 });
  assertEquals(await new Response(firstOf.read("zz")).bytes(), noise);
  const some = new ArchiveBuffer();
  const { snapshots } = await library.copyArchive(archive.bytes(), some, KEY, { ...to, snapshots: [3, 2, 3] });
  assertEquals(snapshots, 2);
  assert(some.size < noise.length);
  const newest = await library.openArchive(some, to);
  assertEquals(await Array.fromAsync(newest.diff(1), ({ path, kind }) => [path, kind]), [["a", "content"]]);
  await assertRejects(() => library.openArchive(some, KEY), ArchiveError);

  await assertRejects(() => library.copyArchive(archive, some, KEY, to), TypeError, "already");
  await assertRejects(
    () => library.copyArchive(archive, new ArchiveBuffer(), KEY, { ...to, snapshots: [] }),
    TypeError,
  );
  const mendable = new ArchiveBuffer();
  const withRecord = await library.copyArchive(archive, mendable, KEY, { ...to, recovery: 5 });
  assertEquals([withRecord.snapshots, withRecord.length], [3, mendable.size]);
  assertEquals((await library.verifyArchive(mendable, to)).id, withRecord.id);
  await library.updateArchive(mendable, [{ path: "a", content: "fourth" }], to);
  assertEquals((await contents(library, mendable, undefined, to))["a"], "fourth");
  const bad = archive.bytes();
  bad.fill(0, 9000, 10_000);
  const target = new ArchiveBuffer();
  await assertRejects(() => library.copyArchive(bad, target, KEY, to), ArchiveError);
  assertEquals(target.size, 0);
});

Deno.test("what one library updates, the other reads", async () => {
  const archive = await archiveOf(mod, TREE);
  await browser.updateArchive(archive, [{ path: "a", content: "from a browser" }], KEY);
  await mod.updateArchive(archive, [{ path: "c", content: "c".repeat(10_000) }], KEY);
  for (const library of [mod, browser]) assertEquals((await contents(library, archive))["a"], "from a browser");
  assertEquals((await browser.verifyArchive(archive, KEY)).totals.files, 4);
});

Deno.test("lockFile() and copyArchiveFile() do the same with files", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    const path = `${folder}/x.coffer`;
    const { id } = await mod.createArchiveFile(path, TREE, KEY);
    {
      using file = await mod.lockFile(path);
      await mod.updateArchive(file, [{ path: "a", content: "new" }], { ...KEY, expect: id });
    }
    using source = mod.fileSource(path);
    const to = { archiveKey: new Uint8Array(32).fill(7) };
    const copied = await mod.copyArchiveFile(source, `${folder}/y.coffer`, KEY, to);
    assertEquals(copied.length, Deno.statSync(`${folder}/y.coffer`).size);
    await assertRejects(() => mod.copyArchiveFile(source, `${folder}/y.coffer`, KEY, to), mod.TargetError);
    await assertRejects(() => mod.copyArchiveFile(source, `${folder}/z.coffer`, to, to), ArchiveError);
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), ["x.coffer", "y.coffer"]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("comparePaths() sorts paths as updateArchive() takes them", () => {
  const paths = ["a.txt", "é", "a-b", "a/b", ".", "a", "Z", "a/b/c"];
  assertEquals(paths.sort(comparePaths), [".", "Z", "a", "a/b", "a/b/c", "a-b", "a.txt", "é"]);
});

Deno.test("ArchiveBuffer grows, and is written within what it has", async () => {
  const buffer = new ArchiveBuffer(Uint8Array.of(1, 2));
  await buffer.append(Uint8Array.of(3, 4, 5));
  await buffer.write(1, Uint8Array.of(9, 9));
  await assertRejects(() => buffer.write(4, Uint8Array.of(1, 1)), RangeError);
  assertEquals(buffer.bytes(), Uint8Array.of(1, 9, 9, 4, 5));
  await buffer.truncate(2);
  assertEquals([buffer.size, await buffer.read(1, 9)], [2, Uint8Array.of(9)]);
});
