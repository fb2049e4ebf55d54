import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { createArchive, type CreateOptions } from "../../src/archive/create.ts";
import type { PlannedEntry } from "../../src/archive/planner.ts";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { provisionalRow } from "../../src/format/rows.ts";
import { buildInParallel } from "../../src/parallel/build_blocks.ts";
import { archiveOf, entriesOf, makeTree } from "./trees.ts";
import { WorkerFailure, type WorkerThread } from "../../src/parallel/crew.ts";

/** A tree's entries, and one from memory. */
function* plannedEntries(root: string): Generator<PlannedEntry> {
  yield* entriesOf(root);
  const bytes = [new Uint8Array(70_000).fill(7), new TextEncoder().encode("the end")];
  yield { row: provisionalRow("zz-from-memory", "file"), content: { kind: "bytes", bytes } };
}

/** Bytes that are the same in each run. */
function countedBytes(): (length: number) => Bytes {
  let next = 0;
  return (length) => Uint8Array.from({ length }, () => next++ % 256);
}

async function create(
  entries: Iterable<PlannedEntry> | AsyncIterable<PlannedEntry>,
  jobs: number,
  more: Partial<CreateOptions> & { readonly start?: () => WorkerThread } = {},
): Promise<Bytes> {
  const { start, ...options } = more;
  using builders = new DisposableStack();
  return await archiveOf(entries, {
    random: countedBytes(),
    ...(jobs === 1 ? {} : {
      builder: (setting) => builders.use(buildInParallel(setting, { jobs, ...(start === undefined ? {} : { start }) })),
    }),
    ...options,
  });
}

Deno.test("buildInParallel() gives the bytes of one thread with any number of jobs", async () => {
  const root = makeTree();
  try {
    const one = await create(plannedEntries(root), 1);
    for (const jobs of [2, 3]) {
      const several = await create(plannedEntries(root), jobs);
      assertEquals(several.length, one.length);
      assertEquals(several.findIndex((byte, i) => byte !== one[i]), -1);
    }
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});

Deno.test("buildInParallel() gives the bytes of one thread with any number of jobs when content is shared", async () => {
  const root = makeTree();
  try {
    const noise = crypto.getRandomValues(new Uint8Array(65_536));
    Deno.writeFileSync(`${root}/twice`, new Uint8Array(await new Blob(Array(40).fill(noise)).arrayBuffer()));
    Deno.writeFileSync(`${root}/zy`, new Uint8Array([1, 2, 3, ...noise, ...noise]));
    const options = { dedup: true, blockBytes: 2 ** 17 };
    const one = await create(plannedEntries(root), 1, options);
    assert(one.length < (await create(plannedEntries(root), 1)).length);
    for (const jobs of [2, 3]) {
      const several = await create(plannedEntries(root), jobs, options);
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
      const planned = [...plannedEntries(root)].map((entry) =>
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

Deno.test("buildInParallel() gives the bytes of one thread for many small files, and when one of them is not as planned", async () => {
  const root = Deno.makeTempDirSync();
  try {
    for (let i = 0; i < 3000; i++) Deno.writeTextFileSync(`${root}/file-${10_000 + i}`, `${i} `.repeat(i % 40));
    const planned = [...entriesOf(root)];
    const told: string[] = [];
    const options = { blockBytes: 2 ** 18, onProblem: ({ path }: { path: string }) => told.push(path) };
    const hash = async (jobs: number) => nativeEngine.sha256(await create(planned, jobs, options));
    assertEquals(await hash(2), await hash(1));
    assertEquals(told, []);
    Deno.removeSync(`${root}/file-12900`);
    assertEquals(await hash(2), await hash(1));
    assertEquals(told, ["tree/file-12900", "tree/file-12900"]);
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});

Deno.test("buildInParallel() ends the attempt with the files named when a worker fails", async () => {
  const root = makeTree();
  try {
    const start = () =>
      new Worker(new URL("./failing_worker.ts", import.meta.url), { type: "module" }) as unknown as WorkerThread;
    const error = await assertRejects(() => create(plannedEntries(root), 2, { start }), WorkerFailure);
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
      () => create(plannedEntries(root), 2, { signal: controller.signal, onProgress }),
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
        createArchive(nativeEngine, plannedEntries(root), sink, {
          keys: [{ kind: "archive-key", archiveKey: new Uint8Array(32) }],
          blockBytes: 20_000,
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
