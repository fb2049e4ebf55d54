import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ArchiveError } from "../../src/format/errors.ts";
import { MAX_PART_BYTES, MAX_PATH_BYTES } from "../../src/format/limits.ts";
import { checkPath, comparePaths, isAtOrBelow, pathFault, ROOT_PATH, utf8Length } from "../../src/format/path.ts";
import { tableOf } from "./format_document.ts";

/** Path order as FORMAT.md has it, word for word: bytes, with `/` taken as 0x00, and `.` before all. */
function compareBytes(a: string, b: string): number {
  if (a === b) return 0;
  if (a === "." || b === ".") return a === "." ? -1 : 1;
  const [x, y] = [a, b].map((path) => new TextEncoder().encode(path).map((byte) => byte === 0x2f ? 0 : byte));
  for (let i = 0; i < Math.min(x!.length, y!.length); i++) if (x![i] !== y![i]) return x![i]! - y![i]!;
  return x!.length - y!.length;
}

const paths = fc
  .array(
    fc.string({ unit: fc.constantFrom("a", "b", "-", ".", "~", " ", "!", "é", "\ue000", "～", "😀", "\u{10ffff}") }),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((parts) => parts.join("/"))
  .filter((path) => pathFault(path) === undefined);

Deno.test("comparePaths() puts a folder before what is in it, and that before its siblings, when names share a prefix", () => {
  const rising = [".", "!", "Z", "a", "a/a", "a/b", "a/b/c", "a/b-c", "a\n", "a ", "a-b", "a.txt", "aa", "b"];
  for (const [i, a] of rising.entries()) {
    for (const [j, b] of rising.entries()) assertEquals(Math.sign(comparePaths(a, b)), Math.sign(i - j), `${a} ${b}`);
  }
});

Deno.test("comparePaths() compares code points when UTF-16 units would order them otherwise", () => {
  const rising = [
    "z",
    "é",
    "\ud7ff",
    "\ue000",
    "\uff5e",
    "\uffff",
    "\u{10000}",
    "\u{103fe}",
    "\u{103ff}",
    "\u{1f600}",
    "\u{10ffff}",
  ];
  for (const [i, a] of rising.entries()) {
    for (const [j, b] of rising.entries()) assertEquals(Math.sign(comparePaths(a, b)), Math.sign(i - j), `${i} ${j}`);
  }
  assert("\u{1f600}" < "\uff5e", "this is the trap");
});

Deno.test("comparePaths() orders the lists of FORMAT.md as it does when they are sorted", () => {
  const columns = [0, 1].map((column) =>
    tableOf("Paths").flatMap((cells) => /^`(.+?)`/.exec(cells[column] ?? "")?.[1] ?? [])
  );
  assertEquals(columns.map((list) => list.length), [6, 5]);
  for (const list of columns) {
    assertEquals([...list].reverse().sort(comparePaths), list);
    assertEquals([...list].sort(compareBytes), list);
  }
});

Deno.test("comparePaths() agrees with the order of the bytes when paths are arbitrary", () => {
  fc.assert(
    fc.property(paths, paths, (a, b) => {
      assertEquals(Math.sign(comparePaths(a, b)), Math.sign(compareBytes(a, b)));
    }),
    { numRuns: 2000 },
  );
});

Deno.test("comparePaths() puts all below a folder into one range when paths are sorted", () => {
  fc.assert(fc.property(fc.uniqueArray(paths, { minLength: 2, maxLength: 30 }), (list) => {
    const sorted = [...list].sort(comparePaths);
    for (const folder of list) {
      const inside = sorted.map((path) => isAtOrBelow(path, folder));
      const [first, last] = [inside.indexOf(true), inside.lastIndexOf(true)];
      assertEquals(sorted[first], folder === ROOT_PATH ? sorted[0] : folder);
      assert(inside.slice(first, last + 1).every((is) => is));
    }
  }));
});

Deno.test("isAtOrBelow() says true when a path is the folder or lies in it, and not when it only begins alike", () => {
  for (const [path, folder] of [["a", "a"], ["a/b", "a"], ["a/b/c", "a"], ["a/b/c", "a/b"], ["x", "."], [".", "."]]) {
    assert(isAtOrBelow(path as string, folder as string), `${path} ${folder}`);
  }
  for (const [path, folder] of [["ab", "a"], ["a-b", "a"], ["a", "a/b"], ["b/a", "a"], [".", "a"], ["a/bc", "a/b"]]) {
    assert(!isAtOrBelow(path as string, folder as string), `${path} ${folder}`);
  }
});

Deno.test("utf8Length() gives the length of the encoded text when it is well-formed", () => {
  for (const text of ["", "a", "\x7f\x80", "\u07ff\u0800", "\ud7ff\ue000", "\uffff\u{10000}\u{10ffff}"]) {
    assertEquals(utf8Length(text), new TextEncoder().encode(text).length);
  }
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assertEquals(utf8Length(text), new TextEncoder().encode(text).length);
  }));
});

Deno.test("pathFault() allows a path when it is relative and has sound parts", () => {
  for (
    const path of [
      ".",
      "a",
      "a/b",
      "...",
      "..a",
      "a..",
      ".a",
      " ",
      "\n",
      "\\",
      "a\\..\\b",
      "c:",
      "con",
      "~",
      "\u202e",
      "é",
    ]
  ) {
    assertEquals(pathFault(path), undefined, JSON.stringify(path));
  }
});

Deno.test("pathFault() refuses a path when it is empty, absolute, not well-formed, or has an empty, . or .. part", () => {
  const refused: readonly (readonly [string, string])[] = [
    ["", "empty"],
    ["/", "absolute"],
    ["/a", "absolute"],
    ["//a", "absolute"],
    ["a//b", "empty part"],
    ["a/", "empty part"],
    ["./a", 'a part "."'],
    ["a/.", 'a part "."'],
    ["a/./b", 'a part "."'],
    ["..", 'a part ".."'],
    ["../a", 'a part ".."'],
    ["a/..", 'a part ".."'],
    ["a/../b", 'a part ".."'],
    ["\0", "NUL"],
    ["a/b\0", "NUL"],
    ["\ud800", "well-formed"],
    ["a/\udc00b", "well-formed"],
  ];
  for (const [path, fault] of refused) {
    assert(pathFault(path)?.includes(fault), `${JSON.stringify(path)}: ${pathFault(path)}`);
  }
});

Deno.test("pathFault() refuses a part when it is over 255 bytes", () => {
  for (const [part, bytes] of [["a", 1], ["é", 2], ["～", 3], ["😀", 4]] as const) {
    const most = part.repeat(Math.floor(MAX_PART_BYTES / bytes)) + "x".repeat(MAX_PART_BYTES % bytes);
    assertEquals(utf8Length(most), 255);
    for (const around of [(name: string) => name, (name: string) => `d/${name}`, (name: string) => `${name}/f`]) {
      assertEquals(pathFault(around(most)), undefined);
      assert(pathFault(around(most + "x"))?.includes("part over 255 bytes"));
    }
  }
});

Deno.test("pathFault() refuses a path when it is over 4,096 bytes", () => {
  for (const character of ["a", "é", "～"]) {
    const part = character.repeat(Math.floor(200 / utf8Length(character)));
    let path = part;
    while (utf8Length(path) + 1 + utf8Length(part) <= MAX_PATH_BYTES - 2) path += `/${part}`;
    path += `/${"x".repeat(MAX_PATH_BYTES - utf8Length(path) - 1)}`;
    assertEquals(utf8Length(path), 4096);
    assertEquals(pathFault(path), undefined);
    assert(pathFault(`${path}x`)?.includes("over 4096 bytes"));
  }
});

Deno.test("checkPath() throws unsafe with the path when it is not allowed", () => {
  checkPath("a/b");
  const error = assertThrows(() => checkPath("a/../b"), ArchiveError, '"a/../b"');
  assertEquals(error.code, "unsafe");
  assertEquals(error.place.path, "a/../b");
});
