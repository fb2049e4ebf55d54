import { assert, assertEquals, assertFalse } from "@std/assert";
import { HashSet, PathHasher } from "../../src/disk/path_hashes.ts";

// The reference vectors of HalfSipHash-2-4 with 64-bit tags: key 00..07, input 00, 01, … of this many bytes.
const VECTORS = new Map([
  [0, "218d1f59b9b83cc8"],
  [2, "064f39ef7c50eb57"],
  [4, "d5e78a175be52ea1"],
  [6, "ce3e91358aa2bc25"],
  [8, "edfee820bce4858c"],
  [10, "95b0469f06a6f2ee"],
  [12, "7bc71f9faef5c799"],
  [14, "3bb1a870eae8e658"],
]);

Deno.test("PathHasher.hash() is HalfSipHash-2-4 over UTF-16LE, 52 bits of it", () => {
  const hasher = new PathHasher([0x03020100, 0x07060504]);
  for (const [length, tag] of VECTORS) {
    const input = Uint8Array.from({ length }, (_, i) => i);
    const path = new TextDecoder("utf-16le", { ignoreBOM: true }).decode(input);
    const view = new DataView(Uint8Array.fromHex(tag).buffer);
    const expected = view.getUint32(0, true) + (view.getUint32(4, true) % 2 ** 20) * 2 ** 32;
    assertEquals(hasher.hash(path), expected, `${length} bytes`);
  }
});

Deno.test("PathHasher.hash() of a path is the same whatever was hashed before", () => {
  const key = [0x03020100, 0x07060504];
  const hasher = new PathHasher(key);
  const paths = [
    "a/b/c",
    "a/b/d",
    "a/bc/d",
    "a/b",
    "ab/b/c",
    "a/b/c/d",
    "x",
    "",
    "/",
    "aa/",
    "aa/b",
    "aé/\u{1f600}/c",
    "a/b/c",
  ];
  for (const path of [...paths, ...paths.toReversed()]) {
    assertEquals(hasher.hash(path), new PathHasher(key).hash(path), path);
  }
});

Deno.test("PathHasher.hash() depends on the key, which is random", () => {
  const hashes = new Set(Array.from({ length: 100 }, () => new PathHasher().hash("a/b")));
  assertEquals(hashes.size, 100);
});

Deno.test("HashSet holds what was added and nothing else, across its growth", () => {
  const hasher = new PathHasher([1, 2]);
  const set = new HashSet();
  for (let i = 0; i < 50_000; i++) set.add(hasher.hash(`in/${i}`));
  set.add(hasher.hash("in/7"));
  assertEquals(set.size, 50_000);
  for (let i = 0; i < 50_000; i++) {
    assert(set.has(hasher.hash(`in/${i}`)), `in/${i}`);
    assertFalse(set.has(hasher.hash(`out/${i}`)), `out/${i}`);
  }
});

Deno.test("HashSet takes the smallest and the largest hash", () => {
  const set = new HashSet();
  assertFalse(set.has(0));
  set.add(0);
  set.add(2 ** 52 - 1);
  assert(set.has(0));
  assert(set.has(2 ** 52 - 1));
  assertFalse(set.has(1024));
});
