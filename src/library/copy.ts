/** Copying snapshots to a new archive. */
import { abortable } from "../archive/abortable.ts";
import { Archive } from "../archive/archive.ts";
import { plannedCopies } from "../archive/copy.ts";
import { appendCopy } from "../archive/copy_snapshots.ts";
import { createArchive as createCore } from "../archive/create.ts";
import type { AppendableSource } from "../archive/update.ts";
import type { Engine, SuiteId } from "../engine/engine.ts";
import type { Totals } from "../format/tables.ts";
import { snapshotChoice, type SnapshotName } from "./archive.ts";
import { coreArchiveOptions, coreStoreOptions, type CreateOptions } from "./create.ts";
import { type ArchiveInput, sourceOf } from "./input.ts";
import { coreOpenOptions, type OpenOptions } from "./keys.ts";
import { idText } from "./summary.ts";

/** How a copy is made; labels and times are those of what is copied. */
export interface CopyOptions extends Omit<CreateOptions, "label" | "time"> {
  /** The snapshots that are copied, in the order of the archive; all of them unless given. */
  readonly snapshots?: readonly SnapshotName[] | undefined;
}

/** What was copied. */
export interface CopiedArchive {
  /** The newest snapshot's id, 64 hexadecimal digits. */
  readonly id: string;
  /** Bytes of the copy. */
  readonly length: number;
  /** How many snapshots it has. */
  readonly snapshots: number;
  /** What its newest one has. */
  readonly totals: Totals;
}

/** Copies snapshots with the given engine; see `mod.ts`. */
export async function copyArchive(
  engine: Engine,
  input: ArchiveInput,
  target: AppendableSource,
  from: OpenOptions,
  to: CopyOptions,
): Promise<CopiedArchive> {
  if (target.size > 0) throw new TypeError("Cannot copy an archive to where something is already");
  const made = coreArchiveOptions(to);
  const { time: _, label: _label, ...storing } = coreStoreOptions(to);
  const signal = to.signal ?? new AbortController().signal;
  const choices = to.snapshots?.map(snapshotChoice);
  const source = sourceOf(input, from.signal);
  const newest = await abortable(() => Archive.open(engine, source, coreOpenOptions(from)), from.signal);
  // Whatever the first opening warned of or accepted is known by now.
  const openAt = (snapshot: ReturnType<typeof snapshotChoice>) =>
    Archive.openBehind(engine, source, newest.opened, { snapshot, acceptRollback: true });
  const numbers = new Set<number>();
  for (const choice of choices ?? []) numbers.add((await openAt(choice)).number);
  if (choices === undefined) {
    for await (const { number, checkpoint } of newest.snapshots()) if (!checkpoint) numbers.add(number);
  }
  const [first, ...others] = [...numbers].sort((a, b) => a - b);
  if (first === undefined) throw new TypeError("Cannot copy no snapshot at all");
  try {
    let previous = await openAt({ kind: "number", number: first });
    const { time, label, partial, checkpoint = false } = previous.trailer;
    const sink = { write: (bytes: Uint8Array) => target.append(bytes) };
    const written = await createCore(engine, plannedCopies(previous), sink, {
      ...storing,
      ...made,
      suite: to.suite === undefined ? newest.header.suite : made.suite as SuiteId,
      dedup: made.dedup === true || newest.isDeduplicated,
      time,
      label,
      signal,
      // Chosen by name, it is all that there will be of it.
      isPartial: () => partial || checkpoint,
    });
    await target.write(0, written.header);
    await target.sync();
    let { id, totals } = written;
    // The key itself: a passphrase's need not be derived again, and a recipient's opens nothing.
    const keys = [{ kind: "archive-key" as const, archiveKey: written.archiveKey }];
    for (const number of others) {
      signal.throwIfAborted();
      const copy = await Archive.open(engine, target, { keys });
      const next = await openAt({ kind: "number", number });
      ({ id, totals } = await appendCopy(engine, target, copy, previous, next, { ...storing, signal }));
      previous = next;
    }
    return { id: idText(id), length: target.size, snapshots: numbers.size, totals };
  } catch (error) {
    // Half a copy is none. Whatever cannot be removed matters less than why.
    await target.truncate(0).catch(() => {});
    throw error;
  }
}
