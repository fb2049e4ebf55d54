import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import {
  type BlockPart,
  BlockScratch,
  type BlockTools,
  buildBlock,
  type BuiltBlock,
} from "../../src/archive/block_builder.ts";
import { FrameCipher } from "../../src/archive/frame_cipher.ts";
import type { Block } from "../../src/format/block.ts";
import { decodeBlock } from "../../src/format/decoded_block.ts";
import { CODEC, FRAME_OVERHEAD, FRAME_TYPE, type FrameHead } from "../../src/format/frame.ts";
import type { Row } from "../../src/format/row.ts";
import { provisionalRow } from "../../src/format/rows.ts";
import { seededRandom } from "./archive_builder.ts";
import type { Item } from "./archive_draft.ts";
import { type Behaviour, MemoryFileError, MemoryFiles } from "./memory_files.ts";
import { directory, file, row, utf8 } from "./sample_tree.ts";

const cipher = new FrameCipher(nativeEngine, 1, new Uint8Array(32));

function tools(access?: MemoryFiles, more: Partial<BlockTools> = {}): BlockTools {
  const memory = { scratch: new BlockScratch(), compressed: new BlockScratch() };
  return { engine: nativeEngine, cipher, level: "store", access, ...memory, ...more };
}

/** A part of an item's content, read from its file. */
function part({ row, content }: Item, offset = 0, length = row.size - offset, sparse = false): BlockPart {
  const from: BlockPart["content"] = content === undefined
    ? { kind: "none" }
    : { kind: "file", location: row.path, sparse };
  return { row, offset, length, last: offset + length >= row.size, content: from };
}

/** Opens what was built, as a reader would. */
function open(built: BuiltBlock): { head: FrameHead; block: Block } {
  const head = cipher.openHead(built.frame, built.bytes);
  const raw = cipher.openContent(built.frame, head, built.bytes.subarray(FRAME_OVERHEAD));
  return { head, block: decodeBlock(raw, head.rows) };
}

/** Builds one file's part and gives the row, the slices and the data of the block. */
function buildOne(item: Item, behaviour: Behaviour, sparse = false, offset = 0, length = item.row.size - offset) {
  const access = new MemoryFiles([item], { [item.row.path]: behaviour });
  const built = buildBlock({ frame: 3, parts: [part(item, offset, length, sparse)] }, tools(access));
  assertEquals(access.openReaders, 0);
  return { built, ...open(built) };
}

Deno.test("buildBlock() gives a sealed block with the rows and bytes of its plan", () => {
  const items = [directory("d"), file("d/a", "hello"), file("d/b", ""), file("d/c", "world")];
  const access = new MemoryFiles(items);
  const built = buildBlock({ frame: 7, parts: items.map((item) => part(item)) }, tools(access));
  assertEquals([built.frame, built.contentBytes, access.openReaders], [7, 10, 0]);
  const { head, block } = open(built);
  assertEquals([head.type, head.codec, head.rows], [FRAME_TYPE.block, CODEC.stored, 4]);
  assertEquals(block.data.slice(), utf8("helloworld"));
  assertEquals(block.entries, [
    { row: items[0]?.row as Row, provisional: false, slices: [] },
    { row: items[1]?.row as Row, provisional: false, slices: [{ fileOffset: 0, length: 5, dataOffset: 0 }] },
    { row: items[2]?.row as Row, provisional: false, slices: [] },
    { row: items[3]?.row as Row, provisional: false, slices: [{ fileOffset: 0, length: 5, dataOffset: 5 }] },
  ]);
  assertEquals(built.outcomes.map((outcome) => outcome.ok && outcome.entry), [...block.entries]);
});

Deno.test("buildBlock() is the same for equal plans, whatever its memory held before", () => {
  const items = [file("a", seededRandom(1)(3000)), file("b", "x")];
  const scratch = new BlockScratch();
  const build = () =>
    buildBlock({ frame: 0, parts: items.map((item) => part(item)) }, tools(new MemoryFiles(items), { scratch }));
  const first = build().bytes.slice();
  scratch.take(1).fill(0xff);
  assertEquals(build().bytes, first);
});

Deno.test("buildBlock() gives all but a file's last slice a provisional row", () => {
  const item = file("big", "0123456789");
  const { block } = buildOne(item, {}, false, 0, 4);
  assertEquals(block.entries, [{
    row: provisionalRow("big", "file"),
    provisional: true,
    slices: [{ fileOffset: 0, length: 4, dataOffset: 0 }],
  }]);
  const last = buildOne(item, {}, false, 8, 2);
  assertEquals(last.block.entries, [{
    row: item.row,
    provisional: false,
    slices: [{ fileOffset: 8, length: 2, dataOffset: 0 }],
  }]);
});

Deno.test("buildBlock() reads until it has all, however little each read gives", () => {
  const { block } = buildOne(file("a", "hello, world"), { readBytes: 1 });
  assertEquals([block.data.slice(), block.entries[0]?.row.changed], [utf8("hello, world"), false]);
});

Deno.test("buildBlock() flags what changed while it was read", () => {
  const item = file("a", "hello");
  const same = buildOne(item, {}).block.entries[0]?.row;
  assertEquals(same, item.row);
  const changes: readonly Behaviour[] = [
    { status: { size: 6 } },
    { status: { ctime: 1 } },
    { status: { inode: 1 } },
    { status: { dev: 1 } },
    { status: { mtime: { seconds: 1, nanoseconds: 123_000_000 } } },
    { status: { mtime: { ...item.row.mtime, nanoseconds: 1 } } },
  ];
  for (const behaviour of changes) {
    const found = buildOne(item, behaviour).block.entries[0]?.row;
    const { size: _, ...status } = behaviour.status ?? {};
    assertEquals(found, { ...item.row, ...status, changed: true }, JSON.stringify(behaviour));
  }
  // A mode of its own is no change of content: changing it changes ctime too.
  assertEquals(buildOne(item, { status: { mode: 0o600 } }).block.entries[0]?.row, { ...item.row, mode: 0o600 });
});

Deno.test("buildBlock() keeps a file that grew up to its planned size", () => {
  const { block } = buildOne(file("a", "hello"), { content: utf8("hello, world") });
  assertEquals([block.data.slice(), block.entries[0]?.row.size, block.entries[0]?.row.changed], [
    utf8("hello"),
    5,
    true,
  ]);
});

Deno.test("buildBlock() ends a file that shrank where its bytes ended", () => {
  const { block } = buildOne(file("a", "hello, world"), { content: utf8("hello") });
  assertEquals([block.data.slice(), block.entries[0]?.row.size, block.entries[0]?.row.changed], [
    utf8("hello"),
    5,
    true,
  ]);
  const empty = buildOne(file("a", "hello, world"), { content: utf8("") });
  assertEquals([empty.block.data.length, empty.block.entries[0]?.row.size, empty.block.entries[0]?.slices], [0, 0, []]);
});

Deno.test("buildBlock() leaves out what it cannot read, names it, and seals the rest", () => {
  const items = [
    file("a", "first"),
    file("gone", "x"),
    file("b", "second"),
    file("broken", "abcdef"),
    file("c", "third"),
  ];
  const access = new MemoryFiles(items, { gone: { failsAt: "all" }, broken: { readBytes: 3, failsAt: 3 } });
  const built = buildBlock({ frame: 0, parts: items.map((item) => part(item)) }, tools(access));
  assertEquals(access.openReaders, 0);
  const { block } = open(built);
  assertEquals(block.entries.map(({ row }) => row.path), ["a", "b", "c"]);
  assertEquals(block.data.slice(), utf8("firstsecondthird"));
  assertEquals(built.contentBytes, 16);
  assertEquals(built.outcomes.map((outcome) => outcome.ok), [true, false, true, false, true]);
  const [, failed] = built.outcomes;
  assert(failed !== undefined && !failed.ok && failed.problem instanceof MemoryFileError);
  assertEquals([failed.row.path, failed.last], ["gone", true]);
});

Deno.test("buildBlock() seals a block without rows when nothing could be read: frame numbers have no gaps", () => {
  const item = file("gone", "x");
  const built = buildBlock(
    { frame: 4, parts: [part(item)] },
    tools(new MemoryFiles([item], { gone: { failsAt: "all" } })),
  );
  const { head, block } = open(built);
  assertEquals([head.rows, head.raw, block.entries, block.data.length, built.contentBytes], [0, 4, [], 0, 0]);
});

Deno.test("buildBlock() names a file when it was given no way to open any", () => {
  const built = buildBlock({ frame: 0, parts: [part(file("a", "x"))] }, tools());
  const [outcome] = built.outcomes;
  assert(outcome !== undefined && !outcome.ok && outcome.problem instanceof TypeError);
});

Deno.test("buildBlock() takes the size of content in memory from its bytes", () => {
  const content: BlockPart["content"] = { kind: "bytes", bytes: utf8("abc") };
  const planned = row("s", "file");
  const built = buildBlock(
    { frame: 0, parts: [{ row: planned, offset: 100, length: 3, last: true, content }] },
    tools(),
  );
  assertEquals(open(built).block.entries, [{
    row: { ...planned, size: 103 },
    provisional: false,
    slices: [{ fileOffset: 100, length: 3, dataOffset: 0 }],
  }]);
});

/** Pages of zeros and of ones: `"01 1"` is a page of zeros, one of ones, half a page of zeros, one of ones. */
function pages(pattern: string): Bytes {
  const bytes: number[] = [];
  for (const mark of pattern) bytes.push(...new Array(mark === " " ? 2048 : 4096).fill(mark === "1" ? 1 : 0));
  return Uint8Array.from(bytes);
}

Deno.test("buildBlock() keeps the holes of sparse files out, in whole pages of the file", () => {
  const cases: readonly (readonly [content: Bytes, slices: readonly (readonly [offset: number, length: number])[]])[] =
    [
      [pages("00"), []],
      [pages("11"), [[0, 8192]]],
      [pages("0110"), [[4096, 8192]]],
      [pages("1010"), [[0, 4096], [8192, 4096]]],
      [pages("01 "), [[4096, 4096]]],
      [pages("1 1"), [[0, 10_240]]],
      [Uint8Array.of(...pages("0"), 1), [[4096, 1]]],
      [new Uint8Array(0), []],
    ];
  for (const [content, slices] of cases) {
    const item = file("sparse", content);
    const { block } = buildOne(item, {}, true);
    assertEquals(
      block.entries[0]?.slices.map(({ fileOffset, length }) => [fileOffset, length]),
      slices.map((slice) => [...slice]),
    );
    assertEquals(block.entries[0]?.row, item.row);
    const filled = new Uint8Array(content.length);
    for (const { fileOffset, length, dataOffset } of block.entries[0]?.slices ?? []) {
      filled.set(block.data.subarray(dataOffset, dataOffset + length), fileOffset);
    }
    assertEquals(filled, content);
  }
});

Deno.test("buildBlock() finds holes at pages of the file, not of the slice", () => {
  const content = pages("1001");
  const { block } = buildOne(file("sparse", content), {}, true, 1000, content.length - 1000);
  assertEquals(block.entries[0]?.slices.map(({ fileOffset, length }) => [fileOffset, length]), [[1000, 3096], [
    12_288,
    4096,
  ]]);
});

Deno.test("buildBlock() compresses what shrinks and stores what does not", () => {
  const texts = file("text", "all work and no play\n".repeat(5000));
  const noise = file("noise", seededRandom(8)(200_000));
  for (const [item, codec] of [[texts, CODEC.zstd], [noise, CODEC.stored]] as const) {
    const built = buildBlock({ frame: 0, parts: [part(item)] }, tools(new MemoryFiles([item]), { level: 3 }));
    const { head, block } = open(built);
    assertEquals([head.codec, block.data.slice()], [codec, item.content as Bytes]);
  }
});

Deno.test("buildBlock() makes room for rows that are longer than it thought", () => {
  const owner = { uid: 1, gid: 1, user: "u".repeat(255), group: "g".repeat(255) };
  const items = Array.from({ length: 50 }, (_, i) => file(`f${i}`, "content", { owner: { ...owner, uid: i } }));
  const built = buildBlock({ frame: 0, parts: items.map((item) => part(item)) }, tools(new MemoryFiles(items)));
  const { block } = open(built);
  assertEquals(block.entries.map(({ row }) => row), items.map(({ row }) => row));
  assertEquals(block.data.slice(), utf8("content".repeat(50)));
});

Deno.test("buildBlock() refuses a plan that no frame can hold", () => {
  const huge = row("huge", "file", { size: 2 ** 24 + 1 });
  const parts: BlockPart[] = [{ row: huge, offset: 0, length: huge.size, last: true, content: { kind: "none" } }];
  assertThrows(() => buildBlock({ frame: 0, parts }, tools()), RangeError, "its plan is too large");
});

Deno.test("buildBlock() never seals a row that a reader refuses, whatever a file's status says", () => {
  const bad: readonly Behaviour[] = [
    { status: { mtime: { seconds: 253_402_300_800, nanoseconds: 0 } } },
    { status: { ctime: -62_167_219_201 } },
    { status: { mode: 0o10000 } },
    { status: { inode: 2 ** 53 } },
    { status: { dev: -1 } },
  ];
  for (const behaviour of bad) {
    const item = file("odd", "x");
    const built = buildBlock({ frame: 0, parts: [part(item)] }, tools(new MemoryFiles([item], { odd: behaviour })));
    // Opening it throws if the row went in as it is.
    open(built);
  }
});
