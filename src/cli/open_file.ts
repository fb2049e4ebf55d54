/** Opening the ARCHIVE of a command line, be it a file or standard input. */
import type { CommandContext } from "./command.ts";
import { openByName, type OpenedFile } from "./open_archive.ts";
import type { OpeningOptions, SnapshotOptions } from "./options.ts";
import type { PipedStream } from "./piped_archive.ts";

/** Opens an archive for random access: a file, or standard input, which is kept for that. */
export async function openFile(
  context: CommandContext,
  options: OpeningOptions & SnapshotOptions,
): Promise<OpenedFile> {
  if (options.archive !== "-") return await openByName(context, options);
  // A file needs nothing of what reads streams.
  const { openKept } = await import("./piped_archive.ts");
  return await openKept(context, options);
}

/**
 * Opens an archive to be read: a file with random access, standard input in one pass if the archive allows that.
 * Otherwise it is kept in `folder`, unless an option names another; without either in the system's temporary one.
 */
export async function openEitherWay(
  context: CommandContext,
  options: OpeningOptions & SnapshotOptions,
  folder?: string,
): Promise<OpenedFile | PipedStream> {
  if (options.archive !== "-") return await openByName(context, options);
  const { openInput } = await import("./piped_archive.ts");
  return await openInput(context, options, folder);
}
