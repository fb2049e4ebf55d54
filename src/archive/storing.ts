/** How entries are stored, and what is told of them meanwhile. */
import type { Bytes } from "../engine/engine.ts";
import type { BlockBuilder, BlockSetting, FailedPart, PartOutcome } from "./block_builder.ts";
import type { ContentAccess } from "./source.ts";

/** An entry that could not be stored. */
export interface StoreProblem {
  /** Its path. */
  readonly path: string;
  /** What the system said. */
  readonly problem: unknown;
}

/** How entries are stored, in a new archive or in a further segment of one. */
export interface StoreOptions {
  /** Opens the files that entries name; not needed when all content comes from memory. */
  readonly access?: ContentAccess;
  /** Ends the work early: the returned promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after each block with what was stored in it. */
  readonly onProgress?: (step: { readonly entries: number; readonly bytes: number; readonly path: string }) => void;
  /** Called for each entry that was stored although it changed while it was read. */
  readonly onChanged?: (path: string) => void;
  /** Called for each entry that could not be stored; without it, the first such problem is thrown. */
  readonly onProblem?: (problem: StoreProblem) => void;
  /** Says whether the entries were incomplete for reasons of their own; asked once, when all are written. */
  readonly isPartial?: () => boolean;
  /** Makes what builds the blocks; without it they are built here, one after the other. */
  readonly builder?: (setting: BlockSetting) => BlockBuilder;
  /** Chunks that are remembered in memory, for tests. */
  readonly indexedChunks?: number;
  /** Content bytes of one block, for tests. */
  readonly blockBytes?: number;
  /** The source of randomness, for tests. */
  readonly random?: (length: number) => Bytes;
}

/** Tells the caller what became of each block. */
export class Reporter {
  readonly #options: StoreOptions;
  #lastProblem: string | undefined;

  constructor(options: StoreOptions) {
    this.#options = options;
  }

  tell(
    outcomes: readonly PartOutcome[],
    failed: readonly FailedPart[],
    hasFailed: (path: string) => boolean,
  ): void {
    const { onChanged, onProblem } = this.#options;
    for (const outcome of outcomes) {
      if (!outcome.ok || !outcome.entry.row.changed) continue;
      // What could not be stored is named as that, and not as changed besides.
      const { path } = outcome.entry.row;
      if (!hasFailed(path)) onChanged?.(path);
    }
    for (const outcome of failed) {
      // Each slice of a large file may fail; its path is named once.
      if (outcome.row.path === this.#lastProblem) continue;
      this.#lastProblem = outcome.row.path;
      if (onProblem === undefined) throw outcome.problem;
      onProblem({ path: outcome.row.path, problem: outcome.problem });
    }
  }
}
