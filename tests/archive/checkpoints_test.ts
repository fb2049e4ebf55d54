/** Archives that are written in parts: what checkpoints hold, who takes them, and how work goes on from them. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Archive, type OpenOptions } from "../../src/archive/archive.ts";
import { createInParts, type PartsOptions } from "../../src/archive/create_in_parts.ts";
import type { PlannedEntry } from "../../src/archive/planner.ts";
import { UnfinishedError } from "../../src/archive/snapshots.ts";
import { ArchiveStream } from "../../src/archive/stream_reader.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { ArchiveError } from "../../src/format/errors.ts";
import { seededRandom } from "./archive_builder.ts";
import { created, itemsOf, KEYS, MemoryArchive, TIME, type Tree, treeOf, update, verify } from "./growing_archive.ts";
import { asFiles, FIXED_OPTIONS, MemoryFiles, MemorySink } from "./memory_files.ts";

const NEWEST = { snapshot: { kind: "newest" } } as const;
const BLOCK_BYTES = 4096;
/** New bytes after which the tests' checkpoints are made: after some three blocks. */
const CHECKPOINT_BYTES = 12_000;

function text(seed: number, length: number): string {
  return Array.from(seededRandom(seed)(length), (byte) => String.fromCharCode(62 + byte % 64)).join("");
}

/**
 * A tree of so many files of some 2,000 bytes; of another length for another seed, or an update would trust their
 * times.
 */
function treeOfFiles(count: number, seed = 100): Tree {
  const tree: Record<string, string | undefined> = { "d": undefined };
  for (let i = 0; i < count; i++) {
    tree[`d/${String(i).padStart(3, "0")}`] = text(seed + i, 2000 + Math.floor(seed / 100));
  }
  return tree;
}

/** Creates an archive in parts; what `entries` throw ends it. Gives what is there then. */
async function createdInParts(
  entries: Iterable<PlannedEntry>,
  tree: Tree,
  options: Partial<PartsOptions> = {},
): Promise<{ target: MemoryArchive | undefined; parts: number; error: unknown }> {
  const sink = new MemorySink();
  let target: MemoryArchive | undefined;
  let parts = 0;
  let error: unknown;
  try {
    const written = await createInParts(nativeEngine, entries, sink, {
      ...FIXED_OPTIONS,
      access: new MemoryFiles(itemsOf(tree)),
      blockBytes: BLOCK_BYTES,
      checkpointBytes: CHECKPOINT_BYTES,
      headerLast: true,
      begin: ({ header }) => {
        const bytes = sink.bytes();
        bytes.set(header);
        target = new MemoryArchive(bytes);
        return Promise.resolve(target);
      },
      onCheckpoint: () => parts++,
      ...options,
    });
    if (written.header !== undefined) {
      const bytes = sink.bytes();
      bytes.set(written.header);
      target = new MemoryArchive(bytes);
    }
    assertEquals(written.number, parts + 1);
    assertEquals(written.length, target?.size);
  } catch (thrown) {
    error = thrown;
  }
  return { target, parts, error };
}

/** Entries up to a number, and then the power goes. */
function* upTo(tree: Tree, count: number): Generator<PlannedEntry> {
  for (const [i, entry] of asFiles(itemsOf(tree)).entries()) {
    if (i === count) throw new Error("the power is gone");
    yield entry;
  }
}

async function snapshotsOf(target: MemoryArchive): Promise<{ entries: number; checkpoint: boolean; added: number }[]> {
  const found = [];
  const archive = await Archive.open(nativeEngine, target, { ...KEYS, snapshot: { kind: "best" } });
  for await (const { totals, checkpoint = false, addedBytes } of archive.snapshots()) {
    found.push({ entries: totals.entries, checkpoint, added: addedBytes });
  }
  return found;
}

async function numberOf(target: MemoryArchive, options: Partial<OpenOptions>): Promise<number> {
  return (await Archive.open(nativeEngine, target, { ...KEYS, ...options })).number;
}

Deno.test("createInParts() writes the very archive that is written at once when no checkpoint comes due", async () => {
  const tree = treeOfFiles(3);
  const options = { random: seededRandom(11) };
  const { target, parts } = await createdInParts(asFiles(itemsOf(tree)), tree, options);
  const whole = await created(itemsOf(tree));
  assertEquals(parts, 0);
  assertEquals(target?.bytes.length, whole.bytes.length);
  assertEquals(await snapshotsOf(target as MemoryArchive), await snapshotsOf(whole));
  // Nor is there one when what is due comes with the last entry.
  const due = await createdInParts(asFiles(itemsOf(treeOfFiles(6))), treeOfFiles(6), {
    checkpointBytes: 8192 + 13_000,
  });
  assertEquals(due.parts, 0);
});

Deno.test("createInParts() leaves checkpoints with all that was stored, and a whole snapshot at the end", async () => {
  const tree = treeOfFiles(40);
  const { target, parts, error } = await createdInParts(asFiles(itemsOf(tree)), tree);
  assertEquals(error, undefined);
  assert(target !== undefined && parts > 3, `${parts} parts`);
  const snapshots = await snapshotsOf(target);
  assertEquals(snapshots.map(({ checkpoint }) => checkpoint), [...Array(parts).fill(true), false]);
  const counts = snapshots.map(({ entries }) => entries);
  assertEquals(counts, [...counts].sort((a, b) => a - b));
  assertEquals(counts.at(-1), 41);
  assertEquals(await treeOf(target), tree);
  assertEquals(await verify(target), parts + 1);
  for (let number = 1; number <= parts; number++) {
    const held = await treeOf(target, { snapshot: { kind: "number", number } });
    assertEquals(held, Object.fromEntries(Object.entries(tree).slice(0, Object.keys(held).length)));
  }
});

Deno.test("a checkpoint is the latest snapshot of nobody who has not asked for it", async () => {
  const tree = treeOfFiles(40);
  const { target, error } = await createdInParts(upTo(tree, 30), tree);
  assertEquals(String(error), "Error: the power is gone");
  assert(target !== undefined);
  await assertRejects(() => numberOf(target, {}), UnfinishedError);
  await assertRejects(() => numberOf(target, { snapshot: { kind: "latest" } }), UnfinishedError);
  const newest = await numberOf(target, NEWEST);
  assert(newest > 1);
  assertEquals(await numberOf(target, { snapshot: { kind: "best" } }), newest);
  assertEquals(await numberOf(target, { snapshot: { kind: "first" } }), 1);
  await verify(target);
});

Deno.test("ArchiveStream refuses an archive of nothing but one checkpoint, unless the first snapshot is asked for", async () => {
  const tree = treeOfFiles(40);
  const { target } = await createdInParts(upTo(tree, 12), tree);
  const { bytes } = target as MemoryArchive;
  assertEquals((await snapshotsOf(target as MemoryArchive)).length, 1);
  const read = async (segments?: "first") => {
    const stream = await ArchiveStream.open(nativeEngine, [bytes], { ...KEYS, ...(segments && { segments }) });
    for await (const { kind } of stream.events()) if (kind === "end") return kind;
    return undefined;
  };
  await assertRejects(() => read(), UnfinishedError);
  assertEquals(await read("first"), "end");
});

Deno.test("an interrupted create is gone on with wherever it stopped, and stores nothing twice", async () => {
  const tree = treeOfFiles(40);
  const whole = await createdInParts(asFiles(itemsOf(tree)), tree, { checkpointBytes: Infinity });
  const wholeBytes = (whole.target as MemoryArchive).size;
  for (let count = 11; count <= 40; count += 4) {
    const { target } = await createdInParts(upTo(tree, count), tree);
    assert(target !== undefined);
    const stored = await treeOf(target, NEWEST);
    const before = target.size;
    const items = itemsOf(tree);
    const access = new MemoryFiles(items);
    const written = await update(target, items, { access, blockBytes: BLOCK_BYTES, checkpointBytes: CHECKPOINT_BYTES });
    const missing = Object.keys(tree).filter((path) => !(path in stored));
    // Only what was missing is read.
    assertEquals([...new Set(access.opened)], missing);
    assertEquals(written?.totals.entries, 41);
    assertEquals(await treeOf(target), tree);
    await verify(target);
    // Two pages of 4 KiB for each segment's end are all that it costs.
    const segments = (await snapshotsOf(target)).length;
    assert(target.size - before < missing.length * 2100 + segments * 8192, `${target.size - before} bytes`);
    assert(target.size < wholeBytes + segments * 8192, `${target.size} bytes, and ${wholeBytes} at once`);
  }
});

Deno.test("going on with a create that lacks only its end appends a whole snapshot without content", async () => {
  const tree = treeOfFiles(40);
  const { target } = await createdInParts(upTo(tree, 30), tree);
  assert(target !== undefined);
  const stored = await treeOf(target, NEWEST);
  const written = await update(target, itemsOf(stored));
  assert(written !== undefined && written.addedBytes <= 8192, `${written?.addedBytes}`);
  assertEquals(await treeOf(target), stored);
  assertEquals(await update(target, itemsOf(stored)), undefined);
});

/** Trees from one another, and what must stand in checkpoints' way. */
const CHANGES: Readonly<Record<string, { readonly before: Tree; readonly after: Tree; readonly few?: true }>> = {
  "files change": { before: treeOfFiles(40), after: treeOfFiles(40, 500) },
  "files come": { before: treeOfFiles(2), after: treeOfFiles(40) },
  "files go": { before: treeOfFiles(40), after: { ...treeOfFiles(12, 900) } },
  "files are moved": {
    before: treeOfFiles(30),
    after: Object.fromEntries([
      ["e", undefined],
      ...Object.entries(treeOfFiles(30)).flatMap(([path, content]) =>
        path === "d" ? [] : [[`e${path.slice(1)}`, content]]
      ),
      ["f", undefined],
      ...Object.entries(treeOfFiles(30, 800)).flatMap(([path, content]) =>
        path === "d" ? [] : [[`f${path.slice(1)}`, content]]
      ),
    ]),
  },
  "a folder becomes a file": {
    before: { "a": undefined, "a/b": "b", "a/c": text(1, 3000), ...treeOfFiles(30) },
    after: { "a": "a", ...treeOfFiles(30, 700) },
  },
  "a file becomes a folder": {
    before: { "a": text(1, 3000), ...treeOfFiles(30) },
    after: { "a": undefined, "a/b": "b", ...treeOfFiles(30, 700) },
  },
  "hard links lose their file": {
    before: { "a": "linked", ...treeOfFiles(30), "z": "=a" },
    after: { "a": undefined, ...treeOfFiles(30, 700), "z": "new" },
  },
  "hard links come to new files": {
    before: { "d": undefined },
    after: { ...treeOfFiles(30), "e": text(5, 100), "f": "=e", "g": "=d/003" },
  },
};

for (const [name, { before, after }] of Object.entries(CHANGES)) {
  Deno.test(`updateArchive() with checkpoints ends as without, and every checkpoint is sound, when ${name}`, async () => {
    const target = await created(itemsOf(before));
    let checkpoints = 0;
    await update(target, itemsOf(after, undefined), {
      blockBytes: BLOCK_BYTES,
      checkpointBytes: CHECKPOINT_BYTES,
      onCheckpoint: () => checkpoints++,
    });
    assertEquals(await treeOf(target), after);
    assertEquals(await treeOf(target, { snapshot: { kind: "first" } }), before);
    assertEquals(await verify(target), checkpoints + 2);
    const known = new Set([...Object.values(before), ...Object.values(after)]);
    for (let number = 2; number <= checkpoints + 1; number++) {
      // What a checkpoint has was there before, or is there afterwards.
      const held = await treeOf(target, { snapshot: { kind: "number", number } });
      for (const [path, content] of Object.entries(held)) assert(known.has(content), path);
    }
  });
}

Deno.test("updateArchive() makes checkpoints whenever the rows allow it", async () => {
  const made = async (before: Tree, after: Tree) => {
    const target = await created(itemsOf(before));
    let checkpoints = 0;
    const options = { blockBytes: BLOCK_BYTES, checkpointBytes: CHECKPOINT_BYTES };
    await update(target, itemsOf(after), { ...options, onCheckpoint: () => checkpoints++ });
    return checkpoints;
  };
  assert(await made(treeOfFiles(40), treeOfFiles(40, 500)) > 3);
  // A file where a folder was cannot stand on the snapshot before, and what is gone from below it comes last.
  assertEquals(
    await made(CHANGES["a folder becomes a file"]?.before ?? {}, CHANGES["a folder becomes a file"]?.after ?? {}),
    0,
  );
});

Deno.test("an interrupted update is gone on with from its last checkpoint, and earlier snapshots stay the latest", async () => {
  const before = treeOfFiles(40);
  const after = treeOfFiles(40, 500);
  const target = await created(itemsOf(before));
  const options = { blockBytes: BLOCK_BYTES, checkpointBytes: CHECKPOINT_BYTES };
  const failing = new MemoryFiles(itemsOf(after), { "d/030": { failsAt: "all" } });
  await assertRejects(() => update(target, itemsOf(after), { ...options, access: failing }), Error, "d/030");
  const [first, ...checkpoints] = await snapshotsOf(target);
  assertEquals(first?.checkpoint, false);
  assert(checkpoints.length > 0 && checkpoints.every(({ checkpoint }) => checkpoint));
  assertEquals(await treeOf(target), before);
  const held = await treeOf(target, NEWEST);
  const stored = Object.keys(after).filter((path) => held[path] === after[path]);
  const access = new MemoryFiles(itemsOf(after));
  await update(target, itemsOf(after), { ...options, access });
  // What was stored is compared and nothing more: its times are those of the row.
  assertEquals([...new Set(access.opened)], Object.keys(after).filter((path) => !stored.includes(path)));
  assertEquals(await treeOf(target), after);
  assertEquals(await treeOf(target, { snapshot: { kind: "first" } }), before);
  await verify(target);
});

Deno.test("--expect holds for the latest whole snapshot and for the newest checkpoint, and for nothing before", async () => {
  const target = await created(itemsOf(treeOfFiles(40)));
  const one = (await Archive.open(nativeEngine, target, KEYS)).id;
  const two = (await update(target, itemsOf(treeOfFiles(2))))?.id;
  const after = treeOfFiles(40, 500);
  const failing = new MemoryFiles(itemsOf(after), { "d/030": { failsAt: "all" } });
  const options = { blockBytes: BLOCK_BYTES, checkpointBytes: CHECKPOINT_BYTES, access: failing };
  await assertRejects(() => update(target, itemsOf(after), options), Error, "d/030");
  assert(two !== undefined);
  const newest = (await Archive.open(nativeEngine, target, { ...KEYS, ...NEWEST })).newest.id;
  for (const expect of [two, newest]) assertEquals(await numberOf(target, { expect }), 2);
  const error = await assertRejects(() => numberOf(target, { expect: one }), ArchiveError);
  assertEquals(error.code, "rolled-back");
});

/** A random tree: folders, files of some KiB, and hard links to files before them. */
function randomTree(random: () => number): Tree {
  const tree: Record<string, string | undefined> = {};
  const files: string[] = [];
  const fill = (folder: string, depth: number): void => {
    for (const name of ["a", "b", "c", "d", "e", "f", "g"]) {
      const path = folder === "" ? name : `${folder}/${name}`;
      const kind = random();
      if (kind < 0.08) continue;
      if (kind < (depth === 0 ? 0.5 : 0.15) && depth < 2) {
        tree[path] = undefined;
        fill(path, depth + 1);
      } else if (kind > 0.96 && files.length > 0) {
        tree[path] = `=${files[Math.floor(random() * files.length)]}`;
      } else {
        tree[path] = text(Math.floor(random() * 1e6), 100 + Math.floor(random() * 6000));
        files.push(path);
      }
    }
  };
  fill("", 0);
  return tree;
}

Deno.test("updates of random trees with checkpoints, ended anywhere, come to the tree that they are to hold", async () => {
  let made = 0;
  for (let seed = 1; seed <= 25; seed++) {
    const draw = seededRandom(seed);
    const random = () => {
      const [a = 0, b = 0, c = 0] = draw(3);
      return (a * 65_536 + b * 256 + c) / 2 ** 24;
    };
    const trees = [randomTree(random), randomTree(random), randomTree(random)] as const;
    const target = await created(itemsOf(trees[0]));
    for (const [i, tree] of trees.slice(1).entries()) {
      const items = itemsOf(tree, TIME - 900 + i);
      const bad = Object.keys(tree).filter((path) => tree[path]?.startsWith("=") === false)[Math.floor(random() * 12)];
      const options = {
        blockBytes: BLOCK_BYTES,
        checkpointBytes: 2000 + Math.floor(random() * 6000),
        onCheckpoint: () => made++,
      };
      const failing = new MemoryFiles(items, bad === undefined ? {} : { [bad]: { failsAt: "all" } });
      await update(target, items, { ...options, access: failing }).catch((error) => {
        if (!String(error).includes("Cannot open")) throw error;
      });
      await verify(target);
      await treeOf(target, NEWEST);
      await update(target, items, options);
      assertEquals(await treeOf(target), tree, `seed ${seed}`);
    }
    await verify(target);
    assertEquals(await treeOf(target, { snapshot: { kind: "first" } }), trees[0]);
  }
  assert(made > 40, `only ${made} checkpoints`);
});
