/** What a command line means: the options each command is given, complete and checked, defaults filled in. */
import type { RetentionRules } from "../archive/retention.ts";
import type { SnapshotChoice } from "../archive/snapshots.ts";
import type { SuiteId } from "../engine/engine.ts";
import {
  DEFAULT_KDF_MEMORY,
  DEFAULT_KDF_WORK,
  DEFAULT_LOG_N,
  DEFAULT_MAX_EXPANSION,
  MAX_SLOTS,
} from "../format/limits.ts";
import { UsageError } from "./command_error.ts";
import { DEFAULT_CHECKPOINT_BYTES, DEFAULT_JOBS, type FlagName, KDF_BLOCK_BYTES, type TypedFlags } from "./flags.ts";
import type { PassphraseSource } from "./passphrase.ts";
import { snapshotChoice, wholeNumber } from "./values.ts";
import { usageLine, type VerbName, verbOf } from "./verbs.ts";

/** When progress is shown. */
export type ProgressMode = "auto" | "always" | "never";

/** What every command has. */
export interface CommonOptions {
  /** The archive's path as typed; `-` is standard input, or standard output for `create`. */
  readonly archive: string;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly json: boolean;
  readonly progress: ProgressMode;
  /** The keys that open the archive, or that a new one is made for. */
  readonly keys: KeySources;
}

/** Where keys come from. */
export interface KeySources {
  /** Where passphrases come from; none when other keys are given and no passphrase is asked for. */
  readonly passphrases: readonly PassphraseSource[];
  /** Key files; `-` is standard input. */
  readonly keyFiles: readonly string[];
  /** Identity files; `-` is standard input. */
  readonly identities: readonly string[];
  /** Recipients, or files of recipients. */
  readonly recipients: readonly string[];
  /** A file of recovery words; `-` is standard input. */
  readonly recoveryWords: string | undefined;
  /** Whether each passphrase is good only together with the key file. */
  readonly both: boolean;
}

/** What every command that opens an archive has besides. */
export interface OpeningOptions extends CommonOptions {
  /** What the archive may ask for before a key has opened it. */
  readonly kdfLimits: {
    /** N·r·p summed over the slots tried. */
    readonly work: number;
    /** Bytes for one slot. */
    readonly memory: number;
  };
  /** The newest snapshot's id, kept elsewhere; 32 bytes. */
  readonly expect: Uint8Array<ArrayBuffer> | undefined;
  /** Whether an archive opens that is older than its header says. */
  readonly acceptRollback: boolean;
  /** The folder in which standard input is kept, if it has to be. */
  readonly spool: string | undefined;
}

/** How files are left out. */
export interface ExcludeOptions {
  /** Globs, for `compileExcludes`. */
  readonly exclude: readonly string[];
  /** Files of globs, for `readGlobFile`; `-` is standard input. */
  readonly excludeFrom: readonly string[];
}

/** How work is spread. */
export interface WorkOptions {
  /** Threads to work on; 1 means none besides the main one. */
  readonly jobs: number;
}

/** What is stored, and how. */
export interface StoringOptions extends CommonOptions, ExcludeOptions, WorkOptions {
  /** The paths as typed; empty when `filesFrom` or `stdinName` stands in for them. */
  readonly paths: readonly string[];
  /** The folder that relative paths start from. */
  readonly directory: string | undefined;
  readonly excludeCaches: boolean;
  /** A file of paths, for `readFileList`; `-` is standard input. */
  readonly filesFrom: string | undefined;
  /** Whether the paths in `filesFrom` end in NUL. */
  readonly filesFromNull: boolean;
  readonly oneFileSystem: boolean;
  /** zstd level, 1 to 19. */
  readonly level: number | "default";
  /** Whether to leave compression out. */
  readonly store: boolean;
  readonly pad: boolean;
  readonly label: string | undefined;
  readonly dryRun: boolean;
  /** New bytes after which what was stored is committed; `Infinity` for never. */
  readonly checkpointBytes: number;
}

/** `coffer create`. */
export interface CreateOptions extends StoringOptions {
  readonly verb: "create";
  /** The stored path of standard input's content. */
  readonly stdinName: string | undefined;
  /** Whether equal content is stored once. */
  readonly dedup: boolean;
  readonly suite: SuiteId;
  /** scrypt's logN. */
  readonly kdfLogN: number;
  /** Percentage of the recovery record; 0 for none. */
  readonly recovery: number;
  readonly force: boolean;
  readonly verify: boolean;
  /** Whether what an interrupted run left is replaced, and not gone on with. */
  readonly restart: boolean;
}

/** `coffer update`. */
export interface UpdateOptions extends StoringOptions, ChangingOptions {
  readonly verb: "update";
  /** Whether every file is read, whatever its times say. */
  readonly checksum: boolean;
  /** Whether the new snapshot has only what is named. */
  readonly replace: boolean;
  /** Whether a snapshot is appended even when nothing has changed. */
  readonly always: boolean;
}

/** `coffer snapshots`. */
export interface SnapshotsOptions extends OpeningOptions {
  readonly verb: "snapshots";
  /** Whether checkpoints are listed too that a later snapshot has completed. */
  readonly unfinished: boolean;
}

/** `coffer diff`. */
export interface DiffOptions extends OpeningOptions {
  readonly verb: "diff";
  readonly before: SnapshotChoice;
  /** What it is compared with, unless that is a folder. */
  readonly after: SnapshotChoice;
  /** The folder that it is compared with. */
  readonly against: string | undefined;
}

/** What commands have that read one snapshot. */
export interface SnapshotOptions {
  /** Which one; the newest unless given. */
  readonly snapshot: SnapshotChoice;
}

/** `coffer extract`. */
export interface ExtractOptions extends OpeningOptions, SnapshotOptions, ExcludeOptions, WorkOptions {
  readonly verb: "extract";
  readonly patterns: readonly string[];
  readonly literal: boolean;
  /** The folder to restore into; default: the current one. */
  readonly directory: string | undefined;
  readonly stripComponents: number;
  readonly existing: "refuse" | "overwrite" | "skip";
  readonly sameOwner: boolean;
  readonly samePermissions: boolean;
  /** Restored bytes allowed for each byte of the archive. */
  readonly maxExpansion: number;
  readonly dryRun: boolean;
}

/** `coffer list`. */
export interface ListOptions extends OpeningOptions, SnapshotOptions, ExcludeOptions {
  readonly verb: "list";
  readonly patterns: readonly string[];
  readonly literal: boolean;
  readonly long: boolean;
  /** Whether to print exact names that end in NUL. */
  readonly null: boolean;
  /** Whether each version of what matches is shown, from all snapshots. */
  readonly allVersions: boolean;
}

/** `coffer cat`. */
export interface CatOptions extends OpeningOptions, SnapshotOptions {
  readonly verb: "cat";
  /** Exact paths, at least one. */
  readonly paths: readonly string[];
}

/** `coffer verify`. */
export interface VerifyOptions extends OpeningOptions, SnapshotOptions, WorkOptions {
  readonly verb: "verify";
  /** A folder to compare with. */
  readonly against: string | undefined;
}

/** `coffer salvage`. */
export interface SalvageOptions extends OpeningOptions, SnapshotOptions {
  readonly verb: "salvage";
  /** The folder to restore into; default: the current one. */
  readonly directory: string | undefined;
  readonly existing: "refuse" | "overwrite" | "skip";
  readonly sameOwner: boolean;
  readonly samePermissions: boolean;
  /** Restored bytes allowed for each byte of the archive. */
  readonly maxExpansion: number;
}

/** Percentage of a recovery record that is added without one being named. */
const DEFAULT_RECOVERY_PERCENT = 5;

/** `coffer protect`. */
export interface ProtectOptions extends ChangingOptions {
  readonly verb: "protect";
  /** Percentage of the recovery record; 0 takes it away. */
  readonly recovery: number;
}

/** `coffer repair`. */
export interface RepairOptions extends ChangingOptions {
  readonly verb: "repair";
  readonly dryRun: boolean;
  /** Whether bytes behind the archive are cut off. */
  readonly cutTrailing: boolean;
  /** The new file to write, instead of mending in place. */
  readonly output: string | undefined;
  /** Whether only the recovery record is used, which takes no key. */
  readonly withoutKey: boolean;
  readonly force: boolean;
}

/** `coffer info`. */
export interface InfoOptions extends OpeningOptions, SnapshotOptions {
  readonly verb: "info";
}

/** `coffer keys list` */
export interface KeysListOptions extends OpeningOptions {
  readonly verb: "keys list";
}

/** What every command has that changes an archive's keys. */
export interface ChangingOptions extends OpeningOptions {
  /** How long to wait for another program that is changing the archive, in milliseconds. */
  readonly lockWaitMs: number;
}

/** `coffer keys add` and `coffer keys change` */
export interface NewKeyOptions extends ChangingOptions {
  /** The new keys, at least one. */
  readonly newKeys: KeySources;
  /** scrypt's logN for new passphrases. */
  readonly kdfLogN: number;
}

/** `coffer keys add` */
export interface KeysAddOptions extends NewKeyOptions {
  readonly verb: "keys add";
}

/** `coffer keys change` */
export interface KeysChangeOptions extends NewKeyOptions {
  readonly verb: "keys change";
}

/** `coffer keys backup` */
export interface KeysBackupOptions extends OpeningOptions {
  readonly verb: "keys backup";
  /** The file for the header; `-` is standard output. */
  readonly output: string | undefined;
  /** Whether to show the recovery words. */
  readonly words: boolean;
}

/** `coffer keys restore` */
export interface KeysRestoreOptions extends NewKeyOptions {
  readonly verb: "keys restore";
  readonly backup: string | undefined;
}

/** `coffer keys remove` */
export interface KeysRemoveOptions extends ChangingOptions {
  readonly verb: "keys remove";
  /** Numbers of the keys to remove, from 1. */
  readonly numbers: readonly number[];
}

/** `coffer copy` */
export interface CopyOptions extends OpeningOptions, WorkOptions {
  readonly verb: "copy";
  /** The new archive; `-` is standard output. */
  readonly target: string;
  /** Which snapshots are copied. */
  readonly snapshots: SnapshotChoice | RetentionRules;
  /** Its keys. */
  readonly newKeys: KeySources;
  readonly kdfLogN: number;
  readonly level: number | "default";
  readonly store: boolean;
  /** The old archive's when not given. */
  readonly suite: SuiteId | undefined;
  /** Whether equal content is stored once, also where the archive does not. */
  readonly dedup: boolean;
  readonly pad: boolean;
  /** Percentage of the recovery record, 0 for none; the old archive's when not given. */
  readonly recovery: number | undefined;
  readonly force: boolean;
}

/** `coffer keygen`; `archive` is the file to write. */
export interface KeygenOptions extends CommonOptions {
  readonly verb: "keygen";
  readonly kind: "key-file" | "identity";
}

/** The options of each verb. */
export interface OptionsByVerb {
  readonly create: CreateOptions;
  readonly update: UpdateOptions;
  readonly snapshots: SnapshotsOptions;
  readonly diff: DiffOptions;
  readonly extract: ExtractOptions;
  readonly list: ListOptions;
  readonly cat: CatOptions;
  readonly verify: VerifyOptions;
  readonly info: InfoOptions;
  readonly salvage: SalvageOptions;
  readonly repair: RepairOptions;
  readonly protect: ProtectOptions;
  readonly "keys list": KeysListOptions;
  readonly "keys add": KeysAddOptions;
  readonly "keys remove": KeysRemoveOptions;
  readonly "keys change": KeysChangeOptions;
  readonly "keys backup": KeysBackupOptions;
  readonly "keys restore": KeysRestoreOptions;
  readonly copy: CopyOptions;
  readonly keygen: KeygenOptions;
}

/** The options of any verb. */
export type CommandOptions = OptionsByVerb[VerbName];

/** Options that contradict each other. */
const CONFLICTS: readonly (readonly FlagName[])[] = [
  ["level", "store"],
  ["overwrite", "skip-existing"],
  ["dry-run", "verify"],
];

const LATEST: SnapshotChoice = { kind: "latest" };

const SUITE_IDS: Readonly<Record<NonNullable<TypedFlags["suite"]>, SuiteId>> = {
  "chacha20-poly1305": 1,
  "aes-256-gcm": 2,
};

/**
 * What the flags and arguments typed for a verb mean.
 *
 * @throws {UsageError} when they contradict each other or something is missing.
 */
export function interpret(verb: VerbName, typed: TypedFlags, positionals: readonly string[]): CommandOptions {
  const [archive, ...rest] = verbOf(verb).standalone ? [typed.output ?? "", ...positionals] : positionals;
  if (verb === "keygen" && archive === "") {
    throw new UsageError(
      "Cannot make a key: no file is named",
      "Name a new file with --output F; - is standard output",
    );
  }
  if (archive === undefined) throw new UsageError(`Cannot ${verb}: no ARCHIVE is named`, `Usage: ${usageLine(verb)}`);
  checkArchive(verb, archive);
  checkSpool(archive, typed);
  checkRest(verb, rest);
  for (const names of CONFLICTS) {
    const [first, second] = names.filter((name) => typed[name] !== undefined);
    if (second !== undefined) throw new UsageError(`Cannot use "--${first}" and "--${second}" together`);
  }
  const inputUses = standardInputUses(verb, archive, typed);
  const [first, second] = inputUses;
  if (second !== undefined) {
    throw new UsageError(`Cannot use "${first}" and "${second}" together: both read standard input`);
  }
  const common = {
    archive,
    quiet: typed.quiet ?? false,
    verbose: typed.verbose ?? false,
    json: typed.json ?? false,
    progress: typed.progress ?? "auto",
    keys: keySources(isNewKeyVerb(verb) ? onlyOpening(typed) : typed, inputUses.length === 0),
  };
  if (verb === "keygen") return { ...common, verb, kind: typed.identity === undefined ? "key-file" : "identity" };
  if (verb === "create") checkBoth(common.keys);
  if (verb === "create") return createOptions(common, typed, rest);
  const opening = {
    ...common,
    kdfLimits: {
      memory: typed["max-kdf-memory"] ?? DEFAULT_KDF_MEMORY,
      work: Math.floor((typed["max-kdf-work"] ?? DEFAULT_KDF_WORK * KDF_BLOCK_BYTES) / KDF_BLOCK_BYTES),
    },
    expect: typed.expect,
    acceptRollback: typed["accept-rollback"] ?? false,
    spool: typed.spool,
  };
  const chosen: SnapshotOptions = { snapshot: typed.snapshot ?? { kind: "latest" } };
  switch (verb) {
    case "update":
      return updateOptions(opening, typed, rest);
    case "snapshots":
      return { ...opening, verb, unfinished: typed.unfinished ?? false };
    case "diff":
      return diffOptions(opening, typed, rest);
    case "copy": {
      const [target, extra] = rest;
      if (target === undefined || extra !== undefined) {
        throw new UsageError(`Cannot copy: "${extra}" is one argument too many`, `Usage: ${usageLine(verb)}`);
      }
      return {
        ...opening,
        ...work(typed),
        verb,
        target,
        snapshots: copiedSnapshots(typed),
        newKeys: newKeySources(verb, typed, inputUses.length === 0),
        kdfLogN: typed["kdf-log-n"] ?? DEFAULT_LOG_N,
        level: typed.level ?? "default",
        store: typed.store ?? false,
        suite: typed.suite === undefined ? undefined : SUITE_IDS[typed.suite],
        dedup: typed.dedup ?? false,
        pad: typed.pad ?? false,
        recovery: typed.recovery,
        force: typed.force ?? false,
      };
    }
    case "keys list":
      return { ...opening, verb };
    case "keys remove": {
      const read = wholeNumber(1, MAX_SLOTS);
      return { ...changingOptions(opening, typed), verb, numbers: rest.map((text) => read(text, "NUMBER")) };
    }
    case "keys backup": {
      const words = typed.words ?? false;
      if (typed.output === undefined && !words) {
        throw new UsageError(
          "Cannot keys backup: nothing to keep is named",
          "Use --output F for the header, --words for the words",
        );
      }
      return { ...opening, verb, output: typed.output, words };
    }
    case "keys restore": {
      const [backup, extra] = rest;
      if (extra !== undefined) throw new UsageError(`Cannot keys restore: "${extra}" is one argument too many`);
      if (backup === undefined && typed["recovery-words"] === undefined) {
        throw new UsageError("Cannot keys restore: there is neither a BACKUP nor --recovery-words");
      }
      const newKeys = newKeySources(verb, typed, inputUses.length === 0);
      const kdfLogN = typed["kdf-log-n"] ?? DEFAULT_LOG_N;
      return { ...changingOptions(opening, typed), verb, newKeys, kdfLogN, backup };
    }
    case "keys add":
    case "keys change": {
      const newKeys = newKeySources(verb, typed, inputUses.length === 0);
      const kdfLogN = typed["kdf-log-n"] ?? DEFAULT_LOG_N;
      return { ...changingOptions(opening, typed), verb, newKeys, kdfLogN };
    }
    case "extract":
      return { ...extractOptions({ ...opening, ...chosen }, typed, rest) };
    case "list":
      if (typed.json && typed.null) throw new UsageError('Cannot use "--json" and "--null" together');
      if (typed["all-versions"] && (rest.length === 0 || typed.snapshot !== undefined)) {
        throw new UsageError('Cannot use "--all-versions" without a PATTERN, or together with "--snapshot"');
      }
      return {
        ...opening,
        ...chosen,
        ...excludes(typed),
        allVersions: typed["all-versions"] ?? false,
        verb,
        patterns: rest,
        literal: typed.literal ?? false,
        long: typed.long ?? false,
        null: typed.null ?? false,
      };
    case "cat":
      return { ...opening, ...chosen, verb, paths: rest };
    case "verify":
      return { ...opening, ...chosen, ...work(typed), verb, against: typed.against };
    case "info":
      return { ...opening, ...chosen, verb };
    case "protect":
      return { ...changingOptions(opening, typed), verb, recovery: typed.recovery ?? DEFAULT_RECOVERY_PERCENT };
    case "repair": {
      const [dryRun, cutTrailing] = [typed["dry-run"] ?? false, typed["cut-trailing"] ?? false];
      const [output, withoutKey] = [typed.output, typed["without-key"] ?? false];
      if (output !== undefined && (dryRun || cutTrailing)) {
        throw new UsageError(`Cannot use --output with ${dryRun ? "--dry-run" : "--cut-trailing"}`);
      }
      const force = typed.force ?? false;
      return { ...changingOptions(opening, typed), verb, dryRun, cutTrailing, output, withoutKey, force };
    }
    case "salvage":
      return { ...opening, ...chosen, ...restoring(typed), verb };
  }
}

function diffOptions(opening: OpeningOptions, typed: TypedFlags, snapshots: readonly string[]): DiffOptions {
  const { against } = typed;
  const most = against === undefined ? 2 : 1;
  const extra = snapshots[most];
  if (extra !== undefined) {
    throw new UsageError(`Cannot diff: "${extra}" is one argument too many`, `Usage: ${usageLine("diff")}`);
  }
  const [before, after] = snapshots.map((text) => snapshotChoice(text, "SNAPSHOT"));
  return { ...opening, verb: "diff", before: before ?? LATEST, after: after ?? LATEST, against };
}

/** The rules by which snapshots are copied, or the one that is. */
function copiedSnapshots(typed: TypedFlags): SnapshotChoice | RetentionRules {
  const numbers = {
    last: typed["keep-last"],
    daily: typed["keep-daily"],
    weekly: typed["keep-weekly"],
    monthly: typed["keep-monthly"],
  };
  const rules = Object.fromEntries(Object.entries(numbers).filter(([, count]) => count !== undefined));
  if (typed.snapshot === undefined) return rules;
  if (Object.keys(rules).length === 0) return typed.snapshot;
  throw new UsageError('Cannot use "--snapshot" together with rules for keeping several');
}

function createOptions(common: CommonOptions, typed: TypedFlags, paths: readonly string[]): CreateOptions {
  if (paths.length === 0 && typed["files-from"] === undefined && typed["stdin-name"] === undefined) {
    throw new UsageError(
      "Cannot create an archive: no PATH is named",
      'Name files or folders ("." is the current folder), or use --files-from or --stdin-name',
    );
  }
  if (typed.verify && common.archive === "-") {
    throw new UsageError(
      'Cannot use "--verify": an archive on standard output cannot be read back',
      "Run coffer verify where it arrives",
    );
  }
  const storing = storingOptions(common, typed, paths);
  const whole = whyWhole(common.archive, typed);
  if (whole !== undefined && typed.checkpoint !== undefined && typed.checkpoint !== Infinity) {
    throw new UsageError(`Cannot use "--checkpoint" here: ${whole}`);
  }
  return {
    ...storing,
    verb: "create",
    stdinName: typed["stdin-name"],
    dedup: typed.dedup ?? false,
    suite: SUITE_IDS[typed.suite ?? "chacha20-poly1305"],
    kdfLogN: typed["kdf-log-n"] ?? DEFAULT_LOG_N,
    recovery: typed.recovery ?? 0,
    force: typed.force ?? false,
    verify: typed.verify ?? false,
    restart: typed.restart ?? false,
    checkpointBytes: whole === undefined ? storing.checkpointBytes : Infinity,
  };
}

/** Why a new archive must be one segment, if it must. */
function whyWhole(archive: string, typed: TypedFlags): string | undefined {
  if (archive === "-") return "what went into a pipe cannot be gone on with";
  if (typed["stdin-name"] !== undefined) return "standard input cannot be read again";
  return undefined;
}

function storingOptions(common: CommonOptions, typed: TypedFlags, paths: readonly string[]): StoringOptions {
  if (paths.includes("-")) {
    throw new UsageError(
      'Cannot store "-": it is not clear what is meant',
      'Standard input is stored with --stdin-name NAME; a file that is called "-" is "./-"',
    );
  }
  if (typed.null && typed["files-from"] === undefined) {
    throw new UsageError('Cannot use "--null": it says how the names in "--files-from" end, which is not given');
  }
  return {
    ...common,
    ...excludes(typed),
    ...work(typed),
    paths,
    directory: typed.directory,
    excludeCaches: typed["exclude-caches"] ?? false,
    filesFrom: typed["files-from"],
    filesFromNull: typed.null ?? false,
    oneFileSystem: typed["one-file-system"] ?? false,
    level: typed.level ?? "default",
    store: typed.store ?? false,
    pad: typed.pad ?? false,
    label: typed.label,
    dryRun: typed["dry-run"] ?? false,
    checkpointBytes: typed.checkpoint ?? DEFAULT_CHECKPOINT_BYTES,
  };
}

function updateOptions(opening: OpeningOptions, typed: TypedFlags, paths: readonly string[]): UpdateOptions {
  if (paths.length === 0 && typed["files-from"] === undefined) {
    throw new UsageError(
      "Cannot update an archive: no PATH is named",
      'Name files or folders ("." is the current folder), or use --files-from',
    );
  }
  return {
    ...changingOptions(opening, typed),
    ...storingOptions(opening, typed, paths),
    verb: "update",
    checksum: typed.checksum ?? false,
    replace: typed.replace ?? false,
    always: typed.always ?? false,
  };
}

function extractOptions(
  opening: OpeningOptions & SnapshotOptions,
  typed: TypedFlags,
  patterns: readonly string[],
): ExtractOptions {
  return {
    ...opening,
    ...excludes(typed),
    ...work(typed),
    verb: "extract",
    ...restoring(typed),
    patterns,
    literal: typed.literal ?? false,
    stripComponents: typed["strip-components"] ?? 0,
    dryRun: typed["dry-run"] ?? false,
  };
}

/** How entries are put on a disk. */
function restoring(typed: TypedFlags): Omit<SalvageOptions, "verb" | keyof OpeningOptions | keyof SnapshotOptions> {
  return {
    directory: typed.directory,
    existing: typed.overwrite ? "overwrite" : typed["skip-existing"] ? "skip" : "refuse",
    sameOwner: typed["same-owner"] ?? false,
    samePermissions: typed["same-permissions"] ?? false,
    maxExpansion: typed["max-expansion"] ?? DEFAULT_MAX_EXPANSION,
  };
}

function excludes(typed: TypedFlags): ExcludeOptions {
  return { exclude: typed.exclude ?? [], excludeFrom: typed["exclude-from"] ?? [] };
}

function work(typed: TypedFlags): WorkOptions {
  return { jobs: typed.jobs ?? DEFAULT_JOBS };
}

/** The new keys of `keys add` and `keys change`. What opens the archive is given by the other options. */
function newKeySources(verb: NewKeyVerb, typed: TypedFlags, inheritInput: boolean): KeySources {
  const sources = keySources({
    "passphrase-file": typed["new-passphrase-file"] ?? [],
    "passphrase-command": typed["new-passphrase-command"] ?? [],
    "key-file": typed["new-key-file"] ?? [],
    "recipient": typed["new-recipient"] ?? [],
    ...(typed["generate-passphrase"] ? { "generate-passphrase": true } : {}),
    ...(typed["ask-passphrase"] ? { "ask-passphrase": true } : {}),
    ...(typed.both ? { both: true } : {}),
  }, inheritInput);
  checkBoth(sources);
  // The environment's passphrase is the old one.
  const passphrases = sources.passphrases.map((source) => source.kind === "ask" ? { kind: "prompt" } as const : source);
  const count = passphrases.length + sources.recipients.length + (sources.both ? 0 : sources.keyFiles.length);
  if (verb === "keys change" && count !== 1) {
    throw new UsageError(
      "Cannot keys change: more than one new key is named",
      "coffer keys add adds any number of them",
    );
  }
  return { ...sources, passphrases };
}

/** Verbs whose options for keys are parted in those that open and those that are new. */
type NewKeyVerb = "keys add" | "keys change" | "keys restore" | "copy";

function isNewKeyVerb(verb: VerbName): verb is NewKeyVerb {
  return verb === "keys add" || verb === "keys change" || verb === "keys restore" || verb === "copy";
}

/** Without what is about the new key. */
function onlyOpening(typed: TypedFlags): TypedFlags {
  const { "generate-passphrase": _generate, "ask-passphrase": _ask, both: _both, ...opening } = typed;
  return opening;
}

function changingOptions(opening: OpeningOptions, typed: TypedFlags): ChangingOptions {
  return { ...opening, lockWaitMs: (typed["lock-wait"] ?? 0) * 1000 };
}

function keySources(typed: TypedFlags, inheritInput: boolean): KeySources {
  const passphrases: PassphraseSource[] = [];
  for (const path of typed["passphrase-file"] ?? []) passphrases.push({ kind: "file", path });
  // A command may ask its own questions on standard input, unless that carries data.
  for (const words of typed["passphrase-command"] ?? []) passphrases.push({ kind: "command", words, inheritInput });
  if (typed["generate-passphrase"]) passphrases.push({ kind: "generate" });
  if (typed["ask-passphrase"]) passphrases.push({ kind: "prompt" });
  const [keyFiles, identities, recipients] = [typed["key-file"] ?? [], typed.identity ?? [], typed.recipient ?? []];
  const both = typed.both ?? false;
  const recoveryWords = typed["recovery-words"];
  const others = keyFiles.length + identities.length + recipients.length + (recoveryWords === undefined ? 0 : 1);
  // Another key that was given is enough; the environment must not add one silently.
  if (passphrases.length === 0 && (others === 0 || both)) passphrases.push({ kind: "ask" });
  return { passphrases, keyFiles, identities, recipients, recoveryWords, both };
}

function checkBoth({ both, keyFiles }: KeySources): void {
  if (!both || keyFiles.length === 1) return;
  throw new UsageError(
    `Cannot use "--both" with ${keyFiles.length === 0 ? "no" : "more than one"} key file`,
    "Name the one that every passphrase is to need with --key-file F",
  );
}

function checkArchive(verb: VerbName, archive: string): void {
  if (archive === "") throw new UsageError(`Cannot ${verb}: the name of ARCHIVE is empty`);
  if (archive.includes("\0")) throw new UsageError(`Cannot ${verb}: the name of ARCHIVE holds a NUL`);
  if (archive === "-" && verb === "update") {
    throw new UsageError(
      'Cannot use "-" as ARCHIVE: an update changes the archive where it is, and a pipe cannot be changed',
      "Update the file where it lies, or save the archive to a file first",
    );
  }
  if (archive === "-" && verbOf(verb).dash === undefined && !verbOf(verb).standalone) {
    throw new UsageError(
      `Cannot use "-" as ARCHIVE: "${verb}" does not read standard input`,
      'Save the archive to a file first; a file that is called "-" is "./-"',
    );
  }
}

function checkSpool(archive: string, typed: TypedFlags): void {
  if (typed.spool === undefined || archive === "-") return;
  throw new UsageError('Cannot use "--spool": it says where standard input is kept, and ARCHIVE is a file');
}

function checkRest(verb: VerbName, rest: readonly string[]): void {
  const expected = verbOf(verb).rest;
  if (expected === undefined && rest[0] !== undefined) {
    throw new UsageError(`Cannot ${verb}: "${rest[0]}" is one argument too many`, `Usage: ${usageLine(verb)}`);
  }
  if (expected?.required && rest.length === 0) {
    throw new UsageError(`Cannot ${verb}: no ${expected.name} is named`, `Usage: ${usageLine(verb)}`);
  }
  const odd = rest.find((text) => text === "" || text.includes("\0"));
  if (odd !== undefined) {
    throw new UsageError(`Cannot ${verb}: a ${expected?.name} ${odd === "" ? "is empty" : "holds a NUL"}`);
  }
}

/** What makes standard input its own, as typed; it can be read once. */
function standardInputUses(verb: VerbName, archive: string, typed: TypedFlags): string[] {
  const uses: string[] = [];
  if (archive === "-" && verbOf(verb).dash === "standard input") uses.push("-");
  if (typed["recovery-words"] === "-") uses.push("--recovery-words -");
  for (
    const name of ["passphrase-file", "key-file", "identity", "new-passphrase-file", "new-key-file"] as const
  ) {
    for (const from of typed[name] ?? []) if (from === "-") uses.push(`--${name} -`);
  }
  if (typed["files-from"] === "-") uses.push("--files-from -");
  for (const from of typed["exclude-from"] ?? []) if (from === "-") uses.push("--exclude-from -");
  if (typed["stdin-name"] !== undefined) uses.push("--stdin-name");
  return uses;
}
