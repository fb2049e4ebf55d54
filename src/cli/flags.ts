/**
 * The one table of options. The parser, the help, the suggestions for mistyped names and the types of parsed values
 * all come from it; which verb takes which option is in `verbs.ts`. An option means one thing and takes a value or
 * does not, whatever the verb: that is what lets options stand anywhere, even before the verb.
 */
import {
  DEFAULT_KDF_MEMORY,
  DEFAULT_KDF_WORK,
  DEFAULT_LOG_N,
  DEFAULT_MAX_EXPANSION,
  MAX_LABEL_BYTES,
  MAX_LOG_N,
  MAX_RECOVERY_PERCENT,
  MIN_WRITER_LOG_N,
} from "../format/limits.ts";
import { formatBytes } from "./ui/quantities.ts";
import {
  commandWords,
  diskPath,
  oneOf,
  shortText,
  sizeInBytes,
  sizeOrNone,
  snapshotChoice,
  someText,
  storedPath,
  type ValueReader,
  wholeId,
  wholeNumber,
} from "./values.ts";

/** Most threads: beyond, the one that writes could not keep up. */
const MAX_JOBS = 64;
/** Threads unless told otherwise: as many as processors, and few enough for their memory not to matter. */
export const DEFAULT_JOBS = Math.max(1, Math.min(navigator.hardwareConcurrency, 8));

/**
 * New bytes between two checkpoints unless told otherwise: few enough to be stored again, and more than most archives
 * have, which therefore stay in one piece and can be read from a pipe in one pass.
 */
export const DEFAULT_CHECKPOINT_BYTES = 8 * 2 ** 30;

/** The sections of a verb's help, in their order. */
export const FLAG_GROUPS = [
  "Choosing files",
  "Choosing snapshots",
  "Storing",
  "Restoring",
  "Output",
  "Checking",
  "Keys",
  "New keys",
  "Working",
  "Talking",
] as const;

/** A section of a verb's help. */
export type FlagGroup = typeof FLAG_GROUPS[number];

interface FlagBase {
  /** One letter, without its dash. */
  readonly short?: string;
}

interface DescribedFlag extends FlagBase {
  readonly group: FlagGroup;
  /** What it does; where verbs differ, by verb. */
  readonly summary: string | Readonly<Record<string, string>>;
}

/** An option without a value. Giving it twice is the same as giving it once. */
export interface SwitchFlag extends DescribedFlag {
  readonly kind: "switch";
}

/** An option with a value; twice is an error, unless it is a list. */
export interface ValueFlag<T> extends DescribedFlag {
  readonly kind: "value" | "list";
  /** How the help names the value. */
  readonly value: string;
  readonly read: ValueReader<T>;
}

/** One option of the table. */
export type Flag = SwitchFlag | ValueFlag<unknown>;

/** Bytes that scrypt fills for each unit of N·r·p (RFC 7914). */
export const KDF_BLOCK_BYTES = 128;

/** Every option, by its long name. */
export const FLAGS = {
  "directory": {
    kind: "value",
    short: "C",
    value: "DIR",
    group: "Choosing files",
    read: diskPath,
    summary: {
      create: "take the PATHs from DIR instead of the current folder",
      update: "take the PATHs from DIR instead of the current folder",
      extract: "restore into DIR, which is made if it is absent (default: the current folder)",
      salvage: "restore into DIR, which is made if it is absent (default: the current folder)",
    },
  },
  "exclude": {
    kind: "list",
    value: "GLOB",
    group: "Choosing files",
    read: someText,
    summary: "leave out what GLOB matches, and all below it; without a / it is matched against every part of a path",
  },
  "exclude-from": {
    kind: "list",
    value: "F",
    group: "Choosing files",
    read: diskPath,
    summary: "the same for each line of the file F; empty lines and lines that begin with # are ignored",
  },
  "exclude-caches": {
    kind: "switch",
    group: "Choosing files",
    summary: "of folders marked by a CACHEDIR.TAG store only that file",
  },
  "files-from": {
    kind: "value",
    value: "F",
    group: "Choosing files",
    read: diskPath,
    summary: "also take the paths listed in the file F, one a line (- is standard input)",
  },
  "null": {
    kind: "switch",
    short: "0",
    group: "Choosing files",
    summary: {
      create: "the names in --files-from end in NUL instead of a line feed",
      update: "the names in --files-from end in NUL instead of a line feed",
      list: "print exact names that end in NUL, for xargs -0",
    },
  },
  "one-file-system": {
    kind: "switch",
    group: "Choosing files",
    summary: "do not enter other file systems",
  },
  "literal": {
    kind: "switch",
    group: "Choosing files",
    summary: "take PATTERNs as plain paths: *, ? and [ mean themselves",
  },
  "stdin-name": {
    kind: "value",
    value: "NAME",
    group: "Choosing files",
    read: storedPath,
    summary: "store standard input as a file called NAME",
  },
  "level": {
    kind: "value",
    value: "1..19",
    group: "Storing",
    read: wholeNumber(1, 19),
    summary: "zstd level: higher is smaller and slower (default: about as small as 3, and faster)",
  },
  "store": {
    kind: "switch",
    group: "Storing",
    summary: "do not compress",
  },
  "suite": {
    kind: "value",
    value: "NAME",
    group: "Storing",
    read: oneOf("chacha20-poly1305", "aes-256-gcm"),
    summary: "cipher suite: chacha20-poly1305 (default) or aes-256-gcm",
  },
  "kdf-log-n": {
    kind: "value",
    value: "N",
    group: "Storing",
    read: wholeNumber(MIN_WRITER_LOG_N, MAX_LOG_N),
    summary: `make guessing the passphrase cost 2^N scrypt rounds and 2^N KiB of memory, and opening too: ` +
      `${MIN_WRITER_LOG_N} to ${MAX_LOG_N} (default ${DEFAULT_LOG_N})`,
  },
  "dedup": {
    kind: "switch",
    group: "Storing",
    summary: {
      "":
        "store content once that is in several places; later updates do too (from a pipe, it is kept in a file to be read)",
      copy: "store content once that is in several places (as it is when the archive already does)",
    },
  },
  "pad": {
    kind: "switch",
    group: "Storing",
    summary: "round the archive's length up (by at most 12 %), so that it says less about what is inside",
  },
  "recovery": {
    kind: "value",
    value: "PERCENT",
    group: "Storing",
    read: wholeNumber(0, MAX_RECOVERY_PERCENT),
    summary: "add a recovery record: coffer repair then mends damage of so much of the archive (0: none)",
  },
  "label": {
    kind: "value",
    value: "TEXT",
    group: "Storing",
    read: shortText(MAX_LABEL_BYTES),
    summary: "a note kept with the snapshot, readable only with the key",
  },
  "checkpoint": {
    kind: "value",
    value: "SIZE",
    group: "Storing",
    read: sizeOrNone,
    summary: `commit what is stored after each SIZE of new bytes, so that an interrupted run can go on from there ` +
      `(default ${formatBytes(DEFAULT_CHECKPOINT_BYTES)}; none turns it off)`,
  },
  "restart": {
    kind: "switch",
    group: "Storing",
    summary: "begin anew, and replace what an interrupted run left as ARCHIVE.partial",
  },
  "unfinished": {
    kind: "switch",
    group: "Output",
    summary: "also show unfinished snapshots that a later one has completed",
  },
  "force": {
    kind: "switch",
    group: "Storing",
    summary: "replace ARCHIVE if it exists and is a regular file",
  },
  "verify": {
    kind: "switch",
    group: "Storing",
    summary: "read everything back before the archive gets its name",
  },
  "checksum": {
    kind: "switch",
    group: "Storing",
    summary: "read and compare every file, whatever its times and its size say",
  },
  "replace": {
    kind: "switch",
    group: "Storing",
    summary: "let the new snapshot have what the PATHs hold and nothing else",
  },
  "always": {
    kind: "switch",
    group: "Storing",
    summary: "append a snapshot even if nothing has changed",
  },
  "snapshot": {
    kind: "value",
    value: "ID",
    group: "Output",
    read: snapshotChoice,
    summary: "the snapshot to take: the beginning of its id, its number, first, or latest (default)",
  },
  "keep-last": {
    kind: "value",
    value: "N",
    group: "Choosing snapshots",
    read: wholeNumber(1),
    summary: "keep the N newest snapshots",
  },
  "keep-daily": {
    kind: "value",
    value: "N",
    group: "Choosing snapshots",
    read: wholeNumber(1),
    summary: "keep the newest snapshot of each of the last N days that have one",
  },
  "keep-weekly": {
    kind: "value",
    value: "N",
    group: "Choosing snapshots",
    read: wholeNumber(1),
    summary: "keep the newest snapshot of each of the last N weeks that have one; weeks begin on Monday",
  },
  "keep-monthly": {
    kind: "value",
    value: "N",
    group: "Choosing snapshots",
    read: wholeNumber(1),
    summary: "keep the newest snapshot of each of the last N months that have one",
  },
  "all-versions": {
    kind: "switch",
    group: "Output",
    summary: "show each version of what matches, with the snapshots that brought it",
  },
  "expect": {
    kind: "value",
    value: "ID",
    group: "Checking",
    read: wholeId,
    summary: "fail unless the newest snapshot has this id, all 64 digits: was the whole archive put back?",
  },
  "accept-rollback": {
    kind: "switch",
    group: "Checking",
    summary: "go on with an archive that was cut, and is older than its own header says",
  },
  "spool": {
    kind: "value",
    value: "DIR",
    group: "Working",
    read: diskPath,
    summary: {
      "": "keep standard input in DIR, still encrypted, if it has to be kept (default: the folder for temporary files)",
      extract: "keep standard input in DIR, still encrypted, if it has to be kept (default: the folder restored into)",
      salvage: "keep standard input in DIR, still encrypted (default: the folder restored into)",
    },
  },
  "strip-components": {
    kind: "value",
    value: "N",
    group: "Restoring",
    read: wholeNumber(0),
    summary: "drop the first N parts of every path",
  },
  "overwrite": {
    kind: "switch",
    group: "Restoring",
    summary: "replace files that exist",
  },
  "skip-existing": {
    kind: "switch",
    group: "Restoring",
    summary: "keep files that exist, and go on",
  },
  "same-owner": {
    kind: "switch",
    group: "Restoring",
    summary: "give files their stored owners (needs the right to)",
  },
  "same-permissions": {
    kind: "switch",
    group: "Restoring",
    summary: "restore set-user-id, set-group-id and sticky bits too",
  },
  "max-expansion": {
    kind: "value",
    value: "N",
    group: "Restoring",
    read: wholeNumber(1),
    summary: `refuse to restore more than N times the archive's length (default ${DEFAULT_MAX_EXPANSION}; ` +
      "the first GiB and holes do not count)",
  },
  "dry-run": {
    kind: "switch",
    group: "Output",
    summary: {
      create: "write nothing, only say what would be stored",
      update: "write nothing, only say what would be stored",
      extract: "write nothing, only say what would be restored",
      repair: "write nothing, only say what is wrong and what would be done",
    },
  },
  "without-key": {
    kind: "switch",
    group: "Checking",
    summary: "only mend by the recovery record, which takes no key",
  },
  "cut-trailing": {
    kind: "switch",
    group: "Checking",
    summary: "cut off bytes behind the archive that do not belong to it",
  },
  "long": {
    kind: "switch",
    short: "l",
    group: "Output",
    summary: "kind, mode, owner, size and time before each name, like ls -l",
  },
  "against": {
    kind: "value",
    value: "DIR",
    group: "Checking",
    read: diskPath,
    summary: {
      verify: "also compare contents and metadata with the files in DIR",
      diff: "compare SNAPSHOT with the files in DIR",
    },
  },
  "passphrase-file": {
    kind: "list",
    value: "F",
    group: "Keys",
    read: diskPath,
    summary: "read the passphrase from the file F, without one line feed at its end (- is standard input); " +
      "may be given several times, as the next two",
  },
  "passphrase-command": {
    kind: "list",
    value: "CMD",
    group: "Keys",
    read: commandWords,
    summary: "take the passphrase from what CMD prints; run without a shell, quotes are understood",
  },
  "ask-passphrase": {
    kind: "switch",
    group: "Keys",
    summary: "ask for a passphrase on the terminal, besides the keys that other options give",
  },
  "key-file": {
    kind: "list",
    short: "k",
    value: "F",
    group: "Keys",
    read: diskPath,
    summary: {
      "": "open with the key file F (- is standard input), alone or together with a passphrase",
      create: "let the key file F open the archive (- is standard input); coffer keygen makes one",
    },
  },
  "both": {
    kind: "switch",
    group: "Keys",
    summary: {
      "": "let nobody in who has only one of the new passphrase and the new key file",
      create: "let nobody in who has only one of passphrase and key file",
    },
  },
  "new-passphrase-file": {
    kind: "list",
    value: "F",
    group: "New keys",
    read: diskPath,
    summary: "read a new passphrase from the file F, without one line feed at its end (- is standard input)",
  },
  "new-passphrase-command": {
    kind: "list",
    value: "CMD",
    group: "New keys",
    read: commandWords,
    summary: "take a new passphrase from what CMD prints; run without a shell, quotes are understood",
  },
  "new-key-file": {
    kind: "list",
    value: "F",
    group: "New keys",
    read: diskPath,
    summary: "let the key file F open the archive (- is standard input)",
  },
  "new-recipient": {
    kind: "list",
    value: "R",
    group: "New keys",
    read: someText,
    summary: "let the recipient R (coffer1…, or a file of recipients) open the archive",
  },
  "lock-wait": {
    kind: "value",
    value: "SECONDS",
    group: "Working",
    read: wholeNumber(0, 86_400),
    summary: "wait for another program that is changing the archive (default 0: fail at once)",
  },
  "recipient": {
    kind: "list",
    short: "r",
    value: "R",
    group: "Keys",
    read: someText,
    summary:
      "let the recipient R (coffer1…) open the archive with an identity; R may be a file of recipients, one a line",
  },
  "identity": {
    kind: "list",
    short: "i",
    value: "F",
    group: "Keys",
    read: diskPath,
    summary: {
      "": "open with the identity in the file F (- is standard input)",
      keygen: "make an identity (X25519 and ML-KEM-768), and show its recipient",
    },
  },
  "recovery-words": {
    kind: "value",
    value: "F",
    group: "Keys",
    read: diskPath,
    summary: "open with the 24 recovery words in the file F (- is standard input), even when the header is lost",
  },
  "words": {
    kind: "switch",
    group: "Output",
    summary: "show the archive key as 24 words, too; with them and the archive nothing else is needed",
  },
  "output": {
    kind: "value",
    short: "o",
    value: "F",
    group: "Output",
    read: diskPath,
    summary: "write to the new file F, which only you can read; - is standard output",
  },
  "generate-passphrase": {
    kind: "switch",
    group: "Keys",
    summary: {
      "": "make a strong new passphrase and show it, once",
      create: "make a strong passphrase and show it, once",
    },
  },
  "max-kdf-memory": {
    kind: "value",
    value: "SIZE",
    group: "Keys",
    read: sizeInBytes,
    summary: `let the archive ask for this much memory to try a passphrase (default ${
      formatBytes(DEFAULT_KDF_MEMORY)
    })`,
  },
  "max-kdf-work": {
    kind: "value",
    value: "SIZE",
    group: "Keys",
    read: sizeInBytes,
    summary: "let the archive make scrypt fill this much memory in all, over every slot tried " +
      `(default ${formatBytes(DEFAULT_KDF_WORK * KDF_BLOCK_BYTES)})`,
  },
  "jobs": {
    kind: "value",
    value: "N",
    group: "Working",
    read: wholeNumber(1, MAX_JOBS),
    summary:
      "work on N threads (default: as many as processors, at most 8); 1 takes the least memory, the result is the same",
  },
  "quiet": { kind: "switch", short: "q", group: "Talking", summary: "only results, warnings and errors" },
  "verbose": { kind: "switch", short: "v", group: "Talking", summary: "name each file as it is done" },
  "json": {
    kind: "switch",
    group: "Talking",
    summary: {
      "": "results as JSON on standard output",
      create: "a report as JSON on standard output (on standard error when ARCHIVE is -)",
      list: "one JSON object a line, with exact names",
    },
  },
  "progress": {
    kind: "value",
    value: "WHEN",
    group: "Talking",
    read: oneOf("auto", "always", "never"),
    summary: "show progress: auto (default: on a terminal, after a second), always or never",
  },
  "help": { kind: "switch", short: "h", group: "Talking", summary: "show this help" },
  "version": { kind: "switch", group: "Talking", summary: "show the version" },
} as const satisfies Readonly<Record<string, Flag>>;

/** The long name of an option, without its dashes. */
export type FlagName = keyof typeof FLAGS;

type ValueOf<F> = F extends { kind: "switch" } ? true
  : F extends { kind: "list"; read: (text: string, option: string) => infer T } ? readonly T[]
  : F extends { kind: "value"; read: (text: string, option: string, ...rest: never[]) => infer T } ? T
  : never;

/** What was typed: a value for each option given. */
export type TypedFlags = { readonly [N in FlagName]?: ValueOf<typeof FLAGS[N]> };

/** The table's entry of that name, or `undefined`. */
export function flagOf(name: string): Flag | undefined {
  return Object.hasOwn(FLAGS, name) ? FLAGS[name as FlagName] : undefined;
}

/** How an option is typed, with its letter: `-C, --directory`. */
export function spelling(name: FlagName): string {
  const { short } = FLAGS[name] as Flag;
  return short === undefined ? `--${name}` : `-${short}, --${name}`;
}
