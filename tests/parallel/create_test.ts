import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { createArchive, type CreateOptions } from "../../src/archive/create.ts";
import type { PlannedEntry } from "../../src/archive/planner.ts";
import { fileContent } from "../../src/disk/content.ts";
import { walk } from "../../src/disk/walk.ts";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { provisionalRow } from "../../src/format/rows.ts";
import { buildInParallel } from "../../src/parallel/build_blocks.ts";
import { WorkerFailure, type WorkerThread } from "../../src/parallel/crew.ts";

/** A tree with small files, empty ones, links, a sparse file, and one that spans many blocks. */
function makeTree(): string {
  const root = Deno.makeTempDirSync();
  for (let d = 0; d < 8; d++) {
    Deno.mkdirSync(`${root}/folder-${d}`);
    for (let f = 0; f < 40; f++) Deno.writeTextFileSync(`${root}/folder-${d}/file-${f}`, `${d} ${f}\n`.repeat(f * 11));
  }
  Deno.linkSync(`${root}/folder-1/file-3`, `${root}/folder-2/linked`);
  Deno.symlinkSync("../folder-1", `${root}/folder-3/link`);
  const large = new Uint8Array(300_000);
  for (let at = 0; at < large.length; at += 50_000) crypto.getRandomValues(large.subarray(at, at + 50_000));
  Deno.writeFileSync(`${root}/large`, large);
  using sparse = Deno.createSync(`${root}/sparse`);
  sparse.truncateSync(200_000);
  sparse.seekSync(100_000, Deno.SeekMode.Start);
  sparse.writeSync(large.subarray(0, 5000));
  return root;
}

function* entriesOf(root: string): Generator<PlannedEntry> {
  for (const { row, location, sparse } of walk([{ location: root, stored: "tree" }])) {
    yield { row, content: row.kind === "file" ? { kind: "file", location, sparse } : undefined };
  }
  const bytes = [new Uint8Array(70_000).fill(7), new TextEncoder().encode("the end")];
  yield { row: provisionalRow("zz-from-memory", "file"), content: { kind: "bytes", bytes } };
}

/** Bytes that are the same in each run. */
function countedBytes(): (length: number) => Bytes {
  let next = 0;
  return (length) => Uint8Array.from({ length }, () => next++ % 256);
}

const SETTINGS = { blockBytes: 20_000, time: { seconds: 1, nanoseconds: 0 } };

async function create(
  entries: Iterable<PlannedEntry> | AsyncIterable<PlannedEntry>,
  jobs: number,
  more: Partial<CreateOptions> & { readonly start?: () => WorkerThread } = {},
): Promise<Bytes> {
  const pieces: Bytes[] = [];
  const { start, ...options } = more;
  using builders = new DisposableStack();
  await createArchive(nativeEngine, entries, { write: (bytes) => void pieces.push(bytes.slice()) }, {
    keys: [{ kind: "archive-key", archiveKey: new Uint8Array(32).fill(1) }],
    random: countedBytes(),
    ...SETTINGS,
    ...(jobs === 1 ? { access: fileContent } : {
      builder: (setting) => builders.use(buildInParallel(setting, { jobs, ...(start === undefined ? {} : { start }) })),
    }),
    ...options,
  });
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

Deno.test("buildInParallel() gives the bytes of one thread with any number of jobs", async () => {
  const root = makeTree();
  try {
    const one = await create(entriesOf(root), 1);
    for (const jobs of [2, 3]) {
      const several = await create(entriesOf(root), jobs);
      assertEquals(several.length, one.length);
      assertEquals(several.findIndex((byte, i) => byte !== one[i]), -1);
    }
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});

Deno.test("buildInParallel() passes blocks that outgrow their slot", async () => {
  const large = Array.from({ length: 5 }, (_, i): PlannedEntry => ({
    row: provisionalRow(`file-${i}`, "file"),
    content: {
      kind: "bytes",
      bytes: [crypto.getRandomValues(new Uint8Array(65_536))].flatMap((b) => Array(90).fill(b)),
    },
  }));
  const options = { blockBytes: 2 ** 23, level: "store" as const };
  const one = await create(large, 1, options);
  const two = await create(large, 2, options);
  assertEquals(nativeEngine.sha256(two), nativeEngine.sha256(one));
});

Deno.test("buildInParallel() names files that vanish or change, as one thread does", async () => {
  const root = makeTree();
  try {
    const run = async (jobs: number) => {
      const told: string[] = [];
      const planned = [...entriesOf(root)].map((entry) =>
        entry.content?.kind === "file" && entry.row.path.endsWith("file-7")
          ? { ...entry, content: { ...entry.content, location: `${root}/gone` } }
          : entry.row.path.endsWith("file-8")
          ? { ...entry, row: { ...entry.row, ctime: 5 } }
          : entry
      );
      const bytes = await create(planned, jobs, {
        onProblem: ({ path, problem }) => told.push(`${path}: ${(problem as { code?: string }).code}`),
        onChanged: (path) => told.push(`${path} changed`),
      });
      return { told, hash: nativeEngine.sha256(bytes).toHex() };
    };
    const one = await run(1);
    assertEquals(one.told.length, 16);
    assertEquals(one.told.filter((line) => line.endsWith("ENOENT")).length, 8);
    assertEquals(await run(2), one);
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});

Deno.test("buildInParallel() ends the attempt with the files named when a worker fails", async () => {
  const root = makeTree();
  try {
    const start = () =>
      new Worker(new URL("./failing_worker.ts", import.meta.url), { type: "module" }) as unknown as WorkerThread;
    const error = await assertRejects(() => create(entriesOf(root), 2, { start }), WorkerFailure);
    assertEquals(
      /^Cannot store "tree\/folder-\d\/[^"]+" and what follows it: /.test(error.message),
      true,
      error.message,
    );
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});

Deno.test("createArchive() stops its workers' blocks when it is aborted", async () => {
  const root = makeTree();
  try {
    const controller = new AbortController();
    let blocks = 0;
    const onProgress = () => ++blocks === 6 && controller.abort(new Error("enough"));
    await assertRejects(
      () => create(entriesOf(root), 2, { signal: controller.signal, onProgress }),
      Error,
      "enough",
    );
    assertEquals(blocks < 15, true);
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});

Deno.test("createArchive() seals nothing more once a write has failed", async () => {
  const root = makeTree();
  try {
    let frames = 0;
    const failing = (setting: Parameters<typeof buildInParallel>[0]) => buildInParallel(setting, { jobs: 2 });
    using builders = new DisposableStack();
    let writes = 0;
    const sink = {
      write() {
        if (++writes === 8) throw new Error("the disk is full");
      },
    };
    await assertRejects(
      () =>
        createArchive(nativeEngine, entriesOf(root), sink, {
          keys: [{ kind: "archive-key", archiveKey: new Uint8Array(32) }],
          ...SETTINGS,
          builder: (setting) => {
            const builder = builders.use(failing(setting));
            return { width: builder.width, build: (plan) => (frames++, builder.build(plan)) };
          },
        }),
      Error,
      "the disk is full",
    );
    assertEquals(writes, 8);
    assertNotEquals(frames, 0);
    assertEquals(frames <= 8 + 4, true);
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});
