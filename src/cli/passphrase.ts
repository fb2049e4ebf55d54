/** Where passphrases come from: an option, the environment, the terminal, or the program itself. */
import { encodePassphrase } from "../format/passphrase.ts";
import { systemReason } from "../disk/system_error.ts";
import { CommandError } from "./command_error.ts";
import { EXIT, type ExitCode } from "./exit_codes.ts";
import { SecretPrompt } from "./prompt.ts";
import { readSmall } from "./small_file.ts";
import type { System } from "./system.ts";
import { quoteName } from "./ui/escape.ts";
import { writeAllSync } from "./ui/output.ts";
import type { Ui } from "./ui/ui.ts";

/** Where a passphrase is to come from. */
export type PassphraseSource =
  /** The environment variable if it is set, otherwise the terminal. */
  | { readonly kind: "ask" }
  /** The terminal, whatever the environment says. */
  | { readonly kind: "prompt" }
  /** A file, FIFO or descriptor (`/dev/fd/3`); `-` is standard input. */
  | { readonly kind: "file"; readonly path: string }
  /** What a command prints. `inheritInput` says whether standard input is free for its own questions. */
  | { readonly kind: "command"; readonly words: readonly string[]; readonly inheritInput: boolean }
  /** Made here and shown; for a new archive only. */
  | { readonly kind: "generate" };

/** The environment variable that holds a passphrase. */
export const PASSPHRASE_VARIABLE = "COFFER_PASSPHRASE";

/** How often a mistyped passphrase may be typed again. */
const ATTEMPTS = 3;
/** More than any passphrase; a source that goes on for longer is not one. */
const MAX_SOURCE_BYTES = 4096;

const HINT_SOURCES = `Use --passphrase-file or --passphrase-command, or set ${PASSPHRASE_VARIABLE}`;

/** What getting a passphrase needs. */
export interface PassphraseSetting {
  readonly ui: Ui;
  readonly system: System;
  readonly signal: AbortSignal;
  /** The archive as it was named, for the question. */
  readonly archive: string;
}

/** Whether a passphrase can be had without asking anybody. */
export function isPassphraseGiven(source: PassphraseSource, system: System): boolean {
  if (source.kind === "prompt") return false;
  return source.kind !== "ask" || system.env(PASSPHRASE_VARIABLE) !== undefined;
}

/**
 * The passphrase for a new archive: asked for twice, generated and shown, or from its source. A weak one is warned
 * about, never refused.
 *
 * @throws {CommandError} with exit code 2 when there is none that can be used.
 */
export async function newPassphrase(source: PassphraseSource, setting: PassphraseSetting): Promise<string> {
  if (source.kind === "generate") return await showGenerated(setting);
  const given = await readGiven(source, setting, EXIT.usage);
  const passphrase = given ?? await askTwice(setting);
  const { findWeakness } = await import("./strength.ts");
  const weakness = findWeakness(passphrase);
  if (weakness !== undefined) setting.ui.warn(`the passphrase is weak: ${weakness.reason}`, weakness.advice);
  return passphrase;
}

/**
 * The passphrase of an existing archive, asked for once or from its source.
 *
 * @throws {CommandError} with exit code 11 when there is none that can be used.
 */
export async function existingPassphrase(source: PassphraseSource, setting: PassphraseSetting): Promise<string> {
  return await readGiven(source, setting, EXIT.wrongKey) ?? await askOnce(setting);
}

/** The passphrase of an explicit source or of the environment; `undefined` when it has to be asked for. */
async function readGiven(
  source: PassphraseSource,
  setting: PassphraseSetting,
  exitCode: ExitCode,
): Promise<string | undefined> {
  if (source.kind === "file") {
    const name = source.path === "-" ? "standard input" : quoteName(source.path);
    return check(await readFile(source.path, name, setting, exitCode), `from ${name}`, exitCode);
  }
  if (source.kind === "command") {
    const name = quoteName(source.words[0] ?? "");
    return check(await runCommand(source, name, setting, exitCode), `printed by ${name}`, exitCode);
  }
  if (source.kind === "prompt") return undefined;
  const value = setting.system.env(PASSPHRASE_VARIABLE);
  if (value === undefined) return undefined;
  // Somebody at a terminal can still choose another way; a scheduled job would only fill its log.
  if (setting.system.stderr.isTerminal()) {
    setting.ui.note(`using ${PASSPHRASE_VARIABLE}, which your other processes can read too`);
  }
  return check(value, `in ${PASSPHRASE_VARIABLE}`, exitCode);
}

/** The passphrase, if it can be one; `where` says where it came from. */
function check(passphrase: string, where: string, exitCode: ExitCode): string {
  const fault = passphraseFault(passphrase);
  if (fault === undefined) return passphrase;
  throw new CommandError(exitCode, `Cannot use the passphrase ${where}: ${fault.reason}`, fault.hint);
}

/** Why a text cannot be a passphrase, without showing it. */
function passphraseFault(text: string): { reason: string; hint: string | undefined } | undefined {
  if (/^[^\r\n]*\r\n?$/.test(text)) {
    return {
      reason: "it ends in a carriage return",
      hint: "The file has Windows line ends; save it with Unix ones (LF), or without any",
    };
  }
  if (/[\r\n]/.test(text.trimEnd())) {
    return { reason: "it has more than one line", hint: "Nothing but the passphrase may be there" };
  }
  if (text.endsWith("\n")) {
    return {
      reason: "a line feed follows it",
      hint: "One is left out, at the end of a file or of what a command prints",
    };
  }
  try {
    encodePassphrase(text).fill(0);
    return undefined;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return {
      reason: error.message.replace(/^Cannot use .*?: /, "").replace(/^Cannot use an empty.*/, "it is empty"),
      hint: undefined,
    };
  }
}

/** The bytes of a source as text, without one line feed at the end. */
function decode(bytes: Uint8Array, where: string, exitCode: ExitCode): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes).replace(/\n$/, "");
  } catch {
    throw new CommandError(exitCode, `Cannot use the passphrase ${where}: it is not valid UTF-8`);
  } finally {
    bytes.fill(0);
  }
}

async function readFile(
  path: string,
  name: string,
  { ui, system, signal }: PassphraseSetting,
  exitCode: ExitCode,
): Promise<string> {
  let bytes: Uint8Array | undefined;
  try {
    bytes = await readSmall(path, MAX_SOURCE_BYTES, system.stdin, signal);
  } catch (error) {
    signal.throwIfAborted();
    const message = `Cannot read the passphrase from ${name}: ${systemReason(error)}`;
    throw new CommandError(exitCode, message, undefined, { cause: error });
  }
  if (bytes === undefined) {
    throw new CommandError(exitCode, `Cannot use the passphrase from ${name}: it is over ${MAX_SOURCE_BYTES} bytes`);
  }
  const text = decode(bytes, `from ${name}`, exitCode);
  if (text.startsWith("\uFEFF")) {
    ui.warn(
      `the passphrase from ${name} begins with a byte order mark, which counts as part of it`,
      "Save the file as UTF-8 without a byte order mark",
    );
  }
  return text;
}

async function runCommand(
  { words, inheritInput }: PassphraseSource & { kind: "command" },
  name: string,
  { signal }: PassphraseSetting,
  exitCode: ExitCode,
): Promise<string> {
  const [program, ...args] = words;
  let output: Deno.CommandOutput;
  try {
    const command = new Deno.Command(program ?? "", {
      args,
      stdin: inheritInput ? "inherit" : "null",
      stdout: "piped",
      stderr: "inherit",
      signal,
    });
    output = await command.output();
  } catch (error) {
    signal.throwIfAborted();
    throw new CommandError(exitCode, `Cannot run ${name} for the passphrase: ${systemReason(error)}`, undefined, {
      cause: error,
    });
  }
  signal.throwIfAborted();
  if (!output.success) {
    const how = output.signal === null ? `it exited with ${output.code}` : `it was ended by ${output.signal}`;
    throw new CommandError(exitCode, `Cannot take the passphrase from ${name}: ${how}`);
  }
  if (output.stdout.length > MAX_SOURCE_BYTES) {
    throw new CommandError(
      exitCode,
      `Cannot use the passphrase printed by ${name}: it is over ${MAX_SOURCE_BYTES} bytes`,
    );
  }
  return decode(output.stdout, `printed by ${name}`, exitCode);
}

function openPrompt({ system, signal }: PassphraseSetting, exitCode: ExitCode, hint: string): SecretPrompt {
  const terminal = system.openTerminal();
  if (terminal !== undefined) return new SecretPrompt(terminal, signal);
  throw new CommandError(exitCode, "Cannot ask for the passphrase: there is no terminal", hint);
}

function nameOf(archive: string, way: "input" | "output"): string {
  return archive === "-" ? `the archive on standard ${way}` : quoteName(archive);
}

async function askOnce(setting: PassphraseSetting): Promise<string> {
  using prompt = openPrompt(setting, EXIT.wrongKey, HINT_SOURCES);
  for (let attempt = 1;; attempt++) {
    const answer = await prompt.ask(`Passphrase for ${nameOf(setting.archive, "input")}: `);
    const fault = passphraseFault(answer);
    if (fault === undefined) return answer;
    if (attempt === ATTEMPTS) throw new CommandError(EXIT.wrongKey, `Cannot use the passphrase: ${fault.reason}`);
    prompt.say(`That cannot be a passphrase: ${fault.reason}; try again`);
  }
}

async function askTwice(setting: PassphraseSetting): Promise<string> {
  using prompt = openPrompt(setting, EXIT.usage, `${HINT_SOURCES}, or use --generate-passphrase`);
  for (let attempt = 1;; attempt++) {
    const answer = await prompt.ask(`New passphrase for ${nameOf(setting.archive, "output")}: `);
    const fault = passphraseFault(answer)?.reason;
    if (fault === undefined && await prompt.ask("The same again: ") === answer) return answer;
    const problem = fault === undefined ? "the two are not the same" : `that cannot be a passphrase: ${fault}`;
    if (attempt === ATTEMPTS) throw new CommandError(EXIT.usage, `Cannot use what was typed: ${problem}`);
    prompt.say(`${problem.charAt(0).toUpperCase()}${problem.slice(1)}; try again`);
  }
}

/** Shown before any work: if it cannot be shown, no archive is left that nobody can open. */
async function showGenerated({ ui, system, archive }: PassphraseSetting): Promise<string> {
  const { generatePassphrase } = await import("./generate.ts");
  const passphrase = generatePassphrase();
  ui.note("the passphrase, shown this once; without it nobody can open the archive:");
  // With JSON or an archive on standard output, there is no place for it there.
  const file = archive === "-" || ui.json ? system.stderr : system.stdout;
  writeAllSync(file, new TextEncoder().encode(`${passphrase}\n`));
  return passphrase;
}
