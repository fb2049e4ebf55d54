import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { portableEngine } from "../../src/engine/portable/engine.ts";
import { ArchiveError } from "../../src/format/errors.ts";
import { seededRandom, TEST_KEY } from "./archive_builder.ts";
import { BY_PATH, checkRest, FILES, ITEMS, makeDamageable } from "./damage_tree.ts";
import type { Region } from "./frame_map.ts";
import { asFiles, createInMemory, FIXED_OPTIONS, MemoryFiles } from "./memory_files.ts";
import { checkTrue, isWhole, salvage } from "./salvaging.ts";
import { file } from "./sample_tree.ts";

Deno.test("salvage gives all of an archive that is whole, and says that nothing is lost", async () => {
  for (const suite of [1, 2] as const) {
    for (const state of ["known", "streamed"] as const) {
      const { bytes } = await makeDamageable(state, undefined, suite);
      const got = await salvage(bytes);
      checkTrue(got, BY_PATH);
      assertEquals([got.files.size, got.lost.size, got.others.size], [FILES.length, 0, ITEMS.length - FILES.length]);
      assert(FILES.every((path) => isWhole(got, path)));
      const { damage, mayLackMore, isCatalogWhole, lostBlocks, partBlocks, isCutOff } = got.summary;
      assertEquals([damage, lostBlocks, partBlocks, got.warnings], [[], 0, 0, []]);
      assert(!mayLackMore && isCatalogWhole && !isCutOff);
    }
  }
});

Deno.test("salvage gives all files of other blocks, whichever page is zeroed, and calls nothing whole that is not", async () => {
  for (const state of ["known", "streamed"] as const) {
    const made = await makeDamageable(state);
    // All pages at the ends, and a sample between; tests/long zeroes each.
    for (let page = 0; page * 4096 < made.bytes.length; page++) {
      if (page > 6 && page % 7 !== 0 && (page + 12) * 4096 < made.bytes.length) continue;
      const bytes = made.bytes.slice().fill(0, page * 4096, (page + 1) * 4096);
      checkRest(made, await salvage(bytes), page * 4096, (page + 1) * 4096);
    }
  }
});

Deno.test("salvage gives all files of the blocks before the cut, wherever an archive is cut", async () => {
  for (const state of ["known", "streamed"] as const) {
    const made = await makeDamageable(state);
    for (let pages = 3; pages * 4096 < made.bytes.length; pages += 5) {
      const got = await salvage(made.bytes.slice(0, pages * 4096));
      checkRest(made, got, pages * 4096, made.bytes.length);
      assert(got.summary.isCutOff);
    }
  }
});

Deno.test("salvage uses each chunk of a stored block whose rows are there, and names the lost bytes", async () => {
  const made = await makeDamageable("known", 400_000);
  const film = [...made.blocks.get("media/film.bin") as Set<number>];
  const region = made.regions.find(({ frame, name }) => name === "block" && frame === film[0]) as Region;
  const bytes = made.bytes.slice();
  // The third chunk of the block's frame: the rows are in the first.
  bytes[region.start + 48 + 2 * 65_536 + 100]! ^= 1;
  const got = await salvage(bytes);
  checkTrue(got, BY_PATH);
  const { lost } = got.files.get("media/film.bin") ?? { lost: [] };
  assertEquals(lost.length, 1);
  assertEquals((lost[0]?.end ?? 0) - (lost[0]?.start ?? 0), 65_520);
  assertEquals([got.summary.partBlocks, got.summary.lostBlocks], [1, 0]);
  assertEquals(got.summary.damage.map(({ what, frame }) => [what, frame]), [["chunks", film[0]]]);
});

Deno.test("salvage decodes a compressed block up to the first damaged chunk, on both engines", async () => {
  const made = await makeDamageable("known", 1_000_000);
  const frames = [...made.blocks.get("docs/big.txt") as Set<number>];
  const region = made.regions.find(({ frame, name }) => name === "block" && frame === frames[0]) as Region;
  assert(region.end - region.start > 2 * 65_536, "the block should have three chunks");
  const bytes = made.bytes.slice();
  bytes[region.start + 48 + 65_536 + 100]! ^= 1;
  for (const engine of [nativeEngine, portableEngine]) {
    const got = await salvage(bytes, { keys: FIXED_OPTIONS.keys }, engine);
    checkTrue(got, BY_PATH);
    assert(isWhole(got, "docs/00.txt"), "the first file lies before the damage");
    assertEquals(got.summary.partBlocks, 1);
  }
});

Deno.test("salvage finds blocks that were swapped, doubled or moved by any number of bytes", async () => {
  const made = await makeDamageable("known", 4096);
  const blocks = made.regions.filter(({ name }) => name === "block");
  const sameLength = blocks.flatMap((a, i) =>
    blocks.slice(i + 2).filter((b) => b.end - b.start === a.end - a.start).map((b) => [a, b] as const)
  );
  const [a, b] = sameLength[0] as readonly [Region, Region];
  const swapped = made.bytes.slice();
  swapped.set(made.bytes.subarray(a.start, a.end), b.start);
  swapped.set(made.bytes.subarray(b.start, b.end), a.start);
  const [third, tenth] = [blocks[3], blocks[10]] as [Region, Region];
  const cutOut = (from: number, to: number) =>
    Uint8Array.from([...made.bytes.subarray(0, from), ...made.bytes.subarray(to)]);
  const putIn = (at: number, more: Bytes) =>
    Uint8Array.from([...made.bytes.subarray(0, at), ...more, ...made.bytes.subarray(at)]);
  const cases: readonly (readonly [what: string, bytes: Bytes, from: number, to: number])[] = [
    ["two blocks swapped", swapped, 0, 0],
    ["a block doubled", putIn(tenth.end, made.bytes.slice(third.start, third.end)), 0, 0],
    ["seven bytes put in", putIn(tenth.start, seededRandom(3)(7)), 0, 0],
    ["a block and five bytes cut out", cutOut(third.start, third.end + 5), third.start, third.end + 5],
  ];
  for (const [what, bytes, from, to] of cases) {
    const got = await salvage(bytes);
    try {
      checkRest(made, got, from, to);
    } catch (error) {
      throw new Error(`${what}: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
    assert(got.summary.damage.length > 0, what);
  }
});

Deno.test("salvage does without index, tables, trailer, end and locator, each and all", async () => {
  for (const state of ["known", "streamed"] as const) {
    const made = await makeDamageable(state);
    const tail = made.regions.filter(({ name }) => !["copyA", "copyB", "salt", "block", "page"].includes(name));
    const from = Math.min(...tail.map(({ start }) => start));
    for (const { start, end } of [...tail, { start: from, end: made.bytes.length }]) {
      const got = await salvage(made.bytes.slice().fill(0, start, end));
      checkTrue(got, BY_PATH);
      assert(FILES.every((path) => isWhole(got, path)));
      assertEquals(got.others.size, ITEMS.length - FILES.length);
      assertEquals(got.summary.mayLackMore, false);
    }
  }
});

Deno.test("salvage does without the catalog, and takes links and folders from the blocks", async () => {
  const made = await makeDamageable("known");
  const page = made.regions.find(({ name }) => name === "page") as Region;
  const got = await salvage(made.bytes.slice().fill(0, page.start, page.end));
  checkTrue(got, BY_PATH);
  assert(FILES.every((path) => isWhole(got, path)));
  assertEquals(got.others.size, ITEMS.length - FILES.length);
  assertEquals(got.summary.isCatalogWhole, false);
});

Deno.test("salvage goes without a header when it has the archive key", async () => {
  const keys = [{ kind: "archive-key", archiveKey: TEST_KEY }] as const;
  const made = await makeDamageable("known");
  const noHeader = made.bytes.slice().fill(0, 0, 8192);
  checkRest(made, await salvage(noHeader, { keys }), 0, 8192);
  // Nor the end: the salt at the body's start is enough.
  const cut = noHeader.slice(0, made.bytes.length - 12_288);
  checkRest(made, await salvage(cut, { keys }), made.bytes.length - 12_288, made.bytes.length);
  // Nor the beginning of the body: the salt stands in the locator too.
  checkRest(made, await salvage(noHeader.slice().fill(0, 0, 12_288), { keys }), 0, 12_288);
  // Nor that it begins where it began.
  const behind = made.bytes.slice(20_001);
  checkRest(made, await salvage(behind, { keys }), 0, 20_001);
  const other = [{ kind: "key-file", keyFile: TEST_KEY }] as const;
  await assertRejects(() => salvage(noHeader, { keys: other }), ArchiveError, "not a Coffer archive");
  const nothing = cut.slice().fill(0, 8192, 8192 + 32);
  await assertRejects(() => salvage(nothing, { keys }), ArchiveError, "neither its end nor its start");
});

Deno.test("salvage says what is missing when no copy of the salt is left", async () => {
  const { bytes } = await makeDamageable("streamed");
  const cut = bytes.slice(0, bytes.length - 4096).fill(0, 8192, 8192 + 32);
  await assertRejects(() => salvage(cut), ArchiveError, "the salt that its content needs");
});

Deno.test("salvage gives nothing of an archive whose every chunk was altered", async () => {
  const { bytes, regions } = await makeDamageable("known");
  const altered = bytes.slice();
  for (const { name, start, end } of regions) {
    if (name === "copyA" || name === "copyB" || name === "salt" || name === "locator") continue;
    for (let at = start + 48; at < end; at += 65_536) altered[at]! ^= 1;
  }
  const got = await salvage(altered);
  assertEquals([got.files.size, got.others.size], [0, 0]);
  assert(got.summary.mayLackMore);
});

Deno.test("salvage leaves out what the archive withdrew", async () => {
  const items = [file("a", "before"), file("broken", "x".repeat(9000)), file("c", "behind")];
  const access = new MemoryFiles(items, { broken: { failsAt: 4096 } });
  const { known } = await createInMemory(asFiles(items), { access, blockBytes: 4096, onProblem: () => {} });
  const got = await salvage(known);
  assertEquals([...got.files.keys()].sort(), ["a", "c"]);
  assertEquals([got.lost.size, got.summary.mayLackMore], [0, false]);
});
