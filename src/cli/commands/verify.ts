/** `coffer verify` */
import { startChecking } from "../../parallel/early_workers.ts";
import type { CommandContext } from "../command.ts";
import type { ExitCode } from "../exit_codes.ts";
import { checkFolder } from "../folders.ts";
import type { VerifyOptions } from "../options.ts";

/** Reads and checks everything, and compares it with a tree if there is one. */
export async function run(context: CommandContext, options: VerifyOptions): Promise<ExitCode> {
  if (options.against !== undefined) checkFolder(options.against);
  const inParallel = options.against === undefined && options.archive !== "-";
  // First of all: they load what they need while this thread does.
  using early = inParallel ? startChecking(options.archive, options.jobs) : undefined;
  const { verify } = await import("../verifying.ts");
  return await verify(context, options, early);
}
