/** Key slots (FORMAT.md, "Key slots"): the archive key wrapped once each. All of it is hostile until a tag has held. */
import type { Bytes, ScryptCost } from "../engine/engine.ts";
import { ByteReader, ByteWriter } from "./bytes.ts";
import { ArchiveError } from "./errors.ts";
import { KEY_BYTES } from "./keys.ts";
import { MAX_LOG_N, MAX_P, MAX_PASSPHRASE_SLOTS, MAX_R, MAX_SLOTS, MIN_LOG_N } from "./limits.ts";

/** Kind numbers of slots that this version can open. */
export const SLOT_KIND = { passphrase: 1, keyFile: 2, recipient: 3 } as const;

/** Bytes of a recipient's public key: X-Wing's, ML-KEM-768's and X25519's together. */
export const RECIPIENT_BYTES = 1216;
/** Bytes of what a recipient slot encapsulates: X-Wing's ciphertext. */
const ENCAPSULATED_BYTES = 1120;

/** Bytes of the kind and length fields before a slot's value. */
const SLOT_HEAD_BYTES = 4;
/** Bytes of a slot's wrapped key and tag, which end every kind. */
const WRAPPED_BYTES = 2 * KEY_BYTES;
/** Bytes of a passphrase slot's value: cost (3), flags (1), salt, wrapped key, tag. */
const PASSPHRASE_VALUE_BYTES = 4 + KEY_BYTES + WRAPPED_BYTES;
/** Bytes of a key file slot's value: salt, wrapped key, tag. */
const KEY_FILE_VALUE_BYTES = KEY_BYTES + WRAPPED_BYTES;
/** Bytes of a recipient slot's value: encapsulated secret, wrapped key, tag. */
const RECIPIENT_VALUE_BYTES = ENCAPSULATED_BYTES + WRAPPED_BYTES;

/** Bytes of a whole slot, by its kind. */
export const SLOT_BYTES = {
  "passphrase": SLOT_HEAD_BYTES + PASSPHRASE_VALUE_BYTES,
  "key-file": SLOT_HEAD_BYTES + KEY_FILE_VALUE_BYTES,
  "recipient": SLOT_HEAD_BYTES + RECIPIENT_VALUE_BYTES,
} as const;

/** Flag of a passphrase slot: a key file is needed besides. */
const FLAG_KEY_FILE = 1;

/** What all slots that can be opened end in. */
interface WrappedKey {
  /** The archive key, wrapped; 32 bytes. */
  readonly wrapped: Bytes;
  /** The tag; 32 bytes. */
  readonly tag: Bytes;
  /** The slot's bytes from its kind through the wrapped key: what the tag covers. */
  readonly covered: Bytes;
}

/** A slot that a passphrase opens. */
export interface PassphraseSlot extends WrappedKey {
  readonly kind: "passphrase";
  /** scrypt's cost. */
  readonly cost: ScryptCost;
  /** Present when a key file is needed besides the passphrase. */
  readonly withKeyFile?: true;
  /** scrypt's salt; 32 bytes. */
  readonly salt: Bytes;
}

/** A slot that a key file opens. */
export interface KeyFileSlot extends WrappedKey {
  readonly kind: "key-file";
  /** HKDF's salt; 32 bytes. */
  readonly salt: Bytes;
}

/** A slot that the identity of one recipient opens. */
export interface RecipientSlot extends WrappedKey {
  readonly kind: "recipient";
  /** What the identity makes the shared secret from; 1,120 bytes. */
  readonly encapsulated: Bytes;
}

/**
 * A slot of a kind, or with flags, that this version does not know: passed over, and kept when the header is rewritten.
 */
export interface UnknownSlot {
  readonly kind: "unknown";
  /** The kind's number. */
  readonly number: number;
  /** The slot's bytes as they stand. */
  readonly bytes: Bytes;
}

/** A slot that this version can open. */
export type KnownSlot = PassphraseSlot | KeyFileSlot | RecipientSlot;

/** One key slot. */
export type Slot = KnownSlot | UnknownSlot;

function encodeCovered(kind: number, valueBytes: number, write: (out: ByteWriter) => void, wrapped: Bytes): Bytes {
  const out = new ByteWriter(SLOT_HEAD_BYTES + valueBytes);
  out.u16(kind);
  out.u16(valueBytes);
  write(out);
  out.bytes(wrapped);
  return out.finish();
}

/** Encodes what a passphrase slot's tag covers: all but the tag itself. */
export function encodePassphraseSlot(cost: ScryptCost, salt: Bytes, wrapped: Bytes, withKeyFile = false): Bytes {
  return encodeCovered(SLOT_KIND.passphrase, PASSPHRASE_VALUE_BYTES, (out) => {
    out.u8(cost.logN);
    out.u8(cost.r);
    out.u8(cost.p);
    out.u8(withKeyFile ? FLAG_KEY_FILE : 0);
    out.bytes(salt);
  }, wrapped);
}

/** Encodes what a key file slot's tag covers. */
export function encodeKeyFileSlot(salt: Bytes, wrapped: Bytes): Bytes {
  return encodeCovered(SLOT_KIND.keyFile, KEY_FILE_VALUE_BYTES, (out) => out.bytes(salt), wrapped);
}

/** Encodes what a recipient slot's tag covers. */
export function encodeRecipientSlot(encapsulated: Bytes, wrapped: Bytes): Bytes {
  return encodeCovered(SLOT_KIND.recipient, RECIPIENT_VALUE_BYTES, (out) => out.bytes(encapsulated), wrapped);
}

/** Bytes of a slot as it stands in the header. */
export function slotBytes(slot: Slot): Bytes {
  if (slot.kind === "unknown") return slot.bytes;
  const out = new ByteWriter(slot.covered.length + slot.tag.length);
  out.bytes(slot.covered);
  out.bytes(slot.tag);
  return out.finish();
}

/** Whether two slots are the same, byte for byte. */
export function sameSlot(a: Slot, b: Slot): boolean {
  const [first, second] = [slotBytes(a), slotBytes(b)];
  return first.length === second.length && first.every((byte, i) => byte === second[i]);
}

/** Why an archive cannot have these slots; `undefined` when it can. */
export function slotsFault(slots: readonly (Pick<KnownSlot, "kind"> | UnknownSlot)[]): string | undefined {
  if (slots.length > MAX_SLOTS) return `it can have ${MAX_SLOTS} keys at most`;
  const passphrases = slots.filter((slot) =>
    slot.kind === "passphrase" || (slot.kind === "unknown" && slot.number === SLOT_KIND.passphrase)
  );
  if (passphrases.length > MAX_PASSPHRASE_SLOTS) return `it can have ${MAX_PASSPHRASE_SLOTS} passphrases at most`;
  return undefined;
}

/** Work of one scrypt call: N·r·p. */
export function kdfWork(cost: ScryptCost): number {
  return 2 ** cost.logN * cost.r * cost.p;
}

/** Memory of one scrypt call in bytes: 128·N·r. */
export function kdfMemory(cost: ScryptCost): number {
  return 128 * 2 ** cost.logN * cost.r;
}

/** Whether limits are kept, as whoever opens an archive does, or what exceeds them is decoded to be shown. */
export type SlotLimits = "kept" | "shown";

/** Whether a scrypt cost is in the ranges that readers take. */
export function isCostInRange({ logN, r, p }: ScryptCost): boolean {
  return logN >= MIN_LOG_N && logN <= MAX_LOG_N && r >= 1 && r <= MAX_R && p >= 1 && p <= MAX_P;
}

/**
 * Decodes the slots of a header. Costs are checked against their ranges before any power of two is taken.
 *
 * @throws {ArchiveError} `limit` (not when limits are only shown) or `malformed`.
 */
export function decodeSlots(bytes: Bytes, count: number, limits: SlotLimits): Slot[] {
  const what = "the key slots";
  if (count > MAX_SLOTS && limits === "kept") {
    throw new ArchiveError("limit", `Cannot accept the header: over ${MAX_SLOTS} key slots`);
  }
  const reader = new ByteReader(bytes, what);
  const slots: Slot[] = [];
  let passphrases = 0;
  for (let i = 0; i < count; i++) {
    const start = bytes.length - reader.remaining;
    const number = reader.u16();
    const value = reader.bytes(reader.u16());
    const whole = bytes.slice(start, start + SLOT_HEAD_BYTES + value.length);
    if (number === SLOT_KIND.passphrase) passphrases++;
    slots.push(decodeSlot(number, whole, value, limits) ?? { kind: "unknown", number, bytes: whole });
  }
  if (passphrases > MAX_PASSPHRASE_SLOTS && limits === "kept") {
    throw new ArchiveError("limit", `Cannot accept the header: over ${MAX_PASSPHRASE_SLOTS} passphrase slots`);
  }
  reader.end();
  return slots;
}

/** `undefined` when the slot is of a kind, or has flags, of a later version: it is then kept as it is. */
function decodeSlot(number: number, whole: Bytes, value: Bytes, limits: SlotLimits): KnownSlot | undefined {
  switch (number) {
    case SLOT_KIND.passphrase:
      return decodePassphraseSlot(whole, value, limits);
    case SLOT_KIND.keyFile: {
      const reader = new ByteReader(value, "a key file slot");
      const salt = reader.bytes(KEY_BYTES).slice();
      return { kind: "key-file", salt, ...decodeWrapped(reader, whole) };
    }
    case SLOT_KIND.recipient: {
      const reader = new ByteReader(value, "a recipient slot");
      const encapsulated = reader.bytes(ENCAPSULATED_BYTES).slice();
      return { kind: "recipient", encapsulated, ...decodeWrapped(reader, whole) };
    }
    default:
      return undefined;
  }
}

function decodeWrapped(reader: ByteReader, whole: Bytes): WrappedKey {
  const wrapped = reader.bytes(KEY_BYTES).slice();
  const tag = reader.bytes(KEY_BYTES).slice();
  reader.end();
  return { wrapped, tag, covered: whole.slice(0, whole.length - KEY_BYTES) };
}

function decodePassphraseSlot(whole: Bytes, value: Bytes, limits: SlotLimits): PassphraseSlot | undefined {
  const reader = new ByteReader(value, "a passphrase slot");
  const cost = { logN: reader.u8(), r: reader.u8(), p: reader.u8() };
  const flags = reader.u8();
  if (flags !== 0 && flags !== FLAG_KEY_FILE) return undefined;
  if (limits === "kept" && !isCostInRange(cost)) {
    throw new ArchiveError(
      "limit",
      `Cannot accept a passphrase slot: scrypt with logN ${cost.logN}, r ${cost.r}, p ${cost.p} is out of range`,
    );
  }
  const salt = reader.bytes(KEY_BYTES).slice();
  const wrapped = decodeWrapped(reader, whole);
  return { kind: "passphrase", cost, ...(flags === FLAG_KEY_FILE ? { withKeyFile: true } : {}), salt, ...wrapped };
}
