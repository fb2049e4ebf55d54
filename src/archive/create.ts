/** Creates an archive from entries: plan, build, write, in that order for each block. */
import type { Bytes, Engine } from "../engine/engine.ts";
import { abortable } from "./abortable.ts";
import { BlockScratch, buildBlock } from "./block_builder.ts";
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
export interface CreateOptions extends WriterOptions {
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
  const writer = await abortable(() => ArchiveWriter.begin(engine, sink, options, options.random), options.signal);
  const tools = {
    engine,
    cipher: writer.cipher,
    level: writer.level,
    access: options.access,
    scratch: new BlockScratch(),
  };
  const pause = pauseEvery();
  let lastProblem: string | undefined;
  for await (const parts of planBlocks(entries, options.blockBytes ?? BLOCK_BYTES)) {
    await pause();
    options.signal?.throwIfAborted();
    const block = buildBlock({ frame: writer.nextFrame(), parts }, tools);
    const failed = await writer.writeBlock(block);
    for (const outcome of block.outcomes) {
      if (outcome.ok && outcome.entry.row.changed) options.onChanged?.(outcome.entry.row.path);
    }
    for (const outcome of failed) {
      // Each slice of a large file may fail; its path is named once.
      if (outcome.row.path === lastProblem) continue;
      lastProblem = outcome.row.path;
      if (options.onProblem === undefined) throw outcome.problem;
      options.onProblem({ path: outcome.row.path, problem: outcome.problem });
    }
    const entries = parts.reduce((sum, part) => sum + (part.last ? 1 : 0), 0);
    options.onProgress?.({ entries, bytes: block.contentBytes, path: parts[0]?.row.path ?? "" });
  }
  options.signal?.throwIfAborted();
  if (options.isPartial?.()) writer.markPartial();
  return await writer.finish();
}
