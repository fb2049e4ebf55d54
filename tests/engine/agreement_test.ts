import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Bytes, SuiteId } from "../../src/engine/engine.ts";
import { nativeEngine, runtimeEngine } from "../../src/engine/native/engine.ts";
import { portableEngine } from "../../src/engine/portable/engine.ts";

// The engines share no code but the walk over zstd's block headers: what one writes, the others must read, and what
// they compute must be the same for every input, not only for the published ones.

const bytes = (constraints: fc.IntArrayConstraints = {}) => fc.uint8Array({ maxLength: 300, ...constraints });
const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
const nonce = fc.uint8Array({ minLength: 12, maxLength: 12 });
const suite = fc.constantFrom<SuiteId>(1, 2);
/** Something that compresses: a few values, repeated and interleaved. */
const compressible = fc.tuple(fc.array(bytes({ minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 6 }), bytes())
  .map(([words, order]) => Uint8Array.from([...order].flatMap((i) => [...words[i % words.length]!])));

Deno.test("the engines hash, derive and check alike", () => {
  fc.assert(fc.property(bytes(), bytes(), bytes(), fc.integer({ min: 1, max: 200 }), (a, b, c, length) => {
    assertEquals(portableEngine.sha256(a, b, c), nativeEngine.sha256(a, b, c));
    assertEquals(portableEngine.hmacSha256(a, b, c), nativeEngine.hmacSha256(a, b, c));
    assertEquals(portableEngine.hkdfSha256(a, b, c, length), nativeEngine.hkdfSha256(a, b, c, length));
    assertEquals(portableEngine.crc32(a), nativeEngine.crc32(a));
    assertEquals(portableEngine.equal(a, b), nativeEngine.equal(a, b));
    assert(portableEngine.equal(a, a.slice()) && nativeEngine.equal(a, a.slice()));
  }));
});

Deno.test("the engines stretch passphrases alike", async () => {
  const cost = fc.record({
    logN: fc.integer({ min: 1, max: 8 }),
    r: fc.integer({ min: 1, max: 4 }),
    p: fc.integer({ min: 1, max: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(bytes({ maxLength: 80 }), bytes({ maxLength: 40 }), cost, async (passphrase, salt, cost) => {
      // RFC 7914 §2 wants N below 2^(128 * r / 8), which only logN 16 and up with r = 1 could break.
      const [portable, native] = await Promise.all([
        portableEngine.scrypt(passphrase, salt, cost, 64),
        nativeEngine.scrypt(passphrase, salt, cost, 64),
      ]);
      assertEquals(portable, native);
    }),
    { numRuns: 50 },
  );
});

Deno.test("the engines seal alike, and each opens what the other sealed", () => {
  fc.assert(fc.property(suite, key, nonce, bytes({ maxLength: 2000 }), (suite, key, nonce, plaintext) => {
    const aeads = [nativeEngine, runtimeEngine, portableEngine].map((engine) => engine.aead(suite, key));
    const [sealed, ...others] = aeads.map((aead) => {
      const bytes = new Uint8Array(plaintext.length + 16);
      aead.seal(nonce, plaintext, bytes);
      return bytes;
    }) as [Bytes, ...Bytes[]];
    for (const other of others) assertEquals(other, sealed);
    for (const aead of aeads) {
      const opened = new Uint8Array(plaintext.length);
      assert(aead.open(nonce, sealed, opened));
      assertEquals(opened, plaintext);
    }
  }));
});

Deno.test("the engines decompress alike", () => {
  fc.assert(fc.property(compressible, fc.constantFrom(1, 3, 9, 19), (raw, level) => {
    for (const compressing of [nativeEngine, runtimeEngine]) {
      const stored = compressing.compress!(raw, level);
      for (const engine of [nativeEngine, runtimeEngine, portableEngine]) {
        const out = new Uint8Array(raw.length);
        assert(engine.decompress(stored, out));
        assertEquals(out, raw);
      }
    }
  }));
});

/** Overwrites a few bytes of a frame, past the magic as a rule, where the decoders and not the walk have to look. */
function damage(frame: Bytes, edits: readonly (readonly [at: number, value: number])[]): Uint8Array<ArrayBuffer> {
  const damaged = new Uint8Array(frame);
  for (const [at, value] of edits) damaged[4 + at % (damaged.length - 4)] = value;
  return damaged;
}

// Not the system's library: version 1.5.4 takes some streams that do not end where they should.
Deno.test("the runtime's and the portable engine judge damaged frames alike, and never throw", () => {
  const edits = fc.array(fc.tuple(fc.nat({ max: 10_000 }), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(compressible, fc.constantFrom(1, 3, 19), edits, (raw, level, edits) => {
      const damaged = damage(runtimeEngine.compress!(raw, level), edits);
      const [native, portable] = [new Uint8Array(raw.length), new Uint8Array(raw.length)];
      const isWhole = runtimeEngine.decompress(damaged, native);
      assertEquals(portableEngine.decompress(damaged, portable), isWhole);
      if (isWhole) assertEquals(portable, native);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("the system's libraries never throw for a damaged frame, write nowhere else, and go on with whole ones", () => {
  const edits = fc.array(fc.tuple(fc.nat({ max: 10_000 }), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 });
  let refused = 0;
  fc.assert(
    fc.property(compressible, fc.constantFrom(1, 3, 19), edits, (raw, level, edits) => {
      const frame = nativeEngine.compress!(raw, level);
      const around = new Uint8Array(raw.length + 200).fill(0xaa);
      if (!nativeEngine.decompress(damage(frame, edits), around.subarray(100, 100 + raw.length))) refused++;
      assert(around.every((byte, i) => byte === 0xaa || (i >= 100 && i < 100 + raw.length)));
      const out = new Uint8Array(raw.length);
      assert(nativeEngine.decompress(frame, out));
      assertEquals(out, raw);
    }),
    { numRuns: 1000 },
  );
  assert(refused > 100, `${refused} refused`);
});

Deno.test("the runtime's and the portable engine refuse noise alike, and never throw", () => {
  const magic = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd);
  fc.assert(
    fc.property(bytes(), fc.nat({ max: 300 }), (tail, length) => {
      const frame = Uint8Array.from([...magic, ...tail]);
      const [native, portable] = [new Uint8Array(length), new Uint8Array(length)];
      const isWhole = runtimeEngine.decompress(frame, native);
      assertEquals(portableEngine.decompress(frame, portable), isWhole);
      if (isWhole) assertEquals(portable, native);
    }),
    { numRuns: 1000 },
  );
});
