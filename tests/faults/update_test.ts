/** Updates that are cut off: at every write and sync, with any page lost or torn, and on a full disk. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Archive, type OpenOptions } from "../../src/archive/archive.ts";
import { ChangeFinder } from "../../src/archive/changes.ts";
import { examineRecovery, findRecoveryRecord } from "../../src/archive/recovery_record.ts";
import { ArchiveStream } from "../../src/archive/stream_reader.ts";
import { updateArchive } from "../../src/archive/update.ts";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { provisionalRow } from "../../src/format/rows.ts";
import type { Item } from "../archive/archive_draft.ts";
import { seededRandom } from "../archive/archive_builder.ts";
import { asFiles, createInMemory, FIXED_OPTIONS, MemoryFiles } from "../archive/memory_files.ts";
import { CountedSource } from "../archive/sources.ts";
import { FaultyFiles } from "./faulty_files.ts";
import { growingTarget } from "./growing_target.ts";

const PATH = "archive";
const KEYS = { keys: FIXED_OPTIONS.keys };
const BLOCK_BYTES = 4096;

function item(path: string, seed: number, length: number): Item {
  const mtime = { seconds: 1_600_000_000 + seed, nanoseconds: 0 };
  return {
    row: { ...provisionalRow(path, "file"), mode: 0o644, size: length, mtime, ctime: mtime.seconds, inode: seed },
    content: seededRandom(seed)(length),
  };
}

/** A file that begins as another one does. */
function grownItem(path: string, from: number, length: number, seed: number, more: number): Item {
  const { row, content } = item(path, seed, length + more);
  const whole = (content as Bytes).slice();
  whole.set(seededRandom(from)(length));
  return { row, content: whole };
}

const ONE = [item("a", 1, 5000), item("b", 2, 300), item("c", 3, 7000)];
// `d` and `e` have content of others at their start, where content is shared.
const TWO = [item("a", 1, 5000), item("b", 4, 9000), grownItem("d", 3, 7000, 5, 6000)];
const THREE = [item("a", 1, 5000), item("b", 4, 9000), grownItem("e", 4, 9000, 6, 100)];

async function archiveOf(state: "known" | "streamed", recovery = 0, dedup = false): Promise<Bytes> {
  const options = {
    access: new MemoryFiles(ONE),
    blockBytes: BLOCK_BYTES,
    dedup,
    ...(recovery === 0 ? {} : { recovery }),
  };
  return (await createInMemory(asFiles(ONE), options))[state];
}

function filesWith(bytes: Bytes): FaultyFiles {
  return new FaultyFiles(new Map([[PATH, bytes]]));
}

async function update(files: FaultyFiles, items: readonly Item[]): Promise<void> {
  using target = growingTarget(files, PATH);
  const archive = await Archive.open(nativeEngine, target, KEYS);
  const access = new MemoryFiles(items);
  const finder = new ChangeFinder(nativeEngine, archive, { isGone: () => true, access });
  await updateArchive(nativeEngine, target, archive, finder, asFiles(items), { access, blockBytes: BLOCK_BYTES });
}

/** What an archive's snapshot holds: paths, and a hash of each content. */
async function holds(bytes: Bytes, options: Partial<OpenOptions> = {}): Promise<Record<string, string>> {
  const archive = await Archive.open(nativeEngine, new CountedSource(bytes), { ...KEYS, ...options });
  const found: Record<string, string> = {};
  for await (const entry of archive.entries()) {
    const pieces: number[] = [];
    for await (const { bytes } of archive.read(entry)) for (const byte of bytes) pieces.push(byte);
    found[entry.row.path] = nativeEngine.sha256(Uint8Array.from(pieces)).toHex();
  }
  return found;
}

function described(items: readonly Item[]): Record<string, string> {
  return Object.fromEntries(items.map(({ row, content }) => [
    row.path,
    nativeEngine.sha256(content as Bytes).toHex(),
  ]));
}

async function verify(bytes: Bytes): Promise<void> {
  const { number } = await Archive.open(nativeEngine, new CountedSource(bytes), KEYS);
  const how = { ...KEYS, segments: { through: number - 1 }, checkRecovery: true };
  const stream = await ArchiveStream.open(nativeEngine, [bytes], how);
  for await (const _ of stream.events());
}

/** Spoils two pages of the first snapshot, and says that the recovery record mends them. */
async function checkMendable(bytes: Bytes, label: string): Promise<void> {
  const bad = bytes.slice().fill(0x5a, 8192, 8192 + 2 * 4096);
  const record = await findRecoveryRecord(nativeEngine, new CountedSource(bad));
  assert(record !== undefined, label);
  for await (const { mended, offset } of examineRecovery(nativeEngine, new CountedSource(bad), record)) {
    for (const cell of mended ?? []) {
      // What the crash left of the new segment may be mended beyond its end.
      if (offset + cell.offset < 8192 + 2 * 4096) bad.set(cell.bytes, offset + cell.offset);
    }
  }
  assertEquals(bad.subarray(8192, 8192 + 2 * 4096), bytes.subarray(8192, 8192 + 2 * 4096), label);
}

const contentOf = (files: FaultyFiles) => files.files().get(PATH) as Bytes;

const KINDS = [
  ["known", 0, false],
  ["streamed", 0, false],
  ["known", 5, false],
  ["streamed", 5, false],
  ["known", 0, true],
] as const;

for (const [state, recovery, dedup] of KINDS) {
  const kind = `${state}, ${recovery} %${dedup ? ", content stored once" : ""}`;
  Deno.test(`an update cut off anywhere, with any page lost, leaves every earlier snapshot and can go on (${kind})`, async () => {
    const files = filesWith(await archiveOf(state, recovery, dedup));
    await update(files, TWO);
    const seen = new Set<string>();
    let states = 0;
    let later = 0;
    for (const { label, files: there } of files.replay()) {
      const bytes = there.get(PATH) as Bytes;
      const hash = nativeEngine.sha256(bytes).toHex();
      if (seen.has(hash)) continue;
      seen.add(hash);
      states++;
      const now = await holds(bytes);
      const isTwo = "d" in now;
      if (isTwo) later++;
      assertEquals(now, described(isTwo ? TWO : ONE), label);
      assertEquals(await holds(bytes, { snapshot: { kind: "first" } }), described(ONE), label);
      if (recovery > 0) await checkMendable(bytes, label);
      if (states % 5 !== 0) continue;
      // What comes next goes on from there.
      const next = filesWith(bytes);
      await update(next, THREE);
      assertEquals(await holds(contentOf(next)), described(THREE), label);
      assertEquals(await holds(contentOf(next), { snapshot: { kind: "first" } }), described(ONE), label);
      await verify(contentOf(next));
    }
    assert(states > 30 && later > 3 && later < states, `${states} states, ${later} with the new snapshot`);
  });
}

Deno.test("a third snapshot cut off anywhere leaves the two before it", async () => {
  const files = filesWith(await archiveOf("known"));
  await update(files, TWO);
  const again = filesWith(contentOf(files));
  await update(again, THREE);
  for (const { label, files: there } of again.replay()) {
    const bytes = there.get(PATH) as Bytes;
    assertEquals(await holds(bytes, { snapshot: { kind: "number", number: 2 } }), described(TWO), label);
    assertEquals(await holds(bytes, { snapshot: { kind: "number", number: 1 } }), described(ONE), label);
  }
});

for (const recovery of [0, 5]) {
  Deno.test(`an update on a full disk, or one that fails, leaves the archive as it was, or with the new snapshot (${recovery} %)`, async () => {
    const before = await archiveOf("known", recovery);
    const whole = filesWith(before);
    await update(whole, TWO);
    const counts = { write: 0, sync: 0 };
    for (const { kind } of whole.operations) if (kind === "write" || kind === "sync") counts[kind]++;
    for (const kind of ["write", "sync"] as const) {
      for (let nth = 1; nth <= counts[kind]; nth++) {
        for (const code of ["ENOSPC", "EIO"]) {
          const files = filesWith(before);
          files.fail(kind, nth, { code });
          await assertRejects(() => update(files, TWO), Error, code);
          assertEquals(files.openFiles, 0);
          const now = await holds(contentOf(files));
          const isTwo = "d" in now;
          assertEquals(now, described(isTwo ? TWO : ONE));
          // Without the new snapshot nothing of the attempt is left.
          if (!isTwo) assertEquals(contentOf(files), before, `${kind} ${nth}`);
          await update(files, THREE);
          assertEquals(await holds(contentOf(files)), described(THREE));
          await verify(contentOf(files));
        }
      }
    }
  });
}

Deno.test("short writes change nothing", async () => {
  for (const recovery of [0, 5]) {
    const files = filesWith(await archiveOf("known", recovery));
    for (let nth = 1; nth < 20; nth += 3) files.fail("write", nth, { short: 17 });
    await update(files, TWO);
    assertEquals(await holds(contentOf(files)), described(TWO));
    await verify(contentOf(files));
  }
});

Deno.test("two continuations of one archive are both whole, and neither takes the other's segment", async () => {
  const before = await archiveOf("known");
  const [left, right] = [filesWith(before), filesWith(before)];
  await update(left, TWO);
  await update(right, THREE);
  assertEquals(await holds(contentOf(left)), described(TWO));
  assertEquals(await holds(contentOf(right)), described(THREE));
  // The header of the one over the segment of the other.
  const mixed = contentOf(right).slice();
  mixed.set(contentOf(left).subarray(0, 8192));
  await assertRejects(() => holds(mixed));
});
