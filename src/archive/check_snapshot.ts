/**
 * Checks what only a snapshot's stack of runs shows when it is put together, and what a reader of the whole leaves to
 * whoever reads it (FORMAT.md, "One truth").
 */
import { ArchiveError } from "../format/errors.ts";
import { emptyTally, tally, type Totals } from "../format/tables.ts";
import type { Archive, CatalogEntry } from "./archive.ts";
import { pauseEvery } from "./pause.ts";

/** Counts the entries of a snapshot. */
export class SnapshotCount {
  readonly #totals = emptyTally();

  /** Takes the next entry. */
  take({ row, continued }: CatalogEntry): void {
    if (!continued) tally(this.#totals, row);
  }

  /**
   * Compares what was counted with what the snapshot says.
   *
   * @throws {ArchiveError} `inconsistent`.
   */
  check({ trailer }: Archive): void {
    const names = Object.keys(this.#totals) as (keyof Totals)[];
    if (names.every((name) => this.#totals[name] === trailer.totals[name])) return;
    throw new ArchiveError("inconsistent", "Cannot accept the archive: a snapshot does not hold what it says");
  }
}

/**
 * Checks that a snapshot's runs together are a catalog and hold what it says, and that the content of what was kept and
 * moved is where it is said to be. What its own segment's blocks hold, who reads the whole has compared already.
 *
 * @throws {ArchiveError} `inconsistent` or `unsafe`, or what is wrong with what is read.
 */
export async function checkSnapshot(archive: Archive, signal: AbortSignal): Promise<void> {
  const pause = pauseEvery();
  const count = new SnapshotCount();
  for await (const entry of archive.entries()) {
    await pause();
    signal.throwIfAborted();
    count.take(entry);
    if (entry.mark === undefined) continue;
    for await (const _ of archive.read(entry)) {
      await pause();
      signal.throwIfAborted();
    }
  }
  count.check(archive);
}
