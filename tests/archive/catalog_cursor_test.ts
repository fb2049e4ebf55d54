import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { type EntryCursor, ListCursor, MergedCursor } from "../../src/archive/catalog_cursor.ts";
import type { RunCursor } from "../../src/archive/catalog_run.ts";
import { ByteReader, ByteWriter } from "../../src/format/bytes.ts";
import { ArchiveError } from "../../src/format/errors.ts";
import type { PageEntry } from "../../src/format/page.ts";
import { comparePaths, isAtOrBelow } from "../../src/format/path.ts";
import { decodePathTable, type PathTable } from "../../src/format/path_table.ts";
import { encodePaths, provisionalRow, type RowMark } from "../../src/format/rows.ts";

type Kind = "file" | "directory" | "gone";

/** A run by what it has at each path. */
type RunRows = ReadonlyMap<string, Kind>;

function entry(path: string, kind: Kind): PageEntry {
  const mark: { mark?: RowMark } = kind === "gone" ? { mark: "gone" } : {};
  return { row: provisionalRow(path, kind === "gone" ? "directory" : kind), provisional: false, extents: [], ...mark };
}

const sorted = (rows: Iterable<[string, Kind]>) => [...rows].sort(([a], [b]) => comparePaths(a, b));

/** The first of some rows in path order that lies below something that is there and no directory. */
function firstBelow(rows: readonly [string, Kind][]): string | undefined {
  let above: [string, Kind] | undefined;
  for (const [path, kind] of rows) {
    if (kind === "gone") continue;
    if (above !== undefined && above[1] !== "directory" && isAtOrBelow(path, above[0])) return path;
    above = [path, kind];
  }
  return undefined;
}

async function read(runs: readonly RunRows[]): Promise<[string, Kind][]> {
  const cursor = new MergedCursor(
    runs.map((rows) => new ListCursor(sorted(rows).map((row) => entry(...row)).values())),
  );
  const found: [string, Kind][] = [];
  await cursor.advance();
  while (cursor.path !== undefined) {
    const { path, kind } = cursor;
    assertEquals(cursor.current?.row.path, path);
    found.push([path, (kind ?? "gone") as Kind]);
    await cursor.advance();
  }
  return found;
}

const parts = fc.array(fc.constantFrom("a", "b", "é", "a-b"), { minLength: 1, maxLength: 3 });
const run: fc.Arbitrary<RunRows> = fc
  .array(
    fc.tuple(
      fc.oneof({ weight: 9, arbitrary: parts.map((list) => list.join("/")) }, {
        weight: 1,
        arbitrary: fc.constant("."),
      }),
      fc.constantFrom<Kind>("directory", "directory", "file", "gone"),
    ),
    { maxLength: 12 },
  )
  .map((rows) => new Map(rows.filter(([path, kind]) => path !== "." || kind === "directory")))
  .filter((rows) => firstBelow(sorted(rows)) === undefined);

Deno.test("MergedCursor gives of each path the newest run's row, and refuses what lies below no directory", async () => {
  let taken = 0;
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(run, { maxLength: 4 }), async (runs) => {
      const newest = new Map<string, Kind>();
      for (const rows of runs.toReversed()) for (const [path, kind] of rows) newest.set(path, kind);
      const expected = sorted(newest);
      const below = firstBelow(expected);
      let error: unknown;
      try {
        assertEquals(await read(runs), expected);
      } catch (caught) {
        error = caught;
      }
      if (below === undefined) {
        assertEquals(error, undefined);
        taken++;
        return;
      }
      assert(error instanceof ArchiveError, `${below} was taken`);
      assertEquals([error.code, error.place.path], ["unsafe", below]);
      refused++;
    }),
    { numRuns: 3000 },
  );
  assert(taken > 100 && refused > 100, `${taken} taken, ${refused} refused`);
});

Deno.test("MergedCursor sees what lies below another run's file when a path between them is gone", async () => {
  const error = await read([new Map([["a/b", "gone"], ["a/c", "file"]]), new Map([["a", "file"]])]).catch((e) => e);
  assert(error instanceof ArchiveError);
  assertEquals([error.code, error.place.path], ["unsafe", "a/c"]);
});

/** A run of files in one page. */
class FilesCursor implements Omit<EntryCursor, "current"> {
  readonly kind = "file";
  readonly continued = false;
  readonly #paths: PathTable;
  at = -1;

  constructor(paths: readonly string[]) {
    const out = new ByteWriter();
    encodePaths(paths, out);
    this.#paths = decodePathTable(new ByteReader(out.finish(), "paths"), paths.length);
  }

  get paths(): PathTable | undefined {
    return this.at < this.#paths.count ? this.#paths : undefined;
  }

  get path(): string | undefined {
    return this.paths?.text(this.at);
  }

  get stretchEnd(): number {
    return this.#paths.count;
  }

  advance(): undefined {
    this.at++;
  }

  leap(at: number): void {
    this.at = at;
  }
}

Deno.test("MergedCursor ends a stretch where another run's row comes, and sees what lies below its last", async () => {
  const over = (...runs: readonly string[][]) =>
    new MergedCursor(runs.map((paths) => new FilesCursor(paths) as unknown as RunCursor));
  const stretches = async (cursor: MergedCursor<RunCursor>) => {
    const found: string[][] = [];
    for (await cursor.advance(); cursor.paths !== undefined; await cursor.advance()) {
      const { paths, at } = cursor;
      const behind = cursor.stretchEnd();
      found.push(Array.from({ length: behind - at }, (_, i) => paths.text(at + i)));
      cursor.leap(behind - 1);
    }
    return found;
  };
  assertEquals(await stretches(over(["a", "b", "c"])), [["a", "b", "c"]]);
  assertEquals(await stretches(over(["d", "e"], ["a", "b", "c", "d", "f", "g"])), [
    ["a"],
    ["b", "c"],
    ["d"],
    ["e"],
    ["f"],
    ["g"],
  ]);
  const error = await stretches(over(["c/x"], ["a", "b", "c", "f"])).catch((e) => e);
  assert(error instanceof ArchiveError);
  assertEquals([error.code, error.place.path], ["unsafe", "c/x"]);
});
