/** `coffer keys add` */
import { changeArchive, reportKeys } from "../change_keys.ts";
import type { CommandContext } from "../command.ts";
import { EXIT, type ExitCode } from "../exit_codes.ts";
import { newKeys } from "../keys.ts";
import type { KeysAddOptions } from "../options.ts";
import { formatItems } from "../ui/quantities.ts";

/** Adds keys. */
export async function run(context: CommandContext, options: KeysAddOptions): Promise<ExitCode> {
  const changed = await changeArchive(
    context,
    options,
    async () => ({ kind: "add", keys: await newKeys(context, options.newKeys) }),
  );
  const count = changed.after.length - changed.before.length;
  reportKeys(context, options.archive, `added ${formatItems(count, "key")} to`, changed);
  return EXIT.done;
}
