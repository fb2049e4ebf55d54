/**
 * Archives written in parts that are cut off: at every call, with any page lost or torn, on a full disk; and gone on
 * with.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Archive, type OpenOptions } from "../../src/archive/archive.ts";
import { ChangeFinder } from "../../src/archive/changes.ts";
import { createInParts } from "../../src/archive/create_in_parts.ts";
import { UnfinishedError } from "../../src/archive/snapshots.ts";
import { ArchiveStream } from "../../src/archive/stream_reader.ts";
import { updateArchive } from "../../src/archive/update.ts";
import { AtomicFile } from "../../src/disk/atomic_file.ts";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { provisionalRow } from "../../src/format/rows.ts";
import type { Item } from "../archive/archive_draft.ts";
import { seededRandom } from "../archive/archive_builder.ts";
import { asFiles, createInMemory, FIXED_OPTIONS, MemoryFiles } from "../archive/memory_files.ts";
import { CountedSource } from "../archive/sources.ts";
import { FaultyFiles } from "./faulty_files.ts";
import { growingTarget } from "./growing_target.ts";

const PATH = "/d/x";
const PARTIAL = "/d/x.partial";
const KEYS = { keys: FIXED_OPTIONS.keys };
const NEWEST = { snapshot: { kind: "newest" } } as const;
/** A checkpoint after each file or two. */
const STORING = { blockBytes: 4096, checkpointBytes: 6000 };

function item(path: string, seed: number, length: number): Item {
  const mtime = { seconds: 1_600_000_000 + seed, nanoseconds: 0 };
  return {
    row: { ...provisionalRow(path, "file"), mode: 0o644, size: length, mtime, ctime: mtime.seconds, inode: seed },
    content: seededRandom(seed)(length),
  };
}

const BEFORE = [item("a", 1, 3000), item("b", 2, 5000), item("c", 3, 4000), item("d", 4, 300)];
const AFTER = [
  item("a", 11, 3000),
  item("b", 12, 5000),
  item("c", 3, 4000),
  item("e", 15, 6000),
  item("f", 16, 5000),
  item("g", 17, 4000),
];

const described = (items: readonly Item[]) =>
  Object.fromEntries(items.map(({ row, content }) => [row.path, nativeEngine.sha256(content as Bytes).toHex()]));

/** What a snapshot holds: paths, and a hash of each content; `undefined` when there are only checkpoints. */
async function holds(bytes: Bytes, options: Partial<OpenOptions> = {}): Promise<Record<string, string> | undefined> {
  let archive: Archive;
  try {
    archive = await Archive.open(nativeEngine, new CountedSource(bytes), { ...KEYS, ...options });
  } catch (error) {
    if (error instanceof UnfinishedError) return undefined;
    throw error;
  }
  const found: Record<string, string> = {};
  for await (const entry of archive.entries()) {
    const pieces: number[] = [];
    for await (const { bytes } of archive.read(entry)) for (const byte of bytes) pieces.push(byte);
    found[entry.row.path] = nativeEngine.sha256(Uint8Array.from(pieces)).toHex();
  }
  assertEquals(archive.trailer.totals.entries, Object.keys(found).length);
  return found;
}

async function verify(bytes: Bytes): Promise<void> {
  const { number } = await Archive.open(nativeEngine, new CountedSource(bytes), { ...KEYS, ...NEWEST });
  const stream = await ArchiveStream.open(nativeEngine, [bytes], { ...KEYS, segments: { through: number - 1 } });
  for await (const _ of stream.events());
}

/** Updates the file at a path to hold some items; goes on from checkpoints. */
async function update(files: FaultyFiles, path: string, items: readonly Item[]): Promise<number> {
  using target = growingTarget(files, path);
  const archive = await Archive.open(nativeEngine, target, { ...KEYS, ...NEWEST });
  const access = new MemoryFiles(items);
  const finder = new ChangeFinder(nativeEngine, archive, { isGone: () => true, access });
  let checkpoints = 0;
  await updateArchive(nativeEngine, target, archive, finder, asFiles(items), {
    ...STORING,
    access,
    onCheckpoint: () => checkpoints++,
  });
  return checkpoints;
}

/** Creates an archive at `PATH` in parts, the way the program does. */
async function create(files: FaultyFiles): Promise<number> {
  using file = AtomicFile.create(PATH, { files });
  using held = new DisposableStack();
  let checkpoints = 0;
  const written = await createInParts(nativeEngine, asFiles(AFTER), { write: (bytes) => file.write(bytes) }, {
    ...FIXED_OPTIONS,
    ...STORING,
    access: new MemoryFiles(AFTER),
    headerLast: true,
    begin: ({ header }) => {
      file.writeAt(0, header);
      file.keepAs(PARTIAL, false);
      return Promise.resolve(held.use(growingTarget(files, PARTIAL)));
    },
    onCheckpoint: () => checkpoints++,
  });
  if (written.header !== undefined) file.writeAt(0, written.header);
  file.commit();
  return checkpoints;
}

const original = (await createInMemory(asFiles(BEFORE), { access: new MemoryFiles(BEFORE), blockBytes: 4096 })).known;
const filesWith = (bytes: Bytes) => new FaultyFiles(new Map([[PATH, bytes]]));
const contentOf = (files: FaultyFiles, path = PATH) => files.files().get(path) as Bytes;

/** Each file is as it was before, or as it is afterwards. */
function isBetween(held: Record<string, string>, label: string): void {
  const [before, after] = [described(BEFORE), described(AFTER)];
  for (const [path, hash] of Object.entries(held)) assert(hash === before[path] || hash === after[path], label);
}

Deno.test("an update with checkpoints, cut off anywhere, with any page lost, leaves every earlier snapshot and goes on", async () => {
  const files = filesWith(original);
  assert(await update(files, PATH, AFTER) >= 2);
  const seen = new Set<string>();
  const newest = new Set<number>();
  for (const { label, files: there } of files.replay()) {
    const bytes = there.get(PATH) as Bytes;
    const hash = nativeEngine.sha256(bytes).toHex();
    if (seen.has(hash)) continue;
    seen.add(hash);
    const { number } = await Archive.open(nativeEngine, new CountedSource(bytes), { ...KEYS, ...NEWEST });
    newest.add(number);
    const latest = await holds(bytes) ?? {};
    assertEquals(latest, described("e" in latest ? AFTER : BEFORE), label);
    assertEquals(await holds(bytes, { snapshot: { kind: "first" } }), described(BEFORE), label);
    isBetween(await holds(bytes, NEWEST) ?? {}, label);
    if (seen.size % 7 !== 0) continue;
    const next = filesWith(bytes);
    await update(next, PATH, AFTER);
    assertEquals(await holds(contentOf(next)), described(AFTER), label);
    assertEquals(await holds(contentOf(next), { snapshot: { kind: "first" } }), described(BEFORE), label);
    await verify(contentOf(next));
  }
  assert(seen.size > 60 && newest.size > 3, `${seen.size} states of ${newest.size} snapshots`);
});

Deno.test("an update with checkpoints that fails at any write or sync keeps those it has, and goes on from there", async () => {
  const whole = filesWith(original);
  await update(whole, PATH, AFTER);
  for (const kind of ["write", "sync"] as const) {
    const count = whole.operations.filter((operation) => operation.kind === kind).length;
    for (let nth = 1; nth <= count; nth++) {
      const code = nth % 2 === 0 ? "ENOSPC" : "EIO";
      const files = filesWith(original);
      files.fail(kind, nth, { code });
      await assertRejects(() => update(files, PATH, AFTER), Error, code);
      assertEquals(files.openFiles, 0);
      const latest = await holds(contentOf(files)) ?? {};
      assertEquals(latest, described("e" in latest ? AFTER : BEFORE));
      isBetween(await holds(contentOf(files), NEWEST) ?? {}, `${kind} ${nth}`);
      // Nothing but whole segments is left, of which the header may not know the last.
      await Archive.open(nativeEngine, new CountedSource(contentOf(files)), {
        ...KEYS,
        ...NEWEST,
        onWarning: (warning) => assert(!warning.includes("bytes follow"), warning),
      });
      await update(files, PATH, AFTER);
      assertEquals(await holds(contentOf(files)), described(AFTER));
      assertEquals(await holds(contentOf(files), { snapshot: { kind: "first" } }), described(BEFORE));
    }
  }
});

/** What is there of an archive that is created in parts: nothing, its parts, or all of it. */
async function look(there: ReadonlyMap<string, Uint8Array>, label: string): Promise<"nothing" | "parts" | "all"> {
  const [whole, partial] = [there.get(PATH), there.get(PARTIAL)];
  if (whole !== undefined) {
    assertEquals(await holds(whole.slice()), described(AFTER), label);
    return "all";
  }
  if (partial === undefined) return "nothing";
  isBetween(await holds(partial.slice(), NEWEST) ?? {}, label);
  return "parts";
}

async function goOn(there: ReadonlyMap<string, Uint8Array>, label: string): Promise<void> {
  const files = new FaultyFiles(new Map([[PARTIAL, (there.get(PARTIAL) as Uint8Array).slice()]]));
  await update(files, PARTIAL, AFTER);
  AtomicFile.takeUp(PATH, PARTIAL, { files }).commit();
  assertEquals([...files.files().keys()], [PATH], label);
  assertEquals(await holds(contentOf(files)), described(AFTER), label);
  await verify(contentOf(files));
}

Deno.test("a create in parts, cut off anywhere, leaves nothing, parts to go on from, or all of it", async () => {
  const files = new FaultyFiles();
  assert(await create(files) >= 2);
  assertEquals([...files.files().keys()], [PATH]);
  const found = { nothing: 0, parts: 0, all: 0 };
  const seen = new Set<string>();
  for (const { label, files: there } of files.replay()) {
    const content = there.get(PATH) ?? there.get(PARTIAL) ?? new Uint8Array(0);
    const hash = `${there.has(PATH)} ${nativeEngine.sha256(content.slice()).toHex()}`;
    if (seen.has(hash)) continue;
    seen.add(hash);
    const state = await look(there, label);
    found[state]++;
    if (state === "parts" && found.parts % 7 === 1) await goOn(there, label);
  }
  assert(found.nothing > 0 && found.parts > 30 && found.all > 0, JSON.stringify(found));
});

Deno.test("a create in parts that fails at any call leaves nothing, parts to go on from, or all of it", async () => {
  const found = { nothing: 0, parts: 0, all: 0 };
  for (let nth = 1;; nth++) {
    const files = new FaultyFiles();
    files.fail("any", nth, { code: nth % 2 === 0 ? "ENOSPC" : "EIO" });
    const failed = await create(files).then(() => false, () => true);
    assertEquals(files.openFiles, 0, `call ${nth}`);
    const there = files.files();
    for (const path of there.keys()) assert(path === PATH || path === PARTIAL, `call ${nth} left ${path}`);
    const state = await look(there, `call ${nth}`);
    if (!failed) {
      assertEquals(state, "all");
      break;
    }
    found[state]++;
    if (state === "parts") await goOn(there, `call ${nth}`);
  }
  assert(found.nothing > 3 && found.parts > 20, JSON.stringify(found));
});

Deno.test("a file that changes while a checkpoint is under way is flagged, and stored again by the next update", async () => {
  const files = filesWith(original);
  {
    using target = growingTarget(files, PATH);
    const archive = await Archive.open(nativeEngine, target, KEYS);
    const changed: string[] = [];
    const access = new MemoryFiles(AFTER, { "b": { status: { ctime: 1_700_000_500 } } });
    const finder = new ChangeFinder(nativeEngine, archive, { isGone: () => true, access });
    await updateArchive(nativeEngine, target, archive, finder, asFiles(AFTER), {
      ...STORING,
      access,
      onChanged: (path) => changed.push(path),
    });
    assertEquals(changed, ["b"]);
  }
  const partial: boolean[] = [];
  const archive = await Archive.open(nativeEngine, new CountedSource(contentOf(files)), KEYS);
  for await (const snapshot of archive.snapshots()) partial.push(snapshot.partial);
  assert(partial.includes(true) && partial[0] === false);
  const later = AFTER.map((one) => one.row.path === "b" ? item("b", 21, 5000) : one);
  await update(files, PATH, later);
  assertEquals(await holds(contentOf(files)), described(later));
  await verify(contentOf(files));
});
