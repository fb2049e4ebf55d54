/** Archives of several snapshots to be damaged: what is in each, and what may come out of them. */
import { assert, equal } from "@std/assert";
import { Archive } from "../../src/archive/archive.ts";
import { ChangeFinder } from "../../src/archive/changes.ts";
import { type AppendableSource, updateArchive } from "../../src/archive/update.ts";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { equalRows } from "../../src/format/rows.ts";
import { seededRandom } from "./archive_builder.ts";
import type { Item } from "./archive_draft.ts";
import { asFiles, createInMemory, FIXED_OPTIONS, MemoryFiles } from "./memory_files.ts";
import { directory, file, row } from "./sample_tree.ts";
import type { Salvaged } from "./salvaging.ts";
import { CountedSource } from "./sources.ts";

export const KEYS = FIXED_OPTIONS.keys;
export const PAGE = 4096;

function growing(initial: Bytes): AppendableSource & { readonly bytes: () => Bytes } {
  let bytes = initial.slice();
  // deno-lint-ignore require-await -- errors reject
  const resize = async (length: number, more: Bytes = new Uint8Array(0)) => {
    const next = new Uint8Array(length + more.length);
    next.set(bytes.subarray(0, length));
    next.set(more, length);
    bytes = next;
  };
  return {
    get size() {
      return bytes.length;
    },
    bytes: () => bytes,
    read: (offset, length) => Promise.resolve(bytes.slice(offset, offset + length)),
    // deno-lint-ignore require-await -- errors reject
    write: async (offset, more) => bytes.set(more, offset),
    append: (more) => resize(bytes.length, more),
    truncate: (length) => resize(length),
    sync: () => Promise.resolve(),
  };
}

/** Appends a snapshot of items. */
export async function grow(bytes: Bytes, items: readonly Item[]): Promise<Bytes> {
  const target = growing(bytes);
  const archive = await Archive.open(nativeEngine, target, { keys: KEYS });
  const access = new MemoryFiles(items);
  const finder = new ChangeFinder(nativeEngine, archive, { isGone: () => true, access });
  await updateArchive(nativeEngine, target, archive, finder, asFiles(items), { access, blockBytes: 8192 });
  return target.bytes();
}

/** A file that does not compress. */
export const noise = (path: string, seed: number, length: number, seconds = 1_500_000_000): Item =>
  file(path, seededRandom(seed)(length), { mtime: { seconds, nanoseconds: 0 }, ctime: seconds });

export const FIRST = [
  directory("d"),
  ...Array.from({ length: 12 }, (_, i) => noise(`d/${String(i).padStart(2, "0")}`, i + 1, 3000)),
  noise("gone", 50, 5000),
  noise("large", 51, 30_000),
  { row: row("soft", "symlink", { link: "d/00" }) },
];
/** One file changed, one gone, one new. */
export const SECOND = [
  ...FIRST.slice(0, 3),
  noise("d/02", 60, 3100, 1_500_000_100),
  ...FIRST.slice(4, 13),
  noise("large", 51, 30_000),
  noise("new", 61, 20_000, 1_500_000_200),
  FIRST.at(-1) as Item,
];
export const first = (await createInMemory(asFiles(FIRST), { access: new MemoryFiles(FIRST), blockBytes: 8192 })).known;
export const second = await grow(first, SECOND);

export const THIRD = [
  ...SECOND.slice(0, 3),
  noise("d/02", 70, 2500, 1_500_000_300),
  ...SECOND.slice(4, 13),
  noise("new", 71, 9000, 1_500_000_300),
  noise("third", 72, 5000, 1_500_000_300),
  SECOND.at(-1) as Item,
];
export const third = await grow(second, THIRD);

/** Says that each file is one of its versions, as far as it is not called lost. */
export function checkVersions({ files, others }: Salvaged, versions: readonly (readonly Item[])[]): void {
  for (const [path, { row, content, lost, isRowLost }] of files) {
    const fits = versions.flat().some((item) => {
      const wanted = item.content;
      if (item.row.path !== path || wanted === undefined) return false;
      if (!isRowLost && !equalRows({ ...item.row, size: wanted.length }, row)) return false;
      let at = 0;
      for (const { start, end } of [...lost, { start: content.length, end: content.length }]) {
        if (!equal(content.subarray(at, start), wanted.subarray(at, start))) return false;
        at = end;
      }
      return isRowLost || content.length === wanted.length;
    });
    assert(fits, `"${path}" is none of its versions`);
  }
  for (const [path, found] of others) {
    assert(versions.flat().some(({ row }) => row.path === path && equalRows(row, found)), `"${path}" has another row`);
  }
}

/** Where every frame that is no block stands, in an archive whose blocks are not to be harmed. */
export async function catalogRanges(bytes: Bytes): Promise<readonly { readonly from: number; readonly to: number }[]> {
  const { segments, newest } = await Archive.open(nativeEngine, new CountedSource(bytes), { keys: KEYS });
  const ranges: { from: number; to: number }[] = [];
  for (let number = 0; number <= newest.locator.segment.number; number++) {
    const { locator } = await segments.get(number);
    const { pages } = await segments.end(number);
    const from = Math.min(locator.index.offset, ...pages.map(({ offset }) => offset));
    ranges.push({ from: 8192 + from, to: 8192 + locator.offset + locator.length });
  }
  return ranges;
}
