/** `repair` of archives of several snapshots: an update that was interrupted, or whose end is bad. */
import { assertEquals } from "@std/assert";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { Archive } from "../../src/archive/archive.ts";
import { ChangeFinder } from "../../src/archive/changes.ts";
import { openHeader } from "../../src/archive/header_reader.ts";
import { repairArchive } from "../../src/archive/repair.ts";
import { updateArchive } from "../../src/archive/update.ts";
import { ArchiveError } from "../../src/format/errors.ts";
import { RECORD_BYTES } from "../../src/format/locator.ts";
import { seededRandom } from "../archive/archive_builder.ts";
import type { Item } from "../archive/archive_draft.ts";
import { asFiles, createInMemory, FIXED_OPTIONS, MemoryFiles } from "../archive/memory_files.ts";
import { file } from "../archive/sample_tree.ts";
import { CountedSource } from "../archive/sources.ts";
import { FaultyFiles } from "./faulty_files.ts";
import { growingTarget } from "./growing_target.ts";

const PATH = "/d/a.coffer";
const KEYS = FIXED_OPTIONS.keys;
const HEADER_BYTES = 8192;

const diskWith = (bytes: Bytes) => new FaultyFiles(new Map([[PATH, Uint8Array.from(bytes)]]));
const contentOf = (files: FaultyFiles) => files.files().get(PATH) as Uint8Array;

async function grow(bytes: Bytes, items: readonly Item[]): Promise<Bytes> {
  const files = diskWith(bytes);
  using target = growingTarget(files, PATH);
  const archive = await Archive.open(nativeEngine, target, { keys: KEYS });
  const access = new MemoryFiles(items);
  const finder = new ChangeFinder(nativeEngine, archive, { isGone: () => true, access });
  await updateArchive(nativeEngine, target, archive, finder, asFiles(items), { access });
  return contentOf(files).slice();
}

/** Numbers of the snapshots that open, and the paths of the newest; or what is wrong. */
async function stateOf(bytes: Bytes): Promise<string> {
  try {
    const archive = await Archive.open(nativeEngine, new CountedSource(bytes), { keys: KEYS });
    const paths: string[] = [];
    for await (const entry of archive.entries()) {
      for await (const _ of archive.read(entry));
      paths.push(entry.row.path);
    }
    return `${archive.number}: ${paths.join(" ")}`;
  } catch (error) {
    if (error instanceof ArchiveError) return error.code;
    throw error;
  }
}

async function repair(files: FaultyFiles): Promise<readonly string[]> {
  using target = growingTarget(files, PATH);
  const opened = await openHeader(nativeEngine, (length) => target.read(0, length), KEYS, {});
  const findings = await repairArchive(target, opened, {});
  return findings.map(({ what, action }) => `${what}${action === undefined ? "" : ", mended"}`);
}

const first =
  (await createInMemory(asFiles([file("a", "one")]), { access: new MemoryFiles([file("a", "one")]) })).known;
const second = await grow(first, [file("a", "one"), file("b", "two")]);
const third = await grow(second, [file("a", "one"), file("b", "two"), file("c", seededRandom(2)(20_000))]);
const ONE = "1: a";
const TWO = "2: a b";
const THREE = "3: a b c";

const zeroed = (bytes: Bytes, from: number, to: number) => bytes.slice().fill(0, from, to);
/** A body that the header of an earlier time knows less of. */
function under(older: Bytes, newer: Bytes): Bytes {
  const bytes = newer.slice();
  bytes.set(older.subarray(0, HEADER_BYTES));
  return bytes;
}

const CASES: readonly (readonly [what: string, bytes: Bytes, findings: readonly string[], after: string])[] = [
  ["nothing", third, [], THREE],
  ["an update that the header does not know yet", under(second, third), [], THREE],
  ["the first update, that the header does not know yet", under(first, second), [], TWO],
  ["a bad locator", zeroed(third, third.length - RECORD_BYTES, third.length), ["locator, mended"], THREE],
  ["a locator that is gone", third.slice(0, third.length - RECORD_BYTES), ["locator, mended"], THREE],
  [
    "a bad locator that the header does not know yet",
    zeroed(under(second, third), third.length - RECORD_BYTES, third.length),
    ["locator, mended"],
    THREE,
  ],
  [
    "a bad locator of the first update, that the header does not know yet",
    zeroed(under(first, second), second.length - RECORD_BYTES, second.length),
    ["locator, mended"],
    TWO,
  ],
  [
    "an update without its end",
    under(second, third).slice(0, third.length - 4096),
    ["trailing bytes, mended"],
    TWO,
  ],
  ["the beginning of an update", under(first, second).slice(0, first.length + 700), ["trailing bytes, mended"], ONE],
];

for (const [what, bytes, findings, after] of CASES) {
  Deno.test(`repair of several snapshots mends ${what}, and a crash at any moment leaves what a second run mends`, async () => {
    const files = diskWith(bytes);
    assertEquals(await repair(files), findings);
    assertEquals(await stateOf(contentOf(files)), after);
    assertEquals(await repair(files), []);
    const seen = new Set<string>();
    for (const { label, files: left } of files.replay()) {
      const state = left.get(PATH) as Uint8Array;
      const name = nativeEngine.sha256(state).toHex();
      if (seen.has(name)) continue;
      seen.add(name);
      const again = diskWith(state);
      await repair(again);
      assertEquals(await stateOf(contentOf(again)), after, label);
    }
  });
}

Deno.test("repair leaves a bad locator that an update hangs on, and has the header name the update", async () => {
  const bytes = zeroed(under(second, third), second.length - RECORD_BYTES, second.length);
  assertEquals(await stateOf(bytes), "damaged");
  const files = diskWith(bytes);
  assertEquals(await repair(files), ["locator", "state, mended"]);
  assertEquals(await stateOf(contentOf(files)), THREE);
});
