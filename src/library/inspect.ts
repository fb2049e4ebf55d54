/** What an archive shows to those who cannot open it. */
import { findCopies } from "../archive/header_reader.ts";
import type { Engine, ScryptCost } from "../engine/engine.ts";
import { FORMAT_VERSION, type HeaderCopy, isDeduplicated, recoveryPercent } from "../format/header.ts";
import { kdfMemory, type Slot } from "../format/slots.ts";
import { type ArchiveInput, sourceOf } from "./input.ts";
import { type Suite, suiteName } from "./suite.ts";

/** One key slot, as anyone can see it. */
export type KeySlotInfo =
  | {
    /** A passphrase opens it; `"passphrase-and-key-file"` when a key file is needed besides. */
    readonly kind: "passphrase" | "passphrase-and-key-file";
    /** What trying a passphrase costs. */
    readonly kdf: ScryptCost;
    /** Bytes of memory that it takes. */
    readonly kdfMemory: number;
  }
  | {
    /** A key file, or one recipient's identity, opens it. */
    readonly kind: "key-file" | "recipient";
  }
  | {
    /** This version cannot open it. */
    readonly kind: "unknown";
    /** Its kind's number in the format. */
    readonly number: number;
  };

/**
 * What an archive shows without a key. None of it is authenticated: whoever could write to it could have changed it.
 */
export interface ArchiveInspection {
  /** Version of the format. */
  readonly version: number;
  /** The cipher it is sealed with. */
  readonly suite: Suite;
  /** Bytes of the whole archive. */
  readonly length: number;
  /** How many times its header has been written anew: keys or snapshots were added or removed. */
  readonly generation: number;
  /** Percentage of its recovery record; 0 when it has none. */
  readonly recovery: number;
  /** Whether it stores equal content once. */
  readonly deduplicated: boolean;
  /** What opens it, besides the archive key itself. */
  readonly keySlots: readonly KeySlotInfo[];
  /** Whether a copy of the header is damaged; the other one serves. */
  readonly headerDamaged: boolean;
}

/** How an archive is inspected. */
export interface InspectOptions {
  /** Ends the work: it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Inspects an archive with the given engine; see `mod.ts`. */
export async function inspectArchive(
  engine: Engine,
  input: ArchiveInput,
  options: InspectOptions,
): Promise<ArchiveInspection> {
  const source = sourceOf(input, options.signal);
  const { copies, faults } = await findCopies(engine, (length) => source.read(0, Math.min(length, source.size)));
  const [best] = copies.toSorted(byRank) as [HeaderCopy];
  const { suite, generation, slots } = best.header;
  return {
    version: FORMAT_VERSION,
    suite: suiteName(suite),
    length: source.size,
    generation,
    recovery: recoveryPercent(best.header),
    deduplicated: isDeduplicated(best.header),
    keySlots: slots.map(slotInfo),
    headerDamaged: faults.size > 0 || copies.some((copy) => !copy.intact),
  };
}

/** Copies that hold together first, then by falling generation. */
function byRank(a: HeaderCopy, b: HeaderCopy): number {
  return Number(b.intact) - Number(a.intact) || b.header.generation - a.header.generation;
}

/** A slot as it is shown. */
export function slotInfo(slot: Slot): KeySlotInfo {
  switch (slot.kind) {
    case "unknown":
      return { kind: "unknown", number: slot.number };
    case "key-file":
    case "recipient":
      return { kind: slot.kind };
    case "passphrase":
      return {
        kind: slot.withKeyFile ? "passphrase-and-key-file" : "passphrase",
        kdf: slot.cost,
        kdfMemory: kdfMemory(slot.cost),
      };
  }
}
