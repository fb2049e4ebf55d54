/** Opening archives on disk for the commands, with whatever key the options give. */
import { abortable } from "../archive/abortable.ts";
import { Archive, type OpenOptions } from "../archive/archive.ts";
import { findCopies, LOST_HEADER, type PeekStart } from "../archive/header_reader.ts";
import type { Source } from "../archive/source.ts";
import type { Key } from "../archive/unlock.ts";
import { FileSource } from "../disk/file_source.ts";
import { nativeEngine } from "../engine/native/engine.ts";
import { ArchiveError } from "../format/errors.ts";
import type { HeaderCopy } from "../format/header.ts";
import type { Slot } from "../format/slots.ts";
import type { CommandContext } from "./command.ts";
import { CommandError } from "./command_error.ts";
import { EXIT } from "./exit_codes.ts";
import { givenPassphrases, keysFromFiles } from "./keys.ts";
import type { OpeningOptions, SnapshotOptions } from "./options.ts";
import { describeTryHere } from "./kdf_cost.ts";
import { countSlots } from "./slot_text.ts";

/** An archive on disk, opened; disposing closes the file. */
export interface OpenedFile extends Disposable {
  readonly archive: Archive;
  readonly source: FileSource;
}

const HINT_COPY = "coffer repair writes it anew";
const HINT_RESTORE = "coffer keys restore writes it anew: from a backup, or with --recovery-words";

/** What to do about a bad header; other warnings say it themselves. */
function hintFor(warning: string): string | undefined {
  if (warning.startsWith(LOST_HEADER)) return HINT_RESTORE;
  return warning.startsWith("header copy") ? HINT_COPY : undefined;
}

/** How keys open an archive. */
export function openOptions(context: CommandContext, options: OpeningOptions, keys: readonly Key[]): OpenOptions {
  return {
    ...(options.expect === undefined ? {} : { expect: options.expect }),
    acceptRollback: options.acceptRollback,
    keys,
    kdfLimits: options.kdfLimits,
    goWithoutHeader: options.keys.recoveryWords !== undefined,
    onWarning: (warning) => context.ui.warn(warning, hintFor(warning)),
  };
}

/** How often somebody at a terminal may try. */
const ATTEMPTS = 3;

/**
 * Opens with the keys of the options; a wrong passphrase that was typed can be typed again. What is no archive is told
 * before anybody is asked for a passphrase.
 */
export async function attempt<T>(
  context: CommandContext,
  options: OpeningOptions,
  peek: PeekStart,
  open: (how: OpenOptions) => Promise<T>,
): Promise<T> {
  // With the archive key, an archive opens whose header is lost.
  const copies = options.keys.recoveryWords === undefined ? (await findCopies(nativeEngine, peek)).copies : [];
  const slots = copies.flatMap((copy) => copy.header.slots);
  const others = await keysFromFiles(context, options.keys);
  const tryKeys = async (more: readonly Key[]) => {
    const keys = [...others, ...more];
    try {
      return await abortable(() => open(openOptions(context, options, keys)), context.signal);
    } catch (error) {
      if (isWrongKey(error)) throw new WrongKeyError(error, keyHint(slots, keys));
      // Reading from front to back, nothing can be found without a header.
      const words = options.keys.recoveryWords;
      if (words === undefined || !(error instanceof ArchiveError) || error.code !== "not-an-archive") throw error;
      throw new CommandError(EXIT.notAnArchive, error.message, HINT_RESTORE, { cause: error });
    }
  };
  let { keys } = options;
  if (keys.passphrases.length === 0) {
    try {
      return await tryKeys([]);
    } catch (error) {
      const completes = keys.keyFiles.length > 0 &&
        slots.some((slot) => slot.kind === "passphrase" && slot.withKeyFile);
      if (!completes || !(error instanceof WrongKeyError)) throw error;
      keys = { ...keys, passphrases: [{ kind: "ask" }] };
    }
  }
  const isGiven = keys.passphrases.every((source) => context.isPassphraseGiven(source));
  // Nobody is asked for what could not help.
  if (!isGiven && !slots.some((slot) => slot.kind === "passphrase")) return await tryKeys([]);
  if (!isGiven) await announce(context, copies);
  for (let left = isGiven ? 1 : ATTEMPTS;; left--) {
    try {
      return await tryKeys(await givenPassphrases(context, keys));
    } catch (error) {
      if (left === 1 || !(error instanceof WrongKeyError)) throw error;
      context.ui.warn(`${error.message}; try again`);
    }
  }
}

/** No key opens the archive; says what might. */
class WrongKeyError extends CommandError {
  constructor(cause: ArchiveError, hint: string) {
    super(EXIT.wrongKey, cause.message, hint, { cause });
  }
}

function isWrongKey(error: unknown): error is ArchiveError {
  return error instanceof ArchiveError && error.code === "wrong-key";
}

/** Says which keys there are, and what a try costs, before a passphrase is asked for. */
async function announce({ ui }: CommandContext, copies: readonly HeaderCopy[]): Promise<void> {
  const { slots } = bestCopy(copies).header;
  const cost = await describeTryHere(slots);
  ui.note(`${countSlots(slots)} can open it${cost === undefined ? "" : `; a passphrase takes ${cost}`}`);
}

/** What to do about a key that does not open the archive, as far as that can be told. */
function keyHint(slots: readonly Slot[], keys: readonly Key[]): string {
  const needed = slots.flatMap((slot) => slot.kind === "unknown" ? [] : [slot.kind]);
  const fits = keys.some(({ kind }) =>
    kind === "identity" ? needed.includes("recipient") : needed.some((need) => need === kind)
  );
  if (fits) {
    return "Of a passphrase, check capitals, the keyboard layout and blanks at either end; " +
      "coffer info shows which keys there are";
  }
  const options = {
    "passphrase": "--ask-passphrase or --passphrase-file F",
    "key-file": "--key-file F",
    "recipient": "--identity F",
  };
  const names = [...new Set(needed)].map((kind) => options[kind]);
  return names.length === 0 ? "A newer version of Coffer may know them" : `Give what opens it with ${names.join(", ")}`;
}

/** The copy to show when no key says which one counts: one that holds together, then the newest. */
export function bestCopy(copies: readonly HeaderCopy[]): HeaderCopy {
  const [best] = copies.toSorted((a, b) =>
    Number(b.intact) - Number(a.intact) || b.header.generation - a.header.generation
  );
  if (best === undefined) throw new TypeError("Cannot show a header without its copies");
  return best;
}

/** The first bytes of a source. */
export function peekAt(source: Source): PeekStart {
  return (length) => source.read(0, Math.min(length, source.size));
}

/** Opens an archive on disk for random access. The file is opened before the passphrase is asked for. */
export async function openByName(
  context: CommandContext,
  options: OpeningOptions & SnapshotOptions,
): Promise<OpenedFile> {
  const source = FileSource.open(options.archive);
  try {
    const { snapshot } = options;
    const archive = await attempt(
      context,
      options,
      peekAt(source),
      (how) => Archive.open(nativeEngine, source, { ...how, snapshot }),
    );
    return { archive, source, [Symbol.dispose]: () => source.close() };
  } catch (error) {
    source.close();
    throw error;
  }
}
