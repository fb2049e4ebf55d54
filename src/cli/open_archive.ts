/** Opening archives for the commands: by name, from standard input, and with whatever key the options give. */
import { abortable } from "../archive/abortable.ts";
import { Archive, type OpenOptions } from "../archive/archive.ts";
import { ByteQueue } from "../archive/byte_queue.ts";
import { findCopies, type PeekStart } from "../archive/header_reader.ts";
import { pauseEvery } from "../archive/pause.ts";
import { ArchiveStream } from "../archive/stream_reader.ts";
import type { Source } from "../archive/source.ts";
import { FileSource } from "../disk/file_source.ts";
import { chunksOf } from "../disk/streams.ts";
import type { Bytes } from "../engine/engine.ts";
import { nativeEngine } from "../engine/native/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import type { CommandContext } from "./command.ts";
import type { OpeningOptions } from "./options.ts";

/** An archive on disk, opened; disposing closes the file. */
export interface OpenedFile extends Disposable {
  readonly archive: Archive;
  readonly source: FileSource;
}

/** How the options open an archive. Asks for the passphrase, when nothing gives it. */
export async function openOptions(context: CommandContext, options: OpeningOptions): Promise<OpenOptions> {
  const passphrase = await context.existingPassphrase(options);
  return {
    keys: [{ kind: "passphrase", passphrase }],
    kdfLimits: options.kdfLimits,
    onWarning: (warning) => context.ui.warn(warning, "Make a fresh copy of the archive while it can be read"),
  };
}

/** How often somebody at a terminal may try. */
const ATTEMPTS = 3;

/**
 * Opens with the key of the options; a wrong one that was typed can be typed again. What is no archive is told before
 * anybody is asked for a passphrase.
 */
async function attempt<T>(
  context: CommandContext,
  options: OpeningOptions,
  peek: PeekStart,
  open: (how: OpenOptions) => Promise<T>,
): Promise<T> {
  await findCopies(nativeEngine, peek);
  for (let left = context.isPassphraseGiven(options) ? 1 : ATTEMPTS;; left--) {
    const how = await openOptions(context, options);
    try {
      return await abortable(() => open(how), context.signal);
    } catch (error) {
      if (left === 1 || !(error instanceof ArchiveError) || error.code !== "wrong-key") throw error;
      context.ui.warn("That passphrase does not open it; try again");
    }
  }
}

/** The first bytes of a source. */
export function peekAt(source: Source): PeekStart {
  return (length) => source.read(0, Math.min(length, source.size));
}

/** Opens an archive on disk for random access. The file is opened before the passphrase is asked for. */
export async function openFile(context: CommandContext, options: OpeningOptions): Promise<OpenedFile> {
  const source = FileSource.open(options.archive);
  try {
    const archive = await attempt(context, options, peekAt(source), (how) => Archive.open(nativeEngine, source, how));
    return { archive, source, [Symbol.dispose]: () => source.close() };
  } catch (error) {
    source.close();
    throw error;
  }
}

/** Opens an archive to be read from front to back, from standard input or from disk. */
export async function openStream(context: CommandContext, options: OpeningOptions): Promise<ArchiveStream> {
  const pieces = options.archive === "-"
    ? chunksOf(context.system.stdin)
    : readThrough(FileSource.open(options.archive));
  const queue = new ByteQueue(pieces);
  try {
    return await attempt(
      context,
      options,
      (length) => queue.peek(length),
      (how) => ArchiveStream.open(nativeEngine, queue, how),
    );
  } catch (error) {
    await queue.close();
    throw error;
  }
}

/**
 * Reads an archive on disk from front to back and checks everything in it.
 *
 * @throws {ArchiveError} at the first thing that is wrong.
 */
export async function checkWhole(
  path: string,
  options: OpenOptions,
  { jobs, signal, onProgress }: {
    readonly jobs: number;
    readonly signal: AbortSignal;
    readonly onProgress: (bytes: number) => void;
  },
): Promise<void> {
  const stream = await ArchiveStream.open(nativeEngine, readThrough(FileSource.open(path)), options);
  const { checkInParallel } = await import("../parallel/check_blocks.ts");
  using checkers = new DisposableStack();
  const pause = pauseEvery();
  for await (const event of stream.events((setting) => checkers.use(checkInParallel(setting, { jobs })))) {
    await pause();
    signal.throwIfAborted();
    if (event.kind === "block") onProgress(event.block.bytes);
  }
}

const CHUNK_BYTES = 2 ** 20;

/** A file from front to back, as it was long when it was opened; closed at the end, however that comes. */
async function* readThrough(source: FileSource): AsyncGenerator<Bytes, void, undefined> {
  using open = source;
  for (let offset = 0; offset < open.size;) {
    const bytes = await open.read(offset, CHUNK_BYTES);
    if (bytes.length === 0) return;
    yield bytes;
    offset += bytes.length;
  }
}
