/** `coffer keys restore` */
import { wrapForKey, wrappingRandomness } from "../../archive/key_slots.ts";
import { openAnyway, openBackup, restoreHeader } from "../../archive/lost_header.ts";
import { LockedFile } from "../../disk/locked_file.ts";
import { systemReason } from "../../disk/system_error.ts";
import type { Bytes } from "../../engine/engine.ts";
import { nativeEngine } from "../../engine/native/engine.ts";
import type { Slot } from "../../format/slots.ts";
import { decodeHeaderBackup, MAX_BACKUP_TEXT } from "../../text/header_backup.ts";
import { reportKeys } from "../change_keys.ts";
import type { CommandContext } from "../command.ts";
import { CommandError } from "../command_error.ts";
import { EXIT, type ExitCode } from "../exit_codes.ts";
import { newKeys } from "../keys.ts";
import { attempt, peekAt } from "../open_archive.ts";
import type { KeysRestoreOptions } from "../options.ts";
import { readSmall } from "../small_file.ts";
import { quoteName } from "../ui/escape.ts";

/** Writes a lost header anew: with the keys of a backup, or with new ones for the archive key. */
export async function run(context: CommandContext, options: KeysRestoreOptions): Promise<ExitCode> {
  const { signal } = context;
  using file = await LockedFile.open(options.archive, { waitMs: options.lockWaitMs, signal });
  const { archiveKey, slots, generation } = options.backup === undefined
    ? await fromWords(context, options, file)
    : await fromBackup(context, options, options.backup);
  signal.throwIfAborted();
  await restoreHeader(nativeEngine, file, archiveKey, slots, generation);
  reportKeys(context, options.archive, "restored the header of", { before: [], after: slots, used: undefined });
  return EXIT.done;
}

interface Restored {
  readonly archiveKey: Bytes;
  readonly slots: readonly Slot[];
  readonly generation: number;
}

async function fromBackup(context: CommandContext, options: KeysRestoreOptions, path: string): Promise<Restored> {
  const backup = await readBackup(context, path);
  const peek = (length: number) => Promise.resolve(backup.subarray(0, length));
  const { keys, copy } = await attempt(
    context,
    options,
    peek,
    ({ keys, kdfLimits }) => openBackup(nativeEngine, backup, keys, kdfLimits ?? {}),
  );
  return { archiveKey: keys.archiveKey, slots: copy.header.slots, generation: copy.header.generation };
}

async function fromWords(context: CommandContext, options: KeysRestoreOptions, file: LockedFile): Promise<Restored> {
  const { keys, isLost } = await attempt(
    context,
    options,
    peekAt(file),
    ({ keys, kdfLimits }) => openAnyway(nativeEngine, file, keys, kdfLimits ?? {}),
  );
  if (!isLost) {
    throw new CommandError(
      EXIT.failed,
      "Cannot restore the header: it is not lost",
      "coffer keys add with --recovery-words adds a key and keeps the others",
    );
  }
  const { archiveKey } = keys;
  const cost = { logN: options.kdfLogN, r: 8, p: 1 };
  const slots: Slot[] = [];
  for (const key of await newKeys(context, options.newKeys)) {
    const randomness = nativeEngine.randomBytes(wrappingRandomness(key));
    slots.push(await wrapForKey(nativeEngine, archiveKey, key, cost, randomness));
  }
  return { archiveKey, slots, generation: 0 };
}

async function readBackup({ system, signal }: CommandContext, path: string): Promise<Bytes> {
  const name = path === "-" ? "standard input" : quoteName(path);
  let bytes: Uint8Array | undefined;
  try {
    bytes = await readSmall(path, MAX_BACKUP_TEXT, system.stdin, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw new CommandError(EXIT.failed, `Cannot read the backup in ${name}: ${systemReason(error)}`);
  }
  try {
    return decodeHeaderBackup(new TextDecoder().decode(bytes));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new CommandError(EXIT.failed, `Cannot use the backup in ${name}: ${error.message}`);
  }
}
