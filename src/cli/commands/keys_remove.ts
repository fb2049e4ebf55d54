/** `coffer keys remove` */
import { changeArchive, reportKeys } from "../change_keys.ts";
import type { CommandContext } from "../command.ts";
import { EXIT, type ExitCode } from "../exit_codes.ts";
import type { KeysRemoveOptions } from "../options.ts";
import { formatItems } from "../ui/quantities.ts";
import { REMOVAL_LIMIT } from "../verbs.ts";

/** Removes keys by their numbers. */
export async function run(context: CommandContext, options: KeysRemoveOptions): Promise<ExitCode> {
  const { numbers } = options;
  const changed = await changeArchive(context, options, () => Promise.resolve({ kind: "remove", numbers }));
  const count = changed.before.length - changed.after.length;
  reportKeys(context, options.archive, `removed ${formatItems(count, "key")} from`, changed);
  context.ui.note(REMOVAL_LIMIT);
  return EXIT.done;
}
