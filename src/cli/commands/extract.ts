/** `coffer extract` */
import { startRestoring } from "../../parallel/early_workers.ts";
import type { CommandContext } from "../command.ts";
import type { ExitCode } from "../exit_codes.ts";
import type { ExtractOptions } from "../options.ts";

/** Restores entries into a folder. */
export async function run(context: CommandContext, options: ExtractOptions): Promise<ExitCode> {
  // It is sure that there is enough to do for them only when all of an archive is restored.
  const isWhole = options.patterns.length === 0 && options.archive !== "-" && !options.dryRun;
  // First of all: they load what they need while this thread does.
  using early = isWhole ? startRestoring(options.archive, options.jobs) : undefined;
  const { extract } = await import("../extracting.ts");
  return await extract(context, options, early);
}
