/** What the commands that change an archive's keys have in common. */
import { abortable } from "../archive/abortable.ts";
import { type OpenedHeader, openHeader } from "../archive/header_reader.ts";
import { changeKeys, type KeyChange } from "../archive/key_changes.ts";
import { LockedFile } from "../disk/locked_file.ts";
import { nativeEngine } from "../engine/native/engine.ts";
import { DEFAULT_LOG_N } from "../format/limits.ts";
import type { Slot } from "../format/slots.ts";
import type { CommandContext } from "./command.ts";
import { warnOfSlots } from "./kdf_cost.ts";
import { attempt, peekAt } from "./open_archive.ts";
import type { ChangingOptions } from "./options.ts";
import { describeSlot, numberedSlots } from "./slot_text.ts";
import { quoteName } from "./ui/escape.ts";

/** What became of an archive's keys. */
export interface ChangedKeys {
  readonly before: readonly Slot[];
  readonly after: readonly Slot[];
  /** The slot that opened the archive. */
  readonly used: Slot | undefined;
}

/**
 * Opens the archive under the lock, and changes its keys as `plan` says once it is open. From the first write on,
 * signals wait: the change is short, and half of it is nothing that anybody wants.
 */
export async function changeArchive(
  context: CommandContext,
  options: ChangingOptions & { readonly kdfLogN?: number },
  plan: (opened: OpenedHeader) => Promise<KeyChange>,
): Promise<ChangedKeys> {
  const { signal } = context;
  using file = await LockedFile.open(options.archive, { waitMs: options.lockWaitMs, signal });
  const opened = await attempt(
    context,
    options,
    peekAt(file),
    ({ keys, kdfLimits, onWarning }) => openAndWarn(file, keys, kdfLimits ?? {}, onWarning),
  );
  const change = await abortable(() => plan(opened), signal);
  signal.throwIfAborted();
  const cost = { logN: options.kdfLogN ?? DEFAULT_LOG_N, r: 8, p: 1 };
  const after = await changeKeys(file, opened, change, cost);
  return { before: opened.copy.header.slots, after, used: opened.slot };
}

async function openAndWarn(
  file: LockedFile,
  keys: Parameters<typeof openHeader>[2],
  limits: Parameters<typeof openHeader>[3],
  onWarning: ((warning: string) => void) | undefined,
): Promise<OpenedHeader> {
  const opened = await openHeader(nativeEngine, peekAt(file), keys, limits);
  // It is mended by what follows, so the advice to copy the archive would be wrong.
  for (const warning of opened.warnings) onWarning?.(`${warning}; this change mends it`);
  return opened;
}

/** Tells what was done, and which keys there are now. */
export function reportKeys(
  { ui }: CommandContext,
  archive: string,
  did: string,
  { after }: ChangedKeys,
): void {
  warnOfSlots(ui, after);
  ui.result(() => undefined, () => ({ schema: "coffer/keys/1", archive, keys: numberedSlots(after) }));
  if (ui.json) return;
  ui.note(`${did} ${quoteName(archive)}; it has these keys now:`);
  for (const [i, slot] of after.entries()) ui.note(`  ${i + 1}: ${describeSlot(slot)}`);
}
