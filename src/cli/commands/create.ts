/** `coffer create` */
import { createArchive } from "../../archive/create.ts";
import type { AtomicFile } from "../../disk/atomic_file.ts";
import { fileContent } from "../../disk/content.ts";
import { systemReason } from "../../disk/system_error.ts";
import type { Bytes } from "../../engine/engine.ts";
import { nativeEngine } from "../../engine/native/engine.ts";
import { DEFAULT_MAX_EXPANSION, FREE_EXPANSION_BYTES } from "../../format/limits.ts";
import { builderFor } from "../block_builders.ts";
import { SpillFiles } from "../../disk/spill_files.ts";
import type { CommandContext } from "../command.ts";
import { CommandError, UsageError } from "../command_error.ts";
import { type Created, createFile, newArchive, openTarget, type Storing } from "../create_file.ts";
import { EXIT, type ExitCode } from "../exit_codes.ts";
import type { CreateOptions } from "../options.ts";
import { tellKept } from "../partial_archive.ts";
import { writeToStandardOutput } from "../standard_output.ts";
import { planEntries, type StorePlan } from "../store_plan.ts";
import { temporaryFolder } from "../system.ts";
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
  const begun = Date.now();
  if (options.dryRun) return dryRun(context, plan);
  const isPipe = options.archive === "-";
  using target = isPipe ? undefined : await openTarget(context, options);
  using working = new DisposableStack();
  // Begun when the keys are there: who is asked for a passphrase is not shown progress.
  let hasBegun = false;
  const begin = async (): Promise<Storing> => {
    hasBegun = true;
    const builder = await builderFor(options.jobs, working);
    const progress = working.use(ui.progress("Storing"));
    const spills = working.use(new SpillFiles(isPipe ? `${temporaryFolder(system)}/standard-output` : options.archive));
    return {
      spill: () => spills.make(),
      level: options.store ? "store" : options.level,
      pad: options.pad,
      label: options.label ?? "",
      time: { seconds: Math.floor(begun / 1000), nanoseconds: (begun % 1000) * 1_000_000 },
      writer: `coffer ${VERSION}`,
      access: fileContent,
      ...(builder === undefined ? {} : { builder }),
      signal,
      onProgress: ({ bytes, entries, path }) => {
        plan.contentBytes += bytes;
        progress.add(bytes, entries, escapeName(path));
      },
      onChanged: (path) => plan.changed(path),
      onProblem: ({ path, problem }) => plan.problem(path, systemReason(problem)),
      isPartial: () => plan.partial,
      onCheckpoint: ({ number, id }) => ui.detail(`checkpoint ${number}: ${id.toHex()}`),
    };
  };
  let written: Created;
  try {
    written = target === undefined
      ? await createArchive(
        nativeEngine,
        plan.entries([]),
        { write: (bytes) => writeToStandardOutput(system, bytes) },
        { ...await newArchive(context, options), ...await begin() },
      )
      : await createFile(context, options, target, plan, begin);
    if (written.totals.entries === 0 && plan.partial) throw nothingStored();
    working.dispose();
    if (target !== undefined) {
      if (options.verify) await verifyWritten(context, options, target.file, written.archiveKey);
      signal.throwIfAborted();
      target.commit();
    }
  } catch (error) {
    if (hasBegun && target?.file.isKept) tellKept(context, options, target.file);
    throw error;
  }
  report(context, options, plan, written);
  return plan.partial ? EXIT.partial : EXIT.done;
}

function nothingStored(): CommandError {
  return new CommandError(EXIT.failed, "Cannot create the archive: nothing named could be read");
}

async function verifyWritten(
  { ui, signal }: CommandContext,
  options: CreateOptions,
  file: AtomicFile,
  archiveKey: Bytes,
): Promise<void> {
  const { checkWhole } = await import("../check_archive.ts");
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

function report({ ui }: CommandContext, options: CreateOptions, plan: StorePlan, written: Created): void {
  const id = written.id.toHex();
  const { totals } = written;
  const size = formatBytes(written.length);
  const where = options.archive === "-" ? size : `${quoteName(options.archive)} (${size})`;
  ui.result(() => undefined, () => ({
    schema: "coffer/create/1",
    archive: options.archive,
    id,
    archiveBytes: written.length,
    number: written.number ?? 1,
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
