/** `coffer keys list` */
import { findCopies, openHeader } from "../../archive/header_reader.ts";
import { FileSource } from "../../disk/file_source.ts";
import { nativeEngine } from "../../engine/native/engine.ts";
import { sameSlot } from "../../format/slots.ts";
import type { CommandContext } from "../command.ts";
import { EXIT, type ExitCode } from "../exit_codes.ts";
import { areKeysGiven } from "../keys.ts";
import { attempt, bestCopy, peekAt } from "../open_archive.ts";
import type { KeysListOptions } from "../options.ts";
import { describeSlot, numberedSlots } from "../slot_text.ts";
import type { JsonValue } from "../ui/ui.ts";

/** Lists the keys with their numbers; with a key, says which one it is. */
export async function run(context: CommandContext, options: KeysListOptions): Promise<ExitCode> {
  const { ui } = context;
  using source = FileSource.open(options.archive);
  const peek = peekAt(source);
  const opened = areKeysGiven(context, options)
    ? await attempt(context, options, peek, async ({ keys, kdfLimits, onWarning }) => {
      const opened = await openHeader(nativeEngine, peek, keys, kdfLimits ?? {});
      for (const warning of opened.warnings) onWarning?.(warning);
      return opened;
    })
    : undefined;
  const copy = opened?.copy ?? bestCopy((await findCopies(nativeEngine, peek, "shown")).copies);
  const { slots, generation } = copy.header;
  const used = opened?.slot;
  const at = used === undefined ? -1 : slots.findIndex((slot) => sameSlot(slot, used));
  ui.result(
    () =>
      slots.map((slot, i) => `${i + 1}: ${describeSlot(slot)}${i === at ? "; opened by the key given" : ""}`).join(
        "\n",
      ),
    () => ({
      schema: "coffer/keys/1",
      archive: options.archive,
      generation,
      keys: numberedSlots(slots),
      ...(opened === undefined ? {} : { openedBy: at < 0 ? null : at + 1 } satisfies Record<string, JsonValue>),
    }),
  );
  return EXIT.done;
}
