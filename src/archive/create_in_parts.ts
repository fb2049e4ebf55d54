/** Creates an archive on a disk, committing what is stored as it grows, so that whoever is interrupted can go on. */
import type { Bytes, Engine } from "../engine/engine.ts";
import { Additions, EntryQueue } from "./checkpoints.ts";
import { createArchive, type CreateOptions } from "./create.ts";
import type { PlannedEntry } from "./planner.ts";
import type { AppendableSource, UpdateOptions, WrittenUpdate } from "./update.ts";
import type { Sink, WrittenArchive } from "./writer.ts";

/** How an archive is created in parts. */
export interface PartsOptions extends Omit<CreateOptions, "isCheckpoint">, Pick<UpdateOptions, "onCheckpoint"> {
  /** New bytes after which what was stored is committed. */
  readonly checkpointBytes: number;
  /**
   * Takes what the sink was given, once the first part is complete: puts its header in place and on the disk, and gives
   * the archive to go on with, locked. It is called once, or never.
   */
  readonly begin: (first: WrittenArchive) => Promise<AppendableSource>;
}

/** An archive that was created. */
export interface CreatedArchive extends Pick<WrittenArchive, "id" | "length" | "archiveKey" | "totals"> {
  /** The header to be put in place; `undefined` when it is there, since the archive has several parts. */
  readonly header: Bytes | undefined;
  /** The snapshot's number: how many parts there are. */
  readonly number: number;
}

/**
 * Writes an archive of `entries`: to `sink` until the first checkpoint, and from there on to what `begin` gives. The
 * entries come in path order, and files before hardlinks to them. When it rejects after the first checkpoint, the
 * archive holds what the last one has.
 *
 * @throws as creating and updating archives do.
 */
export async function createInParts(
  engine: Engine,
  entries: AsyncIterable<PlannedEntry> | Iterable<PlannedEntry>,
  sink: Sink,
  options: PartsOptions,
): Promise<CreatedArchive> {
  const { checkpointBytes, begin, onCheckpoint, ...storing } = options;
  const queue = new EntryQueue(entries);
  try {
    let bytes = 0;
    const counted = {
      ...sink,
      write: (piece: Bytes) => {
        bytes += piece.length;
        return sink.write(piece);
      },
    };
    const first = await createArchive(engine, queue.take(() => bytes >= checkpointBytes), counted, {
      ...storing,
      isCheckpoint: () => !queue.ended,
    });
    if (queue.ended) return { ...first, number: 1 };
    // Most archives have one part: what reads and updates archives is loaded for the others only.
    const [{ Archive }, { updateArchive }] = await Promise.all([import("./archive.ts"), import("./update.ts")]);
    const target = await begin(first);
    const { id, length, archiveKey, totals } = first;
    onCheckpoint?.({ id, number: 1, addedBytes: length, length, totals });
    const keys = [{ kind: "archive-key", archiveKey } as const];
    const archive = await Archive.open(engine, target, { keys, snapshot: { kind: "newest" } });
    const rest = queue.take(() => false);
    const written = await updateArchive(engine, target, archive, new Additions(engine, archive), rest, options);
    return { ...written as WrittenUpdate, archiveKey, header: undefined };
  } finally {
    await queue.close();
  }
}
