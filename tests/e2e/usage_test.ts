/** Wrong usage, help and the version. */
import { assert, assertEquals, assertMatch, assertNotMatch, assertStringIncludes } from "@std/assert";
import { inFolder } from "./conditions.ts";
import { CHECKOUT, create, environment, expectExit, PASSPHRASE, QUICK, run, together } from "./program.ts";
import { exists, writeTree } from "./trees.ts";

const VERBS = ["create", "extract", "list", "cat", "verify", "info"];

Deno.test("coffer without arguments shows its verbs on standard error and exits 2", async () => {
  const { out, err } = await expectExit(2, []);
  assertEquals(out, "");
  for (const verb of VERBS) assertMatch(err, new RegExp(`^  ${verb}\\b`, "m"));
});

Deno.test("coffer --help shows every verb and exit code, in any position", async () => {
  const [first, ...others] = await together(
    [["--help"], ["-h"], ["help"]].map((args) => expectExit(0, args, { env: { COFFER_PASSPHRASE: undefined } })),
  );
  assertEquals(others.map(({ out }) => out), [first!.out, first!.out]);
  for (const verb of VERBS) assertMatch(first!.out, new RegExp(`^  ${verb}\\b`, "m"));
  for (const code of [0, 1, 2, 3, 4, 10, 11, 12, 13, 14, 130]) assertMatch(first!.out, new RegExp(`^ +${code}  `, "m"));
});

for (const verb of VERBS) {
  Deno.test(`coffer ${verb} --help is the same in every spelling, and no work is done`, async () => {
    const spellings = [[verb, "--help"], ["help", verb], ["-h", verb], [verb, "no.coffer", "x", "-h", "--bad-option"]];
    const outcomes = await together(spellings.map((args) => expectExit(0, args)));
    const [{ out }] = outcomes as [typeof outcomes[number]];
    assertEquals(outcomes.map((outcome) => [outcome.out, outcome.err]), outcomes.map(() => [out, ""]));
    assert(out.startsWith(`Usage: coffer ${verb} `), out);
    assertMatch(out, /^Examples:$/m);
    assertMatch(out, /^Exit codes:$/m);
    assertMatch(out, /^ +--passphrase-file F /m);
    for (const line of out.split("\n")) assert(line.length <= 80, `Over 80 columns: ${line}`);
  });
}

Deno.test("coffer --version says the version of deno.json", async () => {
  const { version } = JSON.parse(Deno.readTextFileSync(`${CHECKOUT}deno.json`));
  const { out, err } = await expectExit(0, ["--version"]);
  assertEquals([out, err], [`coffer ${version}\n`, ""]);
  assertEquals((await expectExit(0, ["create", "--version"])).out, out);
});

/** Command lines that are refused, with what the message must hold. */
const REFUSED: readonly (readonly [args: readonly string[], ...texts: readonly string[]])[] = [
  // Names that are nearly right.
  [["creat", "a", "b"], '"creat"', 'Did you mean "create"?'],
  [["exctract", "a"], 'Did you mean "extract"?'],
  [["frobnicate"], '"frobnicate"', "coffer --help"],
  [["create", "--exlude", "x", "a", "b"], '"--exlude"', 'Did you mean "--exclude"?'],
  [["extract", "--over-write", "a"], 'Did you mean "--overwrite"?'],
  [["list", "--zzzzzz", "a"], '"--zzzzzz"', "coffer list --help"],
  [["list", "-Z", "a"], '"-Z"'],
  [["extract", "--strip", "1", "a"], 'Did you mean "--strip-components"?'],
  // An option of another verb.
  [["list", "-C", "x", "a"], '"-C" (--directory)', '"create", "update", "extract"'],
  [["cat", "--overwrite", "a", "b"], 'not an option of "cat"', '"extract"'],
  [["info", "--level", "3", "a"], '"create"'],
  [["cat", "--json", "a", "b"], 'not an option of "cat"'],
  // Values.
  [["create", "a", "b", "--level"], '"--level" without a value', "1..19"],
  [["create", "a", "b", "--level", "0"], '"0"', "from 1 to 19"],
  [["create", "a", "b", "--level=20"], "from 1 to 19"],
  [["create", "a", "b", "--level", "3x"], '"3x"'],
  [["create", "a", "b", "--kdf-log-n", "14"], "from 15 to 24"],
  [["create", "a", "b", "--kdf-log-n", "25"], "from 15 to 24"],
  [["create", "a", "b", "--suite", "rot13"], "chacha20-poly1305, aes-256-gcm"],
  [["create", "a", "b", "--force=yes"], '"--force"', "takes none"],
  [["create", "a", "b", "--level", "1", "--level", "2"], '"--level" twice'],
  [["create", "a", "b", "--label", "x".repeat(1025)], "over 1024 bytes"],
  [["create", "a", "b", "-C", ""], '"-C"'],
  [["extract", "a", "--strip-components", "-1"], '"-1"'],
  [["extract", "a", "--max-expansion", "0"], "1 or more"],
  [["extract", "a", "--max-kdf-memory", "much"], '"much"', "512MiB"],
  [["list", "a", "--progress", "maybe"], "auto, always, never"],
  [["create", "a", "b", "--jobs", "0"], '"0" as "--jobs"'],
  [["create", "a", "b", "--passphrase-command", "'open"], "quote"],
  [["create", "a", "--exclude", "--", "b"], '"--exclude" without a value'],
  // What does not go together.
  [["create", "a", "b", "--level", "1", "--store"], '"--level" and "--store"'],
  [["extract", "a", "--overwrite", "--skip-existing"], '"--overwrite" and "--skip-existing"'],
  [["list", "a", "--json", "-0"], '"--json" and "--null"'],
  [["create", "a", "b", "--verify", "--dry-run"], '"--dry-run" and "--verify"'],
  [["create", "-", "b", "--verify"], '"--verify"', "standard output"],
  [["create", "a", "b", "--passphrase-file", "-", "--files-from", "-"], "both read standard input"],
  [["extract", "-", "--passphrase-file", "-"], "both read standard input"],
  [["create", "a", "b", "-0"], '"--null"', '"--files-from"'],
  // Arguments.
  [["create"], "no ARCHIVE is named", "Usage: coffer create"],
  [["create", "a"], "no PATH is named", "--files-from"],
  [["create", "a", "-"], '"-"', "--stdin-name", "./-"],
  [["create", "", "b"], "empty"],
  [["create", "a", ""], "empty"],
  [["cat", "a"], "no PATH is named"],
  [["protect", "-"], '"-"', "Save the archive to a file first"],
  [["info", "-"], '"-"'],
  [["info", "a", "b"], '"b" is one argument too many'],
  [["update", "-", "b"], '"-"', "changes the archive where it is"],
  [["update", "a"], "no PATH is named", "--files-from"],
  [["list", "a", "--all-versions"], '"--all-versions"'],
  [["list", "a", "--snapshot", "newest"], '"newest"', "first, latest"],
  [["list", "a", "--expect", "abc"], '"abc"', "64"],
  [["verify", "a", "b"], '"b" is one argument too many'],
];

Deno.test("coffer refuses wrong usage with exit code 2, says what is wrong and writes nothing", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { b: "content" });
    await together(REFUSED.map(async ([args, ...texts]) => {
      const { out, err } = await expectExit(2, args, { cwd: folder });
      assertEquals(out, "", args.join(" "));
      assertMatch(err, /^coffer: error: Cannot /, args.join(" "));
      for (const text of texts) assertStringIncludes(err, text);
      assertNotMatch(err, /undefined|\[object/);
    }));
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["b"]);
  });
});

Deno.test("options stand anywhere, in clusters and with = or glued values, up to --", async () => {
  await inFolder(async (folder) => {
    writeTree(folder, { "in/a": "a", "in/b": "b", "in/-q": "dash" });
    const at = { cwd: folder };
    await create("x.coffer", ["-Cin", "a", "--level=19", "b"], at);
    await create("y.coffer", ["-C", "in", "--", "-q"], at);
    const [x, y, cluster, none, alias] = await together([
      expectExit(0, ["-0", "list", "x.coffer"], at),
      expectExit(0, ["list", "y.coffer", "--progress=never"], at),
      expectExit(0, ["list", "-vl0", "x.coffer"], at),
      expectExit(1, ["list", "--", "y.coffer", "-0"], at),
      expectExit(0, ["t", "x.coffer"], at),
    ]);
    assertEquals(x.out, "a\0b\0");
    assertEquals(y.out, "-q\n");
    assertMatch(cluster.out, /^-rw.* a\0-rw.* b\0$/);
    assertStringIncludes(none.err, '"-0" matches nothing');
    assertEquals(alias.out, "a\nb\n");
    await expectExit(0, ["c", ...QUICK, "z.coffer", "in"], at);
    await expectExit(0, ["x", "z.coffer", "-Cout"], at);
    assertEquals(Deno.readTextFileSync(`${folder}/out/in/a`), "a");
  });
});

Deno.test("messages quote and escape what was typed", async () => {
  const { err } = await expectExit(2, ["list", "--\x1b[31mred\u202e", "a"]);
  for (const raw of ["\x1b", "\u202e"]) assert(!err.includes(raw));
  assertStringIncludes(err, "\\x1b[31mred\\u{202e}");
});

Deno.test({
  name: "deno task coffer takes relative paths from the caller's folder and hands the exit code on",
  // An executable has no task.
  ignore: Deno.env.get("COFFER_BIN") !== undefined,
  fn: async () => {
    await inFolder(async (folder) => {
      writeTree(folder, { "in/a b": "content" });
      const task = async (...args: string[]) =>
        await new Deno.Command(Deno.execPath(), {
          args: ["task", "--quiet", "--config", `${CHECKOUT}deno.json`, "coffer", ...args],
          cwd: folder,
          clearEnv: true,
          env: environment({ COFFER_PASSPHRASE: PASSPHRASE }),
          stdin: "null",
        }).output();
      assertEquals((await task("create", ...QUICK, "x.coffer", "in/a b")).code, 0);
      assert(exists(`${folder}/x.coffer`));
      const { code, stdout } = await task("cat", "x.coffer", "in/a b");
      assertEquals([code, new TextDecoder().decode(stdout)], [0, "content"]);
      assertEquals((await task("list", "x.coffer", "nothing")).code, 1);
    });
  },
});

Deno.test("coffer runs without any environment but what finds it", async () => {
  const { code, out } = await run(["--version"], { env: { TERM: undefined, LANG: undefined, COLUMNS: "3" } });
  assertEquals(code, 0);
  assertMatch(out, /^coffer \d/);
});
