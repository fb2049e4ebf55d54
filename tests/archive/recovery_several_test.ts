/** Archives of several snapshots with a recovery record: grown, protected, read in every way, damaged and mended. */
import { assert, assertEquals, assertRejects, equal } from "@std/assert";
import { Archive, type OpenOptions } from "../../src/archive/archive.ts";
import { openHeader } from "../../src/archive/header_reader.ts";
import { openAnyway } from "../../src/archive/lost_header.ts";
import { protectArchive } from "../../src/archive/protect.ts";
import { examineRecovery, findRecoveryRecord } from "../../src/archive/recovery_record.ts";
import { openSalvage } from "../../src/archive/salvage_open.ts";
import { ArchiveStream, SeveralSnapshotsError } from "../../src/archive/stream_reader.ts";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { portableEngine } from "../../src/engine/portable/engine.ts";
import { ArchiveError } from "../../src/format/errors.ts";
import { recoveryPercent } from "../../src/format/header.ts";
import { fullDataBytes, physicalLength } from "../../src/recovery/geometry.ts";
import { seededRandom } from "./archive_builder.ts";
import { itemsOf, KEYS, MemoryArchive, type Tree, treeOf, update } from "./growing_archive.ts";
import { asFiles, createInMemory, MemoryFiles } from "./memory_files.ts";
import { CountedSource } from "./sources.ts";

const BODY = 8192;
const CELL = 4096;

/** An archive of one snapshot, with a recovery record unless the percentage is 0. */
async function created(tree: Tree, recovery: number): Promise<MemoryArchive> {
  const items = itemsOf(tree);
  const options = { access: new MemoryFiles(items), level: "store" as const, ...(recovery === 0 ? {} : { recovery }) };
  return new MemoryArchive((await createInMemory(asFiles(items), options)).known);
}

const noise = (length: number, seed: number) => seededRandom(seed)(length).toBase64().slice(0, length);
const ONE: Tree = { "a": "first", "big": noise(280_000, 1), "b": "same" };
const TWO: Tree = { "a": "second", "big": noise(280_000, 1), "b": "same", "c": noise(70_000, 2) };
const THREE: Tree = { "a": "second", "b": "same", "c": noise(70_000, 2), "d": "third" };

/** Three snapshots: of many cells, of some, and of few. */
async function grown(recovery: number): Promise<MemoryArchive> {
  const target = await created(ONE, recovery);
  await update(target, itemsOf(TWO), { level: "store" });
  await update(target, itemsOf(THREE), { level: "store" });
  return target;
}

/** Says that a snapshot holds a tree, without printing all of it when it does not. */
async function checkTree(
  target: MemoryArchive,
  tree: Tree | undefined,
  options: Partial<OpenOptions> = {},
): Promise<void> {
  const found = await treeOf(target, options);
  const lengths = (of: Tree = {}) => Object.entries(of).map(([path, text]) => `${path} ${text?.length}`).sort();
  assertEquals(lengths(found), lengths(tree));
  assert(equal(found, tree));
}

async function checkHolds(target: MemoryArchive, trees: readonly Tree[] = [ONE, TWO, THREE]): Promise<void> {
  for (const [i, tree] of trees.entries()) {
    await checkTree(target, tree, { snapshot: { kind: "number", number: i + 1 } });
  }
  const engines = [nativeEngine, portableEngine];
  for (const engine of engines) {
    const stream = await ArchiveStream.open(engine, [target.bytes], {
      ...KEYS,
      segments: { through: trees.length - 1 },
      checkRecovery: true,
    });
    let ended = false;
    for await (const { kind } of stream.events()) ended = kind === "end";
    assert(ended);
  }
}

/** Mends an archive in memory; how many regions there are, and how many of them could not be mended. */
async function mended(bytes: Bytes): Promise<{ bytes: Bytes; regions: number; hopeless: number }> {
  const record = await findRecoveryRecord(nativeEngine, new CountedSource(bytes));
  assert(record !== undefined);
  const whole = new Uint8Array(record.fileBytes);
  whole.set(bytes.subarray(0, record.fileBytes));
  let hopeless = 0;
  for await (const region of examineRecovery(nativeEngine, new CountedSource(bytes), record)) {
    if (region.mended === undefined) hopeless++;
    for (const cell of region.mended ?? []) whole.set(cell.bytes, region.offset + cell.offset);
  }
  return { bytes: whole, regions: record.regions.length, hopeless };
}

const lengths = async (target: MemoryArchive) => {
  const archive = await Archive.open(nativeEngine, target, KEYS);
  const all = [];
  for (let i = 0; i < 3; i++) all.push((await archive.segments.get(i)).locator);
  return all;
};

Deno.test("updateArchive() appends a segment with its own regions, and leaves all before it as it is", async () => {
  const target = await created(ONE, 5);
  const first = target.bytes.slice();
  const written = await update(target, itemsOf(TWO), { level: "store" });
  assertEquals(written?.length, target.bytes.length);
  assertEquals(written?.addedBytes, target.bytes.length - first.length);
  assertEquals(target.bytes.subarray(BODY, first.length), first.subarray(BODY));
  await checkHolds(target, [ONE, TWO]);
  await update(target, itemsOf(THREE), { level: "store" });
  await checkHolds(target);
  const locators = await lengths(target);
  assertEquals(
    target.bytes.length - BODY,
    locators.reduce((sum, { length }) => sum + physicalLength(5, length), 0),
  );
  const archive = await Archive.open(nativeEngine, target, KEYS);
  const added = [];
  for await (const { addedBytes } of archive.snapshots()) added.push(addedBytes);
  assertEquals(added, locators.map(({ length }) => physicalLength(5, length)));
  await assertRejects(() => ArchiveStream.open(nativeEngine, [target.bytes], KEYS), SeveralSnapshotsError);
  const only = await ArchiveStream.open(nativeEngine, [target.bytes], { ...KEYS, segments: "first" });
  for await (const { kind } of only.events()) if (kind === "end") return;
  throw new Error("the first snapshot has no end");
});

Deno.test("an update of one file of 4 KiB adds what FORMAT.md says of a region of few cells", async () => {
  const target = await created(ONE, 5);
  const written = await update(target, itemsOf({ ...ONE, "b": noise(4096, 9) }), { level: "store" });
  const cells = ((await Archive.open(nativeEngine, target, KEYS)).newest.locator.length) / CELL;
  assertEquals([cells, written?.addedBytes], [2, (3 * cells + 2) * CELL]);
});

Deno.test("an archive grows over the end of a full region, in its first segment and in a further one", async () => {
  const piece = noise(1_000_000, 3);
  const long = piece.repeat(Math.ceil((fullDataBytes(50) + 1_000_000) / piece.length));
  const target = await created({ "x": "small" }, 50);
  const trees: Tree[] = [{ "x": "small" }, { "x": "small", "y": long }, { "x": "small", "y": long, "z": "end" }];
  await update(target, itemsOf(trees[1] as Tree), { level: "store" });
  await update(target, itemsOf(trees[2] as Tree), { level: "store" });
  await checkTree(target, trees[2]);
  const good = nativeEngine.sha256(target.bytes);
  const bad = target.bytes.slice().fill(1, 20_000_000, 24_000_000);
  const { bytes, regions, hopeless } = await mended(bad);
  assertEquals([regions, hopeless], [4, 0]);
  assertEquals(nativeEngine.sha256(bytes), good);
});

Deno.test("protectArchive() gives each of several segments its regions, changes them and takes them away", async () => {
  const plain = await grown(0);
  const made = await grown(5);
  const protect = async (source: MemoryArchive, percent: number) => {
    const opened = await openHeader(nativeEngine, (length) => source.read(0, length), KEYS.keys, {});
    const target = new MemoryArchive(new Uint8Array(0));
    assertEquals(await protectArchive(source, opened, percent, (bytes) => target.append(bytes)), 2);
    return target;
  };
  const five = await protect(plain, 5);
  await checkHolds(five);
  assertEquals(five.bytes.length, made.bytes.length);
  await checkHolds(await protect(five, 20));
  const none = await protect(five, 0);
  assertEquals(none.bytes.subarray(BODY), plain.bytes.subarray(BODY));
  await checkTree(none, THREE);
  // And it goes on.
  await update(five, itemsOf({ ...THREE, "e": "fourth" }));
  await checkTree(five, { ...THREE, "e": "fourth" });
});

Deno.test("every page of an archive of several segments is mended bit for bit, and any two of one region", async () => {
  const { bytes: good } = await grown(5);
  const places: number[][] = [];
  for (let at = BODY; at < good.length; at += CELL) places.push([at]);
  for (let at = good.length - 12 * CELL; at < good.length; at += CELL) {
    for (let other = at + CELL; other < good.length; other += CELL) places.push([at, other]);
  }
  for (const place of places) {
    const bad = good.slice();
    for (const at of place) bad.fill(0xa5, at, at + CELL);
    const { bytes, hopeless } = await mended(bad);
    assertEquals([hopeless, bytes.length], [0, good.length], `${place}`);
    assert(nativeEngine.equal(bytes, good), `${place}`);
  }
});

Deno.test("the last segment's end is mended when it is cut off, as far as a table is left", async () => {
  const { bytes: good } = await grown(5);
  for (const cut of [1, CELL, 2 * CELL + 5]) {
    const { bytes, hopeless } = await mended(good.slice(0, good.length - cut));
    assertEquals(hopeless, 0);
    assert(nativeEngine.equal(bytes, good));
  }
});

Deno.test("a region that is lost altogether does not keep the others from being mended", async () => {
  const target = await grown(5);
  const good = target.bytes;
  const [first, second] = await lengths(target);
  const start = BODY + physicalLength(5, first?.length as number);
  const end = start + physicalLength(5, second?.length as number);
  const bad = good.slice().fill(7, start, end);
  bad.fill(8, BODY, BODY + CELL).fill(9, end, end + CELL);
  const { bytes, regions, hopeless } = await mended(bad);
  assertEquals([regions, hopeless], [3, 1]);
  assertEquals(bytes.subarray(BODY, start), good.subarray(BODY, start));
  assertEquals(bytes.subarray(end), good.subarray(end));
  assertEquals(bytes.subarray(start, end), bad.subarray(start, end));
});

Deno.test("an archive of several segments is found and opened without its header", async () => {
  const { bytes } = await grown(5);
  const lost = bytes.slice().fill(0, 0, BODY);
  const opened = await openAnyway(nativeEngine, new CountedSource(lost), KEYS.keys, {});
  assertEquals([opened.isLost, recoveryPercent(opened.copy.header)], [true, 5]);
  await checkTree(new MemoryArchive(lost), THREE, { goWithoutHeader: true });
  const first = { goWithoutHeader: true, snapshot: { kind: "first" } } as const;
  await checkTree(new MemoryArchive(lost), ONE, first);
});

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "none";
  } catch (error) {
    if (error instanceof ArchiveError) return error.code;
    throw error;
  }
}

Deno.test("an archive that ends before its newest segment does is refused, and an earlier snapshot opens when that is accepted", async () => {
  const target = await grown(5);
  const [first, second] = await lengths(target);
  const one = BODY + physicalLength(5, first?.length as number);
  const two = one + physicalLength(5, second?.length as number);
  // Of the second one all data is there as well when only the last of its recovery data is not.
  const cases = [[one, ONE], [one + CELL, ONE], [two - 1, TWO], [two, TWO], [two + 1, TWO], [
    two + CELL / 2,
    TWO,
  ]] as const;
  for (const [length, tree] of cases) {
    const cut = new MemoryArchive(target.bytes.slice(0, length));
    assertEquals(await codeOf(treeOf(cut)), "truncated", `${length}`);
    await checkTree(cut, tree, { acceptRollback: true });
  }
  assertEquals(await codeOf(treeOf(new MemoryArchive(target.bytes.slice(0, -1)))), "truncated");
});

Deno.test("what follows the newest segment is refused unless an update may have left it", async () => {
  const { bytes } = await grown(5);
  for (
    const [more, code] of [
      [seededRandom(3)(5000), "trailing-data"],
      [seededRandom(3)(5 * CELL), "trailing-data"],
      [new Uint8Array(5 * CELL), "none"],
      [new Uint8Array(20), "none"],
    ] as const
  ) {
    const longer = new Uint8Array(bytes.length + more.length);
    longer.set(bytes);
    longer.set(more, bytes.length);
    assertEquals(await codeOf(treeOf(new MemoryArchive(longer))), code, `${more.length}`);
    if (code !== "none") continue;
    // The next update removes it.
    const target = new MemoryArchive(longer);
    await update(target, itemsOf({ "only": "this" }));
    assertEquals(await treeOf(target), { "only": "this" });
    const clean = new MemoryArchive(bytes);
    await update(clean, itemsOf({ "only": "this" }));
    assertEquals(target.bytes.length, clean.bytes.length);
  }
});

Deno.test("places in the file are found over hundreds of segments, of which the tables of some are in others", async () => {
  const target = await created({ "f": "0" }, 5);
  for (let day = 1; day <= 259; day++) await update(target, itemsOf({ "f": `day ${day}`.padEnd(day + 20, ".") }));
  for (const number of [1, 2, 200, 256, 257, 258, 260]) {
    const text = number === 1 ? "0" : `day ${number - 1}`.padEnd(number + 19, ".");
    assertEquals(await treeOf(target, { snapshot: { kind: "number", number } }), { "f": text });
  }
  const { bytes, regions } = await mended(target.bytes.slice().fill(1, 300_000, 300_000 + CELL));
  assertEquals(regions, 260);
  assert(nativeEngine.equal(bytes, target.bytes));
});

Deno.test("openSalvage() says where damage lies in the file, in every segment", async () => {
  const target = await grown(5);
  const [first, second] = await lengths(target);
  const two = BODY + physicalLength(5, first?.length as number);
  const bad = target.bytes.slice().fill(0, two + CELL, two + 2 * CELL);
  const salvage = await openSalvage(nativeEngine, new CountedSource(bad), KEYS);
  for await (const _ of salvage.events()) { /* counted by the summary */ }
  const { damage } = salvage.summary();
  assert(damage.length > 0 && (second?.length as number) > 2 * CELL);
  for (const { start, end } of damage) assert(start < two + 2 * CELL && end > two + CELL, `${start} to ${end}`);
});

Deno.test("salvage comes to an end, and tells what is wrong, whatever is lost of data and tables together", async () => {
  const { bytes } = await grown(5);
  const random = seededRandom(12);
  let came = 0;
  const isTable = (bad: Bytes, at: number) =>
    bad[at + 4] === 5 && bad.subarray(at + 32, at + 64).every((byte) => byte === 0);
  // Of the last segment only tables are left, and of the others only data: nothing says where the second begins.
  const third = bytes.slice();
  for (let at = BODY; at < bytes.length - 5 * CELL; at += CELL) if (isTable(third, at)) third.fill(7, at, at + CELL);
  third.fill(0, bytes.length - 5 * CELL, bytes.length - 4 * CELL);
  const rest = await openSalvage(nativeEngine, new CountedSource(third), KEYS);
  for await (const event of rest.events()) if (event.kind === "file" && event.row.path === "big") came += 100;
  assertEquals(came, 100);
  for (let round = 0; round < 60; round++) {
    const [a = 0, b = 0, c = 0, d = 0] = random(4);
    const bad = bytes.slice();
    const from = BODY + Math.floor(a / 256 * (bytes.length - BODY));
    bad.fill(0, from, from + b * 2 * CELL);
    // All tables are lost, or those of some regions.
    for (let at = BODY; at < bad.length; at += CELL) {
      if (isTable(bad, at) && (c % 2 === 0 || (at / CELL + d) % 3 === 0)) bad.fill(7, at, at + CELL);
    }
    try {
      const salvage = await openSalvage(nativeEngine, new CountedSource(bad), KEYS);
      for await (const event of salvage.events()) if (event.kind === "file") came++;
      salvage.summary();
    } catch (error) {
      assert(error instanceof ArchiveError, String(error));
    }
  }
  assert(came > 130, `${came} files`);
});
