/** `coffer protect` */
import { openHeader } from "../../archive/header_reader.ts";
import { protectArchive } from "../../archive/protect.ts";
import { AtomicFile } from "../../disk/atomic_file.ts";
import { LockedFile } from "../../disk/locked_file.ts";
import { nativeEngine } from "../../engine/native/engine.ts";
import type { CommandContext } from "../command.ts";
import { EXIT, type ExitCode } from "../exit_codes.ts";
import { checkWhole } from "../check_archive.ts";
import { attempt, peekAt } from "../open_archive.ts";
import type { ProtectOptions } from "../options.ts";
import { quoteName } from "../ui/escape.ts";
import { formatBytes } from "../ui/quantities.ts";

/** Writes the archive anew beside the old one, checks it as a whole, and puts it in the old one's place. */
export async function run(context: CommandContext, options: ProtectOptions): Promise<ExitCode> {
  const { ui, signal } = context;
  const { archive, recovery } = options;
  using source = await LockedFile.open(archive, { waitMs: options.lockWaitMs, signal });
  const opened = await attempt(
    context,
    options,
    peekAt(source),
    ({ keys, kdfLimits }) => openHeader(nativeEngine, peekAt(source), keys, kdfLimits ?? {}),
  );
  using file = AtomicFile.create(Deno.realPathSync(archive), { overwrite: true });
  let through: number;
  {
    using progress = ui.progress("Protecting");
    const onProgress = (bytes: number) => progress.add(bytes, 0);
    through = await protectArchive(source, opened, recovery, (bytes) => file.write(bytes), { signal, onProgress });
  }
  const { archiveKey } = opened.keys;
  // Damage that is protected would never be found by the record, and the old file is about to go.
  using progress = ui.progress("Verifying");
  await checkWhole(file.temporaryPath, { keys: [{ kind: "archive-key", archiveKey }], segments: { through } }, {
    jobs: 1,
    signal,
    onProgress: (bytes) => progress.add(bytes, 0),
  });
  progress.end();
  signal.throwIfAborted();
  file.commit();
  const archiveBytes = file.position;
  ui.result(() => undefined, () => ({ schema: "coffer/protect/1", archive, recovery, archiveBytes }));
  if (!ui.json) {
    const what = recovery === 0 ? "has no recovery record any more" : `has a recovery record of ${recovery} %`;
    ui.note(`${quoteName(archive)} (${formatBytes(archiveBytes)}) ${what}`);
  }
  return EXIT.done;
}
