import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { Agreement, FactFinder } from "../../src/archive/agreement.ts";
import { type BlockEntry, encodeBlockRows } from "../../src/format/block.ts";
import { decodeBlock } from "../../src/format/decoded_block.ts";
import { decodePage, encodePage, type PageEntry } from "../../src/format/page.ts";
import { comparePaths } from "../../src/format/path.ts";
import type { Extent } from "../../src/format/row.ts";
import { provisionalRow } from "../../src/format/rows.ts";
import { blockEntries } from "../format/arbitrary_rows.ts";
import { row } from "./sample_tree.ts";

const block = (frame: number) => ({ frame, offset: 32 + 100 * frame, frameBytes: 100 });
const slice = (fileOffset: number, length: number, dataOffset = 0) => ({ fileOffset, length, dataOffset });
const extent = (frame: number, fileOffset: number, length: number, dataOffset = 0): Extent => ({
  ...slice(fileOffset, length, dataOffset),
  block: block(frame),
});

const SMALL = row("small", "file", { size: 5 });
const LARGE = row("large", "file", { size: 30 });
const FOLDER = row("folder", "directory");
const HOLES = row("holes", "file", { size: 1000 });

/** What three blocks hold: a whole file, a large one in three slices, a folder, and a file with holes. */
const BLOCKS: readonly (readonly BlockEntry[])[] = [
  [
    { row: SMALL, provisional: false, slices: [slice(0, 5)] },
    { row: FOLDER, provisional: false, slices: [] },
    { row: provisionalRow("large", "file"), provisional: true, slices: [slice(0, 10, 5)] },
  ],
  [{ row: provisionalRow("large", "file"), provisional: true, slices: [slice(10, 10)] }],
  [
    { row: LARGE, provisional: false, slices: [slice(20, 10)] },
    { row: HOLES, provisional: false, slices: [slice(100, 4, 10), slice(900, 4, 14)] },
  ],
];

/** What the catalog says about them. */
const ENTRIES: readonly PageEntry[] = [
  { row: FOLDER, provisional: false, extents: [] },
  { row: HOLES, provisional: false, extents: [extent(2, 100, 4, 10), extent(2, 900, 4, 14)] },
  { row: LARGE, provisional: false, extents: [extent(0, 0, 10, 5), extent(1, 10, 10), extent(2, 20, 10)] },
  { row: SMALL, provisional: false, extents: [extent(0, 0, 5)] },
];

/** Adds blocks and pages, each page with its mark. */
function holds(
  blocks: readonly (readonly BlockEntry[])[],
  pages: readonly (readonly [entries: readonly PageEntry[], continues: boolean])[],
): boolean {
  const agreement = new Agreement(nativeEngine);
  blocks.forEach((entries, frame) => agreement.addBlock(frame, entries));
  for (const [entries, continues] of pages) agreement.takePage(entries, continues);
  agreement.close();
  return agreement.holds();
}

Deno.test("holds() is true for what agrees, and for nothing at all", () => {
  assertEquals(holds([], []), true);
  assertEquals(holds(BLOCKS, [[ENTRIES, false]]), true);
});

Deno.test("holds() does not depend on how entries are divided into pages, or rows into continued pages", () => {
  for (let at = 0; at <= ENTRIES.length; at++) {
    assertEquals(holds(BLOCKS, [[ENTRIES.slice(0, at), false], [ENTRIES.slice(at), false]]), true, `${at}`);
  }
  const large = ENTRIES[2] as PageEntry;
  const part = (start: number, end?: number): PageEntry => ({ ...large, extents: large.extents.slice(start, end) });
  const rest = ENTRIES.slice(3);
  assertEquals(holds(BLOCKS, [[[...ENTRIES.slice(0, 2), part(0, 1)], false], [[part(1), ...rest], true]]), true);
  assertEquals(
    holds(BLOCKS, [[ENTRIES.slice(0, 2), false], [[part(0, 1)], false], [[part(1, 2)], true], [[part(2)], true], [
      rest,
      false,
    ]]),
    true,
  );
});

Deno.test("holds() is true for a whole file whose extents in one block go on in the next page", () => {
  const blocks: readonly BlockEntry[][] = [
    [{ row: row("x", "file", { size: 10 }), provisional: false, slices: [slice(0, 4), slice(4, 6, 4)] }],
  ];
  const entry: PageEntry = { row: row("x", "file", { size: 10 }), provisional: false, extents: [] };
  const [first, second] = [{ ...entry, extents: [extent(0, 0, 4)] }, { ...entry, extents: [extent(0, 4, 6, 4)] }];
  assertEquals(holds(blocks, [[[first], false], [[second], true]]), true);
});

Deno.test("holds() is false for every single difference between blocks and catalog", () => {
  const [folder, holes, large, small] = ENTRIES as [PageEntry, PageEntry, PageEntry, PageEntry];
  const changes: readonly (readonly [what: string, entries: readonly PageEntry[]])[] = [
    ["an entry is missing", [folder, holes, large]],
    ["an entry stands twice", [folder, holes, large, small, small]],
    ["another mode", [folder, holes, large, { ...small, row: { ...SMALL, mode: 0 } }]],
    ["another path", [folder, holes, large, { ...small, row: { ...SMALL, path: "smalk" } }]],
    ["another mode of a large file", [folder, holes, { ...large, row: { ...LARGE, mode: 0 } }, small]],
    ["another mode of a folder", [{ ...folder, row: { ...FOLDER, mode: 0 } }, holes, large, small]],
    ["another block", [folder, holes, large, { ...small, extents: [extent(1, 0, 5)] }]],
    ["another place in the block", [folder, holes, large, { ...small, extents: [extent(0, 0, 5, 1)] }]],
    ["another length", [folder, holes, large, { ...small, extents: [extent(0, 0, 4)] }]],
    ["an extent is missing", [folder, holes, { ...large, extents: large.extents.slice(1) }, small]],
    ["an extent of another file", [folder, { ...holes, extents: [...holes.extents, ...small.extents] }, large, {
      ...small,
      extents: [],
    }]],
    ["a hole is elsewhere", [
      folder,
      { ...holes, extents: [extent(2, 101, 4, 10), extent(2, 900, 4, 14)] },
      large,
      small,
    ]],
  ];
  for (const [what, entries] of changes) assertEquals(holds(BLOCKS, [[entries, false]]), false, what);
});

Deno.test("holds() is false when two rows have changed extents, though the sums of numbers are equal", () => {
  const blocks: readonly BlockEntry[][] = [[
    { row: row("x", "file", { size: 4 }), provisional: false, slices: [slice(0, 4)] },
    { row: row("y", "file", { size: 4 }), provisional: false, slices: [slice(0, 4, 4)] },
  ]];
  const entries: PageEntry[] = [
    { row: row("x", "file", { size: 4 }), provisional: false, extents: [extent(0, 0, 4, 4)] },
    { row: row("y", "file", { size: 4 }), provisional: false, extents: [extent(0, 0, 4)] },
  ];
  assertEquals(holds(blocks, [[entries, false]]), false);
});

Deno.test("holds() counts the slices of provisional orphans, and the rows of full ones", () => {
  const orphan: PageEntry = {
    row: provisionalRow("large", "file"),
    provisional: true,
    extents: [extent(0, 0, 10, 5), extent(1, 10, 10)],
  };
  const [folder, , , small] = ENTRIES as [PageEntry, PageEntry, PageEntry, PageEntry];
  const blocks = BLOCKS.slice(0, 2);
  assertEquals(holds(blocks, [[[folder, small], false], [[orphan], false]]), true);
  assertEquals(holds(blocks, [[[folder, small], false]]), false);
  // The last slice came, and so did the full row, but the second one failed.
  const full: PageEntry = { row: LARGE, provisional: false, extents: [extent(0, 0, 10, 5), extent(2, 20, 10)] };
  const [first = [], , third = []] = BLOCKS;
  const broken = [first, [], third];
  assertEquals(holds(broken, [[ENTRIES.slice(0, 2), false], [[small], false], [[full], false]]), true);
  assertEquals(
    holds(broken, [[ENTRIES.slice(0, 2), false], [[small], false], [[{ ...full, provisional: true }], false]]),
    false,
  );
});

Deno.test("Agreement picks a key of its own each time", () => {
  let keys = 0;
  const engine = { ...nativeEngine, randomBytes: (length: number) => (keys++, nativeEngine.randomBytes(length)) };
  new Agreement(engine);
  new Agreement(engine);
  assertEquals(keys, 2);
});

/** Entries of three files in any order, whole and in slices, in blocks that end anywhere. */
const blocksOfRuns = fc.array(
  fc.record({
    path: fc.constantFrom("x", "y", "z"),
    provisional: fc.boolean(),
    hasSlice: fc.boolean(),
    endsBlock: fc.boolean(),
    emptyBlock: fc.boolean(),
  }),
  { maxLength: 12, size: "max" },
);

Deno.test("Agreement knows the files that were given up, wherever blocks end", () => {
  fc.assert(
    fc.property(blocksOfRuns, (steps) => {
      const blocks: BlockEntry[][] = [[]];
      const pages: PageEntry[] = [];
      let run: { path: string; extents: Extent[] } | undefined;
      const giveUp = () => {
        if (run === undefined || run.extents.length === 0) return;
        pages.push({ row: provisionalRow(run.path, "file"), provisional: true, extents: run.extents });
      };
      steps.forEach(({ path, provisional, hasSlice, endsBlock, emptyBlock }, i) => {
        if (run?.path !== path) {
          giveUp();
          run = undefined;
        }
        const frame = blocks.length - 1;
        const size = 1000;
        const file = provisional ? provisionalRow(path, "file") : row(path, "file", { size, inode: i });
        blocks[frame]?.push({ row: file, provisional, slices: hasSlice ? [slice(i, 1, i)] : [] });
        run ??= { path, extents: [] };
        if (hasSlice) run.extents.push(extent(frame, i, 1, i));
        if (!provisional) {
          pages.push({ row: file, provisional, extents: run.extents });
          run = undefined;
        }
        if (endsBlock) blocks.push([]);
        if (endsBlock && emptyBlock) blocks.push([]);
      });
      giveUp();
      // One page each: what is tested here is not their order.
      const each = (entries: readonly PageEntry[]) => entries.map((entry) => [[entry], false] as const);
      assertEquals(holds(blocks, each(pages)), true);
      for (const left of pages) {
        assertEquals(holds(blocks, each(pages.filter((entry) => entry !== left))), false);
        if (!left.provisional) continue;
        // A file that was given up cannot be passed off as one that is whole.
        const whole = { ...left, row: row(left.row.path, "file", { size: 1000 }), provisional: false };
        assertEquals(holds(blocks, each(pages.map((entry) => entry === left ? whole : entry))), false);
      }
    }),
    { numRuns: 300, seed: 20_260_105 },
  );
});

/** Blocks of files and folders that no two have in common, and the catalog and orphans that belong to them. */
const agreeing = fc.array(blockEntries, { minLength: 1, maxLength: 4 }).map((list) => {
  const pages: { catalog: PageEntry[]; orphans: PageEntry[] } = { catalog: [], orphans: [] };
  const blocks = list.map(({ entries, dataLength }, frame) => ({
    dataLength,
    entries: entries.map((entry): BlockEntry => {
      const path = `${frame}${entry.row.path.replaceAll("/", "_")}`;
      const row = { ...entry.row, path };
      const extents = entry.slices.map((slice) => ({ ...slice, block: block(frame) }));
      if (!entry.provisional) pages.catalog.push({ row, provisional: false, extents });
      else if (extents.length > 0) pages.orphans.push({ row, provisional: true, extents });
      return { ...entry, row };
    }),
  }));
  for (const entries of Object.values(pages)) entries.sort((a, b) => comparePaths(a.row.path, b.row.path));
  return { blocks, pages };
});

Deno.test("FactFinder finds out of decoded blocks and pages what their entries say one by one", () => {
  let orphans = 0;
  let summed = 0;
  fc.assert(
    fc.property(agreeing, fc.nat(100), ({ blocks, pages }, chosen) => {
      const agree = (decodesBlocks: boolean, decodesPages: boolean, catalog = pages.catalog): boolean => {
        const agreement = new Agreement(nativeEngine);
        const facts = new FactFinder(nativeEngine, agreement.key);
        blocks.forEach(({ entries, dataLength }, frame) => {
          if (!decodesBlocks) return agreement.addBlock(frame, entries);
          const found = facts.block(frame, decodeBlock(blockOf(entries, dataLength), entries.length));
          if (found.sum !== undefined) summed++;
          agreement.addFacts(found);
        });
        for (const entries of [catalog, pages.orphans]) {
          if (entries.length === 0) continue;
          const page = { entries, continues: false };
          if (!decodesPages) agreement.takePage(entries, false);
          else agreement.addPageFacts(facts.page(decodePage(encodePage(page), entries.length)));
          agreement.close();
        }
        return agreement.holds();
      };
      orphans += pages.orphans.length;
      const left = chosen % Math.max(1, pages.catalog.length);
      const other = pages.catalog.map((entry, i) =>
        i === left ? { ...entry, row: { ...entry.row, mode: entry.row.mode === 0 ? 1 : 0 } } : entry
      );
      for (const [decodesBlocks, decodesPages] of [[false, true], [true, false], [true, true]] as const) {
        assertEquals(agree(decodesBlocks, decodesPages), true);
        if (other.length > 0) assertEquals(agree(decodesBlocks, decodesPages, other), false);
      }
    }),
    { numRuns: 300 },
  );
  assert(orphans > 20 && summed > 100);
});

function blockOf(entries: readonly BlockEntry[], dataLength: number): Uint8Array<ArrayBuffer> {
  const rows = encodeBlockRows(entries);
  const raw = new Uint8Array(rows.length + dataLength);
  raw.set(rows);
  return raw;
}
