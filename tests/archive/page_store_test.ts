import { assertEquals } from "@std/assert";
import { CatalogBuilder } from "../../src/archive/catalog_builder.ts";
import { PageStore } from "../../src/archive/page_store.ts";
import { SealedSpill, type SpillFile } from "../../src/archive/sealed_spill.ts";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { FRAME_TYPE } from "../../src/format/frame.ts";
import type { PageEntry } from "../../src/format/page.ts";
import { joined } from "./archive_draft.ts";
import { row } from "./sample_tree.ts";

/** A file in memory. */
class MemorySpill implements SpillFile {
  bytes: Bytes = new Uint8Array(0);
  opened = 0;

  make = (): SealedSpill => {
    this.opened++;
    return new SealedSpill(nativeEngine, this);
  };

  append(bytes: Bytes): void {
    this.bytes = joined(this.bytes, bytes);
  }

  read(offset: number, into: Bytes): void {
    into.set(this.bytes.subarray(offset, offset + into.length));
  }
}

const entry = (path: string): PageEntry => ({ row: row(path, "directory"), provisional: false, extents: [] });

/** Rows in no order: each number below a prime once. */
const paths = Array.from({ length: 9973 }, (_, i) => `folder-${String((i * 5003) % 9973).padStart(5, "0")}`);

Deno.test("PageStore keeps pages in memory up to its bound, and puts the others away", () => {
  const spill = new MemorySpill();
  const store = new PageStore(spill.make, 10);
  const texts = ["0123456789", "more", "", "and more"];
  const pages = texts.map((text) => store.put(new TextEncoder().encode(text)));
  assertEquals(pages.map((page) => "bytes" in page), [true, false, true, false]);
  assertEquals([spill.opened, spill.bytes.length], [1, 4 + 16 + 8 + 16]);
  assertEquals(pages.map((page) => new TextDecoder().decode(store.get(page))), texts);
  for (const page of pages) store.giveUp(page);
  assertEquals("bytes" in store.put(new Uint8Array(10)), true);
});

Deno.test("CatalogBuilder gives the same pages whether or not rows wait in a file", () => {
  const build = (store: PageStore) => {
    const builder = new CatalogBuilder(nativeEngine, 3, FRAME_TYPE.page, 0, store);
    for (const path of paths) builder.add(entry(path));
    assertEquals([...builder.entries()].map(({ row }) => row.path), paths.toSorted());
    return Array.from(builder.finish(), ({ head, stored, firstPath }) => ({ head, stored: stored.slice(), firstPath }));
  };
  const spill = new MemorySpill();
  assertEquals(build(new PageStore(spill.make, 2000)), build(new PageStore()));
  assertEquals(spill.opened, 1);
});
