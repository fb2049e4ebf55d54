/** `coffer copy` */
import { Archive } from "../../archive/archive.ts";
import { plannedCopies } from "../../archive/copy.ts";
import { appendCopy } from "../../archive/copy_snapshots.ts";
import { createArchive } from "../../archive/create.ts";
import { keptSnapshots } from "../../archive/retention.ts";
import type { Snapshot } from "../../archive/snapshots.ts";
import type { NewKey } from "../../archive/key_slots.ts";
import { AtomicFile } from "../../disk/atomic_file.ts";
import { LockedFile } from "../../disk/locked_file.ts";
import { nativeEngine } from "../../engine/native/engine.ts";
import type { Totals } from "../../format/tables.ts";
import { builderFor } from "../block_builders.ts";
import { recoveryPercent } from "../../format/header.ts";
import { SpillFiles } from "../../disk/spill_files.ts";
import type { CommandContext } from "../command.ts";
import { UsageError } from "../command_error.ts";
import { EXIT, type ExitCode } from "../exit_codes.ts";
import { warnOfCosts } from "../kdf_cost.ts";
import { newKeys } from "../keys.ts";
import type { OpenedFile } from "../open_archive.ts";
import type { CopyOptions } from "../options.ts";
import { openFile } from "../open_file.ts";
import { writeToStandardOutput } from "../standard_output.ts";
import { temporaryFolder } from "../system.ts";
import { escapeName, quoteName } from "../ui/escape.ts";
import { formatBytes, formatItems } from "../ui/quantities.ts";
import { VERSION } from "../version.ts";

/** Writes an archive's snapshots to a new one under a fresh archive key. */
export async function run(context: CommandContext, options: CopyOptions): Promise<ExitCode> {
  const { ui, system, signal } = context;
  const { target } = options;
  if (target === "-" && system.stdout.isTerminal()) {
    throw new UsageError("Cannot write an archive to a terminal", "Redirect standard output, or name a file as NEW");
  }
  const one = "kind" in options.snapshots ? options.snapshots : undefined;
  using opened = await openFile(context, { ...options, snapshot: one ?? { kind: "latest" } });
  const numbers = one === undefined ? await chosen(context, opened, options) : [opened.archive.number];
  const recovery = options.recovery ?? recoveryPercent(opened.archive.header);
  using file = target === "-" ? undefined : AtomicFile.create(target, { overwrite: options.force });
  const keys = await newKeys(context, options.newKeys);
  const kdf = { logN: options.kdfLogN, r: 8, p: 1 };
  warnOfCosts(ui, keys.filter(({ kind }) => kind === "passphrase").map(() => kdf));
  using progress = ui.progress("Copying");
  const work: Work = {
    keys,
    kdf,
    recovery,
    onProgress: ({ bytes, entries, path }) => progress.add(bytes, entries, escapeName(path)),
  };
  const written = await copyAll(context, options, opened, numbers, file, work);
  signal.throwIfAborted();
  file?.commit();
  progress.end();
  const id = written.id.toHex();
  const { totals } = written;
  ui.result(() => undefined, () => ({
    schema: "coffer/copy/1",
    archive: options.archive,
    target,
    id,
    archiveBytes: written.length,
    snapshots: numbers.length,
    ...totals,
  }));
  if (ui.json) return EXIT.done;
  const where = target === "-" ? formatBytes(written.length) : `${quoteName(target)} (${formatBytes(written.length)})`;
  const several = numbers.length === 1 ? "" : `${formatItems(numbers.length, "snapshot")}, the newest with `;
  ui.note(
    `copied ${several}${formatItems(totals.entries, "entry", "entries")} (${formatBytes(totals.bytes)}) to ${where}`,
  );
  ui.detail(`snapshot id: ${id}`);
  return EXIT.done;
}

/** Numbers of the snapshots that the rules choose, the oldest first. */
async function chosen(
  { ui }: CommandContext,
  { archive }: OpenedFile,
  { snapshots: rules, target }: CopyOptions,
): Promise<number[]> {
  const all: Snapshot[] = [];
  for await (const snapshot of archive.snapshots()) if (!snapshot.checkpoint) all.push(snapshot);
  const kept = "kind" in rules ? [] : keptSnapshots(all, rules);
  if (target === "-" && kept.length > 1) {
    throw new UsageError(
      `Cannot copy ${kept.length} snapshots to standard output: only one can be written in one pass`,
      "Choose one with --snapshot, such as latest, or name a file as NEW",
    );
  }
  for (const { snapshot, rules: reasons } of kept) {
    ui.detail(`snapshot ${snapshot.number}${reasons.length === 0 ? "" : `: ${reasons.join(", ")}`}`);
  }
  return kept.map(({ snapshot }) => snapshot.number);
}

/** What all snapshots of a copy are written with. */
interface Work {
  readonly keys: readonly NewKey[];
  readonly kdf: { readonly logN: number; readonly r: number; readonly p: number };
  /** Percentage of a recovery record; 0 for none. */
  readonly recovery: number;
  readonly onProgress: (step: { readonly entries: number; readonly bytes: number; readonly path: string }) => void;
}

/** What was written. */
interface Copied {
  readonly id: Uint8Array;
  readonly length: number;
  readonly totals: Totals;
}

async function copyAll(
  context: CommandContext,
  options: CopyOptions,
  opened: OpenedFile,
  numbers: readonly number[],
  file: AtomicFile | undefined,
  work: Work,
): Promise<Copied> {
  const { system, signal } = context;
  const [first, ...others] = numbers as [number, ...number[]];
  let previous = await snapshotAt(opened, first);
  using spills = new SpillFiles(file?.temporaryPath ?? `${temporaryFolder(system)}/standard-output`);
  const storing = {
    spill: () => spills.make(),
    level: options.store ? "store" as const : options.level,
    pad: options.pad,
    writer: `coffer ${VERSION}`,
    signal,
    onProgress: work.onProgress,
  };
  const { time, label, partial, checkpoint = false } = previous.trailer;
  const written = await withBuilder(options.jobs, (builder) =>
    createArchive(
      nativeEngine,
      plannedCopies(previous),
      { write: file === undefined ? (bytes) => writeToStandardOutput(system, bytes) : (bytes) => file.write(bytes) },
      {
        ...storing,
        ...builder,
        ...(work.recovery === 0 ? {} : { recovery: work.recovery }),
        keys: work.keys,
        kdf: work.kdf,
        suite: options.suite ?? previous.header.suite,
        dedup: options.dedup || previous.isDeduplicated,
        label,
        time,
        headerLast: file !== undefined,
        // Chosen by name, it is all that there will be of it.
        isPartial: () => partial || checkpoint,
      },
    ));
  let copied: Copied = written;
  if (file === undefined) return copied;
  file.writeAt(0, written.header);
  if (others.length === 0) return copied;
  using target = await LockedFile.open(file.temporaryPath, { signal });
  // The key itself: a passphrase's need not be derived again, and a recipient's opens nothing.
  const keys = [{ kind: "archive-key", archiveKey: written.archiveKey } as const];
  for (const number of others) {
    signal.throwIfAborted();
    const copy = await Archive.open(nativeEngine, target, { keys });
    const next = await snapshotAt(opened, number);
    const from = previous;
    copied = await withBuilder(
      options.jobs,
      (builder) => appendCopy(nativeEngine, target, copy, from, next, { ...storing, ...builder }),
    );
    previous = next;
  }
  return copied;
}

async function snapshotAt({ archive, source }: OpenedFile, number: number): Promise<Archive> {
  if (archive.number === number) return archive;
  return await Archive.openBehind(nativeEngine, source, archive.opened, {
    snapshot: { kind: "number", number },
    acceptRollback: true,
  });
}

/** Builds blocks on so many threads for as long as some work takes. */
async function withBuilder<T>(
  jobs: number,
  work: (options: { readonly builder?: NonNullable<Awaited<ReturnType<typeof builderFor>>> }) => Promise<T>,
): Promise<T> {
  using owner = new DisposableStack();
  const builder = await builderFor(jobs, owner);
  return await work(builder === undefined ? {} : { builder });
}
