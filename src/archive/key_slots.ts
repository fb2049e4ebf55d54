/** Key slots: made for a key, and opened with one (FORMAT.md, "Key slots"). */
import type { Bytes, Engine, ScryptCost } from "../engine/engine.ts";
import {
  deriveArchiveId,
  deriveKeyFileOkm,
  derivePassphraseOkm,
  deriveRecipientOkm,
  KEY_BYTES,
  slotTag,
} from "../format/keys.ts";
import { encodePassphrase } from "../format/passphrase.ts";
import {
  encodeKeyFileSlot,
  encodePassphraseSlot,
  encodeRecipientSlot,
  type KeyFileSlot,
  type KnownSlot,
  type PassphraseSlot,
  type RecipientSlot,
} from "../format/slots.ts";

/** A key that a slot is made for. */
export type NewKey =
  /** A passphrase, and the 32 bytes of a key file if both are to be needed. */
  | { readonly kind: "passphrase"; readonly passphrase: string; readonly keyFile?: Bytes }
  /** A key file's 32 bytes. */
  | { readonly kind: "key-file"; readonly keyFile: Bytes }
  /** A recipient's public key; 1,216 bytes. */
  | { readonly kind: "recipient"; readonly publicKey: Bytes };

/** Random bytes: a test may inject them. */
export type Random = (length: number) => Bytes;

/** Bytes of randomness that one encapsulation takes. */
const ENCAPSULATION_COINS = 64;

/** Wraps the archive key for a passphrase, and a key file's bytes if both are to be needed. */
export async function wrapForPassphrase(
  engine: Engine,
  archiveKey: Bytes,
  passphrase: string,
  cost: ScryptCost,
  salt: Bytes,
  keyFile?: Bytes,
): Promise<PassphraseSlot> {
  const encoded = encodePassphrase(passphrase);
  const stretched = await engine.scrypt(encoded, salt, cost, KEY_BYTES);
  encoded.fill(0);
  const okm = passphraseOkm(engine, stretched, keyFile);
  stretched.fill(0);
  const withKeyFile = keyFile !== undefined;
  const fields = wrap(engine, archiveKey, okm, (wrapped) => encodePassphraseSlot(cost, salt, wrapped, withKeyFile));
  return { kind: "passphrase", cost, ...(withKeyFile ? { withKeyFile } : {}), salt, ...fields };
}

/** Wraps the archive key for a key file. */
export function wrapForKeyFile(engine: Engine, archiveKey: Bytes, keyFile: Bytes, salt: Bytes): KeyFileSlot {
  const okm = deriveKeyFileOkm(engine, keyFile, salt);
  const fields = wrap(engine, archiveKey, okm, (wrapped) => encodeKeyFileSlot(salt, wrapped));
  return { kind: "key-file", salt, ...fields };
}

/**
 * Wraps the archive key for a recipient. `coins` are 64 random bytes.
 *
 * @throws {RangeError} when the public key is none.
 */
export async function wrapForRecipient(
  engine: Engine,
  archiveKey: Bytes,
  publicKey: Bytes,
  coins: Bytes,
): Promise<RecipientSlot> {
  const { encapsulated, sharedSecret } = (await engine.hybridKem()).encapsulate(publicKey, coins);
  const okm = deriveRecipientOkm(engine, sharedSecret);
  sharedSecret.fill(0);
  const fields = wrap(engine, archiveKey, okm, (wrapped) => encodeRecipientSlot(encapsulated, wrapped));
  return { kind: "recipient", encapsulated, ...fields };
}

/** Random bytes that making a slot takes: a salt, or what one encapsulation draws. */
export function wrappingRandomness(key: NewKey): number {
  return key.kind === "recipient" ? ENCAPSULATION_COINS : KEY_BYTES;
}

/**
 * Makes the slot for any kind of key, from as many random bytes as {@linkcode wrappingRandomness} says, used once.
 *
 * @throws {RangeError} for a passphrase or public key that is not allowed.
 */
export async function wrapForKey(
  engine: Engine,
  archiveKey: Bytes,
  key: NewKey,
  cost: ScryptCost,
  randomness: Bytes,
): Promise<KnownSlot> {
  switch (key.kind) {
    case "passphrase":
      return await wrapForPassphrase(engine, archiveKey, key.passphrase, cost, randomness, key.keyFile);
    case "key-file":
      return wrapForKeyFile(engine, archiveKey, key.keyFile, randomness);
    case "recipient":
      return await wrapForRecipient(engine, archiveKey, key.publicKey, randomness);
  }
}

/** The okm is used up: it is overwritten. */
function wrap(
  engine: Engine,
  archiveKey: Bytes,
  okm: Bytes,
  encode: (wrapped: Bytes) => Bytes,
): Pick<KnownSlot, "wrapped" | "tag" | "covered"> {
  const wrapped = xor(archiveKey, okm);
  const covered = encode(wrapped);
  const tag = slotTag(engine, okm, deriveArchiveId(engine, archiveKey), covered);
  okm.fill(0);
  return { wrapped, tag, covered };
}

function xor(a: Bytes, b: Bytes): Bytes {
  return a.map((byte, i) => byte ^ (b[i] as number));
}

function passphraseOkm(engine: Engine, stretched: Bytes, keyFile: Bytes | undefined): Bytes {
  if (keyFile === undefined) return derivePassphraseOkm(engine, stretched);
  const ikm = new Uint8Array(stretched.length + keyFile.length);
  ikm.set(stretched);
  ikm.set(keyFile, stretched.length);
  const okm = derivePassphraseOkm(engine, ikm);
  ikm.fill(0);
  return okm;
}

/** The archive key, when the slot's tag holds under this okm, which is used up. */
function unwrap(engine: Engine, slot: KnownSlot, okm: Bytes): Bytes | undefined {
  const archiveKey = xor(slot.wrapped, okm);
  const tag = slotTag(engine, okm, deriveArchiveId(engine, archiveKey), slot.covered);
  okm.fill(0);
  if (engine.equal(tag, slot.tag)) return archiveKey;
  archiveKey.fill(0);
  return undefined;
}

/**
 * Tries a passphrase on a slot, for which scrypt runs once, with each of the key files where one is needed besides.
 * `undefined` when the tag does not hold.
 */
export async function openPassphraseSlot(
  engine: Engine,
  slot: PassphraseSlot,
  passphrase: Bytes,
  keyFiles: readonly Bytes[],
): Promise<Bytes | undefined> {
  const stretched = await engine.scrypt(passphrase, slot.salt, slot.cost, KEY_BYTES);
  try {
    for (const keyFile of slot.withKeyFile ? keyFiles : [undefined]) {
      const archiveKey = unwrap(engine, slot, passphraseOkm(engine, stretched, keyFile));
      if (archiveKey !== undefined) return archiveKey;
    }
    return undefined;
  } finally {
    stretched.fill(0);
  }
}

/** Tries a key file on a slot. */
export function openKeyFileSlot(engine: Engine, slot: KeyFileSlot, keyFile: Bytes): Bytes | undefined {
  return unwrap(engine, slot, deriveKeyFileOkm(engine, keyFile, slot.salt));
}

/** Tries an identity's 32 bytes on a slot. */
export async function openRecipientSlot(
  engine: Engine,
  slot: RecipientSlot,
  identity: Bytes,
): Promise<Bytes | undefined> {
  const sharedSecret = (await engine.hybridKem()).decapsulate(slot.encapsulated, identity);
  if (sharedSecret === undefined) return undefined;
  const okm = deriveRecipientOkm(engine, sharedSecret);
  sharedSecret.fill(0);
  return unwrap(engine, slot, okm);
}
