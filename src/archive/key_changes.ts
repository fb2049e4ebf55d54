/**
 * Changes the keys of an archive in place: both header copies, in an order in which a crash at any moment leaves the
 * archive with its old keys or its new ones (FORMAT.md, "Writing").
 */
import type { ScryptCost } from "../engine/engine.ts";
import { type Header, slotRoom } from "../format/header.ts";
import { MAX_GENERATION } from "../format/limits.ts";
import { sameSlot, type Slot, slotBytes, slotsFault } from "../format/slots.ts";
import type { OpenedHeader } from "./header_reader.ts";
import { checkWritable, rewriteHeader, type WritableSource } from "./header_rewrite.ts";
import { type NewKey, type Random, wrapForKey, wrappingRandomness } from "./key_slots.ts";

export type { WritableSource } from "./header_rewrite.ts";

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
  checkWritable(header);
  const make = (key: NewKey) => wrapForKey(engine, archiveKey, key, cost, random(wrappingRandomness(key)));
  const slots = await changedSlots(header.slots, opened.slot, change, make);
  checkRoom(header, slots);
  await rewriteHeader(target, opened, { slots }, random);
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
