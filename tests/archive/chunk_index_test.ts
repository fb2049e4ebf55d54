import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import { chunkId, ChunkIndex } from "../../src/archive/chunk_index.ts";
import { CHUNK_ID_BYTES } from "../../src/format/chunk_table.ts";
import { SealedSpill, type SpilledPiece, type SpillFile } from "../../src/archive/sealed_spill.ts";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { seededRandom } from "./archive_builder.ts";

function ids(count: number, seed: number): Bytes[] {
  const bytes = seededRandom(seed)(count * CHUNK_ID_BYTES);
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * CHUNK_ID_BYTES, (i + 1) * CHUNK_ID_BYTES));
}

const block = (frame: number) => ({ frame, offset: 32 + frame * 4096, frameBytes: 4096 });

Deno.test("find() gives every chunk's own place when the index has grown many times, and none for others", () => {
  const index = new ChunkIndex();
  const known = ids(50_000, 1);
  const blocks = [1, 2, 3].map((frame) => index.addBlock(block(frame)));
  for (const [i, id] of known.entries()) assert(index.add(id, blocks[i % 3] as number, i, 1 + (i % 16_384)));
  assertEquals(index.size, known.length);
  for (const [i, id] of known.entries()) {
    const found = index.find(id);
    assertEquals(found, { block: blocks[i % 3], dataOffset: i, length: 1 + (i % 16_384) });
    assertEquals(index.placeOf(found?.block ?? 0), block(1 + (i % 3)));
  }
  for (const id of ids(1000, 2)) assertEquals(index.find(id), undefined);
});

Deno.test("find() tells ids apart that differ in a single byte, also when they belong in one slot", () => {
  const index = new ChunkIndex();
  const number = index.addBlock(block(0));
  const variants = Array.from({ length: CHUNK_ID_BYTES + 1 }, (_, i) => {
    const id = new Uint8Array(CHUNK_ID_BYTES);
    if (i > 0) id[i - 1] = 1;
    return id;
  });
  for (const [i, id] of variants.entries()) index.add(id, number, i, 1);
  assertEquals(index.size, variants.length);
  for (const [i, id] of variants.entries()) assertEquals(index.find(id)?.dataOffset, i);
});

Deno.test("add() keeps the first place when a chunk comes again", () => {
  const index = new ChunkIndex();
  const [first, second] = [index.addBlock(block(1)), index.addBlock(block(2))];
  const [id] = ids(1, 3) as [Bytes];
  assert(index.add(id, first, 10, 100));
  assert(index.add(id, second, 20, 100));
  assertEquals(index.find(id), { block: first, dataOffset: 10, length: 100 });
  assertEquals(index.size, 1);
});

Deno.test("add() forgets nothing and takes no more memory when the index is full", () => {
  const index = new ChunkIndex(2000);
  const number = index.addBlock(block(1));
  const known = ids(2000, 4);
  for (const [i, id] of known.entries()) assert(index.add(id, number, i, 1));
  assert(index.isFull);
  const { memoryBytes } = index;
  const more = ids(2000, 5);
  for (const id of more) assertFalse(index.add(id, number, 0, 1));
  for (const id of more) assertEquals(index.find(id), undefined);
  for (const [i, id] of known.entries()) assertEquals(index.find(id)?.dataOffset, i);
  assertEquals(index.memoryBytes, memoryBytes);
});

Deno.test("add() refuses a block that was not named, and lengths that it could not keep", () => {
  const index = new ChunkIndex();
  const [id] = ids(1, 6) as [Bytes];
  assertThrows(() => index.add(id, 1, 0, 1), RangeError);
  const number = index.addBlock(block(1));
  for (const length of [0, 65_536]) assertThrows(() => index.add(id, number, 0, length), RangeError);
  assert(index.add(id, number, 0, 65_535));
});

Deno.test("chunkId() is the first half of HMAC-SHA-256 of the chunk, and so another under another key", () => {
  // RFC 4231, test case 1.
  const id = chunkId(nativeEngine, new Uint8Array(20).fill(0x0b), new TextEncoder().encode("Hi There"));
  assertEquals(id.toHex(), "b0344c61d8db38535ca8afceaf0bf12b");
  const other = chunkId(nativeEngine, new Uint8Array(20).fill(0x0c), new TextEncoder().encode("Hi There"));
  assert(other.toHex() !== id.toHex());
});

/** A file in memory that says how long it is. */
class MemorySpill implements SpillFile {
  bytes: Bytes = new Uint8Array(0);
  append(bytes: Bytes): void {
    const grown = new Uint8Array(this.bytes.length + bytes.length);
    grown.set(this.bytes);
    grown.set(bytes, this.bytes.length);
    this.bytes = grown;
  }
  read(offset: number, into: Bytes): void {
    into.set(this.bytes.subarray(offset, offset + into.length));
  }
}

Deno.test("find() gives every chunk's place when most of them were put away, sealed, and none for others", () => {
  const file = new MemorySpill();
  const index = new ChunkIndex(3000, () => new SealedSpill(nativeEngine, file));
  const known = ids(10_000, 6);
  const numbers = [1, 2, 3].map((frame) => index.addBlock(block(frame)));
  const place = (i: number) => ({ block: numbers[i % 3] as number, dataOffset: i, length: 1 + (i % 16_384) });
  for (const [i, id] of known.entries()) {
    assert(index.add(id, place(i).block, place(i).dataOffset, place(i).length));
    if (i === 2999) assertEquals(file.bytes.length, 0);
  }
  assertFalse(index.isFull);
  assertEquals(index.size, 1000);
  for (const [i, id] of known.entries()) assertEquals(index.find(id), place(i));
  for (const id of ids(10_000, 7)) assertEquals(index.find(id), undefined);
  // Three runs of 3,000 chunks, each in 64 buckets with a tag each; no id can be read in them.
  assertEquals(file.bytes.length, 3 * (3000 * 28 + 64 * 16));
  const text = encodeHex(new Uint8Array(file.bytes));
  for (const id of known.slice(0, 20)) assertFalse(text.includes(encodeHex(new Uint8Array(id.slice(0, 8)))));
});

Deno.test("SealedSpill gives back every piece, and refuses what was changed", () => {
  const file = new MemorySpill();
  const spill = new SealedSpill(nativeEngine, file);
  const put = [spill.put([ids(1, 8)[0] as Bytes]), spill.put([new Uint8Array(0)]), spill.put([ids(1, 9)[0] as Bytes])];
  assertEquals(put.map(({ number }) => number), [0, 1, 2]);
  assertEquals(spill.take(put[2] as SpilledPiece), ids(1, 9)[0]);
  assertEquals(spill.take(put[0] as SpilledPiece), ids(1, 8)[0]);
  assertEquals(spill.take(put[1] as SpilledPiece).length, 0);
  assertThrows(() => spill.take({ ...put[0] as SpilledPiece, number: 2 }), Error, "was changed by something else");
  file.bytes[3] = (file.bytes[3] as number) ^ 1;
  assertThrows(() => spill.take(put[0] as SpilledPiece), Error, "was changed by something else");
});
