import { assert, assertEquals, assertRejects } from "@std/assert";
import { Archive } from "../../src/archive/archive.ts";
import { openHeader } from "../../src/archive/header_reader.ts";
import { wrapForKeyFile } from "../../src/archive/key_slots.ts";
import { createArchive } from "../../src/archive/create.ts";
import { openAnyway, restoreHeader } from "../../src/archive/lost_header.ts";
import type { Key } from "../../src/archive/unlock.ts";
import type { Bytes, SuiteId } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { ArchiveError } from "../../src/format/errors.ts";
import { FaultyFiles } from "../faults/faulty_files.ts";
import { targetOn } from "../faults/target_on.ts";

const PATH = "/d/a.coffer";
const KEY = Uint8Array.from({ length: 32 }, (_, i) => i);
const SELF: Key = { kind: "archive-key", archiveKey: KEY };

async function archive(suite: SuiteId, keyFiles: number): Promise<Uint8Array> {
  const pieces: Bytes[] = [];
  const keyFile = new Uint8Array(32).fill(9);
  const { length } = await createArchive(nativeEngine, [], { write: (bytes) => void pieces.push(bytes) }, {
    keys: [{ kind: "archive-key", archiveKey: KEY }, ...Array(keyFiles).fill({ kind: "key-file", keyFile })],
    suite,
  });
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

const sourceOf = (bytes: Uint8Array) => ({
  size: bytes.length,
  read: (offset: number, length: number) => Promise.resolve(bytes.subarray(offset, offset + length)),
});

Deno.test("openAnyway() finds the body from the end, for every suite and size of header", async () => {
  for (const suite of [1, 2] as const) {
    for (const [keyFiles, start] of [[0, 8192], [24, 32_768]] as const) {
      const bytes = await archive(suite, keyFiles);
      bytes.fill(0, 0, start);
      const opened = await openAnyway(nativeEngine, sourceOf(bytes), [SELF], {});
      assertEquals([opened.bodyOffset, opened.keys.suite, opened.isLost, opened.slot], [start, suite, true, undefined]);
      assertEquals(opened.warnings.length, 1);
      const { trailer } = await Archive.open(nativeEngine, sourceOf(bytes), { keys: [SELF], goWithoutHeader: true });
      assertEquals(trailer.totals.entries, 0);
      const unasked = () => Archive.open(nativeEngine, sourceOf(bytes), { keys: [SELF] });
      assertEquals((await assertRejects(unasked, ArchiveError)).code, "not-an-archive");
    }
  }
});

Deno.test("openAnyway() opens nothing with another archive key, without the end, or when bytes are missing", async () => {
  const bytes = await archive(1, 0);
  bytes.fill(0, 0, 8192);
  const code = async (what: Uint8Array, keys: readonly Key[]) =>
    (await assertRejects(() => openAnyway(nativeEngine, sourceOf(what), keys, {}), ArchiveError)).code;
  assertEquals(await code(bytes, [{ kind: "archive-key", archiveKey: KEY.map((byte) => byte ^ 1) }]), "not-an-archive");
  assertEquals(await code(bytes, [{ kind: "passphrase", passphrase: "x" }]), "not-an-archive");
  assertEquals(await code(bytes.subarray(0, -1), [SELF]), "not-an-archive");
  assertEquals(await code(bytes.map((byte, i) => i === bytes.length - 1 ? byte ^ 1 : byte), [SELF]), "not-an-archive");
  assertEquals(await code(bytes.subarray(4096), [SELF]), "truncated");
  assertEquals(await code(new Uint8Array(100), [SELF]), "not-an-archive");
  const opened = await openAnyway(nativeEngine, sourceOf(bytes), [{ kind: "passphrase", passphrase: "x" }, SELF], {});
  assert(opened.isLost);
});

Deno.test("restoreHeader(), cut off anywhere, leaves an archive that opens by its words or by its new keys", async () => {
  const bytes = await archive(1, 0);
  const keyFile = new Uint8Array(32).fill(9);
  const slot = wrapForKeyFile(nativeEngine, KEY, keyFile, new Uint8Array(32).fill(5));
  const body = bytes.slice(8192);
  let states = 0;
  // Both copies lost, one of them torn, or what another program wrote over them.
  for (const start of [new Uint8Array(8192), bytes.slice(0, 8192).fill(0, 0, 4100), new Uint8Array(8192).fill(0x5a)]) {
    const lost = bytes.slice();
    lost.set(start);
    const files = new FaultyFiles(new Map([[PATH, lost]]));
    using target = targetOn(files, PATH);
    await restoreHeader(nativeEngine, target, KEY, [slot], 0);
    const check = async (after: Uint8Array, what: string) => {
      assertEquals(after.subarray(8192), body, what);
      const words = { keys: [SELF], goWithoutHeader: true };
      assertEquals((await Archive.open(nativeEngine, sourceOf(after), words)).trailer.totals.entries, 0, what);
    };
    for (const { label, files: there } of files.replay()) {
      states++;
      await check(there.get(PATH) as Uint8Array, label);
    }
    const done = files.files().get(PATH) as Uint8Array;
    const opened = await Archive.open(nativeEngine, sourceOf(done), { keys: [{ kind: "key-file", keyFile }] });
    assertEquals(opened.header.slots.length, 1);
    // A second try after any crash ends well too.
    for (const { label, files: there } of files.replay()) {
      const again = new FaultyFiles(new Map([[PATH, there.get(PATH) as Uint8Array]]));
      using second = targetOn(again, PATH);
      await restoreHeader(nativeEngine, second, KEY, [slot], 0);
      const mended = again.files().get(PATH) as Uint8Array;
      const reopened = await openHeader(nativeEngine, (length) => Promise.resolve(mended.slice(0, length)), [
        { kind: "key-file", keyFile },
      ], {});
      assertEquals(reopened.warnings, [], label);
    }
  }
  assert(states > 15, `${states} states`);
});
