/**
 * The programs that Coffer is compared with, as shell commands. They see these variables: PARENT and NAME (the corpus
 * is `$PARENT/$NAME`), ONE (path of one file below PARENT), OUT (the archive, or where it begins), INTO (an empty
 * folder), KEYS (key files and passphrases), CORES.
 */

/** What is measured. */
export const OPERATIONS = ["create", "extract", "list", "one", "verify"] as const;

/** One of them. */
export type Operation = typeof OPERATIONS[number];

/** A program, or a pipeline of several. */
export interface Tool {
  /** As it is shown. */
  readonly name: string;
  /** The executables it needs. */
  readonly needs: readonly string[];
  /** Prints its version, for the record. */
  readonly version: string;
  /** Whether it is measured in every round, in turn with Coffer; the others are measured once. */
  readonly alternates: boolean;
  /** The only corpora it is measured on; all when not given. */
  readonly corpora?: readonly string[];
  /** A command for each operation that it has. */
  readonly commands: Readonly<Partial<Record<Operation, string>>>;
}

/** How Coffer is called in the list. */
export const COFFER = "coffer";

function pipeline(name: string, pack: string, unpack: string, needs: readonly string[], test = unpack): Tool {
  const open = `age -d -i "$KEYS/age.key" "$OUT"`;
  const both = (more: string) => [open, unpack, more].filter((part) => part !== "").join(" | ");
  return {
    name,
    needs: ["tar", "age", "age-keygen", ...needs],
    version: `tar --version | head -1; age --version; ${needs.includes("zstd") ? "zstd --version" : "true"}`,
    alternates: true,
    commands: {
      // Coffer's archive is on the disk before it gets its name; this one is to be there too.
      create: `${['tar -cf - -C "$PARENT" "$NAME"', pack].filter((part) => part !== "").join(" | ")} | ` +
        `age -R "$KEYS/age.pub" > "$OUT"; sync "$OUT"`,
      extract: both(`tar -xf - -C "$INTO"`),
      list: both("tar -tf - > /dev/null"),
      one: both(`tar -xOf - "$ONE" > /dev/null`),
      verify: [open, test].filter((part) => part !== "").join(" | ") + " > /dev/null",
    },
  };
}

/** All of them, Coffer first. `coffer` is the command that runs it. */
export function allTools(coffer: string): readonly Tool[] {
  const key = `-k "$KEYS/coffer.key"`;
  return [
    {
      name: COFFER,
      needs: [],
      version: `${coffer} --version`,
      alternates: true,
      commands: {
        create: `${coffer} create -q "$OUT" -C "$PARENT" "$NAME" ${key}`,
        extract: `${coffer} extract -q "$OUT" -C "$INTO" ${key}`,
        list: `${coffer} list "$OUT" ${key} > /dev/null`,
        one: `${coffer} cat "$OUT" "$ONE" ${key} > /dev/null`,
        verify: `${coffer} verify -q "$OUT" ${key}`,
      },
    },
    { ...pipeline("tar | age", "", "", []), corpora: ["tiny", "random"] },
    {
      ...pipeline("tar | zstd -1 | age", "zstd -q -1 -T0", "zstd -q -d", ["zstd"], "zstd -q -t"),
      corpora: ["tiny", "small", "mixed", "text"],
    },
    {
      ...pipeline("tar | zstd -3 | age", "zstd -q -3 -T0", "zstd -q -d", ["zstd"], "zstd -q -t"),
      corpora: ["tiny", "small", "mixed", "text"],
    },
    {
      name: "7zz -mx=1",
      needs: ["7zz"],
      version: "7zz | head -2",
      alternates: false,
      commands: {
        create: `cd "$PARENT"; 7zz a -bso0 -bsp0 -mx=1 -mhe=on -pbench -t7z "$OUT" "$NAME"; sync "$OUT"`,
        extract: `7zz x -bso0 -bsp0 -pbench -o"$INTO" "$OUT"`,
        list: `7zz l -pbench "$OUT" > /dev/null`,
        one: `7zz e -bso0 -bsp0 -pbench -so "$OUT" "$ONE" > /dev/null`,
        verify: `7zz t -bso0 -bsp0 -pbench "$OUT"`,
      },
    },
    {
      name: "zpaq",
      needs: ["zpaq"],
      version: "zpaq | head -1; true",
      alternates: false,
      commands: {
        create: `cd "$PARENT"; zpaq add "$OUT.zpaq" "$NAME" -key bench > /dev/null; sync "$OUT.zpaq"`,
        extract: `cd "$INTO"; zpaq extract "$OUT.zpaq" -key bench > /dev/null`,
        list: `zpaq list "$OUT.zpaq" -key bench > /dev/null`,
        one: `cd "$INTO"; zpaq extract "$OUT.zpaq" "$ONE" -key bench > /dev/null`,
        verify: `zpaq extract "$OUT.zpaq" -test -key bench > /dev/null`,
      },
    },
    {
      name: "restic",
      needs: ["restic"],
      version: "restic version",
      alternates: false,
      commands: {
        create: `restic -q init; cd "$PARENT"; restic -q backup "$NAME"; sync -f "$OUT"`,
        extract: `restic -q restore latest --target "$INTO"`,
        list: `restic ls latest > /dev/null`,
        one: `restic -q dump latest "/$ONE" > /dev/null`,
        verify: `restic -q check --read-data > /dev/null`,
      },
    },
    {
      name: "borg -C zstd,3",
      needs: ["borg"],
      version: "borg --version",
      alternates: false,
      commands: {
        create:
          `borg init -e repokey-blake2 "$OUT"; cd "$PARENT"; borg create -C zstd,3 "$OUT::a" "$NAME"; sync -f "$OUT"`,
        extract: `cd "$INTO"; borg extract "$OUT::a"`,
        list: `borg list --short "$OUT::a" > /dev/null`,
        one: `borg extract --stdout "$OUT::a" "$ONE" > /dev/null`,
        verify: `borg check --verify-data "$OUT"`,
      },
    },
    {
      name: "dar -zzstd:3",
      needs: ["dar"],
      version: "dar --version 2>/dev/null | sed -n 2p",
      alternates: false,
      commands: {
        create: `dar -Q -q -c "$OUT" -R "$PARENT" -g "$NAME" -zzstd:3 -K aes:bench > /dev/null; sync "$OUT".1.dar`,
        extract: `dar -Q -q -x "$OUT" -R "$INTO" -K aes:bench > /dev/null`,
        list: `dar -Q -q -l "$OUT" -K aes:bench > /dev/null`,
        one: `dar -Q -q -x "$OUT" -R "$INTO" -g "$ONE" -K aes:bench > /dev/null`,
        verify: `dar -Q -q -t "$OUT" -K aes:bench > /dev/null`,
      },
    },
    {
      name: "tar | gpg",
      needs: ["tar", "gpg"],
      version: "gpg --version | head -1",
      alternates: false,
      commands: {
        create: `tar -cf - -C "$PARENT" "$NAME" | gpg -q --batch --yes --pinentry-mode loopback ` +
          `--passphrase-file "$KEYS/passphrase" -c -o "$OUT"; sync "$OUT"`,
        extract: `${gpgOpen()} | tar -xf - -C "$INTO"`,
        list: `${gpgOpen()} | tar -tf - > /dev/null`,
        one: `${gpgOpen()} | tar -xOf - "$ONE" > /dev/null`,
        verify: `${gpgOpen()} > /dev/null`,
      },
    },
  ];
}

function gpgOpen(): string {
  return `gpg -q --batch --pinentry-mode loopback --passphrase-file "$KEYS/passphrase" -d "$OUT"`;
}

/** What no tool can be faster than that does the same: the bytes through one of its parts alone. */
export const FLOORS: Readonly<Record<string, string>> = {
  "read: find -type f | xargs cat": `find "$PARENT/$NAME" -type f -print0 | xargs -0 cat > /dev/null`,
  "walk: find -printf": `find "$PARENT/$NAME" -printf '%p %s %T@ %C@ %i\\n' > /dev/null`,
  "walk and read in Deno, one thread": `"$DENO" run -A "$BENCH/floor_read.ts" "$PARENT/$NAME"`,
  "copy: cp -a": `cp -a "$PARENT/$NAME" "$INTO"`,
  "compress: cat | zstd -3 -T0": `find "$PARENT/$NAME" -type f -print0 | xargs -0 cat | zstd -q -3 -T0 > /dev/null`,
  "encrypt: ChaCha20 of as many zeros, all cores":
    `for i in $(seq "$CORES"); do head -c $((BYTES / CORES)) /dev/zero | ` +
    `openssl enc -chacha20 -K ${"0".repeat(64)} -iv ${"0".repeat(32)} > /dev/null & done; wait`,
};
