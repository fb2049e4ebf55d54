/** `coffer repair` */
import { openHeader } from "../../archive/header_reader.ts";
import { repairArchive, type RepairFinding } from "../../archive/repair.ts";
import { AtomicFile } from "../../disk/atomic_file.ts";
import { FileSource } from "../../disk/file_source.ts";
import { LockedFile } from "../../disk/locked_file.ts";
import { mendInPlace, mendInto, type MendReport } from "../../disk/mend.ts";
import { diskJournals, JOURNAL_SUFFIX } from "../../disk/mend_journal.ts";
import { nativeEngine } from "../../engine/native/engine.ts";
import type { CommandContext } from "../command.ts";
import { CommandError } from "../command_error.ts";
import { EXIT, type ExitCode } from "../exit_codes.ts";
import { attempt, peekAt } from "../open_archive.ts";
import type { RepairOptions } from "../options.ts";
import { quoteName } from "../ui/escape.ts";
import { formatItems } from "../ui/quantities.ts";

/** Mends an archive in place. From the first write on, signals wait: half a repair is nothing that anybody wants. */
export async function run(context: CommandContext, options: RepairOptions): Promise<ExitCode> {
  if (options.output !== undefined) return await repairInto(context, options, options.output);
  const { signal } = context;
  using file = await LockedFile.open(options.archive, { waitMs: options.lockWaitMs, signal });
  const { dryRun } = options;
  const record = await mendByRecord(context, options, file);
  if (options.withoutKey) {
    if (record === undefined) throw noRecord(options.archive);
    return report(context, options, [...recordFindings(record), ...await cutBehind(options, file, record)]);
  }
  const opened = await attempt(
    context,
    options,
    peekAt(file),
    ({ keys, kdfLimits }) => openHeader(nativeEngine, peekAt(file), keys, kdfLimits ?? {}),
  );
  signal.throwIfAborted();
  const { cutTrailing } = options;
  const found = await repairArchive(file, opened, { dryRun, cutTrailing, recordEnd: record?.fileBytes, signal });
  if (record === undefined) return report(context, options, found);
  // What an update left and was cut off needs no mending.
  const hopeless = record.hopeless.filter(({ start }) => start < file.size);
  return report(context, options, [...recordFindings({ ...record, hopeless }), ...found]);
}

/** Mends by the recovery record, before any key is asked for. */
async function mendByRecord(
  { ui, signal }: CommandContext,
  { archive, dryRun }: RepairOptions,
  file: LockedFile,
): Promise<MendReport | undefined> {
  const journal = `${Deno.realPathSync(archive)}${JOURNAL_SUFFIX}`;
  using progress = ui.progress("Examining");
  const onProgress = (bytes: number) => progress.add(bytes, 0);
  const record = await mendInPlace(nativeEngine, file, journal, diskJournals, { dryRun, signal, onProgress });
  progress.end();
  return record;
}

/** What follows all that the record covers; only a key tells whether an update left it. */
async function cutBehind(
  { dryRun, cutTrailing }: RepairOptions,
  file: LockedFile,
  { trailingBytes, hopeless, fileBytes }: MendReport,
): Promise<readonly RepairFinding[]> {
  if (trailingBytes === 0) return [];
  const cut = cutTrailing && hopeless.length === 0;
  if (cut && !dryRun) {
    await file.truncate(fileBytes);
    await file.sync();
  }
  return [{
    what: "trailing bytes",
    problem: `${trailingBytes} bytes follow what the recovery record covers: an update that was interrupted, or what ` +
      "does not belong to the archive",
    action: cut ? `cutting them off, so that the archive ends at byte ${fileBytes}` : undefined,
    ...(cut ? {} : { hint: "--cut-trailing cuts them off" }),
  }];
}

function noRecord(archive: string): CommandError {
  return new CommandError(
    EXIT.failed,
    `Cannot repair ${quoteName(archive)} without a key: it has no recovery record, or nothing of it can be found`,
  );
}

function recordFindings({ dataPages, recordPages, fromJournal, hopeless }: MendReport): RepairFinding[] {
  const findings: RepairFinding[] = [];
  if (fromJournal > 0) {
    const problem = `an earlier repair was interrupted: ${formatItems(fromJournal, "page")} were still to be written`;
    findings.push({ what: "content", problem, action: "writing them" });
  }
  for (const { start, end } of hopeless) {
    const problem = `more is damaged between bytes ${start} and ${end} than the recovery record can mend`;
    const hint = "Nothing was mended there; coffer salvage takes out what is intact";
    findings.push({ what: "content", problem, action: undefined, hint });
  }
  const mended = "computing them anew from the recovery record";
  if (dataPages > 0) {
    const problem = `${formatItems(dataPages, "page")} of 4 KiB of the content ${
      dataPages === 1 ? "is" : "are"
    } damaged`;
    findings.push({ what: "content", problem, action: mended });
  }
  if (recordPages > 0) {
    const are = recordPages === 1 ? "is" : "are";
    const problem = `${formatItems(recordPages, "page")} of 4 KiB of the recovery record ${are} damaged`;
    findings.push({ what: "recovery record", problem, action: mended });
  }
  return findings;
}

/** Writes a mended copy and leaves the archive as it is. Its header is copied as it is: a copy that is bad stays so. */
async function repairInto(context: CommandContext, options: RepairOptions, output: string): Promise<ExitCode> {
  const { ui, signal } = context;
  using source = FileSource.open(options.archive);
  using file = AtomicFile.create(output, { overwrite: options.force });
  using progress = ui.progress("Mending");
  const onProgress = (bytes: number) => progress.add(bytes, 0);
  const record = await mendInto(nativeEngine, source, (bytes) => file.write(bytes), { signal, onProgress });
  if (record === undefined) throw noRecord(options.archive);
  signal.throwIfAborted();
  file.commit();
  progress.end();
  return report(context, options, recordFindings(record));
}

function report(context: CommandContext, options: RepairOptions, findings: readonly RepairFinding[]): ExitCode {
  const { archive, dryRun } = options;
  context.ui.result(() => undefined, () => ({
    schema: "coffer/repair/1",
    archive,
    dryRun,
    findings: findings.map(({ what, problem, action }) => ({
      what,
      problem,
      action: action ?? null,
      mended: action !== undefined && !dryRun,
    })),
  }));
  if (!context.ui.json) tell(context, options, findings);
  return exitCodeFor(findings, dryRun);
}

function tell(
  { ui }: CommandContext,
  { archive, output, dryRun }: RepairOptions,
  findings: readonly RepairFinding[],
): void {
  for (const { problem, action, hint } of findings) {
    if (action === undefined) ui.warn(problem, hint);
    else ui.note(`${problem}; ${dryRun ? "would be mended" : "mended"} by ${action}`);
  }
  const name = quoteName(output ?? archive);
  if (findings.length === 0) ui.note(`${name} needs no repair; whether its content is whole, coffer verify says`);
  else if (!dryRun && findings.some(({ action }) => action !== undefined)) {
    ui.note(`${name} is repaired; coffer verify says whether its content is whole`);
  }
}

function exitCodeFor(findings: readonly RepairFinding[], dryRun: boolean): ExitCode {
  const left = findings.filter(({ action }) => dryRun || action === undefined);
  if (left.length === 0) return EXIT.done;
  return left.some(({ isCutOff }) => isCutOff) ? EXIT.truncated : EXIT.damaged;
}
