import { assert, assertEquals, assertRejects } from "@std/assert";
import { Archive } from "../../src/archive/archive.ts";
import { extractArchive } from "../../src/disk/extract.ts";
import type { ExtractOptions } from "../../src/disk/restorer.ts";
import { FileSource } from "../../src/disk/file_source.ts";
import { type RestoreOptions, type RestoreProblem, RestoreTarget } from "../../src/disk/restore.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { ArchiveError } from "../../src/format/errors.ts";
import { WorkerFailure, type WorkerThread } from "../../src/parallel/crew.ts";
import type { BlockPlace, Row } from "../../src/format/row.ts";
import { restoreInParallel } from "../../src/parallel/restore_files.ts";
import { archiveOf, entriesOf, entry, KEY, makeTree, noise, snapshotOf } from "./trees.ts";

/** Content that makes an archive large enough for threads to be started. */
const BALLAST = noise(4.5e6);

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    await work(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

interface Extraction {
  readonly problems: RestoreProblem[];
  readonly entries: number;
  readonly bytes: number;
  /** Whether files were restored block by block. */
  readonly parallel: boolean;
}

async function extract(
  path: string,
  /** Threads that share the work block by block; `undefined`: file by file, as a library's user reads. */
  jobs: number | undefined,
  directory: string,
  more: Partial<RestoreOptions> & Partial<ExtractOptions> & {
    readonly start?: () => WorkerThread;
    /** Happens when the catalog is open and no block has been read. */
    readonly meanwhile?: () => void;
  } = {},
): Promise<Extraction> {
  const problems: RestoreProblem[] = [];
  let parallel = false;
  using source = FileSource.open(path);
  const archive = await Archive.open(nativeEngine, source, { keys: [KEY] });
  using target = RestoreTarget.open({ onProblem: (problem) => problems.push(problem), ...more, directory });
  const report = await extractArchive(archive, source.size, target, {
    prefixes: [""],
    maxExpansion: 1000,
    ...more,
    ...(jobs === undefined ? {} : {
      crew: (host) => {
        const access = (place: BlockPlace) => archive.accessTo(place);
        const options = { jobs, descriptor: source.descriptor, access, metadata: more };
        const crew = restoreInParallel(
          host,
          archive.setting,
          more.start === undefined ? options : { ...options, start: more.start },
        );
        parallel = crew !== undefined;
        more.meanwhile?.();
        return crew;
      },
    }),
  });
  target.finish();
  return { problems, parallel, ...report };
}

Deno.test("restoreInParallel() restores what one thread restores", async () => {
  await withFolder(async (folder) => {
    const root = makeTree();
    Deno.writeFileSync(`${root}/ballast`, BALLAST);
    Deno.writeFileSync(`${folder}/a`, await archiveOf(entriesOf(root)));
    const one = await extract(`${folder}/a`, undefined, `${folder}/one`);
    const told = ({ path, size, mode }: Row) => `${path} ${size} ${mode}`;
    const files = Array.from(entriesOf(root), ({ row }) => row).filter(({ kind }) => kind === "file");
    // Each file under its own path, as it is, and where its place has to be asked for.
    for (const [i, placing] of [{}, { distinctPlaces: true, place: (row: Row) => row.path }].entries()) {
      for (const jobs of [1, 2, 3]) {
        const out = `${folder}/several-${jobs}-${i}`;
        const names: string[] = [];
        const onEntry = (row: Row) => void (row.kind === "file" && names.push(told(row)));
        const several = await extract(`${folder}/a`, jobs, out, { ...placing, onEntry });
        assert(several.parallel);
        assertEquals({ ...several, parallel: false }, one);
        assertEquals(snapshotOf(`${out}/tree`), snapshotOf(`${folder}/one/tree`));
        assertEquals(names.toSorted(), files.map(told).toSorted());
      }
    }
    assertEquals(snapshotOf(`${folder}/one/tree`), snapshotOf(root));
    // Holes stay holes.
    assert((Deno.statSync(`${folder}/several-2-0/tree/sparse`).blocks ?? 0) * 512 < 100_000);
    Deno.removeSync(root, { recursive: true });
  });
});

Deno.test("restoreInParallel() restores what files share, large and small, as one thread does", async () => {
  const root = makeTree();
  try {
    await withFolder(async (folder) => {
      // Small files whose content lies in blocks of others, in turns with some of their own.
      for (let i = 0; i < 300; i++) {
        Deno.writeFileSync(
          `${root}/s${i}`,
          i % 3 === 0 ? noise(3000 + i) : BALLAST.subarray(9000 * i, 9000 * i + 40_000),
        );
      }
      Deno.writeFileSync(`${root}/ballast`, BALLAST);
      const turns = Array.from(
        { length: 60 },
        (_, i) => [BALLAST.subarray(i * 70_000, i * 70_000 + 30_000), noise(4000)],
      );
      Deno.writeFileSync(`${root}/turns`, new Uint8Array(await new Blob(turns.flat()).arrayBuffer()));
      const path = `${folder}/archive`;
      Deno.writeFileSync(path, await archiveOf(entriesOf(root), { dedup: true }));
      const one = await extract(path, undefined, `${folder}/one`, { distinctPlaces: true });
      for (const jobs of [1, 2, 3]) {
        const several = await extract(path, jobs, `${folder}/${jobs}`, { distinctPlaces: true });
        assert(several.parallel);
        assertEquals({ ...several, parallel: false }, one);
        assertEquals(snapshotOf(`${folder}/${jobs}/tree`), snapshotOf(root));
      }
    });
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});

Deno.test("restoreInParallel() restores what is chosen, and nothing else", async () => {
  await withFolder(async (folder) => {
    const root = makeTree();
    Deno.writeFileSync(`${root}/ballast`, BALLAST);
    Deno.writeFileSync(`${folder}/a`, await archiveOf(entriesOf(root)));
    const place = ({ path }: { readonly path: string }) =>
      path.startsWith("tree/folder-5/file-1") || path === "tree/large" ? path.slice(5) : undefined;
    const done = await extract(`${folder}/a`, 2, `${folder}/out`, { place });
    assertEquals([done.parallel, done.problems], [true, []]);
    const names = ["file-1", ...Array.from({ length: 10 }, (_, i) => `file-1${i}`)].map((name) => `folder-5/${name}`);
    const files = Object.entries(snapshotOf(`${folder}/out`)).filter(([, what]) => what.startsWith("file"));
    assertEquals(files.map(([path]) => path).sort(), [...names, "large"].sort());
    Deno.removeSync(root, { recursive: true });
  });
});

Deno.test("restoreInParallel() treats names that are taken as one thread does", async () => {
  for (const existing of ["refuse", "skip", "overwrite"] as const) {
    await withFolder(async (folder) => {
      const root = makeTree();
      Deno.writeFileSync(`${root}/ballast`, BALLAST);
      Deno.writeFileSync(`${folder}/a`, await archiveOf(entriesOf(root)));
      const runs: unknown[] = [];
      for (const jobs of [undefined, 1, 2]) {
        const out = `${folder}/out-${jobs}`;
        Deno.mkdirSync(`${out}/tree/folder-1`, { recursive: true });
        Deno.writeTextFileSync(`${out}/tree/folder-1/file-7`, "mine");
        Deno.writeTextFileSync(`${out}/tree/large`, "mine");
        Deno.utimeSync(`${out}/tree/folder-1/file-7`, 5, 5);
        Deno.symlinkSync(`${folder}/outside`, `${out}/tree/folder-1/file-8`);
        Deno.symlinkSync(folder, `${out}/tree/folder-4`);
        const { problems, entries, bytes } = await extract(`${folder}/a`, jobs, out, { existing });
        const told = problems.map(({ path, kind, reason }) => `${kind} ${path}: ${reason}`).sort();
        runs.push({ told, entries, bytes, seen: snapshotOf(`${out}/tree/folder-1`) });
        assertEquals([...Deno.readDirSync(folder)].some(({ name }) => name === "outside" || name === "file-1"), false);
        // Only to a file of this run is anything linked.
        assertEquals(Deno.statSync(`${out}/tree/folder-2/linked`).nlink, 2);
        assertEquals(Deno.readTextFileSync(`${out}/tree/large`).slice(0, 4) === "mine", existing !== "overwrite");
      }
      const [plain, one, two] = runs as { seen: Record<string, string> }[];
      for (const run of [plain, one, two]) delete run?.seen["."];
      assertEquals([one, two], [plain, plain]);
      Deno.removeSync(root, { recursive: true });
    });
  }
});

Deno.test("restoreInParallel() gives a place that two entries share to the first of them", async () => {
  await withFolder(async (folder) => {
    const entries = [
      entry("a", "directory"),
      entry("a/x", "file", new TextEncoder().encode("first")),
      entry("b", "directory"),
      entry("b/ballast", "file", BALLAST),
      entry("b/x", "file", new TextEncoder().encode("second")),
    ];
    Deno.writeFileSync(`${folder}/a`, await archiveOf(entries, { blockBytes: 2 ** 21 }));
    const place = ({ path }: { readonly path: string }) => path.split("/")[1];
    const done = await extract(`${folder}/a`, 2, `${folder}/out`, { place });
    assert(done.parallel);
    assertEquals(done.problems.map(({ path, kind }) => [path, kind]), [["x", "collision"]]);
    assertEquals(Deno.readTextFileSync(`${folder}/out/x`), "first");
  });
});

Deno.test("restoreInParallel() keeps the expansion limit", async () => {
  await withFolder(async (folder) => {
    // Not zeros, which would be holes; each block is the same few bytes again and again.
    const bytes = new Uint8Array(2 ** 20).fill(1);
    async function* content() {
      for (let i = 0; i < 1100; i++) yield await Promise.resolve(bytes);
    }
    const bomb = { ...entry("bomb", "file"), content: { kind: "bytes" as const, bytes: content() } };
    const entries = [entry("ballast", "file", BALLAST), bomb];
    Deno.writeFileSync(`${folder}/a`, await archiveOf(entries, { blockBytes: 2 ** 23 }));
    const error = await assertRejects(
      () => extract(`${folder}/a`, 2, `${folder}/out`, { maxExpansion: 1 }),
      ArchiveError,
    );
    assertEquals(error.code, "limit");
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["a"]);
  });
});

Deno.test("restoreInParallel() refuses a damaged block and leaves nothing behind", async () => {
  await withFolder(async (folder) => {
    const entries = [entry("a", "file", BALLAST.subarray(0, 4e6)), entry("b", "file", BALLAST)];
    const archive = await archiveOf(entries, { blockBytes: 2 ** 18 });
    archive[5_000_000] = (archive[5_000_000] as number) ^ 1;
    Deno.writeFileSync(`${folder}/a`, archive);
    const error = await assertRejects(() => extract(`${folder}/a`, 2, `${folder}/out`), ArchiveError);
    assertEquals(error.code, "damaged");
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["a"]);
  });
});

Deno.test("restoreInParallel() goes on with the archive that was opened when another takes its name", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/a`;
    Deno.writeFileSync(path, await archiveOf([entry("a", "file", BALLAST), entry("b", "file", BALLAST)]));
    const meanwhile = () => {
      Deno.writeFileSync(`${path}.new`, noise(9e6));
      Deno.renameSync(`${path}.new`, path);
    };
    const done = await extract(path, 2, `${folder}/out`, { meanwhile });
    assertEquals([done.parallel, done.problems], [true, []]);
    for (const name of ["a", "b"]) assertEquals(Deno.readFileSync(`${folder}/out/${name}`), BALLAST);
  });
});

Deno.test("restoreInParallel() says so when the archive is cut off while it is read, and leaves nothing behind", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/a`;
    const archive = await archiveOf([entry("a", "file", BALLAST), entry("b", "file", BALLAST)]);
    for (const length of [10_000, 2_000_000, 7_000_000]) {
      Deno.writeFileSync(path, archive);
      const meanwhile = () => Deno.truncateSync(path, length);
      const error = await assertRejects(() => extract(path, 2, `${folder}/out`, { meanwhile }), ArchiveError);
      assertEquals(error.code, "truncated");
      assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["a"]);
    }
  });
});

Deno.test("restoreInParallel() ends with the files named when a worker fails, and when it is aborted", async () => {
  await withFolder(async (folder) => {
    Deno.writeFileSync(`${folder}/a`, await archiveOf([entry("a", "file", BALLAST), entry("b", "file", BALLAST)]));
    const start = () =>
      new Worker(new URL("./failing_worker.ts", import.meta.url), { type: "module" }) as unknown as WorkerThread;
    const error = await assertRejects(() => extract(`${folder}/a`, 2, `${folder}/out`, { start }), WorkerFailure);
    assert(error.message.startsWith('Cannot restore "a": '), error.message);
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["a"]);
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error("enough"));
    await assertRejects(
      () => extract(`${folder}/a`, 2, `${folder}/out`, { signal: controller.signal, onProgress }),
      Error,
      "enough",
    );
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["a"]);
  });
});

Deno.test("restoreInParallel() starts no worker for one job, and ends in the middle of a file when it is aborted", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/a`;
    Deno.writeFileSync(path, await archiveOf([entry("a", "file", BALLAST)], { blockBytes: 2 ** 17 }));
    const start = () => {
      throw new Error("A worker was started");
    };
    const done = await extract(path, 1, `${folder}/whole`, { start });
    assertEquals([done.parallel, done.bytes], [true, BALLAST.length]);
    const controller = new AbortController();
    let bytes = 0;
    const onProgress = (step: { readonly bytes: number }) => {
      bytes += step.bytes;
      controller.abort(new Error("enough"));
    };
    const aborted = () => extract(path, 1, `${folder}/out`, { start, signal: controller.signal, onProgress });
    await assertRejects(aborted, Error, "enough");
    // Some blocks may be done when the first is told of.
    assert(bytes > 0 && bytes < BALLAST.length / 2, `${bytes}`);
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), ["a", "whole"]);
  });
});

Deno.test("extractArchive() finishes all folders and links of a tree that has more of them than are remembered", async () => {
  await withFolder(async (folder) => {
    const mtime = { seconds: 1_000_000, nanoseconds: 0 };
    const entries = [entry("a", "file", noise(10)), entry("b", "hardlink", undefined, { link: "a" })];
    for (let i = 10_000; i < 26_400; i++) entries.push(entry(`d${i}`, "directory", undefined, { mode: 0o750, mtime }));
    entries.push(entry("z", "symlink", undefined, { link: "a", mtime }));
    Deno.writeFileSync(`${folder}/archive`, await archiveOf(entries, { blockBytes: 2 ** 20 }));
    const out = `${folder}/out`;
    assertEquals((await extract(`${folder}/archive`, undefined, out)).entries, entries.length);
    for (const name of ["d10000", "d26399"]) {
      const { mode, mtime: found } = Deno.lstatSync(`${out}/${name}`);
      assertEquals([(mode ?? 0) % 0o1000, found?.getTime()], [0o750, 1e9], name);
    }
    assertEquals(Deno.lstatSync(`${out}/b`).ino, Deno.lstatSync(`${out}/a`).ino);
    assertEquals(Deno.readLinkSync(`${out}/z`), "a");
  });
});
