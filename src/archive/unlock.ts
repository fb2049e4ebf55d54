/** From what a user has to the archive key: which slots are tried, with what, and which header copy counts. */
import type { Bytes, Engine, ScryptCost } from "../engine/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import { type HeaderCopy, MAGIC_BYTES } from "../format/header.ts";
import { deriveArchiveId, deriveHeaderKey } from "../format/keys.ts";
import { DEFAULT_KDF_MEMORY, DEFAULT_KDF_WORK } from "../format/limits.ts";
import { encodePassphrase } from "../format/passphrase.ts";
import { kdfMemory, kdfWork, type KnownSlot, type PassphraseSlot, type Slot, slotBytes } from "../format/slots.ts";
import { openKeyFileSlot, openPassphraseSlot, openRecipientSlot } from "./key_slots.ts";

export { wrapForPassphrase } from "./key_slots.ts";

/** What opens an archive. Which of its slots each is for need not be known; key files also complete passphrases. */
export type Key =
  | { readonly kind: "passphrase"; readonly passphrase: string }
  /** A key file's 32 bytes. */
  | { readonly kind: "key-file"; readonly keyFile: Bytes }
  /** A recipient's secret: the 32 bytes of an identity. */
  | { readonly kind: "identity"; readonly identity: Bytes }
  /** The 32-byte archive key itself. */
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
  /** The slot that opened; none when the archive key itself was given. */
  readonly slot: Slot | undefined;
  /** The copy that counts: its MAC holds and none of a higher generation does. */
  readonly copy: HeaderCopy;
  /** Copies whose MAC or checksum does not hold, or whose content differs from the one that counts. */
  readonly bad: readonly HeaderCopy[];
}

/**
 * Opens the header with the first key that does it, and decides which copy counts: the one of the highest generation
 * whose MAC holds. Keys that cost nothing are tried before passphrases, and those by rising cost and copy by copy in
 * turns; the work is bounded over all slots of all copies together.
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
  const attempt = new Attempt(engine, ordered, keys, limits);
  let slotOpened = false;
  for await (const { archiveKey, slot } of attempt.candidates()) {
    slotOpened ||= slot !== undefined;
    const judged = judge(engine, ordered, archiveKey);
    if (judged !== undefined) return { ...judged, slot };
  }
  if (slotOpened) {
    throw new ArchiveError("damaged", "Cannot open the archive: the header was altered");
  }
  if (!copies.some((copy) => copy.intact)) {
    throw new ArchiveError("damaged", "Cannot open the archive: both copies of its header are damaged");
  }
  throw attempt.failure();
}

/** The slots of all copies, each once. */
function distinctSlots(copies: readonly HeaderCopy[]): KnownSlot[] {
  const slots = new Map<string, KnownSlot>();
  for (const copy of copies) {
    for (const slot of copy.header.slots) {
      if (slot.kind === "unknown") continue;
      const name = slotBytes(slot).toHex();
      if (!slots.has(name)) slots.set(name, slot);
    }
  }
  return [...slots.values()];
}

/**
 * The copies' slots for passphrases, each once, the cheapest first and the copies by turns: by the work that a copy
 * asks for up to and with a slot. What a forged copy asks for, however many slots it has and however cheap they are,
 * so uses up no more of the work allowed before an honest copy's slot than the honest copy does itself.
 */
function inTurns(copies: readonly HeaderCopy[]): PassphraseSlot[] {
  const ranked = new Map<string, { readonly slot: PassphraseSlot; readonly rank: number }>();
  for (const { header } of copies) {
    const slots = header.slots.filter((slot) => slot.kind === "passphrase");
    let rank = 0;
    for (const slot of slots.sort((a, b) => kdfWork(a.cost) - kdfWork(b.cost))) {
      rank += kdfWork(slot.cost);
      const name = slotBytes(slot).toHex();
      const known = ranked.get(name);
      if (known === undefined || rank < known.rank) ranked.set(name, { slot, rank });
    }
  }
  return [...ranked.values()].sort((a, b) => a.rank - b.rank).map(({ slot }) => slot);
}

/** An archive key that may be the right one, and the slot it came from. */
interface Candidate {
  readonly archiveKey: Bytes;
  readonly slot: Slot | undefined;
}

/** Keys tried on slots. */
class Attempt {
  readonly #engine: Engine;
  readonly #slots: readonly KnownSlot[];
  /** Slots for passphrases, in the order in which they are tried. */
  readonly #turns: readonly PassphraseSlot[];
  readonly #keys: readonly Key[];
  readonly #budget: KdfBudget;
  /** Slots on which something was tried. */
  readonly #tried = new Set<Slot>();

  constructor(engine: Engine, copies: readonly HeaderCopy[], keys: readonly Key[], limits: KdfLimits) {
    this.#engine = engine;
    this.#slots = distinctSlots(copies);
    this.#turns = inTurns(copies);
    this.#keys = keys;
    this.#budget = new KdfBudget(limits);
  }

  async *candidates(): AsyncGenerator<Candidate> {
    for (const key of this.#keys) {
      if (key.kind === "archive-key") yield { archiveKey: key.archiveKey, slot: undefined };
    }
    for (const slot of this.#slots) {
      for (const key of this.#keys) {
        const archiveKey = await this.#open(slot, key);
        if (archiveKey !== undefined) yield { archiveKey, slot };
      }
    }
    for (const slot of this.#turns) yield* this.#passphrases(slot);
  }

  /** Tries what takes no key derivation worth speaking of. */
  async #open(slot: KnownSlot, key: Key): Promise<Bytes | undefined> {
    if (slot.kind === "key-file" && key.kind === "key-file") {
      this.#tried.add(slot);
      return openKeyFileSlot(this.#engine, slot, key.keyFile);
    }
    if (slot.kind === "recipient" && key.kind === "identity") {
      this.#tried.add(slot);
      return await openRecipientSlot(this.#engine, slot, key.identity);
    }
    return undefined;
  }

  async *#passphrases(slot: PassphraseSlot): AsyncGenerator<Candidate> {
    const keyFiles = this.#keys.flatMap((key) => key.kind === "key-file" ? [key.keyFile] : []);
    if (slot.withKeyFile && keyFiles.length === 0) return;
    for (const key of this.#keys) {
      if (key.kind !== "passphrase" || !this.#budget.spend(slot.cost)) continue;
      this.#tried.add(slot);
      const passphrase = encodePassphrase(key.passphrase);
      const archiveKey = await openPassphraseSlot(this.#engine, slot, passphrase, keyFiles);
      passphrase.fill(0);
      if (archiveKey !== undefined) yield { archiveKey, slot };
    }
  }

  /** Why no slot opened. */
  failure(): ArchiveError {
    const { refused } = this.#budget;
    if (refused === undefined) return new ArchiveError("wrong-key", `Cannot open the archive: ${this.#describe()}`);
    const { logN, r, p } = refused;
    return new ArchiveError(
      "limit",
      `Cannot open the archive: a key slot asks for more work than allowed (scrypt logN ${logN}, r ${r}, p ${p}: ` +
        `${Math.ceil(kdfMemory(refused) / 2 ** 20)} MiB)`,
    );
  }

  #describe(): string {
    const tried = this.#tried.size;
    if (tried > 0) {
      const given = this.#keys.length === 1 ? "the key given does not open it" : "none of the keys given opens it";
      return `${given}: tried ${givenKeys(this.#keys)} on ${tried === 1 ? "one key slot" : `${tried} key slots`}`;
    }
    const needs = [...new Set(this.#slots.map(needOf))];
    if (needs.length === 0) return "no key slot is of a kind this version knows";
    return `it needs ${needs.join(", or ")}`;
  }
}

/** What opens a slot, in words. */
function needOf(slot: KnownSlot): string {
  switch (slot.kind) {
    case "passphrase":
      return slot.withKeyFile ? "a passphrase together with a key file" : "a passphrase";
    case "key-file":
      return "a key file";
    case "recipient":
      return "a recipient's identity";
  }
}

const KEY_NAMES: Readonly<Record<Key["kind"], readonly [one: string, many: string]>> = {
  "passphrase": ["passphrase", "passphrases"],
  "key-file": ["key file", "key files"],
  "identity": ["identity", "identities"],
  "archive-key": ["archive key", "archive keys"],
};

/** How many keys of each kind there are, in words. */
function givenKeys(keys: readonly Key[]): string {
  const kinds = Object.keys(KEY_NAMES) as Key["kind"][];
  const counts = kinds.map((kind) => [kind, keys.filter((key) => key.kind === kind).length] as const);
  const words = counts.filter(([, count]) => count > 0)
    .map(([kind, count]) => `${count} ${KEY_NAMES[kind][count === 1 ? 0 : 1]}`);
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** Counts the work of the slots tried, and keeps what exceeds the limits from being done. */
class KdfBudget {
  readonly #memory: number;
  #work: number;
  /** The first cost that was too high. */
  refused: ScryptCost | undefined;

  constructor(limits: KdfLimits) {
    this.#work = limits.work ?? DEFAULT_KDF_WORK;
    this.#memory = limits.memory ?? DEFAULT_KDF_MEMORY;
  }

  /** Whether a slot may be tried; if so, its work counts. One that may not is passed over: another may be honest. */
  spend(cost: ScryptCost): boolean {
    const work = kdfWork(cost);
    if (kdfMemory(cost) > this.#memory || work > this.#work) {
      this.refused ??= cost;
      return false;
    }
    this.#work -= work;
    return true;
  }
}

/** Whether two copies say the same; their magics differ. */
function equalBehindMagic(engine: Engine, a: Bytes, b: Bytes): boolean {
  return engine.equal(a.subarray(MAGIC_BYTES), b.subarray(MAGIC_BYTES));
}

/** Which copies an archive key vouches for. */
function judge(engine: Engine, ordered: readonly HeaderCopy[], archiveKey: Bytes): Omit<Unlocked, "slot"> | undefined {
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
