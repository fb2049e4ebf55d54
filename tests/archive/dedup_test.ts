import { assert, assertEquals, assertRejects } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import { Archive, type OpenOptions } from "../../src/archive/archive.ts";
import { plannedCopies } from "../../src/archive/copy.ts";
import { restoreHeader } from "../../src/archive/lost_header.ts";
import { ArchiveStream, SharedContentError } from "../../src/archive/stream_reader.ts";
import type { AppendableSource } from "../../src/archive/update.ts";
import { SpillFiles } from "../../src/disk/spill_files.ts";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { provisionalRow } from "../../src/format/rows.ts";
import { seededRandom, TEST_KEY } from "./archive_builder.ts";
import { type Item, joined } from "./archive_draft.ts";
import { KEYS, MemoryArchive, TIME, update, verify } from "./growing_archive.ts";
import { asBytes, asFiles, type Behaviour, createInMemory, MemoryFiles } from "./memory_files.ts";

const BLOCK_BYTES = 2 ** 16;

/** Files of these contents, in path order; `seconds` is the time of all of them. */
function files(contents: Readonly<Record<string, Bytes>>, seconds = TIME - 1000): Item[] {
  return Object.entries(contents).map(([path, content]) => ({
    row: {
      ...provisionalRow(path, "file"),
      mode: 0o644,
      size: content.length,
      mtime: { seconds, nanoseconds: 0 },
      ctime: seconds,
      inode: 7,
    },
    content,
  }));
}

async function created(items: readonly Item[], behaviours: Record<string, Behaviour> = {}): Promise<MemoryArchive> {
  const access = new MemoryFiles(items, behaviours);
  const onProblem = () => {};
  const { known } = await createInMemory(asFiles(items), { access, dedup: true, blockBytes: BLOCK_BYTES, onProblem });
  return new MemoryArchive(known);
}

/** The SHA-256 of every file's content, holes as zeros. */
async function contentsOf(
  target: AppendableSource,
  options: Partial<OpenOptions> = {},
): Promise<Record<string, string>> {
  const archive = await Archive.open(nativeEngine, target, { ...KEYS, ...options });
  const contents: Record<string, string> = {};
  for await (const { row, content } of plannedCopies(archive)) {
    const pieces: Bytes[] = [];
    if (content?.kind === "bytes") { for await (const piece of content.bytes) pieces.push(piece); }
    contents[row.path] = encodeHex(new Uint8Array(nativeEngine.sha256(...pieces)));
  }
  return contents;
}

function expected(items: readonly Item[]): Record<string, string> {
  return Object.fromEntries(
    items.map(({ row, content }) => [row.path, encodeHex(new Uint8Array(nativeEngine.sha256(content as Bytes)))]),
  );
}

const random = (seed: number, length: number) => seededRandom(seed)(length);

Deno.test("createArchive() stores content once when files are equal, and each has all of it", async () => {
  const content = random(1, 300_000);
  const alone = await created(files({ a: content }));
  const items = files({ a: content, b: content, c: joined(random(2, 5000), content) });
  const target = await created(items);
  assert(target.size < alone.size + 30_000, `${target.size} against ${alone.size}`);
  assertEquals(await contentsOf(target), expected(items));
  await verify(target);
});

Deno.test("createArchive() stores what repeats within one file once", async () => {
  const part = random(3, 100_000);
  const items = files({ a: joined(part, random(4, 777), part, part) });
  const target = await created(items);
  assert(target.size < 100_000 + 60_000, `${target.size}`);
  assertEquals(await contentsOf(target), expected(items));
  await verify(target);
});

Deno.test("createArchive() keeps entries without content, empty files, holes and content from memory when it shares", async () => {
  const content = random(5, 50_000);
  const items: Item[] = [
    { row: { ...provisionalRow("d", "directory"), mode: 0o755 } },
    ...files({
      "d/empty": new Uint8Array(0),
      "d/hole": joined(new Uint8Array(200_000), content, new Uint8Array(70_000)),
      "d/short": new TextEncoder().encode("short"),
      "d/zeros": new Uint8Array(300_000),
      "e": content,
    }),
    { row: { ...provisionalRow("f", "symlink"), link: "e" } },
    { row: { ...provisionalRow("g", "hardlink"), link: "e" } },
  ];
  const { known } = await createInMemory(asBytes(items), { dedup: true, blockBytes: BLOCK_BYTES });
  const target = new MemoryArchive(known);
  assert(target.size < 50_000 + 40_000, `${target.size}`);
  const contents = await contentsOf(target);
  for (const [path, hash] of Object.entries(expected(items.filter((item) => item.content !== undefined)))) {
    assertEquals(contents[path], hash, path);
  }
  assertEquals(Object.keys(contents), items.map(({ row }) => row.path));
  await verify(target);
});

Deno.test("updateArchive() adds what is new alone when a large file was changed here and there", async () => {
  const before = random(6, 4_000_000);
  const target = await created(files({ image: before }));
  const size = target.size;
  const changed = before.slice();
  for (let page = 0; page < 10; page++) changed.set(random(100 + page, 4096), page * 400_000);
  const items = files({ image: changed }, TIME + 10);
  await update(target, items, { blockBytes: BLOCK_BYTES });
  assert(target.size - size < 150_000, `${target.size - size} bytes were added`);
  const inserted = files({ image: joined(random(7, 10_000), changed) }, TIME + 20);
  const second = target.size;
  await update(target, inserted, { blockBytes: BLOCK_BYTES });
  assertEquals(await contentsOf(target), expected(inserted));
  assertEquals(await contentsOf(target, { snapshot: { kind: "number", number: 2 } }), expected(items));
  assertEquals(await contentsOf(target, { snapshot: { kind: "first" } }), expected(files({ image: before })));
  // Parts of 128 KiB here, each of which begins anew.
  assert(target.size - second < 700_000, `${target.size - second} bytes were added`);
  await verify(target);
});

Deno.test("updateArchive() finds in every earlier snapshot what is stored already, when it has been gone since", async () => {
  const content = random(8, 500_000);
  const target = await created(files({ a: content, z: random(9, 1000) }));
  await update(target, files({ z: random(9, 1000) }), { blockBytes: BLOCK_BYTES });
  await update(target, files({ z: random(10, 2000) }, TIME + 10), { blockBytes: BLOCK_BYTES });
  const size = target.size;
  const items = files({ back: content, z: random(10, 2000) }, TIME + 10);
  await update(target, items, { blockBytes: BLOCK_BYTES });
  assertEquals(target.size - size, 4096);
  assertEquals(await contentsOf(target), expected(items));
  await verify(target);
});

Deno.test("an archive stays as it was when files fail in the middle while content is shared", async () => {
  const content = random(11, 600_000);
  const items = files({
    a: content,
    b: joined(content, random(12, 400_000)),
    c: content.subarray(100_000),
    d: random(13, 9),
  });
  for (const failsAt of [0, 2 * BLOCK_BYTES, 4 * BLOCK_BYTES, 14 * BLOCK_BYTES]) {
    for (const path of ["a", "b"]) {
      const target = await created(items, { [path]: { failsAt } });
      const { [path]: gone, ...others } = expected(items);
      assert(gone !== undefined);
      const failed = failsAt < (path === "a" ? 600_000 : 1_000_000);
      assertEquals(await contentsOf(target), failed ? others : expected(items), `${path} at ${failsAt}`);
      await verify(target);
    }
  }
});

Deno.test("open() refuses to restore in one pass what shares content, and takes it to be checked", async () => {
  const target = await created(files({ a: random(14, 1000) }));
  for (const segments of ["only", "first"] as const) {
    await assertRejects(
      () => ArchiveStream.open(nativeEngine, [target.bytes], { ...KEYS, segments }),
      SharedContentError,
    );
  }
  const stream = await ArchiveStream.open(nativeEngine, [target.bytes], { ...KEYS, segments: "all" });
  const kinds: string[] = [];
  for await (const { kind } of stream.events()) kinds.push(kind);
  assertEquals(kinds, ["block", "page", "trailer", "end"]);
});

Deno.test("every snapshot holds what was stored when files are edited at random", async () => {
  const draw = seededRandom(15);
  const below = (most: number) => new DataView(draw(4).buffer).getUint32(0) % most;
  let contents: Record<string, Bytes> = Object.fromEntries(
    Array.from({ length: 8 }, (_, i) => [`f${i}`, random(20 + i, below(400_000))]),
  );
  const states: Item[][] = [files(contents)];
  const target = await created(states[0] as Item[]);
  for (let step = 1; step <= 12; step++) {
    const next = { ...contents };
    for (let edit = 0; edit < 4; edit++) {
      const [path, from] = [`f${below(10)}`, `f${below(10)}`];
      const content = next[path] ?? new Uint8Array(0);
      const other = next[from] ?? new Uint8Array(0);
      const at = below(content.length + 1);
      const [start, length] = [below(other.length + 1), below(200_000)];
      switch (below(5)) {
        case 0:
          next[path] = joined(content.subarray(0, at), draw(below(20_000)), content.subarray(at));
          break;
        case 1:
          next[path] = joined(content.subarray(0, at), content.subarray(at + below(50_000)));
          break;
        case 2:
          next[path] = joined(content.subarray(0, at), other.subarray(start, start + length), content.subarray(at));
          break;
        case 3:
          next[path] = joined(content.subarray(0, at), new Uint8Array(below(50_000)), content.subarray(at));
          break;
        default:
          delete next[path];
      }
    }
    contents = Object.fromEntries(Object.entries(next).sort(([a], [b]) => a < b ? -1 : 1));
    const items = files(contents, TIME + 100 * step);
    await update(target, items, { blockBytes: BLOCK_BYTES, always: true, checksum: step % 3 === 0 });
    states.push(items);
  }
  for (const [i, items] of states.entries()) {
    assertEquals(await contentsOf(target, { snapshot: { kind: "number", number: i + 1 } }), expected(items), `${i}`);
  }
  await verify(target);
});

Deno.test("restoreHeader() makes a lost header anew as one of an archive whose files share content", async () => {
  const items = files({ a: random(40, 200_000), b: random(40, 200_000) });
  const target = await created(items);
  target.bytes.fill(0, 0, 8192);
  assertEquals(await contentsOf(target, { goWithoutHeader: true }), expected(items));
  await restoreHeader(nativeEngine, target, TEST_KEY, [], 1);
  assertEquals(await contentsOf(target), expected(items));
  await verify(target);
  await assertRejects(() => ArchiveStream.open(nativeEngine, [target.bytes], KEYS), SharedContentError);
  const more = files({ a: random(40, 200_000), c: random(40, 200_000) }, TIME + 10);
  const { size } = target;
  await update(target, more, { blockBytes: BLOCK_BYTES });
  assert(target.size - size < 10_000, `${target.size - size} bytes were added`);
  assertEquals(await contentsOf(target), expected(more));
});

Deno.test("content is found again when the index is on the disk, and each snapshot is what was stored", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    using spills = new SpillFiles(`${folder}/archive`);
    const options = { spill: () => spills.make(), indexedChunks: 50, blockBytes: BLOCK_BYTES };
    const items = files({ a: random(30, 900_000), b: random(31, 900_000), c: random(30, 900_000) });
    const { known } = await createInMemory(asFiles(items), { access: new MemoryFiles(items), dedup: true, ...options });
    const target = new MemoryArchive(known);
    assert(target.size < 2_000_000, `${target.size} bytes`);
    const more = files({ a: random(31, 900_000), b: joined(random(32, 99), random(31, 900_000)) }, TIME + 10);
    const { size } = target;
    await update(target, more, options);
    assert(target.size - size < 200_000, `${target.size - size} bytes were added`);
    assertEquals(await contentsOf(target), expected(more));
    assertEquals(await contentsOf(target, { snapshot: { kind: "first" } }), expected(items));
    await verify(target);
    assertEquals([...Deno.readDirSync(folder)], []);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
