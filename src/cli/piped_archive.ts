/** Archives on standard input: read in one pass where that is possible, otherwise kept in a temporary file. */
import { Archive, type OpenOptions } from "../archive/archive.ts";
import { ByteQueue } from "../archive/byte_queue.ts";
import { type OpenedHeader, openHeader } from "../archive/header_reader.ts";
import { openAnyway } from "../archive/lost_header.ts";
import { whyNotInOnePass } from "../archive/one_pass.ts";
import { ArchiveStream } from "../archive/stream_reader.ts";
import type { Spooled } from "../disk/spool.ts";
import { chunksOf } from "../disk/streams.ts";
import type { Bytes } from "../engine/engine.ts";
import { nativeEngine } from "../engine/native/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import type { CommandContext } from "./command.ts";
import { CommandError } from "./command_error.ts";
import { EXIT } from "./exit_codes.ts";
import { type CheckedFile, openToCheckBehind } from "./check_archive.ts";
import { attempt, type OpenedFile } from "./open_archive.ts";
import type { OpeningOptions, SnapshotOptions } from "./options.ts";
import { temporaryFolder } from "./system.ts";
import { quoteName } from "./ui/escape.ts";

/** An archive that is read in one pass. */
export interface PipedStream extends Disposable {
  readonly stream: ArchiveStream;
  readonly archive: undefined;
}

/** How standard input is read. */
interface PipeOptions {
  /** Whether it may be read in one pass, when the archive allows it. */
  readonly inOnePass: boolean;
  /** Whether a lost header may be gone without, when the recovery words are given. */
  readonly withoutHeader: boolean;
  /** Where it is kept when no option says so. */
  readonly folder: string;
}

/** Standard input whose header has been opened. */
interface Pipe {
  readonly queue: ByteQueue;
  readonly opened: OpenedHeader;
  readonly how: OpenOptions;
  /** All of it, when it could not be read in one pass. */
  readonly kept: Spooled | undefined;
}

/** Opens the archive on standard input for random access: it is kept for that. */
export async function openKept(
  context: CommandContext,
  options: OpeningOptions & SnapshotOptions,
): Promise<OpenedFile> {
  return await atRandom(
    await openPipe(context, options, {
      inOnePass: false,
      withoutHeader: true,
      folder: temporaryFolder(context.system),
    }),
    options,
  );
}

/** Opens the archive on standard input to be read in one pass, or with random access where that is not possible. */
export async function openInput(
  context: CommandContext,
  options: OpeningOptions & SnapshotOptions,
  folder: string = temporaryFolder(context.system),
): Promise<OpenedFile | PipedStream> {
  const pipe = await openPipe(context, options, { inOnePass: true, withoutHeader: true, folder });
  return pipe.kept === undefined ? await asStream(pipe, options, false) : await atRandom(pipe, options);
}

/** Opens the archive on standard input to be checked as a whole; `onOpening` hears with what opened it. */
export async function openInputToCheck(
  context: CommandContext,
  options: OpeningOptions & SnapshotOptions,
  onOpening: (how: OpenOptions) => void,
): Promise<CheckedFile | PipedStream> {
  const pipe = await openPipe(context, options, {
    inOnePass: true,
    withoutHeader: false,
    folder: temporaryFolder(context.system),
  });
  onOpening(pipe.how);
  const { kept, opened } = pipe;
  if (kept === undefined) return await asStream(pipe, options, true);
  return await orDispose(kept, async () => {
    const checked = await openToCheckBehind(context, options, kept.source, opened);
    return { ...checked, [Symbol.dispose]: () => kept[Symbol.dispose]() };
  });
}

/** Opens the header on standard input. What has to be kept is kept then, so that a wrong key is told before that. */
async function openPipe(
  context: CommandContext,
  options: OpeningOptions & SnapshotOptions,
  way: PipeOptions,
): Promise<Pipe> {
  const queue = new ByteQueue(chunksOf(context.system.stdin));
  const peek = (length: number) => queue.peek(length);
  let kept: Spooled | undefined;
  try {
    const { opened, how } = await attempt(context, options, peek, async (how) => {
      const { keys, kdfLimits = {} } = how;
      try {
        return { how, opened: await openHeader(nativeEngine, peek, keys, kdfLimits) };
      } catch (error) {
        if (!(error instanceof ArchiveError) || !way.withoutHeader || !how.goWithoutHeader) throw error;
        kept ??= await keepInput(
          context,
          options,
          queue.rest(),
          way.folder,
          "without its header, an archive is opened by its end",
        );
        return { how, opened: await openAnyway(nativeEngine, kept.source, keys, kdfLimits) };
      }
    });
    for (const warning of opened.warnings) how.onWarning?.(warning);
    const why = whyNotInOnePass(opened, options.snapshot);
    if (kept === undefined && (why !== undefined || !way.inOnePass)) {
      const reason = why === undefined ? "it is not read from front to back" : `the archive ${why}`;
      kept = await keepInput(context, options, queue.rest(), way.folder, reason);
    }
    return { queue, opened, how, kept };
  } catch (error) {
    kept?.[Symbol.dispose]();
    await queue.close();
    throw error;
  }
}

/**
 * Keeps standard input, still encrypted, in a temporary file, and says so and why. The folder is that of `--spool`, or
 * `defaultFolder`, or where that is not there yet the nearest one above it.
 *
 * @throws {CommandError} when it cannot be kept there, such as on a full disk.
 */
export async function keepInput(
  { ui, signal }: CommandContext,
  options: OpeningOptions,
  pieces: AsyncIterable<Bytes>,
  defaultFolder: string,
  why: string,
): Promise<Spooled> {
  const { nearestFolder, spool, SpoolError } = await import("../disk/spool.ts");
  const folder = options.spool ?? nearestFolder(defaultFolder);
  ui.note(`standard input is kept, still encrypted, in a temporary file in ${quoteName(folder)}: ${why}`);
  using progress = ui.progress("Receiving");
  try {
    return await spool(pieces, { folder, signal, onProgress: (bytes) => progress.add(bytes, 0) });
  } catch (error) {
    if (!(error instanceof SpoolError)) throw error;
    const hint = "--spool DIR names a folder with more room";
    throw new CommandError(EXIT.failed, error.message, hint, { cause: error });
  }
}

async function asStream(
  { queue, opened, how }: Pipe,
  { snapshot }: SnapshotOptions,
  checkRecovery: boolean,
): Promise<PipedStream> {
  const segments = snapshot.kind === "latest" ? "only" : "first";
  const stream = await ArchiveStream.openBehind(nativeEngine, queue, opened, { ...how, segments, checkRecovery });
  return { stream, archive: undefined, [Symbol.dispose]: () => {} };
}

async function atRandom({ kept, opened, how }: Pipe, { snapshot }: SnapshotOptions): Promise<OpenedFile> {
  const { source, [Symbol.dispose]: dispose } = kept as Spooled;
  return await orDispose(kept as Spooled, async () => {
    const archive = await Archive.openBehind(nativeEngine, source, opened, { ...how, snapshot });
    return { archive, source, [Symbol.dispose]: dispose };
  });
}

/** What `make` makes, or its failure, and then nothing is left. */
async function orDispose<T>(kept: Disposable, make: () => Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    kept[Symbol.dispose]();
    throw error;
  }
}
