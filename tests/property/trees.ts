/** Arbitrary trees: names that break things, contents around the borders of chunks and blocks. */
import * as fc from "fast-check";
import { comparePaths, pathFault } from "../../src/format/path.ts";
import { seededRandom } from "../archive/archive_builder.ts";
import { directory, file, row } from "../archive/sample_tree.ts";
import type { Item } from "../archive/archive_draft.ts";

const ODD_NAMES = [
  "a",
  "b",
  "ab",
  "a-",
  "a.",
  " ",
  "...",
  "-rf",
  "line\nfeed",
  "tab\tand\rreturn",
  "\"quotes\" 'and' `ticks`",
  "\u202egnp.exe",
  "\u05e9\u05dc\u05d5\u05dd",
  "e\u0301",
  "\u00e9",
  "\u{1f600}\u{1f3fd}",
  "\uff5e",
  "\ufeffbom",
  "back\\slash",
  "C:",
  "\u0001\u007f\u009b",
  "x".repeat(255),
  "\u20ac".repeat(85),
  "\u{10ffff}",
];

const part = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...ODD_NAMES) },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }) },
);

const path = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join("/"))
  .filter((path) => pathFault(path) === undefined && path !== ".");

/** One entry's outline; its size is a number of blocks and a difference. */
interface Outline {
  readonly path: string;
  readonly kind: "file" | "directory" | "symlink" | "fifo" | "hardlink";
  readonly blocks: number;
  readonly extra: number;
  readonly mode: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly owned: boolean;
}

const outline: fc.Arbitrary<Outline> = fc.record({
  path,
  kind: fc.constantFrom("file", "file", "file", "directory", "symlink", "fifo", "hardlink"),
  blocks: fc.constantFrom(0, 0, 0, 1, 2),
  extra: fc.constantFrom(-17, -16, -1, 0, 1, 15, 16, 17, 100),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  seconds: fc.oneof(fc.integer({ min: 0, max: 2 ** 31 }), fc.constantFrom(-62_167_219_200, -1, 0, 253_402_300_799)),
  nanoseconds: fc.constantFrom(0, 1, 123_000_000, 999_999_999),
  owned: fc.boolean(),
});

function itemOf(outline: Outline, at: number, blockBytes: number, target: string): Item {
  const { path, kind, mode, seconds, nanoseconds, owned } = outline;
  const more = {
    mode,
    mtime: { seconds, nanoseconds },
    inode: at,
    owner: owned ? { uid: at, gid: 0, user: "ada\n", group: "" } : undefined,
  };
  if (kind === "directory") return directory(path, more);
  if (kind === "symlink") return { row: row(path, kind, { ...more, link: "../\u{1f600}" }) };
  if (kind === "hardlink" && target !== "") return { row: row(path, kind, { ...more, link: target }) };
  if (kind === "fifo") return { row: row(path, kind, more) };
  const size = Math.max(0, outline.blocks * blockBytes + outline.extra);
  return file(path, seededRandom(at)(size), more);
}

/** A tree in path order, made of outlines in which no path stands twice and nothing is below what is no directory. */
function treeOf(outlines: readonly Outline[], blockBytes: number): Item[] {
  const kinds = new Map<string, string>();
  const items: Item[] = [];
  let target = "";
  outlines.forEach((outline, at) => {
    const parts = outline.path.split("/");
    const above = parts.slice(1).map((_, i) => parts.slice(0, i + 1).join("/"));
    const below = `${outline.path}/`;
    const free = !kinds.has(outline.path) && above.every((folder) =>
      (kinds.get(folder) ?? "directory") === "directory"
    ) &&
      (outline.kind === "directory" || ![...kinds.keys()].some((path) => path.startsWith(below)));
    if (!free) return;
    const item = itemOf(outline, at, blockBytes, target);
    kinds.set(outline.path, item.row.kind);
    if (item.row.kind === "file") target = item.row.path;
    items.push(item);
  });
  return items.sort((a, b) => comparePaths(a.row.path, b.row.path));
}

/** A tree and the block size its contents are laid around. */
export interface TreeAndBlocks {
  readonly items: Item[];
  readonly blockBytes: number;
}

/** Arbitrary trees of up to `maxEntries` entries. */
export function trees(maxEntries: number): fc.Arbitrary<TreeAndBlocks> {
  return fc.tuple(fc.array(outline, { maxLength: maxEntries, size: "max" }), fc.constantFrom(64, 1000, 65_520, 66_000))
    .map(([outlines, blockBytes]) => ({ items: treeOf(outlines, blockBytes), blockBytes }));
}
