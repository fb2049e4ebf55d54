/** Changes of rows, and of where a file's bytes are said to lie: what a writer with the key can say wrongly. */
import { MAX_TIME_SECONDS, MIN_TIME_SECONDS } from "../../src/format/limits.ts";
import { ENTRY_KINDS, type Row } from "../../src/format/row.ts";
import { provisionalRow } from "../../src/format/rows.ts";
import type { BlockDraft, Draft, ExtentDraft, PageDraft, PageEntryDraft } from "../archive/archive_draft.ts";
import { mutateText } from "./byte_mutations.ts";
import { type Chance, ODD_NUMBERS } from "./chance.ts";

/** Names that lead elsewhere, look like others, or cannot be. What lies beside the target is `beside/precious`. */
const PATHS: readonly string[] = [
  "",
  ".",
  "..",
  "../beside/precious",
  "a/../../beside/precious",
  "/beside",
  "a//b",
  "a/",
  "a/b.txt/c",
  "A",
  "a",
  "e\u0301",
  "\u00e9",
  "CON",
  "a:b",
  "a\\..\\b",
  "f00",
  "d/l/x",
  "a/link/precious",
  "x".repeat(255),
  "x".repeat(256),
  `${"y".repeat(200)}/`.repeat(20) + "end",
  "\u{1f600}",
  "\uff61",
  "a\nb",
  ".x.coffer-tmp",
];

const LINKS: readonly string[] = [...PATHS, "../beside", "b.txt", "d/e/f", "hard", "t".repeat(4096), "t".repeat(4097)];

/** A row with one field changed. */
export function mutateRow(row: Row, chance: Chance): Row {
  switch (chance.below(13)) {
    case 0:
    case 1:
      return { ...row, path: chance.oneIn(2) ? chance.pick(PATHS) : mutateText(row.path, chance) };
    case 2:
      return { ...row, path: `${row.path}/${chance.pick(PATHS)}`.slice(0, 5000) };
    case 3:
      return { ...row, kind: chance.pick(ENTRY_KINDS) };
    case 4:
      return { ...row, kind: chance.pick(["symlink", "hardlink"] as const), link: chance.pick(LINKS), size: 0 };
    case 5:
      return { ...row, mode: chance.pick([0, 0o777, 0o4755, 0o7777, 0o10000, chance.below(0o10000)]) };
    case 6:
    case 7:
      return { ...row, size: chance.number(row.size) };
    case 8: {
      const seconds = chance.pick([MIN_TIME_SECONDS, MAX_TIME_SECONDS, 0, -1]) + chance.pick([-1, 0, 0, 1]);
      return { ...row, mtime: { seconds, nanoseconds: chance.pick([0, 1, 999_999_999, 10 ** 9, 5 * 10 ** 8]) } };
    }
    case 9: {
      const field = chance.pick(["ctime", "dev", "inode"] as const);
      return { ...row, [field]: chance.pick(ODD_NUMBERS) };
    }
    case 10: {
      const [user, group] = [chance.pick(["", "u", "n".repeat(255), "n".repeat(256)]), chance.pick(["", "g\0"])];
      const owner = { uid: chance.number(1000), gid: chance.number(100), user, group };
      return { ...row, owner: chance.oneIn(3) ? undefined : owner };
    }
    case 11:
      return { ...row, link: chance.oneIn(2) ? chance.pick(LINKS) : mutateText(row.link, chance) };
    default:
      return chance.oneIn(2)
        ? { ...row, changed: !row.changed }
        : { ...row, contentHash: row.contentHash === undefined ? chance.bytes(chance.pick([32, 32, 31])) : undefined };
  }
}

type Entry = { row: Row; provisional: boolean };
type List = { entries: Entry[] };

function lists(draft: Draft): List[] {
  return [...draft.blocks, ...draft.pages, ...draft.orphans] as unknown as List[];
}

function someList(draft: Draft, chance: Chance): List | undefined {
  const filled = lists(draft).filter(({ entries }) => entries.length > 0);
  return filled.length === 0 ? undefined : chance.pick(filled);
}

/** Changes a row: wherever it stands, so that the archive agrees with itself, or in one place alone. */
export function changeSomeRow(draft: Draft, chance: Chance): void {
  const list = someList(draft, chance);
  if (list === undefined) return;
  const at = chance.below(list.entries.length);
  const { row } = list.entries[at] as Entry;
  const changed = mutateRow(row, chance);
  const everywhere = !chance.oneIn(3);
  for (const other of everywhere ? lists(draft) : [list]) {
    other.entries.forEach((entry, i) => {
      if (everywhere ? entry.row.path !== row.path : i !== at) return;
      const plain = entry.provisional && !chance.oneIn(8);
      other.entries[i] = { ...entry, row: plain ? provisionalRow(changed.path, changed.kind) : changed };
    });
  }
  // Rows that agree and stand in order are what gets furthest.
  if (everywhere && changed.path !== row.path && !chance.oneIn(3)) {
    for (const page of [...draft.pages, ...draft.orphans]) page.entries.sort(byPath);
  }
}

function byPath(a: PageEntryDraft, b: PageEntryDraft): number {
  const key = (path: string) => path === "." ? "" : path.replaceAll("/", "\0");
  return key(a.row.path) < key(b.row.path) ? -1 : 1;
}

/** Takes an entry away, doubles it, moves it, or makes it provisional. */
export function changeEntries(draft: Draft, chance: Chance): void {
  const list = someList(draft, chance);
  if (list === undefined) return;
  const { entries } = list;
  const at = chance.below(entries.length);
  const entry = entries[at] as Entry;
  switch (chance.below(6)) {
    case 0:
      entries.splice(at, 1);
      break;
    case 1:
      entries.splice(chance.below(entries.length + 1), 0, entry);
      break;
    case 2:
      entries.splice(at, 1);
      entries.splice(chance.below(entries.length + 1), 0, entry);
      break;
    case 3:
      entries[at] = { ...entry, provisional: !entry.provisional };
      break;
    case 4: {
      // Out of the archive as a whole.
      const { path } = entry.row;
      for (const other of lists(draft)) other.entries = other.entries.filter(({ row }) => row.path !== path);
      break;
    }
    default: {
      const other = someList(draft, chance);
      if (other !== undefined && ("data" in other) === ("data" in list)) {
        entries.splice(at, 1);
        other.entries.push(entry);
      }
    }
  }
}

function changeNumbers<T extends object>(value: T, names: readonly (keyof T & string)[], chance: Chance): T {
  const name = chance.pick(names);
  return { ...value, [name]: chance.number(value[name] as number) };
}

const SLICE_FIELDS = ["fileOffset", "length", "dataOffset"] as const;

/** Changes where the bytes of a file lie: in a block, in a page, or in both alike. */
export function changeSlices(draft: Draft, chance: Chance): void {
  const block = draft.blocks.length === 0 ? undefined : chance.pick(draft.blocks);
  const entries = block?.entries.filter(({ slices }) => slices.length > 0) ?? [];
  if (block === undefined || entries.length === 0) return;
  const entry = chance.pick(entries);
  const at = block.entries.indexOf(entry);
  const number = draft.blocks.indexOf(block);
  const slices = [...entry.slices];
  const chosen = chance.below(slices.length);
  const old = slices[chosen] as typeof slices[number];
  const changed = chance.oneIn(4) ? splitSlice(old, chance) : [changeNumbers(old, SLICE_FIELDS, chance)];
  slices.splice(chosen, 1, ...changed);
  const side = chance.below(4);
  if (side !== 0) block.entries[at] = { ...entry, slices };
  if (side === 1) return;
  for (const page of [...draft.pages, ...draft.orphans]) {
    for (const listed of page.entries) {
      if (listed.row.path !== entry.row.path) continue;
      const found = listed.extents.findIndex((extent) =>
        extent.block === number && extent.fileOffset === old.fileOffset
      );
      if (found >= 0) {
        listed.extents = listed.extents.toSpliced(found, 1, ...changed.map((one) => ({ ...one, block: number })));
      }
    }
  }
}

function splitSlice<T extends { fileOffset: number; length: number; dataOffset: number }>(
  slice: T,
  chance: Chance,
): T[] {
  const first = 1 + chance.below(slice.length - 1);
  const { fileOffset, length, dataOffset } = slice;
  return [{ ...slice, length: first }, {
    ...slice,
    fileOffset: fileOffset + first,
    length: Math.max(1, length - first),
    dataOffset: dataOffset + first,
  }];
}

/** Changes an extent, or the place of its block. */
export function changeExtents(draft: Draft, chance: Chance): void {
  const entries = [...draft.pages, ...draft.orphans].flatMap((page) => page.entries)
    .filter(({ extents }) => extents.length > 0);
  if (entries.length === 0) return;
  const entry = chance.pick(entries);
  const extents: ExtentDraft[] = [...entry.extents];
  const at = chance.below(extents.length);
  const extent = extents[at] as ExtentDraft;
  const isSharing = entries.some(({ extents }) => extents.some(({ shared }) => shared));
  switch (chance.below(isSharing ? 6 : 5)) {
    case 0:
      extents.splice(at, 1);
      break;
    case 1:
      extents.splice(at, 0, extent);
      break;
    case 2:
      extents[at] = { ...extent, block: chance.below(draft.blocks.length) };
      break;
    case 3: {
      const place = { frame: chance.below(12), offset: 16 * chance.below(600), frameBytes: 16 * chance.below(300) };
      extents[at] = { ...extent, block: changeNumbers(place, ["frame", "offset", "frameBytes"], chance) };
      break;
    }
    case 4:
      extents[at] = changeNumbers(extent, SLICE_FIELDS, chance);
      break;
    default: {
      const { shared, ...rest } = extent;
      extents[at] = shared ? rest : { ...rest, shared: true };
    }
  }
  entry.extents = extents;
}

/** Two blocks change places, and the catalog follows them: an archive that agrees with itself, in another order. */
export function exchangeBlocks({ blocks, pages, orphans }: Draft, chance: Chance): void {
  const a = chance.below(blocks.length - 1);
  const b = chance.oneIn(3) ? chance.below(blocks.length) : a + 1;
  const [first, second] = [blocks[a], blocks[b]];
  if (first === undefined || second === undefined) return;
  [blocks[a], blocks[b]] = [second, first];
  // The full row stays behind: then a file's slices fall from block to block.
  for (const [i, entry] of chance.oneIn(2) ? first.entries.entries() : []) {
    const at = second.entries.findIndex(({ row }) => row.path === entry.row.path);
    const other = second.entries[at];
    if (other === undefined) continue;
    first.entries[i] = { ...entry, row: other.row, provisional: other.provisional };
    second.entries[at] = { ...other, row: entry.row, provisional: entry.provisional };
  }
  for (const entry of [...pages, ...orphans].flatMap((page) => page.entries)) {
    entry.extents = entry.extents.map((extent) =>
      extent.block === a ? { ...extent, block: b } : extent.block === b ? { ...extent, block: a } : extent
    );
  }
}

/** Cuts pages and blocks otherwise, doubles, drops and exchanges them. */
export function changeLists(draft: Draft, chance: Chance): void {
  const name = chance.pick(["blocks", "pages", "pages", "orphans"] as const);
  const all = draft[name] as (BlockDraft | PageDraft)[];
  if (all.length === 0) return;
  const at = chance.below(all.length);
  const one = all[at] as BlockDraft | PageDraft;
  switch (chance.below(6)) {
    case 0:
      all.splice(at, 1);
      break;
    case 1:
      all.splice(at, 0, one);
      break;
    case 2:
      all.splice(at, 1);
      all.splice(chance.below(all.length + 1), 0, one);
      break;
    case 3:
      if ("data" in one) one.data = chance.oneIn(2) ? one.data.subarray(1) : chance.bytes(one.data.length + 1);
      else one.continues = !one.continues;
      break;
    case 4:
      if (!("data" in one) && one.entries.length > 1) {
        const cut = 1 + chance.below(one.entries.length - 1);
        all.splice(at + 1, 0, { entries: one.entries.splice(cut), continues: chance.oneIn(6) });
      }
      break;
    default:
      if (name === "pages" && one.entries.length > 0) {
        const [entry] = one.entries.splice(chance.below(one.entries.length), 1);
        draft.orphans.push({ entries: [entry as PageEntryDraft], continues: false });
      }
  }
}
