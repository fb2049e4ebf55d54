import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { portableEngine } from "../../src/engine/portable/engine.ts";
import type { Bytes } from "../../src/engine/engine.ts";
import { coefficient, multiply } from "../../src/recovery/field.ts";
import { parityCells, regionBytes, regionShape } from "../../src/recovery/geometry.ts";
import { apply, CELL, encodedRegion, examine, sequence } from "./regions.ts";

const engine = nativeEngine;

/** Bytes that are surely others: each loses all its bits to others. */
function spoil(region: Bytes, offset: number, length: number): Bytes {
  const bad = region.slice();
  for (let i = offset; i < offset + length; i++) bad[i] = (bad[i] as number) ^ 0xa5;
  return bad;
}

Deno.test("RegionEncoder makes the parity of the definition when given any data", () => {
  const cells = 150;
  const shape = regionShape(5, cells);
  const region = encodedRegion(engine, 5, cells);
  const parity = (cells + shape.tablePages) * CELL;
  for (let index = 0; index < parityCells(shape); index += 7) {
    const codeword = (cells + index) % shape.codewords;
    const row = Math.floor(index / shape.codewords);
    for (const byte of [0, 1, 2047, 4095]) {
      let sum = 0;
      for (let position = 0; position * shape.codewords + codeword < cells; position++) {
        const value = region[(position * shape.codewords + codeword) * CELL + byte] as number;
        sum ^= multiply(coefficient(row, position), value);
      }
      assertEquals(region[parity + index * CELL + byte], sum);
    }
  }
  assertEquals(region.length, regionBytes(shape));
});

Deno.test("RegionEncoder gives the same bytes with both engines", () => {
  assertEquals(encodedRegion(portableEngine, 10, 70), encodedRegion(nativeEngine, 10, 70));
});

Deno.test("RegionExaminer finds nothing when nothing is wrong", async () => {
  for (const cells of [1, 2, 63, 64, 65, 700]) {
    const found = await examine(engine, 5, cells, encodedRegion(engine, 5, cells));
    assertEquals(found, { badData: [], badParity: [], badTables: [], mended: [] });
  }
});

Deno.test("RegionExaminer mends a burst of the percentage bit for bit when it begins anywhere", async () => {
  for (const [percent, cells] of [[5, 1], [5, 3], [5, 64], [5, 2000], [10, 300], [20, 40], [50, 500]] as const) {
    const region = encodedRegion(engine, percent, cells);
    const burst = Math.floor(region.length * percent / 100);
    const steps = 40;
    for (let i = 0; i <= steps; i++) {
      const offset = Math.floor((region.length - burst) * i / steps);
      const bad = spoil(region, offset, burst);
      const found = await examine(engine, percent, cells, bad);
      const whole = apply(bad, found);
      assert(whole !== undefined, `${percent} % of ${cells} cells, ${burst} bytes at ${offset}`);
      assertEquals(engine.sha256(whole), engine.sha256(region), `${percent} % of ${cells} cells at ${offset}`);
    }
  }
});

Deno.test("RegionExaminer mends whatever leaves each codeword enough cells, and nothing else", async () => {
  const percent = 10;
  const cells = 200;
  const shape = regionShape(percent, cells);
  const region = encodedRegion(portableEngine, percent, cells);
  const all = cells + parityCells(shape);
  const offsetOf = (cell: number) => (cell < cells ? cell : cell + shape.tablePages) * CELL;
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.nat(all - 1), { maxLength: 200 }), async (bad) => {
      const damaged = region.slice();
      const counts = new Map<number, number>();
      for (const cell of bad) {
        damaged.fill(0xee, offsetOf(cell), offsetOf(cell) + CELL);
        counts.set(cell % shape.codewords, (counts.get(cell % shape.codewords) ?? 0) + 1);
      }
      const found = await examine(nativeEngine, percent, cells, damaged);
      assertEquals([...found.badData, ...found.badParity.map((cell) => cell + cells)], bad.toSorted((a, b) => a - b));
      const canBe = [...counts.values()].every((count) => count <= shape.rows);
      assertEquals(found.mended !== undefined, canBe);
      if (canBe) assertEquals(engine.sha256(apply(damaged, found) as Bytes), engine.sha256(region));
    }),
    { numRuns: 60 },
  );
});

Deno.test("RegionExaminer mends scattered sectors of data, parity and tables when half of the tables are left", async () => {
  const [percent, cells] = [20, 4000];
  const region = encodedRegion(engine, percent, cells);
  const next = sequence(7);
  let mended = 0;
  for (let round = 0; round < 5; round++) {
    const damaged = region.slice();
    // 5 % of all sectors, at random: no codeword is likely to lose the fifth of its cells that it can spare.
    for (let i = 0; i < region.length / CELL / 20; i++) {
      const cell = next() % (region.length / CELL);
      damaged.fill(0, cell * CELL, (cell + 1) * CELL);
    }
    const whole = apply(damaged, await examine(engine, percent, cells, damaged));
    assert(whole !== undefined);
    assertEquals(engine.sha256(whole), engine.sha256(region));
    mended++;
  }
  assertEquals(mended, 5);
});

Deno.test("RegionExaminer mends the tables when half of their pages are lost, and makes them anew when all are", async () => {
  const cells = 2500;
  const shape = regionShape(5, cells);
  const region = encodedRegion(engine, 5, cells);
  const first = cells * CELL;
  const second = first + (shape.tablePages + parityCells(shape)) * CELL;
  const half = shape.tablePages * CELL;
  assertEquals(shape.tablePages, 3);
  for (const lost of [[first, half], [second, half], [first + CELL, CELL]] as const) {
    const damaged = spoil(spoil(region, lost[0], lost[1]), 5 * CELL, 3 * CELL);
    const found = await examine(engine, 5, cells, damaged);
    assertEquals(found.badData, [5, 6, 7]);
    assertEquals(engine.sha256(apply(damaged, found) as Bytes), engine.sha256(region));
  }
  const none = spoil(spoil(region, first, half), second, half);
  assertEquals(engine.sha256(apply(none, await examine(engine, 5, cells, none)) as Bytes), engine.sha256(region));
  // Nothing says which cell is bad any more.
  assertEquals((await examine(engine, 5, cells, spoil(none, 0, 1))).mended, undefined);
});

Deno.test("RegionExaminer mends an end that is cut off", async () => {
  const [percent, cells] = [5, 2000];
  const region = encodedRegion(engine, percent, cells);
  for (const missing of [1, 4096, 12_345, Math.floor(region.length / 20)]) {
    const cut = region.subarray(0, region.length - missing);
    const whole = apply(cut, await examine(engine, percent, cells, cut));
    assertEquals(engine.sha256(whole as Bytes), engine.sha256(region), `${missing} bytes`);
  }
});

Deno.test("RegionExaminer refuses to mend what contradicts itself: a cell that was altered with its checksum", async () => {
  const cells = 100;
  const region = encodedRegion(engine, 5, cells);
  // The checksum of zeros stands for a cell of zeros elsewhere: here both are put in.
  const shape = regionShape(5, cells);
  const forged = encodedRegion(engine, 5, cells, 2);
  const mixed = region.slice();
  mixed.set(forged.subarray(cells * CELL, (cells + shape.tablePages) * CELL), cells * CELL);
  mixed.set(forged.subarray(-shape.tablePages * CELL), mixed.length - shape.tablePages * CELL);
  mixed.set(forged.subarray(0, 64 * CELL), 0);
  const found = await examine(engine, 5, cells, mixed);
  assertEquals(found.mended, undefined);
});
