import { assertEquals } from "@std/assert";
import { ENTRY_KINDS } from "../../src/format/row.ts";

Deno.test("ENTRY_KINDS has the numbers of FORMAT.md when they are counted from 1", () => {
  assertEquals(ENTRY_KINDS, ["file", "directory", "symlink", "hardlink", "fifo"]);
});
