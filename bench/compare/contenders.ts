/** The programs that are compared, and how each is asked to do the same. All at their default settings. */
import { join } from "@std/path";
import type { Corpus } from "./corpora.ts";
import { outputOf, type Pipeline, prepare, type Stage } from "./shell.ts";

/** What is asked for. */
export const ACTIONS = ["create", "extract", "list", "one", "verify"] as const;

/** One of them; `one` writes the contents of one file to standard output. */
export type Action = typeof ACTIONS[number];

/** Keys for all sides, made once per run. */
export interface Keys {
  /** Coffer's key file. */
  readonly cofferKey: string;
  /** An age identity (X25519). */
  readonly ageIdentity: string;
  /** Its recipient. */
  readonly ageRecipient: string;
  /** A file with the passphrase for those that only take one. */
  readonly passphraseFile: string;
  readonly passphrase: string;
}

/** Where one contender works on one corpus. */
export interface Place {
  readonly corpus: Pick<Corpus, "folder" | "sample">;
  /** A folder of its own, with nothing in it but its archive. */
  readonly folder: string;
  /** Where it extracts to: a fresh folder. */
  readonly target: string;
  readonly keys: Keys;
  /** How Coffer is run. */
  readonly coffer: Stage;
  /** Threads that Coffer is told to use; its default if absent. */
  readonly jobs: number | undefined;
  /** Homes of programs that insist on one, outside of the user's own. */
  readonly home: string;
}

/** One side of the comparison. */
export interface Contender {
  readonly name: string;
  /** As tables call it. */
  readonly title: string;
  /** Programs it needs. */
  readonly programs: readonly string[];
  /** Slow ones run once where fast ones run several times. */
  readonly speed: "fast" | "slow";
  /** What of its key derivation is in the times; the whole of it is measured apart when `derives`. */
  readonly keyNote: string;
  /** Whether every run derives a key from a passphrase, which is then measured and subtracted. */
  readonly derives: boolean;
  /** Whether it takes part in second runs and in nothing else. */
  readonly onlyUpdates?: true;
  version(coffer: Stage): Promise<string | undefined>;
  /** Before `create`, untimed: an empty repository. `encrypted` is false only to measure the key derivation. */
  init?(place: Place, encrypted: boolean): Promise<void>;
  env?(place: Place): Record<string, string>;
  /** The pipeline of an action; `undefined` where it has none. `encrypted: false` is for `derives`. */
  pipeline(action: Action, place: Place, encrypted: boolean): Pipeline | undefined;
  /** Stores the folder again, in the archive that is there, as a version called `name` where versions have names. */
  update?(place: Place, name: string): Pipeline;
}

/** Untimed first line of what a program says of its version. */
async function versionLine(command: Stage, pattern: RegExp): Promise<string | undefined> {
  const said = await outputOf(command);
  return said === undefined ? undefined : pattern.exec(said)?.[1] ?? "unknown";
}

/** Coffer with options of `create`. */
const cofferWith = (name: string, title: string, options: readonly string[]): Contender => ({
  name,
  title,
  programs: [],
  speed: "fast",
  keyNote: "a key file: no derivation",
  derives: false,
  version: (program) => versionLine([...program, "--version"], /coffer (\S+)/),
  pipeline(action, { corpus, folder, target, keys, coffer, jobs }) {
    const archive = join(folder, "archive.coffer");
    const threads = jobs === undefined ? [] : ["--jobs", String(jobs)];
    const run = (verb: string, ...rest: string[]): Pipeline => ({
      stages: [[...coffer, verb, archive, ...rest, "-k", keys.cofferKey, "-q"]],
      cwd: corpus.folder,
      // It syncs by itself before it renames; once more costs nothing, and is what the others do.
      ...(verb === "create" ? { sync: [archive] } : {}),
    });
    const of: Record<Action, () => Pipeline> = {
      create: () => run("create", ".", ...options, ...threads),
      extract: () => run("extract", "-C", target, ...threads),
      list: () => run("list"),
      one: () => run("cat", corpus.sample),
      verify: () => run("verify", ...threads),
    };
    return of[action]();
  },
  update({ corpus, folder, keys, coffer, jobs }) {
    const threads = jobs === undefined ? [] : ["--jobs", String(jobs)];
    const archive = join(folder, "archive.coffer");
    return {
      stages: [[...coffer, "update", archive, ".", ...threads, "-k", keys.cofferKey, "-q"]],
      cwd: corpus.folder,
    };
  },
});

const coffer = cofferWith("coffer", "Coffer", []);
/** Those that it is compared with in second runs store equal content once, too. */
const cofferDedup: Contender = { ...cofferWith("coffer-dedup", "Coffer --dedup", ["--dedup"]), onlyUpdates: true };

/** `tar`, then a compressor if any, then age; and the way back. */
function ageContender(name: string, title: string, compress: Stage | undefined): Contender {
  return {
    name,
    title,
    programs: ["tar", "age", ...(compress === undefined ? [] : ["zstd"])],
    speed: "fast",
    keyNote: "an X25519 identity: no derivation",
    derives: false,
    version: () => versionLine(["age", "--version"], /(\S+)/),
    pipeline(action, { corpus, folder, target, keys }) {
      const archive = join(folder, "archive.age");
      const open: Stage[] = [["age", "-d", "-i", keys.ageIdentity, archive]];
      const unpack: Stage[] = compress === undefined ? open : [...open, ["zstd", "-dc", "-q"]];
      const of: Record<Action, () => Pipeline> = {
        create: () => ({
          stages: [
            ["tar", "-cf", "-", "."],
            ...(compress === undefined ? [] : [compress]),
            ["age", "-r", keys.ageRecipient],
          ],
          output: archive,
          sync: [archive],
          cwd: corpus.folder,
        }),
        extract: () => ({ stages: [...unpack, ["tar", "-xf", "-"]], cwd: target }),
        list: () => ({ stages: [...unpack, ["tar", "-tf", "-"]], cwd: folder }),
        one: () => ({ stages: [...unpack, ["tar", "-xOf", "-", `./${corpus.sample}`]], cwd: folder }),
        verify: () => ({ stages: compress === undefined ? open : [...open, ["zstd", "-t", "-q"]], cwd: folder }),
      };
      return of[action]();
    },
  };
}

/** 7-Zip's own format, with its header encrypted too. */
function sevenZip(name: string, title: string, level: Stage): Contender {
  return {
    name,
    title,
    programs: ["7zz"],
    speed: "slow",
    keyNote: "SHA-256, 2^19 rounds: measured and subtracted",
    derives: true,
    version: () => versionLine(["7zz"], /7-Zip \(z\) (\S+)/),
    pipeline(action, { corpus, folder, target, keys }, encrypted) {
      const archive = join(folder, "archive.7z");
      const key = encrypted ? [`-p${keys.passphrase}`] : [];
      const run = (...args: string[]): Pipeline => ({ stages: [["7zz", ...args, ...key]], cwd: corpus.folder });
      const of: Record<Action, () => Pipeline> = {
        create: () => ({
          ...run("a", "-t7z", ...level, ...(encrypted ? ["-mhe=on"] : []), "-snl", "-bso0", "-bsp0", archive, "."),
          sync: [archive],
        }),
        extract: () => run("x", "-snl", "-bso0", "-bsp0", `-o${target}`, archive),
        list: () => run("l", "-ba", archive),
        one: () => run("x", "-so", archive, corpus.sample),
        verify: () => run("t", "-bso0", "-bsp0", archive),
      };
      return of[action]();
    },
    ...(level.length > 0 ? {} : {
      update({ corpus, folder, keys }: Place): Pipeline {
        const archive = join(folder, "archive.7z");
        const stage = ["7zz", "u", "-t7z", "-mhe=on", "-snl", "-bso0", "-bsp0", archive, ".", `-p${keys.passphrase}`];
        return { stages: [stage], cwd: corpus.folder, sync: [archive] };
      },
    }),
  };
}

const zpaq: Contender = {
  name: "zpaq",
  title: "zpaq",
  programs: ["zpaq"],
  speed: "slow",
  keyNote: "scrypt, logN 14: measured and subtracted",
  derives: true,
  version: () => versionLine(["sh", "-c", "zpaq || true"], /zpaq v(\S+)/),
  pipeline(action, { corpus, folder, target, keys }, encrypted) {
    const archive = join(folder, "archive.zpaq");
    const key = encrypted ? ["-key", keys.passphrase] : [];
    const run = (...args: string[]): Pipeline => ({ stages: [["zpaq", ...args, ...key]], cwd: corpus.folder });
    const file = `./${corpus.sample}`;
    const of: Record<Action, () => Pipeline> = {
      create: () => ({ ...run("a", archive, "."), sync: [archive] }),
      extract: () => ({ ...run("x", archive, "-to", `${target}/`), cwd: folder }),
      list: () => ({ ...run("l", archive), cwd: folder }),
      one: () => ({ ...run("x", archive, file, "-to", join(target, "one")), cwd: folder }),
      verify: () => ({ ...run("x", archive, "-test", "-to", `${target}/`), cwd: folder }),
    };
    return of[action]();
  },
  update({ corpus, folder, keys }) {
    const archive = join(folder, "archive.zpaq");
    return { stages: [["zpaq", "a", archive, ".", "-key", keys.passphrase]], cwd: corpus.folder, sync: [archive] };
  },
};

const restic: Contender = {
  name: "restic",
  title: "restic",
  programs: ["restic"],
  speed: "slow",
  keyNote: "scrypt, calibrated to half a second: cannot be switched off, so what opening costs is subtracted",
  derives: true,
  version: () => versionLine(["restic", "version"], /restic (\S+)/),
  env: ({ folder, keys, home }) => ({
    RESTIC_REPOSITORY: join(folder, "repository"),
    RESTIC_PASSWORD: keys.passphrase,
    RESTIC_CACHE_DIR: join(home, "restic"),
  }),
  init(place) {
    return prepare(["restic", "init", "-q", "--repository-version", "2"], {
      cwd: place.folder,
      env: this.env?.(place) ?? {},
    });
  },
  pipeline(action, { corpus, folder, target }, encrypted) {
    const run = (...args: string[]): Pipeline => ({ stages: [["restic", "-q", ...args]], cwd: corpus.folder });
    // Without a repository there is nothing to derive a key for: the program alone.
    if (!encrypted) return { stages: [["restic", "version"]], cwd: folder };
    const of: Record<Action, () => Pipeline> = {
      create: () => run("backup", "."),
      extract: () => run("restore", "latest", "--target", target),
      list: () => run("ls", "latest"),
      one: () => run("dump", "latest", `/${corpus.sample}`),
      verify: () => run("check", "--read-data"),
    };
    return of[action]();
  },
  update: ({ corpus }) => ({ stages: [["restic", "-q", "backup", "."]], cwd: corpus.folder }),
};

const borg: Contender = {
  name: "borg",
  title: "borg",
  programs: ["borg"],
  speed: "slow",
  keyNote: "PBKDF2, 100,000 rounds: measured and subtracted",
  derives: true,
  version: () => versionLine(["borg", "--version"], /borg (\S+)/),
  env: ({ folder, keys, home }) => ({
    BORG_REPO: join(folder, "repository"),
    BORG_PASSPHRASE: keys.passphrase,
    BORG_BASE_DIR: join(home, "borg"),
    BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes",
    BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: "yes",
  }),
  init(place, encrypted) {
    return prepare(["borg", "init", "-e", encrypted ? "repokey-blake2" : "none"], {
      cwd: place.folder,
      env: this.env?.(place) ?? {},
    });
  },
  pipeline(action, { corpus, target }) {
    const run = (...args: string[]): Pipeline => ({ stages: [["borg", ...args]], cwd: corpus.folder });
    const of: Record<Action, () => Pipeline> = {
      create: () => run("create", "::archive", "."),
      extract: () => ({ ...run("extract", "::archive"), cwd: target }),
      list: () => run("list", "--short", "::archive"),
      one: () => run("extract", "--stdout", "::archive", corpus.sample),
      verify: () => run("check", "--verify-data"),
    };
    return of[action]();
  },
  update: ({ corpus }, name) => ({ stages: [["borg", "create", `::${name}`, "."]], cwd: corpus.folder }),
};

const gpg: Contender = {
  name: "gpg",
  title: "tar | gpg",
  programs: ["tar", "gpg"],
  speed: "slow",
  keyNote: "iterated SHA-1 at its least, 1,024 bytes: nothing to subtract",
  derives: false,
  version: () => versionLine(["gpg", "--version"], /gpg \(GnuPG\) (\S+)/),
  env: ({ home }) => ({ GNUPGHOME: join(home, "gnupg") }),
  pipeline(action, { corpus, folder, target, keys }) {
    const archive = join(folder, "archive.gpg");
    const call = ["gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase-file", keys.passphraseFile];
    const open = [...call, "-d", archive];
    const of: Record<Action, () => Pipeline> = {
      create: () => ({
        stages: [["tar", "-cf", "-", "."], [...call, "--s2k-mode", "3", "--s2k-count", "1024", "--symmetric"]],
        output: archive,
        sync: [archive],
        cwd: corpus.folder,
      }),
      extract: () => ({ stages: [open, ["tar", "-xf", "-"]], cwd: target }),
      list: () => ({ stages: [open, ["tar", "-tf", "-"]], cwd: folder }),
      one: () => ({ stages: [open, ["tar", "-xOf", "-", `./${corpus.sample}`]], cwd: folder }),
      verify: () => ({ stages: [open], cwd: folder }),
    };
    return of[action]();
  },
};

const dar: Contender = {
  name: "dar",
  title: "dar -zzstd:3",
  programs: ["dar"],
  speed: "slow",
  keyNote: "Argon2: measured and subtracted",
  derives: true,
  version: () => versionLine(["dar", "--version"], /dar version ([\d.]+)/),
  pipeline(action, { corpus, folder, target, keys }, encrypted) {
    const archive = join(folder, "archive");
    const key = encrypted ? ["-K", `aes:${keys.passphrase}`] : [];
    const run = (...args: string[]): Pipeline => ({ stages: [["dar", "-N", "-Q", ...args, ...key]], cwd: folder });
    const of: Record<Action, () => Pipeline> = {
      create: () => ({ ...run("-q", "-c", archive, "-R", corpus.folder, "-zzstd:3"), sync: [`${archive}.1.dar`] }),
      extract: () => run("-q", "-x", archive, "-R", target),
      list: () => run("-l", archive),
      one: () => run("-q", "-x", archive, "-R", target, "-g", corpus.sample),
      verify: () => run("-q", "-t", archive),
    };
    return of[action]();
  },
};

/** All of them, in the order of the tables. */
export const CONTENDERS: readonly Contender[] = [
  coffer,
  cofferDedup,
  ageContender("age", "tar | age", undefined),
  ageContender("zstd1-age", "tar | zstd -1 | age", ["zstd", "-1", "-T0", "-q"]),
  ageContender("zstd3-age", "tar | zstd -3 | age", ["zstd", "-3", "-T0", "-q"]),
  sevenZip("7zz", "7zz", []),
  sevenZip("7zz-1", "7zz -mx=1", ["-mx=1"]),
  zpaq,
  restic,
  borg,
  gpg,
  dar,
];
