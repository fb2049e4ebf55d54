import { assertEquals, assertThrows } from "@std/assert";
import { type Column, formatTable } from "../../bench/table.ts";

const COLUMNS: readonly Column[] = [
  { title: "name", align: "left" },
  { title: "n", align: "right" },
  { title: "note", align: "left" },
];

Deno.test("formatTable() lines up cells under their headings", () => {
  assertEquals(
    formatTable(COLUMNS, [["a", "1", "x"], ["longer", "1000", ""]]),
    [
      "name       n  note",
      "------  ----  ----",
      "a          1  x",
      "longer  1000",
    ].join("\n"),
  );
});

Deno.test("formatTable() shows headings alone when there are no rows", () => {
  assertEquals(formatTable(COLUMNS, []), "name  n  note\n----  -  ----");
});

Deno.test("formatTable() refuses a row with a cell too many or too few", () => {
  assertThrows(() => formatTable(COLUMNS, [["a", "1"]]), RangeError, "2 cells in 3 columns");
  assertThrows(() => formatTable(COLUMNS, [["a", "1", "x", "y"]]), RangeError, "4 cells in 3 columns");
});
