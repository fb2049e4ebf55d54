/** Archives on a real disk behind which something stands: what an update left of any size, noise, another's segment. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Archive, type OpenOptions } from "../../src/archive/archive.ts";
import { ChangeFinder } from "../../src/archive/changes.ts";
import { updateArchive } from "../../src/archive/update.ts";
import { LockedFile } from "../../src/disk/locked_file.ts";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { ArchiveError, type ArchiveErrorCode } from "../../src/format/errors.ts";
import { created, itemsOf, KEYS, type Tree } from "../archive/growing_archive.ts";
import { asFiles, MemoryFiles } from "../archive/memory_files.ts";
import { CountedSource } from "../archive/sources.ts";

/** The trees of the snapshots. */
export const TREES: readonly Tree[] = [
  { "a": "first", "b": "x".repeat(9000) },
  { "a": "second one", "c": "y".repeat(70_000) },
  { "a": "the third", "d": "z".repeat(100) },
];

/** An archive of one snapshot. */
export const ORIGINAL: Bytes = (await created(itemsOf(TREES[0] as Tree))).bytes;

/** Appends a tree to an archive in a file. */
export async function updateFile(path: string, tree: Tree, warnings: string[] = []): Promise<void> {
  using file = await LockedFile.open(path);
  const archive = await Archive.open(nativeEngine, file, {
    ...KEYS,
    snapshot: { kind: "newest" },
    onWarning: (warning) => warnings.push(warning),
  });
  const access = new MemoryFiles(itemsOf(tree));
  const finder = new ChangeFinder(nativeEngine, archive, { isGone: () => true, access });
  const options = { access, level: "store", pad: true } as const;
  await updateArchive(nativeEngine, file, archive, finder, asFiles(itemsOf(tree)), options);
}

/** The contents of a snapshot by path. */
export async function treeIn(path: string, options: Partial<OpenOptions> = {}): Promise<Record<string, string>> {
  using file = await LockedFile.open(path);
  const archive = await Archive.open(nativeEngine, file, { ...KEYS, ...options });
  const tree: Record<string, string> = {};
  for await (const entry of archive.entries()) {
    let text = "";
    for await (const { bytes } of archive.read(entry)) text += new TextDecoder().decode(bytes);
    tree[entry.row.path] = text;
  }
  return tree;
}

/** An archive with another tree behind the first. */
export async function grown(folder: string, tree: Tree): Promise<Bytes> {
  const path = `${folder}/grown`;
  Deno.writeFileSync(path, ORIGINAL);
  await updateFile(path, tree);
  const bytes = Deno.readFileSync(path);
  Deno.removeSync(path);
  return bytes;
}

/**
 * Puts so many bytes behind an archive, which begin like an update's: each such tail is warned of, keeps no snapshot
 * from being read, and is cut by the next update.
 */
export async function tornTail(folder: string, bytes: number, begun: Bytes): Promise<void> {
  const path = `${folder}/torn`;
  Deno.writeFileSync(path, ORIGINAL);
  {
    using file = Deno.openSync(path, { write: true, append: true });
    file.writeSync(begun.subarray(0, Math.min(bytes, begun.length)));
    file.truncateSync(ORIGINAL.length + bytes);
  }
  assertEquals(Deno.statSync(path).size, ORIGINAL.length + bytes);
  assertEquals(await treeIn(path), TREES[0]);
  const warnings: string[] = [];
  await updateFile(path, TREES[2] as Tree, warnings);
  assert(warnings.some((warning) => warning.startsWith(`${bytes} bytes follow`)), `${bytes}: ${warnings}`);
  assertEquals(await treeIn(path), TREES[2]);
  assertEquals(await treeIn(path, { snapshot: { kind: "first" } }), TREES[0]);
  assert(Deno.statSync(path).size < ORIGINAL.length + 40_000);
  Deno.removeSync(path);
}

/** Expects an archive to be refused by who reads and by who updates it, and to stay as it is. */
export async function refused(folder: string, bytes: Bytes, code: ArchiveErrorCode): Promise<void> {
  const path = `${folder}/refused`;
  Deno.writeFileSync(path, bytes);
  const read = () => Archive.open(nativeEngine, new CountedSource(bytes), KEYS);
  for (const attempt of [read, () => updateFile(path, TREES[2] as Tree)]) {
    assertEquals((await assertRejects(attempt, ArchiveError)).code, code);
  }
  assertEquals(Deno.readFileSync(path), bytes);
}
