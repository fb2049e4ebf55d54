/** `coffer salvage` */
import type { ByteRange } from "../../archive/byte_ranges.ts";
import type { SalvageSummary } from "../../archive/salvage_losses.ts";
import { openSalvage, type Salvaging } from "../../archive/salvage_open.ts";
import { FileSource } from "../../disk/file_source.ts";
import { type RestoreProblem, RestoreTarget } from "../../disk/restore.ts";
import { type DamagedFile, lostBytes, salvageInto, type SalvageReport, writeReport } from "../../disk/salvage.ts";
import type { Spooled } from "../../disk/spool.ts";
import { chunksOf } from "../../disk/streams.ts";
import { nativeEngine } from "../../engine/native/engine.ts";
import { ArchiveError } from "../../format/errors.ts";
import type { CommandContext } from "../command.ts";
import { CommandError } from "../command_error.ts";
import { damageJson, damageLines, damagePicture } from "../damage_map.ts";
import { EXIT, type ExitCode, exitCodeOf } from "../exit_codes.ts";
import { attempt, peekAt } from "../open_archive.ts";
import type { SalvageOptions } from "../options.ts";
import { keepInput } from "../piped_archive.ts";
import { escapeName, quoteName } from "../ui/escape.ts";
import { formatBytes, formatCount, formatItems } from "../ui/quantities.ts";

/** Restores what is intact. */
export async function run(context: CommandContext, options: SalvageOptions): Promise<ExitCode> {
  const { ui, signal } = context;
  using opened = await openSource(context, options);
  const { source } = opened;
  const salvage = await open(context, options, source);
  const problems: RestoreProblem[] = [];
  using progress = ui.progress("Salvaging");
  using target = RestoreTarget.open({
    directory: options.directory ?? ".",
    existing: options.existing,
    sameOwner: options.sameOwner,
    samePermissions: options.samePermissions,
    onProblem: (problem) => {
      problems.push(problem);
      ui.warn(`Cannot restore ${quoteName(problem.path)}: ${problem.reason}`);
    },
  });
  const report = await salvageInto(salvage, source.size, target, {
    maxExpansion: options.maxExpansion,
    onEntry: (row) => ui.verbose && ui.detail(escapeName(row.path)),
    onDamaged: (file) =>
      ui.result(() => damagedLine(file), () => ({
        schema: "coffer/salvage-entry/1",
        path: file.path,
        status: "damaged",
        size: file.isRowLost ? null : file.size,
        lost: file.lost.map(({ start, end }) => ({ start, end })),
      })),
    onLost: ({ path, kind, size }) =>
      ui.result(() => `lost: ${escapeName(path)}`, () => ({
        schema: "coffer/salvage-entry/1",
        path,
        status: "lost",
        kind,
        size,
      })),
    onProgress: ({ bytes, entries, path }) => progress.add(bytes, entries, path === "" ? undefined : escapeName(path)),
  });
  const summary = salvage.summary();
  const isLost = report.damaged.length + report.lost.length > 0 || summary.mayLackMore;
  const name = isLost ? writeReport(target, reportText(options, source.size, report, summary), new Date()) : undefined;
  signal.throwIfAborted();
  target.finish();
  progress.end();
  tell(context, options, source.size, { report, summary, problems, isLost, name });
  if (isLost) return EXIT.damaged;
  if (problems.some(({ kind }) => kind === "unsafe")) return EXIT.unsafe;
  return problems.length > 0 ? EXIT.partial : EXIT.done;
}

async function openSource(context: CommandContext, options: SalvageOptions): Promise<Spooled> {
  if (options.archive !== "-") {
    const source = FileSource.open(options.archive);
    return { source, [Symbol.dispose]: () => source.close() };
  }
  const why = "salvage has to go back and forth in it";
  return await keepInput(context, options, chunksOf(context.system.stdin), options.directory ?? ".", why);
}

async function open(context: CommandContext, options: SalvageOptions, source: FileSource): Promise<Salvaging> {
  try {
    return await attempt(
      context,
      options,
      peekAt(source),
      (how) => openSalvage(nativeEngine, source, { ...how, snapshot: options.snapshot, signal: context.signal }),
    );
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
    const isHeader = options.keys.recoveryWords === undefined &&
      (error.code === "damaged" || error.code === "not-an-archive" || error.code === "truncated");
    if (!isHeader) throw error;
    throw new CommandError(
      exitCodeOf(error.code),
      error.message,
      "Without its header, an archive opens with its recovery words (--recovery-words F) alone, or when coffer keys " +
        "restore has put a backup of the header back",
    );
  }
}

function rangesText(ranges: readonly ByteRange[]): string {
  const shown = ranges.slice(0, 5).map(({ start, end }) => `${formatCount(start)} to ${formatCount(end - 1)}`);
  if (ranges.length > 5) shown.push(`${formatCount(ranges.length - 5)} more ranges`);
  return shown.join(", ");
}

function damagedLine(file: DamagedFile): string {
  const name = escapeName(file.path);
  if (!file.isRowLost) return `damaged: ${name}: of ${formatCount(file.size)} bytes, ${rangesText(file.lost)} are lost`;
  const holes = file.lost.length === 0 ? "" : `, without ${rangesText(file.lost)}`;
  return `damaged: ${name}: its first ${formatCount(file.size)} bytes are there${holes}; its length is lost`;
}

/** The file that is left beside what came out: complete, whatever was shown. */
function reportText(
  { archive }: SalvageOptions,
  archiveBytes: number,
  { damaged, lost }: SalvageReport,
  summary: SalvageSummary,
): string {
  const lines = [
    `What coffer salvage could not get out of ${archive === "-" ? "standard input" : quoteName(archive)}`,
    "",
    "damaged: the file is here, with zeros in place of the bytes that are named (the first is byte 0)",
    "lost:    nothing of it came out",
    ...unknownLines(summary),
    "",
  ];
  for (const file of damaged) {
    lines.push(damagedLine({ ...file, lost: [] }).split(": of ")[0] as string);
    for (const { start, end } of file.lost) {
      lines.push(`  bytes ${start} to ${end - 1}, ${end - start} of ${file.size}`);
    }
    if (file.isRowLost) lines.push(`  everything from byte ${file.size} on, and its metadata`);
  }
  for (const { path, size } of lost) lines.push(`lost: ${escapeName(path)}, ${size} bytes`);
  lines.push("", "Damage in the archive:", damagePicture(summary.damage, archiveBytes), ...damageLines(summary.damage));
  return `${lines.join("\n")}\n`;
}

/** What cannot be listed by name. */
function unknownLines({ isCutOff, isCatalogWhole, mayLackMore }: SalvageSummary): string[] {
  const lines: string[] = [];
  if (isCutOff) lines.push("The end of the archive is missing.");
  if (mayLackMore) {
    lines.push("More may be lost than is named: the part of the catalog that would name it is lost too.");
  }
  if (!isCatalogWhole) {
    lines.push("Where the catalog is lost, files with holes count as damaged: nothing tells holes from losses.");
  }
  return lines;
}

interface Outcome {
  readonly report: SalvageReport;
  readonly summary: SalvageSummary;
  readonly problems: readonly RestoreProblem[];
  readonly isLost: boolean;
  readonly name: string | undefined;
}

function tell(
  { ui }: CommandContext,
  options: SalvageOptions,
  archiveBytes: number,
  { report, summary, problems, isLost, name }: Outcome,
): void {
  const { damaged, lost, entries, bytes } = report;
  ui.result(() => undefined, () => ({
    schema: "coffer/salvage/1",
    archive: options.archive,
    directory: options.directory ?? ".",
    entries,
    bytes,
    damagedFiles: damaged.length,
    lostEntries: lost.length,
    lostBytes: damaged.reduce((sum, file) => sum + lostBytes(file), 0) + lost.reduce((sum, { size }) => sum + size, 0),
    mayLackMore: summary.mayLackMore,
    cutOff: summary.isCutOff,
    catalogWhole: summary.isCatalogWhole,
    blocks: { known: summary.blocks, damaged: summary.partBlocks, lost: summary.lostBlocks },
    damage: damageJson(summary.damage),
    report: name ?? null,
    problems: problems.map(({ path, kind, reason }) => ({ path, kind, reason })),
  }));
  if (ui.json) return;
  ui.note(`restored ${formatItems(entries, "entry", "entries")} (${formatBytes(bytes)})`);
  if (summary.damage.length > 0) {
    ui.note(`damage: ${damagePicture(summary.damage, archiveBytes)}`);
    for (const line of damageLines(summary.damage, 8)) ui.note(`  ${line}`);
  }
  if (!isLost) {
    ui.note(summary.damage.length === 0 ? "nothing is lost" : "the archive is damaged, but nothing is lost");
    return;
  }
  for (const line of unknownLines(summary)) ui.note(line);
  const where = name === undefined ? "" : `; all of it is listed in ${quoteName(name)}`;
  ui.warn(
    `${formatItems(damaged.length, "file")} damaged, ${formatItems(lost.length, "entry", "entries")} lost${where}`,
  );
}
