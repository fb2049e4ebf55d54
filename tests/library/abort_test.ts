import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { openArchive } from "../../src/library/archive.ts";
import { createArchive } from "../../src/library/create.ts";
import type { Entry } from "../../src/library/entry.ts";
import type { OpenOptions } from "../../src/library/keys.ts";
import { readArchive, type StreamItem } from "../../src/library/read.ts";
import { verifyArchive } from "../../src/library/verify.ts";
import { noise, testEach } from "../engine/engines.ts";
import { ARCHIVE_KEY, collect, createBytes, PASSPHRASE } from "./samples.ts";

const OPTIONS = { archiveKey: ARCHIVE_KEY };
const REASON = new Error("enough");

/** A source of bytes that says when it is let go, and why. */
class Tap {
  released = 0;
  reason: unknown;
  readonly #chunks: readonly Uint8Array[];
  readonly #hangs: boolean;

  /** Gives `chunks`; then it hangs, or gives the last one for ever. */
  constructor(chunks: readonly Uint8Array[], hangs: boolean) {
    this.#chunks = chunks;
    this.#hangs = hangs;
  }

  stream(): ReadableStream<Uint8Array> {
    let next = 0;
    return new ReadableStream({
      pull: (controller) => {
        const chunk = this.#chunks[Math.min(next, this.#chunks.length - 1)] as Uint8Array;
        if (next++ >= this.#chunks.length && this.#hangs) return new Promise<never>(() => {});
        controller.enqueue(chunk);
      },
      cancel: (reason) => {
        this.released++;
        this.reason = reason;
      },
    }, { highWaterMark: 0 });
  }

  async *generator(): AsyncGenerator<Uint8Array> {
    try {
      for (let next = 0;; next++) {
        yield this.#chunks[Math.min(next, this.#chunks.length - 1)] as Uint8Array;
        // Something that ends by itself: a generator that never returns cannot be let go by anybody.
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    } finally {
      this.released++;
    }
  }
}

/** Reads a stream until it has given so many chunks, and goes on reading. */
async function readOn(readable: ReadableStream<Uint8Array>, chunks: number, then: () => void): Promise<void> {
  for await (const _ of readable) if (--chunks === 0) then();
}

const CHUNK = noise(2 ** 20);

testEach("createArchive() aborted while it waits for content lets everything go at once", async (engine) => {
  const tap = new Tap([CHUNK, CHUNK, CHUNK], true);
  let entriesReleased = 0;
  const abort = new AbortController();
  async function* entries(): AsyncGenerator<Entry> {
    try {
      yield { path: "a", content: tap.stream() };
    } finally {
      entriesReleased++;
    }
  }
  const { readable, result } = createArchive(engine, entries(), { ...OPTIONS, signal: abort.signal });
  // Header and salt come; the first block waits for more.
  const error = await assertRejects(() => readOn(readable, 2, () => setTimeout(() => abort.abort(REASON), 5)));
  assertStrictEquals(error, REASON);
  assertStrictEquals(await assertRejects(() => result), REASON);
  assertEquals([tap.released, tap.reason, entriesReleased], [1, REASON, 1]);
});

testEach("createArchive() whose stream is cancelled lets everything go before cancel() returns", async (engine) => {
  for (const kind of ["stream", "generator"] as const) {
    const tap = new Tap([CHUNK], false);
    let entriesReleased = 0;
    const entries = new ReadableStream<Entry>({
      pull: (controller) => controller.enqueue({ path: "a", content: tap[kind]() }),
      cancel: () => void entriesReleased++,
    }, { highWaterMark: 0 });
    const { readable, result } = createArchive(engine, entries, OPTIONS);
    const reader = readable.getReader();
    for (let i = 0; i < 4; i++) assertEquals((await reader.read()).done, false);
    await reader.cancel(REASON);
    assertEquals([tap.released, entriesReleased], [1, 1], kind);
    assertStrictEquals(await assertRejects(() => result), REASON);
  }
});

testEach("createArchive() does nothing before its stream is read", async (engine) => {
  let asked = 0;
  let released = 0;
  const pull = () => void asked++;
  const entries = new ReadableStream<Entry>({ pull, cancel: () => void released++ }, { highWaterMark: 0 });
  const options = { passphrase: "a passphrase that nobody derives a key from" };
  const { readable, result } = createArchive(engine, entries, options);
  await new Promise((resolve) => setTimeout(resolve, 5));
  assertEquals([asked, entries.locked], [0, false]);
  await readable.cancel(REASON);
  assertStrictEquals(await assertRejects(() => result), REASON);
  assertEquals([asked, released], [0, 1]);
});

testEach("createArchive() aborted before it began settles, read or not", async (engine) => {
  for (const when of ["before", "after"]) {
    let asked = 0;
    let released = 0;
    const pull = () => void asked++;
    const entries = new ReadableStream<Entry>({ pull, cancel: () => void released++ }, { highWaterMark: 0 });
    const abort = new AbortController();
    if (when === "before") abort.abort(REASON);
    const { readable, result } = createArchive(engine, entries, { ...OPTIONS, signal: abort.signal });
    if (when === "after") abort.abort(REASON);
    assertStrictEquals(await assertRejects(() => result), REASON);
    assertStrictEquals(await assertRejects(() => readable.getReader().read()), REASON);
    assertEquals([asked, released], [0, 1], when);
  }
});

testEach("createArchive() aborted while nobody reads errors at once", async (engine) => {
  const abort = new AbortController();
  const tap = new Tap([CHUNK], false);
  const entries = [{ path: "a", content: tap.stream() }];
  const { readable, result } = createArchive(engine, entries, { ...OPTIONS, signal: abort.signal });
  const reader = readable.getReader();
  for (let i = 0; i < 3; i++) await reader.read();
  abort.abort(REASON);
  assertStrictEquals(await assertRejects(() => result), REASON);
  assertStrictEquals(await assertRejects(() => reader.read()), REASON);
  assertEquals(tap.released, 1);
});

testEach("createArchive() passes on what entries and content throw, and lets the others go", async (engine) => {
  const broken = new ReadableStream<Uint8Array>({
    pull(controller): void {
      controller.enqueue(CHUNK);
      controller.error(REASON);
    },
  });
  let released = 0;
  function* entries(content: Entry["content"]): Generator<Entry> {
    try {
      yield { path: "a", content };
      throw REASON;
    } finally {
      released++;
    }
  }
  for (const content of [broken, "fine"]) {
    const { readable, result } = createArchive(engine, entries(content), OPTIONS);
    assertStrictEquals(await assertRejects(() => new Response(readable).bytes()), REASON);
    assertStrictEquals(await assertRejects(() => result), REASON);
  }
  assertEquals(released, 2);
});

testEach("createArchive() cancels the content of an entry that it refuses", async (engine) => {
  const tap = new Tap([CHUNK], false);
  const { readable } = createArchive(engine, [{ path: "../a", content: tap.stream() }], OPTIONS);
  await assertRejects(() => new Response(readable).bytes(), TypeError, "../a");
  assertEquals(tap.released, 1);
});

testEach("readArchive() and verifyArchive() aborted while they wait for bytes reject at once", async (engine) => {
  const { bytes } = await createBytes(engine, [{ path: "a", content: noise(3_000_000) }]);
  for (const length of [100, 8192 + 32 + 1000, bytes.length - 1000]) {
    for (const work of ["read", "verify"] as const) {
      const tap = new Tap([bytes.slice(0, length)], true);
      const abort = new AbortController();
      const options = { ...OPTIONS, signal: abort.signal };
      setTimeout(() => abort.abort(REASON), 5);
      const error = await assertRejects(async () => {
        if (work === "verify") await verifyArchive(engine, tap.stream(), options);
        else for await (const item of readArchive(engine, tap.stream(), options)) await drain(item);
      });
      assertStrictEquals(error, REASON);
      assertEquals([tap.released, tap.reason], [1, REASON], `${work} ${length}`);
    }
  }
});

async function drain(item: StreamItem): Promise<void> {
  if (item.type === "entry") { for await (const _ of item.content); }
}

testEach("readArchive() lets go of a stream that is no archive, or that no key opens", async (engine) => {
  const { bytes } = await createBytes(engine, [{ path: "a", content: "x" }]);
  for (const start of [noise(200_000), bytes]) {
    const tap = new Tap([start], true);
    await assertRejects(() => collect(readArchive(engine, tap.stream(), { archiveKey: noise(32, 1) })));
    assertEquals(tap.released, 1);
    const generator = new Tap([start], true).generator();
    await assertRejects(() => verifyArchive(engine, generator, { archiveKey: noise(32, 1) }));
    assertEquals((await generator.next()).done, true);
  }
});

testEach("an archive's signal ends what is read of it later", async (engine) => {
  const { bytes } = await createBytes(engine, [{ path: "a", content: noise(5_000_000) }]);
  const abort = new AbortController();
  const archive = await openArchive(engine, bytes, { ...OPTIONS, signal: abort.signal });
  const reader = archive.read("a").getReader();
  assert((await reader.read()).done === false);
  abort.abort(REASON);
  const error = await assertRejects(async () => {
    while (!(await reader.read()).done);
  });
  assertStrictEquals(error, REASON);
  assertStrictEquals(await assertRejects(() => archive.get("a")), REASON);
  assertStrictEquals(await assertRejects(() => archive.verify()), REASON);
});

testEach("Archive.read() reads no more than is asked for", async (engine) => {
  const { bytes } = await createBytes(engine, [{ path: "a", content: noise(20_000_000) }], { ...OPTIONS });
  let read = 0;
  const source = {
    size: bytes.length,
    read(offset: number, length: number): Promise<Uint8Array> {
      read += length;
      return Promise.resolve(bytes.subarray(offset, offset + length));
    },
  };
  const archive = await openArchive(engine, source, OPTIONS);
  const opened = read;
  const content = archive.read("a");
  await new Promise((resolve) => setTimeout(resolve, 5));
  assertEquals(read, opened);
  const reader = content.getReader();
  await reader.read();
  await reader.cancel();
  assert(read - opened < 5_000_000, `${read - opened}`);
});

testEach("pieces of an archive may be transferred by whoever reads them", async (engine) => {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  const { readable, result } = createArchive(engine, [{ path: "a", content: noise(5_000_000) }], OPTIONS);
  const reader = readable.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    // As handing it to a worker or to a byte stream does: the writer's view of it is empty from now on.
    pieces.push(structuredClone(value, { transfer: [value.buffer] }));
  }
  const bytes = await new Blob(pieces).bytes();
  const { id, length } = await result;
  assertEquals(bytes.length, length);
  assertEquals((await verifyArchive(engine, bytes, OPTIONS)).id, id);
});

testEach("an abort does not wait for a key derivation or for a source that hangs", async (engine) => {
  const { bytes } = await createBytes(engine, [], PASSPHRASE);
  const hang = () => new Promise<never>(() => {});
  const stuck = { ...engine, scrypt: hang };
  const source = { size: bytes.length, read: hang };
  const work: ((options: OpenOptions) => Promise<unknown>)[] = [
    (options) => openArchive(stuck, bytes, options),
    (options) => verifyArchive(stuck, bytes, options),
    (options) => collect(readArchive(stuck, [bytes], options)),
    (options) => createArchive(stuck, [], options).readable.getReader().read(),
    (options) => openArchive(engine, source, options),
    (options) => verifyArchive(engine, source, options),
    (options) => verifyArchive(engine, hangingGenerator(), options),
  ];
  for (const start of work) {
    const abort = new AbortController();
    setTimeout(() => abort.abort(REASON), 5);
    assertStrictEquals(await assertRejects(() => start({ ...PASSPHRASE, signal: abort.signal })), REASON);
  }
});

async function* hangingGenerator(): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(0);
  await new Promise<never>(() => {});
}
