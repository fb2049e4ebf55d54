/**
 * Stores entries of an archive whose files share content: cut, look up, gather, seal, write (FORMAT.md,
 * "Deduplication").
 */
import { type BlockEntry, encodeBlockRows } from "../format/block.ts";
import { abortable } from "./abortable.ts";
import type { BlockPart, PartOutcome, SealedBlock, SharingBuilder } from "./block_builder.ts";
import type { ChunkIndex } from "./chunk_index.ts";
import type { CutParts } from "./content_cutter.ts";
import { type GatheredBlock, type GatheredEntry, Gathering } from "./gathering.ts";
import { pauseEvery } from "./pause.ts";
import { BLOCK_BYTES } from "./planner.ts";
import { Reporter, type StoreOptions } from "./storing.ts";
import type { KnownChunks } from "./stored_chunks.ts";
import type { ArchiveWriter } from "./writer.ts";

/**
 * Content bytes that are cut for themselves. A cut that is not the content's own costs a chunk or two, which is little
 * of so much.
 */
export const PART_BYTES = 2 ** 22;
/**
 * Of the first of these, so many are cut at a time: an update cuts what has changed while it looks for more, and needs
 * less memory when that is little.
 */
export const FIRST_PART_BYTES = 2 ** 18;

/** What writes the blocks. */
export type SharingWriter = Pick<
  ArchiveWriter,
  "start" | "nextFrame" | "writeBlock" | "hasFailed" | "lastBlock" | "addChunks"
>;

/** What stores entries once. */
export interface Sharing {
  readonly width: number;
  readonly builder: SharingBuilder;
  /** What is stored already; its index gets what is stored now. */
  readonly chunks: KnownChunks;
}

/** Cuts what was planned, and writes what of it is new, in the order of the plan. */
export async function writeShared(
  plans: AsyncIterable<readonly BlockPart[]>,
  { width, builder, chunks }: Sharing,
  writer: SharingWriter,
  options: StoreOptions,
): Promise<void> {
  const { signal, blockBytes = BLOCK_BYTES } = options;
  const pause = pauseEvery();
  const { index } = chunks;
  const gathering = new Gathering(index, blockBytes, (length) => builder.allocate(length));
  const blocks = new BlockQueue(width, builder, index, writer, options);
  const pending: { readonly parts: readonly BlockPart[]; readonly cut: CutParts | Promise<CutParts> }[] = [];
  const takeOldest = async () => {
    const { parts, cut } = pending.shift() as typeof pending[number];
    const done = await (cut instanceof Promise ? abortable(() => cut, signal) : cut);
    await chunks.lookUp(done.ids);
    const full = gathering.take(parts, done);
    const entries = parts.reduce((sum, part) => sum + (part.last ? 1 : 0), 0);
    const bytes = done.lengths.reduce((sum, length) => sum + Math.abs(length), 0);
    done.release?.();
    options.onProgress?.({ entries, bytes, path: parts[0]?.row.path ?? "" });
    for (const block of full) await blocks.add(block);
  };
  for await (const parts of plans) {
    await pause();
    signal?.throwIfAborted();
    while (pending.length >= width) await takeOldest();
    const cut = builder.cut(parts);
    // Its failure is met when its turn comes, or hidden by an earlier one.
    if (cut instanceof Promise) cut.catch(() => {});
    pending.push({ parts, cut });
    // What was cut here lies in memory that the next cut needs.
    if (!(cut instanceof Promise)) { while (pending.length > 0) await takeOldest(); }
  }
  while (pending.length > 0) await takeOldest();
  for (const block of gathering.end()) await blocks.add(block);
  await blocks.finish();
}

/** A block that is being sealed. */
interface PendingSeal {
  readonly frame: number;
  readonly block: GatheredBlock;
  readonly sealed: SealedBlock | Promise<SealedBlock>;
}

/** Blocks that are being sealed, and written in their order. */
class BlockQueue {
  readonly #width: number;
  readonly #builder: SharingBuilder;
  readonly #index: ChunkIndex;
  readonly #writer: SharingWriter;
  readonly #options: StoreOptions;
  readonly #reporter: Reporter;
  readonly #pending: PendingSeal[] = [];

  constructor(
    width: number,
    builder: SharingBuilder,
    index: ChunkIndex,
    writer: SharingWriter,
    options: StoreOptions,
  ) {
    this.#width = width;
    this.#builder = builder;
    this.#index = index;
    this.#writer = writer;
    this.#options = options;
    this.#reporter = new Reporter(options);
  }

  async add(block: GatheredBlock): Promise<void> {
    while (this.#pending.length >= this.#width) await this.#writeOldest();
    const frame = this.#writer.nextFrame();
    const entries = block.outcomes.flatMap((outcome) => outcome.ok ? [entryOf(outcome)] : []);
    const rows = encodeBlockRows(entries);
    const sealed = this.#builder.seal({ frame, count: entries.length, rows, data: block.data });
    if (sealed instanceof Promise) sealed.catch(() => {});
    this.#pending.push({ frame, block, sealed });
  }

  async finish(): Promise<void> {
    while (this.#pending.length > 0) await this.#writeOldest();
  }

  async #writeOldest(): Promise<void> {
    const { signal } = this.#options;
    const { frame, block, sealed } = this.#pending.shift() as PendingSeal;
    const { bytes, release } = await (sealed instanceof Promise ? abortable(() => sealed, signal) : sealed);
    // The keys may still be derived; the first blocks are built beside that.
    await abortable(() => this.#writer.start(), signal);
    const outcomes = block.outcomes.map((outcome) => outcome.ok ? this.#placed(outcome, block.number) : outcome);
    const failed = await this.#writer.writeBlock({ frame, bytes, outcomes, contentBytes: 0 });
    const place = this.#writer.lastBlock;
    if (place === undefined) throw new TypeError("Cannot say where a block is that was not written");
    this.#index.setPlace(block.number, place);
    this.#writer.addChunks({ place, lengths: block.lengths, ids: block.ids });
    this.#reporter.tell(outcomes, failed, (path) => this.#writer.hasFailed(path));
    release?.();
  }

  /** Says where shared content lies: in a block that was written before, or in this one. */
  #placed(entry: GatheredEntry, own: number): PartOutcome {
    const shared = entry.shared.map(({ block, ...slice }) => ({
      ...slice,
      block: block === own ? undefined : this.#index.placeOf(block),
    }));
    return { ok: true, entry: entryOf(entry), shared };
  }
}

function entryOf({ row, provisional, slices }: GatheredEntry): BlockEntry {
  return { row, provisional, slices };
}
