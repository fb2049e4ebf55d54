import { assertEquals, assertThrows } from "@std/assert";
import { planRoots, RootConflictError, storedName } from "../../src/disk/names.ts";

const UNIX: [argument: string, stored: string, removed: string][] = [
  ["a", "a", ""],
  ["a/b", "a/b", ""],
  ["./a", "a", ""],
  ["a//b/./c/", "a/b/c", ""],
  [".", ".", ""],
  ["./", ".", ""],
  ["./.", ".", ""],
  ["/", ".", "/"],
  ["/etc/passwd", "etc/passwd", "/"],
  ["//etc", "etc", "//"],
  ["..", ".", ".."],
  ["../", ".", "../"],
  ["../../a", "a", "../../"],
  ["a/../b", "b", "a/../"],
  ["/a/../b/../c/d", "c/d", "/a/../b/../"],
  ["a/..", ".", "a/.."],
  ["..a/b..", "..a/b..", ""],
  ["a/...", "a/...", ""],
  ["-", "-", ""],
  ["C:\\a", "C:\\a", ""],
  [" ", " ", ""],
];

const WINDOWS: [argument: string, stored: string, removed: string][] = [
  ["a\\b", "a/b", ""],
  ["C:\\Users\\x", "Users/x", "C:/"],
  ["c:x", "x", "c:"],
  ["..\\..\\a", "a", "../../"],
  ["\\\\server\\share\\x", "server/share/x", "//"],
  ["\\\\?\\C:\\x", "x", "//?/C:/"],
  ["C:\\", ".", "C:/"],
];

for (const [argument, stored, removed] of UNIX) {
  Deno.test(`storedName() makes ${JSON.stringify(argument)} ${JSON.stringify(stored)}`, () => {
    assertEquals(storedName(argument, false), { stored, removed });
  });
}

for (const [argument, stored, removed] of WINDOWS) {
  Deno.test(`storedName() on Windows makes ${JSON.stringify(argument)} ${JSON.stringify(stored)}`, () => {
    assertEquals(storedName(argument, true), { stored, removed });
  });
}

Deno.test("planRoots() sorts by stored name and notes what it dropped, once", () => {
  assertEquals(planRoots(["../z", "/b/c", "a", "/b/a", "a-b"]), {
    roots: [
      { location: "a", stored: "a" },
      { location: "a-b", stored: "a-b" },
      { location: "/b/a", stored: "b/a" },
      { location: "/b/c", stored: "b/c" },
      { location: "../z", stored: "z" },
    ],
    removed: ["../", "/"],
  });
});

Deno.test("planRoots() starts relative arguments from the folder given, without resolving ..", () => {
  const { roots } = planRoots(["a/", "link/../b", "/c"], { directory: "dir" });
  assertEquals(roots.map((root) => root.location), ["dir/a/", "dir/link/../b", "/c"]);
  assertEquals(planRoots(["."], { directory: "/" }).roots, [{ location: "/.", stored: "." }]);
});

Deno.test("planRoots() refuses two roots with one path, naming both", () => {
  const error = assertThrows(() => planRoots(["x", "../a", "./a"]), RootConflictError);
  assertEquals(error.message, 'Cannot store "../a" and "./a" together: both would be "a" in the archive');
  assertEquals([error.first, error.second], ["../a", "./a"]);
});

Deno.test("planRoots() refuses a root inside another", () => {
  assertThrows(() => planRoots(["a/b", "a"]), RootConflictError, '"a/b" would lie inside "a"');
  assertThrows(() => planRoots(["a", "."]), RootConflictError, '"a" would lie inside "."');
  assertThrows(() => planRoots(["a", "a-b", "a/x/y"]), RootConflictError, '"a/x/y" would lie inside "a"');
  assertEquals(planRoots(["a", "ab", "a-b", "b/a"]).roots.length, 4);
});

Deno.test("planRoots() drops what a list covers twice, and only that", () => {
  const found = ["./dir", "./dir/a", "./dir/sub", "./dir/sub/b", "dir//a", "./other"];
  assertEquals(planRoots(found, { covered: "drop" }).roots.map((root) => root.stored), ["dir", "other"]);
  const all = [".", "./a", "./a/b"];
  assertEquals(planRoots(all, { covered: "drop", directory: "/x" }).roots, [{ location: "/x/.", stored: "." }]);
  assertThrows(() => planRoots(["a", "../a"], { covered: "drop" }), RootConflictError, "together");
  assertThrows(() => planRoots(["/a", "a/b"], { covered: "drop" }), RootConflictError, "together");
});

Deno.test("planRoots() refuses an empty argument", () => {
  assertThrows(() => planRoots(["a", ""]), TypeError, "empty name");
});
