import { assertEquals, assertNotEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { FrameCipher } from "../../src/archive/frame_cipher.ts";
import { sealRecord } from "../../src/archive/record_cipher.ts";
import { wrapForPassphrase } from "../../src/archive/unlock.ts";
import type { Bytes, SuiteId } from "../../src/engine/engine.ts";
import { nativeEngine as engine } from "../../src/engine/native/engine.ts";
import {
  deriveArchiveId,
  deriveChunkIdKey,
  deriveContentHashKey,
  deriveGearTable,
  deriveHeaderKey,
  deriveMarkKey,
  derivePassphraseOkm,
  deriveRecordKey,
  deriveSegmentKey,
  slotTag,
} from "../../src/format/keys.ts";
import { encodeState } from "../../src/format/locator.ts";
import { slotBytes } from "../../src/format/slots.ts";
import { testValue } from "./format_document.ts";

const ARCHIVE_KEY = Uint8Array.from({ length: 32 }, (_, i) => i);
const SEGMENT = { salt: new Uint8Array(32).fill(0x11), number: 0, link: new Uint8Array(32) };
const ID = deriveArchiveId(engine, ARCHIVE_KEY);
const SUITES: readonly SuiteId[] = [1, 2];

/** HKDF by the platform's WebCrypto, which shares nothing with the engine but the standard. */
async function hkdf(ikm: Bytes, salt: Bytes, info: Bytes, length: number): Promise<Uint8Array> {
  const key = await crypto.subtle.importKey("raw", Uint8Array.from(ikm), "HKDF", false, ["deriveBits"]);
  const parameters = { name: "HKDF", hash: "SHA-256", salt: Uint8Array.from(salt), info: Uint8Array.from(info) };
  return new Uint8Array(await crypto.subtle.deriveBits(parameters, key, length * 8));
}

const label = (text: string) => new TextEncoder().encode(`coffer/v1 ${text}\0`);
const NONE = new Uint8Array(0);

Deno.test("deriveArchiveId() and deriveHeaderKey() give FORMAT.md's values when the archive key is 00 to 1F", async () => {
  assertEquals(ID, testValue("id"));
  assertEquals(ID, await hkdf(ARCHIVE_KEY, NONE, label("id"), 32));
  for (const suite of SUITES) {
    const key = deriveHeaderKey(engine, ARCHIVE_KEY, suite, ID);
    assertEquals(key, testValue(`header key, suite ${suite}`));
    assertEquals(key, await hkdf(ARCHIVE_KEY, NONE, concat([label("header"), Uint8Array.of(suite), ID]), 32));
  }
});

Deno.test("deriveSegmentKey() and deriveMarkKey() give FORMAT.md's values when the salt is 32 times 11", async () => {
  for (const suite of SUITES) {
    const key = deriveSegmentKey(engine, ARCHIVE_KEY, suite, ID, SEGMENT);
    assertEquals(key, testValue(`segment key, suite ${suite}`));
    const info = concat([label("segment"), Uint8Array.of(suite), ID, new Uint8Array(8), SEGMENT.link]);
    assertEquals(key, await hkdf(ARCHIVE_KEY, SEGMENT.salt, info, 32));
    const markKey = deriveMarkKey(engine, key);
    assertEquals(markKey, testValue(`mark key, suite ${suite}`));
    assertEquals(markKey, await hkdf(key, NONE, label("mark"), 32));
  }
});

Deno.test("deriveSegmentKey() gives another key when any field of the segment differs", () => {
  const variants = [
    SEGMENT,
    { ...SEGMENT, number: 1 },
    { ...SEGMENT, number: 2 ** 32 },
    { ...SEGMENT, salt: new Uint8Array(32).fill(0x12) },
    { ...SEGMENT, link: new Uint8Array(32).fill(1) },
  ];
  const keys = variants.map((segment) => deriveSegmentKey(engine, ARCHIVE_KEY, 1, ID, segment).toHex());
  assertEquals(new Set(keys).size, variants.length);
});

Deno.test("deriveGearTable() is 256 big-endian numbers of HKDF when it is given the archive key", async () => {
  const bytes = await hkdf(ARCHIVE_KEY, NONE, label("gear"), 1024);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const table = deriveGearTable(engine, ARCHIVE_KEY);
  assertEquals([...table], Array.from({ length: 256 }, (_, i) => view.getUint32(4 * i)));
});

Deno.test("deriveChunkIdKey() and deriveContentHashKey() give keys of their own when the archive key is one", async () => {
  assertEquals(deriveChunkIdKey(engine, ARCHIVE_KEY), await hkdf(ARCHIVE_KEY, NONE, label("chunk id"), 32));
  assertEquals(deriveContentHashKey(engine, ARCHIVE_KEY), await hkdf(ARCHIVE_KEY, NONE, label("content hash"), 32));
});

Deno.test("deriveRecordKey() gives another key when the kind of record, the suite or the salt differs", async () => {
  const salt = new Uint8Array(32).fill(0x22);
  const key = deriveRecordKey(engine, ARCHIVE_KEY, "state", 1, ID, salt);
  assertEquals(key, await hkdf(ARCHIVE_KEY, salt, concat([label("state"), Uint8Array.of(1), ID]), 32));
  assertNotEquals(key, deriveRecordKey(engine, ARCHIVE_KEY, "locator", 1, ID, salt));
  assertNotEquals(key, deriveRecordKey(engine, ARCHIVE_KEY, "state", 2, ID, salt));
  assertNotEquals(key, deriveRecordKey(engine, ARCHIVE_KEY, "state", 1, ID, SEGMENT.salt));
});

Deno.test("derivePassphraseOkm() gives 64 bytes of HKDF when it is given scrypt's output", async () => {
  const ikm = new Uint8Array(32).fill(9);
  assertEquals(derivePassphraseOkm(engine, ikm), await hkdf(ikm, NONE, label("passphrase slot"), 64));
});

Deno.test("slotTag() covers the second half of the okm, the id and every byte of the slot when any of them changes", () => {
  const okm = Uint8Array.from({ length: 64 }, (_, i) => i);
  const slot = Uint8Array.from({ length: 72 }, (_, i) => i);
  const tag = slotTag(engine, okm, ID, slot);
  assertEquals(tag, engine.hmacSha256(okm.slice(32), label("slot"), ID, slot));
  const flip = (bytes: Bytes, at: number) => bytes.map((byte, i) => i === at ? byte ^ 1 : byte);
  assertEquals(slotTag(engine, flip(okm, 31), ID, slot), tag);
  for (const at of [32, 63]) assertNotEquals(slotTag(engine, flip(okm, at), ID, slot), tag);
  assertNotEquals(slotTag(engine, okm, flip(ID, 0), slot), tag);
  for (let at = 0; at < slot.length; at++) assertNotEquals(slotTag(engine, okm, ID, flip(slot, at)), tag);
});

Deno.test("FrameCipher.seal() gives FORMAT.md's frames when it seals under its keys", () => {
  for (const suite of SUITES) {
    const cipher = new FrameCipher(engine, suite, testValue(`segment key, suite ${suite}`));
    const raw = new Uint8Array(4);
    const head = { type: 1, codec: 0 as const, raw: 4, stored: 4, rows: 0, crc: 0x2144df1c };
    const frame = cipher.seal(0, { head, stored: raw });
    assertEquals(frame, testValue(`frame 0, suite ${suite}: a block without rows`));
  }
  const cipher = new FrameCipher(engine, 1, testValue("segment key, suite 1"));
  const head = { type: 9, codec: 0 as const, raw: 0, stored: 0, rows: 0, crc: 0 };
  assertEquals(cipher.seal(3, { head, stored: NONE }), testValue("frame 3, suite 1: an end"));
});

Deno.test("sealRecord() gives FORMAT.md's state when its salt is 32 times 22", () => {
  const keys = { engine, suite: 1 as const, archiveKey: ARCHIVE_KEY, id: ID };
  const plain = encodeState({ kind: "streamed", generation: 1 });
  assertEquals(sealRecord(keys, "state", plain, new Uint8Array(32).fill(0x22)), testValue("state, suite 1"));
});

Deno.test("wrapForPassphrase() gives FORMAT.md's slot when its salt is 32 times 33", async () => {
  const salt = new Uint8Array(32).fill(0x33);
  const slot = await wrapForPassphrase(engine, ARCHIVE_KEY, "correct horse", { logN: 10, r: 8, p: 1 }, salt);
  assertEquals(Uint8Array.from(slotBytes(slot)), testValue("passphrase slot"));
});
