/**
 * Where pages wait until all blocks are written: in memory, and those for which there is no room in a temporary file.
 */
import type { Bytes } from "../engine/engine.ts";
import type { SealedSpill, SpilledPiece } from "./sealed_spill.ts";

/** Pages in memory before others are put away. */
const MEMORY_BYTES = 2 ** 26;

/** One page that waits. */
export type WaitingPage = { bytes: Bytes } | SpilledPiece;

/** Keeps pages. */
export class PageStore {
  readonly #makeSpill: (() => SealedSpill) | undefined;
  readonly #memoryBytes: number;
  #held = 0;
  #spill: SealedSpill | undefined;

  /** Keeps pages in memory, all of them where nothing else can be made. */
  constructor(makeSpill?: () => SealedSpill, memoryBytes: number = MEMORY_BYTES) {
    this.#makeSpill = makeSpill;
    this.#memoryBytes = memoryBytes;
  }

  /** Takes a page's bytes, which are not the caller's afterwards. */
  put(bytes: Bytes): WaitingPage {
    if (this.#makeSpill === undefined || this.#held + bytes.length <= this.#memoryBytes) {
      this.#held += bytes.length;
      return { bytes };
    }
    return (this.#spill ??= this.#makeSpill()).put([bytes]);
  }

  /** A page's bytes, good until it is given up. */
  get(page: WaitingPage): Bytes {
    if ("bytes" in page) return page.bytes;
    if (this.#spill === undefined) throw new TypeError("Cannot read back a page: nothing was put away");
    return this.#spill.take(page);
  }

  /**
   * Says that a page is not needed any more. Its memory is given back at once: sealing takes as much again as waited,
   * and garbage is not collected for so little, which is dozens of megabytes for a million rows.
   */
  giveUp(page: WaitingPage): void {
    if (!("bytes" in page)) return;
    this.#held -= page.bytes.length;
    if (page.bytes.buffer instanceof ArrayBuffer) page.bytes.buffer.transfer(0);
    page.bytes = new Uint8Array(0);
  }
}
