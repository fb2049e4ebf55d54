import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { MAX_PASSPHRASE_BYTES } from "../../src/format/limits.ts";
import { encodePassphrase } from "../../src/format/passphrase.ts";
import { hex } from "./hostile_bytes.ts";

Deno.test("encodePassphrase() gives UTF-8 when the passphrase is in normal form C", () => {
  assertEquals(encodePassphrase("correct horse"), new TextEncoder().encode("correct horse"));
  assertEquals(encodePassphrase("é"), hex("c3a9"));
  assertEquals(encodePassphrase("😀"), hex("f09f9880"));
});

Deno.test("encodePassphrase() gives equal bytes when passphrases are canonically equivalent", () => {
  const pairs = [["e\u0301", "é"], ["\u212b", "å".toUpperCase()], ["\u1112\u1161\u11ab", "한"], [
    "q\u0307\u0323",
    "q\u0323\u0307",
  ]];
  for (const [a, b] of pairs) {
    assertNotEquals(a, b);
    assertEquals(encodePassphrase(a as string), encodePassphrase(b as string));
  }
});

Deno.test("encodePassphrase() keeps passphrases apart when they only look alike", () => {
  // Compatibility forms, blanks at either end, letter case, a byte order mark.
  const different = ["ﬁ", "fi", "a", "a ", " a", "A", "ａ", "\ufeffa", "a\u00a0"];
  assertEquals(new Set(different.map((text) => encodePassphrase(text).toHex())).size, different.length);
});

Deno.test("encodePassphrase() refuses a passphrase when it is empty", () => {
  assertThrows(() => encodePassphrase(""), RangeError, "empty");
});

Deno.test("encodePassphrase() refuses a passphrase when it holds a control character anywhere", () => {
  const controls = Array.from({ length: 0xa0 }, (_, code) => code).filter((code) => code < 0x20 || code >= 0x7f);
  assertEquals(controls.length, 32 + 33);
  for (const code of controls) {
    const name = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
    const character = String.fromCharCode(code);
    for (const text of [character, `a${character}`, `${character}a`]) {
      assertThrows(() => encodePassphrase(text), RangeError, name);
    }
  }
  for (const code of [0x20, 0x7e, 0xa0]) assertEquals(encodePassphrase(`a${String.fromCharCode(code)}`)[0], 0x61);
});

Deno.test("encodePassphrase() refuses a passphrase when it holds a lone surrogate", () => {
  for (const text of ["\ud800", "a\udfff", "\ude00\ud83d"]) {
    assertThrows(() => encodePassphrase(text), RangeError, "well-formed");
  }
});

Deno.test("encodePassphrase() refuses a passphrase when it is over 1,024 bytes", () => {
  assertEquals(encodePassphrase("a".repeat(MAX_PASSPHRASE_BYTES)).length, 1024);
  assertThrows(() => encodePassphrase("a".repeat(MAX_PASSPHRASE_BYTES + 1)), RangeError, "over 1024 bytes");
  // Bytes are counted, not characters, and after normalisation.
  assertEquals(encodePassphrase("é".repeat(512)).length, 1024);
  assertEquals(encodePassphrase("e\u0301".repeat(512)).length, 1024);
  assertThrows(() => encodePassphrase("é".repeat(512) + "a"), RangeError, "over 1024 bytes");
});

Deno.test("encodePassphrase() gives one result when its result is encoded again", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }), (text) => {
    let bytes: Uint8Array;
    try {
      bytes = Uint8Array.from(encodePassphrase(text));
    } catch (error) {
      assertEquals((error as Error).name, "RangeError");
      return;
    }
    assertEquals(Uint8Array.from(encodePassphrase(new TextDecoder().decode(bytes))), bytes);
  }));
});
