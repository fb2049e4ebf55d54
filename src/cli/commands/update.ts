/** `coffer update` */
import { scoutsFor } from "../../parallel/scout_walk.ts";
import type { CommandContext } from "../command.ts";
import type { ExitCode } from "../exit_codes.ts";
import type { UpdateOptions } from "../options.ts";

/**
 * Appends a snapshot of what has changed. The thread that goes ahead of the walk starts while all that an update takes
 * is loaded, which is as long.
 */
export async function run(context: CommandContext, options: UpdateOptions): Promise<ExitCode> {
  using early = scoutsFor(options.archive, options.jobs);
  const { updateFile } = await import("../update_file.ts");
  return await updateFile(context, options, early);
}
