/** Failures that already know what to tell the user: a sentence, perhaps a hint, and an exit code. */
import { EXIT, type ExitCode } from "./exit_codes.ts";

/** A failure of a command that is not the archive's: it is reported as it stands, without a stack. */
export class CommandError extends Error {
  override readonly name: string = "CommandError";
  /** What the program exits with. */
  readonly exitCode: ExitCode;
  /** What to do about it, as a sentence without its full stop. */
  readonly hint: string | undefined;

  /** Creates a failure; `message` and `hint` are sentences without their full stops. */
  constructor(exitCode: ExitCode, message: string, hint?: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
    this.hint = hint;
  }
}

/** The command line cannot be carried out as typed: exit code 2. */
export class UsageError extends CommandError {
  override readonly name = "UsageError";

  /** Creates a usage error; see {@linkcode CommandError}. */
  constructor(message: string, hint?: string, options?: ErrorOptions) {
    super(EXIT.usage, message, hint, options);
  }
}

/** A signal ended the work; the reason of the `AbortSignal` that every command gets. */
export class Interrupted extends Error {
  // The name of DOMException's abort: code that only knows `AbortSignal` recognises it.
  override readonly name = "AbortError";

  /** Creates the reason; `cause` names what interrupted, such as `SIGINT`. */
  constructor(by: string) {
    super(`Interrupted by ${by}`);
  }
}
