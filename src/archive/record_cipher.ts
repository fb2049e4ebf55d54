/**
 * Seals and opens locators and state records (FORMAT.md, "Locator and state"): each has a key of its own, from a fresh
 * salt.
 */
import type { Bytes, Engine, SuiteId } from "../engine/engine.ts";
import { NONCE_BYTES } from "../format/frame.ts";
import { deriveRecordKey, KEY_BYTES } from "../format/keys.ts";
import { RECORD_BYTES, RECORD_PLAIN_BYTES } from "../format/locator.ts";

/** What all records of one archive share. */
export interface RecordKeys {
  readonly engine: Engine;
  readonly suite: SuiteId;
  readonly archiveKey: Bytes;
  readonly id: Bytes;
}

/** Which of the two records. */
export type RecordKind = "locator" | "state";

/** The key is used once, so the nonce is constant. */
const NONCE = new Uint8Array(NONCE_BYTES);

/** Seals a record's 208 bytes under a fresh salt: 256 bytes. */
export function sealRecord(keys: RecordKeys, kind: RecordKind, plain: Bytes, salt: Bytes): Bytes {
  const out = new Uint8Array(RECORD_BYTES);
  out.set(salt);
  const key = deriveRecordKey(keys.engine, keys.archiveKey, kind, keys.suite, keys.id, salt);
  keys.engine.aead(keys.suite, key).seal(NONCE, plain, out.subarray(KEY_BYTES));
  return out;
}

/** Opens a record; `undefined` when it does not authenticate. */
export function openRecord(keys: RecordKeys, kind: RecordKind, record: Bytes): Bytes | undefined {
  const key = deriveRecordKey(keys.engine, keys.archiveKey, kind, keys.suite, keys.id, record.subarray(0, KEY_BYTES));
  const plain = new Uint8Array(RECORD_PLAIN_BYTES);
  return keys.engine.aead(keys.suite, key).open(NONCE, record.subarray(KEY_BYTES, RECORD_BYTES), plain)
    ? plain
    : undefined;
}
