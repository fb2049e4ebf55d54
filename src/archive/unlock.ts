/** From what a user has to the archive key: key slots are made and opened here (FORMAT.md, "Key slots"). */
import type { Bytes, Engine, ScryptCost } from "../engine/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import { type HeaderCopy, MAGIC_BYTES } from "../format/header.ts";
import { deriveArchiveId, deriveHeaderKey, derivePassphraseOkm, KEY_BYTES, slotTag } from "../format/keys.ts";
import { DEFAULT_KDF_MEMORY, DEFAULT_KDF_WORK } from "../format/limits.ts";
import { encodePassphrase } from "../format/passphrase.ts";
import { encodePassphraseSlot, kdfMemory, kdfWork, type PassphraseSlot } from "../format/slots.ts";

/** What opens an archive: a passphrase, or the 32-byte archive key itself. */
export type Key =
  | { readonly kind: "passphrase"; readonly passphrase: string }
  | { readonly kind: "archive-key"; readonly archiveKey: Bytes };

/** How much work a header may ask for. It is hostile until a key has opened it. */
export interface KdfLimits {
  /** N·r·p summed over the slots tried; 2^25 unless raised. */
  readonly work?: number;
  /** Bytes of memory for one slot (128·N·r); 1 GiB unless raised. */
  readonly memory?: number;
}

/** An opened header. */
export interface Unlocked {
  readonly archiveKey: Bytes;
  readonly id: Bytes;
  /** The copy that counts: its MAC holds and none of a higher generation does. */
  readonly copy: HeaderCopy;
  /** Copies whose MAC or checksum does not hold, or whose content differs from the one that counts. */
  readonly bad: readonly HeaderCopy[];
}

/** Wraps the archive key for a passphrase. */
export async function wrapForPassphrase(
  engine: Engine,
  archiveKey: Bytes,
  passphrase: string,
  cost: ScryptCost,
  salt: Bytes,
): Promise<PassphraseSlot> {
  const ikm = await engine.scrypt(encodePassphrase(passphrase), salt, cost, KEY_BYTES);
  const okm = derivePassphraseOkm(engine, ikm);
  const wrapped = xor(archiveKey, okm);
  const covered = encodePassphraseSlot(cost, salt, wrapped);
  const tag = slotTag(engine, okm, deriveArchiveId(engine, archiveKey), covered);
  ikm.fill(0);
  okm.fill(0);
  return { kind: "passphrase", cost, salt, wrapped, tag, covered };
}

function xor(a: Bytes, b: Bytes): Bytes {
  return a.map((byte, i) => byte ^ (b[i] as number));
}

/** Tries one passphrase on one slot; `undefined` when the tag does not hold. */
async function unwrap(engine: Engine, slot: PassphraseSlot, passphrase: Bytes): Promise<Bytes | undefined> {
  const ikm = await engine.scrypt(passphrase, slot.salt, slot.cost, KEY_BYTES);
  const okm = derivePassphraseOkm(engine, ikm);
  const archiveKey = xor(slot.wrapped, okm);
  const tag = slotTag(engine, okm, deriveArchiveId(engine, archiveKey), slot.covered);
  ikm.fill(0);
  okm.fill(0);
  if (engine.equal(tag, slot.tag)) return archiveKey;
  archiveKey.fill(0);
  return undefined;
}

/**
 * Opens the header with the first key that does it, and decides which copy counts: the one of the highest generation
 * whose MAC holds. Copies are tried by falling generation; the work is bounded over both of them together.
 *
 * @throws {ArchiveError} `wrong-key`, `limit` before any work that exceeds the limits, or `damaged` when a slot opens
 * but no MAC holds, or when no copy is intact.
 */
export async function unlock(
  engine: Engine,
  copies: readonly HeaderCopy[],
  keys: readonly Key[],
  limits: KdfLimits = {},
): Promise<Unlocked> {
  const ordered = [...copies].sort((a, b) => b.header.generation - a.header.generation);
  const budget = new KdfBudget(limits);
  let slotOpened = false;
  for await (const { archiveKey, fromSlot } of candidates(engine, ordered, keys, budget)) {
    slotOpened ||= fromSlot;
    const unlocked = judge(engine, ordered, archiveKey);
    if (unlocked !== undefined) return unlocked;
  }
  if (slotOpened) {
    throw new ArchiveError("damaged", "Cannot open the archive: the header was altered");
  }
  if (!copies.some((copy) => copy.intact)) {
    throw new ArchiveError("damaged", "Cannot open the archive: both copies of its header are damaged");
  }
  throw budget.failure(ordered);
}

async function* candidates(
  engine: Engine,
  copies: readonly HeaderCopy[],
  keys: readonly Key[],
  budget: KdfBudget,
): AsyncGenerator<{ readonly archiveKey: Bytes; readonly fromSlot: boolean }> {
  for (const key of keys) if (key.kind === "archive-key") yield { archiveKey: key.archiveKey, fromSlot: false };
  const tried = new Set<string>();
  for (const copy of copies) {
    for (const slot of copy.header.slots) {
      const name = slot.kind === "passphrase" ? slot.covered.join() + slot.tag.join() : "";
      if (slot.kind !== "passphrase" || tried.has(name)) continue;
      tried.add(name);
      for (const key of keys) {
        if (key.kind !== "passphrase") continue;
        if (!budget.spend(slot.cost)) continue;
        const passphrase = encodePassphrase(key.passphrase);
        const archiveKey = await unwrap(engine, slot, passphrase);
        passphrase.fill(0);
        if (archiveKey !== undefined) yield { archiveKey, fromSlot: true };
      }
    }
  }
}

/** Counts the work of the slots tried, and keeps what exceeds the limits from being done. */
class KdfBudget {
  readonly #memory: number;
  #work: number;
  #tried = 0;
  #refused: ScryptCost | undefined;

  constructor(limits: KdfLimits) {
    this.#work = limits.work ?? DEFAULT_KDF_WORK;
    this.#memory = limits.memory ?? DEFAULT_KDF_MEMORY;
  }

  /** Whether a slot may be tried; if so, its work counts. One that may not is passed over: another may be honest. */
  spend(cost: ScryptCost): boolean {
    const work = kdfWork(cost);
    if (kdfMemory(cost) > this.#memory || work > this.#work) {
      this.#refused ??= cost;
      return false;
    }
    this.#work -= work;
    this.#tried++;
    return true;
  }

  /** Why no slot opened. */
  failure(copies: readonly HeaderCopy[]): ArchiveError {
    if (this.#refused === undefined) {
      return new ArchiveError("wrong-key", `Cannot open the archive: ${this.describe(copies)}`);
    }
    const { logN, r, p } = this.#refused;
    return new ArchiveError(
      "limit",
      `Cannot open the archive: a key slot asks for more work than allowed (scrypt logN ${logN}, r ${r}, p ${p}: ` +
        `${Math.ceil(kdfMemory(this.#refused) / 2 ** 20)} MiB)`,
    );
  }

  describe(copies: readonly HeaderCopy[]): string {
    if (this.#tried > 0) return `no key given opens it (${this.#tried} tried)`;
    const kinds = new Set(copies.flatMap((copy) => copy.header.slots.map((slot) => slot.kind)));
    return kinds.has("passphrase")
      ? "it needs a passphrase, or another key"
      : "no key slot is of a kind this version knows";
  }
}

/** Whether two copies say the same; their magics differ. */
function equalBehindMagic(engine: Engine, a: Bytes, b: Bytes): boolean {
  return engine.equal(a.subarray(MAGIC_BYTES), b.subarray(MAGIC_BYTES));
}

/** Which copies an archive key vouches for. */
function judge(engine: Engine, ordered: readonly HeaderCopy[], archiveKey: Bytes): Unlocked | undefined {
  const id = deriveArchiveId(engine, archiveKey);
  const holds = ordered.filter(({ header, covered, mac }) => {
    const key = deriveHeaderKey(engine, archiveKey, header.suite, id);
    return engine.equal(engine.hmacSha256(key, covered), mac);
  });
  const [copy] = holds;
  if (copy === undefined) return undefined;
  const bad = ordered.filter((other) =>
    !holds.includes(other) || !other.intact || !equalBehindMagic(engine, other.covered, copy.covered)
  );
  return { archiveKey: archiveKey.slice(), id, copy, bad };
}
