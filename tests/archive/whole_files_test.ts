import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type BlockPart,
  BlockScratch,
  buildBlock,
  type PartOutcome,
  plannedOutcomes,
} from "../../src/archive/block_builder.ts";
import { CatalogBuilder } from "../../src/archive/catalog_builder.ts";
import { FrameCipher } from "../../src/archive/frame_cipher.ts";
import { rowsOfWhole } from "../../src/archive/whole_files.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import type { EncodedRows } from "../../src/format/block.ts";
import { FRAME_TYPE } from "../../src/format/frame.ts";
import { encodePage, encodeWholePage, type PageEntry } from "../../src/format/page.ts";
import { TEST_KEY } from "./archive_builder.ts";
import type { Item } from "./archive_draft.ts";
import { asFiles, type Behaviour, createInMemory, MemoryFiles } from "./memory_files.ts";
import { contentOf, digestOf, readBySeeking, readByStream } from "./reading.ts";
import { directory, file, row } from "./sample_tree.ts";
import { CountedSource } from "./sources.ts";

/** A folder with many small files, empty ones and a link, in path order. */
function items(count = 400): Item[] {
  const name = (i: number) => `d/${String(i).padStart(4, "0")}`;
  return [
    directory("d"),
    ...Array.from({ length: count }, (_, i) => file(name(i), `${i}`.repeat(i % 7), { inode: 1000 + i * 3 % 17 })),
    { row: row("e", "symlink", { link: "d" }) },
  ];
}

function partsOf(items: readonly Item[]): BlockPart[] {
  return items.map(({ row, content }): BlockPart => ({
    row,
    offset: 0,
    length: row.size,
    last: true,
    content: content === undefined ? { kind: "none" } : { kind: "file", location: row.path, sparse: false },
  }));
}

function build(parts: readonly BlockPart[], access: MemoryFiles, rows?: EncodedRows) {
  const cipher = new FrameCipher(nativeEngine, 1, new Uint8Array(32));
  const tools = {
    engine: nativeEngine,
    cipher,
    level: 3,
    access,
    scratch: new BlockScratch(),
    compressed: new BlockScratch(),
  };
  return buildBlock({ frame: 5, parts, rows }, tools);
}

/** An outcome without the place in the program that a problem came from. */
const told = (outcome: PartOutcome) => outcome.ok ? outcome.entry : (outcome.problem as Error).message;

const place = { frame: 7, offset: 4096, frameBytes: 992 };

Deno.test("buildBlock() gives the same block with its rows encoded before as without", () => {
  const parts = partsOf(items());
  const access = new MemoryFiles(items());
  const rows = rowsOfWhole(parts);
  assert(rows !== undefined);
  const before = build(parts, access);
  const built = build(parts, access, rows);
  assertEquals(built.bytes, before.bytes);
  assertEquals(built.contentBytes, before.contentBytes);
  assertEquals([built.outcomes.length, built.held?.parts, before.held], [0, parts, undefined]);
  assertEquals(plannedOutcomes(parts), before.outcomes);
  assertEquals(access.openReaders, 0);
});

Deno.test("buildBlock() builds part by part when a file is not what was planned", () => {
  const parts = partsOf(items());
  const rows = rowsOfWhole(parts);
  const faults: Behaviour[] = [
    { failsAt: "all" },
    { failsAt: 0 },
    { content: new Uint8Array(1) },
    { content: new Uint8Array(9) },
    ...[{ mode: 0o600 }, { ctime: 1 }, { dev: 43 }, { inode: 1 }].map((status) => ({ status })),
    ...[{ seconds: 1_600_000_000, nanoseconds: 0 }, { seconds: 1, nanoseconds: 123_000_000 }].map((mtime) => ({
      status: { mtime },
    })),
  ];
  for (const fault of faults) {
    const access = new MemoryFiles(items(), { "d/0004": fault });
    const built = build(parts, access, rows);
    const other = build(parts, access);
    assertEquals(built.bytes, other.bytes);
    assertEquals(built.outcomes.map(told), other.outcomes.map(told));
    assertEquals([built.outcomes.length, built.held], [parts.length, undefined]);
    assertEquals(access.openReaders, 0);
  }
});

Deno.test("rowsOfWhole() leaves blocks alone that are not made of whole files", () => {
  const parts = partsOf(items());
  const first = parts[1] as BlockPart;
  assertEquals(rowsOfWhole(parts.slice(0, 255)), undefined);
  const odd: Partial<BlockPart>[] = [
    { offset: 1 },
    { last: false },
    { length: first.length + 1 },
    { content: { kind: "bytes", bytes: new Uint8Array(0) } },
    { content: { kind: "file", location: "d/0000", sparse: true } },
    { row: { ...first.row, changed: true } },
  ];
  for (const change of odd) assertEquals(rowsOfWhole([...parts, { ...first, ...change }]), undefined);
});

Deno.test("encodeWholePage() gives the page that encodePage() gives", () => {
  const parts = partsOf(items());
  const { columns } = rowsOfWhole(parts) as EncodedRows;
  const entries = plannedOutcomes(parts).flatMap((outcome): PageEntry[] => {
    if (!outcome.ok) return [];
    const { slices, ...carried } = outcome.entry;
    return [{ ...carried, extents: slices.map((slice) => ({ ...slice, block: { ...place, segment: 3 } })) }];
  });
  assertEquals(
    encodeWholePage(parts, columns, { ...place, segment: 3 }),
    encodePage({ entries, continues: false }, 3),
  );
});

Deno.test("CatalogBuilder.addWhole() takes rows that rise, and leaves others to add()", () => {
  const parts = partsOf(items());
  const builder = () => new CatalogBuilder(nativeEngine, 3, FRAME_TYPE.page);
  const add = (parts: readonly BlockPart[], to = builder()) =>
    to.addWhole(parts, (rowsOfWhole(parts) as EncodedRows).columns, place);
  assertEquals(add(parts), true);
  assertEquals(add(parts.toReversed()), false);
  assertEquals(add(partsOf(items(2048))), false);
  assertThrows(() => add([...parts, parts.at(-1) as BlockPart]), TypeError, "two entries have that path");
  const below = { ...parts[1] as BlockPart, row: row("e/f", "file") };
  assertThrows(() => add([...parts, below]), TypeError, '"e" is a symlink');
  const several = builder();
  several.add({ row: row("c", "file"), provisional: false, extents: [] });
  assertEquals(add(parts, several), true);
  assertThrows(() => several.add({ ...below, provisional: false, extents: [] }), TypeError, '"e" is a symlink');
  assertEquals([...several.entries()].map(({ row }) => row.path), ["c", ...parts.map(({ row }) => row.path)]);
});

Deno.test("createArchive() stores many small files in order and out of order, and both ways read them back", async () => {
  const tree = items(700);
  const unsorted = [...tree.slice(351), ...tree.slice(1, 351), ...tree.slice(0, 1)];
  for (const planned of [tree, unsorted]) {
    const { known, streamed } = await createInMemory(asFiles(planned), { access: new MemoryFiles(tree) });
    const options = { keys: [{ kind: "archive-key" as const, archiveKey: TEST_KEY }] };
    const stream = await readByStream(nativeEngine, [streamed], options);
    const seek = await readBySeeking(nativeEngine, new CountedSource(known), options);
    assertEquals([stream.error, seek.error], [undefined, undefined]);
    assertEquals(digestOf(stream.entries), digestOf(seek.entries));
    assertEquals(seek.entries.map(({ row }) => row), tree.map(({ row }) => row));
    for (const [i, entry] of seek.entries.entries()) {
      assertEquals(contentOf(entry), tree[i]?.content ?? new Uint8Array(0));
    }
  }
});
