/** `coffer repair` */
import { openHeader } from "../../archive/header_reader.ts";
import { repairArchive, type RepairFinding } from "../../archive/repair.ts";
import { LockedFile } from "../../disk/locked_file.ts";
import { nativeEngine } from "../../engine/native/engine.ts";
import type { CommandContext } from "../command.ts";
import { EXIT, type ExitCode } from "../exit_codes.ts";
import { attempt, peekAt } from "../open_archive.ts";
import type { RepairOptions } from "../options.ts";
import { quoteName } from "../ui/escape.ts";

/** Mends an archive in place. From the first write on, signals wait: half a repair is nothing that anybody wants. */
export async function run(context: CommandContext, options: RepairOptions): Promise<ExitCode> {
  const { ui, signal } = context;
  using file = await LockedFile.open(options.archive, { waitMs: options.lockWaitMs, signal });
  const opened = await attempt(
    context,
    options,
    peekAt(file),
    ({ keys, kdfLimits }) => openHeader(nativeEngine, peekAt(file), keys, kdfLimits ?? {}),
  );
  signal.throwIfAborted();
  const { dryRun, cutTrailing } = options;
  const findings = await repairArchive(file, opened, { dryRun, cutTrailing, signal });
  ui.result(() => undefined, () => ({
    schema: "coffer/repair/1",
    archive: options.archive,
    dryRun,
    findings: findings.map(({ what, problem, action }) => ({
      what,
      problem,
      action: action ?? null,
      mended: action !== undefined && !dryRun,
    })),
  }));
  if (!ui.json) tell(context, options, findings);
  return exitCodeFor(findings, dryRun);
}

function tell({ ui }: CommandContext, { archive, dryRun }: RepairOptions, findings: readonly RepairFinding[]): void {
  for (const { problem, action, hint } of findings) {
    if (action === undefined) ui.warn(problem, hint);
    else ui.note(`${problem}; ${dryRun ? "would be mended" : "mended"} by ${action}`);
  }
  const name = quoteName(archive);
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
