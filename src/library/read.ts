/**
 * Reading a piped archive in one pass and constant memory. Content comes before the catalog that vouches for it, so
 * what is given out has authenticated but is only known to be all of it, and the truth, when the last item has come.
 */
import { abortable } from "../archive/abortable.ts";
import { pauseEvery } from "../archive/pause.ts";
import { ArchiveStream } from "../archive/stream_reader.ts";
import type { Engine } from "../engine/engine.ts";
import type { Trailer } from "../format/tables.ts";
import { type ArchiveInput, type ArchiveStreamInput, inOrder } from "./input.ts";
import { coreOpenOptions, type OpenOptions } from "./keys.ts";
import { type Part, PartQueue, PassingEntry, type StreamedEntry } from "./passing_entry.ts";
import { type ArchiveSummary, summaryOf } from "./summary.ts";

/**
 * An entry that was given out and that the archive does not have after all: when the archive was made, its file could
 * not be read to the end. Whatever was made of it is to be taken away.
 */
export interface DroppedEntry {
  /** Tells it from the other items. */
  readonly type: "dropped";
  /** Its path. */
  readonly path: string;
}

/** The last item: everything was there, was authentic and agreed. What was taken provisionally is now confirmed. */
export interface StreamEnd {
  /** Tells it from the other items. */
  readonly type: "end";
  /** What the archive says about itself as a whole. */
  readonly summary: ArchiveSummary;
}

/** What comes out of a piped archive. */
export type StreamItem = StreamedEntry | DroppedEntry | StreamEnd;

/** How a piped archive is read. */
export interface ReadOptions extends Omit<OpenOptions, "acceptRollback" | "goWithoutHeader"> {
  /**
   * Whether the first snapshot of an archive of several is read, which is all that one pass can give; unless this is
   * true such an archive throws a {@linkcode SeveralSnapshotsError}. What follows the first is neither read nor
   * checked.
   */
  readonly first?: boolean | undefined;
}

/** Reads a piped archive with the given engine; see `mod.ts`. */
export function readArchive(
  engine: Engine,
  input: ArchiveStreamInput | ArchiveInput,
  options: ReadOptions,
): AsyncGenerator<StreamItem, undefined, undefined> {
  // Wrong keys are said at once, not when the iteration begins.
  const coreOptions = { ...coreOpenOptions(options), segments: options.first ? "first" as const : "only" as const };
  return items();

  async function* items(): AsyncGenerator<StreamItem, undefined, undefined> {
    const pieces = inOrder(input, options.signal);
    let entry: PassingEntry | undefined;
    try {
      const stream = await abortable(() => ArchiveStream.open(engine, pieces, coreOptions), options.signal);
      const parts = new PartQueue(partsOf(stream, options.signal));
      for (;;) {
        const part = await parts.take();
        if (part === undefined) return;
        if (part.type !== "slices") {
          yield part;
          continue;
        }
        entry = new PassingEntry(parts, part);
        yield entry;
        const leftTrace = await entry.leave();
        if (!leftTrace) yield { type: "dropped", path: entry.path };
      }
    } finally {
      // The source first: a read that waits for it would be waited for.
      await pieces.return();
      await entry?.close();
    }
  }
}

async function* partsOf(
  stream: ArchiveStream,
  signal: AbortSignal | undefined,
): AsyncGenerator<Part | DroppedEntry | StreamEnd, undefined, undefined> {
  const pause = pauseEvery();
  let trailer: Trailer | undefined;
  let dropped: string | undefined;
  for await (const event of stream.events()) {
    await pause();
    signal?.throwIfAborted();
    switch (event.kind) {
      case "block": {
        const { entries, data } = event.block;
        for (const entry of entries) yield { type: "slices", entry, data };
        break;
      }
      case "orphans":
        for (const { row } of event.page.entries) {
          // A row whose places fill several pages is repeated.
          if (row.path === dropped) continue;
          dropped = row.path;
          yield { type: "dropped", path: row.path };
        }
        break;
      case "trailer":
        trailer = event.trailer;
        break;
      case "end":
        if (trailer !== undefined) {
          yield { type: "end", summary: summaryOf(stream.header, trailer, event.id, event.length) };
        }
        break;
      case "page":
        break;
    }
  }
}
