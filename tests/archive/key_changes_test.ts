import { assert, assertEquals, assertRejects } from "@std/assert";
import { openHeader } from "../../src/archive/header_reader.ts";
import { changeKeys, type KeyChange, KeyChangeError } from "../../src/archive/key_changes.ts";
import type { NewKey } from "../../src/archive/key_slots.ts";
import type { Key } from "../../src/archive/unlock.ts";
import { createArchive } from "../../src/archive/create.ts";
import { Archive } from "../../src/archive/archive.ts";
import type { Bytes } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { ArchiveError } from "../../src/format/errors.ts";
import { encodeHeaderCopy, type Header } from "../../src/format/header.ts";
import { deriveHeaderKey } from "../../src/format/keys.ts";
import { type Slot, slotBytes } from "../../src/format/slots.ts";
import { FaultyFiles } from "../faults/faulty_files.ts";
import { targetOn } from "../faults/target_on.ts";

const COST = { logN: 10, r: 8, p: 1 };
const PATH = "/d/a.coffer";
const file = (first: number) => Uint8Array.from({ length: 32 }, (_, i) => first + i);
const key = (first: number): Key & NewKey => ({ kind: "key-file", keyFile: file(first) });
const [ONE, TWO, THREE] = [key(1), key(2), key(3)];
const PASSPHRASE = { kind: "passphrase", passphrase: "correct horse" } as const;

/** A small archive whose header knows its segment. */
async function archiveWith(keys: readonly NewKey[]): Promise<Uint8Array> {
  const pieces: Bytes[] = [];
  const written = await createArchive(nativeEngine, [], { write: (bytes) => void pieces.push(bytes) }, {
    keys,
    kdf: COST,
  });
  const whole = new Uint8Array(written.length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  whole.set(written.header);
  return whole;
}

const header = (bytes: Uint8Array, keys: readonly Key[]) =>
  openHeader(nativeEngine, (length) => Promise.resolve(bytes.slice(0, length)), keys, {});

async function change(files: FaultyFiles, keys: readonly Key[], what: KeyChange): Promise<readonly Slot[]> {
  using target = targetOn(files, PATH);
  const opened = await openHeader(nativeEngine, (length) => target.read(0, length), keys, {});
  return await changeKeys(target, opened, what, COST);
}

const filesWith = (bytes: Uint8Array) => new FaultyFiles(new Map([[PATH, bytes]]));
const contentOf = (files: FaultyFiles) => files.files().get(PATH) as Uint8Array;

/** Whether a whole archive opens with a key. */
async function opens(bytes: Uint8Array, one: Key): Promise<boolean> {
  const source = {
    size: bytes.length,
    read: (offset: number, length: number) => Promise.resolve(bytes.subarray(offset, offset + length)),
  };
  try {
    await Archive.open(nativeEngine, source, { keys: [one] });
    return true;
  } catch (error) {
    if (error instanceof ArchiveError && error.code === "wrong-key") return false;
    throw error;
  }
}

Deno.test("changeKeys() adds, replaces and removes, and leaves all behind the header as it was", async () => {
  const before = await archiveWith([ONE]);
  const files = filesWith(before);
  await change(files, [ONE], { kind: "add", keys: [TWO, PASSPHRASE] });
  for (const one of [ONE, TWO, PASSPHRASE]) assert(await opens(contentOf(files), one));
  await change(files, [TWO], { kind: "replace", key: THREE });
  assertEquals(await Promise.all([ONE, TWO, THREE].map((one) => opens(contentOf(files), one))), [true, false, true]);
  await change(files, [PASSPHRASE], { kind: "remove", numbers: [1, 2] });
  const after = contentOf(files);
  assertEquals(await Promise.all([ONE, TWO, THREE, PASSPHRASE].map((one) => opens(after, one))), [
    false,
    false,
    false,
    true,
  ]);
  const opened = await header(after, [PASSPHRASE]);
  assertEquals([opened.copy.header.generation, opened.copy.header.slots.length, opened.warnings], [4, 1, []]);
  assertEquals(after.subarray(opened.bodyOffset), before.subarray(opened.bodyOffset));
  assertEquals(files.openFiles, 0);
});

Deno.test("a crash anywhere in a change leaves the old keys or the new ones, and none that was removed before", async () => {
  // The beginnings: both copies good, either one bad, and an earlier change that was cut off between the copies.
  const good = await archiveWith([ONE, TWO]);
  const half = good.length - (good.length - 8192);
  const bad = (start: number) => good.map((byte, i) => i === start + 100 ? byte ^ 1 : byte);
  const interrupted = filesWith(good);
  interrupted.fail("write", 2, { code: "EIO" });
  await assertRejects(() => change(interrupted, [ONE], { kind: "remove", numbers: [2] }), Error, "EIO");
  const beginnings: readonly (readonly [what: string, bytes: Uint8Array, removed: readonly Key[]])[] = [
    ["both copies good", good, []],
    ["A bad", bad(0), []],
    ["B bad", bad(half / 2), []],
    // B has lost TWO already, A has it still: once the second change has gone beyond making them equal, it is gone.
    ["cut off before", contentOf(interrupted), []],
  ];
  let states = 0;
  for (const [what, bytes] of beginnings) {
    const changes: readonly KeyChange[] = [
      { kind: "replace", key: THREE },
      { kind: "add", keys: [THREE] },
    ];
    for (const one of changes) {
      const files = filesWith(bytes);
      await change(files, [ONE], one);
      const done = contentOf(files);
      const seen = new Set<string>();
      for (const { label, files: there } of files.replay()) {
        const after = there.get(PATH) as Uint8Array;
        const hash = nativeEngine.sha256(after).toHex();
        if (seen.has(hash)) continue;
        seen.add(hash);
        states++;
        const [old, fresh] = [await opens(after, ONE), await opens(after, THREE)];
        assert(old || fresh, `${what}, ${one.kind}, ${label}: nothing opens it`);
        // What counts is one whole header or the other, never a mixture.
        const opened = await header(after, [old ? ONE : THREE]);
        assert([1, 2, 3].includes(opened.copy.header.generation), label);
      }
      assert(await opens(done, THREE));
      assertEquals(await opens(done, ONE), one.kind === "add");
    }
  }
  assert(states > 40, `${states} states`);
});

Deno.test("after a change has said that it is done, no crash brings a removed key back", async () => {
  const files = filesWith(await archiveWith([ONE, TWO]));
  await change(files, [ONE], { kind: "remove", numbers: [2] });
  // As if the power went now, whatever had not been synced.
  const last = [...files.replay()].filter(({ label }) =>
    label.startsWith(`after ${files.operations.length} operations`)
  );
  assert(last.length > 0);
  for (const { files: there, label } of last) {
    assertEquals(await opens(there.get(PATH) as Uint8Array, TWO), false, label);
  }
  // And a second change, cut off anywhere.
  const again = filesWith(contentOf(files));
  await change(again, [ONE], { kind: "add", keys: [THREE] });
  for (const { files: there, label } of again.replay()) {
    assertEquals(await opens(there.get(PATH) as Uint8Array, TWO), false, label);
  }
});

Deno.test("a removal that was cut off is finished by the next change before anything else is written", async () => {
  const files = filesWith(await archiveWith([ONE, TWO]));
  files.fail("write", 2, { code: "EIO" });
  await assertRejects(() => change(files, [ONE], { kind: "remove", numbers: [2] }), Error, "EIO");
  const next = filesWith(contentOf(files));
  await change(next, [ONE], { kind: "add", keys: [THREE] });
  const [first, second] = next.operations;
  assertEquals([first?.kind, second?.kind], ["write", "sync"]);
  assert(first?.kind === "write" && first.position === 0, "copy A was made equal to B");
  for (const { label, files: there } of next.replay()) {
    // From the first sync on, TWO is gone for good.
    if (/^after [01] /.test(label)) continue;
    assertEquals(await opens(there.get(PATH) as Uint8Array, TWO), false, label);
  }
});

Deno.test("changeKeys() writes B, syncs, writes A, syncs, and says nothing is done when any of it fails", async () => {
  const before = await archiveWith([ONE]);
  const files = filesWith(before);
  await change(files, [ONE], { kind: "add", keys: [TWO] });
  const steps = files.operations.map((step) => step.kind === "write" ? `write ${step.position}` : step.kind);
  assertEquals(steps, ["write 4096", "sync", "write 0", "sync"]);
  for (let nth = 1; nth <= 4; nth++) {
    for (const code of ["EIO", "ENOSPC"]) {
      const failing = filesWith(before);
      failing.fail("any", nth, { code });
      await assertRejects(() => change(failing, [ONE], { kind: "replace", key: TWO }), Error, code);
      const after = contentOf(failing);
      assert(await opens(after, ONE) || await opens(after, TWO));
      assertEquals(failing.openFiles, 0);
    }
  }
  // Short writes are gone on with.
  const short = filesWith(before);
  short.fail("write", 1, { short: 1000 });
  await change(short, [ONE], { kind: "replace", key: TWO });
  assert(await opens(contentOf(short), TWO));
});

/** Puts header copies made by whoever has the archive key over an archive's own. */
async function withCopies(bytes: Uint8Array, edit: (header: Header) => Header, names = ["A", "B"] as const) {
  const { keys, copy } = await header(bytes, [ONE]);
  const headerKey = deriveHeaderKey(nativeEngine, keys.archiveKey, keys.suite, keys.id);
  const result = bytes.slice();
  for (const name of names) {
    const start = name === "A" ? 0 : copy.header.pages * 4096;
    result.set(encodeHeaderCopy(nativeEngine, edit(copy.header), name, headerKey), start);
  }
  return result;
}

Deno.test("a forged copy of a higher generation, and a torn one, are mended and never followed", async () => {
  const good = await archiveWith([ONE]);
  const forge = (start: number) => {
    const forged = good.slice();
    forged.fill(0xff, start + 12, start + 16);
    forged.set(nativeEngine.sha256(forged.subarray(start, start + 4064)), start + 4064);
    return forged;
  };
  const torn = (start: number) => good.map((byte, i) => i >= start + 2048 && i < start + 4096 ? byte ^ 0x55 : byte);
  for (const bytes of [forge(0), forge(4096), torn(0), torn(4096)]) {
    assertEquals((await header(bytes, [ONE])).warnings.length, 1);
    const files = filesWith(bytes);
    await change(files, [ONE], { kind: "add", keys: [TWO] });
    const opened = await header(contentOf(files), [TWO]);
    assertEquals([opened.copy.header.generation, opened.warnings], [2, []]);
  }
});

Deno.test("an old copy that was put back is warned about, does not count, and is gone after the next change", async () => {
  const old = await archiveWith([ONE, TWO]);
  const files = filesWith(old);
  await change(files, [ONE], { kind: "remove", numbers: [2] });
  for (const start of [0, 4096]) {
    const put = contentOf(files);
    put.set(old.subarray(start, start + 4096), start);
    const opened = await header(put, [ONE]);
    assertEquals([opened.copy.header.generation, opened.copy.header.slots.length, opened.warnings.length], [2, 1, 1]);
    const again = filesWith(put);
    await change(again, [ONE], { kind: "add", keys: [THREE] });
    assertEquals(await opens(contentOf(again), TWO), false);
    assertEquals((await header(contentOf(again), [ONE])).warnings, []);
  }
});

Deno.test("slots of unknown kinds and all features that may be ignored are kept byte for byte", async () => {
  const unknown: Slot = { kind: "unknown", number: 77, bytes: Uint8Array.of(0, 77, 0, 3, 9, 8, 7) };
  const flagged = new Uint8Array(104).fill(7);
  flagged.set([0, 1, 0, 100]);
  flagged[7] = 0x80;
  const odd: Slot = { kind: "unknown", number: 1, bytes: flagged };
  const bytes = await withCopies(await archiveWith([ONE]), (one) => ({
    ...one,
    ignorableFeatures: 0x8000_0001,
    slots: [unknown, ...one.slots, odd],
  }));
  const files = filesWith(bytes);
  await change(files, [ONE], { kind: "replace", key: TWO });
  await change(files, [TWO], { kind: "add", keys: [THREE] });
  const { slots, ignorableFeatures } = (await header(contentOf(files), [TWO])).copy.header;
  assertEquals(slots.map((slot) => slot.kind), ["unknown", "key-file", "unknown", "key-file"]);
  assertEquals([slots[0], slots[2]].map((slot) => slotBytes(slot as Slot).toHex()), [
    unknown.bytes.toHex(),
    flagged.toHex(),
  ]);
  assertEquals(ignorableFeatures, 0x8000_0001);
  const error = await assertRejects(() => change(files, [TWO], { kind: "remove", numbers: [2, 4] }), KeyChangeError);
  assertEquals(error.code, "last-key");
});

Deno.test("changeKeys() refuses what would lock everybody out, what has no room, and what nobody named", async () => {
  const bytes = await archiveWith([ONE]);
  const full = await archiveWith(Array.from({ length: 14 }, (_, i) => key(i)));
  const recipient = { kind: "recipient", publicKey: (await nativeEngine.hybridKem()).publicKey(file(9)) } as const;
  const { keys } = await header(bytes, [ONE]);
  const self: Key = { kind: "archive-key", archiveKey: keys.archiveKey };
  const cases: readonly (readonly [start: Uint8Array, by: Key, change: KeyChange, code: KeyChangeError["code"]])[] = [
    [bytes, ONE, { kind: "remove", numbers: [1] }, "last-key"],
    [bytes, ONE, { kind: "remove", numbers: [2] }, "no-such-key"],
    [bytes, ONE, { kind: "remove", numbers: [0] }, "no-such-key"],
    [bytes, self, { kind: "replace", key: TWO }, "unknown-key"],
    [bytes, ONE, { kind: "add", keys: Array(9).fill(PASSPHRASE) }, "too-many"],
    [bytes, ONE, { kind: "add", keys: Array(4).fill(recipient) }, "no-room"],
    [full, ONE, { kind: "add", keys: Array(19).fill(TWO) }, "too-many"],
  ];
  for (const [start, by, what, code] of cases) {
    const files = filesWith(start);
    const error = await assertRejects(() => change(files, [by], what), KeyChangeError);
    assertEquals([error.code, files.operations.length], [code, 0], error.message);
  }
  const files = filesWith(full);
  await change(files, [key(0)], { kind: "add", keys: Array(18).fill(TWO) });
  assertEquals((await header(contentOf(files), [TWO])).copy.header.slots.length, 32);
});

Deno.test("changeKeys() leaves alone what only a newer program may write, and generations do not overflow", async () => {
  const newer = await withCopies(await archiveWith([ONE]), (one) => ({ ...one, writeFeatures: 4 }));
  const files = filesWith(newer);
  const error = await assertRejects(() => change(files, [ONE], { kind: "add", keys: [TWO] }), ArchiveError);
  assertEquals([error.code, files.operations.length], ["newer-version", 0]);
  const last = filesWith(await withCopies(await archiveWith([ONE]), (one) => ({ ...one, generation: 2 ** 32 - 1 })));
  await assertRejects(() => change(last, [ONE], { kind: "add", keys: [TWO] }), KeyChangeError, "too often");
});
