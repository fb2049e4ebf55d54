/** The bytes that are written: what they read as, what is sealed in them, and what is refused. */
import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import type { Bytes, Engine } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { Archive } from "../../src/archive/archive.ts";
import { blockTools, buildBlock } from "../../src/archive/block_builder.ts";
import { createArchive, type CreateOptions } from "../../src/archive/create.ts";
import { padmeLength } from "../../src/archive/padding.ts";
import { ArchiveWriter } from "../../src/archive/writer.ts";
import { seededRandom, TEST_KEY } from "./archive_builder.ts";
import {
  asBytes,
  asFiles,
  createInMemory,
  FIXED_OPTIONS,
  MemoryFileError,
  MemoryFiles,
  MemorySink,
} from "./memory_files.ts";
import { codeOf, contentOf, digestOf, readBySeeking, readByStream } from "./reading.ts";
import { file, row, sampleTree } from "./sample_tree.ts";
import { CountedSource } from "./sources.ts";

const OPTIONS = { keys: FIXED_OPTIONS.keys };

const openKnown = (bytes: Bytes) => Archive.open(nativeEngine, new CountedSource(bytes), OPTIONS);

/** An engine that records every message that is sealed, as key and nonce. */
function recording(): { engine: Engine; sealed: string[] } {
  const sealed: string[] = [];
  const engine: Engine = {
    ...nativeEngine,
    aead: (suite, key) => {
      const aead = nativeEngine.aead(suite, key);
      const name = key.join();
      return {
        open: (nonce, bytes, out) => aead.open(nonce, bytes, out),
        seal: (nonce, bytes, out) => {
          sealed.push(`${name} ${nonce.join()}`);
          aead.seal(nonce, bytes, out);
        },
      };
    },
  };
  return { engine, sealed };
}

Deno.test("createArchive() writes in one pass what reads the same by stream and by place, before and after its header is known", async () => {
  const items = sampleTree();
  const { known, streamed, written } = await createInMemory(asFiles(items), {
    access: new MemoryFiles(items),
    blockBytes: 4096,
  });
  assertEquals([known.length % 4096, written.length, written.header.length], [0, known.length, 8192]);
  assertEquals(known.subarray(8192), streamed.subarray(8192));
  const digests = new Set<string>();
  for (const bytes of [known, streamed]) {
    const stream = await readByStream(nativeEngine, [bytes], OPTIONS);
    const seek = await readBySeeking(nativeEngine, new CountedSource(bytes), OPTIONS);
    assertEquals([codeOf(stream), codeOf(seek), stream.warnings, seek.warnings], ["none", "none", [], []]);
    digests.add(digestOf(stream.entries)).add(digestOf(seek.entries));
    const paths = stream.entries.map(({ row }) => row.path);
    assertEquals(paths, items.map(({ row }) => row.path));
  }
  assertEquals(digests.size, 1);
});

Deno.test("createArchive() says what it wrote, and the archive says the same", async () => {
  const items = sampleTree();
  const { known, written } = await createInMemory(asFiles(items), {
    access: new MemoryFiles(items),
    label: "a label\n",
    writer: "coffer 0",
  });
  const archive = await openKnown(known);
  assertEquals(archive.trailer.totals, written.totals);
  assertEquals(written.totals, {
    entries: 10,
    files: 5,
    directories: 2,
    symlinks: 1,
    hardlinks: 1,
    fifos: 1,
    bytes: items.reduce((sum, { row }) => sum + row.size, 0),
  });
  assertEquals(archive.id, written.id);
  assertEquals(written.id, nativeEngine.sha256(known.subarray(-256)));
  const { label, time, writer, partial } = archive.trailer;
  assertEquals({ label, time, writer, partial }, {
    label: "a label\n",
    time: FIXED_OPTIONS.time,
    writer: "coffer 0",
    partial: false,
  });
});

Deno.test("createArchive() takes content of unknown length, and sets the sizes", async () => {
  const items = sampleTree();
  const { known } = await createInMemory(asBytes(items, 777), { blockBytes: 1024 });
  const { entries } = await readBySeeking(nativeEngine, new CountedSource(known), OPTIONS);
  assertEquals(
    entries.map((entry) => [entry.row.size, contentOf(entry)]),
    items.map(({ row, content }) => [row.size, content ?? new Uint8Array(0)]),
  );
});

Deno.test("createArchive() seals no two messages under one key and nonce", async () => {
  const items = [...sampleTree(), file("~large", seededRandom(1)(300_000))];
  for (const suite of [1, 2] as const) {
    const { engine, sealed } = recording();
    const access = new MemoryFiles(items, { "big.bin": { failsAt: 4096 } });
    await createInMemory(
      asFiles(items),
      { suite, access, blockBytes: 100_000, pad: true, onProblem: () => {} },
      engine,
    );
    assert(sealed.length > 20);
    assertEquals(new Set(sealed).size, sealed.length);
  }
});

Deno.test("createArchive() makes no two archives that share bytes beyond their formal parts", async () => {
  const random = (length: number) => nativeEngine.randomBytes(length);
  const [first, second] = await Promise.all([1, 2].map(() => createInMemory(asBytes(sampleTree()), { random })));
  assert(first !== undefined && second !== undefined);
  assertEquals(first.known.length, second.known.length);
  assertNotEquals(first.written.id, second.written.id);
  for (let at = 8192; at < first.known.length; at += 16) {
    assertNotEquals(first.known.subarray(at, at + 16), second.known.subarray(at, at + 16));
  }
});

Deno.test("createArchive() seals nothing more after a write has failed, whichever it is", async () => {
  const items = sampleTree();
  const run = async (failsAt: number) => {
    const { engine, sealed } = recording();
    let sealedBefore = -1;
    const inner = new MemorySink(failsAt);
    const sink = {
      write: (bytes: Bytes) => {
        try {
          inner.write(bytes);
        } catch (error) {
          sealedBefore = sealed.length;
          throw error;
        }
      },
    };
    const options: CreateOptions = { ...FIXED_OPTIONS, access: new MemoryFiles(items), blockBytes: 1024 };
    const written = await createArchive(engine, asFiles(items), sink, options).catch((error) => error);
    return { written, sealed: sealed.length, sealedBefore, writes: inner.writes };
  };
  const { writes } = await run(Infinity);
  assert(writes > 15);
  for (let failsAt = 0; failsAt < writes; failsAt++) {
    const { written, sealed, sealedBefore } = await run(failsAt);
    assert(written instanceof MemoryFileError, `write ${failsAt}`);
    assertEquals(sealed, sealedBefore, `write ${failsAt}`);
  }
});

Deno.test("ArchiveWriter gives no frame number after a failed write, and cannot be finished", async () => {
  const sink = new MemorySink(3);
  const writer = ArchiveWriter.begin(nativeEngine, sink, FIXED_OPTIONS);
  const tools = blockTools(nativeEngine, writer.setting, undefined);
  const build = () => buildBlock({ frame: writer.nextFrame(), parts: [] }, tools);
  await writer.writeBlock(build());
  const next = build();
  await assertRejects(() => writer.writeBlock(next), MemoryFileError);
  await assertRejects(() => Promise.resolve().then(() => writer.nextFrame()), Error);
  await assertRejects(() => writer.finish(), Error);
  assertEquals(sink.writes, 3);
});

Deno.test("ArchiveWriter gives no frame number after finish()", async () => {
  const writer = ArchiveWriter.begin(nativeEngine, new MemorySink(), FIXED_OPTIONS);
  await writer.finish();
  await assertRejects(() => Promise.resolve().then(() => writer.nextFrame()), Error, "has ended");
});

Deno.test("createArchive() does not use bytes again that it has given to the sink", async () => {
  const pieces: Bytes[] = [];
  const copies: Bytes[] = [];
  const sink = {
    write(bytes: Bytes) {
      copies.push(bytes.slice());
      pieces.push(bytes);
    },
  };
  const items = sampleTree();
  await createArchive(nativeEngine, asFiles(items), sink, {
    ...FIXED_OPTIONS,
    access: new MemoryFiles(items),
    blockBytes: 512,
  });
  assertEquals(pieces, copies);
});

Deno.test("createArchive() pads to a Padmé length when asked to", async () => {
  for (const bytes of [10, 70_000, 300_000]) {
    const items = [file("a", seededRandom(bytes)(bytes))];
    const plain = await createInMemory(asBytes(items), { level: "store" });
    const padded = await createInMemory(asBytes(items), { level: "store", pad: true });
    const bodyBytes = padded.known.length - 8192;
    assert(padded.known.length >= plain.known.length);
    assertEquals(bodyBytes, Math.ceil(padmeLength(bodyBytes) / 4096) * 4096);
    assertEquals(codeOf(await readByStream(nativeEngine, [padded.known], OPTIONS)), "none");
  }
});

Deno.test("createArchive() fills pages exactly whatever length its content has", async () => {
  // A padding frame of 64 KiB and 64 bytes cannot be had: its last chunk would be a tag alone.
  for (let bytes = 0; bytes < 4096; bytes += 48) {
    const { known, streamed } = await createInMemory(asBytes([file("a", seededRandom(1)(bytes))]), { level: "store" });
    assertEquals(known.length % 4096, 0);
    assertEquals(codeOf(await readByStream(nativeEngine, [streamed], OPTIONS)), "none");
  }
});

Deno.test("createArchive() refuses two entries of one path, in one block and far apart", async () => {
  const near = [file("a", "x"), file("a", "y")];
  const far = [
    file("a", "x"),
    ...Array.from({ length: 5000 }, (_, i) => ({ row: row(`f${i}`, "fifo") })),
    file("a", "y"),
  ];
  for (const items of [near, far]) {
    await assertRejects(
      () => createInMemory(asBytes(items)),
      TypeError,
      'Cannot store "a": two entries have that path',
    );
  }
});

Deno.test("createArchive() refuses what would make an archive that no reader takes, before anything is written", async () => {
  const key = FIXED_OPTIONS.keys[0];
  assert(key !== undefined);
  const passphrases = (count: number) =>
    Array.from({ length: count }, (_, i) => ({ kind: "passphrase", passphrase: `p${i}` }) as const);
  const kdf = { logN: 10, r: 1, p: 1 };
  const refused: readonly (readonly [what: string, options: Partial<CreateOptions>])[] = [
    ["no key", { keys: [] }],
    ["a short key", { keys: [{ kind: "archive-key", archiveKey: new Uint8Array(31) }] }],
    ["nine passphrases", { keys: passphrases(9), kdf }],
    ["an empty passphrase", { keys: [{ kind: "passphrase", passphrase: "" }], kdf }],
    ["a label of 1025 bytes", { label: "x".repeat(1025) }],
    ["a label that is no Unicode", { label: "\ud800" }],
    ["a writer of 256 bytes", { writer: "x".repeat(256) }],
    ["logN 9", { keys: passphrases(1), kdf: { ...kdf, logN: 9 } }],
    ["r 0", { keys: passphrases(1), kdf: { ...kdf, r: 0 } }],
    ["p 17", { keys: passphrases(1), kdf: { ...kdf, p: 17 } }],
    ["a time in the year 10000", { time: { seconds: 253_402_300_800, nanoseconds: 0 } }],
    ["a time with 10^9 nanoseconds", { time: { seconds: 0, nanoseconds: 1_000_000_000 } }],
    ["half a nanosecond", { time: { seconds: 0, nanoseconds: 0.5 } }],
  ];
  const accepted: string[] = [];
  for (const [what, options] of refused) {
    const sink = new MemorySink();
    try {
      await createArchive(nativeEngine, [], sink, { ...FIXED_OPTIONS, ...options });
      accepted.push(what);
    } catch (error) {
      assert(error instanceof RangeError || error instanceof TypeError, `${what}: ${error}`);
      if (sink.writes > 0) accepted.push(`${what}, until ${sink.writes} writes were done`);
    }
  }
  assertEquals(accepted, []);
});

Deno.test("createArchive() makes room in the header for eight passphrases", async () => {
  const keys = Array.from({ length: 8 }, (_, i) => ({ kind: "passphrase", passphrase: `passphrase ${i}` }) as const);
  const { known, written } = await createInMemory(asBytes(sampleTree()), { keys, kdf: { logN: 10, r: 1, p: 1 } });
  assertEquals(written.header.length, 2 * 4096);
  for (const key of keys) {
    assertEquals(codeOf(await readBySeeking(nativeEngine, new CountedSource(known), { keys: [key] })), "none");
  }
});

Deno.test("createArchive() stores a block of many long links that a reader takes", async () => {
  const items = Array.from({ length: 4200 }, (_, i) => ({
    row: row(`l${String(i).padStart(4, "0")}`, "symlink", { link: "t".repeat(4096) }),
  }));
  const { streamed } = await createInMemory(asBytes(items));
  assertEquals(codeOf(await readByStream(nativeEngine, [streamed], OPTIONS)), "none");
});

Deno.test("ArchiveWriter refuses a block that is not the next one: frames stand in the order of their numbers", async () => {
  const sink = new MemorySink();
  const writer = ArchiveWriter.begin(nativeEngine, sink, FIXED_OPTIONS);
  const tools = blockTools(nativeEngine, writer.setting, undefined);
  const [first, second] = [0, 1].map(() => buildBlock({ frame: writer.nextFrame(), parts: [] }, tools));
  assert(first !== undefined && second !== undefined);
  await assertRejects(() => writer.writeBlock(second), RangeError, "it is not the next one");
  await writer.writeBlock(first);
  await assertRejects(() => writer.writeBlock(first), RangeError, "it is not the next one");
});

Deno.test("createArchive() leaves room for the header and no secret there when it is to come last", async () => {
  const items = sampleTree();
  const { streamed, known } = await createInMemory(asBytes(items), { headerLast: true });
  assertEquals(streamed.subarray(0, 8192), new Uint8Array(8192));
  assertEquals(codeOf(await readByStream(nativeEngine, [known], OPTIONS)), "none");
  assertEquals(codeOf(await readByStream(nativeEngine, [streamed], OPTIONS)), "not-an-archive");
});

Deno.test("createArchive() keeps no reference to the key it was given", async () => {
  const archiveKey = TEST_KEY.slice();
  const entries = function* () {
    archiveKey.fill(0);
    yield* asBytes(sampleTree());
  };
  const { known } = await createInMemory(entries(), { keys: [{ kind: "archive-key", archiveKey }] });
  assertEquals(codeOf(await readByStream(nativeEngine, [known], OPTIONS)), "none");
});
