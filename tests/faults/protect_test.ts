/**
 * `protect` and `repair --output` of an archive of several snapshots, over a disk that fails at every call and every
 * crash of it: the archive, and the name of the mended one, stand for a whole archive or for what they stood for
 * before.
 */
import { assert, assertEquals } from "@std/assert";
import { openHeader } from "../../src/archive/header_reader.ts";
import { protectArchive } from "../../src/archive/protect.ts";
import { ArchiveStream } from "../../src/archive/stream_reader.ts";
import { AtomicFile } from "../../src/disk/atomic_file.ts";
import { mendInto } from "../../src/disk/mend.ts";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { created, itemsOf, KEYS, update } from "../archive/growing_archive.ts";
import { CountedSource } from "../archive/sources.ts";
import { FaultyFiles } from "./faulty_files.ts";

const PATH = "/d/a.coffer";
const NEW = "/d/new.coffer";
const SNAPSHOTS = 3;
const salts = (length: number) => new Uint8Array(length).fill(7);
const engine = { ...nativeEngine, randomBytes: salts };

const plain = await (async () => {
  const target = await created(itemsOf({ a: "1".repeat(9000), b: "same" }));
  await update(target, itemsOf({ a: "2".repeat(6000), b: "same" }));
  await update(target, itemsOf({ a: "2".repeat(6000), b: "same", c: "3" }));
  return target.bytes.slice();
})();

async function protectTo(bytes: Bytes, percent: number, write: (bytes: Bytes) => void): Promise<void> {
  const source = new CountedSource(bytes);
  const opened = await openHeader(engine, (length) => source.read(0, length), KEYS.keys, {});
  assertEquals(await protectArchive(source, opened, percent, write), SNAPSHOTS - 1);
}

/** What `protect` makes of an archive. */
async function protectedCopy(bytes: Bytes, percent: number): Promise<Bytes> {
  const pieces: Bytes[] = [];
  await protectTo(bytes, percent, (piece) => void pieces.push(piece.slice()));
  return new Uint8Array(await new Blob(pieces as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}

const five = await protectedCopy(plain, 5);
const bad = Uint8Array.from(five).fill(0xee, 8192, 8192 + 5000).fill(0xee, five.length - 9000, five.length - 6000);

/** A command, what it reads, what it writes to, and what stands there afterwards. */
const COMMANDS: readonly (readonly [
  name: string,
  before: Bytes,
  path: string,
  after: Bytes,
  run: (files: FaultyFiles) => Promise<void>,
])[] = [
  ["protect", plain, PATH, five, async (files) => {
    const bytes = files.files().get(PATH) as Bytes;
    using file = AtomicFile.create(PATH, { files, overwrite: true });
    await protectTo(bytes, 5, (piece) => file.write(piece));
    file.commit();
  }],
  ["protect that takes a record away", five, PATH, await protectedCopy(five, 0), async (files) => {
    const bytes = files.files().get(PATH) as Bytes;
    using file = AtomicFile.create(PATH, { files, overwrite: true });
    await protectTo(bytes, 0, (piece) => file.write(piece));
    file.commit();
  }],
  ["repair to a new name", bad, NEW, five, async (files) => {
    const source = new CountedSource(files.files().get(PATH) as Bytes);
    using file = AtomicFile.create(NEW, { files, overwrite: false });
    assertEquals((await mendInto(engine, source, (piece) => file.write(piece)))?.hopeless, []);
    file.commit();
  }],
];

const id = (bytes: Bytes | undefined) => bytes === undefined ? "nothing" : nativeEngine.sha256(bytes).toHex();

for (const [name, before, path, after, run] of COMMANDS) {
  const fresh = () => new FaultyFiles(new Map([[PATH, before]]));
  const old = path === PATH ? id(before) : "nothing";

  Deno.test(`${name}, of several snapshots: every call may fail, and nothing half-written is left`, async () => {
    let failures = 0;
    for (const code of ["ENOSPC", "EIO"]) {
      for (let nth = 1;; nth++) {
        const files = fresh();
        files.fail("any", nth, { code });
        let failed = false;
        try {
          await run(files);
        } catch (error) {
          assert(error instanceof Error && !(error instanceof TypeError), String(error));
          failed = true;
        }
        assertEquals(files.openFiles, 0);
        const left = files.files();
        const now = id(left.get(path));
        assert(now === id(after) || (failed && now === old), `${code} at call ${nth}`);
        if (path !== PATH) assertEquals(id(left.get(PATH)), id(before));
        assertEquals(
          [...left.keys()].filter((there) => there !== path && there !== PATH),
          [],
          `${code} at call ${nth}`,
        );
        if (!failed) break;
        failures++;
      }
    }
    assert(failures > 10, `only ${failures} failures`);
  });

  Deno.test(`${name}, of several snapshots: a crash at any moment leaves the old archive or all of the new one`, async () => {
    const files = fresh();
    await run(files);
    assertEquals(id(files.files().get(path)), id(after));
    const seen = new Set<string>();
    let states = 0;
    for (const { label, files: left } of files.replay()) {
      states++;
      const now = id(left.get(path));
      assert(now === old || now === id(after), label);
      seen.add(now);
    }
    assert(states > 50 && seen.size === 2, `${states} states`);
  });

  Deno.test(`${name}, of several snapshots: short writes change nothing`, async () => {
    const files = fresh();
    for (let nth = 1; nth < 40; nth += 2) files.fail("write", nth, { short: 10 * nth });
    await run(files);
    assertEquals(id(files.files().get(path)), id(after));
  });
}

Deno.test("what protect makes of several snapshots is whole, record included", async () => {
  const how = { ...KEYS, segments: { through: SNAPSHOTS - 1 }, checkRecovery: true };
  const stream = await ArchiveStream.open(nativeEngine, [five], how);
  let ended = false;
  for await (const { kind } of stream.events()) ended = kind === "end";
  assert(ended);
});
