/** `coffer cat` */
import type { Archive } from "../../archive/archive.ts";
import { pauseEvery } from "../../archive/pause.ts";
import { storedName } from "../../disk/names.ts";
import type { CommandContext } from "../command.ts";
import { EXIT, type ExitCode } from "../exit_codes.ts";
import { nearPath } from "../near_path.ts";
import { openFile } from "../open_file.ts";
import type { CatOptions } from "../options.ts";
import { writeToStandardOutput } from "../standard_output.ts";
import { quoteName } from "../ui/escape.ts";

/** Writes the contents of files to standard output. */
export async function run(context: CommandContext, options: CatOptions): Promise<ExitCode> {
  using file = await openFile(context, options);
  let failed = false;
  for (const path of options.paths) {
    const fault = await writeContent(file.archive, storedName(path).stored, context);
    if (fault === undefined) continue;
    failed = true;
    const near = fault === ABSENT ? await nearPath(file.archive, path, context.signal) : undefined;
    context.ui.error(
      `Cannot show ${quoteName(path)}: ${fault}`,
      near === undefined ? undefined : `Did you mean ${quoteName(near)}?`,
    );
  }
  return failed ? EXIT.failed : EXIT.done;
}

const ABSENT = "it is not in the archive";
const ZEROS = new Uint8Array(2 ** 16);

/** Writes one file; returns why it cannot be shown, as the end of a sentence. */
async function writeContent(
  archive: Archive,
  path: string,
  context: CommandContext,
  linked = false,
): Promise<string | undefined> {
  const { signal, system } = context;
  const pause = pauseEvery();
  let written = 0;
  let size: number | undefined;
  const fillTo = async (end: number) => {
    while (written < end) {
      await pause();
      signal.throwIfAborted();
      const length = Math.min(ZEROS.length, end - written);
      await writeToStandardOutput(system, ZEROS.subarray(0, length));
      written += length;
    }
  };
  for await (const entry of archive.find(path)) {
    const { row } = entry;
    // One step only: a hard link to a hard link is malformed, and could lead in a circle.
    if (row.kind === "hardlink" && !linked) return await writeContent(archive, row.link, context, true);
    if (row.kind !== "file") return `it is a ${row.kind}`;
    size = row.size;
    for await (const { fileOffset, bytes } of archive.read(entry)) {
      await pause();
      signal.throwIfAborted();
      await fillTo(fileOffset);
      await writeToStandardOutput(system, bytes);
      written += bytes.length;
    }
  }
  if (size === undefined) return ABSENT;
  await fillTo(size);
  return undefined;
}
