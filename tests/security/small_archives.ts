/** Small whole archives of every kind that tests alter, and what must come of each alteration. */
import { assert, assertEquals } from "@std/assert";
import type { Bytes, SuiteId } from "../../src/engine/engine.ts";
import { isZero } from "../../src/format/bytes.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { Archive } from "../../src/archive/archive.ts";
import { type Region, type RegionName, regionsOf } from "../archive/frame_map.ts";
import { asFiles, createInMemory, FIXED_OPTIONS, MemoryFiles } from "../archive/memory_files.ts";
import { codeOf, digestOf, readBySeeking, readByStream, type Reading } from "../archive/reading.ts";
import { directory, file, row } from "../archive/sample_tree.ts";
import { CountedSource } from "../archive/sources.ts";

/** A whole archive, and what it reads as. */
export interface SmallArchive {
  readonly name: string;
  readonly suite: SuiteId;
  readonly bytes: Bytes;
  readonly regions: readonly Region[];
  /** The blocks that have something of the catalog's entries; the others have only what failed. */
  readonly soughtBlocks: ReadonlySet<number>;
  /** The digest of its entries. */
  readonly digest: string;
}

const OPTIONS = { keys: FIXED_OPTIONS.keys };

/** Every kind of entry, a file of three blocks, and one that fails behind its first block and leaves an orphan page. */
const ITEMS = [
  directory("a"),
  file("a/b.txt", "hello, world\n"),
  { row: row("a/link", "symlink", { link: "b.txt" }) },
  file("big", "0123456789".repeat(60)),
  file("broken", "x".repeat(300)),
  { row: row("hard", "hardlink", { link: "a/b.txt" }) },
  { row: row("pipe", "fifo") },
];

/** Makes the four: both suites, each as in a file and as through a pipe. */
export async function smallArchives(): Promise<readonly SmallArchive[]> {
  const archives: SmallArchive[] = [];
  for (const suite of [1, 2] as const) {
    const access = new MemoryFiles(ITEMS, { broken: { failsAt: 256 } });
    const created = await createInMemory(asFiles(ITEMS), {
      suite,
      access,
      blockBytes: 256,
      onProblem: () => {},
    });
    for (const [state, bytes] of [["known", created.known], ["streamed", created.streamed]] as const) {
      const reading = await readByStream(nativeEngine, [bytes], OPTIONS);
      assertEquals([codeOf(reading), reading.warnings], ["none", []]);
      const regions = regionsOf(bytes, suite);
      const soughtBlocks = await blocksOf(bytes);
      const blocks = regions.filter(({ name }) => name === "block").length;
      assert(soughtBlocks.size > 1 && soughtBlocks.size < blocks);
      archives.push({
        name: `suite ${suite}, ${state}`,
        suite,
        bytes,
        regions,
        soughtBlocks,
        digest: digestOf(reading.entries),
      });
    }
  }
  for (const { regions } of archives) {
    const names: readonly RegionName[] = ["block", "page", "orphanPage", "index", "segmentTable", "snapshotTable"];
    for (const name of names) assert(regions.some((region) => region.name === name), name);
  }
  return archives;
}

async function blocksOf(bytes: Bytes): Promise<ReadonlySet<number>> {
  const archive = await Archive.open(nativeEngine, new CountedSource(bytes), OPTIONS);
  const blocks = new Set<number>();
  for await (const { extents } of archive.entries()) for (const { block } of extents) blocks.add(block.frame);
  return blocks;
}

/** Frames and fields that random access has no use for: what is altered in them it cannot see. */
const NOT_SOUGHT: ReadonlySet<RegionName> = new Set(["salt", "orphanPage", "padding", "end"]);

function assertWhole(archive: SmallArchive, reading: Reading, what: string, warnings: number): void {
  assertEquals([codeOf(reading), reading.warnings.length], ["none", warnings], what);
  assertEquals(digestOf(reading.entries), archive.digest, what);
}

/** Flips one bit and reads the archive in both ways. */
export async function checkFlip(archive: SmallArchive, at: number, bit: number): Promise<void> {
  const bytes = archive.bytes.slice();
  bytes[at] = (bytes[at] as number) ^ (2 ** bit);
  const { name, frame = -1 } = archive.regions.find(({ start, end }) => at >= start && at < end) as Region;
  const what = `${archive.name}: bit ${bit} of byte ${at}, in ${name}`;
  const stream = await readByStream(nativeEngine, [bytes], OPTIONS);
  const seek = await readBySeeking(nativeEngine, new CountedSource(bytes), OPTIONS);
  if (name === "copyA" || name === "copyB") {
    assertWhole(archive, stream, what, 1);
    assertWhole(archive, seek, what, 1);
    return;
  }
  assertEquals(codeOf(stream), "damaged", what);
  if (NOT_SOUGHT.has(name) || (name === "block" && !archive.soughtBlocks.has(frame))) {
    assertWhole(archive, seek, what, 0);
  } else assertEquals(codeOf(seek), "damaged", what);
}

/** Cuts the archive to a length below its own and reads it in both ways. */
export async function checkCut(archive: SmallArchive, length: number): Promise<void> {
  const bytes = archive.bytes.slice(0, length);
  const stream = await readByStream(nativeEngine, [bytes], OPTIONS);
  const seek = await readBySeeking(nativeEngine, new CountedSource(bytes), OPTIONS);
  // Less than the magic is not told from any other short file.
  const code = length < 8 ? "not-an-archive" : "truncated";
  assertEquals([codeOf(stream), codeOf(seek)], [code, code], `${archive.name}: cut to ${length} bytes`);
}

/** Puts bytes behind the archive and reads it in both ways. */
export async function checkFollowed(archive: SmallArchive, tail: Bytes): Promise<void> {
  const bytes = new Uint8Array(archive.bytes.length + tail.length);
  bytes.set(archive.bytes);
  bytes.set(tail, archive.bytes.length);
  const stream = await readByStream(nativeEngine, [bytes], OPTIONS);
  const seek = await readBySeeking(nativeEngine, new CountedSource(bytes), OPTIONS);
  const what = `${archive.name}: ${tail.length} bytes behind it`;
  // What an interrupted update may leave behind does not keep the snapshots before it from being read.
  const torn = archive.name.endsWith("known") && (tail.length < 80 || isZero(tail.subarray(0, 4096)));
  assertEquals([codeOf(stream), codeOf(seek)], ["trailing-data", torn ? "none" : "trailing-data"], what);
  assertEquals(seek.warnings.length, torn ? 1 : 0, what);
}
