/**
 * Reads every golden vector over every engine: with random access, and as a stream that comes whole, byte by byte, at
 * random splits, and with several blocks under way at a time, and pages too.
 */
import { assert, assertEquals } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import { checkByPlaces, codeOf, readBySeeking, readByStream, type Reading } from "../archive/reading.ts";
import { atRandomSplits, CountedSource, inPieces } from "../archive/sources.ts";
import { ENGINES } from "../engine/engines.ts";
import { mendedBy } from "./mended.ts";
import { archiveOf, type Expected, keysOf, readVector, vectorNames, vectorUrl } from "./vector_file.ts";

const NAMES = vectorNames();

function assertReading(reading: Reading, expected: Expected, warnings: number): void {
  assertEquals(
    { outcome: codeOf(reading), released: reading.released, warnings: reading.warnings.length },
    { outcome: expected.outcome, released: expected.released, warnings },
    reading.error?.message ?? "nothing was wrong",
  );
}

for (const engine of ENGINES) {
  for (const name of NAMES) {
    Deno.test(`${engine.name} reads the vector ${name} as it says`, async () => {
      const vector = readVector(name);
      const bytes = await archiveOf(vector);
      const options = { keys: keysOf(vector) };
      // All of them: what shares content may be checked in one pass, though not restored.
      const whole = { ...options, segments: "all" as const };
      const seek = await readBySeeking(engine, new CountedSource(bytes), options);
      assertReading(seek, vector.seek, vector.seek.warnings ?? vector.warnings);
      for (const [i, { paths, released }] of (vector.snapshots ?? []).entries()) {
        const snapshot = { kind: "number" as const, number: i + 1 };
        const reading = await readBySeeking(engine, new CountedSource(bytes), { ...options, snapshot });
        assertReading(reading, { outcome: "none", released }, vector.warnings);
        assertEquals(reading.entries.map(({ row }) => row.path), paths);
      }
      if (vector.mended !== undefined) assertEquals(await mendedBy(engine, bytes), vector.mended);
      for (const pieces of [[bytes], inPieces(bytes, 1), atRandomSplits(bytes, bytes.length)]) {
        assertReading(await readByStream(engine, pieces, whole), vector.stream, vector.warnings);
      }
      assertReading(await readByStream(engine, [bytes], whole, 3), vector.stream, vector.warnings);
      assertReading(await checkByPlaces(engine, bytes, whole, 3), vector.stream, vector.warnings);
    });
  }
}

Deno.test("the vectors are whole, small, and say what they are about", async () => {
  let total = 0;
  const abouts = new Set<string>();
  for (const name of NAMES) {
    const { size } = await Deno.stat(vectorUrl(name));
    assert(size < 64 * 1024, `"${name}" has ${size} bytes`);
    total += size;
    const vector = readVector(name);
    const bytes = await archiveOf(vector);
    const sha256 = encodeHex(new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(bytes))));
    assertEquals({ length: bytes.length, sha256 }, { length: vector.length, sha256: vector.sha256 }, name);
    abouts.add(vector.about);
  }
  assert(total < 3 * 2 ** 19, `the vectors have ${total} bytes together`);
  assertEquals(abouts.size, NAMES.length);
});

Deno.test("the vectors cover every failure class", () => {
  const seen = new Set(NAMES.flatMap((name) => [readVector(name).stream.outcome, readVector(name).seek.outcome]));
  assertEquals([...seen].sort(), [
    "damaged",
    "inconsistent",
    "limit",
    "malformed",
    "newer-version",
    "none",
    "not-an-archive",
    "rolled-back",
    "trailing-data",
    "truncated",
    "unsafe",
    "wrong-key",
  ]);
});
