/** `coffer keygen` */
import { nativeEngine } from "../../engine/native/engine.ts";
import { KEY_BYTES } from "../../format/keys.ts";
import { encodeKeyText } from "../../text/key_text.ts";
import type { CommandContext } from "../command.ts";
import { EXIT, type ExitCode } from "../exit_codes.ts";
import type { KeygenOptions } from "../options.ts";
import { quoteName } from "../ui/escape.ts";
import { writeNew } from "../new_file.ts";
import { writeAllSync } from "../ui/output.ts";

/** Makes a key and writes it to a new file. */
export async function run({ ui, system }: CommandContext, options: KeygenOptions): Promise<ExitCode> {
  const key = nativeEngine.randomBytes(KEY_BYTES);
  let recipient: string | undefined;
  if (options.kind === "identity") {
    recipient = encodeKeyText("recipient", (await nativeEngine.hybridKem()).publicKey(key));
  }
  const comment = recipient === undefined ? "" : `# recipient: ${recipient}\n`;
  const bytes = new TextEncoder().encode(`${comment}${encodeKeyText(options.kind, key)}\n`);
  key.fill(0);
  if (options.archive === "-") writeAllSync(system.stdout, bytes);
  else writeNew(options.archive, bytes);
  bytes.fill(0);
  const file = options.archive;
  ui.result(
    () => file === "-" ? undefined : recipient,
    () =>
      file === "-" ? undefined : { schema: "coffer/keygen/1", file, kind: options.kind, recipient: recipient ?? null },
  );
  if (file !== "-" && !ui.json) {
    ui.note(
      options.kind === "identity"
        ? `made the identity ${quoteName(file)}; others make archives for its recipient, and it alone opens them`
        : `made the key file ${quoteName(file)}; whoever has it needs no passphrase`,
    );
  }
  return EXIT.done;
}
