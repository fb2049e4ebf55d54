/** Creates an archive from entries: plan, build, write, in that order for each block. */
import type { Engine } from "../engine/engine.ts";
import { abortable } from "./abortable.ts";
import { type BlockBuilder, type BlockPart, blockTools, type BuiltBlock, inlineBuilder } from "./block_builder.ts";
import { ChunkIndex } from "./chunk_index.ts";
import { BLOCK_BYTES, LARGE_BLOCK_BYTES, planBlocks, type PlannedEntry } from "./planner.ts";
import { pauseEvery } from "./pause.ts";
import { Reporter, type StoreOptions } from "./storing.ts";
import { FIRST_PART_BYTES, PART_BYTES, type SharingWriter, writeShared } from "./write_shared.ts";
import { rowsOfWhole } from "./whole_files.ts";
import { spillOf } from "./segment_options.ts";
import { type KnownChunks, noChunks } from "./stored_chunks.ts";
import { ArchiveWriter, type Sink, type WriterOptions, type WrittenArchive } from "./writer.ts";

/** What creating an archive is told. */
export interface CreateOptions extends WriterOptions, StoreOptions {
  /** Says whether more of the snapshot will follow what is written; asked once, when all entries are written. */
  readonly isCheckpoint?: () => boolean;
}

export type { StoreOptions, StoreProblem } from "./storing.ts";

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
    const chunks = () => noChunks(new ChunkIndex(options.indexedChunks, spillOf(engine, options)));
    await storeEntries(entries, builder, writer, options, chunks);
    options.signal?.throwIfAborted();
    if (options.isPartial?.()) writer.markPartial();
    // It may have to wait for the keys.
    return await abortable(() => writer.finish(options.isCheckpoint?.()), options.signal);
  } catch (error) {
    writer.abandon();
    // A write that failed is the reason for whatever failed after it.
    throw writer.failure === undefined ? error : writer.failure.error;
  }
}

/** Stores entries: builds the blocks that are planned for them, or what of their content is not stored yet. */
export async function storeEntries(
  entries: AsyncIterable<PlannedEntry> | Iterable<PlannedEntry>,
  builder: BlockBuilder,
  writer: SharingWriter,
  options: StoreOptions,
  chunks: () => KnownChunks,
): Promise<void> {
  const { blockBytes } = options;
  const { sharing, width } = builder;
  if (sharing === undefined) {
    const plans = planBlocks(entries, blockBytes ?? BLOCK_BYTES, blockBytes ?? LARGE_BLOCK_BYTES);
    await writeBlocks(plans, builder, writer, options);
    return;
  }
  const plans = blockBytes === undefined
    ? planBlocks(entries, PART_BYTES, PART_BYTES, FIRST_PART_BYTES)
    : planBlocks(entries, 2 * blockBytes);
  const first = await plans.next();
  // An update that stores nothing needs no index.
  if (first.done === true) return;
  await writeShared(joined(first.value, plans), { width, builder: sharing, chunks: chunks() }, writer, options);
}

async function* joined<T>(first: T, rest: AsyncIterable<T>): AsyncGenerator<T> {
  yield first;
  yield* rest;
}

/** A block under way. */
interface PendingBlock {
  readonly parts: readonly BlockPart[];
  readonly block: BuiltBlock | Promise<BuiltBlock>;
}

/** Builds the blocks that were planned, and writes them in the order of their numbers. */
async function writeBlocks(
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
    reporter.tell(built.outcomes, failed, (path) => writer.hasFailed(path));
    const entries = parts.reduce((sum, part) => sum + (part.last ? 1 : 0), 0);
    options.onProgress?.({ entries, bytes: built.contentBytes, path: parts[0]?.row.path ?? "" });
    built.release?.();
  };
  for await (const parts of plans) {
    await pause();
    options.signal?.throwIfAborted();
    while (pending.length >= builder.width) await writeOldest();
    const block = builder.build({ frame: writer.nextFrame(), parts, rows: rowsOfWhole(parts) });
    // Its failure is met when its turn comes, or hidden by an earlier one.
    if (block instanceof Promise) block.catch(() => {});
    pending.push({ parts, block });
    if (builder.width === 1) await writeOldest();
  }
  while (pending.length > 0) await writeOldest();
}
