/** What an interrupted `coffer create` leaves as ARCHIVE.partial, and how the next run goes on from there. */
import type { Archive } from "../archive/archive.ts";
import { AtomicFile, TargetError } from "../disk/atomic_file.ts";
import { diskFiles } from "../disk/file_layer.ts";
import { LockedFile } from "../disk/locked_file.ts";
import { type Identity, isSameFile } from "../disk/metadata.ts";
import { splitLocation } from "../disk/temporary_name.ts";
import { nativeEngine } from "../engine/native/engine.ts";
import { isDeduplicated, recoveryPercent } from "../format/header.ts";
import { DEFAULT_KDF_MEMORY, DEFAULT_KDF_WORK, MAX_PART_BYTES } from "../format/limits.ts";
import { utf8Length } from "../format/path.ts";
import type { Slot } from "../format/slots.ts";
import type { CommandContext } from "./command.ts";
import { CommandError } from "./command_error.ts";
import { EXIT } from "./exit_codes.ts";
import { newKeys } from "./keys.ts";
import type { CreateOptions } from "./options.ts";
import { quoteName } from "./ui/escape.ts";

/** How the name of an unfinished archive ends. */
const PARTIAL_SUFFIX = ".partial";

const HINT_RESTART = "--restart begins anew, and replaces it";

/** Where the unfinished archive of a target is; `undefined` when the target's name leaves no room for another. */
export function partialPath(target: string): string | undefined {
  const path = target + PARTIAL_SUFFIX;
  return utf8Length(splitLocation(path).name) > MAX_PART_BYTES ? undefined : path;
}

/** An unfinished archive, locked. */
export interface PartialArchive extends Disposable {
  readonly path: string;
  readonly file: LockedFile;
}

/**
 * Looks for what an interrupted run left of a target, and locks it.
 *
 * @throws {LockError} when that run is still at work.
 */
export async function findPartial(target: string, signal: AbortSignal): Promise<PartialArchive | undefined> {
  const path = partialPath(target);
  const there = path === undefined ? undefined : diskFiles.inspect(path);
  if (path === undefined || there === undefined) return undefined;
  if (there.kind !== "file") {
    throw new CommandError(
      EXIT.failed,
      `Cannot create the archive: ${quoteName(path)} is in the way, and is no regular file`,
      "Give it another name; an archive that is being created has that name meanwhile",
    );
  }
  const finished = diskFiles.inspect(target);
  if (finished !== undefined && isSameFile(finished, there)) {
    // The archive was finished: a crash came between its two names.
    diskFiles.remove(path);
    return undefined;
  }
  const file = await LockedFile.open(path, { signal });
  return { path, file, [Symbol.dispose]: () => file.close() };
}

/**
 * Opens an unfinished archive to go on with it, with the keys that are given for the new one, which must be its own.
 *
 * @throws {CommandError} when it is another archive, or has other keys.
 */
export async function openPartial(
  context: CommandContext,
  options: CreateOptions,
  { path, file }: PartialArchive,
): Promise<Archive> {
  checkCanOpen(options, path);
  const opening = {
    ...options,
    kdfLimits: { work: DEFAULT_KDF_WORK, memory: DEFAULT_KDF_MEMORY },
    expect: undefined,
    acceptRollback: false,
    spool: undefined,
  };
  // What reads archives is loaded only here: hardly any run finds what another one left.
  const { Archive: Opened } = await import("../archive/archive.ts");
  const { attempt, peekAt } = await import("./open_archive.ts");
  let archive: Archive;
  try {
    archive = await attempt(
      context,
      opening,
      peekAt(file),
      (how) => Opened.open(nativeEngine, file, { ...how, snapshot: { kind: "newest" } }),
    );
  } catch (error) {
    const isOther = error instanceof CommandError &&
      (error.exitCode === EXIT.wrongKey || error.exitCode === EXIT.notAnArchive);
    if (!isOther) throw error;
    throw refusal(path, error.message.replace(/^Cannot [^:]*: /, ""), error);
  }
  for await (const { number, checkpoint } of archive.snapshots()) {
    // What was left at the very end has its last snapshot, and lacks only its name.
    const isLast = number === archive.number && number > 1;
    if (!checkpoint && !isLast) throw refusal(path, "it is an archive that has been finished");
  }
  await checkSame(context, options, archive, path);
  return archive;
}

function refusal(path: string, why: string, cause?: CommandError): CommandError {
  const exitCode = cause?.exitCode ?? EXIT.failed;
  return new CommandError(exitCode, `Cannot go on from ${quoteName(path)}: ${why}`, HINT_RESTART, { cause });
}

/** What a key that was made for the first run, or the recipient's alone, opens is not known here. */
function checkCanOpen({ keys, archive, stdinName }: CreateOptions, path: string): void {
  if (stdinName !== undefined) throw refusal(path, "standard input is stored as a whole");
  if (keys.passphrases.some(({ kind }) => kind === "generate")) {
    throw new CommandError(
      EXIT.failed,
      `Cannot go on from ${quoteName(path)} with a new passphrase: it has the one that was made for it`,
      `Give that one with --ask-passphrase; ${HINT_RESTART}`,
    );
  }
  if (keys.passphrases.length > 0 || keys.keyFiles.length > 0) return;
  throw new CommandError(
    EXIT.failed,
    `Cannot go on from ${quoteName(path)}: what is made for recipients alone can only be opened by them`,
    `coffer update ${quoteName(path)} with --identity goes on, and then it can be renamed to ${quoteName(archive)}; ` +
      HINT_RESTART,
  );
}

/** Refuses what the options ask for and the archive, which has its header already, is not. */
async function checkSame(
  context: CommandContext,
  { keys, suite, kdfLogN, dedup, recovery }: CreateOptions,
  { header, opened }: Archive,
  path: string,
): Promise<void> {
  if (header.suite !== suite) throw refusal(path, "it is sealed with another cipher suite");
  if (isDeduplicated(header) !== dedup) {
    throw refusal(path, dedup ? "it was begun without --dedup" : "it was begun with --dedup");
  }
  if (recoveryPercent(header) !== recovery) throw refusal(path, "its recovery record is another, or there is none");
  const { slots } = header;
  const count = (kind: Slot["kind"]) => slots.filter((slot) => slot.kind === kind).length;
  const recipients = keys.recipients.length === 0
    ? []
    : await newKeys(context, { ...keys, passphrases: [], keyFiles: [] });
  const isSame = count("passphrase") === keys.passphrases.length &&
    count("key-file") === (keys.both ? 0 : keys.keyFiles.length) && count("recipient") === recipients.length &&
    count("unknown") === 0;
  if (!isSame) throw refusal(path, "it was begun with other keys");
  for (const slot of slots) {
    if (slot.kind !== "passphrase") continue;
    if ((slot.withKeyFile ?? false) !== keys.both || slot.cost.logN !== kdfLogN) {
      throw refusal(path, "its passphrase has another cost, or goes with a key file, or without one");
    }
  }
  if (opened.badCopies.length > 0) context.ui.detail(`the header of ${quoteName(path)} is written anew`);
}

/** The target of a run that goes on from an unfinished archive. */
export function takeUpPartial({ path }: PartialArchive, { archive, force }: CreateOptions): AtomicFile {
  return AtomicFile.takeUp(archive, path, { overwrite: force });
}

/**
 * Gives a new archive the name of an unfinished one, and locks it. It must have its header.
 *
 * @param replaced What had the name, and is given up.
 */
export async function keepPartial(
  file: AtomicFile,
  replaced: PartialArchive | undefined,
  signal: AbortSignal,
): Promise<LockedFile> {
  const path = partialPath(file.targetPath) as string;
  const locked = await LockedFile.open(file.temporaryPath, { signal });
  try {
    file.keepAs(path, replaced !== undefined);
  } catch (error) {
    locked.close();
    if (!(error instanceof TargetError)) throw error;
    const hint = "Another coffer create is at work there, or was interrupted";
    throw new CommandError(EXIT.failed, error.message, hint, { cause: error });
  }
  return locked;
}

/** Files that are none of the content. */
export function identitiesOf(file: AtomicFile, partial: PartialArchive | undefined): Identity[] {
  const own = partial === undefined ? [] : [partial.file.identity()];
  const target = file.targetIdentity();
  return [...own, ...(file.isKept ? [] : [file.identity()]), ...(target === undefined ? [] : [target])];
}

/** Says of a run that fails what stays, and how to go on. */
export function tellKept({ ui }: CommandContext, { keys, archive }: CreateOptions, file: AtomicFile): void {
  const path = quoteName(file.temporaryPath);
  const isOpen = keys.passphrases.length > 0 || keys.keyFiles.length > 0;
  const how = !isOpen
    ? `coffer update ${path} with --identity goes on from there, and then it can be renamed to ${quoteName(archive)}`
    : keys.passphrases.some(({ kind }) => kind === "generate")
    ? "the same command goes on from there, with the passphrase that was made (--ask-passphrase)"
    : "the same command goes on from there";
  ui.note(`what was stored up to the last checkpoint is kept in ${path}: ${how}`);
}
