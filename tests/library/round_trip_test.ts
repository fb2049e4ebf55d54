import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { openArchive } from "../../src/library/archive.ts";
import type { CreateOptions } from "../../src/library/create.ts";
import type { Entry, EntryInfo } from "../../src/library/entry.ts";
import { inspectArchive } from "../../src/library/inspect.ts";
import { readArchive } from "../../src/library/read.ts";
import type { ArchiveSummary } from "../../src/library/summary.ts";
import { verifyArchive } from "../../src/library/verify.ts";
import { ENGINES, noise, testEach } from "../engine/engines.ts";
import {
  ARCHIVE_KEY,
  assertBytes,
  BIG,
  collect,
  createBytes,
  PASSPHRASE,
  sampleContents,
  sampleEntries,
  splitAtRandom,
} from "./samples.ts";

const OPTIONS = { archiveKey: ARCHIVE_KEY };

for (const writer of ENGINES) {
  for (const suite of ["chacha20-poly1305", "aes-256-gcm"] as const) {
    Deno.test(`what ${writer.name} creates with ${suite}, every engine opens, lists, reads and verifies`, async () => {
      const { bytes, ...created } = await createBytes(writer, sampleEntries(), { ...OPTIONS, suite, label: "a label" });
      for (const reader of ENGINES) {
        const archive = await openArchive(reader, bytes, OPTIONS);
        const summary = {
          id: created.id,
          suite,
          length: bytes.length,
          label: "a label",
          time: archive.time,
          totals: created.totals,
          partial: false,
          writer: "",
        };
        assertEquals(await archive.verify(), summary);
        assertEquals(summaryFields(archive), summary);
        assert(Math.abs(archive.time.getTime() - Date.now()) < 60_000);
        const listed = await collect(archive.list());
        assertEquals(listed, sampleContents().map(([info]) => info));
        for (const [i, [info, content]] of sampleContents().entries()) {
          assertEquals(await archive.get(info.path), info);
          if (content === undefined) continue;
          assertBytes(await new Response(archive.read(info.path)).bytes(), content, info.path);
          assertBytes(await new Response(archive.read(listed[i] as EntryInfo)).bytes(), content, info.path);
        }
      }
    });
  }
}

function summaryFields(archive: ArchiveSummary): ArchiveSummary {
  const { id, suite, length, label, time, totals, partial, writer } = archive;
  return { id, suite, length, label, time, totals, partial, writer };
}

testEach("readArchive() gives every entry once, however the stream is cut", async (engine) => {
  const { bytes, id, totals } = await createBytes(engine, sampleEntries());
  for (const seed of [1, 2, 3]) {
    const found: (readonly [EntryInfo, Uint8Array | undefined])[] = [];
    const order: string[] = [];
    let end: ArchiveSummary | undefined;
    for await (const item of readArchive(engine, splitAtRandom(bytes, seed), OPTIONS)) {
      assertEquals(end, undefined);
      assertNotEquals(item.type, "dropped");
      if (item.type === "end") end = item.summary;
      if (item.type !== "entry") continue;
      order.push(item.path);
      const content = await new Response(item.content).bytes();
      found.push([await item.info(), item.kind === "file" ? content : undefined]);
      if (item.kind !== "file") assertEquals(content.length, 0);
    }
    assertEquals([end?.id, end?.length, end?.totals], [id, bytes.length, totals]);
    assertEquals(order, sampleEntries().map(({ path }) => path));
    for (const [info, content] of sampleContents()) {
      const [foundInfo, foundContent] = found.find(([{ path }]) => path === info.path) ?? [];
      assertEquals(foundInfo, info);
      if (info.kind === "file" && content !== undefined) assertBytes(foundContent, content, info.path);
    }
  }
});

testEach("verifyArchive() takes bytes, a Blob, a Source, a stream and an iterable", async (engine) => {
  const { bytes, id } = await createBytes(engine, [{ path: "a", content: noise(70_000) }]);
  const blob = new Blob([bytes]);
  const read = (offset: number, length: number) => Promise.resolve(bytes.slice(offset, offset + length));
  for (const input of [bytes, blob, { size: bytes.length, read }, blob.stream(), splitAtRandom(bytes, 5)]) {
    let last = 0;
    const onProgress = ({ bytes }: { readonly bytes: number }) => {
      assert(bytes >= last);
      last = bytes;
    };
    assertEquals((await verifyArchive(engine, input, { ...OPTIONS, onProgress })).id, id);
    assertEquals(last, bytes.length);
  }
});

testEach("createArchive()'s final header fits over the first bytes, and the archive stays the same", async (engine) => {
  const { bytes, header, id } = await createBytes(engine, sampleEntries());
  const rewritten = bytes.slice();
  rewritten.set(header);
  assertNotEquals(bytes.subarray(0, header.length), header);
  assertEquals((await openArchive(engine, rewritten, OPTIONS)).id, id);
  assertEquals((await verifyArchive(engine, rewritten, OPTIONS)).id, id);
});

testEach("createArchive() with a passphrase opens with it, and with the archive key beside it", async (engine) => {
  const options = { ...PASSPHRASE, archiveKey: ARCHIVE_KEY };
  const { bytes, id } = await createBytes(engine, [{ path: "a", content: "x" }], options);
  for (const key of [{ passphrase: PASSPHRASE.passphrase }, OPTIONS, options]) {
    assertEquals((await openArchive(engine, bytes, key)).id, id);
  }
  const { keySlots, ...inspection } = await inspectArchive(engine, bytes, {});
  assertEquals(keySlots, [{ kind: "passphrase", kdf: { logN: 15, r: 8, p: 1 }, kdfMemory: 2 ** 25 }]);
  assertEquals(inspection, {
    version: 1,
    suite: "chacha20-poly1305",
    length: bytes.length,
    generation: 1,
    recovery: 0,
    deduplicated: false,
    headerDamaged: false,
  });
});

testEach("createArchive() fills in what entries leave out", async (engine) => {
  const time = new Date("2001-02-03T04:05:06.007Z");
  const kinds = [
    ["directory", 0o755],
    ["symlink", 0o777],
    ["hardlink", 0o644],
    ["fifo", 0o644],
    ["file", 0o644],
  ] as const;
  const entries = kinds.map(([kind]): Entry => ({
    path: kind,
    kind,
    link: kind.endsWith("link") ? "file" : undefined,
    content: kind === "file" ? "" : undefined,
  }));
  const { bytes } = await createBytes(engine, entries, { ...OPTIONS, time });
  const archive = await openArchive(engine, bytes, OPTIONS);
  assertEquals(archive.time, time);
  for (const [kind, mode] of kinds) {
    const info = await archive.get(kind);
    assertEquals([info?.mode, info?.mtime], [mode, time], kind);
  }
});

testEach("createArchive() stores, compresses and pads as it is told", async (engine) => {
  const entries: Entry[] = [{ path: "zeros", content: new Uint8Array(1_000_000) }];
  const length = async (options: Partial<CreateOptions>) =>
    (await createBytes(engine, entries, { ...OPTIONS, ...options })).bytes.length;
  const stored = await length({ level: "store" });
  assert(stored > 1_000_000);
  const levels = [await length({}), await length({ level: 1 }), await length({ level: 19 })];
  if (engine.compress === undefined) assertEquals(levels, [stored, stored, stored]);
  else assert(levels.every((compressed) => compressed < 30_000), levels.join());
  const padded = await length({ level: "store", pad: true });
  assert(padded > stored && padded < stored * 1.13, `${padded}`);
});

testEach("createArchive() reports progress that adds up", async (engine) => {
  const steps: { entries: number; bytes: number; path: string }[] = [];
  await createBytes(engine, sampleEntries(), { ...OPTIONS, onProgress: (step) => steps.push({ ...step }) });
  const sizes = sampleContents().map(([{ size }]) => size);
  assert(steps.length >= 3);
  assertEquals(steps.at(-1), {
    entries: sizes.length,
    bytes: sizes.reduce((sum, size) => sum + size, 0),
    path: steps.at(-1)?.path ?? "",
  });
  for (const [i, step] of steps.entries()) {
    const before = steps[i - 1];
    assert(before === undefined || (step.entries >= before.entries && step.bytes >= before.bytes));
  }
});

testEach("Archive.list() gives a folder and all below it, and nothing beside it", async (engine) => {
  const { bytes } = await createBytes(engine, sampleEntries());
  const archive = await openArchive(engine, bytes, OPTIONS);
  const paths = async (below: string) => (await collect(archive.list(below))).map(({ path }) => path);
  assertEquals(await paths("folder"), [
    "folder",
    "folder/blob",
    "folder/bytes.bin",
    "folder/empty",
    "folder/pieces",
  ]);
  assertEquals(await paths("nowhere"), ["nowhere/above/me.txt"]);
  assertEquals(await paths("z.txt"), ["z.txt"]);
  assertEquals(await paths("fold"), []);
  assertEquals((await paths(".")).length, sampleContents().length);
});

testEach("an archive can be copied entry by entry", async (engine) => {
  const { bytes } = await createBytes(engine, sampleEntries());
  const archive = await openArchive(engine, bytes, OPTIONS);
  async function* entries(): AsyncGenerator<Entry> {
    for await (const info of archive.list()) {
      yield { ...info, content: info.kind === "file" ? archive.read(info) : undefined };
    }
  }
  const copy = await createBytes(engine, entries(), { archiveKey: noise(32, 5) });
  const copied = await openArchive(engine, copy.bytes, { archiveKey: noise(32, 5) });
  assertEquals(await collect(copied.list()), sampleContents().map(([info]) => info));
  assertBytes(await new Response(copied.read("big")).bytes(), BIG, "big");
});

testEach("content read from an archive is the reader's own", async (engine) => {
  const entries: Entry[] = [{ path: "a", content: "aaaa" }, { path: "b", content: "bbbb" }];
  const { bytes } = await createBytes(engine, entries, { ...OPTIONS, level: "store" });
  const archive = await openArchive(engine, bytes, OPTIONS);
  const scribble = new WritableStream<Uint8Array>({ write: (chunk) => void chunk.fill(0) });
  await archive.read("a").pipeTo(scribble);
  assertEquals(await new Response(archive.read("a")).text(), "aaaa");
  assertEquals(await new Response(archive.read("b")).text(), "bbbb");
  assertEquals((await verifyArchive(engine, bytes, OPTIONS)).totals.files, 2);
});

testEach("many reads of one archive can be under way at once", async (engine) => {
  const { bytes } = await createBytes(engine, sampleEntries());
  const archive = await openArchive(engine, new Blob([bytes]), OPTIONS);
  const files = sampleContents().flatMap(([{ path }, content]) => content === undefined ? [] : [{ path, content }]);
  await Promise.all([...files, ...files].map(async ({ path, content }) => {
    assertBytes(await new Response(archive.read(path)).bytes(), content, path);
  }));
});
