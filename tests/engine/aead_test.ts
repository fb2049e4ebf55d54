import { assert, assertEquals, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { decodeHex, encodeHex } from "@std/encoding/hex";
import type { Bytes, Engine, SuiteId } from "../../src/engine/engine.ts";
import { ENGINES, noise, place, testEach, testEverywhere } from "./engines.ts";

const SUITES: readonly SuiteId[] = [1, 2];
/** FORMAT.md's largest chunk. */
const CHUNK_BYTES = 65_520;

interface AeadVector {
  readonly source: string;
  readonly suite: SuiteId;
  readonly key: string;
  readonly nonce: string;
  readonly plaintext: string;
  readonly sealed: string;
}

/** RFC 8439 §2.8.2. Its tag covers associated data, which Coffer has none of; the ciphertext does not depend on it. */
const RFC8439 = {
  key: "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
  nonce: "070000004041424344454647",
  plaintext: "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, " +
    "sunscreen would be it.",
  ciphertext: "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6" +
    "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36" +
    "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc" +
    "3ff4def08e4b7a9de576d26586cec64b6116",
  oneTimeKey: "7bac2b252db447af09b67a55a4e955840ae1d6731075d9eb2a9375783ed553ff",
  associatedData: "50515253c0c1c2c3c4c5c6c7",
  tag: "1ae10b594f09e26a7e902ecbd0600691",
};

const VECTORS: readonly AeadVector[] = [
  {
    source: "RFC 8439 §2.8.2 with the tag of no associated data",
    suite: 1,
    key: RFC8439.key,
    nonce: RFC8439.nonce,
    plaintext: encodeHex(RFC8439.plaintext),
    sealed: RFC8439.ciphertext +
      encodeHex(aeadTag(decodeHex(RFC8439.oneTimeKey), new Uint8Array(), decodeHex(RFC8439.ciphertext))),
  },
  {
    source: "McGrew and Viega, The Galois/Counter Mode of Operation, test case 13",
    suite: 2,
    key: "00".repeat(32),
    nonce: "00".repeat(12),
    plaintext: "",
    sealed: "530f8afbc74536b9a963b4f1c4cb738b",
  },
  {
    source: "McGrew and Viega, The Galois/Counter Mode of Operation, test case 14",
    suite: 2,
    key: "00".repeat(32),
    nonce: "00".repeat(12),
    plaintext: "00".repeat(16),
    sealed: "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
  },
  {
    source: "McGrew and Viega, The Galois/Counter Mode of Operation, test case 15",
    suite: 2,
    key: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
    nonce: "cafebabefacedbaddecaf888",
    plaintext: "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72" +
      "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
    sealed: "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa" +
      "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad" +
      "b094dac5d93471bdec1a502270e3cc6c",
  },
];

/** Poly1305 as RFC 8439 §2.5.1 writes it, in whole numbers: slow, plain, and none of the engines' code. */
function poly1305(oneTimeKey: Bytes, message: Bytes): Uint8Array<ArrayBuffer> {
  const littleEndian = (bytes: Bytes) => bytes.reduceRight((value, byte) => value * 256n + BigInt(byte), 0n);
  const prime = 2n ** 130n - 5n;
  const r = littleEndian(oneTimeKey.subarray(0, 16)) & 0x0ffffffc0ffffffc0ffffffc0fffffffn;
  let sum = 0n;
  for (let at = 0; at < message.length; at += 16) {
    const block = message.subarray(at, at + 16);
    sum = (sum + littleEndian(block) + 256n ** BigInt(block.length)) * r % prime;
  }
  sum += littleEndian(oneTimeKey.subarray(16));
  return Uint8Array.from({ length: 16 }, (_, i) => Number(sum / 256n ** BigInt(i) % 256n));
}

/** The tag of RFC 8439 §2.8 for a one-time key. */
function aeadTag(oneTimeKey: Bytes, associatedData: Bytes, ciphertext: Bytes): Uint8Array<ArrayBuffer> {
  const padding = (bytes: Bytes) => new Uint8Array((16 - bytes.length % 16) % 16);
  const lengths = new DataView(new ArrayBuffer(16));
  lengths.setBigUint64(0, BigInt(associatedData.length), true);
  lengths.setBigUint64(8, BigInt(ciphertext.length), true);
  const tail = new Uint8Array(lengths.buffer);
  return poly1305(
    oneTimeKey,
    concat([associatedData, padding(associatedData), ciphertext, padding(ciphertext), tail]),
  );
}

function seal(engine: Engine, suite: SuiteId, key: Bytes, nonce: Bytes, plaintext: Bytes): Bytes {
  const out = new Uint8Array(plaintext.length + 16);
  engine.aead(suite, key).seal(nonce, plaintext, out);
  return out;
}

Deno.test("the tests' own Poly1305 gives the values of RFC 8439", () => {
  // §2.5.2
  const key = decodeHex("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b");
  const message = new TextEncoder().encode("Cryptographic Forum Research Group");
  assertEquals(encodeHex(poly1305(key, message)), "a8061dc1305136c6c22b8baf0c0127a9");
  // §2.8.2
  const tag = aeadTag(
    decodeHex(RFC8439.oneTimeKey),
    decodeHex(RFC8439.associatedData),
    decodeHex(RFC8439.ciphertext),
  );
  assertEquals(encodeHex(tag), RFC8439.tag);
});

for (const vector of VECTORS) {
  testEverywhere(`seals and opens: ${vector.source}`, (engine, memory) => {
    const plaintext = place(memory, decodeHex(vector.plaintext));
    const nonce = place(memory, decodeHex(vector.nonce));
    const sealed = memory.allocate(plaintext.length + 16);
    const aead = engine.aead(vector.suite, place(memory, decodeHex(vector.key)));
    aead.seal(nonce, plaintext, sealed);
    assertEquals(encodeHex(new Uint8Array(sealed)), vector.sealed);

    const opened = memory.allocate(plaintext.length);
    assert(aead.open(nonce, place(memory, decodeHex(vector.sealed)), opened));
    assertEquals(encodeHex(new Uint8Array(opened)), vector.plaintext);
  });
}

for (const suite of SUITES) {
  testEverywhere(
    `suite ${suite} keeps a message of every length around a block's edges, and a chunk's`,
    (engine, memory) => {
      const aead = engine.aead(suite, place(memory, noise(32)));
      const nonce = place(memory, noise(12, 2));
      for (const length of [0, 1, 15, 16, 17, 63, 64, 65, 255, 256, CHUNK_BYTES - 1, CHUNK_BYTES]) {
        const plaintext = place(memory, noise(length, 3));
        // Longer than needed: the rest has to stay as it is.
        const sealed = memory.allocate(length + 16 + 5).fill(0xaa);
        const opened = memory.allocate(length + 5).fill(0xbb);
        aead.seal(nonce, plaintext, sealed);
        assertEquals(new Uint8Array(sealed.subarray(length + 16)), new Uint8Array(5).fill(0xaa));
        assert(aead.open(nonce, sealed.subarray(0, length + 16), opened));
        assertEquals(new Uint8Array(opened.subarray(0, length)), new Uint8Array(plaintext));
        assertEquals(new Uint8Array(opened.subarray(length)), new Uint8Array(5).fill(0xbb));
      }
    },
  );

  testEverywhere(`suite ${suite} open() refuses each flipped bit and leaves zeros`, (engine, memory) => {
    const aead = engine.aead(suite, noise(32));
    const nonce = noise(12, 2);
    const plaintext = noise(20, 3);
    const sealed = place(memory, seal(engine, suite, noise(32), nonce, plaintext));
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const mask = 1 << (bit % 8);
      const at = Math.floor(bit / 8);
      sealed[at]! ^= mask;
      const out = memory.allocate(plaintext.length + 1).fill(0xcc);
      assertEquals(aead.open(nonce, sealed, out), false, `bit ${bit}`);
      assertEquals(new Uint8Array(out), Uint8Array.from({ length: 21 }, (_, i) => i < 20 ? 0 : 0xcc));
      sealed[at]! ^= mask;
    }
    const out = memory.allocate(plaintext.length);
    assert(aead.open(nonce, sealed, out));
    assertEquals(new Uint8Array(out), plaintext);
  });

  testEach(`suite ${suite} open() refuses another key, another nonce, and a message cut or grown`, (engine) => {
    const key = noise(32);
    const nonce = noise(12, 2);
    const plaintext = noise(100, 3);
    const sealed = seal(engine, suite, key, nonce, plaintext);
    const aead = engine.aead(suite, key);
    const out = new Uint8Array(200);
    assertEquals(engine.aead(suite, noise(32, 9)).open(nonce, sealed, out), false);
    assertEquals(aead.open(noise(12, 9), sealed, out), false);
    for (let length = 0; length < sealed.length; length++) {
      assertEquals(aead.open(nonce, sealed.subarray(0, length), out), false, `cut to ${length}`);
    }
    assertEquals(aead.open(nonce, concat([sealed, new Uint8Array(1)]), out), false);
    assert(aead.open(nonce, sealed, out));
  });

  testEach(`suite ${suite} refuses keys, nonces and outputs of a wrong length`, (engine) => {
    for (const length of [0, 16, 31, 33]) {
      assertThrows(() => engine.aead(suite, new Uint8Array(length)), RangeError, "Cannot use the key");
    }
    const aead = engine.aead(suite, noise(32));
    for (const length of [0, 8, 11, 13, 24]) {
      const nonce = new Uint8Array(length);
      assertThrows(() => aead.seal(nonce, new Uint8Array(1), new Uint8Array(17)), RangeError, "Cannot use the nonce");
      assertThrows(() => aead.open(nonce, new Uint8Array(17), new Uint8Array(1)), RangeError, "Cannot use the nonce");
    }
    const nonce = noise(12);
    const short = new Uint8Array(16);
    assertThrows(() => aead.seal(nonce, new Uint8Array(1), short), RangeError, "Cannot write 17 bytes");
    assertEquals(short, new Uint8Array(16));
    assertThrows(() => aead.open(nonce, new Uint8Array(33), short), RangeError, "Cannot write 17 bytes");
  });

  testEach(`suite ${suite} keeps its key when the caller clears the buffer it came in`, (engine) => {
    const key = noise(32);
    const aead = engine.aead(suite, key);
    key.fill(0);
    const sealed = new Uint8Array(16);
    aead.seal(noise(12), new Uint8Array(), sealed);
    assertEquals(sealed, new Uint8Array(seal(engine, suite, noise(32), noise(12), new Uint8Array())));
  });
}

testEach("gives the two suites different results", (engine) => {
  const [first, second] = SUITES.map((suite) => seal(engine, suite, noise(32), noise(12), noise(64)));
  assert(!engine.equal(first!, second!));
});

Deno.test("every engine seals alike and opens what the others sealed", () => {
  for (const suite of SUITES) {
    for (const length of [0, 1, 1000, CHUNK_BYTES]) {
      const sealed = ENGINES.map((engine) => seal(engine, suite, noise(32), noise(12), noise(length, 5)));
      for (const bytes of sealed) assertEquals(bytes, sealed[0]);
    }
  }
});
