/** What a failure says to the user, and what the program exits with. */
import { KeyChangeError } from "../archive/key_changes.ts";
import { SnapshotError, UnfinishedError } from "../archive/snapshots.ts";
import { SourceError } from "../disk/file_source.ts";
import { LockError } from "../disk/locked_file.ts";
import { RootConflictError } from "../disk/names.ts";
import { isClosedPipe } from "../disk/streams.ts";
import { systemCode, systemReason } from "../disk/system_error.ts";
import { TargetError } from "../disk/atomic_file.ts";
import { ArchiveError, type ArchiveErrorCode } from "../format/errors.ts";
import { CommandError } from "./command_error.ts";
import { EXIT, type ExitCode, exitCodeOf } from "./exit_codes.ts";
import { quoteName } from "./ui/escape.ts";

/** A failure in words. */
export interface Failure {
  readonly kind: "failed" | "interrupted" | "closed pipe" | "bug";
  readonly exitCode: ExitCode;
  /** A sentence without its full stop. */
  readonly message: string;
  readonly hint: string | undefined;
}

const ARCHIVE_HINTS: Readonly<Record<ArchiveErrorCode, string>> = {
  "not-an-archive": "Is it the right file? If its start was overwritten, coffer keys restore can write its header anew",
  "newer-version": "A newer version of Coffer can read it",
  "wrong-key":
    "Of a passphrase, check capitals, the keyboard layout and blanks at either end; coffer info shows which keys there are",
  "damaged":
    "coffer repair mends headers, ends, and content by a recovery record if there is one; coffer salvage ARCHIVE -C DIR " +
    "takes out everything that is intact; compare with another copy of the archive",
  "malformed": "A faulty program wrote it, or somebody made it so on purpose",
  "inconsistent": "A faulty program wrote it, or somebody made it so on purpose",
  "trailing-data":
    "Something was added to the file after the archive was written; coffer repair --cut-trailing removes it",
  "truncated":
    "A copy or download may have ended early: compare its length with the original's; coffer salvage takes out what is there",
  "rolled-back": "An older copy may have been put in its place",
  "unsafe": "The archive may be hostile: its other contents deserve no trust either",
  "limit": "If you trust the archive, --max-expansion, --max-kdf-memory and --max-kdf-work raise their limits",
};

const KEY_CHANGE_HINTS: Readonly<Record<KeyChangeError["code"], string>> = {
  "last-key": "Add another key first",
  "no-room": "Remove a key first",
  "too-many": "Remove a key first",
  "no-such-key": "coffer keys list shows the keys with their numbers",
  "unknown-key": "coffer keys add and coffer keys remove do the same in two steps",
};

/** Whether an error is an abort: the reason of the program's own signal, or the platform's. */
function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

/** What Deno's errors say about the operation: `No such file … (os error 2): open 'a'`. */
const DENO_OPERATION = /\(os error \d+\): (\w+) '(.*)'/s;

/** What Deno's errors say about a missing permission: `Requires read access to "a", run again with …`. */
const DENO_PERMISSION = /^Requires (\w+) access(?: to "(.*)")?,/s;

/** The operation and path that an I/O error names, as the start of a sentence. */
function failedOperation(error: Error): string {
  const deno = DENO_OPERATION.exec(error.message);
  const action = "syscall" in error && typeof error.syscall === "string" ? error.syscall : deno?.[1];
  const path = "path" in error && typeof error.path === "string" ? error.path : deno?.[2];
  if (action === undefined) return "Cannot go on";
  return path === undefined ? `Cannot ${action}` : `Cannot ${action} ${quoteName(path)}`;
}

/** Whether an error came from the operating system or a permission of Deno, as opposed to a bug. */
function isSystemError(error: Error): boolean {
  return systemCode(error)?.startsWith("E") === true && !systemCode(error)?.startsWith("ERR_") ||
    Object.values(Deno.errors).some((kind) => error instanceof kind);
}

/** Puts whatever was thrown into words. */
export function describeFailure(error: unknown): Failure {
  if (error instanceof CommandError) {
    return { kind: "failed", exitCode: error.exitCode, message: error.message, hint: error.hint };
  }
  if (error instanceof ArchiveError) {
    const hint = ARCHIVE_HINTS[error.code];
    return { kind: "failed", exitCode: exitCodeOf(error.code), message: error.message, hint };
  }
  if (isAbort(error)) {
    return { kind: "interrupted", exitCode: EXIT.interrupted, message: "interrupted", hint: undefined };
  }
  if (isClosedPipe(error)) {
    return { kind: "closed pipe", exitCode: EXIT.done, message: "the reader has closed the pipe", hint: undefined };
  }
  if (error instanceof KeyChangeError) {
    const exitCode = error.code === "no-such-key" ? EXIT.usage : EXIT.failed;
    return { kind: "failed", exitCode, message: error.message, hint: KEY_CHANGE_HINTS[error.code] };
  }
  if (error instanceof LockError) {
    const hint = "With --lock-wait SECONDS it is waited for";
    return { kind: "failed", exitCode: EXIT.failed, message: error.message, hint };
  }
  if (error instanceof UnfinishedError) {
    const hint =
      "coffer create, run again, goes on where it stopped, and so does coffer update; coffer snapshots lists " +
      "what is there, and --snapshot N takes it";
    return { kind: "failed", exitCode: EXIT.failed, message: error.message, hint };
  }
  if (error instanceof SnapshotError) {
    const hint = "coffer snapshots lists them";
    return { kind: "failed", exitCode: EXIT.failed, message: error.message, hint };
  }
  if (error instanceof SourceError) {
    return { kind: "failed", exitCode: EXIT.failed, message: error.message, hint: undefined };
  }
  if (error instanceof RootConflictError) {
    return { kind: "failed", exitCode: EXIT.usage, message: error.message, hint: undefined };
  }
  if (error instanceof TargetError) {
    const hint = error.replaceable ? "--force replaces it" : undefined;
    return { kind: "failed", exitCode: EXIT.failed, message: error.message, hint };
  }
  if (error instanceof Deno.errors.NotCapable) {
    const [, access = "", path] = DENO_PERMISSION.exec(error.message) ?? [];
    const where = path === undefined ? "" : ` to ${quoteName(path)}`;
    const message = `Cannot go on: Deno was not given ${access === "" ? "the permission" : `${access} access`}${where}`;
    const hint = access === "" ? undefined : `Install or run it with --allow-${access}`;
    return { kind: "failed", exitCode: EXIT.failed, message, hint };
  }
  if (error instanceof Error && isSystemError(error)) {
    const message = `${failedOperation(error)}: ${systemReason(error)}`;
    return { kind: "failed", exitCode: EXIT.failed, message, hint: undefined };
  }
  return {
    kind: "bug",
    exitCode: EXIT.failed,
    message: `internal error: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`,
    hint: "This is a bug in Coffer; with COFFER_DEBUG=1 it shows where",
  };
}

/** Where an error was thrown and what caused it, line by line. */
export function traceOf(error: unknown): string[] {
  const lines: string[] = [];
  for (let cause = error; cause instanceof Error && lines.length < 200; cause = cause.cause) {
    if (lines.length > 0) lines.push("caused by:");
    lines.push(...(cause.stack ?? cause.message).split("\n"));
  }
  return lines;
}
