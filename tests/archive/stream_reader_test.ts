import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { ArchiveStream, type StreamEvent } from "../../src/archive/stream_reader.ts";
import { ArchiveError } from "../../src/format/errors.ts";
import { seededRandom } from "./archive_builder.ts";
import { draftOf, sealDraft } from "./archive_draft.ts";
import { asBytes, asFiles, createInMemory, FIXED_OPTIONS, MemoryFiles } from "./memory_files.ts";
import { file, sampleTree } from "./sample_tree.ts";
import { inPieces } from "./sources.ts";
import { regionsOf } from "./frame_map.ts";
import { digestOf, readByStream } from "./reading.ts";

const OPTIONS = { keys: FIXED_OPTIONS.keys };

/** A stream that knows how much was asked of it and whether it was let go. */
function watched(bytes: Bytes, pieceBytes = 1000) {
  const state = { given: 0, released: false };
  async function* pieces(): AsyncGenerator<Bytes> {
    try {
      for (const piece of inPieces(bytes, pieceBytes)) {
        state.given += piece.length;
        yield await Promise.resolve(piece);
      }
    } finally {
      state.released = true;
    }
  }
  return { state, pieces: pieces() };
}

Deno.test("events() come in the order of the format, and `end` is the last", async () => {
  const items = [...sampleTree(), file("~broken", "x".repeat(3000))];
  const { streamed, written } = await createInMemory(asFiles(items), {
    access: new MemoryFiles(items, { "~broken": { failsAt: 2048 } }),
    blockBytes: 1024,
    onProblem: () => {},
  });
  const stream = await ArchiveStream.open(nativeEngine, inPieces(streamed, 999), OPTIONS);
  const kinds: string[] = [];
  let last: StreamEvent | undefined;
  for await (const event of stream.events()) {
    if (kinds.at(-1) !== event.kind) kinds.push(event.kind);
    last = event;
  }
  assertEquals(kinds, ["block", "page", "orphans", "trailer", "end"]);
  assertEquals(last, { kind: "end", id: written.id, length: streamed.length });
  assertEquals(stream.offset, streamed.length);
});

Deno.test("events() gives a block out before the next one is asked for", async () => {
  const items = [file("a", seededRandom(1)(50_000))];
  const { streamed } = await createInMemory(asBytes(items), { blockBytes: 10_000, level: "store" });
  const { state, pieces } = watched(streamed);
  const stream = await ArchiveStream.open(nativeEngine, pieces, OPTIONS);
  const given: number[] = [];
  for await (const event of stream.events()) if (event.kind === "block") given.push(state.given);
  assertEquals(given.length, 5);
  given.forEach((bytes, i) => assert(bytes < 8192 + (i + 1) * 10_400 + 1000, `block ${i} after ${bytes} bytes`));
});

Deno.test("events() keeps memory bounded by a block: it is reused, and a block's data is good until the next", async () => {
  const items = [file("a", seededRandom(1)(300_000))];
  const { streamed } = await createInMemory(asBytes(items), { blockBytes: 10_000, level: "store" });
  const stream = await ArchiveStream.open(nativeEngine, [streamed], OPTIONS);
  const buffers = new Set<ArrayBufferLike>();
  const content: number[] = [];
  for await (const event of stream.events()) {
    if (event.kind !== "block") continue;
    buffers.add(event.block.data.buffer);
    content.push(...event.block.data);
  }
  assertEquals(Uint8Array.from(content), items[0]?.content);
  // Only a longer block than all before takes a larger buffer.
  assert(buffers.size <= 5, `${buffers.size} buffers for 30 blocks`);
});

Deno.test("events() gives blocks out in their order, however many are under way", async () => {
  const items = sampleTree();
  const { streamed } = await createInMemory(asBytes(items), { blockBytes: 256 });
  const inline = await readByStream(nativeEngine, [streamed], OPTIONS);
  for (const width of [1, 2, 3, 100]) {
    const wide = await readByStream(nativeEngine, inPieces(streamed, 700), OPTIONS, width);
    assertEquals([wide.error, wide.released], [undefined, inline.released]);
    assertEquals(digestOf(wide.entries), digestOf(inline.entries));
  }
});

Deno.test("events() gives out what is before the first bad block, however many are under way, and nothing behind it", async () => {
  const { streamed } = await createInMemory(asBytes([file("a", seededRandom(1)(5000))]), {
    blockBytes: 500,
    level: "store",
  });
  const blocks = regionsOf(streamed, 1).filter(({ name }) => name === "block");
  assertEquals(blocks.length, 10);
  for (const bad of [[0], [4], [4, 5, 9], [9]]) {
    const bytes = streamed.slice();
    for (const block of bad) {
      const { end = 0 } = blocks[block] ?? {};
      bytes[end - 1] = (bytes[end - 1] as number) ^ 1;
    }
    const inline = await readByStream(nativeEngine, [bytes], OPTIONS);
    for (const width of [1, 2, 3, 100]) {
      const wide = await readByStream(nativeEngine, [bytes], OPTIONS, width);
      assertEquals([wide.error?.code, wide.error?.place, wide.released], [
        "damaged",
        inline.error?.place,
        inline.released,
      ]);
      assertEquals(wide.error?.place.frame, bad[0]);
    }
  }
});

Deno.test("close() lets the source go in the middle of the archive", async () => {
  const { streamed } = await createInMemory(asBytes([file("a", seededRandom(1)(50_000))]), { blockBytes: 10_000 });
  const { state, pieces } = watched(streamed);
  const stream = await ArchiveStream.open(nativeEngine, pieces, OPTIONS);
  for await (const _ of stream.events()) break;
  await stream.close();
  assertEquals(state.released, true);
  assert(state.given < streamed.length);
});

Deno.test("open() warns about one bad header copy", async () => {
  const { streamed } = await createInMemory([]);
  const bytes = streamed.map((byte, i) => i === 4100 ? byte ^ 1 : byte);
  const warnings: string[] = [];
  await ArchiveStream.open(nativeEngine, [bytes], { ...OPTIONS, onWarning: (warning) => warnings.push(warning) });
  assertEquals(warnings, ["header copy B is damaged or out of date; the other one is good"]);
});

Deno.test("open() reads no more of a stream than its header", async () => {
  const { streamed } = await createInMemory(asBytes([file("a", seededRandom(1)(500_000))]));
  const { state, pieces } = watched(streamed, 512);
  await ArchiveStream.open(nativeEngine, pieces, OPTIONS);
  assertEquals(state.given, 8192);
  await pieces.return(undefined);
});

Deno.test("events() passes on what the stream throws", async () => {
  const { streamed } = await createInMemory(asBytes(sampleTree()));
  const pieces = function* (): Generator<Bytes> {
    yield streamed.slice(0, 9000);
    throw new Deno.errors.ConnectionReset("gone");
  };
  const stream = await ArchiveStream.open(nativeEngine, pieces(), OPTIONS);
  await assertRejects(async () => {
    for await (const _ of stream.events()) { /* until it fails */ }
  }, Deno.errors.ConnectionReset);
});

Deno.test("events() says where something was wrong, from the archive's start", async () => {
  const draft = draftOf([file("a", "x"), file("b", "y".repeat(100))], 64);
  draft.onFrame = (frame, name, index) => name === "block" && index === 1 ? { ...frame, head: { crc: 1 } } : frame;
  const { bytes, bodyOffset, frames } = sealDraft(draft);
  const stream = await ArchiveStream.open(nativeEngine, [bytes], OPTIONS);
  const error = await assertRejects(async () => {
    for await (const _ of stream.events()) { /* until it fails */ }
  }, ArchiveError);
  assertEquals([error.code, error.place.offset, error.place.frame], [
    "malformed",
    bodyOffset + (frames[1]?.offset ?? 0),
    1,
  ]);
});

Deno.test("events() of an archive that does not hold never end with `end`", async () => {
  const draft = draftOf(sampleTree());
  draft.onTrailer = (trailer) => ({ ...trailer, blocks: 7 });
  const stream = await ArchiveStream.open(nativeEngine, [sealDraft(draft).bytes], OPTIONS);
  const kinds: string[] = [];
  await assertRejects(async () => {
    for await (const { kind } of stream.events()) kinds.push(kind);
  }, ArchiveError);
  assertEquals(kinds, ["block", "block", "block", "page"]);
});
