import { assert, assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { escapeJson, escapeMessage, escapeName, quoteName } from "../../../src/cli/ui/escape.ts";

/** The exact name back: what a reader of the documentation would write. */
function unescapeName(text: string): string {
  return text.replace(/\\(?:\\|x([0-9a-f]{2})|u\{([0-9a-f]+)\})/g, (_, byte?: string, code?: string) => {
    return byte !== undefined || code !== undefined ? String.fromCodePoint(parseInt(byte ?? code ?? "", 16)) : "\\";
  });
}

const UNSAFE: readonly string[] = [
  ..."\0\x01\t\n\r\x1b\x1f\x7f\x80\x85\x9b\x9f\xad",
  ..."\u034f\u061c\u115f\u180e\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e",
  ..."\u2060\u2064\u2066\u2067\u2068\u2069\u206f\u3164\ufeff\ufff9\ufffb\u{e0001}\u{e0041}",
  "\ud800",
  "\udfff",
];

Deno.test("escapeName() leaves ordinary names of any script alone", () => {
  for (const name of ["a b.txt", "größe", "天地", "ملف", "קובץ", "🦕❤️1️⃣👍🏽", "'\"$`!*?", "\u00a0", "café", "\ufffd"]) {
    assertEquals(escapeName(name), name);
  }
});

Deno.test("escapeName() writes every unsafe character as its number", () => {
  for (const character of UNSAFE) {
    const code = (character.codePointAt(0) as number).toString(16);
    const expected = code.length <= 2 ? `\\x${code.padStart(2, "0")}` : `\\u{${code}}`;
    assertEquals(escapeName(`a${character}b`), `a${expected}b`);
  }
  assertEquals(escapeName("a\nb\x1b[2J\u202egpj.exe"), "a\\x0ab\\x1b[2J\\u{202e}gpj.exe");
  assertEquals(escapeName("a\\x0ab"), "a\\\\x0ab");
});

Deno.test("escapeName() lets a selector pass only behind an emoji", () => {
  assertEquals(escapeName("❤\ufe0f"), "❤\ufe0f");
  assertEquals(escapeName("a\ufe0f"), "a\\u{fe0f}");
  assertEquals(escapeName("\ufe0fa"), "\\u{fe0f}a");
});

const names = fc.array(fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("\\", ...UNSAFE))).map((parts) =>
  parts.join("")
);

Deno.test("escapeName() can be undone, so that no two names look alike", () => {
  fc.assert(fc.property(names, (name) => {
    const shown = escapeName(name);
    assertEquals(unescapeName(shown), name);
    // deno-lint-ignore no-control-regex -- control characters are what is looked for
    assert(!/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/.test(shown));
  }));
});

Deno.test("quoteName() cannot be ended by the name", () => {
  assertEquals(quoteName('a" or "b'), '"a\\x22 or \\x22b"');
  assertEquals(quoteName("plain"), '"plain"');
  assertNotEquals(quoteName('"'), quoteName("\\x22"));
});

Deno.test("escapeMessage() leaves escapes as they are", () => {
  const shown = `Cannot open ${quoteName("a\n\\b")}`;
  assertEquals(escapeMessage(shown), shown);
  assertEquals(escapeMessage("raw \x1b]0;title\x07 text\nmore"), "raw \\x1b]0;title\\x07 text\\x0amore");
});

Deno.test("escapeJson() is the same value without unsafe characters", () => {
  fc.assert(fc.property(fc.record({ path: names, n: fc.integer() }), (value) => {
    const json = escapeJson(JSON.stringify(value));
    assertEquals(JSON.parse(json), value);
    assertEquals(escapeMessage(json), json);
  }));
});
