/**
 * Key derivation (FORMAT.md, "Keys"). Labels end in one zero byte and the fields behind them have fixed lengths, so no
 * two infos can be equal.
 */
import type { Bytes, Engine, SuiteId } from "../engine/engine.ts";
import { ByteWriter, encodeUtf8 } from "./bytes.ts";

/** Bytes of the archive key, of every derived key, of salts and of ids. */
export const KEY_BYTES = 32;

const NO_SALT: Bytes = new Uint8Array(0);

function label(text: string): Bytes {
  return encodeUtf8(`coffer/v1 ${text}\0`);
}

function info(text: string, ...fields: readonly Bytes[]): Bytes {
  const out = new ByteWriter(128);
  out.bytes(label(text));
  for (const field of fields) out.bytes(field);
  return out.finish();
}

/** The archive's id: names it, and commits to its key. */
export function deriveArchiveId(engine: Engine, archiveKey: Bytes): Bytes {
  return engine.hkdfSha256(archiveKey, NO_SALT, info("id"), KEY_BYTES);
}

/** The key of the header's MAC. */
export function deriveHeaderKey(engine: Engine, archiveKey: Bytes, suite: SuiteId, id: Bytes): Bytes {
  return engine.hkdfSha256(archiveKey, NO_SALT, info("header", Uint8Array.of(suite), id), KEY_BYTES);
}

/** What a segment's key depends on besides the archive key. */
export interface SegmentIdentity {
  /** The salt at the segment's start. */
  readonly salt: Bytes;
  /** The segment's number, from 0. */
  readonly number: number;
  /** SHA-256 of the previous segment's locator; zeros for segment 0. */
  readonly link: Bytes;
}

/** The AEAD key of one segment's frames. */
export function deriveSegmentKey(
  engine: Engine,
  archiveKey: Bytes,
  suite: SuiteId,
  id: Bytes,
  segment: SegmentIdentity,
): Bytes {
  const number = new ByteWriter(8);
  number.u64(segment.number);
  return engine.hkdfSha256(
    archiveKey,
    segment.salt,
    info("segment", Uint8Array.of(suite), id, number.view(), segment.link),
    KEY_BYTES,
  );
}

/** The HMAC key of one segment's marks. */
export function deriveMarkKey(engine: Engine, segmentKey: Bytes): Bytes {
  return engine.hkdfSha256(segmentKey, NO_SALT, info("mark"), KEY_BYTES);
}

/** What decides where deduplicated content is cut: 256 values of 32 bits, one for each byte. */
export function deriveGearTable(engine: Engine, archiveKey: Bytes): Uint32Array {
  const bytes = engine.hkdfSha256(archiveKey, NO_SALT, info("gear"), 4 * 256);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Uint32Array.from({ length: 256 }, (_, i) => view.getUint32(4 * i));
}

/** The key of the ids of deduplicated chunks. */
export function deriveChunkIdKey(engine: Engine, archiveKey: Bytes): Bytes {
  return engine.hkdfSha256(archiveKey, NO_SALT, info("chunk id"), KEY_BYTES);
}

/** The key of the content hashes in rows. */
export function deriveContentHashKey(engine: Engine, archiveKey: Bytes): Bytes {
  return engine.hkdfSha256(archiveKey, NO_SALT, info("content hash"), KEY_BYTES);
}

/** The AEAD key of one locator or of one state record, under its own fresh salt. */
export function deriveRecordKey(
  engine: Engine,
  archiveKey: Bytes,
  kind: "locator" | "state",
  suite: SuiteId,
  id: Bytes,
  salt: Bytes,
): Bytes {
  return engine.hkdfSha256(archiveKey, salt, info(kind, Uint8Array.of(suite), id), KEY_BYTES);
}

/**
 * The 64 bytes that wrap the archive key in a passphrase slot: `ikm` is scrypt's output, and a key file's bytes behind
 * it where one is needed.
 */
export function derivePassphraseOkm(engine: Engine, ikm: Bytes): Bytes {
  return engine.hkdfSha256(ikm, NO_SALT, info("passphrase slot"), 2 * KEY_BYTES);
}

/** The 64 bytes that wrap the archive key in a key file slot, from the key file's 32 bytes and the slot's salt. */
export function deriveKeyFileOkm(engine: Engine, keyFile: Bytes, salt: Bytes): Bytes {
  return engine.hkdfSha256(keyFile, salt, info("key file slot"), 2 * KEY_BYTES);
}

/** The 64 bytes that wrap the archive key in a recipient slot, from the encapsulated secret. */
export function deriveRecipientOkm(engine: Engine, sharedSecret: Bytes): Bytes {
  return engine.hkdfSha256(sharedSecret, NO_SALT, info("recipient slot"), 2 * KEY_BYTES);
}

/** The tag of a key slot: commits to the archive key and covers the slot's bytes before it. */
export function slotTag(engine: Engine, okm: Bytes, id: Bytes, slotBytes: Bytes): Bytes {
  return engine.hmacSha256(okm.subarray(KEY_BYTES, 2 * KEY_BYTES), label("slot"), id, slotBytes);
}
