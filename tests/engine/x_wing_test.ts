import { assert, assertEquals, assertThrows } from "@std/assert";
import { noise, place, testEach, testEverywhere } from "./engines.ts";

/** The test vectors of draft-connolly-cfrg-xwing-kem; its long values as hashes. */
const VECTORS = [
  {
    seed: "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26",
    coins:
      "3cb1eea988004b93103cfb0aeefd2a686e01fa4a58e8a3639ca8a1e3f9ae57e235b8cc873c23dc62b8d260169afa2f75ab916a58d974918835d25e6a435085b2",
    sharedSecret: "d2df0522128f09dd8e2c92b1e905c793d8f57a54c3da25861f10bf4ca613e384",
    publicKeySha256: "2e816deebcd76c5c80d0cd2d174478871658e8e2ff42bc9d4a6e486372e856bb",
    ciphertextSha256: "17cd532d657e44c897ca6583e548a5424fc70bf54f99515a4d2bcf99e3469f33",
  },
  {
    seed: "badfd6dfaac359a5efbb7bcc4b59d538df9a04302e10c8bc1cbf1a0b3a5120ea",
    coins:
      "17cda7cfad765f5623474d368ccca8af0007cd9f5e4c849f167a580b14aabdefaee7eef47cb0fca9767be1fda69419dfb927e9df07348b196691abaeb580b32d",
    sharedSecret: "f2e86241c64d60f6649fbc6c5b7d17180b780a3f34355e64a85749949c45f150",
    publicKeySha256: "c42ba5f8430d7d2c83739338203819f090e8303ce9c8b02107c272bfa5376916",
    ciphertextSha256: "1661ea86d608a1924ba30840cb0a65f13ae051e3aec9cf0f064efc0bc92f2154",
  },
  {
    seed: "ef58538b8d23f87732ea63b02b4fa0f4873360e2841928cd60dd4cee8cc0d4c9",
    coins:
      "22a96188d032675c8ac850933c7aff1533b94c834adbb69c6115bad4692d8619f90b0cdf8a7b9c264029ac185b70b83f2801f2f4b3f70c593ea3aeeb613a7f1b",
    sharedSecret: "953f7f4e8c5b5049bdc771d1dffada0dd961477d1a2ae0988baa7ea6898d893f",
    publicKeySha256: "6b080d6b84f095342092fa7a22423e58bd681397ad0ef00eac92bd254db4fa95",
    ciphertextSha256: "d3ca5578500344b5896cffc4fd740c9311946b82951df155e6fd86a7966b43c6",
  },
] as const;

testEverywhere("hybridKem() gives the draft's test vectors", async (engine, memory) => {
  const kem = await engine.hybridKem();
  const sha256 = (bytes: Uint8Array) => engine.sha256(bytes).toHex();
  for (const vector of VECTORS) {
    const seed = place(memory, Uint8Array.fromHex(vector.seed));
    const publicKey = kem.publicKey(seed);
    assertEquals([publicKey.length, sha256(publicKey)], [1216, vector.publicKeySha256]);
    const { encapsulated, sharedSecret } = kem.encapsulate(
      place(memory, publicKey),
      place(memory, Uint8Array.fromHex(vector.coins)),
    );
    assertEquals([encapsulated.length, sha256(encapsulated)], [1120, vector.ciphertextSha256]);
    assertEquals(sharedSecret.toHex(), vector.sharedSecret);
    assertEquals(kem.decapsulate(place(memory, encapsulated), seed)?.toHex(), vector.sharedSecret);
  }
});

testEach("hybridKem() gives another secret to another identity, and when a bit is changed", async (engine) => {
  const kem = await engine.hybridKem();
  const [mine, other] = [noise(32, 1), noise(32, 2)];
  const { encapsulated, sharedSecret } = kem.encapsulate(kem.publicKey(mine), noise(64, 3));
  const secret = sharedSecret.toHex();
  assertEquals(kem.decapsulate(encapsulated, mine)?.toHex(), secret);
  assert(kem.decapsulate(encapsulated, other)?.toHex() !== secret);
  for (const at of [0, 500, 1087, 1088, 1118]) {
    const changed = encapsulated.map((byte, i) => i === at ? byte ^ 1 : byte);
    assert(kem.decapsulate(changed, mine)?.toHex() !== secret, `byte ${at}`);
  }
});

testEach("hybridKem() takes hostile ciphertexts and refuses keys that are none", async (engine) => {
  const kem = await engine.hybridKem();
  const identity = noise(32, 1);
  for (const fill of [0, 1, 0xff]) {
    const secret = kem.decapsulate(new Uint8Array(1120).fill(fill), identity);
    assert(secret === undefined || secret.length === 32);
  }
  for (const length of [0, 1119, 1121]) assertEquals(kem.decapsulate(new Uint8Array(length), identity), undefined);
  const publicKey = kem.publicKey(identity);
  for (const bad of [publicKey.subarray(1), new Uint8Array(1216).fill(0xff), new Uint8Array(0)]) {
    assertThrows(() => kem.encapsulate(bad, noise(64)), RangeError);
  }
  for (const length of [0, 63, 65]) assertThrows(() => kem.encapsulate(publicKey, new Uint8Array(length)), RangeError);
});
