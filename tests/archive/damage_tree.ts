/** The tree and the archives on which damage is tried systematically, a few pages at a time or all of them. */
import { assert } from "@std/assert";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { Archive } from "../../src/archive/archive.ts";
import { seededRandom } from "./archive_builder.ts";
import type { Item } from "./archive_draft.ts";
import { type Region, regionsOf } from "./frame_map.ts";
import { asFiles, createInMemory, FIXED_OPTIONS, MemoryFiles } from "./memory_files.ts";
import { checkTrue, isWhole, type Salvaged } from "./salvaging.ts";
import { directory, file, row } from "./sample_tree.ts";
import { CountedSource } from "./sources.ts";

const WORDS = "the quick brown fox jumps over the lazy dog and runs away into the night ".split(" ");

/** Text of so many bytes that compresses to about a third. */
function prose(length: number, seed: number): Bytes {
  const random = seededRandom(seed)(length);
  let text = "";
  for (let i = 0; text.length < length; i++) text += `${WORDS[(random[i % length] as number) % WORDS.length]} `;
  return new TextEncoder().encode(text.slice(0, length));
}

/** Sixty small files, two large ones of each nature, and one entry of each other kind. */
function tree(): Item[] {
  const items: Item[] = [directory("."), directory("docs"), directory("media")];
  for (let i = 0; i < 60; i++) {
    const name = `docs/${String(i).padStart(2, "0")}.txt`;
    items.push(file(name, prose(100 + 211 * (i % 13), i + 1)));
  }
  items.push(file("docs/big.txt", prose(400_000, 99)));
  items.push(file("empty", ""));
  items.push({ row: row("hard", "hardlink", { link: "docs/05.txt" }) });
  items.push(file("media/film.bin", seededRandom(7)(300_000)));
  items.push(file("media/photo.bin", seededRandom(8)(90_000)));
  items.push({ row: row("pipe", "fifo") });
  items.push({ row: row("soft", "symlink", { link: "docs" }) });
  return items;
}

/** The tree: sixty small files, large ones of each nature, and an entry of each other kind. */
export const ITEMS = tree();
/** The same by path. */
export const BY_PATH = new Map(ITEMS.map((item) => [item.row.path, item]));
/** Paths of the files. */
export const FILES = ITEMS.filter((item) => item.content !== undefined).map(({ row }) => row.path);

/** An archive of the tree, and where everything is in it. */
export interface Damageable {
  readonly bytes: Bytes;
  readonly regions: readonly Region[];
  /** Frames of blocks by path. */
  readonly blocks: ReadonlyMap<string, ReadonlySet<number>>;
}

/** Makes it. */
export async function makeDamageable(
  state: "known" | "streamed",
  blockBytes = 131_072,
  suite: 1 | 2 = 1,
): Promise<Damageable> {
  const created = await createInMemory(asFiles(ITEMS), { suite, access: new MemoryFiles(ITEMS), blockBytes });
  const bytes = created[state];
  return { bytes, regions: regionsOf(bytes, suite), blocks: await blocksByPath(bytes) };
}

async function blocksByPath(bytes: Bytes): Promise<Map<string, Set<number>>> {
  const archive = await Archive.open(nativeEngine, new CountedSource(bytes), { keys: FIXED_OPTIONS.keys });
  const blocks = new Map<string, Set<number>>();
  for await (const { row, extents } of archive.entries()) {
    const frames = blocks.get(row.path) ?? new Set<number>();
    for (const { block } of extents) frames.add(block.frame);
    blocks.set(row.path, frames);
  }
  return blocks;
}

/** Says that all files came out whole whose blocks are untouched, and all other entries. */
export function checkRest(made: Damageable, got: Salvaged, from: number, to: number): void {
  checkTrue(got, BY_PATH);
  const touched = new Set(
    made.regions.filter(({ name, start, end }) => name === "block" && start < to && end > from)
      .map(({ frame }) => frame),
  );
  let harmed = 0;
  for (const path of FILES) {
    const frames = made.blocks.get(path) as ReadonlySet<number>;
    if ([...frames].some((frame) => touched.has(frame))) harmed++;
    // Nothing tells the block of a file without bytes; where the catalog is whole, it comes from there.
    else if (frames.size > 0 || got.summary.isCatalogWhole) assert(isWhole(got, path), `"${path}" should be whole`);
  }
  const isWholeAll = FILES.every((path) => isWhole(got, path));
  const said = got.lost.size > 0 || [...got.files.values()].some(({ lost }) => lost.length > 0);
  assert(isWholeAll || said || got.summary.mayLackMore, "something is missing and nobody says so");
  if (harmed === 0 && got.summary.isCatalogWhole) assert(isWholeAll && !got.summary.mayLackMore);
}
