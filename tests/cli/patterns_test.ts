import { assert, assertEquals } from "@std/assert";
import { compileExcludes, compilePatterns } from "../../src/cli/patterns.ts";

const TREE = ["a", "a/b", "a/b/c.txt", "a/d.txt", "a-b", "e.txt", "x*y", "x*y/z", "xay"];

function taken(patterns: string[], options?: { literal: boolean }): string[] {
  const { matches } = compilePatterns(patterns, options);
  return TREE.filter((path) => matches(path, !path.includes(".")));
}

Deno.test("compilePatterns() takes everything without patterns", () => {
  assertEquals(taken([]), TREE);
  assertEquals(compilePatterns([]).unmatched(), []);
  assertEquals(compilePatterns([]).prefixes, [""]);
});

Deno.test("compilePatterns() takes an equal path with all below it", () => {
  assertEquals(taken(["a"]), ["a", "a/b", "a/b/c.txt", "a/d.txt"]);
  assertEquals(taken(["a/b"]), ["a/b", "a/b/c.txt"]);
  assertEquals(taken(["a/d.txt"]), ["a/d.txt"]);
  assertEquals(taken(["."]), TREE);
});

Deno.test("compilePatterns() takes what a glob matches, and not what is below it", () => {
  assertEquals(taken(["*"]), ["a", "a-b", "e.txt", "x*y", "xay"]);
  assertEquals(taken(["a/*"]), ["a/b", "a/d.txt"]);
  assertEquals(taken(["a/**"]), ["a/b", "a/b/c.txt", "a/d.txt"]);
  assertEquals(taken(["**/*.txt"]), ["a/b/c.txt", "a/d.txt", "e.txt"]);
  assertEquals(taken(["a/*", "e*"]), ["a/b", "a/d.txt", "e.txt"]);
  assertEquals(taken(["*/"]), ["a", "a-b", "x*y", "xay"]);
});

Deno.test("compilePatterns() takes a path that looks like a glob for both", () => {
  assertEquals(taken(["x*y"]), ["x*y", "x*y/z", "xay"]);
  assertEquals(taken(["x*y"], { literal: true }), ["x*y", "x*y/z"]);
  assertEquals(taken(["x\\*y"]), ["x*y"]);
  assertEquals(taken(["[ab]"], { literal: true }), []);
});

Deno.test("compilePatterns() takes paths as they were typed for create", () => {
  for (const typed of ["/a/b", "./a/b", "a//b", "a/b/", "a/./b", "//a/b//"]) {
    assertEquals(taken([typed]), ["a/b", "a/b/c.txt"], typed);
  }
});

Deno.test("compilePatterns() names the patterns that matched nothing, as they were given", () => {
  const patterns = compilePatterns(["a", "./nope/", "*.txt", "a/d.txt", "../a"]);
  assertEquals(patterns.unmatched(), ["a", "./nope/", "*.txt", "a/d.txt", "../a"]);
  for (const path of TREE) patterns.matches(path, false);
  assertEquals(patterns.unmatched(), ["./nope/", "../a"]);
});

Deno.test("compilePatterns() says where a match could lie", () => {
  const patterns = compilePatterns(["a/b/*.txt", "e"]);
  assertEquals(patterns.prefixes, ["a/b/", "e"]);
  for (const folder of [".", "a", "a/b", "e", "e/f"]) assert(patterns.couldMatchBelow(folder), folder);
  for (const folder of ["b", "a/c", "a/bc", "x"]) assert(!patterns.couldMatchBelow(folder), folder);
  assertEquals(compilePatterns(["a\\*b", "."]).prefixes, ["a", ""]);
  assertEquals(compilePatterns(["a*b"], { literal: true }).prefixes, ["a*b"]);
});

Deno.test("compilePatterns() never takes what its prefixes rule out", () => {
  for (const pattern of ["a", "a/*", "**", "x*y", "x\\*y", "{a,e}*", "[ae]*", "a/b/c.txt", "."]) {
    const patterns = compilePatterns([pattern]);
    for (const path of TREE) {
      if (!patterns.matches(path, true)) continue;
      assert(patterns.prefixes.some((prefix) => path.startsWith(prefix)), `"${pattern}" on "${path}"`);
      const slash = path.lastIndexOf("/");
      if (slash > 0) assert(patterns.couldMatchBelow(path.slice(0, slash)), `"${pattern}" on "${path}"`);
    }
  }
});

const WORKS = [
  "src",
  "src/main.ts",
  "src/main.log",
  "src/node_modules",
  "src/node_modules/x",
  "src/node_modules/x/y.ts",
  "build",
  "build/out",
  "docs",
  "docs/build",
  "docs/build/page",
  ".git",
  ".git/HEAD",
];

function kept(...globs: string[]): string[] {
  const excluded = compileExcludes(globs);
  return WORKS.filter((path) => !excluded(path, !/\.ts$|\.log$|page$|HEAD$/.test(path)));
}

Deno.test("compileExcludes() matches a glob without / against every part, with all below", () => {
  assertEquals(kept("node_modules"), WORKS.filter((path) => !path.includes("node_modules")));
  assertEquals(kept("build"), WORKS.filter((path) => !path.includes("build")));
  assertEquals(kept("*.log"), WORKS.filter((path) => !path.endsWith(".log")));
  assertEquals(kept(".*"), WORKS.filter((path) => !path.startsWith(".git")));
});

Deno.test("compileExcludes() matches a glob with / against the whole path", () => {
  assertEquals(kept("/build"), WORKS.filter((path) => !path.startsWith("build")));
  assertEquals(kept("./build"), WORKS.filter((path) => !path.startsWith("build")));
  assertEquals(kept("docs/build"), WORKS.filter((path) => !path.startsWith("docs/build")));
  assertEquals(kept("*/build"), WORKS.filter((path) => !path.startsWith("docs/build")));
  assertEquals(kept("**/x"), WORKS.filter((path) => !path.includes("/x")));
  assertEquals(kept("src/*"), WORKS.filter((path) => !path.startsWith("src/")));
});

Deno.test("compileExcludes() takes a trailing / for folders only", () => {
  const excluded = compileExcludes(["build/"]);
  assert(excluded("build", true));
  assert(!excluded("build", false));
  assert(excluded("docs/build", true));
  assert(excluded("docs/build/page", false));
});

Deno.test("compileExcludes() gives one answer in whatever order paths come", () => {
  const globs = ["build", "src/*/x", "/docs"];
  const fresh = WORKS.filter((path) => !compileExcludes(globs)(path, true));
  const excluded = compileExcludes(globs);
  assertEquals(WORKS.toReversed().filter((path) => !excluded(path, true)).toReversed(), fresh);
  assertEquals(WORKS.filter((path) => !excluded(path, true)), fresh);
});

Deno.test("compileExcludes() never leaves out the root, nor anything without globs", () => {
  assert(!compileExcludes(["*", ".*", "**", ".", "/"])(".", true));
  assertEquals(kept(), WORKS);
  assertEquals(kept("/"), WORKS);
});
