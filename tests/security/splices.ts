/**
 * Archives cut up and put together again without the key, at random. FORMAT.md, "Failure classes": nothing of the kind
 * is ever `malformed`, `inconsistent`, `unsafe` or `rolled-back`, because what was sealed is as it was; and whatever
 * opens all the same is what it was.
 */
import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import type { ArchiveErrorCode } from "../../src/format/errors.ts";
import { joined } from "../archive/archive_draft.ts";
import { FIXED_OPTIONS } from "../archive/memory_files.ts";
import { codeOf, digestOf, readBySeeking, readByStream, type Reading } from "../archive/reading.ts";
import { CountedSource } from "../archive/sources.ts";
import { type SmallArchive, smallArchives } from "./small_archives.ts";

const ARCHIVES = await smallArchives();
/** The header's fields are not authentic before a key has opened it: version, features and counts can be anything. */
const WITHOUT_KEY: ReadonlySet<ArchiveErrorCode> = new Set([
  "damaged",
  "truncated",
  "trailing-data",
  "not-an-archive",
  "newer-version",
  "wrong-key",
  "limit",
]);

/** One cut-and-paste: the range of one archive put over, or into, a place of the one at hand. */
export interface Splice {
  readonly from: number;
  readonly start: number;
  readonly length: number;
  readonly at: number;
  readonly over: boolean;
}

/** Any offset, and often one where something begins. */
const offset = fc.oneof(
  fc.integer({ min: 0, max: 20_000 }),
  fc.constantFrom(...(ARCHIVES[0]?.regions ?? []).flatMap(({ start, end }) => [start, end])),
  fc.constantFrom(4096, 8192, 12_288, 8192 - 64, 12_288 - 256),
);

const splice: fc.Arbitrary<Splice> = fc.record({
  from: fc.integer({ min: 0, max: ARCHIVES.length - 1 }),
  start: offset,
  length: fc.constantFrom(0, 1, 16, 32, 48, 64, 256, 4096, 8192, 100_000),
  at: offset,
  over: fc.boolean(),
});

function apply(bytes: Bytes, { from, start, length, at, over }: Splice): Bytes {
  const piece = (ARCHIVES[from] as SmallArchive).bytes.subarray(start, start + length);
  return joined(bytes.subarray(0, at), piece, bytes.subarray(over ? at + piece.length : at));
}

function assertHonest(reading: Reading, archive: SmallArchive): void {
  const code = codeOf(reading);
  if (code !== "none") {
    assert(WITHOUT_KEY.has(code), `${code}: ${reading.error?.message}`);
    return;
  }
  // Another whole archive may have been pasted over this one.
  const digest = digestOf(reading.entries);
  if (!DIGESTS.has(digest)) assertEquals(digest, archive.digest);
}

const DIGESTS: ReadonlySet<string> = new Set(ARCHIVES.map(({ digest }) => digest));

/** An archive, by its number, and what is done to it. */
export type Spliced = readonly [archive: number, splices: readonly Splice[]];

/** Any archive and one to three splices. */
export const splices: fc.Arbitrary<Spliced> = fc.tuple(
  fc.integer({ min: 0, max: ARCHIVES.length - 1 }),
  fc.array(splice, { minLength: 1, maxLength: 3 }),
);

/** Splices an archive and reads it in both ways. */
export async function checkSplices([number, splices]: Spliced): Promise<void> {
  const archive = ARCHIVES[number] as SmallArchive;
  const bytes = splices.reduce(apply, archive.bytes);
  const options = { keys: FIXED_OPTIONS.keys };
  assertHonest(await readByStream(nativeEngine, [bytes], options), archive);
  assertHonest(await readBySeeking(nativeEngine, new CountedSource(bytes), options), archive);
}
