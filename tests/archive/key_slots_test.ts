import { assertEquals, assertRejects } from "@std/assert";
import { findCopies, openHeader } from "../../src/archive/header_reader.ts";
import { deriveArchiveId, derivePassphraseOkm, slotTag } from "../../src/format/keys.ts";
import { type NewKey, openPassphraseSlot, wrapForKey, wrapForPassphrase } from "../../src/archive/key_slots.ts";
import type { KdfLimits, Key } from "../../src/archive/unlock.ts";
import { ArchiveWriter } from "../../src/archive/writer.ts";
import type { Bytes, Engine } from "../../src/engine/engine.ts";
import { nativeEngine } from "../../src/engine/native/engine.ts";
import { portableEngine } from "../../src/engine/portable/engine.ts";
import { ArchiveError } from "../../src/format/errors.ts";
import { type PassphraseSlot, type Slot, slotBytes } from "../../src/format/slots.ts";

const COST = { logN: 10, r: 8, p: 1 };
const bytes = (first: number) => Uint8Array.from({ length: 32 }, (_, i) => (first + i) % 256);
const [ARCHIVE_KEY, KEY_FILE, OTHER_FILE, IDENTITY] = [bytes(0), bytes(0x40), bytes(0x60), bytes(0x80)];
/** What a test has instead of randomness: 0x33 over and over. */
const fixed = (length: number) => new Uint8Array(length).fill(0x33);

async function newKey(kind: NewKey["kind"] | "both"): Promise<NewKey> {
  switch (kind) {
    case "passphrase":
      return { kind, passphrase: "correct horse" };
    case "both":
      return { kind: "passphrase", passphrase: "correct horse", keyFile: KEY_FILE };
    case "key-file":
      return { kind, keyFile: KEY_FILE };
    case "recipient":
      return { kind, publicKey: (await nativeEngine.hybridKem()).publicKey(IDENTITY) };
  }
}

/** A whole archive's header for these keys. */
async function headerFor(keys: readonly NewKey[]): Promise<Bytes> {
  const written: Bytes[] = [];
  const sink = { write: (piece: Bytes) => void written.push(piece) };
  const all = [{ kind: "archive-key", archiveKey: ARCHIVE_KEY } as const, ...keys];
  await ArchiveWriter.begin(nativeEngine, sink, { keys: all, kdf: COST }).start();
  return written[0] as Bytes;
}

async function open(header: Bytes, keys: readonly Key[], limits: KdfLimits = {}, engine: Engine = nativeEngine) {
  return await openHeader(engine, (length) => Promise.resolve(header.slice(0, length)), keys, limits);
}

async function message(header: Bytes, keys: readonly Key[]): Promise<string> {
  const error = await assertRejects(() => open(header, keys), ArchiveError);
  assertEquals(error.code, "wrong-key");
  return error.message;
}

const PASSPHRASE: Key = { kind: "passphrase", passphrase: "correct horse" };
const WRONG: Key = { kind: "passphrase", passphrase: "wrong" };
const FILE: Key = { kind: "key-file", keyFile: KEY_FILE };
const WRONG_FILE: Key = { kind: "key-file", keyFile: OTHER_FILE };
const SELF: Key = { kind: "identity", identity: IDENTITY };
const WRONG_SELF: Key = { kind: "identity", identity: OTHER_FILE };

Deno.test("each kind of slot opens with its key alone, in either engine", async () => {
  const header = await headerFor(await Promise.all((["key-file", "recipient", "passphrase"] as const).map(newKey)));
  for (const engine of [nativeEngine, portableEngine]) {
    for (const key of [PASSPHRASE, FILE, SELF]) {
      const opened = await open(header, [key], {}, engine);
      assertEquals(opened.keys.archiveKey, ARCHIVE_KEY);
      assertEquals(opened.slot?.kind, key.kind === "identity" ? "recipient" : key.kind);
    }
  }
  assertEquals(
    await message(header, [WRONG, WRONG_FILE, WRONG_SELF]),
    "Cannot open the archive: none of the keys given opens it: tried 1 passphrase, 1 key file and 1 identity on 3 key slots",
  );
  assertEquals(
    await message(header, [WRONG]),
    "Cannot open the archive: the key given does not open it: tried 1 passphrase on one key slot",
  );
});

Deno.test("a slot for both opens with passphrase and key file, and with neither alone", async () => {
  const header = await headerFor([await newKey("both")]);
  assertEquals((await open(header, [WRONG, PASSPHRASE, WRONG_FILE, FILE])).keys.archiveKey, ARCHIVE_KEY);
  const needs = "Cannot open the archive: it needs a passphrase together with a key file";
  assertEquals(await message(header, [PASSPHRASE]), needs);
  assertEquals(await message(header, [FILE]), needs);
  assertEquals(await message(header, [SELF]), needs);
  for (const keys of [[PASSPHRASE, WRONG_FILE], [WRONG, FILE]]) await message(header, keys);
});

Deno.test("scrypt runs once for a slot and passphrase, however many key files there are, and never for cheap keys", async () => {
  let calls = 0;
  const engine: Engine = {
    ...nativeEngine,
    scrypt: (...args) => {
      calls++;
      return nativeEngine.scrypt(...args);
    },
  };
  const header = await headerFor([await newKey("both"), await newKey("key-file"), await newKey("recipient")]);
  await open(header, [PASSPHRASE, SELF], {}, engine);
  await open(header, [PASSPHRASE, FILE], {}, engine);
  assertEquals(calls, 0);
  const both = await headerFor([await newKey("both")]);
  await open(both, [WRONG_FILE, WRONG_FILE, PASSPHRASE, FILE], {}, engine);
  assertEquals(calls, 1);
  // Without a key file at hand the slot costs nothing, whatever it asks for.
  await assertRejects(() => open(both, [PASSPHRASE], { work: 0 }, engine), ArchiveError, "together with a key file");
  await assertRejects(
    () => open(both, [PASSPHRASE, FILE], { work: 0 }, engine),
    ArchiveError,
    "more work than allowed",
  );
  assertEquals(calls, 1);
});

Deno.test("a tag covers every byte of its slot before it", async () => {
  for (const kind of ["passphrase", "both", "key-file", "recipient"] as const) {
    const header = await headerFor([await newKey(kind)]);
    const { copies } = await findCopies(nativeEngine, (length) => Promise.resolve(header.slice(0, length)));
    const slot = copies[0]?.header.slots[0] as Slot;
    const whole = slotBytes(slot);
    // The first bytes are kind and length, changes of which are other slots or none; cost is changed below.
    const places = kind === "recipient"
      ? [4, 700, 1092, 1123, 1124, 1155, 1156, 1187]
      : [8, 39, 40, 71, whole.length - 1];
    for (const at of places) {
      const changed = header.slice();
      for (const start of [0, header.length / 2]) changed[start + 288 + at] = (changed[start + 288 + at] as number) ^ 1;
      const error = await assertRejects(() => open(changed, [PASSPHRASE, FILE, SELF]), ArchiveError);
      // Neither copy's checksum holds: that is what the reader says when no slot opens.
      assertEquals([error.code, error.message.includes("altered")], ["damaged", false], `${kind} byte ${at}`);
    }
  }
});

Deno.test("no slot opens with two passphrases, though its wrapped key means something under each", async () => {
  const passphrases = ["one", "two"].map((text) => new TextEncoder().encode(text));
  const first = await wrapForPassphrase(nativeEngine, ARCHIVE_KEY, "one", COST, fixed(32));
  // What the same wrapped bytes are under the second passphrase, and the tag that would make it open: the attacker's
  // best try, as he may choose both keys.
  const okm = derivePassphraseOkm(
    nativeEngine,
    await nativeEngine.scrypt(passphrases[1] as Bytes, fixed(32), COST, 32),
  );
  const otherKey = first.wrapped.map((byte, i) => byte ^ (okm[i] as number));
  const tag = slotTag(nativeEngine, okm, deriveArchiveId(nativeEngine, otherKey), first.covered);
  const opens = (slot: PassphraseSlot) =>
    Promise.all(passphrases.map((passphrase) => openPassphraseSlot(nativeEngine, slot, passphrase, [])));
  assertEquals(await opens(first), [ARCHIVE_KEY, undefined]);
  assertEquals(await opens({ ...first, tag }), [undefined, otherKey]);
});

Deno.test("wrapForKey() gives the slots of FORMAT.md's test values", async () => {
  const sha256 = (slot: Slot) => nativeEngine.sha256(slotBytes(slot)).toHex();
  const made: Record<string, string> = {};
  for (const kind of ["passphrase", "both", "key-file", "recipient"] as const) {
    const slot = await wrapForKey(
      nativeEngine,
      ARCHIVE_KEY,
      await newKey(kind),
      COST,
      fixed(kind === "recipient" ? 64 : 32),
    );
    made[kind] = sha256(slot);
    if (kind === "recipient") continue;
    made[kind] = slotBytes(slot).toHex();
  }
  assertEquals(made, EXPECTED);
});

/** Made by another implementation, from FORMAT.md. The recipient's slot, being long, as its SHA-256. */
const EXPECTED = {
  "passphrase": "000100640a080100" +
    "3333333333333333333333333333333333333333333333333333333333333333" +
    "b3552904a002224aec34819f2941035467ad78a968a230f0b7c79c5544099a6d" +
    "81063abde5c3c0ba41b68a72796890bbd0525b0bf62ae347957c4735aa4b0a2f",
  "both": "000100640a080101" +
    "3333333333333333333333333333333333333333333333333333333333333333" +
    "1a3712573c54f3a356192d1a4936fd0e8e3a08a01cca23499ef9764a9d876d19" +
    "80252ddf706f5e95db6329c6c9aeda0478a2a8c7297edb10776c26db2c9c25cb",
  "key-file": "00020060" +
    "3333333333333333333333333333333333333333333333333333333333333333" +
    "4106f66fd495174d679a6d7d20ae1e375aa3f5293f40fe4ee4f1a460f319e3c3" +
    "8b7fe7d6b77ebd17af154647db9d9aaece2e89272fc4e742b6f910a918dda3d2",
  "recipient": "791721475d79bf67cb418aea22babb019551babed8be8d9a13ed470b3c3a4622",
};

Deno.test("ArchiveWriter takes 32 keys of which 8 have a passphrase, and no more", async () => {
  const file = await newKey("key-file");
  const passphrase = await newKey("passphrase");
  const begin = (keys: readonly NewKey[]) => headerFor(keys);
  const most = [...Array(24).fill(file), ...Array(8).fill(passphrase)];
  assertEquals((await open(await begin(most), [PASSPHRASE])).copy.header.slots.length, 32);
  await assertRejects(() => begin([...most, file]), RangeError, "32 keys at most");
  await assertRejects(() => begin(Array(9).fill(passphrase)), RangeError, "8 passphrases at most");
  const recipients = Array(32).fill(await newKey("recipient"));
  assertEquals((await open(await begin(recipients), [SELF])).copy.header.pages, 16);
});
