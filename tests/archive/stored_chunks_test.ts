import { assert, assertEquals } from "@std/assert";
import { Archive } from "../../src/archive/archive.ts";
import { ChunkIndex, type ChunkPlace } from "../../src/archive/chunk_index.ts";
import { partCutter } from "../../src/archive/content_cutter.ts";
import { StoredChunks } from "../../src/archive/stored_chunks.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import type { Bytes } from "../../src/engine/engine.ts";
import { CHUNK_ID_BYTES } from "../../src/format/chunk_table.ts";
import { deriveChunkIdKey, deriveGearTable } from "../../src/format/keys.ts";
import type { BlockPlace } from "../../src/format/row.ts";
import { provisionalRow } from "../../src/format/rows.ts";
import { seededRandom, TEST_KEY } from "./archive_builder.ts";
import { type Item, joined } from "./archive_draft.ts";
import { KEYS, MemoryArchive, TIME, update } from "./growing_archive.ts";
import { asFiles, createInMemory, MemoryFiles } from "./memory_files.ts";

const BLOCK_BYTES = 2 ** 16;
const random = (seed: number, length: number) => seededRandom(seed)(length);

function file(path: string, content: Bytes, seconds: number): Item {
  const mtime = { seconds, nanoseconds: 0 };
  const row = { ...provisionalRow(path, "file"), mode: 0o644, size: content.length, mtime, ctime: seconds, inode: 7 };
  return { row, content };
}

/** The ids of the chunks of some content, in the archive of {@linkcode TEST_KEY}. */
function idsOf(content: Bytes): Bytes[] {
  const cutting = {
    gear: deriveGearTable(nativeEngine, TEST_KEY),
    idKey: deriveChunkIdKey(nativeEngine, TEST_KEY),
  };
  const cut = partCutter({ engine: nativeEngine, access: undefined, cutting }, (length) => new Uint8Array(length));
  const row = provisionalRow("a", "file");
  const { ids } = cut([{ row, offset: 0, length: 0, last: true, content: { kind: "bytes", bytes: content } }]);
  return Array.from(
    { length: ids.length / CHUNK_ID_BYTES },
    (_, i) => ids.subarray(CHUNK_ID_BYTES * i, CHUNK_ID_BYTES * (i + 1)),
  );
}

type Found = Omit<ChunkPlace, "block"> & { readonly place: BlockPlace | undefined };

/** Looks some ids up together, so many at a time. */
async function lookUp(archive: Archive, ids: readonly Bytes[], atOnce: number) {
  const chunks = new StoredChunks(archive.segments, new ChunkIndex());
  const found: (Found | undefined)[] = [];
  for (let i = 0; i < ids.length; i += atOnce) {
    const some = ids.slice(i, i + atOnce);
    await chunks.lookUp(joined(...some));
    for (const id of some) {
      const at = chunks.index.find(id);
      found.push(at && { place: chunks.index.placeOf(at.block), dataOffset: at.dataOffset, length: at.length });
    }
  }
  return { found, taken: chunks.index.size };
}

Deno.test("StoredChunks finds the same chunks by a search as in an index that has all of them", async () => {
  const [first, second] = [random(1, 200_000), random(2, 100_000)];
  const items = [file("a", first, TIME - 1000)];
  const { known } = await createInMemory(asFiles(items), {
    access: new MemoryFiles(items),
    dedup: true,
    blockBytes: BLOCK_BYTES,
  });
  const target = new MemoryArchive(known);
  await update(target, [...items, file("b", joined(second, first), TIME + 10)], { blockBytes: BLOCK_BYTES });
  const archive = await Archive.open(nativeEngine, target, KEYS);
  const stored = [...idsOf(first), ...idsOf(second)];
  const others = idsOf(random(3, 100_000));
  const ids = [...stored, ...others];
  assert(ids.length > 60, `${ids.length} ids`);

  // One search, which takes little else than what is asked for; and so many that all tables are taken.
  const searched = await lookUp(archive, ids, ids.length);
  const loaded = await lookUp(archive, ids, 1);
  assertEquals(searched.found, loaded.found);
  // The last chunk of a file ends with it, and may be one that nobody else has.
  const places = searched.found.slice(0, stored.length);
  assert(places.filter((place) => place !== undefined).length >= stored.length - 2);
  assertEquals([...new Set(places.map((found) => found?.place?.segment ?? 0))], [0, 1]);
  assertEquals(searched.found.slice(stored.length), others.map(() => undefined));

  const one = await lookUp(archive, stored.slice(5, 6), 1);
  assertEquals(one.found, [loaded.found[5]]);
  assertEquals(one.taken, 1);
  assert(loaded.taken >= stored.length - 2, `${loaded.taken} chunks`);
});
