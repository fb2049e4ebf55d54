import { assert, assertEquals, assertRejects } from "@std/assert";
import { PlacedQueue } from "../../src/archive/placed_queue.ts";
import type { OpenSetting } from "../../src/archive/block_opener.ts";
import { ArchiveStream, type StreamEvent } from "../../src/archive/stream_reader.ts";
import { FileSource } from "../../src/disk/file_source.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { ArchiveError } from "../../src/format/errors.ts";
import { type CheckedBlock, checkInParallel, type CheckOptions } from "../../src/parallel/check_blocks.ts";
import { type ToWorker, WorkerFailure, type WorkerThread } from "../../src/parallel/crew.ts";
import type { CheckSetup, CheckTask } from "../../src/parallel/verify_worker.ts";
import { startCheckWorker } from "../../src/parallel/early_workers.ts";
import { FRAME_TYPE } from "../../src/format/frame.ts";
import { openInParallel } from "../../src/parallel/open_blocks.ts";
import { archiveOf, entriesOf, entry, KEY, makeTree, noise } from "./trees.ts";

async function check(archive: Uint8Array<ArrayBuffer>, jobs: number): Promise<StreamEvent<CheckedBlock>[]> {
  const stream = await ArchiveStream.open(nativeEngine, [archive], { keys: [KEY] });
  const events: StreamEvent<CheckedBlock>[] = [];
  using checkers = new DisposableStack();
  for await (const event of stream.events((setting) => checkers.use(checkInParallel(setting, { jobs })))) {
    events.push(event);
  }
  return events;
}

/** The same for a file, whose blocks are read by who checks them; `meanwhile` happens when its header has been read. */
async function checkFile(
  archive: Uint8Array<ArrayBuffer>,
  options: Omit<CheckOptions, "file">,
  meanwhile: (path: string) => void = () => {},
): Promise<StreamEvent<CheckedBlock>[]> {
  const path = Deno.makeTempFileSync();
  try {
    Deno.writeFileSync(path, archive);
    using file = FileSource.open(path);
    const stream = await ArchiveStream.open(nativeEngine, new PlacedQueue(file), { keys: [KEY] });
    meanwhile(path);
    const events: StreamEvent<CheckedBlock>[] = [];
    using checkers = new DisposableStack();
    for await (
      const event of stream.events((setting) => checkers.use(checkInParallel(setting, { ...options, file })))
    ) {
      events.push(event);
    }
    return events;
  } finally {
    Deno.removeSync(path);
  }
}

/** A worker, and the types and numbers of the frames that it was given. */
function spying(types: number[], frames: number[] = []): WorkerThread {
  const worker = startCheckWorker();
  const post = worker.postMessage.bind(worker);
  worker.postMessage = (message: ToWorker<CheckSetup, CheckTask>) => {
    if (message.kind === "task") {
      types.push(message.task.head.type);
      frames.push(message.task.frame);
    }
    post(message);
  };
  return worker;
}

/** Events without pages: who checks a file's pages elsewhere does not give them out. */
const withoutPages = (events: readonly StreamEvent<CheckedBlock>[]) =>
  events.filter(({ kind }) => kind !== "page" && kind !== "orphans");

const failing = () =>
  new Worker(new URL("./failing_worker.ts", import.meta.url), { type: "module" }) as unknown as WorkerThread;

Deno.test("checkInParallel() sees what one thread sees", async () => {
  const root = makeTree();
  try {
    const archive = await archiveOf(entriesOf(root));
    const one = await check(archive, 1);
    assert(one.filter(({ kind }) => kind === "block").length > 10);
    for (const jobs of [2, 3]) assertEquals(await check(archive, jobs), one);
    for (const jobs of [1, 2, 3]) assertEquals(await checkFile(archive, { jobs }), withoutPages(one));
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});

Deno.test("openInParallel() gives the blocks that one thread gives, each good until the next", async () => {
  const root = makeTree();
  try {
    const archive = await archiveOf(entriesOf(root));
    const read = async (jobs: number) => {
      const stream = await ArchiveStream.open(nativeEngine, [archive], { keys: [KEY] });
      const seen: unknown[] = [];
      using openers = new DisposableStack();
      for await (const event of stream.events((setting) => openers.use(openInParallel(setting, { jobs })))) {
        if (event.kind !== "block") seen.push(event);
        else seen.push(event.frame, event.block.entries, nativeEngine.sha256(event.block.data).toHex());
      }
      return seen;
    };
    const one = await read(1);
    for (const jobs of [2, 3]) assertEquals(await read(jobs), one);
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});

Deno.test("checkInParallel() takes an archive with files that failed half-way", async () => {
  const root = makeTree();
  try {
    const entries = [...entriesOf(root)].map((planned) =>
      planned.row.path.endsWith("file-9") && planned.content?.kind === "file"
        ? { ...planned, content: { ...planned.content, location: `${root}/none` } }
        : planned
    );
    const archive = await archiveOf(entries, { onProblem: () => {} });
    const one = await check(archive, 1);
    assertEquals(await check(archive, 2), one);
    for (const jobs of [1, 2, 3]) assertEquals(await checkFile(archive, { jobs }), withoutPages(one));
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});

Deno.test("checkInParallel() meets the first of several bad frames first, wherever they are", async () => {
  const archive = await archiveOf([entry("a", "file", noise(400_000))]);
  for (const places of [[30_000], [100_000], [250_000, 100_000], [archive.length - 3000], [archive.length - 9000]]) {
    const bad = archive.slice();
    for (const place of places) bad[place] = (bad[place] as number) ^ 4;
    const one = await assertRejects(() => check(bad, 1), ArchiveError);
    const two = await assertRejects(() => check(bad, 2), ArchiveError);
    assertEquals([two.code, two.message, two.place], [one.code, one.message, one.place]);
    for (const jobs of [1, 2, 3]) {
      const found = await assertRejects(() => checkFile(bad, { jobs }), ArchiveError);
      assertEquals([found.code, found.message, found.place], [one.code, one.message, one.place]);
    }
  }
});

Deno.test("checkInParallel() has pages checked by workers, and says of a bad one what one thread says", async () => {
  const entries = Array.from(
    { length: 9000 },
    (_, i) => entry(`file-${i + 10_000}`, "file", new Uint8Array(100).fill(i % 256)),
  );
  const archive = await archiveOf(entries);
  const one = await check(archive, 1);
  const pages = one.filter(({ kind }) => kind === "page").length;
  assert(pages > 4, `${pages} pages`);
  const stream = await ArchiveStream.open(nativeEngine, [archive], { keys: [KEY] });
  const places: number[] = [];
  for await (const { kind } of stream.events()) if (kind === "page") places.push(stream.offset - 100);
  for (const jobs of [1, 2, 3]) {
    const asked: number[] = [];
    const start = () => spying(asked);
    assertEquals(await checkFile(archive, { jobs, start }), withoutPages(one));
    assertEquals(asked.some((type) => type === FRAME_TYPE.page), jobs > 1);
    for (const place of [places[0] as number, places[3] as number]) {
      const bad = archive.slice();
      bad[place] = (bad[place] as number) ^ 1;
      const expected = await assertRejects(() => check(bad, 1), ArchiveError);
      const found = await assertRejects(() => checkFile(bad, { jobs }), ArchiveError);
      assertEquals([found.code, found.message, found.place], [expected.code, expected.message, expected.place]);
    }
  }
});

Deno.test("checkInParallel() gives workers that have been started the first blocks, and others the second", async () => {
  const archive = await archiveOf([entry("a", "file", noise(400_000))]);
  const firstGiven = async (started: boolean): Promise<number | undefined> => {
    const frames: number[] = [];
    const start = () => spying([], frames);
    await checkFile(archive, { jobs: 2, start, started });
    return frames[0];
  };
  assertEquals([await firstGiven(true), await firstGiven(false)], [0, 1]);
});

Deno.test("checkInParallel() says where a file ends that is cut off while it is read, and which frame lacks", async () => {
  const archive = await archiveOf([entry("a", "file", noise(400_000))]);
  for (const length of [8192 + 32, 8192 + 32 + 20, 30_000, 250_000, archive.length - 4096, archive.length - 1]) {
    const one = await assertRejects(() => check(archive.slice(0, length), 1), ArchiveError);
    assert(one.code === "truncated" && one.message.endsWith(`it ends at byte ${length}`), one.message);
    for (const jobs of [1, 2, 3]) {
      const cut = (path: string) => Deno.truncateSync(path, length);
      const found = await assertRejects(() => checkFile(archive, { jobs }, cut), ArchiveError);
      assertEquals([found.code, found.message, found.place], [one.code, one.message, one.place]);
    }
  }
});

Deno.test("checkInParallel() goes on with the file that was opened when another takes its name", async () => {
  const archive = await archiveOf([entry("a", "file", noise(400_000))]);
  const replace = (path: string) => {
    Deno.writeFileSync(`${path}.new`, noise(archive.length));
    Deno.renameSync(`${path}.new`, path);
  };
  assertEquals(await checkFile(archive, { jobs: 2 }, replace), withoutPages(await check(archive, 1)));
});

Deno.test("checkInParallel() has this thread read a file that others cannot open", async () => {
  const archive = await archiveOf([entry("a", "file", noise(400_000))]);
  const file: FileSource = Object.create(FileSource.prototype, { descriptor: { value: 2 ** 30 } });
  const stream = await ArchiveStream.open(nativeEngine, [archive], { keys: [KEY] });
  const events: StreamEvent<CheckedBlock>[] = [];
  using checkers = new DisposableStack();
  const begin = (setting: OpenSetting) => {
    const checker = checkers.use(checkInParallel(setting, { jobs: 2, file }));
    assertEquals(checker.openAt, undefined);
    return checker;
  };
  for await (const event of stream.events(begin)) events.push(event);
  assertEquals(events, await check(archive, 1));
});

Deno.test("checkInParallel() checks a file with a recovery record, whose bytes are all read in order", async () => {
  const archive = await archiveOf([entry("a", "file", noise(400_000))], { recovery: 10 });
  const open = (bytes: Iterable<Uint8Array<ArrayBuffer>> | PlacedQueue) =>
    ArchiveStream.open(nativeEngine, bytes, { keys: [KEY], checkRecovery: true });
  assertEquals((await open([archive])).leavesBlocks, false);
  const plain = await archiveOf([entry("a", "file", noise(1000))]);
  const placed = {
    size: plain.length,
    readInto: (offset: number, into: Uint8Array) => {
      into.set(plain.subarray(offset, offset + into.length));
      return into;
    },
  };
  assertEquals((await open(new PlacedQueue(placed))).leavesBlocks, true);
  const path = Deno.makeTempFileSync();
  try {
    Deno.writeFileSync(path, archive);
    using file = FileSource.open(path);
    for (const options of [{ jobs: 1 }, { jobs: 2 }, { jobs: 2, file }]) {
      const stream = await open(new PlacedQueue(file));
      assertEquals(stream.leavesBlocks, false);
      const events: StreamEvent<CheckedBlock>[] = [];
      using checkers = new DisposableStack();
      for await (const event of stream.events((setting) => checkers.use(checkInParallel(setting, options)))) {
        events.push(event);
      }
      assertEquals(events, await check(archive, 1));
    }
  } finally {
    Deno.removeSync(path);
  }
});

Deno.test("checkInParallel() ends when a worker fails, whoever reads", async () => {
  const archive = await archiveOf([entry("a", "file", noise(400_000))]);
  await assertRejects(() => checkFile(archive, { jobs: 2, start: failing }), WorkerFailure, "it is out of order");
});
