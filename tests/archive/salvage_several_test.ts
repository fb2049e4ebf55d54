/** Salvage of archives of several snapshots. */
import { assert, assertEquals, equal } from "@std/assert";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { Archive } from "../../src/archive/archive.ts";
import { ChangeFinder } from "../../src/archive/changes.ts";
import { type AppendableSource, updateArchive } from "../../src/archive/update.ts";
import { seededRandom } from "./archive_builder.ts";
import type { Item } from "./archive_draft.ts";
import { asFiles, createInMemory, FIXED_OPTIONS, MemoryFiles } from "./memory_files.ts";
import { directory, file, row } from "./sample_tree.ts";
import { checkTrue, isWhole, salvage, type Salvaged } from "./salvaging.ts";
import { CountedSource } from "./sources.ts";

const KEYS = FIXED_OPTIONS.keys;
const PAGE = 4096;

function growing(initial: Bytes): AppendableSource & { readonly bytes: () => Bytes } {
  let bytes = initial.slice();
  // deno-lint-ignore require-await -- errors reject
  const resize = async (length: number, more: Bytes = new Uint8Array(0)) => {
    const next = new Uint8Array(length + more.length);
    next.set(bytes.subarray(0, length));
    next.set(more, length);
    bytes = next;
  };
  return {
    get size() {
      return bytes.length;
    },
    bytes: () => bytes,
    read: (offset, length) => Promise.resolve(bytes.slice(offset, offset + length)),
    // deno-lint-ignore require-await -- errors reject
    write: async (offset, more) => bytes.set(more, offset),
    append: (more) => resize(bytes.length, more),
    truncate: (length) => resize(length),
    sync: () => Promise.resolve(),
  };
}

async function grow(bytes: Bytes, items: readonly Item[]): Promise<Bytes> {
  const target = growing(bytes);
  const archive = await Archive.open(nativeEngine, target, { keys: KEYS });
  const access = new MemoryFiles(items);
  const finder = new ChangeFinder(nativeEngine, archive, { isGone: () => true, access });
  await updateArchive(nativeEngine, target, archive, finder, asFiles(items), { access, blockBytes: 8192 });
  return target.bytes();
}

const noise = (path: string, seed: number, length: number, seconds = 1_500_000_000) =>
  file(path, seededRandom(seed)(length), { mtime: { seconds, nanoseconds: 0 }, ctime: seconds });

const FIRST = [
  directory("d"),
  ...Array.from({ length: 12 }, (_, i) => noise(`d/${String(i).padStart(2, "0")}`, i + 1, 3000)),
  noise("gone", 50, 5000),
  noise("large", 51, 30_000),
  { row: row("soft", "symlink", { link: "d/00" }) },
];
/** One file changed, one gone, one new. */
const SECOND = [
  ...FIRST.slice(0, 3),
  noise("d/02", 60, 3100, 1_500_000_100),
  ...FIRST.slice(4, 13),
  noise("large", 51, 30_000),
  noise("new", 61, 20_000, 1_500_000_200),
  FIRST.at(-1) as Item,
];
const first = (await createInMemory(asFiles(FIRST), { access: new MemoryFiles(FIRST), blockBytes: 8192 })).known;
const second = await grow(first, SECOND);
const BY_PATH = new Map(SECOND.map((item) => [item.row.path, item]));
const FILES = SECOND.filter(({ content }) => content !== undefined).map(({ row }) => row.path);

function said({ files, lost, summary }: Salvaged): boolean {
  return lost.size > 0 || summary.mayLackMore || [...files.values()].some(({ lost }) => lost.length > 0);
}

Deno.test("salvage gives the newest of several snapshots, and nothing that it does not have", async () => {
  const got = await salvage(second);
  checkTrue(got, BY_PATH);
  assertEquals([...got.files.keys()].sort(), FILES.toSorted());
  assert(FILES.every((path) => isWhole(got, path)) && !said(got));
  assertEquals([...got.others.keys()].sort(), ["d", "soft"]);
  assertEquals(got.summary.damage, []);
});

Deno.test("salvage gives an earlier snapshot when asked to", async () => {
  const got = await salvage(second, { keys: KEYS, snapshot: { kind: "number", number: 1 } });
  checkTrue(got, new Map(FIRST.map((item) => [item.row.path, item])));
  assert(isWhole(got, "gone") && !said(got));
});

Deno.test("salvage of several snapshots calls nothing whole that is not, whichever page is zeroed", async () => {
  const places = new Map<string, { from: number; to: number }[]>();
  const archive = await Archive.open(nativeEngine, new CountedSource(second), { keys: KEYS });
  for await (const { row, extents } of archive.entries()) {
    const list = extents.map(({ block: { offset, frameBytes } }) => ({
      from: 8192 + offset,
      to: 8192 + offset + frameBytes,
    }));
    places.set(row.path, [...places.get(row.path) ?? [], ...list]);
  }
  for (let at = 0; at < second.length; at += PAGE) {
    const got = await salvage(second.slice().fill(0, at, at + PAGE));
    // Where the newest snapshot cannot be read, an older one comes out and says so.
    if (got.summary.isCutOff || got.summary.mayLackMore) {
      for (const [path, { row, content, lost, isRowLost }] of got.files) {
        if (isRowLost) continue;
        const versions = [...FIRST, ...SECOND].filter((item) => item.row.path === path);
        const isOne = versions.some(({ content: wanted }) => wanted !== undefined && equal(content, wanted));
        assert(lost.length > 0 ? versions.length > 0 : isOne && content.length === row.size, path);
      }
      continue;
    }
    checkTrue(got, BY_PATH);
    for (const path of FILES) {
      const isTouched = places.get(path)?.some(({ from, to }) => from < at + PAGE && to > at) ?? false;
      if (!isTouched) assert(isWhole(got, path), `"${path}" should be whole, page ${at / PAGE}`);
    }
    assertEquals(FILES.every((path) => isWhole(got, path)), !said(got));
  }
});

Deno.test("salvage takes what is left before a cut, and says that there was more", async () => {
  for (let end = first.length; end < second.length; end += PAGE) {
    const got = await salvage(second.slice(0, end));
    // What lies behind the trailer is not needed: the header says the same.
    if (got.files.has("new")) {
      checkTrue(got, BY_PATH);
      assert(FILES.every((path) => isWhole(got, path)) && end > second.length - 3 * PAGE);
      continue;
    }
    checkTrue(got, new Map(FIRST.map((item) => [item.row.path, item])));
    assert(isWhole(got, "gone") && isWhole(got, "d/02") && got.summary.mayLackMore);
    assert(got.warnings.some((warning) => warning.includes("only the first snapshot")));
  }
});

Deno.test("salvage does without the last locator, and without the header", async () => {
  const noLocator = await salvage(second.slice().fill(0, second.length - 256));
  checkTrue(noLocator, BY_PATH);
  assert(FILES.every((path) => isWhole(noLocator, path)));
  const noHeader = await salvage(second.slice().fill(0, 0, 8192));
  checkTrue(noHeader, BY_PATH);
  assert(FILES.every((path) => isWhole(noHeader, path)));
});
