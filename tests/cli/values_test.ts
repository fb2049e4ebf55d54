import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { UsageError } from "../../src/cli/command_error.ts";
import { commandWords, shortText, sizeInBytes, storedPath, wholeNumber } from "../../src/cli/values.ts";

Deno.test("wholeNumber() takes decimal digits only", () => {
  const read = wholeNumber(1, 100);
  assertEquals(read("7", "--n"), 7);
  assertEquals(read("007", "--n"), 7);
  for (const text of ["", " 7", "7 ", "+7", "-7", "7.0", "1e1", "0x7", "seven", "NaN", "Infinity", "٧"]) {
    assertThrows(() => read(text, "--n"), UsageError, "expected a whole number from 1 to 100");
  }
  assertThrows(() => wholeNumber(0)("9007199254740993", "--n"), UsageError, "expected a whole number, 0 or more");
});

Deno.test("sizeInBytes() knows binary and decimal units", () => {
  for (
    const [text, bytes] of [
      ["1", 1],
      ["512", 512],
      ["1K", 1024],
      ["1k", 1024],
      ["1KiB", 1024],
      ["1kB", 1000],
      ["1.5MiB", 1_572_864],
      ["2 GiB", 2 ** 31],
      ["1TB", 1e12],
      ["7B", 7],
    ] as const
  ) {
    assertEquals(sizeInBytes(text, "--size"), bytes, text);
  }
  for (const text of ["", "0", "0.5", "-1", "1XB", "GiB", "1e3", "1,5M", "9007199254740993", "99999999TiB"]) {
    assertThrows(() => sizeInBytes(text, "--size"), UsageError, "expected a size", text);
  }
});

Deno.test("storedPath() takes what an archive can hold", () => {
  assertEquals(storedPath("a/b c", "--stdin-name"), "a/b c");
  for (const text of ["", ".", "/a", "a/", "a//b", "../a", "a/..", "x".repeat(256)]) {
    assertThrows(() => storedPath(text, "--stdin-name"), UsageError, `"--stdin-name"`, text);
  }
});

Deno.test("shortText() counts bytes, on each side of its limit", () => {
  assertEquals(shortText(4)("ää", "--label"), "ää");
  assertThrows(() => shortText(4)("äää", "--label"), UsageError, "over 4 bytes");
  assertThrows(() => shortText(9)("\ud800", "--label"), UsageError, "not well-formed");
});

Deno.test("commandWords() splits as a shell does, and expands nothing", () => {
  const split = (text: string) => commandWords(text, "--c", false);
  assertEquals(split("pass show  backup"), ["pass", "show", "backup"]);
  assertEquals(split(` a\t"b  c" 'd "e"' `), ["a", "b  c", 'd "e"']);
  assertEquals(split(String.raw`a\ b "c\"d\\e\n" 'f\g'`), ["a b", String.raw`c"d\e\n`, String.raw`f\g`]);
  assertEquals(split(`a'b'"c"d ''`), ["abcd", ""]);
  assertEquals(split("$HOME `x` *.y ~"), ["$HOME", "`x`", "*.y", "~"]);
});

Deno.test("commandWords() leaves backslashes alone on Windows", () => {
  assertEquals(commandWords(String.raw`C:\bin\pass "C:\my keys\k" \"x`, "--c", true), [
    String.raw`C:\bin\pass`,
    String.raw`C:\my keys\k`,
    '"x',
  ]);
});

Deno.test("commandWords() refuses what is not complete", () => {
  for (
    const [text, reason] of [["", "empty"], ["  ", "empty"], ["a 'b", "not closed"], ["a\\", "backslash"]] as const
  ) {
    const error = assertThrows(() => commandWords(text, "--c", false), UsageError);
    assertStringIncludes(error.message, reason);
  }
});
