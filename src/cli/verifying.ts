/** Checking an archive as a whole, and comparing it with a tree. */
import type { OpenOptions } from "../archive/archive.ts";
import { checkSnapshot } from "../archive/check_snapshot.ts";
import { pauseEvery } from "../archive/pause.ts";
import { orBest } from "../archive/snapshots.ts";
import type { StreamEvent } from "../archive/stream_reader.ts";
import type { Difference, TreeComparison } from "../disk/compare.ts";
import { ArchiveError } from "../format/errors.ts";
import type { Trailer } from "../format/tables.ts";
import { type CheckedBlock, checkInParallel, type ParallelChecker } from "../parallel/check_blocks.ts";
import type { EarlyWorkers } from "../parallel/early_workers.ts";
import type { CommandContext } from "./command.ts";
import { EXIT, type ExitCode } from "./exit_codes.ts";
import type { VerifyOptions } from "./options.ts";
import { type CheckedFile, openToCheckByName } from "./check_archive.ts";
import type { PipedStream } from "./piped_archive.ts";
import { escapeName, quoteName } from "./ui/escape.ts";
import { formatBytes, formatItems } from "./ui/quantities.ts";

/** Reads and checks everything, and compares it with a tree if there is one. `early` has workers that may be used. */
export async function verify(
  context: CommandContext,
  options: VerifyOptions,
  early: EarlyWorkers | undefined,
): Promise<ExitCode> {
  const { ui, signal } = context;
  let how: OpenOptions = { keys: [] };
  // Whether it is intact can be said of an unfinished archive too.
  const checking = options.against === undefined ? { ...options, snapshot: orBest(options.snapshot) } : options;
  const onOpening = (tried: OpenOptions) => {
    how = tried;
  };
  using opened = options.archive === "-"
    ? await (await import("./piped_archive.ts")).openInputToCheck(context, checking, onOpening)
    : await openToCheckByName(context, checking, onOpening);
  // What a stream of one snapshot gives is that snapshot; otherwise it is put together from what all of them hold.
  const { archive } = opened;
  const inOnePass = archive?.newest.locator.segment.number === 0 && !archive.isDeduplicated;
  const snapshot = inOnePass ? undefined : archive;
  const differences: Difference[] = [];
  using progress = ui.progress("Verifying");
  const comparison = options.against === undefined
    ? undefined
    : new (await import("../disk/compare.ts")).TreeComparison({
      directory: options.against,
      onDifference: (difference) => {
        differences.push(difference);
        ui.result(() => `${escapeName(difference.path)}: ${difference.message}`, () => undefined);
      },
    });
  let trailer: Trailer | undefined;
  let id = "";
  let length = 0;
  using checkers = new DisposableStack();
  const pause = pauseEvery();
  try {
    for await (
      const event of eventsOf(opened, options, early, checkers, snapshot === undefined ? comparison : undefined)
    ) {
      await pause();
      signal.throwIfAborted();
      if (event.kind === "block") progress.add(event.block.bytes, event.block.entries);
      if (event.kind === "trailer") trailer = event.trailer;
      if (event.kind !== "end") continue;
      id = event.id.toHex();
      length = event.length;
    }
    if ("failure" in opened && opened.failure !== undefined) throw opened.failure;
    if (archive !== undefined && archive.newest.tail > 0 && !options.acceptRollback) {
      throw leftOver(archive.newest.tail);
    }
    if (snapshot !== undefined) {
      trailer = snapshot.trailer;
      id = snapshot.id.toHex();
      if (comparison === undefined) await checkSnapshot(snapshot, signal);
      else await (await import("./compare_snapshot.ts")).compareSnapshot(snapshot, comparison, signal);
    }
  } catch (error) {
    progress.end();
    // What came through a pipe in one pass is gone.
    if (error instanceof ArchiveError && "source" in opened) {
      const { tellDamage } = await import("./survey.ts");
      await tellDamage(context, options, opened.source, how, error);
    }
    throw error;
  } finally {
    comparison?.close();
  }
  progress.end();
  const totals = (trailer as Trailer).totals;
  ui.result(() => undefined, () => ({
    schema: "coffer/verify/1",
    archive: options.archive,
    id,
    archiveBytes: length,
    ...totals,
    partial: (trailer as Trailer).partial,
    checkpoint: (trailer as Trailer).checkpoint === true,
    against: options.against ?? null,
    differences: differences.map(({ path, kind, message }) => ({ path, kind, message })),
  }));
  if (!ui.json) {
    ui.note(
      `${options.archive === "-" ? "the archive" : quoteName(options.archive)} is whole: ` +
        `${formatItems(totals.entries, "entry", "entries")} (${formatBytes(totals.bytes)}), all authentic`,
    );
  }
  if ((trailer as Trailer).checkpoint) ui.note("it is unfinished: its writer was interrupted, and more was to come");
  if (options.against === undefined) return EXIT.done;
  const what = differences.length === 0 ? "no difference" : formatItems(differences.length, "difference");
  ui.note(`${what} from ${quoteName(options.against)}`);
  if (differences.length === totals.entries && differences.every(({ kind }) => kind === "only-in-archive")) {
    ui.note("nothing in the archive is there: name the folder that holds its paths, as coffer list shows them");
  }
  return differences.length === 0 ? EXIT.done : EXIT.differs;
}

/**
 * What comes out of the archive; compared on the way, which takes its content to this thread, or checked on several.
 */
async function* eventsOf(
  opened: CheckedFile | PipedStream,
  { jobs }: VerifyOptions,
  early: EarlyWorkers | undefined,
  owner: DisposableStack,
  comparison: TreeComparison | undefined,
): AsyncGenerator<StreamEvent<CheckedBlock>> {
  const { stream } = opened;
  if (comparison === undefined) {
    const threads = early === undefined ? { jobs } : { jobs, start: () => early.take(), started: early.count > 0 };
    const options = "source" in opened && stream.leavesBlocks ? { ...threads, file: opened.source } : threads;
    let checker: ParallelChecker | undefined;
    yield* stream.events((setting) => {
      // A segment is done with before the next one begins.
      checker?.[Symbol.dispose]();
      return checker = owner.use(checkInParallel(setting, options));
    });
    return;
  }
  for await (const event of stream.events()) {
    comparison.take(event);
    if (event.kind !== "block") yield event;
    else yield { ...event, block: { entries: event.block.entries.length, bytes: event.block.data.length } };
  }
}

function leftOver(bytes: number): ArchiveError {
  return new ArchiveError(
    "trailing-data",
    `Cannot accept the archive: ${bytes} bytes follow its last snapshot, which is whole; if an update was interrupted, ` +
      "the next one removes them, and so does coffer repair --cut-trailing",
  );
}
