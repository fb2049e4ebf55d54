/** Small archives that ask for much: each must be answered in a time that its bytes justify. */
import { assert, assertEquals } from "@std/assert";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { MAX_FRAME_BYTES } from "../../src/format/limits.ts";
import { type Draft, draftOf, joined, sealDraft } from "../archive/archive_draft.ts";
import { FIXED_OPTIONS } from "../archive/memory_files.ts";
import { editBlockColumns, joinColumns, setColumn, sized, varint, varints } from "../archive/raw_columns.ts";
import { codeOf, readBySeeking, readByStream, type Reading } from "../archive/reading.ts";
import { file, utf8 } from "../archive/sample_tree.ts";
import { CountedSource } from "../archive/sources.ts";

/** What a machine of ten years ago needs, and then some; an unbounded reader needs many times as much. */
const BUDGET_MS = 3000;
const COLUMN = { sizes: 5, ownerTable: 11, sliceCounts: 20, slices: 21 };

async function timed(name: string, read: () => Promise<Reading>): Promise<string> {
  const start = performance.now();
  const reading = await read();
  const took = performance.now() - start;
  assert(took < BUDGET_MS, `${name}: ${Math.round(took)} ms until "${reading.error?.message ?? "all was read"}"`);
  return codeOf(reading);
}

/** Reads in both ways, each within the budget; returns the codes. */
async function readBoth(bytes: Bytes): Promise<string[]> {
  assert(bytes.length < 32_768, `${bytes.length} bytes`);
  const options = { keys: FIXED_OPTIONS.keys };
  return [
    await timed("stream", () => readByStream(nativeEngine, [bytes], options)),
    await timed("seek", () => readBySeeking(nativeEngine, new CountedSource(bytes), options)),
  ];
}

function bomb(change: (draft: Draft) => void): Bytes {
  const draft = draftOf([file("x", "x", { size: 2 ** 40 })]);
  change(draft);
  return sealDraft(draft).bytes;
}

/** Changes the block's rows and puts so much data behind them. */
function onBlock(draft: Draft, dataBytes: number, edit: Parameters<typeof editBlockColumns>[1]): void {
  draft.onFrame = (frame, name) => {
    if (name !== "block") return frame;
    const rows = editBlockColumns(frame.raw.subarray(0, frame.raw.length - 1), edit);
    return { ...frame, raw: joined(rows, new Uint8Array(dataBytes)), level: 3 };
  };
}

Deno.test("five million slices in one block cost no five million hashes", async () => {
  const count = 5_500_000;
  const bytes = bomb((draft) =>
    onBlock(draft, count, (columns) => {
      setColumn(columns, COLUMN.sliceCounts, varint(count));
      setColumn(columns, COLUMN.slices, new Uint8Array(2 * count).fill(1));
    })
  );
  assertEquals(await readBoth(bytes), ["limit", "limit"]);
});

Deno.test("four million owners of one row are not made", async () => {
  const count = MAX_FRAME_BYTES / 4 - 1000;
  const bytes = bomb((draft) =>
    onBlock(
      draft,
      1,
      (columns) => setColumn(columns, COLUMN.ownerTable, joined(varint(count), new Uint8Array(4 * count))),
    )
  );
  assertEquals(await readBoth(bytes), ["malformed", "malformed"]);
});

Deno.test("four million pages of one index are not made", async () => {
  const count = 4_000_000;
  const shared = new Uint8Array(2 * (count - 1));
  for (let i = 0; i < shared.length; i += 2) shared[i] = 1;
  const raw = joinColumns([
    { number: 1, bytes: joined(varint(0), sized(utf8("x")), shared) },
    { number: 2, bytes: varints(1, 32) },
    { number: 3, bytes: new Uint8Array(count).fill(80) },
    { number: 4, bytes: new Uint8Array(count).fill(1) },
  ]);
  assert(raw.length <= MAX_FRAME_BYTES);
  const bytes = bomb((draft) => {
    draft.onFrame = (frame, name) => name === "index" ? { ...frame, raw, rows: count, level: 3 } : frame;
    draft.onTrailer = (trailer) => ({ ...trailer, pages: count });
  });
  const codes = await readBoth(bytes);
  assert(!codes.includes("none"), `${codes}`);
});

Deno.test("as many slices as a block may have, read one by one, cost no square of them", async () => {
  // One byte in every two, 65,536 times, over as many extents; a page takes at most 65,000 of those.
  const count = 60_000;
  const slices = Array.from({ length: count }, (_, i) => ({ fileOffset: 2 * i, length: 1, dataOffset: i }));
  const draft = draftOf([file("x", "x", { size: 2 * count })]);
  const [block] = draft.blocks;
  const [entry] = block?.entries ?? [];
  const [listed] = draft.pages[0]?.entries ?? [];
  assert(block !== undefined && entry !== undefined && listed !== undefined);
  block.entries = [{ ...entry, slices }];
  block.data = new Uint8Array(count);
  draft.level = 3;
  draft.pages = [{
    continues: false,
    entries: [{ ...listed, extents: slices.map((slice) => ({ ...slice, block: 0 })) }],
  }];
  assertEquals(await readBoth(sealDraft(draft).bytes), ["none", "none"]);
});

Deno.test("a head that asks for 16 MiB and has none of them costs nothing", async () => {
  const bytes = bomb((draft) => {
    draft.onFrame = (frame, name) =>
      name === "block" ? { ...frame, head: { codec: 1, raw: MAX_FRAME_BYTES, stored: MAX_FRAME_BYTES - 16 } } : frame;
  });
  assertEquals(await readBoth(bytes), ["truncated", "inconsistent"]);
});
