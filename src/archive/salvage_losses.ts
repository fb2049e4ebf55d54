/**
 * What a damaged archive lacks, as far as that is found out while what is intact is taken out (FORMAT.md, "Salvage").
 */
import type { ArchiveError } from "../format/errors.ts";
import { type FrameHead, frameLength } from "../format/frame.ts";
import type { Extent } from "../format/row.ts";
import { type ByteRange, bytesIn, partsIn } from "./byte_ranges.ts";
import type { SalvagedBlock } from "./damaged_block.ts";
import type { SalvageStart } from "./salvage_start.ts";

/** A damaged range of the archive. */
export interface Damage extends ByteRange {
  /** What stood there, as far as that is known. */
  readonly what: "header" | "salt" | "frames" | "order" | "chunks" | "content" | "locator" | "trailing bytes";
  /** The frame whose chunks are damaged. */
  readonly frame?: number;
  /** The type of that frame. */
  readonly type?: number;
}

/** What an archive lacks. */
export interface SalvageSummary {
  /** Blocks that are known, intact or not. */
  readonly blocks: number;
  /** Blocks of which nothing came out, as far as their number is known. */
  readonly lostBlocks: number;
  /** Blocks of which a part came out. */
  readonly partBlocks: number;
  /** Whether the whole catalog was there: then every name that is lost is known. */
  readonly isCatalogWhole: boolean;
  /** Whether something may be lost whose name is not known. */
  readonly mayLackMore: boolean;
  /** Whether the end of the archive is missing. */
  readonly isCutOff: boolean;
  /** Damaged ranges, rising. */
  readonly damage: readonly Damage[];
}

/** Takes down what is damaged and which blocks came out. */
export class Losses {
  readonly #damage: Damage[] = [];
  /** By block: whether it is whole, or which of its data are good; nothing for one that is lost. */
  readonly #states: (true | readonly ByteRange[] | undefined)[] = [];
  /** Where blocks end: the first frame number that is no block's; exact, or the least it can be. */
  blocksEnd = 0;
  isBlocksEndKnown = false;

  /** Takes a damaged range. */
  add(damage: Damage): void {
    this.#damage.push(damage);
  }

  /** Takes what is damaged of the frame that begins at `at`. */
  addParts(
    frame: number,
    at: number,
    head: FrameHead,
    { damaged, fault }: { readonly damaged: readonly ByteRange[]; readonly fault: ArchiveError | undefined },
  ): void {
    const { type } = head;
    for (const { start, end } of damaged) this.add({ start: at + start, end: at + end, what: "chunks", frame, type });
    if (fault === undefined) return;
    this.add({ start: at, end: at + frameLength(head.stored), what: "content", frame, type });
  }

  /** Takes what came out of a block. */
  takeBlock({ frame, block, isWhole, intact }: SalvagedBlock): void {
    this.#states[frame] = block === undefined ? undefined : isWhole ? true : intact;
  }

  /** How many bytes of an extent came out. */
  keptBytes({ block, dataOffset, length }: Extent): number {
    const state = this.#states[block.frame];
    if (state === true) return length;
    return state === undefined ? 0 : bytesIn(partsIn(state, dataOffset, dataOffset + length));
  }

  /** All of it, of an archive of `size` bytes. */
  summary(start: SalvageStart, size: number, isCutOff: boolean, isCatalogWhole: boolean): SalvageSummary {
    const counts = { lostBlocks: 0, partBlocks: 0 };
    for (let frame = 0; frame < this.blocksEnd; frame++) {
      const state = this.#states[frame];
      if (state === undefined) counts.lostBlocks++;
      else if (state !== true) counts.partBlocks++;
    }
    const areBlocksWhole = counts.lostBlocks + counts.partBlocks === 0 && this.isBlocksEndKnown;
    return {
      ...counts,
      blocks: this.blocksEnd,
      isCatalogWhole,
      mayLackMore: (!isCatalogWhole && !areBlocksWhole) || start.isPart === true || this.#mayGoOn(start),
      isCutOff,
      damage: this.#damage
        .map((range) => ({ ...range, end: Math.min(range.end, size) }))
        .filter(({ start, end }) => start < end)
        .toSorted((a, b) => a.start - b.start),
    };
  }

  /** Whether what follows the end may be a further part of the archive, as only header and locator could tell. */
  #mayGoOn({ header, locator }: SalvageStart): boolean {
    return header === undefined && locator === undefined && this.#damage.some(({ what }) => what === "trailing bytes");
  }
}
