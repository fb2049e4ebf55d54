import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { Archive, type CatalogEntry } from "../../src/archive/archive.ts";
import { ArchiveStream } from "../../src/archive/stream_reader.ts";
import { ArchiveError } from "../../src/format/errors.ts";
import { comparePaths } from "../../src/format/path.ts";
import { entriesBeginning } from "../../src/archive/ranges.ts";
import { seededRandom } from "./archive_builder.ts";
import { type Draft, draftOf, joined, type PageDraft, sealDraft } from "./archive_draft.ts";
import { asBytes, createInMemory, FIXED_OPTIONS } from "./memory_files.ts";
import { directory, file, sampleTree } from "./sample_tree.ts";
import { CountedSource } from "./sources.ts";
import { testEach } from "../engine/engines.ts";

const OPTIONS = { keys: FIXED_OPTIONS.keys };

const openArchive = (bytes: Bytes) => Archive.open(nativeEngine, new CountedSource(bytes), OPTIONS);

async function list(entries: AsyncIterable<CatalogEntry>): Promise<string[]> {
  const paths = [];
  for await (const { row, continued } of entries) paths.push(continued ? `${row.path}+` : row.path);
  return paths;
}

/** All of a path's content; `undefined` when there is no such path. */
async function contentAt(archive: Archive, path: string): Promise<Bytes | undefined> {
  let content: Uint8Array | undefined;
  for await (const entry of archive.find(path)) {
    content ??= new Uint8Array(entry.row.size);
    for await (const { fileOffset, bytes } of archive.read(entry)) content.set(bytes, fileOffset);
  }
  return content;
}

/** An archive whose catalog has `perPage` rows on each page. */
function paged(
  items: Parameters<typeof draftOf>[0],
  perPage: number,
  change: (draft: Draft) => void = () => {},
): Bytes {
  const draft = draftOf(items, 64);
  const entries = draft.pages[0]?.entries ?? [];
  const pages: PageDraft[] = [];
  for (let at = 0; at < entries.length; at += perPage) {
    pages.push({ entries: entries.slice(at, at + perPage), continues: false });
  }
  draft.pages = pages;
  change(draft);
  return sealDraft(draft).bytes;
}

const NAMES = [".", ...Array.from({ length: 26 }, (_, i) => String.fromCharCode(97 + i))].flatMap((letter) =>
  letter === "." ? ["."] : [letter, `${letter}/1`, `${letter}/2`, `${letter}-1`]
);
const TREE = NAMES.map((path) => path === "." || path.length === 1 ? directory(path) : file(path, `content of ${path}`))
  .sort((a, b) => comparePaths(a.row.path, b.row.path));
const PATHS = TREE.map(({ row }) => row.path);

testEach("find() finds every path, and only those, with any number of pages", async (engine) => {
  for (const perPage of [1, 2, 3, 7, 50, 200]) {
    const archive = await Archive.open(engine, new CountedSource(paged(TREE, perPage)), OPTIONS);
    for (const { row, content } of TREE) {
      assertEquals(await list(archive.find(row.path)), [row.path]);
      assertEquals(await contentAt(archive, row.path), content ?? new Uint8Array(0));
    }
    for (const path of ["", "!", "a/", "a/0", "a/11", "a-", "a.", "m/1/x", "zz", "\u{10ffff}"]) {
      assertEquals(await list(archive.find(path)), [], path);
    }
  }
});

Deno.test("entries() begins at or after any path", async () => {
  for (const perPage of [1, 2, 5, 200]) {
    const archive = await openArchive(paged(TREE, perPage));
    assertEquals(await list(archive.entries()), PATHS);
    for (const from of [...PATHS, "", "a/", "a/0", "m.", "zz"]) {
      assertEquals(await list(archive.entries(from)), PATHS.filter((path) => comparePaths(path, from) >= 0), from);
    }
  }
});

Deno.test("find() and entries() give nothing of an empty archive", async () => {
  const archive = await openArchive(sealDraft(draftOf([])).bytes);
  assertEquals([await list(archive.entries()), await list(archive.entries("a")), await list(archive.find("a"))], [
    [],
    [],
    [],
  ]);
  assertEquals(archive.trailer.totals.entries, 0);
});

/** A tree with a large file in the middle whose extents fill `pages` pages of their own. */
function continuedTree(pages: number): { bytes: Bytes; large: Bytes } {
  const large = seededRandom(3)(64 * 12);
  const items = [file("a", "a"), file("b", large), file("c", "c")];
  const bytes = paged(items, 1, (draft) => {
    const entry = draft.pages[1]?.entries[0];
    assert(entry !== undefined);
    const each = Math.ceil(entry.extents.length / pages);
    draft.pages.splice(
      1,
      1,
      ...Array.from({ length: pages }, (_, i) => ({
        continues: i > 0,
        entries: [{ ...entry, extents: entry.extents.slice(i * each, (i + 1) * each) }],
      })),
    );
  });
  return { bytes, large };
}

Deno.test("find() gives a row that goes on over pages in as many pieces, and its content is whole", async () => {
  for (const pages of [1, 2, 3, 6]) {
    const { bytes, large } = continuedTree(pages);
    const archive = await openArchive(bytes);
    assertEquals(await list(archive.find("b")), ["b", ...Array(pages - 1).fill("b+")]);
    assertEquals(await contentAt(archive, "b"), large);
    assertEquals(await list(archive.entries()), ["a", "b", ...Array(pages - 1).fill("b+"), "c"]);
    assertEquals(await list(archive.find("c")), ["c"]);
    assertEquals(await list(archive.entries("b!")), ["c"]);
  }
});

Deno.test("find() never leaves out a file's first bytes: a row that goes on stands alone on its page", async () => {
  const bytes = paged([file("a", "a"), file("b", seededRandom(3)(200)), file("c", "c")], 3, (draft) => {
    const [page] = draft.pages;
    const [a, b, c] = page?.entries ?? [];
    assert(a !== undefined && b !== undefined && c !== undefined);
    draft.pages = [
      { continues: false, entries: [a, { ...b, extents: b.extents.slice(0, 1) }] },
      { continues: true, entries: [{ ...b, extents: b.extents.slice(1) }, c] },
    ];
  });
  const archive = await openArchive(bytes);
  for (const read of [() => contentAt(archive, "b"), () => list(archive.entries()), () => list(archive.entries("b"))]) {
    const error = await assertRejects(read, ArchiveError);
    assertEquals(error.code, "malformed");
  }
});

Deno.test("find() refuses a first page that continues nothing, wherever it begins", async () => {
  const bytes = paged(TREE, 5, (draft) => {
    if (draft.pages[0] !== undefined) draft.pages[0].continues = true;
  });
  const archive = await openArchive(bytes);
  for (const path of [".", "a"]) {
    const error = await assertRejects(() => list(archive.find(path)), ArchiveError);
    assertEquals(error.code, "malformed");
  }
});

Deno.test("read() refuses a block that two extents name with different places, whichever comes first", async () => {
  for (const wrong of [0, 1]) {
    const bytes = paged([file("a", "x".repeat(20)), file("b", "y".repeat(20))], 1, (draft) => {
      const { frames } = sealDraft(draft);
      const place = frames[0];
      assert(place !== undefined);
      const page = draft.pages[wrong];
      assert(page !== undefined);
      page.entries = page.entries.map((entry) => ({
        ...entry,
        extents: entry.extents.map((extent) => ({ ...extent, block: { ...place, offset: place.offset + 16 } })),
      }));
    });
    const archive = await openArchive(bytes);
    const read = async () => [await contentAt(archive, "a"), await contentAt(archive, "b")];
    await assertRejects(read, ArchiveError, undefined, `${wrong}`);
  }
});

Deno.test("read() refuses extents of one file that overlap over two pages", async () => {
  // Each page gives the same block again: a small archive would restore without end.
  const bytes = paged([file("x", seededRandom(1)(64))], 1, (draft) => {
    const [entry] = draft.pages[0]?.entries ?? [];
    assert(entry !== undefined);
    draft.pages = Array.from({ length: 50 }, (_, i) => ({ continues: i > 0, entries: [entry] }));
  });
  const archive = await openArchive(bytes);
  let given = 0;
  const read = async () => {
    for await (const entry of archive.find("x")) {
      for await (const { bytes } of archive.read(entry)) given += bytes.length;
    }
  };
  const error = await assertRejects(read, ArchiveError);
  assertEquals([error.code, given <= 64], ["malformed", true]);
});

Deno.test("read() serves several callers at once", async () => {
  const items = Array.from(
    { length: 40 },
    (_, i) => file(`f${String(i).padStart(2, "0")}`, seededRandom(i)(100 + 37 * i)),
  );
  const archive = await openArchive((await createInMemory(asBytes(items), { blockBytes: 256 })).known);
  const contents = await Promise.all(items.map(({ row }) => contentAt(archive, row.path)));
  assertEquals(contents, items.map(({ content }) => content));
  const lists = await Promise.all([1, 2, 3].map(() => list(archive.entries())));
  assertEquals(lists, Array(3).fill(items.map(({ row }) => row.path)));
});

Deno.test("read() opens a block once for the files that share it, and keeps few", async () => {
  const items = Array.from({ length: 64 }, (_, i) => file(`f${String(i).padStart(2, "0")}`, "x".repeat(1000)));
  const { known } = await createInMemory(asBytes(items), { blockBytes: 16_000, level: "store" });
  const source = new CountedSource(known);
  const archive = await Archive.open(nativeEngine, source, OPTIONS);
  for await (const entry of archive.entries()) {
    for await (const _ of archive.read(entry)) { /* only the reads count */ }
  }
  // Header, locator, tail, catalog: then one read for each of the four blocks, and the catalog again at most as often.
  assert(source.reads <= 4 + 2 * 4, `${source.reads}`);
});

Deno.test("a place in an error is counted from the archive's start, in both ways of reading", async () => {
  const { known } = await createInMemory(asBytes(sampleTree()), { blockBytes: 1024 });
  const at = 8192 + 32;
  const bytes = known.map((byte, i) => i === at + 60 ? byte ^ 1 : byte);
  const archive = await openArchive(bytes);
  const seek = await assertRejects(async () => {
    for await (const entry of archive.entries()) for await (const _ of archive.read(entry)) { /* until it fails */ }
  }, ArchiveError);
  const stream = await assertRejects(async () => {
    const stream = await ArchiveStream.open(nativeEngine, [bytes], OPTIONS);
    for await (const _ of stream.events()) { /* until it fails */ }
  }, ArchiveError);
  assertEquals([stream.code, stream.place.offset, stream.place.frame], ["damaged", at, 0]);
  assertEquals([seek.code, seek.place.offset, seek.place.frame], ["damaged", at, 0]);
});

Deno.test("open() says when the source is shorter than it claimed, and passes on what the source throws", async () => {
  const { known } = await createInMemory(asBytes(sampleTree()));
  const short = new CountedSource(
    (offset, length) => known.slice(offset, Math.min(offset + length, known.length - 300)),
    known.length,
  );
  const error = await assertRejects(() => Archive.open(nativeEngine, short, OPTIONS), ArchiveError);
  assert(error.code === "truncated" || error.code === "damaged", error.code);
  for (let failing = 0; failing < 3; failing++) {
    let reads = 0;
    const source = new CountedSource((offset, length) => {
      if (reads++ === failing) throw new Deno.errors.Interrupted("bus error");
      return known.slice(offset, offset + length);
    }, known.length);
    await assertRejects(() => Archive.open(nativeEngine, source, OPTIONS), Deno.errors.Interrupted);
  }
});

Deno.test("entriesBeginning() gives what begins alike, once each and in order, and reads no other pages", async () => {
  const bytes = paged(TREE, 3);
  const archive = await openArchive(bytes);
  const sets = [["a"], ["a/"], ["a", "a/1"], ["b-", "b/"], ["z", "c"], ["m", "m"], ["nothing"], [""], ["."], [
    "x/2",
    "x",
  ]];
  for (const prefixes of sets) {
    const all = prefixes.some((prefix) => prefix === "" || prefix === ".");
    const expected = PATHS.filter((path) => all || prefixes.some((prefix) => path.startsWith(prefix)));
    assertEquals(await list(entriesBeginning(archive, prefixes)), expected, `${prefixes}`);
  }
  assertEquals(await list(entriesBeginning(archive, [])), []);
});

Deno.test("open() works with a source whose reads all share one buffer", async () => {
  const items = sampleTree();
  const { known } = await createInMemory(asBytes(items), { blockBytes: 1024 });
  const shared = new Uint8Array(2 ** 20);
  const source = new CountedSource((offset, length) => {
    shared.fill(0xee);
    shared.set(known.subarray(offset, offset + length));
    return shared.subarray(0, length);
  }, known.length);
  const archive = await Archive.open(nativeEngine, source, OPTIONS);
  for (const { row, content } of items) {
    if (content !== undefined) assertEquals(await contentAt(archive, row.path), content);
  }
  assertEquals(joined(archive.id).length, 32);
});
