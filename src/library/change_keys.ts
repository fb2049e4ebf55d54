/** Changing the keys of an archive in place. */
import { abortable } from "../archive/abortable.ts";
import { openHeader } from "../archive/header_reader.ts";
import {
  changeKeys as changeCore,
  type KeyChange as CoreKeyChange,
  type WritableSource,
} from "../archive/key_changes.ts";
import type { Engine } from "../engine/engine.ts";
import { checkedCost, type KdfOptions } from "./create.ts";
import { type KeySlotInfo, slotInfo } from "./inspect.ts";
import { coreOpenOptions, newKeyOf, type NewKeySlot, type OpenOptions } from "./keys.ts";

/** A change of an archive's keys, which are numbered from 1 in the order that `inspectArchive` gives. */
export type KeyChange =
  | { readonly add: readonly NewKeySlot[] }
  /** By number. What is left must open the archive. */
  | { readonly remove: readonly number[] }
  /** In the place of the key that opened the archive. */
  | { readonly replace: NewKeySlot };

/** How keys are changed. */
export interface ChangeKeysOptions extends OpenOptions {
  /** What trying a new passphrase costs. */
  readonly kdf?: KdfOptions | undefined;
}

function coreChange(change: KeyChange): CoreKeyChange {
  if ("add" in change) return { kind: "add", keys: change.add.map(newKeyOf) };
  if ("remove" in change) return { kind: "remove", numbers: [...change.remove] };
  if ("replace" in change) return { kind: "replace", key: newKeyOf(change.replace) };
  throw new TypeError("Cannot change keys: it is not said how");
}

/** Changes the keys of an archive with the given engine; see `mod.ts`. */
export async function changeKeys(
  engine: Engine,
  target: WritableSource,
  change: KeyChange,
  options: ChangeKeysOptions,
): Promise<readonly KeySlotInfo[]> {
  const core = coreChange(change);
  const cost = checkedCost(options.kdf ?? {});
  const { keys, kdfLimits, onWarning } = coreOpenOptions(options);
  const peek = (length: number) => target.read(0, Math.min(length, target.size));
  const opened = await abortable(() => openHeader(engine, peek, keys, kdfLimits ?? {}), options.signal);
  for (const warning of opened.warnings) onWarning?.(warning);
  return (await changeCore(target, opened, core, cost)).map(slotInfo);
}
