import { assert, assertEquals, assertMatch } from "@std/assert";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { encodePassphrase } from "../../src/format/passphrase.ts";
import { generatePassphrase } from "../../src/cli/generate.ts";
import { findWeakness } from "../../src/cli/strength.ts";

Deno.test("generatePassphrase() gives at least 77 bits in words of the list", () => {
  assertEquals(new Set(wordlist).size, 2048);
  const words = generatePassphrase().split("-");
  assertEquals(words.length, 7);
  assert(words.length * Math.log2(wordlist.length) >= 77);
  for (const word of words) assert(wordlist.includes(word), word);
});

Deno.test("generatePassphrase() draws every word equally often", () => {
  // Every value of 16 bits once, seven at a time: each word must come up exactly 32 times.
  const counts = new Map<string, number>();
  for (let value = 0; value < 65536; value += 7) {
    const words = generatePassphrase((length) => Uint16Array.from({ length }, (_, i) => value + i)).split("-");
    for (const [i, word] of words.entries()) {
      if (value + i < 65536) counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  assertEquals(counts.size, 2048);
  assertEquals(new Set(counts.values()), new Set([32]));
});

Deno.test("generatePassphrase() is different each time, easy to type and good", () => {
  const made = Array.from({ length: 50 }, () => generatePassphrase());
  assertEquals(new Set(made).size, 50);
  for (const passphrase of made) {
    assertMatch(passphrase, /^[a-z]+(-[a-z]+){6}$/);
    assert(encodePassphrase(passphrase).length < 100);
  }
  assertEquals(findWeakness(made[0] as string), undefined);
});
