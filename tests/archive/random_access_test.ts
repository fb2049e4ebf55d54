/** What reading one file costs: it must not depend on the archive's size. */
import { assert, assertEquals } from "@std/assert";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { Archive } from "../../src/archive/archive.ts";
import { BLOCK_BYTES } from "../../src/archive/planner.ts";
import { type BlockEntry, encodeBlockRows } from "../../src/format/block.ts";
import { FRAME_TYPE, frameLength } from "../../src/format/frame.ts";
import { provisionalRow } from "../../src/format/rows.ts";
import { seededRandom } from "./archive_builder.ts";
import {
  type BlockDraft,
  draftOf,
  encodeBlock,
  type PageEntryDraft,
  sealDraft,
  type SealedArchive,
} from "./archive_draft.ts";
import { FIXED_OPTIONS } from "./memory_files.ts";
import { row } from "./sample_tree.ts";
import { CountedSource } from "./sources.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const SMALL_BYTES = 1024;
/** Small files of one block: 2 MiB of content, as a writer fills it. */
const BLOCK_FILES = BLOCK_BYTES / SMALL_BYTES;
const SMALL_BLOCKS = 16;
const SMALL_FILES = SMALL_BLOCKS * BLOCK_FILES;
const LARGE_BLOCKS = GIB / BLOCK_BYTES;

const largeRow = row("large.bin", "file", { size: LARGE_BLOCKS * BLOCK_BYTES });
const smallRow = (file: number) =>
  row(`small/${String(file).padStart(6, "0")}.bin`, "file", { size: SMALL_BYTES, inode: 1_000_000 + file });

const smallContent = (file: number): Bytes => seededRandom(file)(SMALL_BYTES);

/** Content that no compressor shrinks and that costs nothing to make: what a block of the large file holds. */
function largeContent(block: number): Bytes {
  const data = new Uint8Array(BLOCK_BYTES);
  data.set(seededRandom(1_000_000 + block)(4096));
  return data;
}

/** The entries of each block: one large file of 1 GiB, then many small ones. */
function entriesOf(block: number): BlockEntry[] {
  if (block < LARGE_BLOCKS) {
    const provisional = block < LARGE_BLOCKS - 1;
    const slices = [{ fileOffset: block * BLOCK_BYTES, length: BLOCK_BYTES, dataOffset: 0 }];
    return [{ row: provisional ? provisionalRow(largeRow.path, "file") : largeRow, provisional, slices }];
  }
  return Array.from({ length: BLOCK_FILES }, (_, i): BlockEntry => ({
    row: smallRow((block - LARGE_BLOCKS) * BLOCK_FILES + i),
    provisional: false,
    slices: [{ fileOffset: 0, length: SMALL_BYTES, dataOffset: i * SMALL_BYTES }],
  }));
}

function dataOf(block: number): Bytes {
  if (block < LARGE_BLOCKS) return largeContent(block);
  const data = new Uint8Array(BLOCK_BYTES);
  for (let i = 0; i < BLOCK_FILES; i++) {
    data.set(smallContent((block - LARGE_BLOCKS) * BLOCK_FILES + i), i * SMALL_BYTES);
  }
  return data;
}

/** An archive of over 1 GiB, stored: what is behind its blocks is real, and room is left for the blocks. */
function sealLarge(): SealedArchive {
  const draft = draftOf([]);
  const catalog: PageEntryDraft[] = [];
  const large: PageEntryDraft = { row: largeRow, provisional: false, extents: [] };
  catalog.push(large);
  for (let block = 0; block < LARGE_BLOCKS + SMALL_BLOCKS; block++) {
    const entries = entriesOf(block);
    const frameBytes = frameLength(encodeBlockRows(entries).length + BLOCK_BYTES);
    draft.blocks.push({ entries, data: new Uint8Array(0), frameBytes } satisfies BlockDraft);
    for (const { row, slices } of entries) {
      const extents = slices.map((slice) => ({ ...slice, block }));
      if (block < LARGE_BLOCKS) large.extents.push(...extents);
      else catalog.push({ row, provisional: false, extents });
    }
  }
  for (let at = 0; at < catalog.length; at += 2000) {
    draft.pages.push({ entries: catalog.slice(at, at + 2000), continues: false });
  }
  return sealDraft(draft);
}

/** The archive as a source: a block is sealed when any of it is asked for. */
function sourceOf({ header, builder }: SealedArchive): CountedSource {
  const read = (offset: number, length: number): Bytes => {
    const out = new Uint8Array(length);
    const put = (bytes: Bytes, at: number) => {
      const start = Math.max(offset, at);
      const end = Math.min(offset + length, at + bytes.length);
      if (start < end) out.set(bytes.subarray(start - at, end - at), start - offset);
    };
    put(header, 0);
    for (const piece of builder.pieces) put(piece.bytes, header.length + piece.offset);
    for (const { type, frame, offset: place, frameBytes } of builder.frames) {
      const start = header.length + place;
      if (type !== FRAME_TYPE.block || start >= offset + length || start + frameBytes <= offset) continue;
      const entries = entriesOf(frame);
      const raw = encodeBlock({ entries, data: dataOf(frame) });
      put(builder.seal(frame, { type, raw, rows: entries.length }), start);
    }
    return out;
  };
  return new CountedSource(read, header.length + builder.offset);
}

Deno.test("reading 1 KiB out of an archive of 1 GiB costs six reads and under 4 MiB", async () => {
  const sealed = sealLarge();
  for (const file of [0, 4711, SMALL_FILES - 1]) {
    const source = sourceOf(sealed);
    assert(source.size > GIB);
    const archive = await Archive.open(nativeEngine, source, { keys: FIXED_OPTIONS.keys });
    assertEquals(archive.trailer.totals.files, SMALL_FILES + 1);
    let content: Bytes | undefined;
    for await (const entry of archive.find(smallRow(file).path)) {
      for await (const { bytes } of archive.read(entry)) content = bytes.slice();
    }
    assertEquals(content, smallContent(file));
    assert(source.reads <= 6, `${source.reads} reads`);
    assert(source.bytesRead < 4 * MIB, `${source.bytesRead} bytes`);
  }
});

Deno.test("reading a part of a large file costs the blocks it lies in", async () => {
  const source = sourceOf(sealLarge());
  const archive = await Archive.open(nativeEngine, source, { keys: FIXED_OPTIONS.keys });
  for await (const entry of archive.find("large.bin")) {
    const extents = entry.extents.slice(100, 102);
    const before = source.bytesRead;
    for await (const { fileOffset, bytes } of archive.read({ ...entry, extents })) {
      assertEquals(bytes.slice(0, 4096), largeContent(fileOffset / BLOCK_BYTES).slice(0, 4096));
    }
    assert(source.bytesRead - before < 2 * (BLOCK_BYTES + 4096));
  }
});

Deno.test("listing a folder costs its pages and no block", async () => {
  const source = sourceOf(sealLarge());
  const archive = await Archive.open(nativeEngine, source, { keys: FIXED_OPTIONS.keys });
  let files = 0;
  for await (const _ of archive.entries("small")) files++;
  assertEquals(files, SMALL_FILES);
  assert(source.bytesRead < 4 * MIB, `${source.bytesRead} bytes`);
  assert(source.reads < 20, `${source.reads} reads`);
});
