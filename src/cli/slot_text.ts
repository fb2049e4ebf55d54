/** Key slots as they are shown: by `info`, by `keys list`, and in the question for a passphrase. */
import { isCostInRange, kdfMemory, type Slot } from "../format/slots.ts";
import { formatBytes, formatItems } from "./ui/quantities.ts";
import type { JsonValue } from "./ui/ui.ts";

/** What opens a slot and what a try costs, in words. */
export function describeSlot(slot: Slot): string {
  switch (slot.kind) {
    case "unknown":
      return `of kind ${slot.number}, which this version does not know`;
    case "key-file":
      return "key file";
    case "recipient":
      return "recipient (an identity opens it)";
    case "passphrase": {
      const { cost } = slot;
      const price = isCostInRange(cost) ? `${formatBytes(kdfMemory(cost))} a try` : "refused: out of range";
      const what = slot.withKeyFile ? "passphrase and key file, both needed" : "passphrase";
      return `${what}, scrypt logN ${cost.logN}, r ${cost.r}, p ${cost.p} (${price})`;
    }
  }
}

/** The same for programs. */
export function slotRecord(slot: Slot): JsonValue {
  switch (slot.kind) {
    case "unknown":
      return { kind: "unknown", number: slot.number };
    case "key-file":
    case "recipient":
      return { kind: slot.kind };
    case "passphrase":
      return {
        kind: slot.withKeyFile ? "passphrase-and-key-file" : "passphrase",
        ...slot.cost,
        memory: isCostInRange(slot.cost) ? kdfMemory(slot.cost) : null,
      };
  }
}

/** All slots for programs, numbered from 1. */
export function numberedSlots(slots: readonly Slot[]): JsonValue {
  return slots.map((slot, i) => ({ number: i + 1, ...slotRecord(slot) as Record<string, JsonValue> }));
}

/** How many keys of each kind there are: `2 passphrases, 1 key file`. */
export function countSlots(slots: readonly Slot[]): string {
  const counts = new Map<string, number>();
  for (const slot of slots) {
    const name = slot.kind === "passphrase" && slot.withKeyFile
      ? "passphrase with key file"
      : { "unknown": "unknown key", "key-file": "key file", "recipient": "recipient", "passphrase": "passphrase" }[
        slot.kind
      ];
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) =>
    formatItems(count, name, name === "passphrase with key file" ? "passphrases with key files" : `${name}s`)
  ).join(", ");
}
