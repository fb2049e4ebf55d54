/** Mending by the recovery record over a disk that loses power, fills up and fails: all of it or nothing, and again. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { MendableSource } from "../../src/archive/repair.ts";
import { mendInPlace, mendInto, type MendReport } from "../../src/disk/mend.ts";
import type { JournalFiles } from "../../src/disk/mend_journal.ts";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { itemsOf, MemoryArchive, update } from "../archive/growing_archive.ts";
import { asFiles, createInMemory, MemoryFiles } from "../archive/memory_files.ts";
import { sampleTree } from "../archive/sample_tree.ts";
import { CountedSource } from "../archive/sources.ts";
import { FaultyFiles } from "./faulty_files.ts";

const PATH = "/d/a.coffer";
const JOURNAL = "/d/a.coffer.journal";
const BODY = 8192;
const ITEMS = sampleTree();
const { known } = await createInMemory(asFiles(ITEMS), { access: new MemoryFiles(ITEMS), recovery: 10 });
const id = (bytes: Bytes | undefined) => bytes === undefined ? "" : nativeEngine.sha256(bytes).toHex();

function targetOn(files: FaultyFiles): MendableSource & Disposable {
  const open = files.openExisting(PATH);
  const content = () => files.files().get(PATH) as Uint8Array;
  const put = (offset: number, bytes: Bytes) => {
    for (let done = 0; done < bytes.length;) done += open.writeAt(offset + done, bytes.subarray(done));
  };
  return {
    get size() {
      return content().length;
    },
    read: (offset, length) => Promise.resolve(content().slice(offset, offset + length)),
    write: (offset, bytes) => Promise.resolve(put(offset, bytes)),
    append: (bytes) => Promise.resolve(put(content().length, bytes)),
    truncate: (length) => Promise.resolve(open.truncate(length)),
    sync: () => Promise.resolve(open.sync()),
    [Symbol.dispose]: () => open.close(),
  };
}

const journalsOn = (files: FaultyFiles): JournalFiles => ({
  layer: files,
  open: (path) => {
    const bytes = files.files().get(path);
    return bytes === undefined ? undefined : Object.assign(new CountedSource(bytes), { [Symbol.dispose]: () => {} });
  },
});

async function mend(files: FaultyFiles, dryRun = false): Promise<MendReport | undefined> {
  using target = targetOn(files);
  return await mendInPlace(nativeEngine, target, JOURNAL, journalsOn(files), { dryRun });
}

const diskWith = (archive: Bytes, journal?: Bytes) =>
  new FaultyFiles(
    new Map([[PATH, Uint8Array.from(archive)], ...journal === undefined ? [] : [[JOURNAL, journal] as const]]),
  );
const archiveOn = (files: FaultyFiles) => files.files().get(PATH) as Uint8Array;

/** Three snapshots, each with regions of its own. */
const grown = await (async () => {
  const target = new MemoryArchive(known);
  await update(target, itemsOf({ a: "2".repeat(60_000), b: "second" }), { level: "store" });
  await update(target, itemsOf({ a: "2".repeat(60_000), b: "third" }));
  return target.bytes.slice();
})();

/** Pages of each snapshot, and of the record of each. */
function damagedEverywhere(): Uint8Array {
  const bad = Uint8Array.from(grown);
  const second = known.length;
  for (const at of [BODY, second - 4096, second, second + 3 * 4096 + 9, grown.length - 4096, grown.length - 3 * 4096]) {
    bad.fill(0xab, at, at + 50);
  }
  return bad;
}

/** Two data pages, one of the parity, one of the tables; all that two codewords can spare. */
function damaged(): Uint8Array {
  const bad = Uint8Array.from(known);
  for (const at of [BODY, BODY + 4096 + 7, known.length - 4096, known.length - 3 * 4096]) bad.fill(0xab, at, at + 50);
  return bad;
}

const CASES: readonly (readonly [
  what: string,
  bytes: Bytes,
  pages: readonly [data: number, record: number],
  good?: Bytes,
])[] = [
  ["several snapshots", damagedEverywhere(), [3, 3], grown],
  ["several snapshots whose end was cut", damagedEverywhere().slice(0, grown.length - 5000), [3, 4], grown],
  ["nothing", known, [0, 0]],
  ["data and record", damaged(), [2, 2]],
  ["an end that was cut within a page", known.slice(0, known.length - 5000), [0, 2]],
  ["an end that was cut between pages, and data", damaged().slice(0, known.length - 4096), [2, 2]],
  ["bytes behind it", Uint8Array.from([...damaged(), ...new Uint8Array(5000)]), [2, 2]],
];

for (const [what, bytes, [dataPages, recordPages], good = known] of CASES) {
  Deno.test(`mendInPlace() mends ${what}; a crash at any moment leaves what a second run mends`, async () => {
    const dry = diskWith(bytes);
    const planned = await mend(dry, true);
    assertEquals([planned?.dataPages, planned?.recordPages], [dataPages, recordPages]);
    assertEquals(dry.operations, []);
    const files = diskWith(bytes);
    assertEquals(await mend(files), planned);
    assertEquals(id(archiveOn(files).subarray(0, good.length)), id(good));
    assertEquals([...files.files().keys()], [PATH]);
    assertEquals(files.openFiles, 0);
    const seen = new Set<string>();
    for (const { label, files: left } of files.replay()) {
      const state = left.get(PATH) as Uint8Array;
      const journal = left.get(JOURNAL);
      const name = `${id(state)} ${id(journal)}`;
      if (seen.has(name)) continue;
      seen.add(name);
      const again = diskWith(state, journal);
      assertEquals((await mend(again))?.hopeless, [], label);
      assertEquals(id(archiveOn(again).subarray(0, good.length)), id(good), label);
      assertEquals([...again.files().keys()], [PATH], label);
    }
    assert(what === "nothing" || seen.size > 5);
  });
}

Deno.test("mendInPlace() finishes from its journal when the disk spoiled good pages beside those it wrote", async () => {
  const files = diskWith(damaged());
  await mend(files);
  const states = [...files.replay()].filter(({ files: left }) => left.has(JOURNAL) && id(left.get(PATH)) !== id(known));
  const { files: left } = states.at(-1) as (typeof states)[number];
  const state = Uint8Array.from(left.get(PATH) as Uint8Array);
  // Beside the two data pages, with all that was bad still bad.
  state.fill(0, BODY + 2 * 4096, BODY + 3 * 4096);
  const again = diskWith(state, left.get(JOURNAL));
  assertEquals((await mend(again))?.hopeless, []);
  assertEquals(id(archiveOn(again)), id(known));
});

Deno.test("mendInPlace() touches nothing when more is damaged than can be mended", async () => {
  const bad = damaged();
  bad.fill(0, BODY, known.length - 3 * 4096);
  const files = diskWith(bad);
  const report = await mend(files);
  assertEquals(report?.hopeless, [{ start: BODY, end: known.length }]);
  assertEquals(id(archiveOn(files)), id(bad));
  assertEquals([...files.files().keys()], [PATH]);
  assert(files.operations.every((operation) => !("file" in operation) || operation.file !== 0));
});

Deno.test("mendInPlace() leaves the archive untouched, or its journal complete, when any operation fails", async () => {
  for (const fault of [{ code: "ENOSPC" }, { code: "EIO" }]) {
    for (let nth = 1;; nth++) {
      const files = diskWith(damaged());
      files.fail("any", nth, fault);
      let failed = false;
      try {
        await mend(files);
      } catch (error) {
        assertEquals((error as { code?: string }).code, fault.code);
        failed = true;
      }
      if (!failed) break;
      const state = archiveOn(files);
      assert(id(state) === id(damaged()) || files.files().has(JOURNAL) || id(state) === id(known), `${nth}`);
      assertEquals((await mend(files))?.hopeless, []);
      assertEquals(id(archiveOn(files)), id(known), `${nth}`);
    }
  }
});

Deno.test("mendInPlace() takes short writes", async () => {
  for (let nth = 1; nth < 12; nth++) {
    const files = diskWith(damaged());
    files.fail("write", nth, { short: 100 });
    await mend(files);
    assertEquals(id(archiveOn(files)), id(known));
  }
});

Deno.test("mendInPlace() removes the journal of another archive, and one that is not complete, without using it", async () => {
  const files = diskWith(damaged());
  await mend(files);
  const journals = [...files.replay()].flatMap(({ files: left }) => left.get(JOURNAL) ?? []);
  const longest = journals.reduce((a, b) => a.length >= b.length ? a : b);
  const items = ITEMS.slice(0, 3);
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
  const options = { access: new MemoryFiles(items), recovery: 10, random };
  const other = (await createInMemory(asFiles(items), options)).known;
  for (const journal of [longest, longest.slice(0, -1), longest.slice(0, 4000), new Uint8Array(0)]) {
    const there = diskWith(other, journal);
    assertEquals((await mend(there))?.fromJournal, 0);
    assertEquals(id(archiveOn(there)), id(other));
    assertEquals([...there.files().keys()], [PATH]);
  }
});

Deno.test("mendInto() writes the mended archive elsewhere, and says when it cannot", async () => {
  const write = async (bytes: Bytes) => {
    const pieces: Bytes[] = [];
    const report = await mendInto(nativeEngine, new CountedSource(bytes), (piece) => void pieces.push(piece.slice()));
    return { report, whole: new Uint8Array(await new Blob(pieces as Uint8Array<ArrayBuffer>[]).arrayBuffer()) };
  };
  for (const [, bytes, , good = known] of CASES) assertEquals(id((await write(bytes)).whole), id(good));
  const { report } = await write(Uint8Array.from(known).fill(0, BODY, known.length - 4096));
  assertEquals(report?.hopeless.length, 1);
  const bad = new CountedSource(known);
  bad.read = () => Promise.reject(new Error("on purpose"));
  await assertRejects(() => mendInto(nativeEngine, bad, () => {}), Error, "on purpose");
});

Deno.test("mendInPlace() mends every region but one in which more is damaged than can be mended", async () => {
  const bad = damagedEverywhere();
  bad.fill(1, known.length, known.length + 45 * 4096);
  const files = diskWith(bad);
  const report = await mend(files);
  assertEquals(report?.hopeless.map(({ start }) => start), [known.length]);
  const { end } = report?.hopeless[0] as { end: number };
  const now = archiveOn(files);
  assertEquals(id(now.subarray(0, known.length)), id(grown.subarray(0, known.length)));
  assertEquals(id(now.subarray(known.length, end)), id(bad.subarray(known.length, end)));
  assertEquals(id(now.subarray(end)), id(grown.subarray(end)));
});
