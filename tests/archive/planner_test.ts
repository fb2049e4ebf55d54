import { assertEquals, assertRejects } from "@std/assert";
import type { Bytes } from "../../src/engine/engine.ts";
import type { BlockPart } from "../../src/archive/block_builder.ts";
import { planBlocks, type PlannedEntry } from "../../src/archive/planner.ts";
import { joined } from "./archive_draft.ts";
import { row } from "./sample_tree.ts";

const file = (path: string, size: number): PlannedEntry => ({
  row: row(path, "file", { size }),
  content: { kind: "file", location: path, sparse: false },
});

const stream = (path: string, pieces: AsyncIterable<Bytes> | Iterable<Bytes>): PlannedEntry => ({
  row: row(path, "file"),
  content: { kind: "bytes", bytes: pieces },
});

async function plan(entries: Iterable<PlannedEntry>, blockBytes?: number): Promise<(readonly BlockPart[])[]> {
  const blocks = [];
  for await (const parts of planBlocks(entries, blockBytes)) blocks.push(parts);
  return blocks;
}

/** Each block's parts as `path offset+length`, with `.` behind the last part of a file. */
function outline(blocks: readonly (readonly BlockPart[])[]): string[][] {
  return blocks.map((parts) =>
    parts.map(({ row, offset, length, last }) => `${row.path} ${offset}+${length}${last ? "." : ""}`)
  );
}

Deno.test("planBlocks() lets small files share a block and cuts large ones", async () => {
  const entries = [file("a", 40), file("b", 60), file("c", 1), file("d", 250), file("e", 40), file("f", 0)];
  assertEquals(outline(await plan(entries, 100)), [
    ["a 0+40.", "b 0+60."],
    ["c 0+1."],
    ["d 0+100"],
    ["d 100+100"],
    ["d 200+50.", "e 0+40.", "f 0+0."],
  ]);
});

Deno.test("planBlocks() cuts a file of four large blocks and more into such", async () => {
  const plan = async (...entries: PlannedEntry[]) => outline(await Array.fromAsync(planBlocks(entries, 100, 200)));
  assertEquals((await plan(file("a", 799), file("b", 1))).length, 8);
  assertEquals(await plan(file("a", 801), file("b", 1)), [
    ["a 0+200"],
    ["a 200+200"],
    ["a 400+200"],
    ["a 600+200"],
    ["a 800+1.", "b 0+1."],
  ]);
  assertEquals((await plan(file("a", 960), file("b", 1))).slice(-2), [["a 800+160."], ["b 0+1."]]);
});

Deno.test("planBlocks() makes no part more than a size needs at the borders", async () => {
  assertEquals(outline(await plan([file("a", 99)], 100)), [["a 0+99."]]);
  assertEquals(outline(await plan([file("a", 100)], 100)), [["a 0+100."]]);
  assertEquals(outline(await plan([file("a", 101)], 100)), [["a 0+100"], ["a 100+1."]]);
  assertEquals(outline(await plan([file("a", 200)], 100)), [["a 0+100"], ["a 100+100."]]);
  assertEquals(await plan([]), []);
});

Deno.test("planBlocks() puts at most 2048 rows into a block, and what is no file beside files", async () => {
  const entries = Array.from(
    { length: 5000 },
    (_, i): PlannedEntry => ({ row: row(`d${i}`, "directory"), content: undefined }),
  );
  const blocks = await plan([file("a", 1), ...entries]);
  assertEquals(blocks.map((parts) => parts.length), [2048, 2048, 905]);
  assertEquals(blocks[0]?.[1], {
    row: row("d0", "directory"),
    offset: 0,
    length: 0,
    last: true,
    content: { kind: "none" },
  });
});

Deno.test("planBlocks() cuts content of unknown length wherever its pieces end", async () => {
  const content = Uint8Array.from({ length: 250 }, (_, i) => i);
  for (const sizes of [[250], [100, 100, 50], [1, 249], [99, 1, 1, 99, 50], [0, 250, 0]]) {
    let at = 0;
    const pieces = sizes.map((size) => content.slice(at, at += size));
    const blocks = await plan([stream("s", pieces)], 100);
    assertEquals(outline(blocks), [["s 0+100"], ["s 100+100"], ["s 200+50."]], `${sizes}`);
    const bytes = blocks.flat().map(({ content }) => content.kind === "bytes" ? content.bytes : new Uint8Array(0));
    assertEquals(joined(...bytes), content);
  }
  assertEquals(outline(await plan([stream("s", [content.slice(0, 200)])], 100)), [["s 0+100"], ["s 100+100."]]);
  assertEquals(outline(await plan([stream("s", [])], 100)), [["s 0+0."]]);
});

Deno.test("planBlocks() copies the pieces it is given, because their memory may be reused", async () => {
  const reused = new Uint8Array(50);
  const pieces = function* (): Generator<Bytes> {
    for (let i = 1; i <= 4; i++) yield reused.fill(i);
  };
  const blocks = await plan([stream("s", pieces())], 100);
  const bytes = blocks.flat().map(({ content }) => content.kind === "bytes" ? content.bytes : new Uint8Array(0));
  assertEquals(bytes.map((part) => [part[0], part[99]]), [[1, 2], [3, 4]]);
});

Deno.test("planBlocks() gives a block out as soon as it is full, and keeps no more than one", async () => {
  let asked = 0;
  const entries = function* (): Generator<PlannedEntry> {
    for (; asked < 1000; asked++) yield file(`f${asked}`, 60);
  };
  const blocks = planBlocks(entries(), 100);
  await blocks.next();
  assertEquals(asked, 1);
  await blocks.next();
  assertEquals(asked, 2);
  await blocks.return(undefined);
});

Deno.test("planBlocks() refuses what no archive may hold, and names it", async () => {
  const directory = (path: string): PlannedEntry => ({ row: row(path, "directory"), content: undefined });
  const refused: readonly (readonly [entry: PlannedEntry, why: string])[] = [
    [directory("../x"), 'Cannot store "../x": it has a part ".."'],
    [directory("/x"), 'Cannot store "/x": it is absolute'],
    [directory(""), 'Cannot store "": it is empty'],
    [directory("a\ud800"), "it is not well-formed Unicode"],
    [file(".", 1), 'Cannot store ".": only a directory can be the root'],
    [{ row: row("x", "file"), content: undefined }, "files have content and nothing else has"],
    [{ row: row("x", "directory"), content: { kind: "bytes", bytes: [] } }, "files have content and nothing else has"],
    [{ row: row("x", "symlink"), content: undefined }, "its symlink target is empty"],
    [{ row: row("x", "hardlink", { link: "x" }), content: undefined }, "it is its own path"],
    [{ row: row("x", "fifo", { mode: 0o10000 }), content: undefined }, "its mode is out of range"],
    [
      { row: row("x", "fifo", { mtime: { seconds: NaN, nanoseconds: 0 } }), content: undefined },
      "a time is out of range",
    ],
    [
      { row: row("x", "fifo", { mtime: { seconds: 0, nanoseconds: 0.5 } }), content: undefined },
      "a time is out of range",
    ],
    [file("x", 1.5), "its size is out of range"],
  ];
  for (const [entry, why] of refused) await assertRejects(() => plan([entry]), TypeError, why);
});

Deno.test("planBlocks() passes on what content throws, and lets all its sources go", async () => {
  const released: string[] = [];
  const pieces = function* (): Generator<Bytes> {
    try {
      yield new Uint8Array(10);
      throw new Deno.errors.BrokenPipe("gone");
    } finally {
      released.push("pieces");
    }
  };
  const entries = function* (): Generator<PlannedEntry> {
    try {
      yield stream("s", pieces());
    } finally {
      released.push("entries");
    }
  };
  await assertRejects(() => plan(entries()), Deno.errors.BrokenPipe);
  assertEquals(released, ["pieces", "entries"]);
});
