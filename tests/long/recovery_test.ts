/**
 * Figures for the recovery record of 5 %: bursts and scattered bad sectors of a full region (64 MiB of the file),
 * mended bit for bit. README's section on tests has them.
 */
import { assert, assertEquals } from "@std/assert";
import { findRecoveryRecord } from "../../src/archive/recovery_record.ts";
import { mendInto } from "../../src/disk/mend.ts";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { fullRegion, regionBytes } from "../../src/recovery/geometry.ts";
import { seededRandom } from "../archive/archive_builder.ts";
import { joined } from "../archive/archive_draft.ts";
import { itemsOf, MemoryArchive, update } from "../archive/growing_archive.ts";
import { asFiles, createInMemory, MemoryFiles } from "../archive/memory_files.ts";
import { CountedSource } from "../archive/sources.ts";
import { apply, CELL, encodedRegion, examine, sequence } from "../recovery/regions.ts";

const PERCENT = 5;
const BURSTS = 400;
const ROUNDS = 50;
const { data, codewords, rows } = fullRegion(PERCENT);

const region = encodedRegion(nativeEngine, PERCENT, data);
const good = nativeEngine.sha256(region);

/** Spoils parts of the region, mends it, puts it back; whether that was possible. */
async function mends(parts: Iterable<readonly [offset: number, length: number]>): Promise<boolean> {
  const kept = [...parts].map(([offset, length]) => [offset, region.slice(offset, offset + length)] as const);
  for (const [offset, bytes] of kept) region.set(bytes.map((byte) => byte ^ 0x5a), offset);
  const found = await examine(nativeEngine, PERCENT, data, region);
  if (found.mended !== undefined) {
    assertEquals(nativeEngine.sha256(apply(region, found) as Uint8Array), good);
  }
  for (const [offset, bytes] of kept) region.set(bytes, offset);
  return found.mended !== undefined;
}

Deno.test(`a burst of ${PERCENT} % of a region is mended at each of ${BURSTS} places, and the longest that can be`, async () => {
  const burst = Math.floor(region.length * PERCENT / 100);
  const longest = (rows * codewords - 1) * CELL + 1;
  assert(longest >= burst);
  const next = sequence(5);
  for (let i = 0; i < BURSTS; i++) {
    const length = i % 2 === 0 ? burst : longest;
    const places = [0, region.length - length, next() % (region.length - length)];
    const at = places[Math.min(i, 2)] as number;
    assert(await mends([[at, length]]), `${length} bytes at ${at}`);
  }
  console.log(`${BURSTS} of ${BURSTS} bursts mended, the longest of ${longest} bytes, of a region of ${region.length}`);
});

Deno.test("scattered bad sectors are mended, up to a number that chance decides", async () => {
  const sectors = region.length / CELL;
  const next = sequence(9);
  const mendedOf: string[] = [];
  for (const permille of [5, 10, 15, 20, 25, 30]) {
    const count = Math.floor(sectors * permille / 1000);
    let mended = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const chosen = new Set<number>();
      while (chosen.size < count) chosen.add(next() % sectors);
      if (await mends([...chosen].map((sector) => [sector * CELL, CELL]))) mended++;
    }
    mendedOf.push(`${count} of ${sectors} sectors: ${mended} of ${ROUNDS} tries`);
    if (permille <= 15) assertEquals(mended, ROUNDS);
  }
  console.log(mendedOf.join("\n"));
});

Deno.test("six snapshots are mended after a burst in each of their regions at once, and after scattered bad sectors", async () => {
  const names = ["a", "b", "c", "d", "e", "f"];
  const tree: Record<string, string> = { a: seededRandom(1)(6_000_000).toBase64() };
  const items = itemsOf(tree);
  const options = { access: new MemoryFiles(items), level: "store" as const, recovery: PERCENT };
  const target = new MemoryArchive((await createInMemory(asFiles(items), options)).known);
  for (const [i, name] of names.slice(1).entries()) {
    tree[name] = seededRandom(i + 2)(1_000_000 * (i + 1)).toBase64();
    await update(target, itemsOf(tree), { level: "store" });
  }
  const whole = target.bytes;
  const digest = nativeEngine.sha256(whole);
  const record = await findRecoveryRecord(nativeEngine, new CountedSource(whole));
  assert(record !== undefined);
  const next = sequence(7);
  const tries = async (spoil: (bad: Bytes) => void): Promise<boolean> => {
    const bad = whole.slice();
    spoil(bad);
    const pieces: Bytes[] = [];
    const report = await mendInto(nativeEngine, new CountedSource(bad), (piece) => void pieces.push(piece.slice()));
    if (report === undefined || report.hopeless.length > 0) return false;
    assertEquals(nativeEngine.sha256(joined(...pieces)), digest);
    return true;
  };
  let bursts = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const mended = await tries((bad) => {
      for (const { shape, offset } of record.regions) {
        const bytes = regionBytes(shape);
        const length = Math.floor(bytes * PERCENT / 100);
        const at = record.bodyOffset + offset + next() % (bytes - length);
        bad.fill(0x5a, at, at + length);
      }
    });
    if (mended) bursts++;
  }
  assertEquals(bursts, ROUNDS);
  const sectors = (whole.length - record.bodyOffset) / CELL;
  const told: string[] = [];
  for (const permille of [2, 5, 10, 15]) {
    const count = Math.floor(sectors * permille / 1000);
    let mended = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const isMended = await tries((bad) => {
        for (let i = 0; i < count; i++) {
          const at = record.bodyOffset + CELL * (next() % sectors);
          bad.fill(0x5a, at, at + CELL);
        }
      });
      if (isMended) mended++;
    }
    told.push(`${count} of ${sectors} sectors: ${mended} of ${ROUNDS}`);
  }
  console.log(`${record.regions.length} regions, ${bursts} of ${ROUNDS} with a burst in each\n${told.join("\n")}`);
});
