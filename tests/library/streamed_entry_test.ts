import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { createArchive as createCore } from "../../src/archive/create.ts";
import type { PlannedEntry } from "../../src/archive/planner.ts";
import type { ContentAccess } from "../../src/archive/source.ts";
import type { Bytes, Engine } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { provisionalRow } from "../../src/format/rows.ts";
import { openArchive } from "../../src/library/archive.ts";
import { EntryDroppedError, type StreamedEntry } from "../../src/library/passing_entry.ts";
import { readArchive, type StreamItem } from "../../src/library/read.ts";
import { noise, testEach } from "../engine/engines.ts";
import { ARCHIVE_KEY, assertBytes, BIG, createBytes, refusal, splitAtRandom } from "./samples.ts";

const OPTIONS = { archiveKey: ARCHIVE_KEY };
const MiB = 2 ** 20;
const TIME = { seconds: 1, nanoseconds: 0 };
/** Holes at its start, in its middle across a block's border, and at its end. */
const HOLED = new Uint8Array(5 * MiB + 123);
HOLED.set(noise(100_000), 65_536);
HOLED.set(noise(5000, 2), 4 * MiB + 4096);

async function smallAndBig(engine: Engine): Promise<Uint8Array<ArrayBuffer>> {
  const { bytes } = await createBytes(engine, [
    { path: "small", content: "small" },
    { path: "big", content: BIG },
    { path: "after", content: "after" },
  ]);
  return bytes;
}

/** What happens on the way through an archive, one word for each item. */
async function walk(
  items: AsyncIterable<StreamItem>,
  visit: (entry: StreamedEntry) => Promise<unknown> | void,
): Promise<string[]> {
  const seen: string[] = [];
  for await (const item of items) {
    seen.push(item.type === "entry" ? item.path : item.type === "dropped" ? `dropped ${item.path}` : "end");
    if (item.type === "entry") await visit(item);
  }
  return seen;
}

testEach("readArchive() goes past content that nobody reads, whole or half", async (engine) => {
  const bytes = await smallAndBig(engine);
  assertEquals(await walk(readArchive(engine, [bytes], OPTIONS), () => {}), ["small", "big", "after", "end"]);
  const half = async (entry: StreamedEntry) => {
    const reader = entry.content.getReader();
    const { value } = await reader.read();
    assert(value !== undefined && value.length > 0);
    reader.releaseLock();
  };
  assertEquals(await walk(readArchive(engine, [bytes], OPTIONS), half), ["small", "big", "after", "end"]);
  const cancel = (entry: StreamedEntry) => entry.content.cancel();
  assertEquals(await walk(readArchive(engine, [bytes], OPTIONS), cancel), ["small", "big", "after", "end"]);
});

testEach("StreamedEntry.info() comes at once for small files, else after the content", async (engine) => {
  const bytes = await smallAndBig(engine);
  const sizes: number[] = [];
  const seen = await walk(readArchive(engine, [bytes], OPTIONS), async (entry) => {
    const [content, info] = await Promise.all([new Response(entry.content).bytes(), entry.info()]);
    assertEquals(info.size, content.length);
    assertEquals(await entry.info(), info);
    sizes.push(info.size);
  });
  assertEquals(seen, ["small", "big", "after", "end"]);
  assertEquals(sizes, [5, BIG.length, 5]);
});

testEach(
  "StreamedEntry.info() skips content that nobody reads, for good",
  async (engine) => {
    const bytes = await smallAndBig(engine);
    await walk(readArchive(engine, [bytes], OPTIONS), async (entry) => {
      if (entry.path === "big") {
        const reader = entry.content.getReader();
        await reader.read();
        reader.releaseLock();
        assertEquals((await entry.info()).size, BIG.length);
        await assertRejects(() => entry.content.getReader().read(), TypeError, "has passed");
      } else {
        assertEquals((await entry.info()).size, 5);
        assertEquals(await new Response(entry.content).text(), entry.path);
      }
    });
  },
);

testEach("StreamedEntry.content errors when it is read too late", async (engine) => {
  const bytes = await smallAndBig(engine);
  const kept: StreamedEntry[] = [];
  await walk(readArchive(engine, [bytes], OPTIONS), (entry) => {
    kept.push(entry);
    if (entry.path === "small") assertEquals(entry.content.locked, false);
  });
  for (const entry of kept) {
    await assertRejects(
      () => new Response(entry.content).bytes(),
      TypeError,
      `"${entry.path}": its content has passed`,
    );
  }
  assertEquals((await kept[1]?.info())?.size, BIG.length);
});

testEach("StreamedEntry.content errors for whoever still reads it when the iteration goes on", async (engine) => {
  const bytes = await smallAndBig(engine);
  const reads: Promise<unknown>[] = [];
  const seen = await walk(readArchive(engine, splitAtRandom(bytes, 3), OPTIONS), (entry) => {
    if (entry.path === "big") reads.push(assertRejects(() => new Response(entry.content).bytes(), TypeError));
  });
  assertEquals(seen, ["small", "big", "after", "end"]);
  await Promise.all(reads);
});

testEach("readArchive() throws what content threw, for those who caught it and went on", async (engine) => {
  const bytes = await smallAndBig(engine);
  // In the last block of "big": what came before is good.
  bytes[2 * 4096 + Math.floor(4.5 * MiB)] = (bytes[2 * 4096 + Math.floor(4.5 * MiB)] as number) ^ 1;
  let caught: string | undefined;
  const code = await refusal(() =>
    walk(readArchive(engine, [bytes], OPTIONS), async (entry) => {
      if (entry.path !== "big") return;
      caught = await refusal(() => new Response(entry.content).bytes());
      assertEquals(await refusal(() => entry.info()), "damaged");
    })
  );
  assertEquals([caught, code], ["damaged", "damaged"]);
});

testEach("readArchive() lets go of its stream when the loop is left", async (engine) => {
  const bytes = await smallAndBig(engine);
  let cancelled = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(bytes),
    cancel: () => void cancelled++,
  });
  let entry: StreamedEntry | undefined;
  for await (const item of readArchive(engine, stream, OPTIONS)) {
    if (item.type !== "entry") continue;
    entry = item;
    if (item.path === "big") break;
  }
  assertEquals(cancelled, 1);
  await assertRejects(async () => await entry?.info(), TypeError, "has passed");
  await assertRejects(async () => await new Response(entry?.content).bytes(), TypeError, "has passed");
});

/** Files that the reader of the archive's maker cannot read beyond some offset, or at all within a range. */
function failingAccess(fails: (location: string, position: number) => boolean): ContentAccess {
  const status = { size: 0, mode: 0o644, mtime: { seconds: 0, nanoseconds: 0 }, ctime: 0, dev: 0, inode: 0 };
  return {
    open: (location) => ({
      read(position: number, into: Bytes): number {
        if (fails(location, position)) throw new Error("the disk is bad");
        const bytes = BIG.subarray(position, position + into.length);
        into.set(bytes);
        return bytes.length;
      },
      status: () => ({ ...status, size: BIG.length }),
      close: () => {},
    }),
  };
}

async function partialArchive(paths: readonly string[], access: ContentAccess): Promise<Bytes[]> {
  const chunks: Bytes[] = [];
  const entries = paths.map((path): PlannedEntry => ({
    row: { ...provisionalRow(path, "file"), size: BIG.length },
    content: { kind: "file", location: path, sparse: path.startsWith("sparse") },
  }));
  await createCore(nativeEngine, entries, { write: (bytes) => void chunks.push(bytes) }, {
    keys: [{ kind: "archive-key", archiveKey: ARCHIVE_KEY }],
    access,
    onProblem: () => {},
  });
  return chunks;
}

testEach("readArchive() takes back what could not be read to its end, once, and goes on", async (engine) => {
  const chunks = await partialArchive(
    ["a", "breaks", "c", "torn", "z"],
    failingAccess((location, position) =>
      (location === "breaks" && position >= 3 * MiB) || (location === "torn" && position === 2 * MiB)
    ),
  );
  const contents = new Map<string, Uint8Array>();
  const problems: unknown[] = [];
  const seen = await walk(readArchive(engine, chunks, OPTIONS), async (entry) => {
    await new Response(entry.content).bytes().then((bytes) => contents.set(entry.path, bytes), (e) => problems.push(e));
    if (entry.path === "breaks") await assertRejects(() => entry.info(), EntryDroppedError, '"breaks"');
  });
  assertEquals(seen, ["a", "breaks", "c", "torn", "z", "dropped breaks", "dropped torn", "end"]);
  // Whole to all appearances: its middle is missing, which only the end of the archive tells.
  assertEquals([...contents.keys()], ["a", "c", "torn", "z"]);
  assertBytes(contents.get("z"), BIG, "z");
  assertEquals(problems.length, 1);
  assertInstanceOf(problems[0], EntryDroppedError);
  assertEquals(await walk(readArchive(engine, chunks, OPTIONS), () => {}), seen);
  await walk(readArchive(engine, chunks, OPTIONS), async (entry) => {
    if (entry.path === "breaks") await assertRejects(() => entry.info(), EntryDroppedError);
  });
  const archive = await openArchive(engine, await new Blob(chunks.map((chunk) => chunk.slice())).bytes(), OPTIONS);
  assertEquals([archive.partial, archive.totals.files], [true, 3]);
  await assertRejects(() => new Response(archive.read("torn")).bytes(), TypeError, "no such entry");
});

testEach("readArchive() takes back an entry of which only a hole was stored", async (engine) => {
  const access: ContentAccess = {
    open: (location) => ({
      read(position: number, into: Bytes): number {
        if (location === "sparse" && position >= 2 * MiB) throw new Error("the disk is bad");
        into.fill(0);
        return into.length;
      },
      status: () => ({ size: BIG.length, mode: 0o600, mtime: TIME, ctime: 0, dev: 0, inode: 0 }),
      close: () => {},
    }),
  };
  const chunks = await partialArchive(["a", "sparse", "z"], access);
  const expected = ["a", "sparse", "dropped sparse", "z", "end"];
  assertEquals(await walk(readArchive(engine, chunks, OPTIONS), () => {}), expected);
  const read = (entry: StreamedEntry) => new Response(entry.content).bytes().catch(() => {});
  assertEquals(await walk(readArchive(engine, chunks, OPTIONS), read), expected);
});

testEach("holes are zeros, by stream and by path", async (engine) => {
  const access: ContentAccess = {
    open: () => ({
      read(position: number, into: Bytes): number {
        const length = Math.min(into.length, HOLED.length - position);
        into.set(HOLED.subarray(position, position + length));
        return length;
      },
      status: () => ({ size: HOLED.length, mode: 0o600, mtime: TIME, ctime: 0, dev: 0, inode: 0 }),
      close: () => {},
    }),
  };
  const chunks: Bytes[] = [];
  const row = { ...provisionalRow("holed", "file"), size: HOLED.length, mtime: TIME };
  const entry: PlannedEntry = { row, content: { kind: "file", location: "holed", sparse: true } };
  await createCore(nativeEngine, [entry], { write: (bytes) => void chunks.push(bytes) }, {
    keys: [{ kind: "archive-key", archiveKey: ARCHIVE_KEY }],
    access,
    level: "store",
  });
  const bytes = await new Blob(chunks.map((chunk) => chunk.slice())).bytes();
  assert(bytes.length < HOLED.length / 4, `${bytes.length}`);
  await walk(readArchive(engine, chunks, OPTIONS), async ({ content }) => {
    assertBytes(await new Response(content).bytes(), HOLED, "by stream");
  });
  const archive = await openArchive(engine, bytes, OPTIONS);
  assertBytes(await new Response(archive.read("holed")).bytes(), HOLED, "by path");
});
