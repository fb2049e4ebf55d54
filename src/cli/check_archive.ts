/** Opening archives to be checked as a whole, and checking them. */
import { Archive, type OpenOptions } from "../archive/archive.ts";
import { type OpenedHeader, openHeader } from "../archive/header_reader.ts";
import { stateOf } from "../archive/one_pass.ts";
import { pauseEvery } from "../archive/pause.ts";
import { PlacedQueue } from "../archive/placed_queue.ts";
import { ArchiveStream, type StreamOptions } from "../archive/stream_reader.ts";
import { FileSource } from "../disk/file_source.ts";
import { nativeEngine } from "../engine/native/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import type { CommandContext } from "./command.ts";
import { attempt, openOptions, peekAt } from "./open_archive.ts";
import type { OpeningOptions, SnapshotOptions } from "./options.ts";

/** An archive on disk that is to be checked as a whole; disposing closes the file. */
export interface CheckedFile extends Disposable {
  /** Everything up to the newest snapshot, from front to back. */
  readonly stream: ArchiveStream;
  /** The snapshot with random access; `undefined` when its end is bad, and then reading the stream tells more of it. */
  readonly archive: Archive | undefined;
  /** Why there is none. */
  readonly failure: ArchiveError | undefined;
  readonly source: FileSource;
}

/** Opens an archive on disk to be checked. `onOpening` hears with what, the last time with what opened it. */
export async function openToCheckByName(
  context: CommandContext,
  options: OpeningOptions & SnapshotOptions,
  onOpening: (how: OpenOptions) => void,
): Promise<CheckedFile> {
  const source = FileSource.open(options.archive);
  try {
    const opened = await attempt(context, options, peekAt(source), (how) => {
      onOpening(how);
      return openHeader(nativeEngine, peekAt(source), how.keys, how.kdfLimits ?? {});
    });
    for (const warning of opened.warnings) openOptions(context, options, []).onWarning?.(warning);
    const checked = await openToCheckBehind(context, options, source, opened);
    return { ...checked, [Symbol.dispose]: () => source.close() };
  } catch (error) {
    source.close();
    throw error;
  }
}

/** Opens an archive to be checked whose header has been opened. */
export async function openToCheckBehind(
  context: CommandContext,
  options: OpeningOptions & SnapshotOptions,
  source: FileSource,
  opened: OpenedHeader,
): Promise<Omit<CheckedFile, keyof Disposable>> {
  const { ui } = context;
  const how = openOptions(context, options, []);
  let archive: Archive | undefined;
  let failure: ArchiveError | undefined;
  try {
    archive = await Archive.openBehind(nativeEngine, source, opened, { ...how, snapshot: options.snapshot });
  } catch (error) {
    if (!(error instanceof ArchiveError) || error.code === "rolled-back") throw error;
    failure = error;
    ui.detail(error.message);
  }
  const end = archive === undefined ? source.size : archive.fileEnd;
  const through = archive?.newest.locator.segment.number ?? segmentOf(opened);
  // The key itself: a passphrase's has been derived once already.
  const keys = [{ kind: "archive-key" as const, archiveKey: opened.keys.archiveKey }];
  const stream = await ArchiveStream.open(nativeEngine, upTo(source, end), {
    keys,
    segments: { through },
    checkRecovery: true,
  });
  return { stream, archive, failure, source };
}

/** The number of the newest segment that a header knows. */
function segmentOf(opened: OpenedHeader): number {
  const state = stateOf(opened);
  return !(state instanceof ArchiveError) && state.kind === "known" ? state.locator.segment.number : 0;
}

/**
 * Reads an archive on disk from front to back and checks everything in it.
 *
 * @throws {ArchiveError} at the first thing that is wrong.
 */
export async function checkWhole(
  path: string,
  options: StreamOptions,
  { jobs, signal, onProgress }: {
    readonly jobs: number;
    readonly signal: AbortSignal;
    readonly onProgress: (bytes: number) => void;
  },
): Promise<void> {
  const how = { ...options, checkRecovery: true, segments: "all" as const };
  using file = FileSource.open(path);
  const stream = await ArchiveStream.open(nativeEngine, upTo(file, file.size), how);
  const { checkInParallel } = await import("../parallel/check_blocks.ts");
  using checkers = new DisposableStack();
  const pause = pauseEvery();
  const checking = stream.leavesBlocks ? { jobs, file } : { jobs };
  for await (const event of stream.events((setting) => checkers.use(checkInParallel(setting, checking)))) {
    await pause();
    signal.throwIfAborted();
    if (event.kind === "block") onProgress(event.block.bytes);
  }
}

/** The first bytes of a file, from front to back. */
function upTo(source: FileSource, size: number): PlacedQueue {
  return new PlacedQueue({ size, readInto: (offset, bytes) => source.readInto(offset, bytes) });
}
