/** `coffer copy` */
import { plannedCopies } from "../../archive/copy.ts";
import { createArchive } from "../../archive/create.ts";
import { AtomicFile } from "../../disk/atomic_file.ts";
import { nativeEngine } from "../../engine/native/engine.ts";
import { builderFor } from "../block_builders.ts";
import { recoveryPercent } from "../../format/header.ts";
import type { CommandContext } from "../command.ts";
import { UsageError } from "../command_error.ts";
import { EXIT, type ExitCode } from "../exit_codes.ts";
import { warnOfCosts } from "../kdf_cost.ts";
import { newKeys } from "../keys.ts";
import { openFile } from "../open_archive.ts";
import type { CopyOptions } from "../options.ts";
import { writeToStandardOutput } from "../standard_output.ts";
import { escapeName, quoteName } from "../ui/escape.ts";
import { formatBytes, formatItems } from "../ui/quantities.ts";
import { VERSION } from "../version.ts";

/** Writes an archive's entries to a new one under a fresh archive key. */
export async function run(context: CommandContext, options: CopyOptions): Promise<ExitCode> {
  const { ui, system, signal } = context;
  const { target } = options;
  if (target === "-" && system.stdout.isTerminal()) {
    throw new UsageError("Cannot write an archive to a terminal", "Redirect standard output, or name a file as NEW");
  }
  using opened = await openFile(context, { ...options, snapshot: { kind: "latest" } });
  const { archive } = opened;
  using file = target === "-" ? undefined : AtomicFile.create(target, { overwrite: options.force });
  const keys = await newKeys(context, options.newKeys);
  const kdf = { logN: options.kdfLogN, r: 8, p: 1 };
  warnOfCosts(ui, keys.filter(({ kind }) => kind === "passphrase").map(() => kdf));
  using builders = new DisposableStack();
  const builder = await builderFor(options.jobs, builders);
  using progress = ui.progress("Copying");
  const { time, label, partial } = archive.trailer;
  const recovery = options.recovery ?? recoveryPercent(archive.header);
  const written = await createArchive(
    nativeEngine,
    plannedCopies(archive),
    { write: file === undefined ? (bytes) => writeToStandardOutput(system, bytes) : (bytes) => file.write(bytes) },
    {
      keys,
      suite: options.suite ?? archive.header.suite,
      kdf,
      level: options.store ? "store" : options.level,
      pad: options.pad,
      ...(recovery === 0 ? {} : { recovery }),
      label,
      time,
      writer: `coffer ${VERSION}`,
      ...(builder === undefined ? {} : { builder }),
      headerLast: file !== undefined,
      signal,
      onProgress: ({ bytes, entries, path }) => progress.add(bytes, entries, escapeName(path)),
      isPartial: () => partial,
    },
  );
  if (file !== undefined) {
    file.writeAt(0, written.header);
    signal.throwIfAborted();
    file.commit();
  }
  progress.end();
  const id = written.id.toHex();
  const { totals } = written;
  ui.result(() => undefined, () => ({
    schema: "coffer/copy/1",
    archive: options.archive,
    target,
    id,
    archiveBytes: written.length,
    ...totals,
  }));
  if (ui.json) return EXIT.done;
  const where = target === "-" ? formatBytes(written.length) : `${quoteName(target)} (${formatBytes(written.length)})`;
  ui.note(`copied ${formatItems(totals.entries, "entry", "entries")} (${formatBytes(totals.bytes)}) to ${where}`);
  ui.detail(`snapshot id: ${id}`);
  return EXIT.done;
}
