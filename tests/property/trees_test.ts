/** Any tree goes into an archive and comes out of it as it was, in both ways of reading. */
import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import type { Engine, SuiteId } from "../../src/engine/engine.ts";
import type { Level } from "../../src/archive/compress.ts";
import { asBytes, asFiles, createInMemory, FIXED_OPTIONS, MemoryFiles } from "../archive/memory_files.ts";
import { codeOf, contentOf, readBySeeking, readByStream, type ReadEntry } from "../archive/reading.ts";
import type { Item } from "../archive/archive_draft.ts";
import { atRandomSplits, CountedSource } from "../archive/sources.ts";
import { ENGINES } from "../engine/engines.ts";
import { type TreeAndBlocks, trees } from "./trees.ts";

const OPTIONS = { keys: FIXED_OPTIONS.keys };

/** How a tree is stored. */
interface Manner {
  readonly suite: SuiteId;
  readonly level: Level;
  readonly pad: boolean;
  /** Where content comes from. */
  readonly from: "files" | "sparse files" | "pieces";
  /** Whether entries come in path order. */
  readonly sorted: boolean;
}

const manner: fc.Arbitrary<Manner> = fc.record({
  suite: fc.constantFrom<SuiteId>(1, 2),
  level: fc.constantFrom<Level>(1, 3, "store"),
  pad: fc.boolean(),
  from: fc.constantFrom("files", "sparse files", "pieces"),
  sorted: fc.boolean(),
});

/** What was read, as what was stored: kept together with the row, so that one comparison shows both. */
function asItems(entries: readonly ReadEntry[]): Item[] {
  return entries.map((entry) =>
    entry.row.kind === "file" ? { row: entry.row, content: contentOf(entry) } : { row: entry.row }
  );
}

async function check(engine: Engine, { items, blockBytes }: TreeAndBlocks, manner: Manner): Promise<void> {
  const { suite, level, pad, from, sorted } = manner;
  const given = sorted ? items : [...items].reverse();
  const entries = from === "pieces" ? asBytes(given, 777) : asFiles(given, from === "sparse files");
  const access = new MemoryFiles(items);
  const created = await createInMemory(entries, { suite, level, pad, access, blockBytes }, engine);
  for (const bytes of [created.known, created.streamed]) {
    const seek = await readBySeeking(engine, new CountedSource(bytes), OPTIONS);
    assertEquals([codeOf(seek), seek.warnings], ["none", []]);
    assertEquals(asItems(seek.entries), items);
    const stream = await readByStream(engine, atRandomSplits(bytes, bytes.length), OPTIONS);
    assertEquals([codeOf(stream), stream.warnings], ["none", []]);
    assertEquals(asItems(stream.entries), items);
  }
}

for (const engine of ENGINES) {
  const numRuns = engine.name === "native" ? 40 : 12;
  Deno.test(`any tree goes into an archive and comes out as it was (${engine.name})`, async () => {
    const property = fc.asyncProperty(trees(30), manner, (tree, manner) => check(engine, tree, manner));
    await fc.assert(property, { numRuns, seed: 20_260_101 });
  });
}

Deno.test("an archive that one engine made is read by the other", async () => {
  const [native, portable] = ENGINES as [Engine, Engine];
  const property = fc.asyncProperty(trees(12), manner, async ({ items, blockBytes }, { suite, level }) => {
    for (const [maker, reader] of [[native, portable], [portable, native]] as const) {
      const { known } = await createInMemory(asBytes(items), { suite, level, blockBytes }, maker);
      assertEquals(asItems((await readBySeeking(reader, new CountedSource(known), OPTIONS)).entries), items);
    }
  });
  await fc.assert(property, { numRuns: 10, seed: 20_260_102 });
});
