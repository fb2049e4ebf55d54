import { assertEquals } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding/hex";
import type { Bytes } from "../../src/engine/engine.ts";
import { noise, place, testEach, testEverywhere } from "./engines.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

/** FIPS 180-4 and its published examples (NIST, SHA-256 examples and the byte-oriented long message). */
const SHA256: readonly (readonly [message: Bytes, digest: string])[] = [
  [utf8(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  [utf8("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  [
    utf8("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
  ],
  [new Uint8Array(1_000_000).fill(0x61), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"],
];

/** RFC 4231 §4; test case 5 is about truncated output, which Coffer takes from no MAC but the frame mark. */
const HMAC_SHA256: readonly (readonly [section: string, key: string, message: string, mac: string])[] = [
  [
    "4.2",
    "0b".repeat(20),
    encodeHex("Hi There"),
    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
  ],
  [
    "4.3",
    encodeHex("Jefe"),
    encodeHex("what do ya want for nothing?"),
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  ],
  ["4.4", "aa".repeat(20), "dd".repeat(50), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"],
  [
    "4.5",
    "0102030405060708090a0b0c0d0e0f10111213141516171819",
    "cd".repeat(50),
    "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
  ],
  [
    "4.7",
    "aa".repeat(131),
    encodeHex("Test Using Larger Than Block-Size Key - Hash Key First"),
    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
  ],
  [
    "4.8",
    "aa".repeat(131),
    encodeHex(
      "This is a test using a larger than block-size key and a larger than block-size data. " +
        "The key needs to be hashed before being used by the HMAC algorithm.",
    ),
    "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
  ],
];

interface HkdfVector {
  readonly section: string;
  readonly ikm: string;
  readonly salt: string;
  readonly info: string;
  readonly okm: string;
}

/** Every byte from `first` to `last`, in hexadecimal. */
const rising = (first: number, last: number) =>
  encodeHex(Uint8Array.from({ length: last - first + 1 }, (_, i) => first + i));

/** RFC 5869 appendix A, the SHA-256 cases. */
const HKDF_SHA256: readonly HkdfVector[] = [
  {
    section: "A.1",
    ikm: "0b".repeat(22),
    salt: rising(0x00, 0x0c),
    info: rising(0xf0, 0xf9),
    okm: "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
  },
  {
    section: "A.2",
    ikm: rising(0x00, 0x4f),
    salt: rising(0x60, 0xaf),
    info: rising(0xb0, 0xff),
    okm: "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c" +
      "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71" +
      "cc30c58179ec3e87c14c01d5c1f3434f1d87",
  },
  {
    section: "A.3",
    ikm: "0b".repeat(22),
    salt: "",
    info: "",
    okm: "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
  },
];

for (const [message, digest] of SHA256) {
  testEverywhere(`sha256() of ${message.length} bytes gives NIST's value`, (engine, memory) => {
    const placed = place(memory, message);
    assertEquals(encodeHex(new Uint8Array(engine.sha256(placed))), digest);
    const cut = Math.floor(message.length / 3);
    const parts = [placed.subarray(0, cut), memory.allocate(0), placed.subarray(cut)];
    assertEquals(encodeHex(new Uint8Array(engine.sha256(...parts))), digest);
  });
}

testEach("sha256() and hmacSha256() take no parts as an empty message", (engine) => {
  assertEquals(engine.sha256(), engine.sha256(new Uint8Array()));
  assertEquals(engine.hmacSha256(noise(32)), engine.hmacSha256(noise(32), new Uint8Array()));
});

for (const [section, key, message, mac] of HMAC_SHA256) {
  testEverywhere(`hmacSha256() gives the value of RFC 4231 §${section}`, (engine, memory) => {
    const placed = place(memory, decodeHex(message));
    const placedKey = place(memory, decodeHex(key));
    assertEquals(encodeHex(new Uint8Array(engine.hmacSha256(placedKey, placed))), mac);
    const parts = [placed.subarray(0, 3), placed.subarray(3)];
    assertEquals(encodeHex(new Uint8Array(engine.hmacSha256(placedKey, ...parts))), mac);
  });
}

for (const { section, ikm, salt, info, okm } of HKDF_SHA256) {
  testEverywhere(`hkdfSha256() gives the value of RFC 5869 §${section}`, (engine, memory) => {
    const [placedIkm, placedSalt, placedInfo] = [ikm, salt, info].map((hex) => place(memory, decodeHex(hex)));
    const got = engine.hkdfSha256(placedIkm!, placedSalt!, placedInfo!, okm.length / 2);
    assertEquals(encodeHex(new Uint8Array(got)), okm);
  });
}

testEach("hkdfSha256() takes an empty salt as 32 zero bytes", (engine) => {
  const given = engine.hkdfSha256(noise(32), new Uint8Array(32), noise(10), 64);
  assertEquals(engine.hkdfSha256(noise(32), new Uint8Array(), noise(10), 64), given);
});

testEverywhere("crc32() gives the check value of CRC-32/ISO-HDLC, as an unsigned number", (engine, memory) => {
  assertEquals(engine.crc32(place(memory, utf8("123456789"))), 0xcbf43926);
  assertEquals(engine.crc32(memory.allocate(0)), 0);
  assertEquals(engine.crc32(memory.allocate(32)), 0x190a55ad);
});

testEach("returns plain arrays that own their bytes", (engine) => {
  const results = [
    engine.sha256(),
    engine.hmacSha256(noise(32)),
    engine.hkdfSha256(noise(32), noise(32), noise(4), 32),
    engine.randomBytes(32),
  ];
  for (const bytes of results) {
    // A Buffer's `slice` shares memory, and small ones are windows into a pool.
    assertEquals(Object.getPrototypeOf(bytes), Uint8Array.prototype);
    assertEquals(bytes.buffer.byteLength, bytes.length);
  }
});

testEach("randomBytes() gives any length, and never the same", (engine) => {
  assertEquals(engine.randomBytes(0).length, 0);
  const long = engine.randomBytes(200_000);
  assertEquals(long.length, 200_000);
  // No stretch is left unfilled: 16 zero bytes in a row have a chance of 2^-110 here.
  for (let at = 0; at < long.length; at += 16) {
    assertEquals(long.subarray(at, at + 16).every((byte) => byte === 0), false, `at ${at}`);
  }
  assertEquals(engine.equal(engine.randomBytes(32), engine.randomBytes(32)), false);
});

testEverywhere("equal() compares contents and lengths", (engine, memory) => {
  const bytes = place(memory, noise(32));
  assertEquals(engine.equal(bytes, noise(32)), true);
  assertEquals(engine.equal(memory.allocate(0), new Uint8Array()), true);
  assertEquals(engine.equal(bytes, noise(33)), false);
  assertEquals(engine.equal(bytes, memory.allocate(0)), false);
  for (let i = 0; i < 32; i++) {
    const other = noise(32);
    other[i]! ^= 0x80;
    assertEquals(engine.equal(bytes, other), false, `byte ${i}`);
  }
});
