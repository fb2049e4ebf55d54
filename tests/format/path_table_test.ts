import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { ByteReader, ByteWriter, encodeUtf8 } from "../../src/format/bytes.ts";
import { ArchiveError } from "../../src/format/errors.ts";
import { comparePaths, isAtOrBelow, pathFault } from "../../src/format/path.ts";
import { decodePathTable, ORDER, PathTable } from "../../src/format/path_table.ts";
import { encodePaths } from "../../src/format/rows.ts";
import { paths } from "./arbitrary_rows.ts";

function encode(list: readonly string[]): ByteReader {
  const out = new ByteWriter();
  encodePaths(list, out);
  return new ByteReader(out.finish(), "the test");
}

const texts = (table: PathTable) => Array.from({ length: table.count }, (_, i) => table.text(i));

/** Strings that are nearly paths: most of the rules are about these characters. */
const nearly = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom("/", ".", "a", "b", "-", "\u{7f}") },
    { weight: 1, arbitrary: fc.constantFrom("\0", "é", "～", "😀", "x".repeat(255), "y".repeat(254)) },
  ),
  { maxLength: 8 },
).map((characters) => characters.join(""));

Deno.test("decodePathTable() takes a path exactly when pathFault() has nothing against it", () => {
  let taken = 0;
  let refused = 0;
  fc.assert(
    fc.property(paths, fc.array(fc.oneof(nearly, paths), { minLength: 1, maxLength: 4 }), (first, others) => {
      const list = [first, ...others];
      const bad = list.find((path) => pathFault(path) !== undefined);
      let error: unknown;
      try {
        assertEquals(texts(decodePathTable(encode(list), list.length)), list);
      } catch (caught) {
        error = caught;
      }
      if (bad === undefined) {
        assertEquals(error, undefined);
        taken++;
        return;
      }
      assert(error instanceof ArchiveError, `${JSON.stringify(bad)} was taken`);
      assertEquals([error.code, error.place.path], ["unsafe", bad]);
      refused++;
    }),
    { numRuns: 3000 },
  );
  assert(taken > 100 && refused > 100);
});

Deno.test("PathTable says how paths stand to each other as comparePaths() does", () => {
  const found = [0, 0, 0];
  const related = fc.oneof(
    fc.tuple(paths, paths),
    fc.tuple(paths, paths).map(([a, b]): [string, string] => [a, `${a}/${b}`]),
    fc.tuple(paths, paths).map(([a, b]): [string, string] => [`${a}-${b}`, a]),
    fc.constantFrom<[string, string]>([".", "-"], ["-", "."], [".", "."], [".", ".a"], [".a", "."]),
  ).filter((pair) => pair.every((path) => pathFault(path) === undefined));
  fc.assert(
    fc.property(related, ([a, b]) => {
      const order = decodePathTable(encode([a, b]), 2).orders[1] as number;
      const rises = comparePaths(a, b) < 0;
      const expected = !rises ? ORDER.falls : isAtOrBelow(b, a) && a !== "." ? ORDER.isBelow : ORDER.rises;
      assertEquals(order, expected, JSON.stringify([a, b]));
      const between = decodePathTable(encode(["x", a, "y"]), 3);
      const other = decodePathTable(encode(["x", b, "y"]), 3);
      for (const way of [between.compare(1, other, 1), PathTable.of(a).compare(0, PathTable.of(b), 0)]) {
        assertEquals(Math.sign(way), Math.sign(comparePaths(a, b)), JSON.stringify([a, b]));
      }
      assertEquals(PathTable.of(a).text(0), a);
      if (isAtOrBelow(b, a)) assert(other.mayBeBelow(1, between, 1), JSON.stringify([a, b]));
      else assertEquals(other.mayBeBelow(1, between, 1), b.startsWith(a), JSON.stringify([a, b]));
      assertEquals([between.is(1, a), between.is(1, b)], [true, a === b]);
      found[order] = (found[order] as number) + 1;
    }),
    { numRuns: 3000 },
  );
  assert(found.every((count) => count > 100));
});

Deno.test("PathTable finds the first path that does not come before another, from wherever it looks", () => {
  const rising = fc.uniqueArray(paths.filter((path) => pathFault(path) === undefined), { minLength: 1, maxLength: 40 })
    .map((list) => list.sort(comparePaths));
  fc.assert(
    fc.property(rising, paths.filter((path) => pathFault(path) === undefined), fc.nat(), (list, path, place) => {
      const table = decodePathTable(encode(list), list.length);
      const from = place % list.length;
      const behind = list.findIndex((other, i) => i >= from && comparePaths(other, path) >= 0);
      assertEquals(table.firstFrom(from, PathTable.of(path), 0), behind < 0 ? list.length : behind);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("PathTable knows which path lies in the folder of the one before it", () => {
  const found = { beside: 0, elsewhere: 0 };
  const folderOf = (path: string) => path.slice(0, Math.max(0, path.lastIndexOf("/")));
  const nameIn = (path: string) => path.slice(path.lastIndexOf("/") + 1);
  const near = fc.tuple(paths, paths, paths).chain(([a, b, c]) =>
    fc.constantFrom([a, b], [`${a}/${nameIn(b)}`, `${a}/${nameIn(c)}`], [`${a}/${b}`, `${a}/${b}/${c}`], [
      `${a}/${b}/${c}`,
      `${a}/${b}`,
    ])
  ).filter((pair) => pair.every((path) => pathFault(path) === undefined));
  fc.assert(
    fc.property(near, ([a, b]) => {
      const table = decodePathTable(encode([a as string, b as string]), 2);
      const [before, path] = [folderOf(a as string), folderOf(b as string)];
      const bytes = table.folderBytes(0);
      assertEquals(bytes, before === "" ? -1 : encodeUtf8(before).length);
      assertEquals(table.isBeside(1, bytes), before === path, JSON.stringify([a, b]));
      found[before === path ? "beside" : "elsewhere"]++;
    }),
    { numRuns: 2000 },
  );
  assert(found.beside > 100 && found.elsewhere > 100);
});

Deno.test("decodePathTable() orders paths as comparePaths() does when less is shared than could be", () => {
  const out = new ByteWriter();
  for (const path of ["folder/a", "folder/b", "folder/b/c", "folder"]) {
    out.varint(0);
    out.sizedBytes(encodeUtf8(path));
  }
  const { orders, shared } = decodePathTable(new ByteReader(out.finish(), "the test"), 4);
  assertEquals([...orders.subarray(1)], [ORDER.rises, ORDER.isBelow, ORDER.falls]);
  assertEquals([...shared], [0, 0, 0, 0]);
});

Deno.test("decodePathTable() refuses a count that has no bytes behind it before it makes room", () => {
  const error = (() => {
    try {
      return decodePathTable(encode(["a"]), 2 ** 31);
    } catch (caught) {
      return caught;
    }
  })();
  assert(error instanceof ArchiveError && error.code === "malformed");
});
