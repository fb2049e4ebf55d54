/** Key slots (FORMAT.md, "Key slots"): the archive key wrapped once each. All of it is hostile until a tag has held. */
import type { Bytes, ScryptCost } from "../engine/engine.ts";
import { ByteReader, ByteWriter } from "./bytes.ts";
import { ArchiveError } from "./errors.ts";
import { KEY_BYTES } from "./keys.ts";
import { MAX_LOG_N, MAX_P, MAX_PASSPHRASE_SLOTS, MAX_R, MAX_SLOTS, MIN_LOG_N } from "./limits.ts";

/** Kind numbers of slots that this version can open. */
export const SLOT_KIND = { passphrase: 1 } as const;

/** Bytes of the kind and length fields before a slot's value. */
const SLOT_HEAD_BYTES = 4;
/** Bytes of a passphrase slot's value: cost (3), flags (1), salt, wrapped key, tag. */
const PASSPHRASE_VALUE_BYTES = 4 + 3 * KEY_BYTES;

/** Bytes of a whole passphrase slot. */
export const PASSPHRASE_SLOT_BYTES = SLOT_HEAD_BYTES + PASSPHRASE_VALUE_BYTES;

/** A slot that a passphrase opens. */
export interface PassphraseSlot {
  readonly kind: "passphrase";
  /** scrypt's cost. */
  readonly cost: ScryptCost;
  /** scrypt's salt; 32 bytes. */
  readonly salt: Bytes;
  /** The archive key, wrapped; 32 bytes. */
  readonly wrapped: Bytes;
  /** The tag; 32 bytes. */
  readonly tag: Bytes;
  /** The slot's bytes from its kind through the wrapped key: what the tag covers. */
  readonly covered: Bytes;
}

/** A slot of a kind, or with flags, that this version does not know: passed over, and kept when the header is rewritten. */
export interface UnknownSlot {
  readonly kind: "unknown";
  /** The kind's number. */
  readonly number: number;
  /** The slot's bytes as they stand. */
  readonly bytes: Bytes;
}

/** One key slot. */
export type Slot = PassphraseSlot | UnknownSlot;

/** Encodes what a passphrase slot's tag covers: all but the tag itself. */
export function encodePassphraseSlot(cost: ScryptCost, salt: Bytes, wrapped: Bytes): Bytes {
  const out = new ByteWriter(SLOT_HEAD_BYTES + PASSPHRASE_VALUE_BYTES);
  out.u16(SLOT_KIND.passphrase);
  out.u16(PASSPHRASE_VALUE_BYTES);
  out.u8(cost.logN);
  out.u8(cost.r);
  out.u8(cost.p);
  out.u8(0);
  out.bytes(salt);
  out.bytes(wrapped);
  return out.finish();
}

/** Bytes of a slot as it stands in the header. */
export function slotBytes(slot: Slot): Bytes {
  if (slot.kind === "unknown") return slot.bytes;
  const out = new ByteWriter(slot.covered.length + slot.tag.length);
  out.bytes(slot.covered);
  out.bytes(slot.tag);
  return out.finish();
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
    const slot = number === SLOT_KIND.passphrase ? decodePassphraseSlot(bytes, start, value, limits) : undefined;
    if (number === SLOT_KIND.passphrase) passphrases++;
    slots.push(slot ?? { kind: "unknown", number, bytes: bytes.slice(start, start + SLOT_HEAD_BYTES + value.length) });
  }
  if (passphrases > MAX_PASSPHRASE_SLOTS && limits === "kept") {
    throw new ArchiveError("limit", `Cannot accept the header: over ${MAX_PASSPHRASE_SLOTS} passphrase slots`);
  }
  reader.end();
  return slots;
}

/** `undefined` when the slot has flags of a later version: it is then kept like a slot of an unknown kind. */
function decodePassphraseSlot(
  bytes: Bytes,
  start: number,
  value: Bytes,
  limits: SlotLimits,
): PassphraseSlot | undefined {
  const reader = new ByteReader(value, "a passphrase slot");
  const cost = { logN: reader.u8(), r: reader.u8(), p: reader.u8() };
  if (reader.u8() !== 0) return undefined;
  if (limits === "kept" && !isCostInRange(cost)) {
    throw new ArchiveError(
      "limit",
      `Cannot accept a passphrase slot: scrypt with logN ${cost.logN}, r ${cost.r}, p ${cost.p} is out of range`,
    );
  }
  const slot: PassphraseSlot = {
    kind: "passphrase",
    cost,
    salt: reader.bytes(KEY_BYTES).slice(),
    wrapped: reader.bytes(KEY_BYTES).slice(),
    tag: reader.bytes(KEY_BYTES).slice(),
    covered: bytes.slice(start, start + SLOT_HEAD_BYTES + PASSPHRASE_VALUE_BYTES - KEY_BYTES),
  };
  reader.end();
  return slot;
}
