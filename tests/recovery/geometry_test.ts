import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  fullDataBytes,
  fullRegion,
  logicalLength,
  parityCells,
  physicalLength,
  physicalOffset,
  physicalRanges,
  regionBytes,
  regionShape,
  segmentRegions,
  tailBytes,
} from "../../src/recovery/geometry.ts";

const CELL = 4096;

Deno.test("regionShape() mends a burst of the percentage wherever it begins, with the fewest rows, when given any size", () => {
  for (const percent of [1, 2, 5, 10, 33, 50]) {
    const full = fullRegion(percent);
    for (let data = 1; data <= full.data; data += data < 200 ? 1 : 97) {
      const shape = regionShape(percent, data);
      const burst = Math.floor(regionBytes(shape) * percent / 100);
      const touched = Math.ceil((burst - 1) / CELL) + 1;
      // Of very small regions, most of whose bytes are parity and tables, it is that less what does not fill cells.
      const held = data < 64 ? Math.floor(burst / CELL) : touched;
      assert(held <= parityCells(shape), `${percent} % of ${data} cells`);
      if (data > 1) assert(regionBytes(shape) > regionBytes(regionShape(percent, data - 1)));
      assert(Math.ceil(data / shape.codewords) + shape.rows <= 255, `${percent} % of ${data} cells`);
      assert(shape.rows >= 2 && shape.rows <= full.rows);
      if (shape.rows === 2) continue;
      const fewer = parityCells(shape) - shape.codewords;
      const bytes = (data + fewer + 2 * Math.ceil((data + fewer) / 1008)) * CELL;
      assert((fewer - 1) * CELL < bytes * percent / 100, `${percent} % of ${data} cells has a row too many`);
    }
  }
});

Deno.test("regionShape() has the values of FORMAT.md when 5 % are asked for", () => {
  assertEquals(regionShape(5, 1), { data: 1, codewords: 1, rows: 2, tablePages: 1 });
  assertEquals(regionShape(5, 100), { data: 100, codewords: 64, rows: 2, tablePages: 1 });
  assertEquals(fullRegion(5), { data: 15488, codewords: 64, rows: 13, tablePages: 17 });
});

Deno.test("regionShape() refuses percentages and sizes that are out of range", () => {
  for (const percent of [0, 51, 1.5, -1, NaN]) assertThrows(() => regionShape(percent, 1), RangeError);
  for (const data of [0, -1, 0.5]) assertThrows(() => regionShape(5, data), RangeError);
});

Deno.test("logicalLength() undoes physicalLength() when given any number of cells, and says what is left over", () => {
  for (const percent of [1, 5, 50]) {
    const full = fullRegion(percent).data;
    for (const cells of [1, 2, 3, 4, 5, 6, 7, 8, 63, 64, 65, 1000, full - 1, full, full + 1, 3 * full, 3 * full + 7]) {
      const physical = physicalLength(percent, cells * CELL);
      assertEquals(logicalLength(percent, physical), { length: cells * CELL, rest: 0 });
      assertEquals(
        [...segmentRegions(percent, cells * CELL)].reduce((sum, shape) => sum + regionBytes(shape), 0),
        physical,
      );
      assert(logicalLength(percent, physical + 1).rest > 0);
      assert(logicalLength(percent, physical - 1).length < cells * CELL);
    }
  }
  assertEquals(logicalLength(0, 12345), { length: 12345, rest: 0 });
});

Deno.test("physicalRanges() leaves out what is no data when a range goes over regions", () => {
  const full = fullDataBytes(5);
  const tail = tailBytes(fullRegion(5));
  const start = { offset: 8192, physical: 20480 };
  assertEquals([...physicalRanges(5, { offset: 8192 + full - 10, length: full + 30 }, start)], [
    { offset: 20480 + full - 10, length: 10 },
    { offset: 20480 + full + tail, length: full },
    { offset: 20480 + 2 * (full + tail), length: 20 },
  ]);
  assertEquals(physicalOffset(5, 8192 + full, start), 20480 + full + tail);
  assertEquals([...physicalRanges(0, { offset: 5, length: 10 })], [{ offset: 5, length: 10 }]);
  assertEquals([...physicalRanges(5, { offset: 5, length: 0 })], []);
});
