/** Creating archives: what becomes of problems, changes, progress and signals, and of several blocks under way. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { Archive } from "../../src/archive/archive.ts";
import { type BlockBuilder, type BlockSetting, blockTools, buildBlock } from "../../src/archive/block_builder.ts";
import { createArchive } from "../../src/archive/create.ts";
import type { ContentAccess } from "../../src/archive/source.ts";
import { seededRandom } from "./archive_builder.ts";
import { regionsOf } from "./frame_map.ts";
import { asFiles, createInMemory, FIXED_OPTIONS, MemoryFileError, MemoryFiles, MemorySink } from "./memory_files.ts";
import { codeOf, digestOf, readBySeeking, readByStream } from "./reading.ts";
import { file, sampleTree } from "./sample_tree.ts";
import { CountedSource } from "./sources.ts";

const OPTIONS = { keys: FIXED_OPTIONS.keys };

const openKnown = (bytes: Bytes) => Archive.open(nativeEngine, new CountedSource(bytes), OPTIONS);

/** Creates an archive of a file in four slices, one of which fails, between two good files. */
async function createBroken(failsAt: number | "all", content = seededRandom(9)(400)) {
  const items = [file("a", "first"), file("broken", content), file("c", "last")];
  const problems: string[] = [];
  const created = await createInMemory(asFiles(items), {
    access: new MemoryFiles(items, { broken: { failsAt } }),
    blockBytes: 100,
    onProblem: ({ path, problem }) => problems.push(`${path}: ${(problem as Error).message}`),
  });
  const stream = await readByStream(nativeEngine, [created.streamed], OPTIONS);
  const seek = await readBySeeking(nativeEngine, new CountedSource(created.known), OPTIONS);
  assertEquals([codeOf(stream), codeOf(seek)], ["none", "none"]);
  assertEquals(digestOf(stream.entries), digestOf(seek.entries));
  const regions = regionsOf(created.known, 1);
  return {
    problems,
    paths: seek.entries.map(({ row }) => row.path),
    orphanPages: regions.filter(({ name }) => name === "orphanPage").length,
    trailer: (await openKnown(created.known)).trailer,
    written: created.written,
  };
}

for (
  const [which, failsAt, orphanPages] of [["first", 0, 1], ["second", 100, 1], ["third", 200, 1], [
    "last",
    300,
    1,
  ]] as const
) {
  Deno.test(`createArchive() leaves a file out of the catalog whose ${which} slice fails, and names its orphans`, async () => {
    const { problems, paths, trailer, written, ...found } = await createBroken(failsAt);
    assertEquals(problems, [`broken: Cannot read "broken" at ${failsAt}`]);
    assertEquals(paths, ["a", "c"]);
    assertEquals([found.orphanPages, trailer.orphanPages, trailer.partial], [orphanPages, orphanPages, true]);
    assertEquals(written.totals.files, 2);
  });
}

Deno.test("createArchive() needs no orphan page for a file of which nothing could be read", async () => {
  const { problems, paths, orphanPages, trailer } = await createBroken("all");
  assertEquals(problems, ['broken: Cannot open "broken"']);
  assertEquals([paths, orphanPages, trailer.partial], [["a", "c"], 0, true]);
});

Deno.test("createArchive() throws the first problem when nobody listens for problems", async () => {
  const items = [file("a", "x"), file("gone", "y")];
  const access = new MemoryFiles(items, { gone: { failsAt: "all" } });
  await assertRejects(() => createInMemory(asFiles(items), { access }), MemoryFileError, 'Cannot open "gone"');
});

Deno.test("createArchive() names what changed and flags the archive as partial", async () => {
  const items = [file("a", "same"), file("b", "planned"), file("broken", "x".repeat(300))];
  const changed: string[] = [];
  const problems: string[] = [];
  const { known } = await createInMemory(asFiles(items), {
    access: new MemoryFiles(items, { b: { content: new Uint8Array(3) }, broken: { failsAt: 0, status: { ctime: 1 } } }),
    blockBytes: 100,
    onChanged: (path) => changed.push(path),
    onProblem: ({ path }) => problems.push(path),
  });
  // What failed is not also said to have been stored.
  assertEquals([changed, problems], [["b"], ["broken"]]);
  assertEquals((await openKnown(known)).trailer.partial, true);
});

Deno.test("createArchive() flags the archive as partial when its entries were incomplete", async () => {
  const { known } = await createInMemory([], { isPartial: () => true });
  assertEquals((await openKnown(known)).trailer.partial, true);
});

Deno.test("createArchive() counts what it stores, block by block", async () => {
  const items = Array.from({ length: 10 }, (_, i) => file(`f${i}`, "x".repeat(60)));
  const steps: { entries: number; bytes: number }[] = [];
  await createInMemory(asFiles(items), {
    access: new MemoryFiles(items),
    blockBytes: 120,
    onProgress: ({ entries, bytes }) => steps.push({ entries, bytes }),
  });
  assertEquals(steps, Array(5).fill({ entries: 2, bytes: 120 }));
});

Deno.test("createArchive() ends with the signal's reason, between blocks and before the first", async () => {
  const items = Array.from({ length: 10 }, (_, i) => file(`f${i}`, "x".repeat(60)));
  const controller = new AbortController();
  let blocks = 0;
  const options = {
    access: new MemoryFiles(items),
    blockBytes: 60,
    signal: controller.signal,
    onProgress: () => {
      if (++blocks === 3) controller.abort(new Error("enough"));
    },
  };
  await assertRejects(() => createInMemory(asFiles(items), options), Error, "enough");
  assertEquals(blocks, 3);
  const aborted = AbortSignal.abort(new Error("never"));
  await assertRejects(() => createInMemory([], { signal: aborted }), Error, "never");
});

/** Builds several blocks at a time and never in their order, as workers may. */
function wideBuilder(access: ContentAccess, width: number): (setting: BlockSetting) => BlockBuilder {
  return (setting) => ({
    width,
    build: async (plan) => {
      for (let turn = plan.frame % width; turn < width; turn++) await Promise.resolve();
      // Tools of its own: what one call leaves in memory is not another's.
      return buildBlock(plan, blockTools(nativeEngine, setting, access));
    },
  });
}

Deno.test("createArchive() makes the same archive however many blocks are under way", async () => {
  const items = [...sampleTree(), file("~large", seededRandom(4)(20_000))];
  const access = new MemoryFiles(items, { "big.bin": { failsAt: 1024 } });
  const make = async (width?: number) => {
    const problems: string[] = [];
    const created = await createInMemory(asFiles(items), {
      access,
      blockBytes: 1024,
      onProblem: ({ path }) => problems.push(path),
      ...(width === undefined ? {} : { builder: wideBuilder(access, width) }),
    });
    return { problems, known: created.known };
  };
  const inline = await make();
  assertEquals(inline.problems, ["big.bin"]);
  for (const width of [1, 2, 3, 100]) assertEquals(await make(width), inline, `${width}`);
});

Deno.test("createArchive() says why writing failed, however many blocks are under way", async () => {
  const items = [file("~large", seededRandom(4)(20_000))];
  const access = new MemoryFiles(items);
  for (const width of [1, 2, 3, 100]) {
    for (const failsAt of [0, 1, 2, 5, 20, 22, 25]) {
      const options = { ...FIXED_OPTIONS, access, blockBytes: 1024, builder: wideBuilder(access, width) };
      const create = () => createArchive(nativeEngine, asFiles(items), new MemorySink(failsAt), options);
      await assertRejects(create, MemoryFileError, "the disk is full", `width ${width}, write ${failsAt}`);
    }
  }
  assertEquals(access.openReaders, 0);
});

Deno.test("createArchive() passes on what a builder of blocks throws", async () => {
  const items = [file("~large", seededRandom(4)(20_000))];
  for (const width of [1, 3]) {
    const builder = (): BlockBuilder => ({
      width,
      build: ({ frame }) => frame === 2 ? Promise.reject(new Error("a worker died")) : new Promise(() => {}),
    });
    const first = (setting: BlockSetting): BlockBuilder => {
      const good = wideBuilder(new MemoryFiles(items), width)(setting);
      return { width, build: (plan) => plan.frame < 2 ? good.build(plan) : builder().build(plan) };
    };
    await assertRejects(
      () => createInMemory(asFiles(items), { blockBytes: 1024, builder: first }),
      Error,
      "a worker died",
    );
  }
});

Deno.test("createArchive() writes nothing more once it has ended with the signal's reason", async () => {
  const items = [file("~large", seededRandom(4)(5000))];
  const late: string[] = [];
  for (let abortsAt = 0; abortsAt < 20; abortsAt++) {
    const controller = new AbortController();
    let writes = 0;
    let over = false;
    const sink = {
      async write() {
        if (over) late.push(`after an abort in write ${abortsAt}, write ${writes}`);
        if (writes++ === abortsAt) controller.abort(new Error("enough"));
        // As long as a disk takes: what was waited for goes on when the wait has ended.
        await new Promise((resolve) => setTimeout(resolve, 1));
      },
    };
    const options = { ...FIXED_OPTIONS, access: new MemoryFiles(items), blockBytes: 1024, signal: controller.signal };
    const ended = await createArchive(nativeEngine, asFiles(items), sink, options).then(
      () => "whole",
      (error) => error.message,
    );
    over = true;
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert(ended === "enough" || ended === "whole" && writes <= abortsAt + 1, `${abortsAt}: ${ended}`);
  }
  assertEquals(late, []);
});
