/** Catalogs at the limits of the format: what a writer makes, a reader takes. */
import { assertEquals } from "@std/assert";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { Archive } from "../../src/archive/archive.ts";
import type { PlannedEntry } from "../../src/archive/planner.ts";
import { createInMemory, FIXED_OPTIONS } from "../archive/memory_files.ts";
import { row } from "../archive/sample_tree.ts";
import { CountedSource } from "../archive/sources.ts";

Deno.test("createArchive() makes an index that a reader takes, of 46,000 rows in a folder whose path has 3,839 bytes", async () => {
  const folder = Array(15).fill("d".repeat(255)).join("/");
  const count = 46_000;
  const name = (i: number) => `${folder}/${"f".repeat(200)}${String(i).padStart(6, "0")}`;
  const entries = function* (): Generator<PlannedEntry> {
    yield { row: row(folder, "directory"), content: undefined };
    for (let i = 0; i < count; i++) yield { row: row(name(i), "fifo"), content: undefined };
  };
  const { known } = await createInMemory(entries(), { level: 1 });
  const archive = await Archive.open(nativeEngine, new CountedSource(known), { keys: FIXED_OPTIONS.keys });
  assertEquals(archive.trailer.totals.entries, count + 1);
  for (const i of [0, 1, 31_415, count - 1]) {
    for await (const { row } of archive.find(name(i))) assertEquals(row.path, name(i));
  }
});
