/** Keeping an archive's header and its key where the archive is not, and writing a lost header anew. */
import { abortable } from "../archive/abortable.ts";
import { openHeader } from "../archive/header_reader.ts";
import type { WritableSource } from "../archive/key_changes.ts";
import { wrapForKey, wrappingRandomness } from "../archive/key_slots.ts";
import { backupBytes, openAnyway, openBackup, restoreHeader as restoreCore } from "../archive/lost_header.ts";
import type { Engine } from "../engine/engine.ts";
import type { Slot } from "../format/slots.ts";
import { decodeHeaderBackup, encodeHeaderBackup } from "../text/header_backup.ts";
import type { ChangeKeysOptions } from "./change_keys.ts";
import { checkedCost } from "./create.ts";
import { type ArchiveInput, sourceOf } from "./input.ts";
import { type KeySlotInfo, slotInfo } from "./inspect.ts";
import { coreOpenOptions, newKeyOf, type NewKeySlot, type OpenOptions } from "./keys.ts";

/** What brings an archive back whose header is lost. */
export interface HeaderBackup {
  /** The header as text. Its keys open it, as they open the archive; it is no secret beyond what the archive is. */
  readonly text: string;
  /**
   * The archive key, 32 bytes, which opens everything for ever; `encodeRecoveryWords` makes words of it. A function, so
   * that it does not show when the backup is logged.
   */
  archiveKey(): Uint8Array<ArrayBuffer>;
}

/** What a header is restored from: the text of a backup, or new keys for who has the archive key. */
export type HeaderRestore = { readonly backup: string } | { readonly keys: readonly NewKeySlot[] };

/** Makes a backup with the given engine; see `mod.ts`. */
export async function backupHeader(engine: Engine, input: ArchiveInput, options: OpenOptions): Promise<HeaderBackup> {
  const { keys, kdfLimits, onWarning } = coreOpenOptions(options);
  const source = sourceOf(input, options.signal);
  const peek = (length: number) => source.read(0, Math.min(length, source.size));
  const opened = await abortable(() => openHeader(engine, peek, keys, kdfLimits ?? {}), options.signal);
  for (const warning of opened.warnings) onWarning?.(warning);
  const archiveKey = opened.keys.archiveKey.slice();
  return { text: encodeHeaderBackup(backupBytes(opened)), archiveKey: () => archiveKey.slice() };
}

/** Restores a header with the given engine; see `mod.ts`. */
export async function restoreHeader(
  engine: Engine,
  target: WritableSource,
  from: HeaderRestore,
  options: ChangeKeysOptions,
): Promise<readonly KeySlotInfo[]> {
  const { keys, kdfLimits } = coreOpenOptions(options);
  const limits = kdfLimits ?? {};
  if ("backup" in from) {
    const backup = decodeHeaderBackup(from.backup);
    const opened = await abortable(() => openBackup(engine, backup, keys, limits), options.signal);
    const { slots, generation } = opened.copy.header;
    await restoreCore(engine, target, opened.keys.archiveKey, slots, generation);
    return slots.map(slotInfo);
  }
  if (!Array.isArray(from.keys) || from.keys.length === 0) {
    throw new TypeError("Cannot restore a header without a backup or a new key");
  }
  const made = from.keys.map(newKeyOf);
  const cost = checkedCost(options.kdf ?? {});
  const opened = await abortable(() => openAnyway(engine, target, keys, limits), options.signal);
  if (!opened.isLost) throw new TypeError("Cannot restore the header: it is not lost; add a key with changeKeys()");
  const { archiveKey } = opened.keys;
  const slots: Slot[] = [];
  for (const key of made) {
    const randomness = engine.randomBytes(wrappingRandomness(key));
    slots.push(await abortable(() => wrapForKey(engine, archiveKey, key, cost, randomness), options.signal));
  }
  await restoreCore(engine, target, archiveKey, slots, 0);
  return slots.map(slotInfo);
}
