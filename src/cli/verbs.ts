/** The table of verbs: what each takes, which options it has, and what its help says. */
import { EXIT, type ExitCode } from "./exit_codes.ts";
import type { FlagName } from "./flags.ts";

/** A verb of this version. */
export interface Verb {
  /** tar's letter for it, where tar has one. */
  readonly alias?: string;
  /** What it does, in the list of verbs. */
  readonly summary: string;
  /** What `-` means as ARCHIVE; `undefined` when it is refused. */
  readonly dash: "standard input" | "standard output" | undefined;
  /** Present when it works on no archive, and takes no arguments. */
  readonly standalone?: true;
  /** Options that take a value elsewhere and none here. */
  readonly switches?: readonly FlagName[];
  /** The arguments after ARCHIVE. */
  readonly rest?: {
    readonly name: string;
    /** Whether one is needed. Where options can stand in for it, the verb's own reading of the options says so. */
    readonly required: boolean;
  };
  readonly flags: readonly FlagName[];
  /** Exit codes it can end with, besides 0, 1, 2 and 130, which all can. */
  readonly exits: readonly ExitCode[];
  /** What the one-line summaries leave open: paragraphs. */
  readonly notes: readonly string[];
  /** Commands to copy, each with what it does. */
  readonly examples: readonly (readonly [command: string, does: string])[];
}

const TALKING = ["quiet", "verbose", "json", "progress", "help", "version"] as const satisfies FlagName[];
const OPENING = [
  "passphrase-file",
  "passphrase-command",
  "key-file",
  "identity",
  "recovery-words",
  "max-kdf-memory",
  "max-kdf-work",
  "expect",
  "accept-rollback",
] as const satisfies FlagName[];
const OPENING_TO_CHANGE = OPENING.filter((name) => name !== "expect" && name !== "accept-rollback");
const CHANGING = [
  ...OPENING_TO_CHANGE,
  "lock-wait",
  "quiet",
  "verbose",
  "json",
  "help",
  "version",
] as const satisfies FlagName[];
const NEW_KEYS = [
  "new-passphrase-file",
  "new-passphrase-command",
  "generate-passphrase",
  "ask-passphrase",
  "new-key-file",
  "both",
  "new-recipient",
  "kdf-log-n",
] as const satisfies FlagName[];
const OPENING_EXITS = [EXIT.notAnArchive, EXIT.wrongKey, EXIT.damaged, EXIT.truncated, EXIT.unsafe] as const;

const NOTE_KEYS =
  "A passphrase is asked for on the terminal, unless an option names a key or the environment variable " +
  "COFFER_PASSPHRASE is set. An option overrides the variable.";
const NOTE_TRIED = `${NOTE_KEYS} Every key given is tried on every key slot of its kind.`;
const NOTE_NEW_KEYS =
  "The archive is opened as always. A new passphrase is asked for on the terminal, twice, unless an " +
  "option names a new key; COFFER_PASSPHRASE opens, and is never made a key.";
const NOTE_IN_PLACE =
  "Nothing but the header is written, in an order in which a crash leaves the keys as they were or as " +
  "they are to be. Another program that is changing the archive is waited for only with --lock-wait.";
/** What removing a key does not do, in one line. */
export const REMOVAL_LIMIT =
  "whoever used that key before may have kept a copy of the archive or of its header, and opens " +
  "both with it for ever, and this archive too; to shut them out, coffer copy makes a new archive";
const NOTE_PATTERNS =
  "A PATTERN that is equal to a path takes it and all below it. Otherwise it is a glob: * and ? do " +
  "not match a /, ** does, [a-z] is one of these, {a,b} is either, \\ takes the next character as it is. " +
  "Quote it, or the shell expands it first. A PATTERN that matches nothing is named, and the exit code is 1.";
const NOTE_PIPE =
  "From standard input, an archive of one snapshot, and with --snapshot first the first of several, is read in one pass. " +
  "Other archives are first kept, still encrypted, in a temporary file, which --spool places.";
const NOTE_KEPT =
  "From standard input, the archive is first kept, still encrypted, in a temporary file, which --spool places.";
const NOTE_ESCAPES =
  "Unusual characters in names are shown as \\x0a or \\u{202e} and a backslash as \\\\, so that one " +
  "line is one name; --json and --null give exact names.";

/** Every verb of this version, in the order the help lists them. */
export const VERBS = {
  create: {
    alias: "c",
    summary: "write a new archive of files and folders",
    dash: "standard output",
    rest: { name: "PATH", required: false },
    flags: [
      "directory",
      "exclude",
      "exclude-from",
      "exclude-caches",
      "files-from",
      "null",
      "one-file-system",
      "stdin-name",
      "level",
      "store",
      "suite",
      "kdf-log-n",
      "dedup",
      "pad",
      "recovery",
      "label",
      "checkpoint",
      "restart",
      "force",
      "verify",
      "dry-run",
      "passphrase-file",
      "passphrase-command",
      "generate-passphrase",
      "ask-passphrase",
      "key-file",
      "both",
      "recipient",
      "jobs",
      ...TALKING,
    ],
    exits: [EXIT.partial, EXIT.damaged],
    notes: [
      "ARCHIVE appears under its name only when it is complete; an existing one is kept, unless --force is given.",
      "A large archive is committed in parts, as ARCHIVE.partial. When a run is interrupted, the same command goes on from " +
      "there; files that had not been stored by the last checkpoint are stored again, each as a whole. An archive with " +
      "checkpoints cannot be extracted from a pipe in one pass.",
      "A leading / and everything through the last .. of a PATH are dropped from the stored names, with a note.",
      `${NOTE_KEYS} On the terminal it is asked for twice.`,
      "Any one of the keys given opens the archive; with --both, each passphrase needs the key file too. Archives for " +
      "recipients are not signed: anyone who knows a recipient can make one.",
    ],
    examples: [
      ["coffer create photos.coffer photos", "store the folder photos"],
      ["coffer create --generate-passphrase backup.coffer -C /home/ann .", "with a passphrase made for you"],
      ["coffer create shared.coffer docs -r coffer1… -k spare.key", "for a colleague, and a key file in the safe"],
      ["coffer create - project | ssh host 'cat > project.coffer'", "store on another machine"],
      ["pg_dump shop | coffer create shop.coffer --stdin-name shop.sql", "store what a program prints"],
    ],
  },
  update: {
    alias: "u",
    summary: "append a snapshot to an archive, storing only what changed",
    dash: undefined,
    rest: { name: "PATH", required: false },
    flags: [
      "directory",
      "exclude",
      "exclude-from",
      "exclude-caches",
      "files-from",
      "null",
      "one-file-system",
      "level",
      "store",
      "pad",
      "label",
      "checkpoint",
      "checksum",
      "replace",
      "always",
      "dry-run",
      ...OPENING_TO_CHANGE,
      "expect",
      "lock-wait",
      "jobs",
      ...TALKING,
    ],
    exits: [EXIT.partial, ...OPENING_EXITS],
    notes: [
      "The PATHs are compared with the newest snapshot. A file whose size, times and inode are the same is not read; one " +
      "with other times is read, and stored when its content differs. What is gone below the PATHs is gone from the new " +
      "snapshot; what the archive has elsewhere stays. Earlier snapshots stay as they are.",
      "Nothing is changed but the header and what lies behind the newest snapshot, in an order in which a crash leaves " +
      "all earlier snapshots. Files that are deleted keep their room in the archive until coffer copy.",
      "What is interrupted after a checkpoint leaves an unfinished snapshot, from which the next update goes on.",
      NOTE_TRIED,
    ],
    examples: [
      ["coffer update photos.coffer photos", "what has changed in the folder photos"],
      ["coffer update --label nightly backup.coffer -C /home/ann .", "from a timer, every night"],
    ],
  },
  snapshots: {
    summary: "list the snapshots of an archive",
    dash: "standard input",
    flags: ["unfinished", "spool", ...OPENING, ...TALKING],
    exits: [...OPENING_EXITS],
    notes: [
      "Each with its number, the beginning of its id, its time, how many files and bytes it has, how much it added, and " +
      "its label. --json and --verbose show whole ids.",
      "Unfinished ones are checkpoints of a create or update that was interrupted, or is at work.",
      NOTE_KEPT,
      NOTE_TRIED,
    ],
    examples: [
      ["coffer snapshots backup.coffer", "which are there?"],
      ["coffer snapshots --json backup.coffer | jq -r .id", "their ids, for --expect and --snapshot"],
    ],
  },
  diff: {
    summary: "show what differs between snapshots, or from the disk",
    dash: "standard input",
    rest: { name: "SNAPSHOT", required: true },
    flags: ["against", "spool", ...OPENING, ...TALKING.filter((name) => name !== "progress")],
    exits: [EXIT.differs, ...OPENING_EXITS],
    notes: [
      "Compares the first SNAPSHOT with the second, or with the newest, or with the files in --against DIR. A SNAPSHOT is " +
      "the beginning of an id, a number, first, or latest. A line is a path behind + when it was added, - when it was " +
      "removed, C when its content changed, M when only its mode, times or owner did, and T when it is something else.",
      NOTE_ESCAPES,
      NOTE_KEPT,
      NOTE_TRIED,
    ],
    examples: [
      ["coffer diff backup.coffer 3 4", "what the fourth snapshot changed"],
      ["coffer diff backup.coffer latest --against /home/ann", "what has changed on the disk since"],
    ],
  },
  extract: {
    alias: "x",
    summary: "restore files from an archive",
    dash: "standard input",
    rest: { name: "PATTERN", required: false },
    flags: [
      "directory",
      "exclude",
      "exclude-from",
      "literal",
      "strip-components",
      "overwrite",
      "skip-existing",
      "same-owner",
      "same-permissions",
      "max-expansion",
      "dry-run",
      "snapshot",
      "spool",
      ...OPENING,
      "jobs",
      ...TALKING,
    ],
    exits: [EXIT.partial, ...OPENING_EXITS],
    notes: [
      "Nothing that exists is replaced unless --overwrite says so, and nothing is ever written outside the folder. " +
      "Modes and times are restored; owners and set-id bits only on request.",
      NOTE_PIPE,
      NOTE_PATTERNS,
      NOTE_TRIED,
    ],
    examples: [
      ["coffer extract photos.coffer -C restored", "restore everything into the folder restored"],
      ["coffer extract photos.coffer photos/2024 'photos/*/best-*.jpg'", "a folder, and what matches"],
      ["coffer extract --snapshot 3 photos.coffer -C restored", "as it was in the third snapshot"],
      ["ssh host cat project.coffer | coffer extract -", "from another machine"],
    ],
  },
  list: {
    alias: "t",
    summary: "list the paths in an archive",
    dash: "standard input",
    rest: { name: "PATTERN", required: false },
    flags: [
      "long",
      "null",
      "exclude",
      "exclude-from",
      "literal",
      "snapshot",
      "spool",
      "all-versions",
      ...OPENING,
      ...TALKING,
    ],
    exits: [...OPENING_EXITS],
    notes: [NOTE_ESCAPES, NOTE_PATTERNS, NOTE_PIPE, NOTE_TRIED],
    examples: [
      ["coffer list photos.coffer", "one path a line"],
      ["coffer list -l photos.coffer 'photos/**.jpg'", "with details, of what matches"],
      ["coffer list --json photos.coffer | jq -r .path", "for programs"],
    ],
  },
  cat: {
    summary: "write the contents of files in an archive to standard output",
    dash: "standard input",
    rest: { name: "PATH", required: true },
    flags: ["snapshot", "spool", ...OPENING, ...TALKING.filter((name) => name !== "json")],
    exits: [...OPENING_EXITS],
    notes: [
      "A PATH is exact, as the list shows it without escapes; it is no glob. Only what it needs is read.",
      NOTE_KEPT,
      NOTE_TRIED,
    ],
    examples: [["coffer cat shop.coffer shop.sql | psql shop", "use a file without extracting it"]],
  },
  verify: {
    summary: "read and check every byte of an archive",
    dash: "standard input",
    flags: ["against", "snapshot", "spool", ...OPENING, "jobs", ...TALKING],
    exits: [EXIT.differs, ...OPENING_EXITS],
    notes: [
      "All snapshots are checked. --against compares the newest with a folder, or the one that --snapshot names.",
      "Of a file that is not whole, the damage is shown as a map, the files that it touches are named (with --json all of " +
      "them, and every range), and the exit code is that of the first error.",
      NOTE_PIPE,
      NOTE_TRIED,
    ],
    examples: [
      ["coffer verify photos.coffer", "is it whole?"],
      ["coffer verify photos.coffer --against /home/ann", "and does it hold what is on the disk?"],
    ],
  },
  salvage: {
    summary: "save everything intact from a damaged archive",
    dash: "standard input",
    flags: [
      "directory",
      "snapshot",
      "spool",
      "overwrite",
      "skip-existing",
      "same-owner",
      "same-permissions",
      "max-expansion",
      ...OPENING,
      ...TALKING,
    ],
    exits: [EXIT.partial, ...OPENING_EXITS],
    notes: [
      "For an archive with a hole in it, without its end, without its catalog, or with pieces in the wrong places. What is " +
      "intact comes out, each file that is not whole is named with the bytes that it lacks, and so is each that is lost, as " +
      "far as anything still names it. ARCHIVE is only read.",
      "A file that lost a part has zeros there. DIR then holds a list, coffer-salvage.damaged, of all that is missing. The " +
      "exit code is 0 when nothing is lost, and 12 when something is, or may be.",
      "Of several snapshots it is the newest, or what --snapshot names. Where the catalog of that is lost, an earlier one comes " +
      "out, with what was stored later and is intact: of each path the newest version, and also what has been deleted since. " +
      "A warning says so.",
      "Without its header an archive takes --recovery-words. From standard input, it is first kept, still encrypted, in a " +
      "temporary file beside DIR.",
      NOTE_TRIED,
    ],
    examples: [
      ["coffer salvage photos.coffer -C saved", "everything that is left, into the folder saved"],
      ["coffer salvage photos.coffer -C saved --recovery-words words", "also when its header is gone"],
      ["ssh host cat photos.coffer | coffer salvage - -C saved --json", "from another machine, for programs"],
    ],
  },
  protect: {
    summary: "add a recovery record to an archive, or take it away",
    dash: undefined,
    flags: ["recovery", ...CHANGING],
    exits: [...OPENING_EXITS],
    notes: [
      "Without --recovery it is a record of 5 %; --recovery 0 takes it away. Content, keys and id of the archive stay.",
      "The archive is written anew beside the old one, checked as a whole, and takes its place, so there has to be room for " +
      "both. An archive that is damaged is refused. Later updates add to the record what they need.",
    ],
    examples: [
      ["coffer protect photos.coffer", "let repair mend what 5 % of damage destroys"],
      ["coffer protect photos.coffer --recovery 20", "and now 20 %"],
    ],
  },
  repair: {
    summary: "mend what can be mended in a damaged archive",
    dash: undefined,
    flags: ["dry-run", "cut-trailing", "output", "force", "without-key", ...CHANGING],
    exits: [...OPENING_EXITS],
    notes: [
      "An archive with a recovery record (create --recovery, protect) is mended by it first, data and record, in regions " +
      "of 64 MiB; of one in which more is damaged than the record can mend, nothing is. That takes no key, and with --without-key nothing else is done. " +
      "What is to be written goes to ARCHIVE.journal before the archive is touched; after a crash, repair it again.",
      "A damaged copy of the header is written anew from the good one, and the record that ends the archive from the header, " +
      "or from what the archive holds; what an interrupted update left is cut off. Content that is damaged stays so: coffer salvage takes out the rest. When both copies " +
      "of the header are gone, coffer keys restore is the command.",
      "Where the record at the end had to be written anew, the archive has another id from then on.",
      "It is done in place, in an order in which a crash leaves the archive no worse. The exit code is 0 when nothing is " +
      "wrong any more, and that of the damage otherwise, also with --dry-run. Another program that is changing the archive is " +
      "waited for only with --lock-wait.",
    ],
    examples: [
      ["coffer repair photos.coffer --dry-run", "what is wrong, and what would be done?"],
      ["coffer repair photos.coffer", "do it"],
      ["coffer repair photos.coffer --without-key", "mend by the recovery record, on a machine that has no key"],
      ["coffer repair photos.coffer --output mended.coffer", "leave the damaged file as it is"],
      ["coffer repair photos.coffer --cut-trailing", "also remove what was appended to the file"],
    ],
  },
  info: {
    summary: "show what an archive is, without its key what anyone can see",
    dash: undefined,
    flags: ["snapshot", ...OPENING, ...TALKING],
    exits: [...OPENING_EXITS],
    notes: [
      "No passphrase is asked for. With a key from an option or from COFFER_PASSPHRASE, the snapshot and its totals are " +
      "shown too.",
    ],
    examples: [["coffer info photos.coffer", "version, cipher suite, which keys open it, and what a try costs"]],
  },
  "keys list": {
    summary: "list the keys that open an archive",
    dash: undefined,
    flags: [...OPENING, "quiet", "verbose", "json", "help", "version"],
    exits: [...OPENING_EXITS],
    notes: [
      "No key is needed, and anyone who has the archive can see this much. With a key from an option or from " +
      "COFFER_PASSPHRASE, the one that it opens is marked.",
    ],
    examples: [["coffer keys list photos.coffer", "each with its number, its kind, and what a try costs"]],
  },
  "keys add": {
    summary: "let another key open an archive",
    dash: undefined,
    flags: [...NEW_KEYS, ...CHANGING],
    exits: [...OPENING_EXITS],
    notes: [NOTE_NEW_KEYS, NOTE_IN_PLACE],
    examples: [
      ["coffer keys add photos.coffer", "another passphrase"],
      ["coffer keys add photos.coffer --new-key-file spare.key", "a key file"],
      [
        "coffer keys add photos.coffer -k spare.key --new-recipient ann.recipient",
        "a recipient, opening with a key file",
      ],
    ],
  },
  "keys remove": {
    summary: "let a key no longer open an archive",
    dash: undefined,
    rest: { name: "NUMBER", required: true },
    flags: [...CHANGING],
    exits: [...OPENING_EXITS],
    notes: [
      "NUMBER is what coffer keys list shows; the keys behind it move up. The last key is never removed.",
      `What it does not do: ${REMOVAL_LIMIT}.`,
      NOTE_IN_PLACE,
    ],
    examples: [["coffer keys remove photos.coffer 2", "remove the second key"]],
  },
  "keys change": {
    summary: "put a new key in the place of the one that opens an archive",
    dash: undefined,
    flags: [...NEW_KEYS, ...CHANGING],
    exits: [...OPENING_EXITS],
    notes: [NOTE_NEW_KEYS, `The old key is removed. What that does not do: ${REMOVAL_LIMIT}.`, NOTE_IN_PLACE],
    examples: [["coffer keys change photos.coffer", "a new passphrase instead of the old one"]],
  },
  "keys backup": {
    summary: "keep an archive's header, or its key as words, for the day they are lost",
    dash: undefined,
    flags: ["output", "words", ...OPENING, "quiet", "verbose", "json", "help", "version"],
    exits: [...OPENING_EXITS],
    notes: [
      "Both copies of the header lie in an archive's first kilobytes; without either, no key opens it. The backup is a " +
      "text of a few kilobytes. It is no secret, but every key of today opens the archive with it, removed or not.",
      "The 24 words of --words are the archive key itself. They open the archive without its header and without any of " +
      "its keys, for ever: keep them on paper, and out of others' sight.",
    ],
    examples: [
      ["coffer keys backup photos.coffer -o photos.header", "keep the header"],
      ["coffer keys backup photos.coffer --words", "show the recovery words"],
    ],
  },
  "keys restore": {
    summary: "write an archive's lost header anew",
    dash: undefined,
    rest: { name: "BACKUP", required: false },
    flags: [...NEW_KEYS, ...CHANGING],
    exits: [...OPENING_EXITS],
    notes: [
      "From a BACKUP, the keys are those of that time; one of them has to be given. From --recovery-words without a " +
      "BACKUP, the archive gets new keys, which are asked for or come from options.",
      "The end of the archive has to be whole: it says where the content begins. What stood where the archive was " +
      "overwritten stays lost; the rest can be extracted by name.",
    ],
    examples: [
      ["coffer keys restore photos.coffer photos.header", "from a backup"],
      ["coffer keys restore photos.coffer --recovery-words words", "from words; a new passphrase is asked for"],
    ],
  },
  copy: {
    summary: "write a copy under a fresh archive key, with new keys",
    dash: "standard input",
    rest: { name: "NEW", required: true },
    flags: [
      "level",
      "store",
      "suite",
      "dedup",
      "pad",
      "recovery",
      "force",
      "snapshot",
      "spool",
      "keep-last",
      "keep-daily",
      "keep-weekly",
      "keep-monthly",
      ...NEW_KEYS,
      ...OPENING,
      "jobs",
      ...TALKING,
    ],
    exits: [...OPENING_EXITS],
    notes: [
      "NEW (- is standard output) gets the same entries, time and label, and no key of the old archive: whoever could open " +
      "that one cannot open this one. Nothing is written to disk in clear. Holes are stored as zeros.",
      "All snapshots are copied, unless --snapshot names one or --keep options choose some: each chooses by itself, as in " +
      "restic's forget, and what any of them chooses is copied. What no copied snapshot needs takes no room any more. " +
      "Snapshots get new ids. To standard output, one snapshot can be copied.",
      NOTE_KEPT,
      NOTE_NEW_KEYS,
    ],
    examples: [
      ["coffer copy photos.coffer photos-2.coffer", "with a new passphrase, to shut out a key that was removed"],
      ["coffer copy photos.coffer ann.coffer --new-recipient ann.recipient", "for somebody else"],
      ["coffer copy --keep-daily 7 --keep-monthly 12 backup.coffer smaller.coffer", "without most snapshots"],
    ],
  },
  keygen: {
    summary: "make a key file, or an identity for others to encrypt to",
    dash: undefined,
    standalone: true,
    flags: ["output", "identity", "quiet", "verbose", "json", "help", "version"],
    switches: ["identity"],
    exits: [],
    notes: [
      "Both are 32 random bytes as a line of text with a checksum, in a file that only you can read. Nothing that exists " +
      "is overwritten. Whoever has the file needs no passphrase: keep a copy where the archive is not.",
      "An identity's recipient (coffer1…) is no secret: give it to those who are to make archives for you. It combines " +
      "X25519 with ML-KEM-768, so that a future quantum computer alone does not open today's archives.",
    ],
    examples: [
      ["coffer keygen -o spare.key", "a key file, for create -k and extract -k"],
      ["coffer keygen --identity -o me.identity", "an identity, for extract -i; its recipient is shown"],
    ],
  },
} as const satisfies Readonly<Record<string, Verb>>;

/** The name of a verb of this version. */
export type VerbName = keyof typeof VERBS;

/** Every verb name, in the order of the table. */
export const VERB_NAMES = Object.keys(VERBS) as readonly VerbName[];

/** The table's entry of a verb. */
export function verbOf(name: VerbName): Verb {
  return VERBS[name];
}

/** Words that begin several verbs, and what these are for. */
export const VERB_GROUPS: Readonly<Record<string, string>> = {
  keys: "list, change and back up what opens an archive",
};

/** The verbs of a group. */
export function verbsOf(group: string): readonly VerbName[] {
  return VERB_NAMES.filter((name) => name.startsWith(`${group} `));
}

/** The verb meant by a name or an alias, or `undefined`. */
export function findVerb(word: string): VerbName | undefined {
  return VERB_NAMES.find((name) => name === word || verbOf(name).alias === word);
}

/** How a verb is called: `coffer create [OPTIONS] ARCHIVE [PATH…]`. */
export function usageLine(name: VerbName): string {
  const { rest, standalone } = verbOf(name);
  if (standalone) return `coffer ${name} [OPTIONS]`;
  const tail = rest === undefined ? "" : rest.required ? ` ${rest.name}…` : ` [${rest.name}…]`;
  return `coffer ${name} [OPTIONS] ARCHIVE${tail}`;
}
