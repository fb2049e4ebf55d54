import { assert, assertEquals, assertThrows } from "@std/assert";
import { Chunker, CHUNKER_LOOKAHEAD, type Cut, MIN_CHUNK_LENGTH, ZERO_RUN_LENGTH } from "../../src/archive/chunker.ts";
import type { Bytes } from "../../src/engine/engine.ts";
import { MAX_CHUNK_LENGTH } from "../../src/format/chunk_table.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { deriveGearTable } from "../../src/format/keys.ts";
import { seededRandom } from "./archive_builder.ts";

const GEAR = deriveGearTable(nativeEngine, new Uint8Array(32).fill(7));

/** Cuts content with `ahead` bytes in sight at a time. */
function cuts(content: Bytes, ahead = CHUNKER_LOOKAHEAD, gear = GEAR): Cut[] {
  const chunker = new Chunker(gear);
  const all: Cut[] = [];
  for (let at = 0; at < content.length;) {
    const cut = chunker.next(content.subarray(at, at + ahead));
    all.push(cut);
    at += cut.length;
  }
  return all;
}

/** Where chunks end, with runs of zeros in one piece. */
function ends(content: Bytes, ahead?: number): number[] {
  let at = 0;
  const found: { end: number; zeros: boolean }[] = [];
  for (const { length, zeros } of cuts(content, ahead)) {
    at += length;
    if (zeros && found.at(-1)?.zeros) found.pop();
    found.push({ end: at, zeros });
  }
  return found.map(({ end }) => end);
}

/** The chunks of content as text, to compare them. */
function chunks(content: Bytes): string[] {
  let at = 0;
  return cuts(content).map(({ length }) => nativeEngine.sha256(content.subarray(at, at += length)).toHex());
}

/** Bytes of content that are in no chunk of what was there before. */
function addedBytes(before: Bytes, after: Bytes): number {
  const known = new Set(chunks(before));
  const lengths = cuts(after).map(({ length }) => length);
  return chunks(after).reduce((sum, chunk, i) => sum + (known.has(chunk) ? 0 : lengths[i] as number), 0);
}

function joined(...parts: readonly Bytes[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

Deno.test("next() keeps to the shortest and longest length, and to 4 to 5 KiB on average, when content is random", () => {
  const content = seededRandom(1)(2 ** 22);
  const lengths = cuts(content).map(({ length }) => length);
  assertEquals(lengths.reduce((a, b) => a + b), content.length);
  for (const length of lengths.slice(0, -1)) assert(length > MIN_CHUNK_LENGTH && length <= MAX_CHUNK_LENGTH);
  const average = content.length / lengths.length;
  assert(average >= 3900 && average <= 4500, `${average}`);
});

Deno.test("next() cuts at the longest length when content repeats a byte, and all of it when it is short", () => {
  const content = new Uint8Array(3 * MAX_CHUNK_LENGTH + 5).fill(1);
  const lengths = cuts(content).map(({ length }) => length);
  assertEquals(new Set(lengths.slice(0, -1)).size, 1);
  assert((lengths[0] as number) <= MAX_CHUNK_LENGTH);
  for (const length of [1, 31, MIN_CHUNK_LENGTH]) {
    assertEquals(cuts(content.subarray(0, length)), [{ length, zeros: false }]);
  }
});

Deno.test("next() cuts by what the content is and not by how much of it is in sight", () => {
  const random = seededRandom(2);
  const content = joined(
    random(70_000),
    new Uint8Array(ZERO_RUN_LENGTH),
    random(9000),
    new Uint8Array(100_001),
    random(50_000),
    new Uint8Array(ZERO_RUN_LENGTH - 1),
    random(50_000),
    new Uint8Array(CHUNKER_LOOKAHEAD + 7),
  );
  const expected = ends(content);
  for (const ahead of [CHUNKER_LOOKAHEAD + 1, 30_000, 65_536, content.length]) {
    assertEquals(ends(content, ahead), expected);
  }
});

Deno.test("next() leaves out runs of zeros from their first byte to their last when they are long enough", () => {
  const random = seededRandom(3);
  const [before, behind] = [random(20_000).fill(1, 19_999), random(20_000).fill(1, 0, 1)];
  for (const run of [ZERO_RUN_LENGTH, ZERO_RUN_LENGTH + 1, 3 * CHUNKER_LOOKAHEAD]) {
    const content = joined(before, new Uint8Array(run), behind);
    const all = cuts(content);
    const zeros = all.filter((cut) => cut.zeros).reduce((sum, { length }) => sum + length, 0);
    // What a chunk before the run has taken of it, if it was cut within it, is what may be missing.
    assert(zeros === run, `${zeros} of ${run}`);
  }
  const short = cuts(joined(before, new Uint8Array(ZERO_RUN_LENGTH - 1), behind));
  assert(short.every((cut) => !cut.zeros));
});

Deno.test("next() finds the same chunks again when bytes were inserted before them", () => {
  const random = seededRandom(4);
  const content = random(2 ** 20);
  for (const length of [1, 100, 10_000]) {
    const added = addedBytes(content, joined(random(length), content));
    assert(added < length + 2 * MAX_CHUNK_LENGTH, `${added} for ${length}`);
  }
});

Deno.test("next() gives less than 3 % new bytes when 1 % of an image's pages of 4 KiB changed", () => {
  const random = seededRandom(5);
  const image = random(2 ** 23);
  const pages = image.length / 4096;
  const changed = image.slice();
  for (let i = 0; i < pages / 100; i++) changed.set(random(4096), 4096 * ((i * 97 + 13) % pages));
  const share = addedBytes(image, changed) / image.length;
  assert(share > 0.01 && share < 0.03, `${share}`);
});

Deno.test("next() cuts elsewhere when the archive key is another", () => {
  const content = seededRandom(6)(2 ** 18);
  const gear = deriveGearTable(nativeEngine, new Uint8Array(32).fill(8));
  let at = 0;
  const own = new Set(cuts(content).map(({ length }) => at += length));
  at = 0;
  const other = cuts(content, CHUNKER_LOOKAHEAD, gear).map(({ length }) => at += length);
  const shared = other.filter((end) => own.has(end)).length;
  // The end of the content is one.
  assert(shared <= 3, `${shared} of ${other.length}`);
});

Deno.test("Chunker refuses a table that has not one value for each byte", () => {
  assertThrows(() => new Chunker(new Uint32Array(255)), RangeError);
});
