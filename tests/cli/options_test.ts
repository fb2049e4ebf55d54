import { assertEquals, assertObjectMatch, assertStringIncludes } from "@std/assert";
import { DEFAULT_JOBS } from "../../src/cli/flags.ts";
import { keySources, options, refusal } from "./command_line.ts";

Deno.test("interpret() fills in the defaults of every verb", () => {
  const common = {
    archive: "a",
    quiet: false,
    verbose: false,
    json: false,
    progress: "auto",
    keys: {
      passphrases: [{ kind: "ask" }],
      keyFiles: [],
      identities: [],
      recipients: [],
      recoveryWords: undefined,
      both: false,
    },
  };
  const unanchored = { expect: undefined, acceptRollback: false, spool: undefined };
  const changing = { ...common, kdfLimits: { work: 2 ** 25, memory: 2 ** 30 }, ...unanchored };
  const opening = { ...changing, snapshot: { kind: "latest" } };
  const excludes = { exclude: [], excludeFrom: [] };
  assertEquals(options("create", "a", "p"), {
    ...common,
    ...excludes,
    verb: "create",
    jobs: DEFAULT_JOBS,
    paths: ["p"],
    directory: undefined,
    excludeCaches: false,
    filesFrom: undefined,
    filesFromNull: false,
    oneFileSystem: false,
    stdinName: undefined,
    level: "default",
    store: false,
    suite: 1,
    kdfLogN: 17,
    pad: false,
    recovery: 0,
    dedup: false,
    label: undefined,
    force: false,
    verify: false,
    dryRun: false,
    restart: false,
    checkpointBytes: 8 * 2 ** 30,
  });
  assertEquals(options("extract", "a"), {
    ...opening,
    ...excludes,
    verb: "extract",
    patterns: [],
    literal: false,
    directory: undefined,
    stripComponents: 0,
    existing: "refuse",
    sameOwner: false,
    samePermissions: false,
    maxExpansion: 1000,
    jobs: DEFAULT_JOBS,
    dryRun: false,
  });
  assertEquals(options("list", "a"), {
    ...opening,
    ...excludes,
    verb: "list",
    patterns: [],
    literal: false,
    long: false,
    null: false,
    allVersions: false,
  });
  assertEquals(options("snapshots", "a"), { ...changing, verb: "snapshots", unfinished: false });
  assertEquals(options("update", "a", "p"), {
    ...changing,
    ...excludes,
    verb: "update",
    jobs: DEFAULT_JOBS,
    paths: ["p"],
    directory: undefined,
    excludeCaches: false,
    filesFrom: undefined,
    filesFromNull: false,
    oneFileSystem: false,
    level: "default",
    store: false,
    pad: false,
    label: undefined,
    checkpointBytes: 8 * 2 ** 30,
    dryRun: false,
    lockWaitMs: 0,
    checksum: false,
    replace: false,
    always: false,
  });
  assertEquals(options("cat", "a", "p"), { ...opening, verb: "cat", paths: ["p"] });
  assertEquals(options("verify", "a"), {
    ...opening,
    verb: "verify",
    jobs: DEFAULT_JOBS,
    against: undefined,
  });
  assertEquals(options("info", "a"), { ...opening, verb: "info" });
});

Deno.test("interpret() takes every option of create", () => {
  assertObjectMatch(
    options(
      "create",
      "a",
      "p",
      "--exclude-from=f",
      "--exclude-caches",
      "--files-from=l",
      "-0",
      "--one-file-system",
      "--level=19",
      "--suite=aes-256-gcm",
      "--kdf-log-n=24",
      "--pad",
      "--label=x",
      "--force",
      "--verify",
      "--json",
      "--progress=never",
    ),
    {
      excludeFrom: ["f"],
      excludeCaches: true,
      filesFrom: "l",
      filesFromNull: true,
      oneFileSystem: true,
      level: 19,
      suite: 2,
      kdfLogN: 24,
      pad: true,
      label: "x",
      force: true,
      verify: true,
      json: true,
      progress: "never",
    },
  );
  assertObjectMatch(options("create", "a", "--stdin-name", "n/m", "--store", "--dry-run"), {
    stdinName: "n/m",
    store: true,
    dryRun: true,
    paths: [],
  });
});

Deno.test("interpret() takes every option of the verbs that open", () => {
  assertObjectMatch(
    options(
      "extract",
      "a",
      "--literal",
      "--strip-components=2",
      "--overwrite",
      "--same-owner",
      "--same-permissions",
      "--max-expansion=7",
      "--dry-run",
      "--max-kdf-memory=2GiB",
      "--max-kdf-work=16GiB",
    ),
    {
      literal: true,
      stripComponents: 2,
      existing: "overwrite",
      sameOwner: true,
      samePermissions: true,
      maxExpansion: 7,
      dryRun: true,
      kdfLimits: { memory: 2 ** 31, work: 2 ** 27 },
    },
  );
  assertObjectMatch(options("extract", "a", "--skip-existing"), { existing: "skip" });
  assertObjectMatch(options("verify", "a", "--against", "d"), { against: "d" });
});

Deno.test("interpret() refuses values out of range, on each side of each limit", () => {
  const create = (option: string) => ["create", "a", "p", option];
  const extract = (option: string) => ["extract", "a", option];
  const cases: readonly (readonly [good: string[], bad: string[]])[] = [
    [create("--level=1"), create("--level=0")],
    [create("--level=19"), create("--level=20")],
    [create("--kdf-log-n=15"), create("--kdf-log-n=14")],
    [create("--kdf-log-n=24"), create("--kdf-log-n=25")],
    [extract("--strip-components=0"), extract("--strip-components=-1")],
    [extract("--max-expansion=1"), extract("--max-expansion=0")],
    [extract("--max-kdf-memory=1"), extract("--max-kdf-memory=0")],
    [create("--suite=chacha20-poly1305"), create("--suite=chacha20")],
    [create("--progress=always"), create("--progress=yes")],
    [create("--stdin-name=n"), create("--stdin-name=/n")],
    [create("--directory=d"), create("--directory=")],
    [create("--exclude=x"), create("--exclude=")],
  ];
  for (const [good, bad] of cases) {
    options(...good);
    assertStringIncludes(refusal(...bad).message, `"${bad.at(-1)?.split("=")[0]}"`);
  }
});

Deno.test("interpret() refuses options that contradict each other", () => {
  for (
    const args of [
      ["create", "a", "p", "--level=3", "--store"],
      ["create", "a", "p", "--dry-run", "--verify"],
      ["extract", "a", "--overwrite", "--skip-existing"],
      ["list", "a", "--json", "-0"],
    ]
  ) {
    assertStringIncludes(refusal(...args).message, "together");
  }
});

Deno.test("interpret() refuses two readers of standard input", () => {
  for (
    const args of [
      ["extract", "-", "--passphrase-file=-"],
      ["list", "-", "--exclude-from=-"],
      ["create", "a", "p", "--passphrase-file=-", "--files-from=-"],
      ["create", "a", "--stdin-name=n", "--files-from=-"],
      ["create", "a", "p", "--passphrase-file=-", "-k", "-"],
      ["list", "-", "--key-file=-"],
      ["list", "a", "-i", "-", "-k", "-"],
      ["create", "a", "p", "--exclude-from=-", "--exclude-from=-"],
    ]
  ) {
    assertStringIncludes(refusal(...args).message, "both read standard input");
  }
  // The archive goes out, so standard input is free.
  assertObjectMatch(options("create", "-", "p", "--passphrase-file=-"), {
    keys: { passphrases: [{ kind: "file", path: "-" }] },
  });
});

Deno.test("interpret() lets a passphrase command use standard input only when that is free", () => {
  const source = (...args: string[]) => keySources(...args, "--passphrase-command", "pass 'my key'").passphrases[0];
  assertEquals(source("list", "a"), { kind: "command", words: ["pass", "my key"], inheritInput: true });
  assertEquals(source("list", "-"), { kind: "command", words: ["pass", "my key"], inheritInput: false });
  assertObjectMatch(source("create", "a", "--stdin-name=n") ?? {}, {
    inheritInput: false,
  });
  assertObjectMatch(source("create", "-", "p") ?? {}, { inheritInput: true });
});

Deno.test("interpret() says which argument is missing or too many", () => {
  assertStringIncludes(refusal("list").message, "no ARCHIVE is named");
  assertStringIncludes(refusal("cat", "a").message, "no PATH is named");
  assertStringIncludes(refusal("create", "a").message, "no PATH is named");
  assertEquals(refusal("verify", "a", "b").message, 'Cannot verify: "b" is one argument too many');
  assertStringIncludes(refusal("info", "a", "b").message, "too many");
  assertStringIncludes(refusal("list", "").message, "is empty");
  assertStringIncludes(refusal("list", "a", "").message, "a PATTERN is empty");
  assertObjectMatch(options("create", "a", "--files-from=f"), { paths: [] });
});

Deno.test("interpret() refuses what cannot work", () => {
  assertStringIncludes(refusal("create", "-", "p", "--verify").message, "cannot be read back");
  assertStringIncludes(refusal("create", "a", "p", "-0").message, '"--files-from"');
  assertStringIncludes(refusal("create", "a", "-").hint ?? "", "--stdin-name");
  assertStringIncludes(refusal("protect", "-").message, 'Cannot use "-" as ARCHIVE');
  assertStringIncludes(refusal("cat", "a", "p", "--spool=d").message, '"--spool"');
  assertObjectMatch(options("cat", "-", "p", "--spool=d"), { spool: "d" });
  assertStringIncludes(refusal("info", "-").message, 'Cannot use "-" as ARCHIVE');
});

Deno.test("interpret() collects keys of every kind, in any number", () => {
  const keys = keySources(
    "create",
    "a",
    "p",
    "--passphrase-file=f",
    "--passphrase-file=g",
    "--passphrase-command=c x",
    ..."-k=1 -k 2 -r 3 --recipient=4 --ask-passphrase".split(" "),
  );
  assertEquals(keys, {
    passphrases: [
      { kind: "file", path: "f" },
      { kind: "file", path: "g" },
      { kind: "command", words: ["c", "x"], inheritInput: true },
      { kind: "prompt" },
    ],
    keyFiles: ["=1", "2"],
    identities: [],
    recipients: ["3", "4"],
    recoveryWords: undefined,
    both: false,
  });
  assertEquals(keySources("list", "a", "-i", "1", "-k", "2"), {
    passphrases: [],
    keyFiles: ["2"],
    identities: ["1"],
    recipients: [],
    recoveryWords: undefined,
    both: false,
  });
});

Deno.test("interpret() asks for no passphrase when another key is given, unless both are needed", () => {
  for (const args of [["-k", "f"], ["-r", "f"]]) {
    assertEquals(keySources("create", "a", "p", ...args).passphrases, []);
  }
  assertEquals(keySources("create", "a", "p", "-k", "f", "--both").passphrases, [{ kind: "ask" }]);
  assertStringIncludes(refusal("create", "a", "p", "--both").message, "no key file");
  assertStringIncludes(refusal("create", "a", "p", "--both", "-k", "f", "-k", "g").message, "more than one");
});

Deno.test("interpret() takes keygen without an archive, and its --identity without a value", () => {
  assertObjectMatch(options("keygen", "-o", "f"), { verb: "keygen", archive: "f", kind: "key-file" });
  assertObjectMatch(options("keygen", "--identity", "-o", "f"), { archive: "f", kind: "identity" });
  assertObjectMatch(options("keygen", "-io", "f"), { archive: "f", kind: "identity" });
  assertStringIncludes(refusal("keygen").message, "no file is named");
  assertStringIncludes(refusal("keygen", "--identity").message, "no file is named");
  assertStringIncludes(refusal("keygen", "--identity=x", "-o", "f").message, "it takes none");
  assertStringIncludes(refusal("keygen", "-o", "f", "g").message, "one argument too many");
});
