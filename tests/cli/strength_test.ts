import { assert, assertEquals, assertMatch } from "@std/assert";
import { findWeakness } from "../../src/cli/strength.ts";

Deno.test("findWeakness() gives a reason and advice for weak passphrases, without quoting them", () => {
  for (const passphrase of ["password1", "qwertyuiop", "aaaaaaaa", "2024-01-01", "margaret", "x7"]) {
    const weakness = findWeakness(passphrase);
    assert(weakness !== undefined, passphrase);
    assertMatch(weakness.reason, /^[a-z].* \(about 10\^\d+ guesses\)$/);
    assert(weakness.advice.length > 0);
    for (const text of [weakness.reason, weakness.advice]) {
      assert(!text.includes(passphrase), text);
      assert(!text.endsWith("."), text);
    }
  }
});

Deno.test("findWeakness() is content with good ones, in any script", () => {
  for (const passphrase of ["correct horse battery staple", "vK9#mQ2$xL7!bT", "длинная секретная фраза"]) {
    assertEquals(findWeakness(passphrase), undefined, passphrase);
  }
});

Deno.test("findWeakness() answers soon for the longest passphrases", () => {
  const started = performance.now();
  findWeakness("aB3$".repeat(256));
  findWeakness("correct horse ".repeat(73));
  assert(performance.now() - started < 10_000);
});
