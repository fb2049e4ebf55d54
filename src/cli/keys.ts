/** Keys from the options: key files, identities and recipients, and the passphrases that go with them. */
import type { NewKey } from "../archive/key_slots.ts";
import type { Key } from "../archive/unlock.ts";
import { slotsFault } from "../format/slots.ts";
import { systemCode, systemReason } from "../disk/system_error.ts";
import type { Bytes } from "../engine/engine.ts";
import { decodeKeyLines, decodeKeyText, KeyTextError, type KeyTextKind, MAX_KEY_FILE_TEXT } from "../text/key_text.ts";
import type { CommandContext } from "./command.ts";
import { CommandError } from "./command_error.ts";
import { EXIT, type ExitCode } from "./exit_codes.ts";
import type { CommonOptions, KeySources } from "./options.ts";
import { readSmall } from "./small_file.ts";
import { quoteName } from "./ui/escape.ts";

/** More than 24 words take, however they are numbered and laid out. */
const MAX_WORDS_BYTES = 4096;

const NAMES: Readonly<Record<KeyTextKind, string>> = {
  "key-file": "key file",
  "identity": "identity",
  "recipient": "recipient",
};

/** The text of a file of keys. */
async function readKeyFile(
  { system, signal }: CommandContext,
  path: string,
  kind: KeyTextKind,
  exitCode: ExitCode,
): Promise<string> {
  const name = path === "-" ? "standard input" : quoteName(path);
  let bytes: Uint8Array | undefined;
  try {
    bytes = await readSmall(path, MAX_KEY_FILE_TEXT, system.stdin, signal);
  } catch (error) {
    signal.throwIfAborted();
    const message = `Cannot read the ${NAMES[kind]} in ${name}: ${systemReason(error)}`;
    throw new CommandError(exitCode, message, undefined, { cause: error });
  }
  try {
    if (bytes === undefined) throw new KeyTextError("no-key", "it is too long");
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    const reason = error instanceof KeyTextError ? error.message : "it is not text; coffer keygen makes one";
    throw new CommandError(exitCode, `Cannot use the ${NAMES[kind]} in ${name}: ${reason}`);
  } finally {
    bytes?.fill(0);
  }
}

function decode<T>(where: string, exitCode: ExitCode, kind: KeyTextKind, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof KeyTextError)) throw error;
    const hint = error.reason === "typo" ? "Copy it again, as a whole" : undefined;
    throw new CommandError(exitCode, `Cannot use the ${NAMES[kind]} ${where}: ${error.message}`, hint);
  }
}

async function keysInFile(
  context: CommandContext,
  path: string,
  kind: KeyTextKind,
  exitCode: ExitCode,
): Promise<readonly Bytes[]> {
  const text = await readKeyFile(context, path, kind, exitCode);
  const where = path === "-" ? "on standard input" : `in ${quoteName(path)}`;
  return decode(where, exitCode, kind, () => {
    const keys = decodeKeyLines(kind, text);
    if (kind === "key-file" && keys.length > 1) throw new KeyTextError("no-key", "more than one key is in it");
    return keys;
  });
}

/** The public keys that an option names: one as it is typed, or those in a file. */
async function recipientsOf(context: CommandContext, text: string): Promise<readonly Bytes[]> {
  const looksTyped = /^coffer1/i.test(text.trim());
  if (looksTyped) return [decode("that was typed", EXIT.usage, "recipient", () => decodeKeyText("recipient", text))];
  try {
    return await keysInFile(context, text, "recipient", EXIT.usage);
  } catch (error) {
    if (!(error instanceof CommandError) || systemCode(error.cause) !== "ENOENT") throw error;
    throw new CommandError(EXIT.usage, `${error.message}, and it is no recipient (coffer1…) either`);
  }
}

/**
 * The keys that a new slot is to be made for, at least one.
 *
 * @throws {CommandError} with exit code 2 when one cannot be used.
 */
export async function newKeys(context: CommandContext, sources: KeySources): Promise<readonly NewKey[]> {
  const keyFiles: Bytes[] = [];
  for (const path of sources.keyFiles) keyFiles.push(...await keysInFile(context, path, "key-file", EXIT.usage));
  const keys: NewKey[] = [];
  for (const text of sources.recipients) {
    for (const publicKey of await recipientsOf(context, text)) keys.push({ kind: "recipient", publicKey });
  }
  if (!sources.both) { for (const keyFile of keyFiles) keys.push({ kind: "key-file", keyFile }); }
  const [keyFile] = keyFiles;
  const fault = slotsFault([...sources.passphrases.map(() => ({ kind: "passphrase" }) as const), ...keys]);
  if (fault !== undefined) throw new CommandError(EXIT.usage, `Cannot use these keys: ${fault}`);
  // Last: whoever is asked should not have typed in vain because a file is not there.
  const passphrases: NewKey[] = [];
  for (const source of sources.passphrases) {
    const passphrase = await context.newPassphrase(source);
    passphrases.push({ kind: "passphrase", passphrase, ...(sources.both && keyFile !== undefined ? { keyFile } : {}) });
  }
  return [...passphrases, ...keys];
}

/**
 * What the options give to open an archive with, passphrases left out.
 *
 * @throws {CommandError} with exit code 11 when one cannot be used.
 */
export async function keysFromFiles(context: CommandContext, sources: KeySources): Promise<readonly Key[]> {
  const keys: Key[] = [];
  for (const path of sources.keyFiles) {
    for (const keyFile of await keysInFile(context, path, "key-file", EXIT.wrongKey)) {
      keys.push({ kind: "key-file", keyFile });
    }
  }
  for (const path of sources.identities) {
    for (const identity of await keysInFile(context, path, "identity", EXIT.wrongKey)) {
      keys.push({ kind: "identity", identity });
    }
  }
  if (sources.recoveryWords !== undefined) {
    keys.push({ kind: "archive-key", archiveKey: await recoveryKey(context, sources.recoveryWords) });
  }
  return keys;
}

/** The archive key in a file of recovery words. */
async function recoveryKey({ system, signal }: CommandContext, path: string): Promise<Bytes> {
  const name = path === "-" ? "standard input" : quoteName(path);
  let bytes: Uint8Array | undefined;
  try {
    bytes = await readSmall(path, MAX_WORDS_BYTES, system.stdin, signal);
  } catch (error) {
    signal.throwIfAborted();
    const message = `Cannot read the recovery words in ${name}: ${systemReason(error)}`;
    throw new CommandError(EXIT.wrongKey, message, undefined, { cause: error });
  }
  // Most archives are opened without: their list of words would be loaded at every start.
  const { decodeRecoveryWords } = await import("../text/recovery_words.ts");
  try {
    return decodeRecoveryWords(new TextDecoder().decode(bytes ?? new Uint8Array(0)));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new CommandError(EXIT.wrongKey, error.message);
  } finally {
    bytes?.fill(0);
  }
}

/** The passphrases that the options name, asked for where they say so. */
export async function givenPassphrases(context: CommandContext, sources: KeySources): Promise<readonly Key[]> {
  const keys: Key[] = [];
  for (const source of sources.passphrases) {
    keys.push({ kind: "passphrase", passphrase: await context.existingPassphrase(source) });
  }
  return keys;
}

/** Whether the archive can be opened without asking anybody. */
export function areKeysGiven(context: CommandContext, { keys }: CommonOptions): boolean {
  return keys.passphrases.every((source) => context.isPassphraseGiven(source));
}
