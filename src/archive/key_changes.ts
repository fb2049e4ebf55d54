/**
 * Changes the keys of an archive in place: both header copies, in an order in which a crash at any moment leaves the
 * archive with its old keys or its new ones (FORMAT.md, "Writing").
 */
import type { Bytes, ScryptCost } from "../engine/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import { encodeHeaderCopy, type Header, type HeaderCopyName, slotRoom } from "../format/header.ts";
import { deriveHeaderKey, KEY_BYTES } from "../format/keys.ts";
import { HEADER_PAGE_BYTES, MAX_GENERATION } from "../format/limits.ts";
import { sameSlot, type Slot, slotBytes, slotsFault } from "../format/slots.ts";
import type { OpenedHeader } from "./header_reader.ts";
import { type NewKey, type Random, wrapForKey, wrappingRandomness } from "./key_slots.ts";
import { openRecord, sealRecord } from "./record_cipher.ts";
import type { Source } from "./source.ts";

/** An archive that can be changed where it is. Whoever gives it sees to it that nobody else changes it meanwhile. */
export interface WritableSource extends Source {
  /** Writes all of the bytes at `offset`, which lies within it. I/O errors reject. */
  write(offset: number, bytes: Bytes): Promise<void>;
  /** Resolves when all that was written is on the disk. */
  sync(): Promise<void>;
}

/** A change of an archive's keys. Keys are numbered from 1, in the order in which they stand. */
export type KeyChange =
  /** Adds keys at the end. */
  | { readonly kind: "add"; readonly keys: readonly NewKey[] }
  /** Removes the keys of these numbers. */
  | { readonly kind: "remove"; readonly numbers: readonly number[] }
  /** Puts a key in the place of the one that opened the archive. */
  | { readonly kind: "replace"; readonly key: NewKey };

/** Why keys cannot be changed as asked; the archive is as it was. */
export class KeyChangeError extends Error {
  /** `"KeyChangeError"`. */
  override readonly name = "KeyChangeError";
  /**
   * `last-key`: nobody could open it any more. `no-room`: the header is full. `too-many`: over 32 keys, or 8
   * passphrases. `no-such-key`: no key has that number. `unknown-key`: the key that opened has no slot to replace.
   */
  readonly code: "last-key" | "no-room" | "too-many" | "no-such-key" | "unknown-key";

  /** Creates an error; `message` is a sentence without its full stop. */
  constructor(code: KeyChangeError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Changes the keys of an archive whose header has been opened from this very target, and returns them as they are
 * then. When it resolves, the change is on the disk in both copies.
 *
 * @throws {KeyChangeError} when the change makes no sense; nothing was written.
 * @throws {ArchiveError} `newer-version` when only a newer program may change the archive, or `malformed`.
 */
export async function changeKeys(
  target: WritableSource,
  opened: OpenedHeader,
  change: KeyChange,
  cost: ScryptCost,
  random: Random = (length) => opened.keys.engine.randomBytes(length),
): Promise<readonly Slot[]> {
  const { engine, archiveKey } = opened.keys;
  const { header } = opened.copy;
  if (header.writeFeatures !== 0) {
    throw new ArchiveError("newer-version", "Cannot change the archive: only a newer version of Coffer may");
  }
  const make = (key: NewKey) => wrapForKey(engine, archiveKey, key, cost, random(wrappingRandomness(key)));
  const slots = await changedSlots(header.slots, opened.slot, change, make);
  await rewriteHeader(target, opened, slots, random);
  return slots;
}

async function changedSlots(
  slots: readonly Slot[],
  used: Slot | undefined,
  change: KeyChange,
  make: (key: NewKey) => Promise<Slot>,
): Promise<readonly Slot[]> {
  switch (change.kind) {
    case "add": {
      const made: Slot[] = [];
      for (const key of change.keys) made.push(await make(key));
      return [...slots, ...made];
    }
    case "remove":
      return withoutSlots(slots, new Set(change.numbers));
    case "replace": {
      const at = used === undefined ? -1 : slots.findIndex((slot) => sameSlot(slot, used));
      if (at < 0) {
        throw new KeyChangeError(
          "unknown-key",
          "Cannot change the key: what opened the archive is none of its keys; add a key, then remove the old one",
        );
      }
      return slots.with(at, await make(change.key));
    }
  }
}

function withoutSlots(slots: readonly Slot[], numbers: ReadonlySet<number>): readonly Slot[] {
  const wrong = [...numbers].find((number) => slots[number - 1] === undefined);
  if (wrong !== undefined) {
    throw new KeyChangeError("no-such-key", `Cannot remove key ${wrong}: the archive has keys 1 to ${slots.length}`);
  }
  const rest = slots.filter((_, i) => !numbers.has(i + 1));
  if (!rest.some((slot) => slot.kind !== "unknown")) {
    const left = rest.length === 0 ? "it is the last one" : "what is left is of kinds this version does not know";
    throw new KeyChangeError("last-key", `Cannot remove the key: ${left}, and nobody could open the archive`);
  }
  return rest;
}

/**
 * Writes both header copies anew, with other slots and all else as it was. First both are made equal to the one that
 * counts, or a crash could bring back what an earlier, interrupted change had removed.
 */
async function rewriteHeader(
  target: WritableSource,
  opened: OpenedHeader,
  slots: readonly Slot[],
  random: Random,
): Promise<void> {
  const { keys, copy } = opened;
  const { engine, suite, archiveKey, id } = keys;
  const { header } = copy;
  checkRoom(header, slots);
  const plain = openRecord(keys, "state", header.state);
  if (plain === undefined) {
    throw new ArchiveError("malformed", "Cannot accept the header: its state does not authenticate");
  }
  const headerKey = deriveHeaderKey(engine, archiveKey, suite, id);
  const encode = (of: Header, name: HeaderCopyName) => encodeHeaderCopy(engine, of, name, headerKey);
  const place = { A: 0, B: header.pages * HEADER_PAGE_BYTES };
  const changed: Header = {
    ...header,
    generation: header.generation + 1,
    state: sealRecord(keys, "state", plain, random(KEY_BYTES)),
    slots,
  };
  // All is made before anything is written.
  const next = { A: encode(changed, "A"), B: encode(changed, "B") };
  const put = async (name: HeaderCopyName, bytes: Bytes) => {
    await target.write(place[name], bytes);
    await target.sync();
  };
  const other = copy.name === "A" ? "B" : "A";
  for (const name of [other, copy.name] as const) {
    const bytes = encode(header, name);
    const there = await target.read(place[name], bytes.length);
    if (!engine.equal(bytes, there)) await put(name, bytes);
  }
  await put("B", next.B);
  await put("A", next.A);
}

/**
 * Says whether a header can have these slots.
 *
 * @throws {KeyChangeError} when it cannot.
 */
export function checkRoom(header: Header, slots: readonly Slot[]): void {
  const fault = slotsFault(slots);
  if (fault !== undefined) throw new KeyChangeError("too-many", `Cannot add the key: ${fault}`);
  const room = slotRoom(header.pages);
  const needed = slots.reduce((sum, slot) => sum + slotBytes(slot).length, 0);
  if (needed > room) {
    throw new KeyChangeError(
      "no-room",
      `Cannot add the key: the header has room for ${room} bytes of keys, and they would take ${needed}; ` +
        "remove one first, or make a copy with all of them",
    );
  }
  if (header.generation >= MAX_GENERATION) {
    throw new KeyChangeError("no-room", "Cannot change the keys: they were changed too often; make a copy");
  }
}
