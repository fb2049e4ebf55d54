/** `coffer keys backup` */
import { backupBytes, openAnyway } from "../../archive/lost_header.ts";
import { FileSource } from "../../disk/file_source.ts";
import { nativeEngine } from "../../engine/native/engine.ts";
import { encodeHeaderBackup } from "../../text/header_backup.ts";
import { encodeRecoveryWords } from "../../text/recovery_words.ts";
import type { CommandContext } from "../command.ts";
import { EXIT, type ExitCode } from "../exit_codes.ts";
import { writeNew } from "../new_file.ts";
import { attempt, peekAt } from "../open_archive.ts";
import type { KeysBackupOptions } from "../options.ts";
import { quoteName } from "../ui/escape.ts";
import { writeAllSync } from "../ui/output.ts";

/** Writes the header that counts, as text, and shows the archive key as words. */
export async function run(context: CommandContext, options: KeysBackupOptions): Promise<ExitCode> {
  const { ui, system } = context;
  using source = FileSource.open(options.archive);
  const opened = await attempt(context, options, peekAt(source), async ({ keys, kdfLimits, onWarning }) => {
    const opened = await openAnyway(nativeEngine, source, keys, kdfLimits ?? {});
    for (const warning of opened.warnings) onWarning?.(warning);
    return opened;
  });
  const { output } = options;
  if (output !== undefined) {
    const text = new TextEncoder().encode(encodeHeaderBackup(backupBytes(opened)));
    if (output === "-") writeAllSync(system.stdout, text);
    else writeNew(output, text);
  }
  // Not among the results: what is JSON goes to logs and other programs.
  if (options.words) {
    const words = encodeRecoveryWords(opened.keys.archiveKey).split(" ");
    ui.note("the recovery words; whoever has them opens the archive for ever:");
    const lines = words.map((word, i) => `${String(i + 1).padStart(2)} ${word}\n`).join("");
    writeAllSync(output === "-" || ui.json ? system.stderr : system.stdout, new TextEncoder().encode(lines));
  }
  ui.result(
    () => undefined,
    () => ({ schema: "coffer/keys-backup/1", archive: options.archive, file: output ?? null }),
  );
  if (output !== undefined && output !== "-" && !ui.json) {
    ui.note(`wrote the header to ${quoteName(output)}; keep it where the archive is not`);
  }
  return EXIT.done;
}
