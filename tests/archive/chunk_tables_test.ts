import { assert, assertEquals } from "@std/assert";
import { ChunkTables } from "../../src/archive/chunk_tables.ts";
import { SealedSpill } from "../../src/archive/sealed_spill.ts";
import { SpillFiles } from "../../src/disk/spill_files.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { type ChunkedBlock, decodeChunkTable } from "../../src/format/chunk_table.ts";
import { seededRandom } from "./archive_builder.ts";

const CHUNKS = 32_768;

function blocksOf(count: number): ChunkedBlock[] {
  const draw = seededRandom(3);
  const lengths = Array.from({ length: CHUNKS }, (_, i) => 1 + i % 500);
  return Array.from({ length: count }, (_, frame) => ({
    place: { frame, offset: 32 + frame * 4096, frameBytes: 4096 },
    lengths,
    ids: draw(16 * CHUNKS),
  }));
}

Deno.test("ChunkTables gives back every table in order when there is no room for all of them in memory", () => {
  const folder = Deno.makeTempDirSync();
  try {
    using spills = new SpillFiles(`${folder}/archive`);
    let files = 0;
    const tables = new ChunkTables(nativeEngine, "store", () => {
      files++;
      return new SealedSpill(nativeEngine, spills.make());
    });
    // Some 36 MiB of them: more than wait in memory.
    const blocks = blocksOf(65);
    for (const block of blocks.slice(0, 4)) tables.add(block);
    assertEquals(files, 0);
    for (const block of blocks.slice(4)) tables.add(block);
    tables.add({ place: { frame: 99, offset: 10, frameBytes: 48 }, lengths: [], ids: new Uint8Array(0) });
    assertEquals(files, 1);
    let next = 0;
    for (const { head, stored } of tables.finish()) {
      assertEquals(nativeEngine.crc32(stored), head.crc);
      for (const { place, ids } of decodeChunkTable(stored, head.rows, 0)) {
        const block = blocks[next++] as ChunkedBlock;
        assertEquals(place, block.place);
        assert(nativeEngine.equal(ids, block.ids), `the ids of block ${next}`);
      }
    }
    assertEquals(next, blocks.length);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
