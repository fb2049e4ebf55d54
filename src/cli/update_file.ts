/** Appends a snapshot to an archive on disk: what `coffer update` does. */
import { Archive } from "../archive/archive.ts";
import { ChangeFinder } from "../archive/changes.ts";
import { updateArchive, type WrittenUpdate } from "../archive/update.ts";
import { fileContent } from "../disk/content.ts";
import { LockedFile } from "../disk/locked_file.ts";
import { systemReason } from "../disk/system_error.ts";
import { nativeEngine } from "../engine/native/engine.ts";
import { isAtOrBelow } from "../format/path.ts";
import { builderFor } from "./block_builders.ts";
import { SpillFiles } from "../disk/spill_files.ts";
import type { CommandContext } from "./command.ts";
import { CommandError } from "./command_error.ts";
import { EXIT, type ExitCode } from "./exit_codes.ts";
import { attempt, peekAt } from "./open_archive.ts";
import type { EarlyWorkers } from "../parallel/early_workers.ts";
import { type Scout, startScout } from "../parallel/scout_walk.ts";
import type { UpdateOptions } from "./options.ts";
import { planEntries, type StorePlan } from "./store_plan.ts";
import { escapeName, quoteName } from "./ui/escape.ts";
import { formatBytes, formatItems } from "./ui/quantities.ts";
import { VERSION } from "./version.ts";

/** So many files take longer to look at than a thread to start. */
const SCOUTED_FILES = 20_000;
/** Pages of the catalog that are read while the scout lists the first folders: of 2,048 files, and 0.2 MiB, each. */
const PAGES_AHEAD = 32;

/** Appends a snapshot of what has changed. `early` has a thread for a scout. */
export async function updateFile(
  context: CommandContext,
  options: UpdateOptions,
  early: EarlyWorkers,
): Promise<ExitCode> {
  const { ui, signal } = context;
  const plan = await planEntries(context, options);
  const begun = Date.now();
  using file = await open(context, options);
  const archive = await attempt(
    context,
    options,
    peekAt(file),
    (how) => Archive.open(nativeEngine, file, { ...how, acceptRollback: false, snapshot: { kind: "newest" } }),
  );
  await checkAbove(archive, plan, options.replace);
  const isGone = (path: string): boolean => plan.covers(path) ? !plan.isUnseen(path) : options.replace;
  using scout = scoutFor(archive, plan, options, early);
  const finder = new ChangeFinder(nativeEngine, archive, {
    isGone,
    pagesAhead: scout === undefined ? 0 : PAGES_AHEAD,
    access: fileContent,
    checksum: options.checksum,
    onGone: ({ path }) => {
      if (options.dryRun) entry(context, "gone", path, 0);
      else if (ui.verbose) ui.detail(`gone: ${escapeName(path)}`);
    },
    onMoved: ({ path, size }, from) => {
      if (options.dryRun) entry(context, "moved", path, size);
      else if (ui.verbose) ui.detail(`moved: ${escapeName(from)} -> ${escapeName(path)}`);
    },
    onKept: ({ path, size }) => {
      if (options.dryRun) entry(context, "metadata", path, size);
    },
  });
  const found = plan.entries([file.identity()], {
    isKnown: (folder, name, glance) => finder.isKnown(folder, name, glance),
    ...(scout === undefined ? {} : { reports: scout.reports }),
  });
  if (options.dryRun) return await dryRun(context, plan, finder, found);
  using builders = new DisposableStack();
  const builder = await builderFor(options.jobs, builders);
  using progress = ui.progress("Storing");
  using spills = new SpillFiles(options.archive);
  const written = await (
    updateArchive(nativeEngine, file, archive, finder, found, {
      level: options.store ? "store" : options.level,
      pad: options.pad,
      label: options.label ?? "",
      time: { seconds: Math.floor(begun / 1000), nanoseconds: (begun % 1000) * 1_000_000 },
      writer: `coffer ${VERSION}`,
      access: fileContent,
      spill: () => spills.make(),
      always: options.always,
      checkpointBytes: options.checkpointBytes,
      onCheckpoint: ({ number, id }) => ui.detail(`checkpoint ${number}: ${id.toHex()}`),
      ...(builder === undefined ? {} : { builder }),
      signal,
      onProgress: ({ bytes, entries, path }) => {
        plan.contentBytes += bytes;
        progress.add(bytes, entries, escapeName(path));
      },
      onChanged: (path) => plan.changed(path),
      onProblem: ({ path, problem }) => plan.problem(path, systemReason(problem)),
      isPartial: () => plan.partial,
    })
  );
  progress.end();
  report(context, options, plan, finder, written ?? archive.id);
  return plan.partial ? EXIT.partial : EXIT.done;
}

async function open({ signal }: CommandContext, options: UpdateOptions): Promise<LockedFile> {
  try {
    return await LockedFile.open(options.archive, { waitMs: options.lockWaitMs, signal });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new CommandError(
      EXIT.failed,
      `Cannot update ${quoteName(options.archive)}: it does not exist`,
      "coffer create makes a new archive",
    );
  }
}

/** Who goes ahead of the walk; `undefined` where that does not pay. */
function scoutFor(
  archive: Archive,
  plan: StorePlan,
  options: UpdateOptions,
  early: EarlyWorkers,
): Scout | undefined {
  const { files } = archive.trailer.totals;
  const { scouted } = plan;
  if (options.jobs === 1 || options.checksum || files < SCOUTED_FILES || scouted === undefined) return undefined;
  return startScout(scouted, early);
}

/** What is stored cannot lie below something that stays and is no folder. */
async function checkAbove(archive: Archive, plan: StorePlan, replace: boolean): Promise<void> {
  if (replace) return;
  for (const root of plan.rootPaths) {
    for (let at = root.indexOf("/"); at >= 0; at = root.indexOf("/", at + 1)) {
      const above = root.slice(0, at);
      for await (const { row } of archive.find(above)) {
        if (row.kind === "directory" || !isAtOrBelow(root, above)) break;
        throw new CommandError(
          EXIT.failed,
          `Cannot store ${quoteName(root)}: the archive has a ${row.kind} called ${quoteName(above)}`,
          "Name that path too, or use --replace",
        );
      }
    }
  }
}

function entry(
  { ui }: CommandContext,
  change: "stored" | "metadata" | "moved" | "gone",
  path: string,
  size: number,
): void {
  const word = { stored: "store", metadata: "row", moved: "moved", gone: "gone" }[change];
  ui.result(
    () => `${word.padEnd(6)}${escapeName(path)}`,
    () => ({ schema: "coffer/update-entry/1", change, path, size }),
  );
}

async function dryRun(
  context: CommandContext,
  plan: StorePlan,
  finder: ChangeFinder,
  found: ReturnType<StorePlan["entries"]>,
): Promise<ExitCode> {
  const { ui, signal } = context;
  let bytes = 0;
  for await (const { row } of finder.changes(found)) {
    signal.throwIfAborted();
    bytes += row.size;
    entry(context, "stored", row.path, row.size);
  }
  const { stored } = finder.counts;
  ui.note(`would store ${formatItems(stored, "entry", "entries")} (${formatBytes(bytes)})${others(finder)}`);
  return plan.partial ? EXIT.partial : EXIT.done;
}

/** What else there is to say of a snapshot than what is stored. */
function others({ counts: { kept, moved, gone } }: ChangeFinder): string {
  return [
    ...(moved > 0 ? [`, ${formatItems(moved, "file")} moved`] : []),
    ...(kept > moved ? [`, new metadata of ${formatItems(kept - moved, "file")}`] : []),
    ...(gone > 0 ? [`, ${formatItems(gone, "entry", "entries")} gone`] : []),
  ].join("");
}

function report(
  { ui }: CommandContext,
  options: UpdateOptions,
  plan: StorePlan,
  finder: ChangeFinder,
  written: WrittenUpdate | Uint8Array,
): void {
  const isNew = !(written instanceof Uint8Array);
  const id = (isNew ? written.id : written).toHex();
  ui.result(() => undefined, () => ({
    schema: "coffer/update/1",
    archive: options.archive,
    id,
    appended: isNew,
    ...(isNew ? { number: written.number, addedBytes: written.addedBytes, archiveBytes: written.length } : {}),
    ...finder.counts,
    ...(isNew ? written.totals : {}),
    changed: plan.changedPaths,
    problems: plan.problems,
  }));
  if (ui.json) return;
  if (isNew) {
    ui.note(
      `stored ${formatItems(finder.counts.stored, "entry", "entries")}${others(finder)} in ${
        quoteName(options.archive)
      }: snapshot ${written.number}, ${formatBytes(written.addedBytes)} added`,
    );
  } else ui.note(`nothing has changed since the newest snapshot of ${quoteName(options.archive)}`);
  ui.note(`snapshot ${id}`);
  if (!plan.partial) return;
  const count = plan.problems.length + plan.changedPaths.length;
  ui.warn(
    `the snapshot is good, but ${
      formatItems(count, "entry is", "entries are")
    } as before, missing, or changed while read`,
  );
}
