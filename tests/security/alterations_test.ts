/** A sample of all flips and cuts of whole archives; tests/long has every one of them. */
import { assertEquals } from "@std/assert";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { seededRandom } from "../archive/archive_builder.ts";
import { FIXED_OPTIONS } from "../archive/memory_files.ts";
import { codeOf, readBySeeking } from "../archive/reading.ts";
import { CountedSource } from "../archive/sources.ts";
import { checkCut, checkFlip, checkFollowed, smallArchives } from "./small_archives.ts";

const ARCHIVES = await smallArchives();
/** Primes, so that samples of several archives hit different places. */
const BODY_STRIDE = 7;
const FILL_STRIDE = 101;
const CUT_STRIDE = 37;

for (const [number, archive] of ARCHIVES.entries()) {
  const { name, bytes, regions } = archive;

  Deno.test(`a flipped bit is found, or survived with a warning (${name}, a sample)`, async () => {
    for (let at = number; at < bytes.length;) {
      await checkFlip(archive, at, at % 8);
      const inHeader = at % 4096;
      // Header copies are zero between their fields and their seals.
      const isFill = at < 8192 && inHeader > 290 && inHeader < 4096 - 64 - FILL_STRIDE;
      at += isFill ? FILL_STRIDE : BODY_STRIDE;
    }
    // Both ends of each region, where lengths and flags are.
    for (const { start, end } of regions) {
      await checkFlip(archive, start, number);
      await checkFlip(archive, end - 1, 7 - number);
    }
  });

  Deno.test(`a cut archive is found out (${name}, a sample)`, async () => {
    const lengths = new Set([0, 1, 7, 8, 9, 4095, 4096, 4097, bytes.length - 1]);
    for (const { start, end } of regions) for (const at of [start, start + 1, end - 1]) lengths.add(at);
    for (let length = number; length < bytes.length; length += CUT_STRIDE) lengths.add(length);
    for (const length of lengths) await checkCut(archive, length);
  });

  Deno.test(`what follows an archive is found out (${name})`, async () => {
    for (const length of [1, 15, 255, 256, 257, 4096, 8192, 10_000]) {
      await checkFollowed(archive, new Uint8Array(length));
      await checkFollowed(archive, seededRandom(length)(length));
    }
    await checkFollowed(archive, bytes.subarray(-256));
    await checkFollowed(archive, bytes.subarray(-4096));
    await checkFollowed(archive, bytes);
  });

  Deno.test(`bytes beyond the reach of the search for a locator are found out (${name})`, async () => {
    const followed = (offset: number, length: number) => {
      const out = new Uint8Array(length);
      out.set(bytes.subarray(offset, offset + length));
      return out;
    };
    const source = new CountedSource(followed, bytes.length + 2 ** 24 + 4096);
    const reading = await readBySeeking(nativeEngine, source, { keys: FIXED_OPTIONS.keys });
    // Zeros may be what a disk had not written of an update.
    assertEquals(codeOf(reading), name.endsWith("known") ? "none" : "trailing-data");
  });
}
