/** `coffer keys change` */
import { KeyChangeError } from "../../archive/key_changes.ts";
import { changeArchive, reportKeys } from "../change_keys.ts";
import type { CommandContext } from "../command.ts";
import { EXIT, type ExitCode } from "../exit_codes.ts";
import { newKeys } from "../keys.ts";
import type { KeysChangeOptions } from "../options.ts";
import { REMOVAL_LIMIT } from "../verbs.ts";

/** Puts a new key in the place of the one that opened the archive. */
export async function run(context: CommandContext, options: KeysChangeOptions): Promise<ExitCode> {
  const changed = await changeArchive(context, options, async () => {
    const [key, ...more] = await newKeys(context, options.newKeys);
    if (key === undefined || more.length > 0) {
      throw new KeyChangeError("too-many", "Cannot change the key: the file of recipients names more than one");
    }
    return { kind: "replace", key };
  });
  reportKeys(context, options.archive, "changed a key of", changed);
  context.ui.note(`the old key is removed: ${REMOVAL_LIMIT}`);
  return EXIT.done;
}
