/** `coffer create` */
import { createArchive } from "../../archive/create.ts";
import type { WrittenArchive } from "../../archive/writer.ts";
import { AtomicFile, TargetError } from "../../disk/atomic_file.ts";
import { fileContent } from "../../disk/content.ts";
import type { Identity } from "../../disk/metadata.ts";
import { systemReason } from "../../disk/system_error.ts";
import type { Bytes } from "../../engine/engine.ts";
import { nativeEngine } from "../../engine/native/engine.ts";
import { DEFAULT_MAX_EXPANSION, FREE_EXPANSION_BYTES } from "../../format/limits.ts";
import { hasMagic, MAGIC_BYTES } from "../../format/header.ts";
import type { CommandContext } from "../command.ts";
import { CommandError, UsageError } from "../command_error.ts";
import { EXIT, type ExitCode } from "../exit_codes.ts";
import { builderFor } from "../block_builders.ts";
import { warnOfCosts } from "../kdf_cost.ts";
import { newKeys } from "../keys.ts";
import { checkWhole } from "../open_archive.ts";
import type { CreateOptions } from "../options.ts";
import { planEntries, type StorePlan } from "../store_plan.ts";
import { writeToStandardOutput } from "../standard_output.ts";
import { escapeName, quoteName } from "../ui/escape.ts";
import { formatBytes, formatItems } from "../ui/quantities.ts";
import { VERSION } from "../version.ts";

/** Stores files and folders in a new archive. */
export async function run(context: CommandContext, options: CreateOptions): Promise<ExitCode> {
  const { ui, system, signal } = context;
  if (options.archive === "-" && !options.dryRun && system.stdout.isTerminal()) {
    throw new UsageError(
      "Cannot write an archive to a terminal",
      "Redirect standard output, or name a file as ARCHIVE",
    );
  }
  const plan = await planEntries(context, options);
  if (options.dryRun) return dryRun(context, plan);
  using file = options.archive === "-" ? undefined : openTarget(options.archive, options.force);
  const keys = await newKeys(context, options.keys);
  const kdf = { logN: options.kdfLogN, r: 8, p: 1 };
  warnOfCosts(ui, keys.filter(({ kind }) => kind === "passphrase").map(() => kdf));
  using builders = new DisposableStack();
  const builder = await builderFor(options.jobs, builders);
  using progress = ui.progress("Storing");
  const written = await createArchive(
    nativeEngine,
    plan.entries(file === undefined ? [] : identitiesOf(file)),
    { write: file === undefined ? (bytes) => writeToStandardOutput(system, bytes) : (bytes) => file.write(bytes) },
    {
      keys,
      suite: options.suite,
      kdf,
      level: options.store ? "store" : options.level,
      pad: options.pad,
      dedup: options.dedup,
      ...(options.recovery === 0 ? {} : { recovery: options.recovery }),
      label: options.label ?? "",
      writer: `coffer ${VERSION}`,
      access: fileContent,
      ...(builder === undefined ? {} : { builder }),
      headerLast: file !== undefined,
      signal,
      onProgress: ({ bytes, entries, path }) => {
        plan.contentBytes += bytes;
        progress.add(bytes, entries, escapeName(path));
      },
      onChanged: (path) => plan.changed(path),
      onProblem: ({ path, problem }) => plan.problem(path, systemReason(problem)),
      isPartial: () => plan.partial,
    },
  );
  if (written.totals.entries === 0 && plan.partial) throw nothingStored();
  if (file !== undefined) {
    file.writeAt(0, written.header);
    progress.end();
    if (options.verify) await verifyWritten(context, options, file, written.archiveKey);
    signal.throwIfAborted();
    file.commit();
  }
  progress.end();
  report(context, options, plan, written);
  return plan.partial ? EXIT.partial : EXIT.done;
}

/** An archive under a temporary name. What is no archive is not offered for replacement: it may be meant to be stored. */
function openTarget(archive: string, overwrite: boolean): AtomicFile {
  try {
    return AtomicFile.create(archive, { overwrite });
  } catch (error) {
    if (!(error instanceof TargetError) || !error.replaceable || isArchive(archive)) throw error;
    const hint = "It is no Coffer archive: ARCHIVE comes first, then the PATHs";
    throw new CommandError(EXIT.failed, error.message, hint, { cause: error });
  }
}

function isArchive(path: string): boolean {
  try {
    using file = Deno.openSync(path);
    const start = new Uint8Array(MAGIC_BYTES);
    return file.readSync(start) === start.length && hasMagic(start, "A");
  } catch {
    return false;
  }
}

function nothingStored(): CommandError {
  return new CommandError(EXIT.failed, "Cannot create the archive: nothing named could be read");
}

function identitiesOf(file: AtomicFile): Identity[] {
  const target = file.targetIdentity();
  return target === undefined ? [file.identity()] : [file.identity(), target];
}

async function verifyWritten(
  { ui, signal }: CommandContext,
  options: CreateOptions,
  file: AtomicFile,
  archiveKey: Bytes,
): Promise<void> {
  using progress = ui.progress("Verifying");
  // The key itself: a recipient's slot could not be opened here, and scrypt has run once already.
  const keys = [{ kind: "archive-key" as const, archiveKey }];
  await checkWhole(file.temporaryPath, { keys }, {
    jobs: options.jobs,
    signal,
    onProgress: (bytes) => progress.add(bytes, 0),
  });
  ui.detail(`verified ${escapeName(options.archive)}`);
}

function dryRun({ ui, signal }: CommandContext, plan: StorePlan): ExitCode {
  let bytes = 0;
  let count = 0;
  for (const { row, content } of plan.entries([])) {
    signal.throwIfAborted();
    count++;
    bytes += row.size;
    ui.result(() => escapeName(row.path), () => ({
      schema: "coffer/create-entry/1",
      path: row.path,
      kind: row.kind,
      size: content?.kind === "bytes" ? null : row.size,
    }));
    // What standard input holds is not read: it could be read only once.
  }
  if (count === 0 && plan.partial) throw nothingStored();
  ui.note(`would store ${formatItems(count, "entry", "entries")} (${formatBytes(bytes)})`);
  return plan.partial ? EXIT.partial : EXIT.done;
}

function report({ ui }: CommandContext, options: CreateOptions, plan: StorePlan, written: WrittenArchive): void {
  const id = written.id.toHex();
  const { totals } = written;
  const size = formatBytes(written.length);
  const where = options.archive === "-" ? size : `${quoteName(options.archive)} (${size})`;
  ui.result(() => undefined, () => ({
    schema: "coffer/create/1",
    archive: options.archive,
    id,
    archiveBytes: written.length,
    ...totals,
    changed: plan.changedPaths,
    problems: plan.problems,
  }));
  if (ui.json) return;
  ui.note(
    `stored ${formatItems(totals.entries, "entry", "entries")} (${formatBytes(totals.bytes)}) in ${where}`,
  );
  ui.note(`snapshot ${id}`);
  const expansion = Math.ceil((plan.contentBytes - FREE_EXPANSION_BYTES) / written.length);
  if (expansion > DEFAULT_MAX_EXPANSION) {
    ui.warn(
      "the content is so much larger than the archive that extracting it will look like a bomb",
      `Extract it with --max-expansion ${expansion}`,
    );
  }
  if (!plan.partial) return;
  const count = plan.problems.length + plan.changedPaths.length;
  ui.warn(`the archive is good, but ${formatItems(count, "entry is", "entries are")} missing or changed while read`);
}
