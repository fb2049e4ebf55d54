/** What a command is, and what it is given. */
import type { ExitCode } from "./exit_codes.ts";
import type { CommandOptions, OptionsByVerb } from "./options.ts";
import type { PassphraseSource } from "./passphrase.ts";
import type { System } from "./system.ts";
import type { Ui } from "./ui/ui.ts";
import type { VerbName } from "./verbs.ts";

/** What every command is given besides its options. */
export interface CommandContext {
  readonly ui: Ui;
  /** Aborts on a signal, with an `Interrupted`. A command that sees it clears up and throws the reason. */
  readonly signal: AbortSignal;
  /** Standard input, output and error, and the environment. */
  readonly system: System;
  /**
   * The passphrase for a new archive: asked for twice, generated and shown, or from its source.
   *
   * @throws {CommandError} with exit code 2 when there is none that can be used.
   */
  newPassphrase(source: PassphraseSource): Promise<string>;
  /**
   * The passphrase of an existing archive, asked for or from its source.
   *
   * @throws {CommandError} with exit code 11 when there is none that can be used.
   */
  existingPassphrase(source: PassphraseSource): Promise<string>;
  /** Whether the passphrase can be had without asking anybody: from an option or the environment. */
  isPassphraseGiven(source: PassphraseSource): boolean;
}

/**
 * The work of one verb; the exit code is `partial` or `differs` when it did what it could. Failures are thrown:
 * `CommandError`, `ArchiveError` and the system's errors are reported with their own exit codes.
 */
export type Command<O extends CommandOptions> = (context: CommandContext, options: O) => Promise<ExitCode>;

/** The commands by verb. */
export type Commands = { readonly [V in VerbName]: Command<OptionsByVerb[V]> };
