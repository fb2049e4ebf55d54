import { assertEquals } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import { place, testEach, testEverywhere } from "./engines.ts";

interface ScryptVector {
  readonly passphrase: string;
  readonly salt: string;
  readonly logN: number;
  readonly r: number;
  readonly p: number;
  readonly key: string;
}

/** RFC 7914 §12; its fourth vector needs 1 GiB. */
const VECTORS: readonly ScryptVector[] = [
  {
    passphrase: "",
    salt: "",
    logN: 4,
    r: 1,
    p: 1,
    key: "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442" +
      "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906",
  },
  {
    passphrase: "password",
    salt: "NaCl",
    logN: 10,
    r: 8,
    p: 16,
    key: "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162" +
      "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640",
  },
  {
    passphrase: "pleaseletmein",
    salt: "SodiumChloride",
    logN: 14,
    r: 8,
    p: 1,
    key: "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2" +
      "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887",
  },
];

const utf8 = (text: string) => new TextEncoder().encode(text);

for (const { passphrase, salt, logN, r, p, key } of VECTORS) {
  testEverywhere(`scrypt() gives RFC 7914's value for "${passphrase}"`, async (engine, memory) => {
    const got = await engine.scrypt(place(memory, utf8(passphrase)), place(memory, utf8(salt)), { logN, r, p }, 64);
    assertEquals(encodeHex(new Uint8Array(got)), key);
  });
}

testEach("scrypt() asks for memory enough at the corners of the cost", async (engine) => {
  // A large r or p makes the scratch blocks weigh as much as the table of N blocks.
  for (const [logN, r, p] of [[10, 1, 1], [10, 32, 1], [10, 1, 16], [10, 32, 16], [12, 32, 2]] as const) {
    const key = await engine.scrypt(utf8("a"), utf8("b"), { logN, r, p }, 64);
    assertEquals(key.length, 64);
  }
});

testEach("scrypt() leaves the event loop free", async (engine) => {
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  try {
    await engine.scrypt(utf8("a"), utf8("b"), { logN: 15, r: 8, p: 1 }, 32);
  } finally {
    clearInterval(timer);
  }
  assertEquals(ticks > 0, true);
});
