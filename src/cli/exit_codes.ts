/** Exit codes: part of the command line's contract, so they come from this one table and are never reused. */
import type { ArchiveErrorCode } from "../format/errors.ts";

/** Exit codes by name. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  partial: 3,
  differs: 4,
  notAnArchive: 10,
  wrongKey: 11,
  damaged: 12,
  truncated: 13,
  unsafe: 14,
  interrupted: 130,
} as const;

/** An exit code of {@linkcode EXIT}. */
export type ExitCode = typeof EXIT[keyof typeof EXIT];

/** What each exit code means, as the help shows it. */
export const EXIT_MEANINGS: Readonly<Record<ExitCode, string>> = {
  0: "done",
  1: "failed: input or output, or a bug",
  2: "wrong usage",
  3: "partial: the result is good, but something was left out or changed meanwhile; each is named",
  4: "differs",
  10: "not a Coffer archive, or one that needs a newer version",
  11: "no key given opens it",
  12: "damaged, altered, or followed by what does not belong to it",
  13: "truncated, or rolled back",
  14: "refused as unsafe: a path, a link, a limit",
  130: "interrupted; nothing half-written is left under a final name",
};

const ARCHIVE_EXITS: Readonly<Record<ArchiveErrorCode, ExitCode>> = {
  "not-an-archive": EXIT.notAnArchive,
  "newer-version": EXIT.notAnArchive,
  "wrong-key": EXIT.wrongKey,
  "damaged": EXIT.damaged,
  "malformed": EXIT.damaged,
  "inconsistent": EXIT.damaged,
  "trailing-data": EXIT.damaged,
  "truncated": EXIT.truncated,
  "rolled-back": EXIT.truncated,
  "unsafe": EXIT.unsafe,
  "limit": EXIT.unsafe,
};

/** The exit code of a failure class of FORMAT.md. */
export function exitCodeOf(code: ArchiveErrorCode): ExitCode {
  return ARCHIVE_EXITS[code];
}
