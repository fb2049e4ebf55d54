/** Creates an archive from entries: plan, build, write, in that order for each block. */
import type { Bytes, Engine } from "../engine/engine.ts";
import { abortable } from "./abortable.ts";
import {
  type BlockBuilder,
  type BlockPart,
  type BlockSetting,
  blockTools,
  type BuiltBlock,
  type FailedPart,
  inlineBuilder,
} from "./block_builder.ts";
import { BLOCK_BYTES, planBlocks, type PlannedEntry } from "./planner.ts";
import type { ContentAccess } from "./source.ts";
import { pauseEvery } from "./pause.ts";
import { ArchiveWriter, type Sink, type WriterOptions, type WrittenArchive } from "./writer.ts";

/** An entry that could not be stored. */
export interface StoreProblem {
  /** Its path. */
  readonly path: string;
  /** What the system said. */
  readonly problem: unknown;
}

/** What creating an archive is told. */
export interface CreateOptions extends WriterOptions, StoreOptions {}

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
  /** Content bytes of one block, for tests. */
  readonly blockBytes?: number;
  /** The source of randomness, for tests. */
  readonly random?: (length: number) => Bytes;
}

/** Writes an archive of `entries` to `sink`. */
export async function createArchive(
  engine: Engine,
  entries: AsyncIterable<PlannedEntry> | Iterable<PlannedEntry>,
  sink: Sink,
  options: CreateOptions,
): Promise<WrittenArchive> {
  options.signal?.throwIfAborted();
  const writer = ArchiveWriter.begin(engine, sink, options, options.random);
  try {
    const builder = options.builder?.(writer.setting) ??
      inlineBuilder(blockTools(engine, writer.setting, options.access));
    writer.start().catch(() => {
      // Met again by whoever waits for it, and that is not later than the first block.
    });
    await writeBlocks(planBlocks(entries, options.blockBytes ?? BLOCK_BYTES), builder, writer, options);
    options.signal?.throwIfAborted();
    if (options.isPartial?.()) writer.markPartial();
    // It may have to wait for the keys.
    return await abortable(() => writer.finish(), options.signal);
  } catch (error) {
    writer.abandon();
    // A write that failed is the reason for whatever failed after it.
    throw writer.failure === undefined ? error : writer.failure.error;
  }
}

/** A block under way. */
interface PendingBlock {
  readonly parts: readonly BlockPart[];
  readonly block: BuiltBlock | Promise<BuiltBlock>;
}

/** Builds the blocks that were planned, and writes them in the order of their numbers. */
export async function writeBlocks(
  plans: AsyncIterable<readonly BlockPart[]>,
  builder: BlockBuilder,
  writer: Pick<ArchiveWriter, "start" | "nextFrame" | "writeBlock" | "hasFailed">,
  options: StoreOptions,
): Promise<void> {
  const pause = pauseEvery();
  const reporter = new Reporter(options);
  const pending: PendingBlock[] = [];
  const writeOldest = async () => {
    const { parts, block } = pending.shift() as PendingBlock;
    const built = await (block instanceof Promise ? abortable(() => block, options.signal) : block);
    // The keys may still be derived; the first blocks are built beside that.
    await abortable(() => writer.start(), options.signal);
    const failed = await writer.writeBlock(built);
    reporter.tell(parts, built, failed, (path) => writer.hasFailed(path));
    built.release?.();
  };
  for await (const parts of plans) {
    await pause();
    options.signal?.throwIfAborted();
    while (pending.length >= builder.width) await writeOldest();
    const block = builder.build({ frame: writer.nextFrame(), parts });
    // Its failure is met when its turn comes, or hidden by an earlier one.
    if (block instanceof Promise) block.catch(() => {});
    pending.push({ parts, block });
    if (builder.width === 1) await writeOldest();
  }
  while (pending.length > 0) await writeOldest();
}

/** Tells the caller what became of each block. */
class Reporter {
  readonly #options: StoreOptions;
  #lastProblem: string | undefined;

  constructor(options: StoreOptions) {
    this.#options = options;
  }

  tell(
    parts: readonly BlockPart[],
    block: BuiltBlock,
    failed: readonly FailedPart[],
    hasFailed: (path: string) => boolean,
  ): void {
    const { onChanged, onProblem, onProgress } = this.#options;
    for (const outcome of block.outcomes) {
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
    const entries = parts.reduce((sum, part) => sum + (part.last ? 1 : 0), 0);
    onProgress?.({ entries, bytes: block.contentBytes, path: parts[0]?.row.path ?? "" });
  }
}
